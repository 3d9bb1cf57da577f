import Primitives
import RTP
import TestSupport
import Testing

@Suite("Feedback captured from Chromium")
struct ChromiumFeedbackTests {
    @Test("Every packet's fate is read as it was, in whatever chunks it is told")
    func fates() throws {
        var reference = ReferenceTime()
        var arrivals: [PacketArrival] = []
        var fates: [UInt16: Instant?] = [:]
        for message in ChromiumFeedback.messages {
            let bytes = hex(message)
            var reader = RTCPReader(bytes.span)
            arrivals.removeAll()
            while let packet = try reader.next() {
                guard case .transportFeedback(let feedback) = packet else { continue }
                try feedback.read(into: &arrivals, following: &reference, now: .zero)
                #expect(arrivals.count == feedback.statusCount)
            }
            for arrival in arrivals {
                // Told lost and then, late, received: the last word counts, and never the other way round.
                if let known = fates[arrival.sequence.rawValue], known != nil, arrival.arrival == nil { continue }
                fates[arrival.sequence.rawValue] = arrival.arrival
            }
        }
        let last = try #require(fates.keys.max())
        #expect(last > 400 && fates.keys.min() == 1)
        for number in 1...last {
            let arrival = try #require(fates[number], "nothing is told of packet \(number)")
            #expect((arrival == nil) == ChromiumFeedback.dropped.contains(number), "packet \(number)")
        }
        // The two pauses of the sender, on the receiver's clock, over three wraps of the deltas' base.
        for pause in [120, 260] as [UInt16] {
            let before = try #require((pause - 8...pause).compactMap { fates[$0] ?? nil }.max())
            let after = try #require((pause + 1...pause + 9).compactMap { fates[$0] ?? nil }.min())
            #expect(after - before > .milliseconds(500) && after - before < .milliseconds(1500))
        }
    }
}
