import Foundation
import Primitives
import RTP
import SDP
import TestSupport
import Testing

@testable import Peer

/// Later offers that change what is sent. The monitor's own machine is not told: it goes on receiving what comes.
@Suite struct RenegotiationTests {
    /// A connected pair with its offer.
    private func connected(
        firstOffer change: (String) -> String = { $0 }
    ) throws -> (pair: Pair, offer: String) {
        let pair = try Pair()
        let offer = try pair.monitor.session.makeOffer(now: pair.simulation.now)
        let answer = try pair.kiosk.session.accept(offer: change(offer), now: pair.simulation.now)
        try pair.monitor.session.accept(answer: answer, now: pair.simulation.now)
        _ = try #require(
            try pair.simulation.run(within: .seconds(5)) { pair.kiosk.isConnected && pair.monitor.isConnected })
        return (pair, offer)
    }

    /// The offer with each line of one kind's section changed.
    private func changing(_ kind: MediaKind, in offer: String, _ change: (String) -> String) -> String {
        var isInside = false
        return offer.split(separator: "\r\n", omittingEmptySubsequences: false).map { line in
            if line.hasPrefix("m=") { isInside = line.hasPrefix("m=\(kind.rawValue)") }
            return isInside ? change(String(line)) : String(line)
        }.joined(separator: "\r\n")
    }

    private func inactive(_ kind: MediaKind, _ offer: String) -> String {
        changing(kind, in: offer) { $0 == "a=recvonly" ? "a=inactive" : $0 }
    }

    private func rejected(_ kind: MediaKind, _ offer: String) -> String {
        changing(kind, in: offer) { $0.hasPrefix("m=") ? $0.replacing(" 9 ", with: " 0 ") : $0 }
    }

    private func accept(_ offer: String, _ pair: Pair) throws {
        _ = try pair.kiosk.session.accept(offer: offer, now: pair.simulation.now)
        try pair.simulation.driveBounded()
    }

    private func changes(_ pair: Pair) -> Int {
        pair.kiosk.events.count { if case .sentKindsChanged = $0 { true } else { false } }
    }

    enum Pause: CaseIterable, Sendable {
        case inactive, sendonly, rejected
    }

    @Test("What is no longer asked for stops, and comes back with a keyframe", arguments: Pause.allCases)
    func pauses(_ pause: Pause) throws {
        let (pair, offer) = try connected()
        pair.startMedia()
        try pair.simulation.run(for: .seconds(2))
        #expect(pair.monitor.video.count > 50)
        let sent = pair.kiosk.session.snapshot.bytesSent

        switch pause {
        case .inactive: try accept(inactive(.video, offer), pair)
        case .sendonly:
            try accept(changing(.video, in: offer) { $0 == "a=recvonly" ? "a=sendonly" : $0 }, pair)
        case .rejected: try accept(rejected(.video, offer), pair)
        }
        #expect(!pair.kiosk.sends(.video) && pair.kiosk.sends(.audio))
        #expect(changes(pair) == 1)
        #expect(pair.kiosk.session.snapshot.bytesSent >= sent, "sums never fall")
        // What was under way arrives.
        try pair.simulation.run(for: .milliseconds(200))
        let (stopped, heard) = (pair.monitor.video.count, pair.monitor.audio.count)
        try pair.simulation.run(for: .seconds(3))
        #expect(pair.monitor.video.count == stopped)
        #expect(pair.monitor.audio.count > heard + 140)
        #expect(pair.kiosk.session.snapshot.queued == .zero)

        try accept(offer, pair)
        #expect(pair.kiosk.sends(.video))
        #expect(changes(pair) == 2)
        try pair.simulation.run(for: .seconds(2))
        #expect(pair.monitor.video.count > stopped + 50)
        // Of the last picture before, only a part may have left.
        let first = pair.monitor.video[stopped...].first { $0.size >= pair.frameSize }
        #expect(first?.isKeyframe == true)
        #expect(!pair.monitor.video.contains { !$0.isIntact })
        #expect(pair.kiosk.closeReason == nil && pair.monitor.closeReason == nil)
    }

    @Test("A kind that only a later offer asks for")
    func addedKind() throws {
        let (pair, offer) = try connected { inactive(.video, $0) }
        #expect(!pair.kiosk.sends(.video) && pair.kiosk.sends(.audio))
        pair.startMedia()
        try pair.simulation.run(for: .seconds(1))
        #expect(pair.monitor.video.isEmpty)
        try accept(offer, pair)
        #expect(pair.kiosk.sends(.video))
        #expect(changes(pair) == 1)
        try pair.simulation.run(for: .seconds(1))
        let video = try #require(pair.kiosk.session.statsReport.entry(.outboundRTP, of: .video))
        guard case .count(let packets) = video["packetsSent"] else {
            Issue.record("nothing was sent")
            return
        }
        #expect(packets > 60)
    }

    @Test("An offer that changes nothing changes nothing")
    func sameAgain() throws {
        let (pair, offer) = try connected()
        pair.startMedia()
        try pair.simulation.run(for: .seconds(1))
        let before = pair.kiosk.keyframeRequests
        try accept(offer, pair)
        try pair.simulation.run(for: .seconds(1))
        #expect(changes(pair) == 0)
        #expect(pair.kiosk.keyframeRequests == before)
        #expect(pair.kiosk.session.snapshot.mediaDrops[.missingReference] == 0)
    }

    /// The headers of the packets that a keyframe becomes.
    private func headers(_ pair: Pair) -> [RTPHeader] { packets(pair).map(\.header) }

    private func packets(_ pair: Pair) -> [(header: RTPHeader, extensions: [[UInt8]])] {
        var frame = EncodedFrame(kind: .video, capacity: 100)
        frame.isKeyframe = true
        frame.captureTime = pair.simulation.now
        frame.withUnsafeMutableMemory(resizedTo: 100) { memory in
            for index in 0..<100 { memory[index] = 0 }
        }
        pair.kiosk.session.send(frame, now: pair.simulation.now)
        var found: [(header: RTPHeader, extensions: [[UInt8]])] = []
        var packet = PacketBuffer(capacity: PacketPool.slotSize)
        while pair.kiosk.session.pollTransmit(into: &packet, now: pair.simulation.now) != nil {
            // SRTP leaves the header and its extensions readable.
            if case .rtp = DatagramKind(packet.bytes), let read = try? RTPPacket(parsing: packet.bytes) {
                found.append((read.header, (1...14).compactMap { read.extensions.value($0)?.copied() }))
            }
            packet.removeAll()
        }
        return found
    }

    @Test("A section that is used anew has a source and a name of its own")
    func recycled() throws {
        let (pair, offer) = try connected()
        let before = try #require(headers(pair).first { $0.payloadType.rawValue == 96 })
        let sent = pair.kiosk.session.snapshot.bytesSent
        try accept(rejected(.video, offer), pair)
        let again = changing(.video, in: offer) { $0 == "a=mid:0" ? "a=mid:7" : $0 }
            .replacing("BUNDLE 0 1", with: "BUNDLE 7 1")
        try accept(again, pair)
        try pair.simulation.run(for: .seconds(1))
        let video = try #require(pair.kiosk.session.statsReport.entry(.outboundRTP, of: .video))
        #expect(video["mid"] == .text("7"))
        #expect(pair.kiosk.session.snapshot.bytesSent >= sent)
        let packet = try #require(packets(pair).last { $0.header.payloadType.rawValue == 96 })
        #expect(packet.header.ssrc != before.ssrc)
        #expect(video["ssrc"] == .count(UInt64(packet.header.ssrc.rawValue)))
        #expect(packet.extensions.contains(Array("7".utf8)))
        // The first name again: its source goes on where it stopped, because no number may be encrypted twice.
        try accept(offer, pair)
        try pair.simulation.run(for: .seconds(1))
        let back = try #require(headers(pair).last { $0.payloadType.rawValue == 96 })
        #expect(back.ssrc == before.ssrc)
        #expect(back.sequenceNumber.distance(from: before.sequenceNumber) > 0)
    }

    @Test(
        "Sections that come and go without end cost nothing: of their sources there are few, and no number comes twice")
    func recycledForEver() throws {
        let (pair, offer) = try connected()
        var highest: [SSRC: SequenceNumber] = [:]
        for round in 1...40 {
            let again = changing(.video, in: offer) { $0 == "a=mid:0" ? "a=mid:v\(round)" : $0 }
                .replacing("BUNDLE 0 1", with: "BUNDLE v\(round) 1")
            try accept(again, pair)
            try pair.simulation.run(for: .milliseconds(300))
            for header in headers(pair) where header.payloadType.rawValue == 96 {
                if let before = highest[header.ssrc] {
                    #expect(header.sequenceNumber.distance(from: before) > 0)
                }
                highest[header.ssrc] = header.sequenceNumber
            }
        }
        #expect(highest.count == 4)
        #expect(pair.kiosk.session.snapshot.streams.count <= 8)
        #expect(pair.kiosk.closeReason == nil && pair.monitor.closeReason == nil)
    }

    @Test("A section without a name may be of another kind in the next offer")
    func kindChangesInPlace() throws {
        let pair = try Pair()
        let offer = try pair.monitor.session.makeOffer(now: pair.simulation.now)
        func alone(_ kind: MediaKind) -> String {
            let other = kind == .video ? "m=audio" : "m=video"
            let unnamed = offer.components(separatedBy: "\r\n").filter {
                !$0.hasPrefix("a=mid") && !$0.hasPrefix("a=group") && !$0.contains("sdes:mid")
            }.joined(separator: "\r\n")
            let sections = unnamed.components(separatedBy: "\r\nm=")
            return sections.enumerated().filter { $0.offset == 0 || !"m=\($0.element)".hasPrefix(other) }
                .map(\.element).joined(separator: "\r\nm=") + (unnamed.hasSuffix("\r\n") ? "" : "\r\n")
        }
        let first = try pair.kiosk.session.accept(offer: alone(.video), now: pair.simulation.now)
        #expect(pair.kiosk.sends(.video) && !pair.kiosk.sends(.audio))
        let second = try pair.kiosk.session.accept(offer: alone(.audio), now: pair.simulation.now)
        #expect(!pair.kiosk.sends(.video) && pair.kiosk.sends(.audio))
        func source(_ answer: String) -> Substring? { answer.firstMatch(of: /a=ssrc:(\d+)/)?.1 }
        #expect(source(first) != nil && source(first) != source(second))
    }

    @Test("Offers that come faster than the handshake are no goodbyes without end")
    func recycledBeforeKeys() throws {
        let pair = try Pair()
        let offer = try pair.monitor.session.makeOffer(now: pair.simulation.now)
        var answer = ""
        for round in 0...200 {
            let changed = offer.replacing("a=mid:0", with: "a=mid:v\(round)").replacing(
                "a=mid:1", with: "a=mid:a\(round)"
            )
            .replacing("BUNDLE 0 1", with: "BUNDLE v\(round) a\(round)")
            _ = try pair.kiosk.session.accept(offer: changed, now: pair.simulation.now)
        }
        answer = try pair.kiosk.session.accept(offer: offer, now: pair.simulation.now)
        try pair.monitor.session.accept(answer: answer, now: pair.simulation.now)
        _ = try #require(
            try pair.simulation.run(within: .seconds(5)) { pair.kiosk.isConnected && pair.monitor.isConnected })
        pair.startMedia()
        try pair.simulation.run(for: .seconds(2))
        #expect(pair.monitor.video.count > 50)
        #expect(pair.kiosk.closeReason == nil && pair.monitor.closeReason == nil)
    }

    @Test("Another payload type and other extension identifiers are used from then on, and the numbers go on")
    func renumbered() throws {
        let (pair, offer) = try connected()
        let before = try #require(headers(pair).first { $0.payloadType.rawValue == 96 })
        let requests = pair.kiosk.keyframeRequests
        let changed = changing(.video, in: offer) { line in
            if line.hasPrefix("m=") { return line.replacing(" 96 97", with: " 106 107") }
            for (old, new) in [("96", "106"), ("97", "107")] {
                for name in ["a=rtpmap:", "a=rtcp-fb:", "a=fmtp:"] where line.hasPrefix("\(name)\(old) ") {
                    return line.replacing("\(name)\(old)", with: "\(name)\(new)").replacing("apt=96", with: "apt=106")
                }
            }
            return line
        }
        try accept(changed, pair)
        #expect(pair.kiosk.keyframeRequests == requests + 1)
        // The pacer has seen the first packet off.
        try pair.simulation.run(for: .milliseconds(100))
        let sent = headers(pair)
        #expect(!sent.contains { $0.payloadType.rawValue == 96 })
        let after = try #require(sent.first { $0.payloadType.rawValue == 106 })
        #expect(after.ssrc == before.ssrc)
        #expect(after.sequenceNumber == before.sequenceNumber.next)
    }

    @Test("The wish for little playout delay goes out with the first packets, until the peer has answered")
    func playoutDelay() throws {
        let (pair, _) = try connected()
        // 12 bits of 10 ms each: at least 0, at most 600 ms.
        #expect(packets(pair).contains { $0.extensions.contains([0x00, 0x00, 0x3C]) })
        pair.startMedia()
        try pair.simulation.run(for: .seconds(3))
        #expect(!packets(pair).contains { $0.extensions.contains([0x00, 0x00, 0x3C]) })
    }
}
