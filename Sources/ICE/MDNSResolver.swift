public import Primitives

/// Finds the addresses behind `.local` names by asking everyone on the link (RFC 6762).
///
/// Browsers hide their host addresses behind such names until the user grants the camera, and a monitor never does.
/// On one's own network the name is the way to a direct path; elsewhere nobody answers, which costs nothing: the
/// peer's checks show its address anyway.
///
/// The driver owns the sockets: one per interface and family, bound to port 5353 with address reuse and a member of
/// the group 224.0.0.251 or ff02::fb, because responders may answer to the group; it hands in every datagram. A name
/// is asked for at once, then after 1, 3 and 7 s ("the interval between the first two queries MUST be at least one
/// second, the intervals between successive queries MUST increase by at least a factor of two"), then given up.
public struct MDNSResolver: Sendable {
    private struct Question: Sendable {
        var name: String
        var labels: [[UInt8]]
        var asked: Int
        var nextAt: Instant
        /// Addresses that were reported.
        var found: [IPAddress]
    }

    private static let maximumQuestions = 32
    private static let transmissions = 4

    /// Sockets that ask.
    private var bases: [SocketAddress]
    private var questions: [Question]
    /// Queries that are due now: from which base, for which names.
    private var queue: RingBuffer<(base: SocketAddress, names: [[[UInt8]]], isFirst: Bool)>
    private var events: RingBuffer<MDNSEvent>
    public private(set) var drops: Counter<MDNSDrop>

    /// - Parameter bases: The local addresses of the sockets, one per interface and family.
    public init(bases: [SocketAddress]) {
        self.bases = bases
        questions = []
        queue = RingBuffer(capacity: 4)
        events = RingBuffer(capacity: 4)
        drops = Counter()
    }

    /// Interfaces have come or gone.
    public mutating func setBases(_ bases: [SocketAddress]) { self.bases = bases }

    /// Asks for a name ending in `.local`; anything else is not asked for.
    public mutating func resolve(_ name: String, now: Instant) {
        guard let labels = MDNSMessage.labels(name), labels.count >= 2, labels.last == Array("local".utf8) else {
            return drops.add(.nameInvalid)
        }
        guard !questions.contains(where: { $0.labels == labels }) else { return }
        guard questions.count < Self.maximumQuestions else { return drops.add(.tooManyQuestions) }
        questions.append(Question(name: name, labels: labels, asked: 0, nextAt: now, found: []))
        ask(now: now)
    }

    /// Nobody waits for the answer any more.
    public mutating func cancel(_ name: String) {
        let labels = MDNSMessage.labels(name)
        questions.removeAll { $0.labels == labels }
    }

    private mutating func ask(now: Instant) {
        for isFirst in [true, false] {
            let due = questions.filter { $0.nextAt <= now && ($0.asked == 0) == isFirst }.map(\.labels)
            guard !due.isEmpty else { continue }
            for base in bases {
                // A name takes at most 2 · 259 bytes: two fit any packet, and the usual 42 bytes of a browser's more.
                var names: [[[UInt8]]] = []
                for labels in due {
                    names.append(labels)
                    if names.count == 2 {
                        queue.append((base, names, isFirst))
                        names.removeAll()
                    }
                }
                if !names.isEmpty { queue.append((base, names, isFirst)) }
            }
        }
        for index in questions.indices where questions[index].nextAt <= now {
            questions[index].nextAt = now + .seconds(1 << questions[index].asked)
            questions[index].asked += 1
        }
    }

    // MARK: Machine

    /// A datagram that came in on one of the sockets.
    public mutating func handle(_ bytes: Span<UInt8>, from remote: SocketAddress, now: Instant) {
        // "MUST silently ignore any Multicast DNS responses they receive where the source UDP port is not 5353."
        guard remote.port == MDNSMessage.port else { return drops.add(.wrongPort) }
        guard bytes.count >= 12, bytes[2] & 0x80 != 0 else { return drops.add(.notAResponse) }
        guard let records = MDNSMessage.parseResponse(bytes) else { return drops.add(.malformed) }
        for record in records {
            guard let index = questions.firstIndex(where: { $0.labels == record.name }) else { continue }
            guard !record.address.isMulticast, !record.address.isUnspecified,
                !questions[index].found.contains(record.address), questions[index].found.count < 8
            else { continue }
            questions[index].found.append(record.address)
            events.append(.resolved(questions[index].name, record.address))
        }
    }

    public mutating func handleTimeout(now: Instant) {
        for question in questions where question.nextAt <= now && question.asked >= Self.transmissions {
            if question.found.isEmpty { events.append(.unanswered(question.name)) }
            questions.removeAll { $0.labels == question.labels }
        }
        // Who has an address is not asked again, but may still give the other family's.
        for index in questions.indices where questions[index].nextAt <= now && !questions[index].found.isEmpty {
            questions[index].asked = Self.transmissions
            questions[index].nextAt = now + .seconds(1)
        }
        ask(now: now)
    }

    /// Writes the next query into `packet`, replacing what is in it.
    public mutating func pollTransmit(into packet: inout PacketBuffer, now: Instant) -> Transmit? {
        guard let (base, names, isFirst) = queue.popFirst() else { return nil }
        packet.removeAll()
        packet.write { MDNSMessage.writeQuery(names, prefersUnicast: isFirst, into: &$0) }
        return Transmit(
            source: base, destination: base.address.isIPv4 ? MDNSMessage.groupIPv4 : MDNSMessage.groupIPv6)
    }

    public mutating func pollEvent() -> MDNSEvent? { events.popFirst() }

    public var nextTimeout: Wake? {
        questions.map(\.nextAt).min().map { Wake(at: $0, reason: .nameResolution) }
    }
}

/// What the resolver has found.
public enum MDNSEvent: Hashable, Sendable {
    /// One of the name's addresses; a second one of the other family may follow.
    case resolved(String, IPAddress)
    case unanswered(String)
}

/// Why something was not asked or not believed.
public enum MDNSDrop: Int, Sendable, CaseIterable {
    case nameInvalid, tooManyQuestions, wrongPort, notAResponse, malformed
}
