import Peer
import Primitives
import SocketIO
import TestSupport
import Testing

@testable import KioskAgent

/// What the capture and encoding threads add to the connection's statistics.
@Suite struct StatusStatsTests {
    @Test(arguments: [QualityLimitation.none, .bandwidth, .cpu])
    func theReasonForALesserPictureIsTold(limitation: QualityLimitation) throws {
        let pair = try Pair()
        _ = try #require(try pair.connect())
        var video = AgentStatus.MediaCounters()
        video.limitation = limitation
        let status = AgentStatus(
            kioskId: "kiosk", server: "server", startedAt: .zero, link: .connecting, session: nil, camera: .init(.idle),
            microphone: .init(.idle), video: video, audio: .init(), peer: nil, packetsInUse: 0, crew: CrewState(),
            memory: .read(), thermal: .read(), sessionsServed: 0, clockOffset: nil)
        let stats = status.statsJSON(pair.kiosk.session.statsReport, wallClock: WallClock(secondsSince1970: 1))
        let outbound = try #require(stats.array).filter { $0["type"]?.string == "outbound-rtp" }
        #expect(outbound.count == 2)
        for entry in outbound {
            let isVideo = entry["kind"]?.string == "video"
            // `RTCQualityLimitationReason`, of video only.
            #expect(entry["qualityLimitationReason"]?.string == (isVideo ? limitation.rawValue : nil))
        }
    }
}
