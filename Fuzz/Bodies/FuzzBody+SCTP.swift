import Primitives
import SCTP
import TestSupport

/// What a machine may hold, whatever comes: its buffers, and a message on top.
private let mostHeld = (1 << 20) + (2 << 20) + 2 * 262_144

/// Bytes are packets of a peer that knows the tags: the first byte chooses a phase, then each packet is a length and its chunks. Headers are
/// made, so that everything gets to the chunks; a packet of a zero length lets time pass.
func fuzzSCTP(_ input: [UInt8]) {
    var now = Instant(nanoseconds: 1_000_000_000)
    var configuration = AssociationConfiguration()
    configuration.receiveBuffer = 65_536
    configuration.maximumReceivedMessageSize = 16_384
    var channels = DataChannels(
        configuration, role: .server, authenticator: .openSSL, random: .seeded(1), maximumChannels: 20)
    var packet = PacketBuffer(capacity: 1500)
    var tag: UInt32 = 0
    var phase = Int(input.first ?? 0)

    func turn() {
        var count = 0
        for _ in 0..<50 {
            while channels.pollEvent() != nil {}
            while channels.pollTransmit(into: &packet, now: now) {
                count += 1
                precondition(count < 2000, "sctp: it never stops sending")
                precondition(packet.count <= configuration.maximumPacketSize, "sctp: a packet is too large")
                packet.removeAll()
            }
            precondition(channels.heldBytes <= mostHeld, "sctp: it holds too much")
            guard let wake = channels.nextTimeout, wake.at <= now else { return }
            channels.handleTimeout(now: now)
        }
        preconditionFailure("sctp: it never goes idle")
    }

    func receive(_ chunks: [UInt8], tag: UInt32) {
        var bytes: [UInt8] = [0x13, 0x88, 0x13, 0x88]
        for shift in [24, 16, 8, 0] as [UInt32] { bytes.append(UInt8(truncatingIfNeeded: tag >> shift)) }
        bytes += [0, 0, 0, 0] + chunks
        channels.handle(bytes.span, now: now)
        turn()
    }

    // The handshake of a peer that has sent nothing yet; number 1,000 is its first.
    if phase % 4 != 0 {
        channels.start(now: now)
        precondition(channels.pollTransmit(into: &packet, now: now), "sctp: there is no INIT")
        let initiation = copy(packet.bytes)
        packet.removeAll()
        tag = initiation[16..<20].reduce(0) { $0 << 8 | UInt32($1) }
        if phase % 4 > 1 {
            let extensions: [UInt8] = [0xC0, 0, 0, 4, 0x80, 8, 0, 6, 192, 130, 0, 0, 0x80, 1, 0, 8, 0, 0, 0, 1]
            let fields: [UInt8] = [
                0, 0, 0, 9, 0, 1, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 3, 232, 0, 7, 0, 8, 1, 2, 3, 4,
            ]
            receive([2, 0, 0, 48] + fields + extensions, tag: tag)
            receive([11, 0, 0, 4], tag: tag)
            precondition(channels.isConnected, "sctp: it does not connect")
        }
        if phase % 4 == 3 {
            for label in ["a", "b", "c"] {
                let channel = try? channels.open(
                    DataChannelParameters(label: label, reliability: .maximumRetransmissions(1)), now: now)
                if let channel {
                    try? channels.send(.binary([UInt8](repeating: 7, count: 5000)), on: channel, now: now)
                }
            }
            turn()
        }
    }
    phase /= 4
    if phase % 2 == 1 { channels.shutdown(now: now) }
    var at = 1
    while at < input.count {
        let length = Int(input[at])
        at += 1
        if length == 0 {
            now += .milliseconds(150)
            if let wake = channels.nextTimeout, wake.at > now, phase % 4 > 1 { now = wake.at }
            channels.handleTimeout(now: now)
            turn()
            continue
        }
        let chunks = Array(input[at..<min(input.count, at + length)])
        at += length
        receive(chunks, tag: chunks.first == 1 ? 0 : tag)
    }
    // As bytes without any frame, too.
    channels.handle(input.span, now: now)
    turn()
    channels.abort()
    turn()
    precondition(
        channels.hasEnded && channels.nextTimeout == nil && channels.channelCount == 0, "sctp: it does not end")
}

