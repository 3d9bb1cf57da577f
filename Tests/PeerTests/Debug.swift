import Peer
import Congestion
import Primitives
import TestSupport
import Testing
@Test func debugOutage() throws {
    let pair = try Pair()
    _ = try #require(try pair.connect())
    pair.simulation.network.changeLinks(of: pair.kioskHost) { $0.isDown = true }
    pair.startMedia()
    try pair.simulation.run(for: .seconds(2))
    pair.simulation.network.changeLinks(of: pair.kioskHost) { $0.isDown = false }
    for i in 0..<30 {
        try pair.simulation.run(for: .milliseconds(50))
        let s = pair.kiosk.session.snapshot
        print(i * 50, "delivered", pair.simulation.network.delivered, "kfr", pair.kiosk.keyframeRequests, "target", s.target!, "queued", s.queued.bytes, "monitor", pair.monitor.video.count, pair.kiosk.events.last.map { "\($0)" } ?? "", s.mediaDrops.nonZero, s.congestion!)
    }
}
