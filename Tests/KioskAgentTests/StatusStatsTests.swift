import Crew
import JSON
import Peer
import PeerIO
import Primitives
import Reactor
import ServerLink
import TestSupport
import Testing

@testable import KioskAgent
@testable import Media

/// The report as the status and the log have it: what the connection counts, and what the media threads add.
@Suite struct StatusStatsTests {
    private static let sent = Duration.seconds(3)

    private var video: MediaCounters {
        var video = MediaCounters()
        (video.captured, video.encoded, video.keyframes) = (200, 150, 3)
        (video.width, video.height, video.framesPerSecond) = (320, 240, 15)
        video.source = SourcePicture(size: PictureSize(width: 1280, height: 720), framesPerSecond: 30)
        video.quantizerSum = 4000
        video.encodeTime = .milliseconds(900)
        video.resolutionChanges = 2
        return video
    }

    /// After a few seconds of media.
    private func playing(_ change: (Pair) -> Void = { _ in }) throws -> Pair {
        let pair = try Pair()
        change(pair)
        _ = try #require(try pair.connect())
        pair.startMedia()
        try pair.simulation.run(for: Self.sent)
        return pair
    }

    private func statistics(_ pair: Pair, _ video: MediaCounters) -> PeerStatistics {
        PeerStatistics(
            sessionId: "s", snapshot: pair.kiosk.session.snapshot,
            report: pair.kiosk.session.statsReport.adding(video: video, audio: .init()), now: pair.simulation.now)
    }

    private func entries(_ report: StatsReport) -> [String: JSONValue] {
        let list = report.json(takenAt: WallClock(secondsSince1970: 1)).array ?? []
        return Dictionary(uniqueKeysWithValues: list.map { ($0["id"]?.string ?? "", $0) })
    }

