// capture-probe: looks at one camera or microphone the way the agent does and says what it saw, one fact per line.
//
//   capture-probe list
//   capture-probe camera SOURCE WIDTHxHEIGHT RATE FRAMES
//   capture-probe format DEVICE WIDTHxHEIGHT RATE FRAMES FORMAT   only in this format, against the device's own I420
//   capture-probe microphone SOURCE FRAMES
//   capture-probe tone SECONDS                                    raw 48 kHz stereo of the test tone
//   capture-probe watch SECONDS
//
// Exit status 0, or 1 with a last line "error: REASON: …", or 2 for a wrong command line.

import Capture
import Glibc
import Primitives
import Reactor

let arguments = CommandLine.arguments.dropFirst()

/// A line at once, also when the output is no terminal.
func say(_ text: String) {
    print(text)
    fflush(nil)
}

func usage() -> Never {
    say("usage: capture-probe list | camera SOURCE WxH RATE FRAMES | format DEVICE WxH RATE FRAMES FORMAT")
    say("       | microphone SOURCE FRAMES | tone SECONDS | watch SECONDS")
    exit(2)
}

func fail(_ error: CaptureError) -> Never {
    say("error: \(error.reason): \(error)")
    exit(1)
}

func list() {
    for facts in CameraSelection.ranked(CameraFacts.enumerate()) {
        say("camera: \(facts.preferredPath) \(facts.driver) \(facts.bus) \(facts.name)")
    }
}

/// The mean of a picture's luma, and a sum over its pixels that two different pictures hardly share.
func look(at frame: borrowing VideoFrame) -> (mean: Int, fingerprint: UInt64) {
    let (width, height, stride) = (frame.width, frame.height, frame.stride)
    return frame.withUnsafePlanes { y, _, _ in
        var sum = 0
        var fingerprint: UInt64 = 0xCBF2_9CE4_8422_2325
        for row in 0..<height {
            for column in 0..<width {
                let value = y[row * stride + column]
                sum += Int(value)
                fingerprint = (fingerprint ^ UInt64(value)) &* 0x100_0000_01B3
            }
        }
        return (sum / (width * height), fingerprint)
    }
}

func camera(
    _ source: CameraSource, _ width: Int, _ height: Int, _ rate: Int32, frames: Int, only format: PixelFormat? = nil
) throws(CaptureError) {
    let began = MonotonicClock.now()
    var camera = try Camera(
        opening: CameraRequest(
            source: source, width: width, height: height, frameRate: FrameRate(frames: rate), pixelFormat: format))
    say("camera: \(camera.identity.path ?? "-") \(camera.identity.driver) \(camera.identity.name)")
    say("format: \(camera.format)")
    var frame = camera.makeFrame()
    var pictures: Set<UInt64> = []
    var (first, last) = (Instant.zero, Instant.zero)
    var worstAge = Duration.zero
    for index in 0..<frames {
        _ = try camera.nextFrame(into: &frame, timeout: .seconds(5), interruptedBy: nil)
        let now = MonotonicClock.now()
        if index == 0 {
            first = frame.captureTime
            say("first frame: \(Int((now - began).milliseconds)) ms")
        }
        last = frame.captureTime
        worstAge = max(worstAge, now - frame.captureTime)
        let seen = look(at: frame)
        pictures.insert(seen.fingerprint)
        if index == frames - 1 { say("mean luma: \(seen.mean)") }
    }
    let rate = Double(frames - 1) / max(0.001, (last - first).seconds)
    say("rate: \(Int(rate * 10 + 0.5))/10 frames/s")
    say("oldest frame: \(Int(worstAge.milliseconds)) ms")
    say("different pictures: \(pictures.count) of \(frames)")
    for (event, count) in camera.events.nonZero { say("\(event): \(count)") }
}

/// How much of the sound is at one frequency, 0 … 1 (Goertzel's filter).
func share(of frequency: Double, in samples: [Int16]) -> Double {
    let coefficient = 2 * cos(2 * Double.pi * frequency / Double(AudioFrame.sampleRate))
    var (before, last, energy) = (0.0, 0.0, 0.0)
    for sample in samples {
        let value = Double(sample)
        (before, last) = (last, value + coefficient * last - before)
        energy += value * value
    }
    let power = last * last + before * before - coefficient * last * before
    return energy == 0 ? 0 : power * 2 / (energy * Double(samples.count))
}

