import Primitives

/// Stream reconfiguration (RFC 6525), as far as closing channels needs it: resets of our streams, one request at a time, and answers to the
/// peer's requests.
///
///     wanted ──all of the stream is sent──▶ request ──performed──▶ done
///                                            │  ▲ in progress, no answer: again after RTO
///                                            └──▶ refused
struct StreamResets: Sendable {
    /// What became of a request of ours.
    enum Outcome: Sendable {
        case performed([StreamID])
        case refused([StreamID])
    }

    /// RFC 6525 section 4.4.
    private enum Result {
        static let nothingToDo: UInt32 = 0
        static let performed: UInt32 = 1
        static let denied: UInt32 = 2
        static let wrongSequence: UInt32 = 3
        static let alreadyInProgress: UInt32 = 4
        static let badSequenceNumber: UInt32 = 5
        static let inProgress: UInt32 = 6
    }

    /// RFC 6525 section 4.
    private enum Parameter {
        static let outgoingReset: UInt16 = 13
        static let incomingReset: UInt16 = 14
        static let associationReset: UInt16 = 15
        static let response: UInt16 = 16
        static let addOutgoing: UInt16 = 17
        static let addIncoming: UInt16 = 18
    }

    private struct Request: Sendable {
        var sequence: UInt32
        /// Of the request of the peer's that this one answers, or its last one.
        var answered: UInt32
        var lastTSN: TSN
        var streams: [StreamID]
    }

    /// A request of the peer's that waits for what was sent before it.
    private struct Deferred: Sendable {
        var lastTSN: TSN
        var streams: [StreamID]
    }

    private static let maximumAnswers = 4
    private let maximumStreams: Int
    private var wanted: [StreamID]
    private var request: Request?
    private var isRequestDue: Bool
    private var retryAt: Instant?
    private var nextSequence: UInt32
    private var expectedSequence: UInt32
    private var lastResult: UInt32
    private var deferred: Deferred?
    private var answers: [(sequence: UInt32, result: UInt32)]
    private var incomingRequest: UInt32?
    private var outcomes: RingBuffer<Outcome>
    private var resets: RingBuffer<[StreamID]>
    private var requests: RingBuffer<[StreamID]>
    private(set) var drops: Counter<SCTPDrop>

    init(localTSN: TSN, peerTSN: TSN, packetSize: Int) {
        // As many as fit a request beside its fields.
        maximumStreams = (packetSize - PacketHeader.size - 20) / 2 & ~1
        wanted = []
        request = nil
        isRequestDue = false
        retryAt = nil
        nextSequence = localTSN.rawValue
        expectedSequence = peerTSN.rawValue
        lastResult = Result.nothingToDo
        deferred = nil
        answers = []
        incomingRequest = nil
        outcomes = RingBuffer(capacity: 4)
        resets = RingBuffer(capacity: 4)
        requests = RingBuffer(capacity: 4)
        drops = Counter()
    }

    var nextTimeout: Instant? { retryAt }
    /// A stream is to begin anew when all of it is sent.
    mutating func want(_ stream: StreamID) { wanted.append(stream) }
    /// How many streams wait for their reset.
    var pending: Int { wanted.count + (request?.streams.count ?? 0) }
    mutating func nextOutcome() -> Outcome? { outcomes.popFirst() }
    /// Streams of the peer that have begun anew; an empty list stands for all.
    mutating func nextPeerReset() -> [StreamID]? { resets.popFirst() }
    /// Streams of ours that the peer wants to be reset.
    mutating func nextPeerRequest() -> [StreamID]? { requests.popFirst() }

    /// The peer is known. What was wanted before stays wanted, but for a restart: streams begin anew by themselves then.
    mutating func begin(localTSN: TSN, peerTSN: TSN, isRestart: Bool) {
        nextSequence = localTSN.rawValue
        expectedSequence = peerTSN.rawValue
        guard isRestart else { return }
        wanted = []
        request = nil
        isRequestDue = false
        retryAt = nil
        deferred = nil
        answers = []
        incomingRequest = nil
    }

    // MARK: Our requests

    /// Makes a request of what is wanted and all sent, when none is open. `isPossible` false: the peer knows no resets.
    mutating func prepare(_ outgoing: inout OutgoingData, isPossible: Bool) {
        guard request == nil, !wanted.isEmpty else { return }
        guard isPossible else {
            outcomes.append(.refused(wanted))
            wanted = []
            return
        }
        var ready: [StreamID] = []
        wanted.removeAll { stream in
            guard ready.count < maximumStreams, outgoing.stream(stream).buffered == 0 else { return false }
            ready.append(stream)
            return true
        }
        guard !ready.isEmpty else { return }
        for stream in ready { outgoing.noteResetRequested(stream) }
        request = Request(
            sequence: nextSequence, answered: incomingRequest ?? expectedSequence &- 1, lastTSN: outgoing.lastTSN,
            streams: ready)
        incomingRequest = nil
        nextSequence &+= 1
        isRequestDue = true
    }

    /// No answer came. False when none was due.
    mutating func handleTimeout(now: Instant) -> Bool {
        guard let at = retryAt, at <= now else { return false }
        retryAt = nil
        isRequestDue = request != nil
        return true
    }

    var isDue: Bool { isRequestDue || !answers.isEmpty }

