import Primitives

/// What goes wrong with cameras, as a source that does it on purpose: for tests, and for a technician who wants to see
/// what monitors see.
public enum CameraFault: String, Hashable, Sendable, CaseIterable {
    /// The same picture again and again.
    case frozen
    case black
    /// One even grey with a little noise: a hand on the lens.
    case covered
    /// No whole picture.
    case garbage
    /// The reader is held for good, as by a driver that never returns.
    case stall
    /// It is gone, as when its cable is pulled.
    case lost
    /// No fault: a white flash of 100 ms each second, together with `MicrophoneFault.beep`.
    case flash
}

/// What goes wrong with microphones.
public enum MicrophoneFault: String, Hashable, Sendable, CaseIterable {
    /// Nothing but zeros.
    case silence
    /// Far too loud.
    case clipping
    /// Gaps, as when nobody took the sound in time.
    case overruns
    case stall
    case lost
    /// No fault: a beep of 100 ms each second, together with `CameraFault.flash`.
    case beep
}

/// A fault on purpose, for good or coming and going: `test:black`, `test:black:8` for 8 s of each in turn, well first.
public struct ProvokedFault<Kind: RawRepresentable & Hashable & Sendable>: Hashable, Sendable
where Kind.RawValue == String {
    /// Which fault is provoked.
    public var kind: Kind
    /// How long it is well and how long it is not; nil when it stays.
    public var seconds: Int?

    /// From what follows `test:`; nil when that is nothing we know.
    init?(_ text: Substring) {
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        guard let first = parts.first, let kind = Kind(rawValue: String(first)) else { return nil }
        self.kind = kind
        guard parts.count == 2 else {
            seconds = nil
            return
        }
        guard let seconds = Int(parts[1]), (1...3600).contains(seconds) else { return nil }
        self.seconds = seconds
    }

    var text: String { "test:\(kind.rawValue)" + (seconds.map { ":\($0)" } ?? "") }

    /// Whether it is there, so long after the source was opened.
    func isOn(after elapsed: Duration) -> Bool {
        guard let seconds else { return true }
        return Int(elapsed.seconds) / seconds % 2 == 1
    }
}

extension ProvokedFault: CustomStringConvertible {
    public var description: String { text }
}

/// When the flash and the beep come: both read the same clock, so that they belong together however they were opened.
enum FlashAndBeep {
    static let period: Int64 = 1_000_000_000
    static let length: Int64 = 100_000_000

    static func isOn(at time: Instant) -> Bool { time.nanoseconds % period < length }
}

extension VideoFrame {
    /// The whole picture in one luma, without colour; `noise` is added in a pattern that changes with `number`.
    mutating func fill(luma: UInt8, noise: UInt8 = 0, number: Int = 0) {
        let (count, chroma) = (stride * height, chromaStride * chromaHeight)
        var state = UInt32(truncatingIfNeeded: number) &* 2_654_435_761 | 1
        withUnsafeMutablePlanes { y, u, v in
            u.update(repeating: 128, count: chroma)
            v.update(repeating: 128, count: chroma)
            guard noise > 0 else { return y.update(repeating: luma, count: count) }
            for index in 0..<count {
                // xorshift
                state ^= state << 13
                state ^= state >> 17
                state ^= state << 5
                y[index] = luma &+ UInt8(truncatingIfNeeded: state % UInt32(noise))
            }
        }
    }
}
