import Codecs
import Crypto
import Glibc
import Primitives
import SDP
import SRTP

// Times of what a session and a picture cost: `swift run -c release Benchmarks`. CPU time of the process, so that a
// busy machine changes the figures little.

func processorTime() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
}

func format(_ value: Double, digits: Int) -> String {
    let scale = pow(10, Double(digits))
    return "\((value * scale).rounded() / scale)"
}

/// A textured background that a shaking camera shifts, three textured squares that travel their own ways, and noise of
/// three bits as from a sensor in a dim room: harder than a person in front of a wall.
func draw(_ frame: inout VideoFrame, number: Int) {
    let (width, height, stride, chromaStride) = (frame.width, frame.height, frame.stride, frame.chromaStride)
    let (chromaWidth, chromaHeight) = (frame.chromaWidth, frame.chromaHeight)
    frame.captureTime = Instant(nanoseconds: Int64(number) * 33_333_333)
    let shift = Int(6 * sin(Double(number) / 5))
    var noise = UInt32(truncatingIfNeeded: number) &* 2_654_435_761 &+ 1
    frame.withUnsafeMutablePlanes { y, u, v in
        for row in 0..<height {
            for column in 0..<width {
                noise = noise &* 1_664_525 &+ 1_013_904_223
                let x = column + shift
                var value = 70 + x * 60 / width + row * 40 / height + ((x * x / 64 + row * row / 48) & 31)
                for square in 0..<3 {
                    let left = (number * (3 + 2 * square) + square * 200) % (width - width / 5)
                    let top = (number * (2 + square) + square * 90) % (height - height / 5)
                    if column >= left, column < left + width / 5, row >= top, row < top + height / 5 {
                        value = ((column - left) ^ (row - top)) & 127 + 40 + 20 * square
                    }
                }
                y[row * stride + column] = UInt8(clamping: value + Int(noise >> 29))
            }
        }
        for row in 0..<chromaHeight {
            for column in 0..<chromaWidth {
                u[row * chromaStride + column] = UInt8(clamping: 100 + column * 50 / chromaWidth)
                v[row * chromaStride + column] = UInt8(clamping: 150 - row * 50 / chromaHeight)
            }
        }
    }
}

func lumaPSNR(_ a: borrowing VideoFrame, _ b: borrowing VideoFrame) -> Double {
    let (width, height, strideA, strideB) = (a.width, a.height, a.stride, b.stride)
    var sum = 0
    a.withUnsafePlanes { pa, _, _ in
        b.withUnsafePlanes { pb, _, _ in
            for row in 0..<height {
                for column in 0..<width {
                    let difference = Int(pa[row * strideA + column]) - Int(pb[row * strideB + column])
                    sum += difference * difference
                }
            }
        }
    }
    return 10 * log10(255 * 255 * Double(width * height) / Double(max(sum, 1)))
}

func benchmarkVP8() throws {
    print("VP8, 640x480, 30 pictures/s, 600 kbit/s, 5 s of moving picture")
    print("speed  CPU s/s  kbit/s  dropped  PSNR dB")
    let pictures = 150
    for speed in [-4, -6, -8, -10, -12, -16] {
        var encoder = try VP8Encoder(
            VP8EncoderSettings(width: 640, height: 480, frameRate: 30, bitrate: .kilobits(600), speed: speed))
        var decoder = try VP8Decoder()
        var picture = VideoFrame(width: 640, height: 480)
        var decoded = VideoFrame(width: 640, height: 480)
        var frame = EncodedFrame(kind: .video, capacity: 1 << 18)
        var (spent, quality, shown) = (0.0, 0.0, 0)
        for number in 0..<pictures {
            draw(&picture, number: number)
            let begin = processorTime()
            let result = try encoder.encode(picture, into: &frame)
            spent += processorTime() - begin
            guard result == .encoded, try decoder.decode(frame.bytes, into: &decoded) else { continue }
            quality += lumaPSNR(picture, decoded)
            shown += 1
        }
        let rate = Double(encoder.measures.bytes) * 8 / 5000
        print(
            "\(speed)\t\(format(spent / 5, digits: 3))\t\(format(rate, digits: 0))\t\(encoder.measures.dropped)\t"
                + format(quality / Double(max(shown, 1)), digits: 1))
    }
}

func benchmarkScaler() {
    var source = VideoFrame(width: 640, height: 480)
    draw(&source, number: 1)
    for (width, height) in [(480, 360), (320, 240), (160, 120)] {
        var scaler = PictureScaler()
        var target = VideoFrame(width: width, height: height)
        scaler.scale(source, into: &target)
        let begin = processorTime()
        for _ in 0..<300 { scaler.scale(source, into: &target) }
        print("scale 640x480 to \(width)x\(height): \(format((processorTime() - begin) / 300 * 1e6, digits: 0)) µs")
    }
}

