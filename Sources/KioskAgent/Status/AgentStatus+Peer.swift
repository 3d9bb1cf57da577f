import JSON
import Peer
import PeerIO
import Primitives

// The live session's part of the status: a few numbers for people, and all of them under the W3C's names.

extension PeerStatistics {
    var json: JSONValue {
        var object = JSONObject()
        object["sentBitrate"] = .integer(sentBitsPerSecond)
        object["packetsSent"] = .integer(packetsSent)
        object["packetsRetransmitted"] = .integer(packetsRetransmitted)
        object["framesSent"] = .integer(framesSent)
        object["keyframeRequests"] = .integer(keyframeRequests)
        object["path"] = path.map(JSONValue.string)
        object["dtlsCipher"] = dtlsCipher.map(JSONValue.string)
        object["roundTripMs"] = roundTripMilliseconds.map { JSONValue.double($0) }
        object["estimatedBitrate"] = estimatedBitsPerSecond.map { JSONValue.integer($0) }
        object["fractionLost"] = fractionLost.map { JSONValue.double($0) }
        let steps = firstFrame.steps.map { ("\($0.name)Ms", JSONValue.double($0.time.roundedMilliseconds)) }
        var first = JSONObject(steps)
        first["totalMs"] = firstFrame.total.map { .double($0.roundedMilliseconds) }
        object["timeToFirstFrame"] = .object(first)
        let dropped = dropped.sorted { $0.key < $1.key }.map { ($0.key, JSONValue.integer($0.value)) }
        object["dropped"] = .object(JSONObject(dropped))
        return .object(object)
    }
}

extension Duration {
    /// To a tenth of a millisecond: enough to see where time goes.
    fileprivate var roundedMilliseconds: Double { (milliseconds * 10).rounded() / 10 }
}

extension StatsReport {
    /// The W3C's `RTCStatsReport` as a list of dictionaries; `timestamp` in milliseconds since 1970, as there.
    func json(takenAt wallClock: WallClock) -> JSONValue {
        let timestamp = JSONValue.double(Double(wallClock.nanosecondsSince1970 / 1000) / 1000)
        return .array(
            entries.map { entry in
                var object = JSONObject([
                    ("id", .string(entry.id)), ("type", .string(entry.kind.rawValue)), ("timestamp", timestamp),
                ])
                for (name, value) in entry.members { object[name] = JSONValue(value) }
                return .object(object)
            })
    }
}

extension JSONValue {
    fileprivate init(_ value: StatsReport.Value) {
        switch value {
        case .count(let count): self = .integer(count)
        case .number(let number): self = .double(number)
        case .text(let text): self = .string(text)
        case .flag(let flag): self = .bool(flag)
        case .record(let record):
            let members = record.sorted { $0.key < $1.key }
            self = .object(JSONObject(members.map { ($0.key, .double($0.value)) }))
        }
    }
}