    /// Writes one RE-CONFIG chunk.
    mutating func write(rto: Duration, now: Instant, into writer: inout ByteWriter) {
        writer.writeChunk(.reconfiguration) { writer in
            if let answer = answers.first {
                answers.removeFirst()
                writer.writeParameter(Parameter.response, isLast: true) { writer in
                    writer.write(answer.sequence)
                    writer.write(answer.result)
                }
            } else if let request {
                isRequestDue = false
                retryAt = now + rto
                writer.writeParameter(Parameter.outgoingReset, isLast: true) { writer in
                    writer.write(request.sequence)
                    writer.write(request.answered)
                    writer.write(request.lastTSN.rawValue)
                    for stream in request.streams { writer.write(stream.rawValue) }
                }
            }
        }
    }

    // MARK: What the peer says

    /// The value of a RE-CONFIG chunk; `incoming` is reset where the peer asks for it.
    mutating func handle(
        _ value: Span<UInt8>, incoming: inout IncomingData, streams: UInt16, rto: Duration, now: Instant
    ) throws(SCTPError) {
        var offset = 0
        while let parameter = try TLV.nextParameter(in: value, at: &offset) {
            let bytes = value.extracting(parameter.value)
            var reader = ByteReader(bytes)
            guard let sequence = try? reader.readUInt32() else { throw .truncated }
            switch parameter.type {
            case Parameter.outgoingReset:
                guard (try? reader.readUInt32()) != nil, let last = try? reader.readUInt32(), reader.remaining % 2 == 0
                else { throw .lengthInvalid(bytes.count) }
                let listed = Self.list(&reader)
                handleOutgoing(sequence, TSN(last), listed, incoming: &incoming, streams: streams)
            case Parameter.incomingReset:
                guard reader.remaining % 2 == 0 else { throw .lengthInvalid(bytes.count) }
                handleIncoming(sequence, Self.list(&reader))
            case Parameter.associationReset, Parameter.addOutgoing, Parameter.addIncoming:
                guard accept(sequence) else { continue }
                answer(sequence, Result.denied)
            case Parameter.response:
                guard let result = try? reader.readUInt32() else { throw .truncated }
                handleResponse(sequence, result, rto: rto, now: now)
            default: drops.add(.reconfigurationInvalid)
            }
        }
    }

    private static func list(_ reader: inout ByteReader) -> [StreamID] {
        var listed: [StreamID] = []
        while let stream = try? reader.readUInt16() { listed.append(StreamID(stream)) }
        return listed
    }

    /// Whether it is the next request of the peer. One that was answered is answered again, others are refused.
    private mutating func accept(_ sequence: UInt32) -> Bool {
        if sequence == expectedSequence {
            expectedSequence &+= 1
            return true
        }
        let isRepeated = sequence == expectedSequence &- 1
        if !isRepeated { drops.add(.reconfigurationInvalid) }
        queueAnswer(sequence, isRepeated ? lastResult : Result.badSequenceNumber)
        return false
    }

    private mutating func answer(_ sequence: UInt32, _ result: UInt32) {
        lastResult = result
        queueAnswer(sequence, result)
    }

    private mutating func queueAnswer(_ sequence: UInt32, _ result: UInt32) {
        guard answers.count < Self.maximumAnswers else { return drops.add(.replyQueueFull) }
        answers.append((sequence, result))
    }

    private mutating func handleOutgoing(
        _ sequence: UInt32, _ lastTSN: TSN, _ listed: [StreamID], incoming: inout IncomingData, streams: UInt16
    ) {
        performDeferred(&incoming)
        guard accept(sequence) else { return }
        guard listed.allSatisfy({ $0.rawValue < streams }) else { return answer(sequence, Result.wrongSequence) }
        deferred = Deferred(lastTSN: lastTSN, streams: listed)
        lastResult = Result.inProgress
        performDeferred(&incoming)
        queueAnswer(sequence, lastResult)
    }

    /// Resets the peer's streams when all that it sent before has arrived (RFC 6525 section 5.2.2, rule E2).
    mutating func performDeferred(_ incoming: inout IncomingData) {
        guard let waiting = deferred, incoming.hasReceived(through: waiting.lastTSN) else { return }
        deferred = nil
        lastResult = Result.performed
        incoming.reset(waiting.streams.isEmpty ? nil : waiting.streams)
        resets.append(waiting.streams)
    }

    /// The peer wants us to reset ours (RFC 6525 section 5.2.3): our request is the answer.
    private mutating func handleIncoming(_ sequence: UInt32, _ listed: [StreamID]) {
        guard sequence == expectedSequence || sequence != expectedSequence &- 1 else {
            // While the streams wait for their turn, and once more when the request was lost.
            if request?.answered == sequence { isRequestDue = true } else { queueAnswer(sequence, lastResult) }
            return
        }
        guard accept(sequence) else { return }
        guard !listed.isEmpty, listed.count <= maximumStreams, wanted.count < maximumStreams else {
            return answer(sequence, listed.isEmpty ? Result.nothingToDo : Result.denied)
        }
        lastResult = Result.inProgress
        incomingRequest = sequence
        requests.append(listed)
    }

    private mutating func handleResponse(_ sequence: UInt32, _ result: UInt32, rto: Duration, now: Instant) {
        guard let open = request, open.sequence == sequence else { return drops.add(.reconfigurationInvalid) }
        switch result {
        case Result.nothingToDo, Result.performed: outcomes.append(.performed(open.streams))
        case Result.inProgress:
            isRequestDue = false
            retryAt = now + rto
            return
        default: outcomes.append(.refused(open.streams))
        }
        request = nil
        isRequestDue = false
        retryAt = nil
    }
}
