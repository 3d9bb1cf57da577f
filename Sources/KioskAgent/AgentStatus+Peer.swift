import Peer
import Primitives
import SocketIO

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

extension AgentStatus {
    /// The W3C's `RTCStatsReport` as a list of dictionaries; `timestamp` in milliseconds since 1970, as there. What the
    /// capture and encoding threads count joins what the connection counts.
    func statsJSON(_ report: StatsReport, wallClock: WallClock) -> JSONValue {
        let timestamp = JSONValue.double(Double(wallClock.nanosecondsSince1970 / 1000) / 1000)
        var entries = report.entries.map { entry in
            var object = head(id: entry.id, type: entry.kind.rawValue, timestamp)
            for (name, value) in entry.members { object[name] = JSONValue(value) }
            if entry.kind == .outboundRTP { addEncoder(to: &object) }
            return JSONValue.object(object)
        }
        for (kind, counters) in [(MediaKind.audio, audio), (.video, video)]
        where report.entry(.outboundRTP, of: kind) != nil {
            var source = head(id: "source-\(kind.rawValue)", type: "media-source", timestamp)
            source["kind"] = .string(kind.rawValue)
            source["trackIdentifier"] = .string(kind == .video ? "camera" : "microphone")
            if kind == .video {
                source["width"] = .integer(counters.width)
                source["height"] = .integer(counters.height)
                source["frames"] = .integer(counters.captured)
                source["framesPerSecond"] = .double(counters.framesPerSecond)
            }
            entries.append(.object(source))
        }
        return .array(entries)
    }

    private func head(id: String, type: String, _ timestamp: JSONValue) -> JSONObject {
        JSONObject([("id", .string(id)), ("type", .string(type)), ("timestamp", timestamp)])
    }

    private func addEncoder(to object: inout JSONObject) {
        guard object["kind"]?.string == MediaKind.video.rawValue else { return }
        object["framesEncoded"] = .integer(video.encoded)
        object["keyFramesEncoded"] = .integer(video.keyframes)
        object["frameWidth"] = .integer(video.width)
        object["frameHeight"] = .integer(video.height)
        object["framesPerSecond"] = .double(video.framesPerSecond)
        object["qualityLimitationReason"] = .string(video.limitation.rawValue)
    }
}

extension JSONValue {
    fileprivate init(_ value: StatsReport.Value) {
        switch value {
        case .count(let count): self = .integer(count)
        case .number(let number): self = .double(number)
        case .text(let text): self = .string(text)
        case .flag(let flag): self = .bool(flag)
        }
    }
}
