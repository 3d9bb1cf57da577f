import Primitives

/// Turns the noisy times at which a device's samples arrive into a smooth timeline.
///
/// A measured time may be late by a scheduler's whim or a USB frame; the device's own clock is steady. So each frame
/// is expected 20 ms after the one before, and the expectation follows the measurements slowly. When they part for
/// good (an overrun, a suspended device), the timeline jumps to where the measurement is.
struct SampleClock {
    private var expected: Instant?
    private static let tolerance = Duration.milliseconds(40)

    init() { expected = nil }

    /// - Parameter measured: when the frame's first sample was taken, as far as the device and our clock can tell.
    mutating func time(measured: Instant) -> Instant {
        let result: Instant
        if let expected {
            let error = measured - expected
            result = abs(error.nanoseconds) > SampleClock.tolerance.nanoseconds ? measured : expected + error / 16
        } else {
            result = measured
        }
        expected = result + AudioFrame.duration
        return result
    }

    /// Forgets the past: sound is missing between what was and what comes.
    mutating func reset() { expected = nil }
}