func benchmarkOpus() throws {
    var encoder = try OpusEncoder()
    var frame = EncodedFrame(kind: .audio, capacity: OpusEncoder.maximumPacket)
    var noise: UInt32 = 1
    var spent = 0.0
    for packet in 0..<500 {
        let samples = (0..<OpusEncoder.samplesPerPacket).map { index in
            noise = noise &* 1_664_525 &+ 1_013_904_223
            let time = Double(packet * 960 + index) / 48_000
            return Int16(5000 * sin(2 * .pi * 220 * time) * (1 + sin(2 * .pi * 3 * time)) / 2 + Double(noise >> 23))
        }
        let begin = processorTime()
        _ = try encoder.encode(samples.span, captureTime: .zero, into: &frame)
        spent += processorTime() - begin
    }
    print("Opus, 48 kHz mono, 32 kbit/s, complexity 5: \(format(spent / 10, digits: 4)) CPU s/s")
}

func benchmarkSessionStart() throws {
    let now = WallClock(secondsSince1970: 1_790_000_000)
    var begin = processorTime()
    let first = try Certificate(now: now)
    _ = try DTLSEndpoint(role: .server, borrowing: first)
    print("first certificate and endpoint of the process: \(format((processorTime() - begin) * 1e3, digits: 2)) ms")
    begin = processorTime()
    for _ in 0..<200 {
        let certificate = try Certificate(now: now)
        _ = try DTLSEndpoint(role: .server, borrowing: certificate)
    }
    print("each further one: \(format((processorTime() - begin) / 200 * 1e3, digits: 3)) ms")
}

func benchmarkSRTP() throws {
    let packets = 60_000
    for profile in SRTPProfile.allCases {
        let key = SRTPMasterKey(
            profile: profile, key: Array(repeating: 1, count: profile.keyLength),
            salt: Array(repeating: 2, count: profile.saltLength))
        var sender = try SRTPSender(key: key)
        var packet = PacketBuffer(capacity: PacketPool.slotSize)
        let begin = processorTime()
        for sequence in 0..<packets {
            packet.removeAll()
            packet.write { writer in
                writer.write(0x8060 as UInt16)
                writer.write(UInt16(sequence))
                writer.write(UInt64(1))
                writer.write(zeros: 1188)
            }
            try sender.protect(&packet)
        }
        print(
            "SRTP protect, 1200 bytes, \(profile): \(format((processorTime() - begin) / Double(packets) * 1e9, digits: 0)) ns"
        )
    }
}

/// As long as an offer may be: the most sections, and attributes up to the most bytes.
func largestOffer() -> String {
    var text =
        "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=ice-ufrag:abcd\r\na=ice-pwd:abcdefghijklmnopqrstuv\r\n"
    text +=
        "a=setup:actpass\r\na=fingerprint:sha-256 " + Array(repeating: "AB", count: 32).joined(separator: ":") + "\r\n"
    let sections = SessionDescription.maximumMediaSections
    text += "a=group:BUNDLE " + (0..<sections).map { "\($0)" }.joined(separator: " ") + "\r\n"
    let share = (SessionDescription.maximumLength - text.utf8.count) / sections
    for section in 0..<sections {
        var part = "m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:\(section)\r\na=rtcp-mux\r\na=rtpmap:96 VP8/90000\r\n"
        for number in 0... {
            let line = number.isMultiple(of: 2) ? "a=extmap:\(number % 14 + 1) u\r\n" : "a=rtcp-fb:96 nack\r\n"
            guard part.utf8.count + line.utf8.count <= share else { break }
            part += line
        }
        text += part
    }
    return text
}

func benchmarkLargestOffer() throws {
    let (text, rounds) = (largestOffer(), 20)
    let transport = LocalTransport(
        credentials: ICECredentials(usernameFragment: "abcdefgh", password: "0123456789abcdefghijklmn"),
        fingerprints: [Fingerprint(algorithm: .sha256, digest: Array(repeating: 1, count: 32))], candidates: [])
    let begin = processorTime()
    for _ in 0..<rounds {
        var negotiator = Negotiator(capabilities: .kiosk, random: .seeded(1))
        _ = try negotiator.answer(SessionDescription(parsing: text), with: transport)
    }
    let spent = (processorTime() - begin) / Double(rounds)
    print("answering an offer of \(text.utf8.count) bytes and 64 sections: \(format(spent * 1e3, digits: 2)) ms")
}

try benchmarkLargestOffer()
try benchmarkSRTP()
try benchmarkSessionStart()
try benchmarkOpus()
benchmarkScaler()
try benchmarkVP8()
