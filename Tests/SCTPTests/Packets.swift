import Primitives
import TestSupport

@testable import SCTP

/// A packet that a test writes or reads, chunk by chunk. Ports are 5000, the checksum is zero, which both sides take behind the handshake.
struct Packet {
    struct Chunk: Equatable {
        var type: UInt8
        var flags: UInt8
        var value: [UInt8]
    }

    var tag: UInt32
    var checksum: UInt32
    var chunks: [Chunk]

    init(_ bytes: [UInt8]) {
        func number(_ at: Int) -> UInt32 { bytes[at..<at + 4].reduce(0) { $0 << 8 | UInt32($1) } }
        tag = number(4)
        checksum = number(8)
        chunks = []
        var at = 12
        while at < bytes.count {
            let length = Int(bytes[at + 2]) << 8 | Int(bytes[at + 3])
            chunks.append(Chunk(type: bytes[at], flags: bytes[at + 1], value: Array(bytes[at + 4..<at + length])))
            at += (length + 3) & ~3
        }
    }

    var types: [UInt8] { chunks.map(\.type) }
    subscript(type: ChunkType) -> Chunk? { chunks.first { $0.type == type.rawValue } }

    /// With a checksum where it is asked for.
    static func bytes(tag: UInt32, checksummed: Bool = false, _ chunks: [UInt8]...) -> [UInt8] {
        var bytes: [UInt8] = [0x13, 0x88, 0x13, 0x88] + big(tag) + [0, 0, 0, 0]
        for chunk in chunks { bytes += chunk + [UInt8](repeating: 0, count: (4 - chunk.count % 4) % 4) }
        if checksummed {
            let crc = CRC32c.checksum(ofPacket: bytes.span)
            for index in 0..<4 { bytes[8 + index] = UInt8(truncatingIfNeeded: crc >> UInt32(8 * index)) }
        }
        return bytes
    }

    static func chunk(_ type: UInt8, flags: UInt8 = 0, length: Int? = nil, _ value: [UInt8] = []) -> [UInt8] {
        let length = length ?? value.count + 4
        return [type, flags, UInt8(length >> 8 & 0xFF), UInt8(length & 0xFF)] + value
    }

    static func data(
        _ tsn: UInt32, stream: UInt16 = 0, sequence: UInt16 = 0, flags: UInt8 = 3, protocol: UInt32 = 53,
        _ data: [UInt8]
    ) -> [UInt8] {
        chunk(0, flags: flags, big(tsn) + big(stream) + big(sequence) + big(`protocol`) + data)
    }

    static func sack(_ cumulative: UInt32, window: UInt32 = 1 << 20, gaps: [ClosedRange<UInt16>] = []) -> [UInt8] {
        chunk(
            3,
            big(cumulative) + big(window) + big(UInt16(gaps.count)) + big(0 as UInt16)
                + gaps.flatMap { big($0.lowerBound) + big($0.upperBound) })
    }
}

func big<Number: FixedWidthInteger>(_ number: Number) -> [UInt8] {
    (0..<Number.bitWidth / 8).map { UInt8(truncatingIfNeeded: number >> Number(Number.bitWidth - 8 - 8 * $0)) }
}

func number(_ bytes: [UInt8], at: Int) -> UInt32 { bytes[at..<at + 4].reduce(0) { $0 << 8 | UInt32($1) } }

/// One association, and a peer that the test plays.
struct Lone {
    var association: Association
    var now = Instant(nanoseconds: 5_000_000_000)
    /// Our tag and first number, as the peer learned them; those of the peer.
    var tag: UInt32 = 0
    var tsn: UInt32 = 0
    let peerTag: UInt32 = 0xAAAA_0001
    let peerTSN: UInt32 = 1000
    /// Parameters of the peer's INIT ACK: FORWARD TSN, RE-CONFIG, zero checksum.
    static let extensions: [UInt8] = [0xC0, 0, 0, 4, 0x80, 0x08, 0, 6, 192, 130, 0, 0, 0x80, 0x01, 0, 8, 0, 0, 0, 1]

