import Primitives

/// Chunks without data that are to be sent: answers as whole packets, and what the phase wants as flags; and T1 and T2.
struct ControlQueue: Sendable {
    struct Due: OptionSet, Sendable {
        let rawValue: UInt8
        static let initiation = Due(rawValue: 1)
        static let cookieEcho = Due(rawValue: 2)
        static let cookieAck = Due(rawValue: 4)
        static let shutdown = Due(rawValue: 8)
        static let shutdownAck = Due(rawValue: 16)
        static let heartbeat = Due(rawValue: 32)
    }

    private static let maximumReplies = 16
    private let configuration: AssociationConfiguration
    private var replies: RingBuffer<[UInt8]>
    var due: Due
    /// T1-init, T1-cookie or T2-shutdown.
    private(set) var timerAt: Instant?
    private var attempts: Int

    init(_ configuration: AssociationConfiguration) {
        self.configuration = configuration
        replies = RingBuffer(capacity: 4)
        due = []
        timerAt = nil
        attempts = 0
    }

    /// Something that must be answered is sent for the first time.
    mutating func start(_ what: Due, rto: Duration, now: Instant) {
        due.insert(what)
        timerAt = now + rto
        attempts = 0
    }

    /// The answer is there.
    mutating func stop() {
        due.subtract([.initiation, .cookieEcho, .shutdown, .shutdownAck])
        timerAt = nil
    }

    /// No answer came. False when there were too many attempts.
    mutating func retry(_ what: Due, rto: Duration, now: Instant) -> Bool {
        attempts += 1
        guard attempts <= configuration.maximumRetransmissions else { return false }
        due.insert(what)
        timerAt = now + rto
        return true
    }

    mutating func nextReply() -> [UInt8]? { replies.popFirst() }

    /// A packet of its own; false when too many wait, and it is dropped.
    mutating func reply(tag: UInt32, _ body: (inout ByteWriter) -> Void) -> Bool {
        guard replies.count < Self.maximumReplies else { return false }
        let written = [UInt8].written(capacity: configuration.maximumPacketSize) { writer in
            writer.writePacketHeader(configuration, tag: tag)
            body(&writer)
        }
        guard var packet = written else { return false }
        var bytes = packet.mutableSpan
        PacketHeader.seal(&bytes)
        replies.append(packet)
        return true
    }

    /// Writes the chunks of beginning and end that are due. True when the packet has one that must have a checksum, and takes
    /// nothing else.
    mutating func write(
        into packet: inout PacketBuffer, _ phase: AssociationPhase, own: InitiationChunk, received: TSN, limit: Int
    ) -> Bool {
        if due.contains(.initiation) {
            due.remove(.initiation)
            packet.write { own.write(as: .initiation, into: &$0) }
            return true
        }
        if due.contains(.cookieEcho), case .cookieEchoed(_, let cookie, let report) = phase {
            due.remove(.cookieEcho)
            packet.write { $0.writeChunk(.cookieEcho) { $0.write(cookie) } }
            if !report.isEmpty, packet.count + report.count + 8 <= limit {
                packet.write { $0.writeChunk(.error) { $0.writeCause(.unrecognizedParameters) { $0.write(report) } } }
            }
            return true
        }
        if due.contains(.cookieAck) {
            due.remove(.cookieAck)
            packet.write { $0.writeChunk(.cookieAck) { _ in } }
        }
        if due.contains(.shutdown) {
            due.remove(.shutdown)
            packet.write { $0.writeChunk(.shutdown) { $0.write(received.rawValue) } }
        }
        if due.contains(.shutdownAck) {
            due.remove(.shutdownAck)
            packet.write { $0.writeChunk(.shutdownAck) { _ in } }
        }
        return false
    }
}

extension ByteWriter {
    /// The common header, with a checksum of zero.
    mutating func writePacketHeader(_ configuration: AssociationConfiguration, tag: UInt32) {
        write(configuration.localPort)
        write(configuration.remotePort)
        write(tag)
        write(0 as UInt32)
    }
}
