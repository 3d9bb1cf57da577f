/// Turns interleaved 16-bit sound of any rate and channel count into 48 kHz mono: channels are averaged, rates
/// changed by linear interpolation. State runs on from call to call, so that pieces join without a click.
struct SampleConverter {
    private let channels: Int
    /// Input samples per output sample, as 32.32 fixed point.
    private let step: UInt64
    /// Where the next output sample lies between `previous` (0) and the next input sample (1 << 32).
    private var position: UInt64
    private var previous: Int32

    init(sampleRate: Int, channels: Int) {
        self.channels = channels
        step = (UInt64(sampleRate) << 32) / UInt64(AudioFrame.sampleRate)
        position = 0
        previous = 0
    }

    /// Appends what the whole frames of `input` become.
    mutating func convert(_ input: UnsafeBufferPointer<Int16>, into queue: inout SampleQueue) {
        var index = 0
        while index + channels <= input.count {
            var sum: Int32 = 0
            for channel in 0..<channels { sum += Int32(input[index + channel]) }
            index += channels
            let current = sum / Int32(channels)
            if step == 1 << 32 {
                queue.append(Int16(truncatingIfNeeded: current))
                continue
            }
            while position < 1 << 32 {
                let between = Int64(current - previous) * Int64(position >> 16) >> 16
                queue.append(Int16(truncatingIfNeeded: Int64(previous) + between))
                position += step
            }
            position -= 1 << 32
            previous = current
        }
    }
}

/// Samples that wait until they fill a frame. Its memory is reused.
struct SampleQueue {
    private var samples: [Int16]
    private var start: Int

    init() {
        samples = []
        samples.reserveCapacity(8 * AudioFrame.sampleCount)
        start = 0
    }

    var count: Int { samples.count - start }

    mutating func append(_ sample: Int16) { samples.append(sample) }

    mutating func removeAll() {
        samples.removeAll(keepingCapacity: true)
        start = 0
    }

    /// Moves the oldest 20 ms into `frame`; false when there are fewer.
    mutating func take(into frame: inout AudioFrame) -> Bool {
        guard count >= AudioFrame.sampleCount else { return false }
        for index in 0..<AudioFrame.sampleCount { frame.storage[index] = samples[start + index] }
        start += AudioFrame.sampleCount
        if start == samples.count {
            removeAll()
        } else if start >= 4 * AudioFrame.sampleCount {
            samples.removeSubrange(..<start)
            start = 0
        }
        return true
    }
}
