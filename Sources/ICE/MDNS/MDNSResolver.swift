public import Primitives

/// Finds the addresses behind `.local` names by multicast queries on the link (RFC 6762).
///
/// Browsers hide their host addresses behind such names until the user grants the camera, and a monitor never does. Within
/// one network the name leads to a direct path; elsewhere there is no answer, which costs nothing: the peer's checks show
/// its address anyway.
///
/// The driver owns the sockets and hands in every datagram: per interface and family one on a port of its own that asks,
/// and to which a responder may answer by unicast (RFC 6762 sections 5.4 and 6.7), and per family one bound to port 5353
/// with address reuse and a member of the group 224.0.0.251 or ff02::fb, because other responders answer by multicast. A
/// name is asked for at once, then after 1, 3 and 7 s ("the interval between the first two queries MUST be at least one
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

    /// An address that was announced while no question for its name was open.
    private struct Announcement: Sendable {
        var labels: [[UInt8]]
        var address: IPAddress
    }

    private static let maximumQuestions = 32
    private static let maximumAnnouncements = 64
    private static let transmissions = 4

    /// The local addresses of the sockets that ask.
    private var bases: [SocketAddress]
    private var questions: [Question]
    /// Newest last.
    private var heard: [Announcement]
    /// Queries that are due now: from which base, for which names.
    private var due: RingBuffer<(base: SocketAddress, names: [[[UInt8]]], isFirst: Bool)>
    private var events: RingBuffer<MDNSEvent>
    /// Names that were not asked for and datagrams that were ignored, by reason, since the resolver was made.
    public private(set) var drops: Counter<MDNSDrop>

    /// - Parameter bases: The local addresses of the sockets, one per interface and family.
    public init(bases: [SocketAddress]) {
        self.bases = bases
        questions = []
        heard = []
        due = RingBuffer(capacity: 4)
        events = RingBuffer(capacity: 4)
        drops = Counter()
    }

    /// Sockets have come or gone; from a new one every open question is asked at once.
    public mutating func setBases(_ bases: [SocketAddress]) {
        let new = bases.filter { !self.bases.contains($0) }
        self.bases = bases
        queue(questions.map(\.labels), from: new, isFirst: true)
    }

    /// Whether a question is open.
    public var isAsking: Bool { !questions.isEmpty }

    /// Asks for a name ending in `.local`; anything else is not asked for.
    public mutating func resolve(_ name: String, now: Instant) {
        guard let labels = MDNSMessage.labels(name), labels.count >= 2, labels.last == Array("local".utf8) else {
            return drops.add(.nameInvalid)
        }
        guard !questions.contains(where: { $0.labels == labels }) else { return }
        guard questions.count < Self.maximumQuestions else { return drops.add(.tooManyQuestions) }
        let known = heard.filter { $0.labels == labels }.map(\.address)
        for address in known { events.append(.resolved(name, address)) }
        questions.append(Question(name: name, labels: labels, asked: 0, nextAt: now, found: known))
        if known.isEmpty {
            ask(now: now)
        } else {
            handleTimeout(now: now)
        }
    }

    /// Ends the question for a name whose address is not needed any more.
    public mutating func cancel(_ name: String) {
        let labels = MDNSMessage.labels(name)
        questions.removeAll { $0.labels == labels }
    }

    private mutating func ask(now: Instant) {
        for isFirst in [true, false] {
            let due = questions.filter { $0.nextAt <= now && ($0.asked == 0) == isFirst }.map(\.labels)
            queue(due, from: bases, isFirst: isFirst)
        }
        for index in questions.indices where questions[index].nextAt <= now {
            questions[index].nextAt = now + .seconds(1 << questions[index].asked)
            questions[index].asked += 1
        }
    }

    private mutating func queue(_ due: [[[UInt8]]], from bases: [SocketAddress], isFirst: Bool) {
        for base in bases {
            // A name takes at most 2 · 259 bytes: two fit any packet.
            for start in stride(from: 0, to: due.count, by: 2) {
                self.due.append((base, Array(due[start..<min(start + 2, due.count)]), isFirst))
            }
        }
    }

    // MARK: Machine

    /// A datagram that came in on one of the sockets.
    public mutating func handle(_ bytes: Span<UInt8>, from remote: SocketAddress, now: Instant) {
        // "MUST silently ignore any Multicast DNS responses they receive where the source UDP port is not 5353."
        guard remote.port == MDNSMessage.port else { return drops.add(.wrongPort) }
        guard bytes.count >= 12, bytes[2] & 0x80 != 0 else { return drops.add(.notAResponse) }
        guard let records = MDNSMessage.parseResponse(bytes) else { return drops.add(.malformed) }
        for record in records where !record.address.isMulticast && !record.address.isUnspecified {
            note(Announcement(labels: record.name, address: record.address))
            guard let index = questions.firstIndex(where: { $0.labels == record.name }) else { continue }
            guard !questions[index].found.contains(record.address), questions[index].found.count < 8 else { continue }
            questions[index].found.append(record.address)
            events.append(.resolved(questions[index].name, record.address))
        }
    }

    /// A host announces a name that it takes to the whole link (RFC 6762 section 8.3), a browser just before its offer, and
    /// must not repeat the record within a second (section 6): keeping announcements saves that second.
    private mutating func note(_ announcement: Announcement) {
        heard.removeAll { $0.labels == announcement.labels && $0.address == announcement.address }
        if heard.count == Self.maximumAnnouncements { heard.removeFirst() }
        heard.append(announcement)
    }

    /// Queues the queries that are due by `now`, and ends questions whose four queries are over: one without any address is
    /// reported as `unanswered`. Called at `nextTimeout`; poll for queries and events afterwards.
    public mutating func handleTimeout(now: Instant) {
        for question in questions where question.nextAt <= now && question.asked >= Self.transmissions {
            if question.found.isEmpty { events.append(.unanswered(question.name)) }
            questions.removeAll { $0.labels == question.labels }
        }
        // A name with an address is not asked for again, but an address of the other family may still arrive.
        for index in questions.indices where questions[index].nextAt <= now && !questions[index].found.isEmpty {
            questions[index].asked = Self.transmissions
            questions[index].nextAt = now + .seconds(1)
        }
        ask(now: now)
    }

    /// Writes the next query into `packet`, replacing what is in it.
    public mutating func pollTransmit(into packet: inout PacketBuffer, now: Instant) -> Transmit? {
        guard let (base, names, isFirst) = due.popFirst() else { return nil }
        packet.removeAll()
        packet.write { MDNSMessage.writeQuery(names, prefersUnicast: isFirst, into: &$0) }
        return Transmit(
            source: base, destination: base.address.isIPv4 ? MDNSMessage.groupIPv4 : MDNSMessage.groupIPv6)
    }

    /// The oldest event that was not taken yet; nil when there is none.
    public mutating func pollEvent() -> MDNSEvent? { events.popFirst() }

    /// When the next query is due or a question ends; nil while no question is open.
    public var nextTimeout: Wake? {
        questions.map(\.nextAt).min().map { Wake(at: $0, reason: .nameResolution) }
    }
}

/// What the resolver has found.
public enum MDNSEvent: Hashable, Sendable {
    /// One of the name's addresses; a second one of the other family may follow.
    case resolved(String, IPAddress)
    /// Four queries for the name have brought no address.
    case unanswered(String)
}

/// Why something was not asked or not believed.
public enum MDNSDrop: Int, Sendable, CaseIterable {
    case nameInvalid, tooManyQuestions, wrongPort, notAResponse, malformed
}
