import Codecs
import Crypto
import Primitives
import SRTP

/// A server, or a client whose hello is out, handles datagrams cut from the input: each is led by a byte that gives
/// its length in units of 8.
func fuzzDTLS(_ input: [UInt8], role: DTLSRole) {
    let now = Instant(nanoseconds: 1)
    guard let certificate = try? Certificate(now: WallClock(secondsSince1970: 1_790_000_000)),
        var endpoint = try? DTLSEndpoint(role: role, borrowing: certificate)
    else { preconditionFailure("dtls: no endpoint") }
    endpoint.start(now: now)
    var offset = 0
    while offset < input.count {
        let size = min(Int(input[offset]) * 8, input.count - offset - 1)
        endpoint.handle(input.span.extracting(offset + 1..<offset + 1 + size), now: now)
        offset += 1 + size
    }
    var packet = PacketBuffer(capacity: 1500)
    while endpoint.pollTransmit(into: &packet) {
        precondition(packet.count <= DTLSEndpoint.maximumDatagram, "dtls: a datagram beyond the limit")
    }
    while let event = endpoint.pollEvent() {
        if case .handshakeCompleted = event { preconditionFailure("dtls: a handshake completed with noise") }
    }
    if let wake = endpoint.nextTimeout { precondition(wake.at > now, "dtls: a deadline that is not in the future") }
}

/// The first byte chooses the profile, the rest is one packet: without the key none may pass.
func fuzzSRTP(_ input: [UInt8]) {
    guard let first = input.first, input.count <= PacketPool.slotSize else { return }
    let profile = SRTPProfile.allCases[Int(first) % SRTPProfile.allCases.count]
    let key = SRTPMasterKey(
        profile: profile, key: Array(repeating: 0x5A, count: profile.keyLength),
        salt: Array(repeating: 0xA5, count: profile.saltLength))
    guard var receiver = try? SRTPReceiver(key: key) else { preconditionFailure("srtp: no receiver") }
    var packet = PacketBuffer(Array(input.dropFirst()))
    var control = PacketBuffer(Array(input.dropFirst()))
    try? receiver.unprotect(&packet)
    try? receiver.unprotectControl(&control)
    precondition(receiver.errors.total == 2, "srtp: noise passed for a packet")
}

/// The same bytes as a first and as a second picture.
func fuzzVP8(_ input: [UInt8]) {
    guard var decoder = try? VP8Decoder(maximumPixels: 640 * 480) else { preconditionFailure("vp8: no decoder") }
    var picture = VideoFrame(width: 16, height: 16)
    for _ in 0..<2 { _ = try? decoder.decode(input.span, into: &picture) }
    precondition(picture.width * picture.height <= 640 * 480, "vp8: a picture beyond the limit")
}

/// One packet, then as the successor of a lost one.
func fuzzOpus(_ input: [UInt8]) {
    guard var decoder = try? OpusDecoder() else { preconditionFailure("opus: no decoder") }
    var samples = [Int16](repeating: 0, count: OpusDecoder.maximumSamples)
    var span = samples.mutableSpan
    _ = try? decoder.decode(input.span, into: &span)
    _ = try? decoder.recover(from: input.span, into: &span)
    _ = try? decoder.conceal(into: &span)
}
