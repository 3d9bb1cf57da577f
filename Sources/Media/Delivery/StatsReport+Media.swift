public import Peer
internal import Primitives

extension StatsReport {
    /// The whole report: what the capturing and encoding threads counted in the session joins what the connection counts.
    public func adding(video: MediaCounters, audio: MediaCounters) -> StatsReport {
        var report = self
        for index in report.entries.indices where report.entries[index].isOutbound(.video) {
            report.entries[index].addEncoder(video)
        }
        for (kind, counters) in [(MediaKind.audio, audio), (.video, video)] where entry(.outboundRTP, of: kind) != nil {
            report.entries.append(.source(kind, counters))
        }
        return report
    }
}

extension StatsReport.Entry {
    fileprivate func isOutbound(_ media: MediaKind) -> Bool {
        kind == .outboundRTP && self["kind"] == .text(media.rawValue)
    }

    /// `RTCOutboundRtpStreamStats`: what the encoder makes, scaled and paced.
    fileprivate mutating func addEncoder(_ counters: MediaCounters) {
        set("framesEncoded", counters.encoded)
        set("keyFramesEncoded", counters.keyframes)
        set("qpSum", counters.quantizerSum)
        set("totalEncodeTime", counters.encodeTime)
        set("qualityLimitationReason", counters.limitation.rawValue)
        set("qualityLimitationDurations", counters.limitedFor.record)
        set("qualityLimitationResolutionChanges", counters.resolutionChanges)
        // "MUST NOT exist" before there is a picture.
        guard counters.encoded > 0 else { return }
        set("frameWidth", UInt64(counters.width))
        set("frameHeight", UInt64(counters.height))
        set("framesPerSecond", counters.framesPerSecond)
    }

    /// `RTCAudioSourceStats` and `RTCVideoSourceStats`: what the device gives.
    fileprivate static func source(_ kind: MediaKind, _ counters: MediaCounters) -> StatsReport.Entry {
        var entry = StatsReport.Entry("source-\(kind.rawValue)", .mediaSource)
        entry.set("kind", kind.rawValue)
        entry.set("trackIdentifier", kind == .video ? "camera" : "microphone")
        guard kind == .video else { return entry }
        entry.set("frames", counters.captured)
        if let source = counters.source {
            entry.set("width", UInt64(source.size.width))
            entry.set("height", UInt64(source.size.height))
            entry.set("framesPerSecond", source.framesPerSecond)
        }
        return entry
    }
}