/// Bytes are operations on two sides that exchange what they send, over a path that loses, doubles, reorders and damages. What arrives
/// on ordered and reliable channels is what was sent, in its order; and in the end both sides are idle.
func fuzzSCTPChannels(_ operations: [UInt8]) {
    var now = Instant(nanoseconds: 1_000_000_000)
    var configuration = AssociationConfiguration()
    configuration.receiveBuffer = 100_000
    configuration.sendBufferPerStream = 60_000
    configuration.sendBuffer = 120_000
    configuration.usesZeroChecksum = operations.count % 2 == 0
    var sides = [
        DataChannels(configuration, role: .client, authenticator: .openSSL, random: .seeded(3), maximumChannels: 12),
        DataChannels(configuration, role: .server, authenticator: .openSSL, random: .seeded(4), maximumChannels: 12),
    ]
    var random = RandomSource.seeded(UInt64(operations.count))
    var wire: [(to: Int, bytes: [UInt8])] = []
    var open: [[ChannelID]] = [[], []]
    /// What reliable and ordered channels carry: the label says whose, and messages count from zero.
    var counts: [String: (sent: Int, received: Int)] = [:]
    var labels: [[ChannelID: String]] = [[:], [:]]
    var opened = 0
    var mayDamage = true
    var packet = PacketBuffer(capacity: 1500)

    func take(_ side: Int) {
        while let event = sides[side].pollEvent() {
            switch event {
            case .opened(let id, _, let parameters):
                open[side].append(id)
                labels[side][id] = parameters.label
            case .message(let id, .binary(let bytes)):
                guard let label = labels[side][id], label.hasPrefix("r"), bytes.count >= 2 else { continue }
                let number = Int(bytes[0]) << 8 | Int(bytes[1])
                let key = "\(label) from \(1 - side)"
                precondition(counts[key, default: (0, 0)].received == number, "sctp: a message out of order")
                counts[key, default: (0, 0)].received += 1
            case .closed(let id): open[side].removeAll { $0 == id }
            case .ended:
                // Damage that the checksum's absence lets through may end it; nothing is held then.
                open[side] = []
            case .connected, .accepted, .message, .bufferedAmountLow: break
            }
        }
    }

    func turn(_ side: Int, allowance: Int? = nil) {
        var count = 0
        for _ in 0..<100 {
            take(side)
            while sides[side].pollTransmit(into: &packet, allowance: allowance.map { DataSize(bytes: $0) }, now: now) {
                count += 1
                precondition(count < 2000, "sctp: it never stops sending")
                if wire.count < 400 { wire.append((1 - side, copy(packet.bytes))) }
                packet.removeAll()
            }
            precondition(sides[side].heldBytes <= 120_000 + 100_000 + 2 * 262_144, "sctp: it holds too much")
            guard let wake = sides[side].nextTimeout, wake.at <= now else { return }
            sides[side].handleTimeout(now: now)
        }
        preconditionFailure("sctp: it never goes idle")
    }

    func send(_ side: Int, size: Int) {
        guard let id = open[side].randomElement(using: &random), let label = labels[side][id] else { return }
        let key = "\(label) from \(side)"
        let number = counts[key, default: (0, 0)].sent
        var bytes = [UInt8](repeating: UInt8(side), count: max(2, size))
        (bytes[0], bytes[1]) = (UInt8(number >> 8 & 0xFF), UInt8(number & 0xFF))
        guard (try? sides[side].send(.binary(bytes), on: id, now: now)) != nil else { return }
        counts[key, default: (0, 0)].sent += 1
    }

    for operation in operations {
        let side = Int(operation & 1)
        let argument = Int(operation >> 5)
        switch operation >> 1 & 15 {
        case 0: sides[side].start(now: now)
        case 1, 2:
            let reliability: [Reliability] = [
                .reliable, .reliable, .maximumRetransmissions(0), .maximumRetransmissions(2),
                .maximumLifetime(.milliseconds(100)),
            ]
            let kind = reliability[argument % 5]
            let isReliable = kind == .reliable && argument < 5
            opened += 1
            let parameters = DataChannelParameters(
                label: "\(isReliable ? "r" : "x")\(opened)", isOrdered: argument < 5, reliability: kind)
            guard let id = try? sides[side].open(parameters, now: now) else { break }
            open[side].append(id)
            labels[side][id] = parameters.label
        case 3: send(side, size: argument * 40)
        case 4: send(side, size: argument * 4000)
        case 5: for _ in 0...argument { send(side, size: 900) }
        case 6: if let id = open[side].randomElement(using: &random) { sides[side].close(id) }
        case 7, 8, 9, 10:
            for _ in 0...(argument * argument) where !wire.isEmpty {
                let entry = wire.remove(
                    at: operation >> 1 & 15 == 8 ? Int.random(in: 0..<wire.count, using: &random) : 0)
                if operation >> 1 & 15 == 9 { wire.append(entry) }
                sides[entry.to].handle(entry.bytes.span, now: now)
            }
        case 11:
            // Only where a checksum finds it: DTLS would have.
            guard mayDamage, !configuration.usesZeroChecksum, !wire.isEmpty else { break }
            var bytes = wire.removeFirst()
            bytes.bytes[Int.random(in: 0..<bytes.bytes.count, using: &random)] ^= 1 << UInt8(argument)
            sides[bytes.to].handle(bytes.bytes.span, now: now)
        case 12: now += .milliseconds(argument * 30)
        case 13: now += .milliseconds(argument * argument * 100)
        case 14: wire.removeAll()
        default: turn(side, allowance: argument * 300)
        }
        turn(0)
        turn(1)
    }
    // A good path from here: everything that was sent arrives.
    mayDamage = false
    for side in 0...1 { sides[side].start(now: now) }
    for _ in 0..<3000 {
        turn(0)
        turn(1)
        if wire.isEmpty {
            let isDone = sides.allSatisfy {
                $0.hasEnded || $0.isConnected && $0.heldBytes == 0 && $0.bytesInFlight == .zero
            }
            guard !isDone, let wake = sides.compactMap({ $0.nextTimeout?.at }).min() else { break }
            now = max(now, wake)
        }
        let sent = wire
        wire = []
        now += .milliseconds(10)
        for entry in sent { sides[entry.to].handle(entry.bytes.span, now: now) }
        for side in 0...1 where (sides[side].nextTimeout?.at ?? .distantFuture) <= now {
            sides[side].handleTimeout(now: now)
        }
    }
    guard !sides[0].hasEnded, !sides[1].hasEnded else { return }
    precondition(sides[0].isConnected && sides[1].isConnected, "sctp: they do not connect")
    precondition(sides[0].heldBytes == 0 && sides[1].heldBytes == 0, "sctp: something is held for ever")
    for side in 0...1 { sides[side].shutdown(now: now) }
    turn(0)
    turn(1)
}