    /// A name that the W3C does not have is a mistake of ours.
    @Test func everyMemberIsTheW3Cs() throws {
        let report = statistics(try playing(), video).report
        #expect(Set(report.entries.map(\.kind)) == Set(StatsReport.Kind.allCases))
        for entry in entries(report).values {
            let type = try #require(entry["type"]?.string)
            let names = try #require(StandardStats.members[type], "no such type: \(type)")
            let own = Set(try #require(entry.object).members.map(\.name))
            #expect(own.isSuperset(of: ["id", "type", "timestamp"]))
            #expect(own.subtracting(["id", "type", "timestamp"]).subtracting(names) == [], "in \(type)")
        }
    }

    @Test func theEncodersPictureIsNotTheCameras() throws {
        let stats = entries(statistics(try playing(), video).report)
        let outbound = try #require(stats["outbound-video"])
        #expect(outbound["frameWidth"]?.integer == 320 && outbound["frameHeight"]?.integer == 240)
        #expect(outbound["framesPerSecond"]?.double == 15)
        #expect(outbound["framesEncoded"]?.integer == 150 && outbound["keyFramesEncoded"]?.integer == 3)
        #expect(outbound["qpSum"]?.integer == 4000)
        #expect(outbound["totalEncodeTime"]?.double == 0.9)
        #expect(outbound["qualityLimitationResolutionChanges"]?.integer == 2)
        let source = try #require(stats["source-video"])
        #expect(source["width"]?.integer == 1280 && source["height"]?.integer == 720)
        #expect(source["framesPerSecond"]?.double == 30)
        #expect(source["frames"]?.integer == 200)
        // Before there is a picture, it has no size.
        let before = entries(statistics(try playing(), .init()).report)
        #expect(before["outbound-video"]?["frameWidth"] == nil && before["source-video"]?["width"] == nil)
    }

    @Test(arguments: QualityLimitation.allCases)
    func theReasonForALesserPictureIsTold(limitation: QualityLimitation) throws {
        var video = video
        video.limitation = limitation
        video.limitedFor.add(.init(limitation: limitation, duration: .seconds(2)))
        let stats = entries(statistics(try playing(), video).report)
        let outbound = try #require(stats["outbound-video"])
        // `RTCQualityLimitationReason`, of video only.
        #expect(outbound["qualityLimitationReason"]?.string == limitation.rawValue)
        #expect(stats["outbound-audio"]?["qualityLimitationReason"] == nil)
        let times = try #require(outbound["qualityLimitationDurations"]?.object).members
        #expect(Set(times.map(\.name)) == ["none", "bandwidth", "cpu", "other"])
        for time in times { #expect(time.value.double == (time.name == limitation.rawValue ? 2 : 0)) }
    }

    /// What the log has is what the status has, and no entry refers to one that is missing.
    @Test func theLogHasTheWholeReport() throws {
        let statistics = statistics(try playing(), video)
        let ids = Set(statistics.report.entries.map(\.id))
        for entry in statistics.report.entries {
            for (name, value) in entry.members where name.hasSuffix("Id") {
                guard case .text(let id) = value else { continue }
                #expect(ids.contains(id), "\(entry.id).\(name) refers to \(id)")
            }
        }
        let text = statistics.reportForLog
        for id in ids { #expect(text.contains("\(id): ")) }
        for words in ["framesEncoded=150", "qualityLimitationReason=none", "width=1280", "qpSum=4000"] {
            #expect(text.contains(words), "\(words) in \(text)")
        }
        #expect(!text.contains("10.1.0.2") && !text.contains("10.2.0.2"))
    }

    /// What is told was true when it was counted, not when somebody asked.
    @Test func theTimestampIsThatOfTheNumbers() throws {
        let pair = try playing()
        var status = AgentStatus(
            kioskId: "kiosk", server: "server", startedAt: .zero, link: .connecting, sessions: [],
            camera: .init(DeviceMachine(isConfigured: true)),
            microphone: .init(DeviceMachine(isConfigured: true)), video: video, audio: .init(), packetsInUse: 0,
            crew: CrewState(),
            memory: .read(), thermal: .read(), sessionsServed: 0, clockOffset: nil)
        var session = SessionMachine(id: "s", monitorId: "m", iceServers: [], now: .zero)
        _ = session.peerReported(.connected(sessionId: "s"), cameraFails: false, now: .zero)
        _ = session.peerReported(.statistics(statistics(pair, video)), cameraFails: false, now: pair.simulation.now)
        status.sessions = [AgentStatus.Session(session)]
        let json = status.json(
            now: pair.simulation.now + .milliseconds(800), wallClock: WallClock(secondsSince1970: 100))
        let stamps = try #require(json["stats"]?.array).map { $0["timestamp"]?.double }
        #expect(Set(stamps) == [99_200])
    }

    /// The sound may come through while the picture does not.
    @Test(arguments: [MediaKind.video, .audio])
    func lossIsTheSessions(of lost: MediaKind) throws {
        let pair = try playing { pair in
            var count = 0
            pair.simulation.network.loses = { datagram in
                // Packets of sound are small, of a picture large.
                guard datagram.source.port == 40_000, datagram.isMedia,
                    (datagram.bytes.count > 300) == (lost == .video)
                else { return false }
                count += 1
                return count % 5 == 0
            }
        }
        let fraction = try #require(statistics(pair, video).fractionLost)
        #expect(0.1...0.4 ~= fraction)
    }

    /// The words of the summary count what left: not what the session refused, nor what still waits.
    @Test func picturesAreCountedWhenTheyLeave() throws {
        let pair = try playing()
        let before = statistics(pair, video).framesSent
        #expect(before > 80)
        var frame = EncodedFrame(kind: .video, capacity: 1000)
        frame.captureTime = pair.simulation.now
        frame.isKeyframe = false
        frame.withUnsafeMutableMemory(resizedTo: 1000) { _ in }
        pair.kiosk.session.close(now: pair.simulation.now)
        for _ in 0..<10 { pair.kiosk.session.send(frame, now: pair.simulation.now) }
        let after = statistics(pair, video)
        #expect(after.framesSent == before)
        #expect(after.summary.contains("\(before) pictures"))
    }
}
