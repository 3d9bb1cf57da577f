import Primitives

/// The elements of a header extension, in the one-byte form (profile 0xBEDE) or the two-byte form (0x100x) of
/// RFC 8285 section 4. Any other profile has no elements.
public struct HeaderExtensionList: ~Escapable {
    let profile: UInt16
    let bytes: Span<UInt8>

    @_lifetime(copy bytes)
    init(profile: UInt16, bytes: Span<UInt8>) {
        self.profile = profile
        self.bytes = bytes
    }

    /// The value of the first element with this identifier; nil when there is none.
    @_lifetime(copy self)
    public func value(_ id: UInt8) -> Span<UInt8>? {
        var at = 0
        while let element = element(at: at) {
            if element.id == id { return bytes.extracting(element.start..<element.end) }
            at = element.end
        }
        return nil
    }

    /// The elements' number, for tests and dumps.
    public var count: Int {
        var at = 0
        var count = 0
        while let element = element(at: at) {
            count += 1
            at = element.end
        }
        return count
    }

    private func element(at position: Int) -> (id: UInt8, start: Int, end: Int)? {
        var at = position
        // "Padding bytes have the value of 0": skipped in both forms.
        while at < bytes.count, bytes[at] == 0 { at += 1 }
        guard at < bytes.count else { return nil }
        let id: UInt8
        let start: Int
        let length: Int
        if profile == 0xBEDE {
            id = bytes[at] >> 4
            length = Int(bytes[at] & 0x0F) + 1
            start = at + 1
            // Section 4.2: identifier 15, and 0 with a length, end the whole extension.
            guard id != 15, id != 0 else { return nil }
        } else if profile & 0xFFF0 == 0x1000 {
            guard at + 1 < bytes.count else { return nil }
            id = bytes[at]
            length = Int(bytes[at + 1])
            start = at + 2
        } else {
            return nil
        }
        guard start + length <= bytes.count else { return nil }
        return (id, start, start + length)
    }
}

/// Which identifiers were agreed for the header extensions; nil: not agreed.
public struct HeaderExtensionIDs: Hashable, Sendable {
    /// The section's name (RFC 9143 section 15).
    public var mid: UInt8?
    /// 24 bits of send time (abs-send-time).
    public var absoluteSendTime: UInt8?
    /// The number that transport-wide feedback speaks of.
    public var transportSequence: UInt8?
    /// Bounds of the receiver's playout delay.
    public var playoutDelay: UInt8?
    /// NTP time of capture (abs-capture-time).
    public var absoluteCaptureTime: UInt8?

    /// Nil: not agreed, not written.
    public init(
        mid: UInt8? = nil, absoluteSendTime: UInt8? = nil, transportSequence: UInt8? = nil, playoutDelay: UInt8? = nil,
        absoluteCaptureTime: UInt8? = nil
    ) {
        self.mid = mid
        self.absoluteSendTime = absoluteSendTime
        self.transportSequence = transportSequence
        self.playoutDelay = playoutDelay
        self.absoluteCaptureTime = absoluteCaptureTime
    }

    /// Whether an identifier needs the two-byte form.
    var needsTwoByteForm: Bool {
        [mid, absoluteSendTime, transportSequence, playoutDelay, absoluteCaptureTime].contains { ($0 ?? 0) > 14 }
    }
}

/// Bounds the receiver's playout delay in steps of 10 ms, 0 … 40,950 ms each.
public struct PlayoutDelay: Hashable, Sendable {
    /// How long a frame waits at least.
    public var minimum: Duration
    /// How long a frame waits at most.
    public var maximum: Duration

    /// Each bound is cut to 40,950 ms when it is written.
    public init(minimum: Duration, maximum: Duration) {
        self.minimum = minimum
        self.maximum = maximum
    }

    /// 12 bits each.
    var wireValue: UInt32 {
        func steps(_ duration: Duration) -> UInt32 { UInt32(max(0, min(4095, duration.nanoseconds / 10_000_000))) }
        return steps(minimum) << 12 | steps(maximum)
    }
}

/// The header extension of one packet to send. What is nil, or has no agreed identifier, is left out.
struct OutgoingExtensions {
    var ids: HeaderExtensionIDs
    var mid: [UInt8]?
    var absoluteSendTime: UInt32?
    var transportSequence: SequenceNumber?
    var playoutDelay: PlayoutDelay?
    /// NTP time of capture.
    var absoluteCaptureTime: UInt64?

    /// The most bytes any packet's extension takes, the four bytes of its own header included; 0 with none agreed.
    static func maximumSize(_ ids: HeaderExtensionIDs, midLength: Int) -> Int {
        let overhead = ids.needsTwoByteForm || midLength > 16 ? 2 : 1
        var size = 0
        if ids.mid != nil { size += overhead + midLength }
        if ids.absoluteSendTime != nil { size += overhead + 3 }
        if ids.transportSequence != nil { size += overhead + 2 }
        if ids.playoutDelay != nil { size += overhead + 3 }
        if ids.absoluteCaptureTime != nil { size += overhead + 8 }
        return size == 0 ? 0 : 4 + (size + 3) & ~3
    }

    var isEmpty: Bool {
        !((ids.mid != nil && mid != nil) || (ids.absoluteSendTime != nil && absoluteSendTime != nil)
            || (ids.transportSequence != nil && transportSequence != nil)
            || (ids.playoutDelay != nil && playoutDelay != nil)
            || (ids.absoluteCaptureTime != nil && absoluteCaptureTime != nil))
    }

    func write(into writer: inout ByteWriter) {
        if isEmpty { return }
        let twoByte = ids.needsTwoByteForm || (mid?.count ?? 0) > 16
        writer.write((twoByte ? 0x1000 : 0xBEDE) as UInt16)
        let lengthAt = writer.count
        writer.write(0 as UInt16)
        func element(_ id: UInt8, _ length: Int, _ writer: inout ByteWriter) {
            if twoByte {
                writer.write(id)
                writer.write(UInt8(length))
            } else {
                writer.write(id << 4 | UInt8(length - 1))
            }
        }
        if let id = ids.transportSequence, let transportSequence {
            element(id, 2, &writer)
            writer.write(transportSequence.rawValue)
        }
        if let id = ids.absoluteSendTime, let absoluteSendTime {
            element(id, 3, &writer)
            writer.writeUInt24(absoluteSendTime)
        }
        if let id = ids.playoutDelay, let playoutDelay {
            element(id, 3, &writer)
            writer.writeUInt24(playoutDelay.wireValue)
        }
        if let id = ids.absoluteCaptureTime, let absoluteCaptureTime {
            element(id, 8, &writer)
            writer.write(absoluteCaptureTime)
        }
        if let id = ids.mid, let mid {
            element(id, mid.count, &writer)
            writer.write(mid)
        }
        let used = writer.count - lengthAt - 2
        writer.write(zeros: (4 - used & 3) & 3)
        writer.patch(UInt16((used + 3) / 4), at: lengthAt)
    }
}
