public import Primitives

extension ReceiveStream {
    /// How often a keyframe is asked for while none comes.
    static let keyframeInterval: Duration = .milliseconds(200)

    /// The next frame in order, its bytes appended to `frame`; nil while none is whole.
    public mutating func nextFrame(into frame: inout [UInt8], now: Instant) -> ReceivedFrame? {
        while let start = next, start <= highest {
            guard let entry = entry(start) else {
                guard giveUp(at: start, now: now) else { return nil }
                continue
            }
            if entry.size == 0 || (needsKeyframe && !(entry.startsFrame && entry.isKeyframe)) || !entry.startsFrame {
                // Padding, or what cannot be shown any more.
                if entry.hasMarker, entry.size > 0 { statistics.framesDropped += 1 }
                if entry.size > 0, !entry.startsFrame, configuration.codec.kind == .video { needsKeyframe = true }
                advance(to: start + 1)
                continue
            }
            guard let last = lastOfFrame(from: start, timestamp: entry.timestamp) else {
                guard let hole = firstHole(from: start), giveUp(at: hole, now: now) else { return nil }
                continue
            }
            return assemble(start...last, entry, into: &frame)
        }
        return nil
    }

    private func entry(_ sequence: Int64) -> Entry? {
        guard let entry = entries[slot(sequence)], entry.sequence == sequence else { return nil }
        return entry
    }

    private mutating func advance(to sequence: Int64) {
        next = sequence
        waitingSince = nil
    }

    /// The frame's last packet when all of it is there.
    private func lastOfFrame(from start: Int64, timestamp: UInt32) -> Int64? {
        if configuration.codec.kind == .audio { return start }
        var sequence = start
        while let entry = entry(sequence), entry.timestamp == timestamp || entry.size == 0 {
            if entry.hasMarker { return sequence }
            sequence += 1
        }
        // The marker went missing with a peer that sets none: the next frame's start ends this one, too.
        if let after = entry(sequence), after.startsFrame, sequence > start { return sequence - 1 }
        return nil
    }

    private func firstHole(from start: Int64) -> Int64? {
        var sequence = start
        while sequence <= highest {
            if entry(sequence) == nil { return sequence }
            sequence += 1
        }
        return nil
    }

    /// The start of a whole keyframe behind a hole: with it, no earlier packet is needed.
    private func wholeKeyframe(behind hole: Int64) -> Int64? {
        guard configuration.codec.kind == .video else { return nil }
        var sequence = hole
        while sequence <= highest {
            if let entry = entry(sequence), entry.startsFrame, entry.isKeyframe,
                lastOfFrame(from: sequence, timestamp: entry.timestamp) != nil
            {
                return sequence
            }
            sequence += 1
        }
        return nil
    }

    /// Whether the wait for a hole has been long enough, or is not needed; goes on behind it then.
    private mutating func giveUp(at hole: Int64, now: Instant) -> Bool {
        if let keyframe = wholeKeyframe(behind: hole) {
            statistics.framesDropped += 1
            nack.forget(before: keyframe)
            advance(to: keyframe)
            return true
        }
        let since = waitingSince ?? now
        waitingSince = since
        guard now - since >= configuration.patience else { return false }
        var sequence = hole
        while sequence <= highest, entry(sequence) == nil { sequence += 1 }
        statistics.framesDropped += 1
        if configuration.codec.kind == .video { needsKeyframe = true }
        nack.forget(before: sequence)
        advance(to: sequence)
        return true
    }

    private mutating func assemble(
        _ range: ClosedRange<Int64>, _ first: Entry, into frame: inout [UInt8]
    ) -> ReceivedFrame {
        var arrival = first.arrival
        for sequence in range {
            guard let entry = entry(sequence) else { continue }
            let start = slot(sequence) * ReceiveStream.slotSize
            frame.append(contentsOf: bytes[start..<start + entry.size])
            arrival = max(arrival, entry.arrival)
            entries[slot(sequence)] = nil
        }
        advance(to: range.upperBound + 1)
        statistics.frames += 1
        let isKeyframe = configuration.codec.kind == .video && first.isKeyframe
        if isKeyframe {
            statistics.keyframes += 1
            needsKeyframe = false
            keyframeRequestAt = nil
        }
        return ReceivedFrame(
            timestamp: first.timestamp, isKeyframe: isKeyframe, arrival: arrival, packets: range.count)
    }

    /// When `nextFrame` or feedback may have something new without a packet coming.
    var nextTimeout: Wake? {
        var wake = waitingSince.map { Wake(at: $0 + configuration.patience, reason: .rtcpReport) }
        wake = .earliest(wake, nack.nextRequest.map { Wake(at: $0, reason: .rtcpReport) })
        return .earliest(wake, keyframeRequestAt.map { Wake(at: $0, reason: .keyframeRequest) })
    }

    /// Whether to ask for a keyframe now: when video cannot go on without, and again until one comes.
    mutating func takeKeyframeRequest(now: Instant) -> Bool {
        guard needsKeyframe, next != nil, configuration.codec.kind == .video else { return false }
        guard keyframeRequestAt.map({ $0 <= now }) ?? true else { return false }
        keyframeRequestAt = now + ReceiveStream.keyframeInterval
        statistics.pictureLossIndications += 1
        return true
    }
}
