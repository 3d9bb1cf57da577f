import Primitives

/// The receiving half of an association: what has arrived, what is held of it, and when the peer is told.
struct IncomingData: Sendable {
    enum Verdict: Sendable {
        case taken
        /// A message larger than was announced.
        case tooLarge
    }

    private static let maximumDuplicates = 16

    private let configuration: AssociationConfiguration
    private var received: ReceivedTSNs
    private var reassembly: Reassembly
    private var duplicates: [TSN]
    private var packetsToAcknowledge: Int
    private var isAcknowledgementDue: Bool
    private var acknowledgeAt: Instant?
    private var advertised: Int
    /// Of messages that are complete and not taken yet.
    private var undelivered: Int
    private var drops: Counter<SCTPDrop>

    /// `drops` go on from those of the one before.
    init(_ configuration: AssociationConfiguration, initialTSN: TSN, drops: Counter<SCTPDrop> = Counter()) {
        self.configuration = configuration
        received = ReceivedTSNs(initial: initialTSN)
        reassembly = Reassembly(maximumMessageSize: configuration.maximumReceivedMessageSize)
        duplicates = []
        packetsToAcknowledge = 0
        isAcknowledgementDue = false
        acknowledgeAt = nil
        advertised = configuration.receiveBuffer
        undelivered = 0
        self.drops = drops
    }

    var cumulativeTSN: TSN { received.cumulativeTSN }
    /// What was dropped here.
    var dropped: Counter<SCTPDrop> {
        var all = drops
        all.add(reassembly.drops)
        return all
    }
    /// Bytes in memory.
    var heldBytes: Int { reassembly.heldBytes + undelivered }
    var nextTimeout: Instant? { acknowledgeAt }

    /// Whether everything up to this number has arrived.
    func hasReceived(through tsn: TSN) -> Bool { tsn.distance(from: received.cumulativeTSN) <= 0 }

    /// The oldest message that is complete; nil when there is none. It counts as held until `noteTaken`.
    mutating func nextMessage() -> AssociationMessage? {
        guard let message = reassembly.nextMessage() else { return nil }
        undelivered += message.bytes.count + Reassembly.overhead
        return message
    }

    /// The application has the message: its memory is no longer ours.
    mutating func noteTaken(_ message: AssociationMessage) {
        undelivered -= message.bytes.count + Reassembly.overhead
        // "Silly window": a window that had closed is told to be open only when much of it is.
        if advertised < 2 * configuration.maximumPacketSize, window >= configuration.receiveBuffer / 4 {
            isAcknowledgementDue = true
        }
    }

    // MARK: Chunks

    mutating func handle(_ chunk: DataChunk, _ bytes: Span<UInt8>) -> Verdict {
        let number = received.unwrap(chunk.tsn)
        if chunk.flags.contains(.immediate) { isAcknowledgementDue = true }
        switch received.place(of: number) {
        case .duplicate:
            drops.add(.duplicateData)
            // "When a packet arrives with duplicate DATA chunk(s) … the endpoint MUST immediately send a SACK".
            isAcknowledgementDue = true
            if duplicates.count < Self.maximumDuplicates { duplicates.append(chunk.tsn) }
        case .beyond:
            drops.add(.dataBeyondWindow)
            isAcknowledgementDue = true
        case .next:
            // What is stored waits for this chunk, so it does not count here.
            guard undelivered + reassembly.partialSize < configuration.receiveBuffer else {
                drops.add(.receiveBufferFull)
                isAcknowledgementDue = true
                return .taken
            }
            received.insert(number)
            guard reassembly.addNext(chunk, number, bytes), reassembly.passStored(through: received.cumulative) else {
                return .tooLarge
            }
        case .ahead:
            isAcknowledgementDue = true
            guard heldBytes + bytes.count + Reassembly.overhead <= configuration.receiveBuffer else {
                drops.add(.receiveBufferFull)
                return .taken
            }
            received.insert(number)
            reassembly.addAhead(chunk, number, bytes)
        }
        return .taken
    }

    /// A chunk that is acknowledged and not used: its stream is none.
    mutating func skip(_ chunk: DataChunk) -> Verdict {
        drops.add(.streamInvalid)
        let number = received.unwrap(chunk.tsn)
        switch received.place(of: number) {
        case .next:
            received.insert(number)
            guard reassembly.passStored(through: received.cumulative) else { return .tooLarge }
        case .ahead: received.insert(number)
        case .duplicate, .beyond: isAcknowledgementDue = true
        }
        return .taken
    }

    /// A packet with data came to its end.
    mutating func noteDataPacket(now: Instant) {
        packetsToAcknowledge += 1
        // "an acknowledgement SHOULD be generated for at least every second packet … received", and at once while there are gaps.
        if packetsToAcknowledge >= 2 || received.hasGaps { isAcknowledgementDue = true }
        if !isAcknowledgementDue, acknowledgeAt == nil { acknowledgeAt = now + configuration.acknowledgementDelay }
    }

    /// FORWARD TSN (RFC 3758 section 3.6).
    mutating func handleForwardTSN(_ value: Span<UInt8>) throws(SCTPError) -> Verdict {
        guard value.count >= 4, value.count % 4 == 0 else { throw .lengthInvalid(value.count) }
        var reader = ByteReader(value)
        guard let raw = try? reader.readUInt32() else { throw .truncated }
        isAcknowledgementDue = true
        let number = received.unwrap(TSN(raw))
        // "out of date … the receiver SHOULD send a SACK".
        guard number > received.cumulative else { return .taken }
        guard number - received.cumulative <= ReceivedTSNs.maximumDistance else {
            drops.add(.forwardTSNInvalid)
            return .taken
        }
        received.advance(to: number)
        guard reassembly.passStored(through: number) else { return .tooLarge }
        reassembly.skip(through: number)
        while let stream = try? reader.readUInt16(), let sequence = try? reader.readUInt16() {
            guard stream < configuration.streams else {
                drops.add(.streamInvalid)
                continue
            }
            reassembly.skip(StreamID(stream), through: StreamSequence(sequence))
        }
        return reassembly.passStored(through: received.cumulative) ? .taken : .tooLarge
    }

    /// The peer's streams begin anew; nil: all of them.
    mutating func reset(_ streams: [StreamID]?) { reassembly.reset(streams) }

    // MARK: Acknowledging

    private var window: Int {
        let free = configuration.receiveBuffer - heldBytes
        return free < configuration.maximumPacketSize ? 0 : free
    }

    mutating func handleTimeout(now: Instant) {
        if let at = acknowledgeAt, at <= now { isAcknowledgementDue = true }
    }

    /// The peer asks by SHUTDOWN, or is told by it.
    mutating func acknowledgeAtOnce() { isAcknowledgementDue = true }

    /// Whether a SACK must go, or may go with data that go anyway.
    func wantsAcknowledgement(withData: Bool) -> Bool {
        isAcknowledgementDue || withData && acknowledgeAt != nil
    }

    /// Writes the SACK in at most `size` bytes.
    mutating func writeAcknowledgement(size: Int, into writer: inout ByteWriter) {
        advertised = window
        received.writeSACK(window: advertised, duplicates: duplicates, size: size, into: &writer)
        duplicates.removeAll(keepingCapacity: true)
        packetsToAcknowledge = 0
        isAcknowledgementDue = false
        acknowledgeAt = nil
    }
}