    init(_ configuration: AssociationConfiguration = AssociationConfiguration()) {
        association = Association(configuration, authenticator: .openSSL, random: .seeded(7))
    }

    /// Connected: the peer has answered.
    static func established(
        _ configuration: AssociationConfiguration = AssociationConfiguration(), extensions: [UInt8] = Lone.extensions,
        window: UInt32 = 1 << 20, streams: UInt16 = 65_535
    ) -> Lone {
        var lone = Lone(configuration)
        lone.association.start(now: lone.now)
        let initiation = lone.next()![.initiation]!
        (lone.tag, lone.tsn) = (number(initiation.value, at: 0), number(initiation.value, at: 12))
        lone.receive(
            checksummed: true,
            Packet.chunk(
                2,
                big(lone.peerTag) + big(window) + big(streams) + big(streams) + big(lone.peerTSN)
                    + [0, 7, 0, 8, 1, 2, 3, 4] + extensions))
        precondition(lone.next()?.types == [10])
        lone.receive(Packet.chunk(11))
        precondition(lone.events() == [.established])
        return lone
    }

    /// The next packet; nil when there is none.
    mutating func next(allowance: Int? = nil) -> Packet? {
        nextBytes(allowance: allowance).map(Packet.init)
    }

    mutating func nextBytes(allowance: Int? = nil) -> [UInt8]? {
        var buffer = PacketBuffer(capacity: 2048)
        guard association.pollTransmit(into: &buffer, allowance: allowance.map { DataSize(bytes: $0) }, now: now) else {
            return nil
        }
        let bytes = copy(buffer.bytes)
        precondition(bytes.count <= association.configuration.maximumPacketSize)
        return bytes
    }

    /// All packets that go now.
    mutating func all() -> [Packet] {
        var packets: [Packet] = []
        while let packet = next() { packets.append(packet) }
        return packets
    }

    mutating func receive(checksummed: Bool = false, _ chunks: [UInt8]...) {
        var bytes = Packet.bytes(tag: tag)
        for chunk in chunks { bytes += chunk + [UInt8](repeating: 0, count: (4 - chunk.count % 4) % 4) }
        if checksummed {
            let crc = CRC32c.checksum(ofPacket: bytes.span)
            for index in 0..<4 { bytes[8 + index] = UInt8(truncatingIfNeeded: crc >> UInt32(8 * index)) }
        }
        receive(bytes: bytes)
    }

    mutating func receive(bytes: [UInt8]) { association.handle(bytes.span, now: now) }

    mutating func events() -> [AssociationEvent] {
        var events: [AssociationEvent] = []
        while let event = association.pollEvent() { events.append(event) }
        return events
    }

    /// Messages that came, by their bytes.
    mutating func messages() -> [[UInt8]] {
        events().compactMap { if case .message(let message) = $0 { message.bytes } else { nil } }
    }

    mutating func send(
        _ size: Int, on stream: UInt16 = 0, unordered: Bool = false, _ reliability: Reliability = .reliable
    ) {
        try! association.send(
            payload(size, size), on: StreamID(stream), .binary, isUnordered: unordered, reliability: reliability,
            now: now)
    }

    mutating func wait(_ duration: Duration) {
        now += duration
        association.handleTimeout(now: now)
    }

    /// Until the next deadline.
    mutating func waitForTimeout() -> WakeReason? {
        guard let wake = association.nextTimeout else { return nil }
        now = max(now, wake.at)
        association.handleTimeout(now: now)
        return wake.reason
    }

    func dropped(_ drop: SCTPDrop) -> UInt64 { association.dropped[drop] }
}

extension Packet {
    /// The numbers of its DATA chunks.
    var numbers: [UInt32] { chunks.filter { $0.type == 0 }.map { number($0.value, at: 0) } }
}
