import Foundation
import Primitives
import SDP
import TestSupport
import Testing

@testable import Peer

/// What a peer says that it takes is not exceeded, whatever the path carries.
@Suite struct ReceiverLimitTests {
    private static func adding(_ lines: [String], to kind: MediaKind, in offer: String) -> String {
        var isInside = false
        return offer.components(separatedBy: "\r\n").flatMap { line -> [String] in
            if line.hasPrefix("m=") { isInside = line.hasPrefix("m=\(kind.rawValue)") }
            return isInside && line.hasPrefix("c=") ? [line] + lines : [line]
        }.joined(separator: "\r\n")
    }

    private func pair(_ change: @escaping (String) -> String) throws -> Pair {
        let pair = try Pair()
        pair.encoderFollows = true
        pair.changeOffer = change
        _ = try #require(try pair.connect())
        pair.startMedia()
        return pair
    }

    private func sent(_ pair: Pair, _ seconds: Int) throws -> Double {
        let before = pair.kiosk.session.snapshot.bytesSent
        try pair.simulation.run(for: .seconds(seconds))
        return Double(pair.kiosk.session.snapshot.bytesSent - before) * 8 / Double(seconds)
    }

    @Test(arguments: ["b=AS:150", "b=TIAS:130000"])
    func ofThePicture(line: String) throws {
        let pair = try pair { Self.adding([line], to: .video, in: $0) }
        try pair.simulation.run(for: .seconds(1))
        // The sound is not the picture's: 50 packets a second of the size that the harness makes.
        #expect(try sent(pair, 10) < 300_000)
        #expect(pair.kiosk.videoBitrate.map { $0 <= .kilobits(130) } == true)
        #expect(pair.monitor.video.count > 200)
        // A later description lifts it.
        pair.changeOffer = { $0 }
        try pair.offer()
        try pair.simulation.run(for: .seconds(10))
        #expect(try sent(pair, 5) > 600_000)
    }

    @Test func ofEverything() throws {
        let pair = try pair { $0.replacingOccurrences(of: "t=0 0", with: "b=TIAS:200000\r\nt=0 0") }
        try pair.simulation.run(for: .seconds(1))
        #expect(try sent(pair, 10) < 330_000)
        #expect(pair.kiosk.videoBitrate.map { $0 <= .kilobits(168) } == true)
        #expect(pair.kiosk.session.audioWishes.maximumBitrate == .kilobits(200))
    }

    @Test func ofTheSound() throws {
        let pair = try pair {
            Self.adding(["b=TIAS:16000", "a=maxptime:10"], to: .audio, in: $0)
                .replacingOccurrences(of: "minptime=10", with: "maxplaybackrate=16000")
        }
        #expect(pair.kiosk.session.audioWishes.maximumBitrate == .kilobits(16))
        #expect(pair.kiosk.session.audioWishes.maximumPacketTime == 10)
        #expect(pair.kiosk.session.audioWishes.maximumPlaybackRate == 16_000)
    }

    @Test func ofSizeAndRate() throws {
        let pair = try pair { Self.adding(["a=fmtp:96 max-fs=300;max-fr=10"], to: .video, in: $0) }
        #expect(pair.kiosk.session.videoWishes == VideoWishes(maximumFrameSize: 300, maximumFrameRate: 10))
        let other = try self.pair { Self.adding(["a=framerate:14.985", "a=fmtp:96 max-fr=0"], to: .video, in: $0) }
        #expect(other.kiosk.session.videoWishes == VideoWishes(maximumFrameSize: nil, maximumFrameRate: 15))
    }
}
