import ICE
import Primitives
import STUN
import TestSupport

func copy(_ span: Span<UInt8>) -> [UInt8] {
    var bytes: [UInt8] = []
    for index in 0..<span.count { bytes.append(span[index]) }
    return bytes
}

/// Whatever the bytes, every question about them has an answer.
func fuzzSTUN(_ bytes: [UInt8]) {
    _ = STUNMessage.isSTUN(bytes.span)
    guard let message = try? STUNMessage(bytes.span) else { return }
    let types = message.attributeTypes
    for type in types + [.xorMappedAddress, .errorCode, .data, .icmp] {
        precondition(message.has(type) == types.contains(type), "stun: an attribute is there or not")
        _ = message.uint32(of: type)
        _ = message.uint64(of: type)
        _ = message.text(of: type)
        _ = message.address(of: type)
        _ = message.xorAddresses(of: type)
        if let range = message.valueRange(of: type) {
            precondition(range.upperBound <= bytes.count, "stun: a value lies in the datagram")
        }
    }
    _ = (message.errorCode, message.unknownAttributes, message.notUnderstood)
    _ = message.integrity(key: IntegrityKey(bytes: [1]), using: .openSSL)
}

/// Never traps, and what it accepts prints to something that parses to the same.
func fuzzCandidate(_ bytes: [UInt8]) {
    let text = String(decoding: bytes, as: UTF8.self)
    guard let candidate = try? Candidate(text) else { return }
    guard let again = try? Candidate(candidate.attribute) else {
        preconditionFailure("candidate: a printed candidate does not parse")
    }
    precondition(again == candidate, "candidate: a printed candidate parses to another")
    precondition(!candidate.attribute.contains("\r") && !candidate.attribute.contains("\n"))
}

/// A client of a hostile server. Steps are led by a byte that says what, and one that says how much follows; the server's
/// messages get the transaction identifier of the client's last request, so that they are answers.
func fuzzTURN(_ input: [UInt8]) {
    let server = SocketAddress("192.0.2.9:3478")!
    var client = TURNClient(
        server: TURNServer(address: server, credentials: TURNCredentials(username: "u", password: "p")),
        base: SocketAddress("192.0.2.1:1000")!, authenticator: .openSSL, random: .seeded(1))
    var reader = TURNStreamReader()
    var now = Instant(nanoseconds: 1_000_000_000)
    var packet = PacketBuffer(capacity: PacketPool.slotSize)
    var lastRequest: [UInt8] = []
    client.start(now: now)
    var offset = 0
    while offset + 1 < input.count {
        let operation = input[offset]
        let size = min(Int(input[offset + 1]), input.count - offset - 2)
        var bytes = Array(input[offset + 2..<offset + 2 + size])
        offset += 2 + size
        let peer = SocketAddress(address: .v4(0xC000_0200 | UInt32(operation >> 4)), port: 5000)
        switch operation & 15 {
        case 0...5:
            if bytes.count >= 20, lastRequest.count >= 20, operation & 1 == 0 {
                bytes.replaceSubrange(4..<20, with: lastRequest[4..<20])
                bytes[2] = UInt8((bytes.count - 20) >> 8)
                bytes[3] = UInt8((bytes.count - 20) & 252)
            }
            if case .data(let range, _) = client.handle(bytes.span, now: now) {
                precondition(range.upperBound <= bytes.count, "turn: data lies in the datagram")
            }
        case 6: client.permit(peer.address, now: now)
        case 7: client.bindChannel(to: peer, now: now)
        case 8:
            packet.removeAll()
            packet.append(bytes.span)
            _ = client.frame(&packet, to: peer)
        case 9: now += .milliseconds(Int64(size) * 10)
        case 10: now += .seconds(Int64(size))
        case 11: client.replaceCredentials(TURNCredentials(username: "v", password: "\(size)"))
        case 12: if size > 200 { client.close(now: now) }
        default:
            reader.append(bytes.span)
            while reader.next(into: &packet) {}
        }
        client.handleTimeout(now: now)
        var count = 0
        while client.pollTransmit(into: &packet, now: now) != nil {
            lastRequest = copy(packet.bytes)
            count += 1
            precondition(count < 1000, "turn: it never stops sending")
        }
        while client.pollEvent() != nil {}
        if let wake = client.nextTimeout {
            precondition(wake.at > now, "turn: a deadline that is not in the future: \(wake.reason)")
        }
    }
}

/// A resolver that is asked and answered; the first byte of a step says which.
func fuzzMDNS(_ input: [UInt8]) {
    let base = SocketAddress("192.0.2.1:5000")!
    var resolver = MDNSResolver(bases: [base])
    var now = Instant(nanoseconds: 1_000_000_000)
    var packet = PacketBuffer(capacity: PacketPool.slotSize)
    var offset = 0
    while offset + 1 < input.count {
        let operation = input[offset]
        let size = min(Int(input[offset + 1]), input.count - offset - 2)
        let bytes = Array(input[offset + 2..<offset + 2 + size])
        offset += 2 + size
        switch operation & 7 {
        case 0...3: resolver.handle(bytes.span, from: SocketAddress("192.0.2.9:5353")!, now: now)
        case 4: resolver.resolve(String(decoding: bytes, as: UTF8.self) + ".local", now: now)
        case 5: now += .milliseconds(Int64(operation >> 3) * 50)
        case 6: resolver.setBases(operation & 8 == 0 ? [base] : [])
        default: resolver.cancel(String(decoding: bytes, as: UTF8.self) + ".local")
        }
        resolver.handleTimeout(now: now)
        var count = 0
        while resolver.pollTransmit(into: &packet, now: now) != nil {
            count += 1
            precondition(count < 1000, "mdns: it never stops asking")
        }
        while resolver.pollEvent() != nil {}
        if let wake = resolver.nextTimeout { precondition(wake.at > now, "mdns: a deadline that is not in the future") }
    }
}