func microphone(_ source: MicrophoneSource, frames: Int) throws(CaptureError) {
    guard var microphone = try Microphone.open(source) else {
        say("microphone: none")
        return
    }
    say("microphone: \(microphone.name)")
    var frame = AudioFrame()
    var samples: [Int16] = []
    var (first, last) = (Instant.zero, Instant.zero)
    var worstStep = Duration.zero
    for index in 0..<frames {
        _ = try microphone.read(into: &frame, timeout: .seconds(5), interruptedBy: nil)
        if index == 0 { first = frame.captureTime }
        if index > 0 {
            let step = frame.captureTime - last - AudioFrame.duration
            worstStep = max(worstStep, step < .zero ? .zero - step : step)
        }
        last = frame.captureTime
        for position in 0..<frame.samples.count { samples.append(frame.samples[position]) }
    }
    let loudest = samples.map { abs(Int($0)) }.max() ?? 0
    say("loudest: \(loudest)")
    // A slice of two hundred milliseconds, so that a gap somewhere does not spread the tone.
    say("tone: \(Int(100 * share(of: 440, in: Array(samples.suffix(9_600))))) % at 440 Hz")
    say("duration: \(Int((last - first).milliseconds)) ms for \((frames - 1) * 20) ms of sound")
    say("worst step: \(Int(worstStep.milliseconds)) ms")
    for (event, count) in microphone.events.nonZero { say("\(event): \(count)") }
}

func watch(_ seconds: Int64) throws(SystemError) {
    var watcher = try DeviceWatcher()
    var loop = try EventLoop()
    try loop.register(watcher.descriptor, token: .init(1), for: .readable)
    let end = MonotonicClock.now() + .seconds(seconds)
    say("watching")
    while MonotonicClock.now() < end {
        try loop.wait(until: end)
        while let event = watcher.next() {
            say("device: \(event.action.rawValue) \(event.subsystem.rawValue) \(event.node ?? "-")")
        }
    }
}

/// The test tone as aplay takes it.
func tone(_ seconds: Int) throws(CaptureError) {
    guard var microphone = try Microphone.open(.testTone) else { return }
    var frame = AudioFrame()
    var bytes: [UInt8] = []
    // The tone repeats after two seconds: what comes in real time is heard again and again.
    for _ in 0..<100 {
        _ = try microphone.read(into: &frame, timeout: .seconds(1), interruptedBy: nil)
        for index in 0..<frame.samples.count {
            let sample = UInt16(bitPattern: frame.samples[index])
            for _ in 0..<2 { bytes += [UInt8(truncatingIfNeeded: sample), UInt8(truncatingIfNeeded: sample >> 8)] }
        }
    }
    for _ in 0..<(seconds + 1) / 2 { _ = write(1, bytes, bytes.count) }
}

let words = Array(arguments)
switch words.first {
case "list" where words.count == 1: list()
case "camera" where words.count == 5:
    let size = words[2].split(separator: "x").compactMap { Int($0) }
    guard let source = CameraSource(words[1]), size.count == 2, let rate = Int32(words[3]), let frames = Int(words[4])
    else { usage() }
    do { try camera(source, size[0], size[1], rate, frames: frames) } catch { fail(error) }
case "format" where words.count == 6:
    let size = words[2].split(separator: "x").compactMap { Int($0) }
    guard size.count == 2, let rate = Int32(words[3]), let frames = Int(words[4]),
        let format = PixelFormat(rawValue: words[5].uppercased())
    else { usage() }
    do { try camera(.device(words[1]), size[0], size[1], rate, frames: frames, only: format) } catch { fail(error) }
case "tone" where words.count == 2:
    guard let seconds = Int(words[1]) else { usage() }
    do { try tone(seconds) } catch { fail(error) }
case "microphone" where words.count == 3:
    guard let source = MicrophoneSource(words[1]), let frames = Int(words[2]) else { usage() }
    do { try microphone(source, frames: frames) } catch { fail(error) }
case "watch" where words.count == 2:
    guard let seconds = Int64(words[1]) else { usage() }
    do { try watch(seconds) } catch { fail(.system(device: "udev", error)) }
default: usage()
}
