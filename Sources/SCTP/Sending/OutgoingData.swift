import Primitives

/// The sending half of an association: messages become chunks with numbers, which are kept until they are acknowledged
/// (RFC 9260 sections 6.1 to 6.3 and 7) or given up (RFC 3758 section 3.5).
///
///     SendQueue ──▶ inFlight ──acknowledged──▶ gone, when all before it are
///                    │    ▲
///              lost  ▼    │ sent again
///                    lost ┘──given up──▶ abandoned ──FORWARD TSN acknowledged──▶ gone
///
/// Loss is known by three reports that a chunk is missing while later ones arrived (section 7.2.4); of a chunk that was
/// sent again, by the arrival of one that was sent a good while after it (the idea of RFC 8985), so that a retransmission which is lost
/// costs no timeout; and by T3.
struct OutgoingData: Sendable {
    private enum State: Sendable { case inFlight, lost, acknowledged, abandoned }

    private struct Chunk: Sendable {
        /// Counted from the association's begin.
        var message: Int
        var offset: Int
        var count: Int
        var flags: DataFlags
        var sentAt: Instant
        var transmissions: UInt16
        var missingReports: UInt8
        var state: State

        /// In a packet, with header and padding.
        var size: Int { DataFlags.headerSize + (count + 3) & ~3 }
    }

    /// What a SACK or a cumulative acknowledgement was.
    enum Verdict: Sendable {
        /// Less than before: it was overtaken.
        case outdated
        /// It acknowledges what was never sent.
        case violation
        /// So many bytes were acknowledged for the first time.
        case taken(Int)
    }

    private let configuration: AssociationConfiguration
    private var queue: SendQueue
    private var window: CongestionWindow
    /// The number of `chunks[0]`, and of `messages[0]`.
    private var firstTSN: TSN
    private var firstMessage: Int
    private var chunks: RingBuffer<Chunk>
    private var messages: RingBuffer<OutgoingMessage>
    /// Bytes of chunks on their way, and of user data in them.
    private var flight: Int
    private var flightPayload: Int
    private var lostCount: Int
    /// No chunk before this place is lost.
    private var lowestLost: Int
    private var acknowledgedCount: Int
    private var peerWindow: Int
    private var usesPartialReliability: Bool
    private var isForwardTSNDue: Bool
    /// T3-rtx.
    private var timerAt: Instant?
    private var measuredAt: Instant?
    /// Beside the congestion window, while something else on the path goes first.
    private var courtesy: CourtesyWindow?
    /// Of SACKs, reused.
    private var gaps: [Range<Int>]
    private(set) var drops: Counter<SCTPDrop>

    init(_ configuration: AssociationConfiguration, initialTSN: TSN) {
        self.configuration = configuration
        queue = SendQueue()
        window = CongestionWindow(packetSize: configuration.maximumPacketSize)
        firstTSN = initialTSN
        firstMessage = 0
        chunks = RingBuffer(capacity: 64)
        messages = RingBuffer(capacity: 16)
        flight = 0
        flightPayload = 0
        lostCount = 0
        lowestLost = 0
        acknowledgedCount = 0
        peerWindow = 0
        usesPartialReliability = false
        isForwardTSNDue = false
        timerAt = nil
        measuredAt = nil
        courtesy = nil
        gaps = []
        drops = Counter()
    }

    /// The peer is known: what waits may go, but for what is on streams that the peer has not.
    mutating func begin(peerWindow: Int, streams: UInt16, usesPartialReliability: Bool) {
        drops.add(.streamInvalid, UInt64(queue.discard(from: streams)))
        self.peerWindow = peerWindow
        self.usesPartialReliability = usesPartialReliability
    }

    /// A new association takes the place of this one: what was on its way is lost, and so is what waits.
    mutating func restart(initialTSN: TSN) { self = OutgoingData(configuration, initialTSN: initialTSN) }

    /// How much longer than the shortest a round trip may become by what is sent; nil: as long as the congestion window lets it.
    mutating func giveWay(_ target: Duration?) {
        courtesy = target.map { CourtesyWindow(target: $0, packetSize: configuration.maximumPacketSize) }
    }

    /// Whether both windows let something more be on its way.
    private var hasRoom: Bool { window.hasRoom(beside: flight) && courtesy?.hasRoom(beside: flight) ?? true }

    /// Nothing waits and nothing is on its way.
    var isIdle: Bool { queue.held == 0 && chunks.isEmpty }
    /// The number that was given last.
    var lastTSN: TSN { firstTSN.advanced(by: chunks.count - 1) }
    /// Bytes in memory.
    var heldBytes: Int { queue.held }
    var nextTimeout: Instant? { timerAt }
    /// cwnd and what is on its way, in bytes.
    var congestionWindow: Int { window.value }
    var bytesInFlight: Int { flight }
    /// Whether data would go now if the caller's allowance let them.
    var canSend: Bool {
        guard hasRoom else { return false }
        return lostCount > 0 || hasUnsent && (peerWindow > 0 || flight == 0)
    }
    private var hasUnsent: Bool { !queue.isEmpty || isMessageOpen }
    private var isMessageOpen: Bool { messages.last.map { !$0.isBegunWhole } ?? false }

    // MARK: Streams

    func stream(_ id: StreamID) -> SendQueue.Stream { queue[id] }
    mutating func setLowThreshold(_ threshold: Int, of id: StreamID) { queue.setLowThreshold(threshold, of: id) }
    mutating func nextLowStream() -> StreamID? { queue.nextLowStream() }
    mutating func beginReset(_ id: StreamID) { queue.beginReset(id) }
    mutating func noteResetRequested(_ id: StreamID) { queue.noteResetRequested(id) }
    mutating func endReset(_ id: StreamID, isReset: Bool) { queue.endReset(id, isReset: isReset) }
    /// How many streams something is remembered of.
    var streamCount: Int { queue.streamCount }

    mutating func append(_ message: OutgoingMessage) throws(SendRefusal) {
        let size = message.payload.count
        guard size > 0 else { throw .messageEmpty }
        guard size <= configuration.maximumSentMessageSize else {
            throw .messageTooLarge(limit: configuration.maximumSentMessageSize)
        }
        let stream = queue[message.stream]
        guard stream.reset != .draining else { throw .streamResetting }
        guard stream.held + size <= configuration.sendBufferPerStream else {
            throw .streamBufferFull(limit: configuration.sendBufferPerStream)
        }
        guard queue.held + size <= configuration.sendBuffer else { throw .bufferFull(limit: configuration.sendBuffer) }
        queue.append(message)
    }

    /// Forgets all; the association has ended.
    mutating func removeAll() {
        queue.removeAll()
        chunks.removeAll()
        messages.removeAll()
        timerAt = nil
        (flight, flightPayload, lostCount, acknowledgedCount) = (0, 0, 0, 0)
    }

    // MARK: Sending

    /// Appends chunks of data to the packet, which becomes at most `limit` bytes. False when there were none.
    mutating func write(into packet: inout PacketBuffer, limit: Int, rto: Duration, now: Instant) -> Bool {
        var wrote = false
        while true {
            let room = (limit - packet.count - DataFlags.headerSize) & ~3
            guard room > 0 else { return wrote }
            let written =
                lostCount > 0
                ? writeLost(into: &packet, room: room, isFirst: !wrote, rto: rto, now: now)
                : writeNew(into: &packet, room: room, isFirst: !wrote, rto: rto, now: now)
            guard written else { return wrote }
            wrote = true
        }
    }

    private mutating func writeLost(
        into packet: inout PacketBuffer, room: Int, isFirst: Bool, rto: Duration, now: Instant
    ) -> Bool {
        giveUpLost(rto: rto, now: now)
        guard lostCount > 0 else { return false }
        var chunk = chunks[lowestLost]
        let message = messages[chunk.message - firstMessage]
        guard chunk.count <= room else { return false }
        guard hasRoom || isFirst && window.takeRetransmissionBeyond() else { return false }
        chunk.state = .inFlight
        chunk.sentAt = now
        chunk.transmissions &+= 1
        chunk.missingReports = 0
        chunks[lowestLost] = chunk
        lostCount -= 1
        flight += chunk.size
        flightPayload += chunk.count
        peerWindow = max(0, peerWindow - chunk.count)
        // "Restart the T3-rtx timer only if the … outgoing … chunk is the earliest outstanding".
        if lowestLost == 0 { timerAt = now + rto }
        startTimer(rto: rto, now: now)
        write(chunk, at: lowestLost, of: message, into: &packet)
        return true
    }

    /// Goes to the lowest lost chunk that is to be sent again; messages before it whose lifetime is over are given up.
    private mutating func giveUpLost(rto: Duration, now: Instant) {
        while lostCount > 0 {
            while lowestLost < chunks.count, chunks[lowestLost].state != .lost { lowestLost += 1 }
            precondition(lowestLost < chunks.count, "sctp: a lost chunk is counted that is not there")
            let number = chunks[lowestLost].message
            guard usesPartialReliability, messages[number - firstMessage].isExpired(at: now) else { return }
            abandonMessage(number, around: lowestLost)
            noteForwardTSN()
            startTimer(rto: rto, now: now)
        }
    }

    private mutating func writeNew(
        into packet: inout PacketBuffer, room: Int, isFirst: Bool, rto: Duration, now: Instant
    ) -> Bool {
        guard hasUnsent, hasRoom, peerWindow > 0 || flight == 0 else { return false }
        if !isMessageOpen {
            guard let next = beginMessage(room: room, isFirst: isFirst, now: now) else { return false }
            messages.append(next)
        }
        let place = messages.count - 1
        var message = messages[place]
        if usesPartialReliability, message.isExpired(at: now) {
            abandonMessage(firstMessage + place, around: chunks.count - 1)
            noteForwardTSN()
            startTimer(rto: rto, now: now)
            // The next message is in the queue, which passes over what has expired there.
            return writeNew(into: &packet, room: room, isFirst: isFirst, rto: rto, now: now)
        }
        let rest = message.payload.count - message.begun
        let count = min(rest, room, configuration.maximumFragment)
        guard count == rest || count >= configuration.maximumFragment / 2 else { return false }
        // "the … rwnd … [of] 0 … one DATA chunk in flight": whatever the window says, when nothing is on its way.
        guard count <= peerWindow || flight == 0 else { return false }
        window.noteSending(rto: rto, now: now)
        var flags: DataFlags = message.isUnordered ? .unordered : []
        if message.begun == 0 { flags.insert(.beginning) }
        if count == rest { flags.insert(.end) }
        let chunk = Chunk(
            message: firstMessage + place, offset: message.begun, count: count, flags: flags, sentAt: now,
            transmissions: 1, missingReports: 0, state: .inFlight)
        message.begun += count
        message.openChunks += 1
        messages[place] = message
        chunks.append(chunk)
        flight += chunk.size
        flightPayload += count
        peerWindow = max(0, peerWindow - count)
        queue.noteSent(count, of: message.stream)
        startTimer(rto: rto, now: now)
        write(chunk, at: chunks.count - 1, of: message, into: &packet)
        return true
    }

    /// The next message that has not expired. One that would not fit behind what the packet has stays for the next packet.
    private mutating func beginMessage(room: Int, isFirst: Bool, now: Instant) -> OutgoingMessage? {
        guard isFirst || room >= configuration.maximumFragment / 2 || queue.nextSize.map({ $0 <= room }) ?? false else {
            return nil
        }
        while let message = queue.next(now: now) {
            guard message.isExpired(at: now) else { return message }
            drops.add(.messageAbandoned)
            queue.noteSent(message.payload.count, of: message.stream)
            queue.noteReleased(message.payload.count, of: message.stream)
        }
        return nil
    }

    private func write(_ chunk: Chunk, at place: Int, of message: OutgoingMessage, into packet: inout PacketBuffer) {
        packet.write { writer in
            writer.write(ChunkType.data.rawValue)
            writer.write(chunk.flags.rawValue)
            writer.write(UInt16(truncatingIfNeeded: DataFlags.headerSize + chunk.count))
            writer.write(firstTSN.advanced(by: place).rawValue)
            writer.write(message.stream.rawValue)
            writer.write(message.sequence.rawValue)
            writer.write(message.payloadProtocol.rawValue)
        }
        packet.append(message.payload.span.extracting(chunk.offset..<chunk.offset + chunk.count))
        packet.write { $0.write(zeros: chunk.size - DataFlags.headerSize - chunk.count) }
    }

    // MARK: Timer

    private mutating func startTimer(rto: Duration, now: Instant) {
        if timerAt == nil, flight > 0 || isSkipping { timerAt = now + rto }
    }

    /// T3 has run out: all that is on its way is taken for lost (RFC 9260 section 6.3.3). False when it has not.
    mutating func handleTimeout(timeout: inout RetransmissionTimeout, now: Instant) -> Bool {
        guard let at = timerAt, at <= now else { return false }
        timerAt = nil
        timeout.backOff()
        window.noteTimeout()
        courtesy?.noteTimeout()
        for index in 0..<chunks.count where chunks[index].state == .inFlight { takeForLost(index, now: now) }
        noteForwardTSN()
        startTimer(rto: timeout.value, now: now)
        return true
    }

    // MARK: Acknowledgements

    /// SACK (RFC 9260 section 6.2.1).
    mutating func handleSACK(_ value: Span<UInt8>, timeout: inout RetransmissionTimeout, now: Instant)
        throws(SCTPError) -> Verdict
    {
        let cumulative: TSN
        let receiveWindow: Int
        var isSound = true
        do throws(ByteReaderError) {
            var reader = ByteReader(value)
            cumulative = TSN(try reader.readUInt32())
            receiveWindow = Int(try reader.readUInt32())
            let (gapCount, duplicates) = (Int(try reader.readUInt16()), Int(try reader.readUInt16()))
            gaps.removeAll(keepingCapacity: true)
            for _ in 0..<gapCount {
                // Offsets from the cumulative number; places count from the chunk behind it.
                let (start, end) = (Int(try reader.readUInt16()), Int(try reader.readUInt16()))
                isSound = isSound && start > gaps.last?.upperBound ?? 0 && end >= start
                guard isSound else { break }
                gaps.append(start - 1..<end)
            }
            if isSound { try reader.skip(4 * duplicates) }
        } catch { throw .truncated }
        guard isSound else { throw .fieldInvalid }
        return acknowledge(through: cumulative, receiveWindow: receiveWindow, timeout: &timeout, now: now)
    }

    /// SHUTDOWN tells how far everything has arrived, and nothing else.
    mutating func handleCumulative(_ cumulative: TSN, timeout: inout RetransmissionTimeout, now: Instant) -> Verdict {
        gaps.removeAll(keepingCapacity: true)
        return acknowledge(through: cumulative, receiveWindow: nil, timeout: &timeout, now: now)
    }

    private mutating func acknowledge(
        through cumulative: TSN, receiveWindow: Int?, timeout: inout RetransmissionTimeout, now: Instant
    ) -> Verdict {
        let advance = cumulative.distance(from: firstTSN.previous)
        guard advance >= 0 else { return .outdated }
        guard advance + (gaps.last?.upperBound ?? 0) <= chunks.count else { return .violation }
        let flightBefore = flight
        let before = lastTSN
        var news = News()
        for _ in 0..<advance { popFirst(&news) }
        if receiveWindow != nil { noteGaps(&news, isAdvanced: advance > 0, timeout: timeout, now: now) }
        if let sentAt = news.measurable, measuredAt.map({ now - $0 >= timeout.roundTrip ?? .zero }) ?? true {
            timeout.measure(now - sentAt)
            measuredAt = now
        }
        if news.bytes > 0 {
            window.noteAcknowledged(
                news.bytes, flight: flightBefore, isCumulative: advance > 0, cumulative: cumulative,
                roundTrip: timeout.roundTrip, now: now)
            courtesy?.noteAcknowledged(
                news.bytes, flight: flightBefore, roundTrip: news.measurable.map { now - $0 }, now: now)
        }
        if news.isAnyLost {
            courtesy?.noteLoss()
            window.noteLoss(highestSent: before, shortestRoundTrip: timeout.shortestRoundTrip)
        }
        if let receiveWindow { peerWindow = max(0, receiveWindow - flightPayload) }
        noteForwardTSN()
        if flight == 0, !isSkipping {
            timerAt = nil
        } else if advance > 0 {
            timerAt = now + timeout.value
        }
        startTimer(rto: timeout.value, now: now)
        return .taken(news.bytes)
    }

    /// What an acknowledgement told that was not known.
    private struct News {
        var bytes = 0
        /// When the newest of them was sent that was sent once.
        var measurable: Instant?
        /// When the newest of them was sent.
        var newestSentAt: Instant?
        /// The place of the highest of them behind a gap.
        var highest: Int?
        var isAnyLost = false

        mutating func note(_ chunk: Chunk) {
            bytes += chunk.size
            newestSentAt = max(newestSentAt ?? chunk.sentAt, chunk.sentAt)
            if chunk.transmissions == 1 { measurable = max(measurable ?? chunk.sentAt, chunk.sentAt) }
        }
    }

    private mutating func popFirst(_ news: inout News) {
        guard let chunk = chunks.popFirst() else { return }
        switch chunk.state {
        case .inFlight:
            news.note(chunk)
            leaveFlight(chunk)
        case .lost:
            news.note(chunk)
            lostCount -= 1
        case .acknowledged: acknowledgedCount -= 1
        case .abandoned: break
        }
        firstTSN = firstTSN.next
        lowestLost = max(0, lowestLost - 1)
        messages[chunk.message - firstMessage].openChunks -= 1
        while let message = messages.first, message.isBegunWhole, message.openChunks == 0 {
            queue.noteReleased(message.payload.count, of: message.stream)
            _ = messages.popFirst()
            firstMessage += 1
        }
    }

    private mutating func leaveFlight(_ chunk: Chunk) {
        flight -= chunk.size
        flightPayload -= chunk.count
    }

    private mutating func noteGaps(_ news: inout News, isAdvanced: Bool, timeout: RetransmissionTimeout, now: Instant) {
        guard !gaps.isEmpty || acknowledgedCount > 0 else { return }
        var index = 0
        for gap in gaps {
            while index < gap.lowerBound {
                takeBack(index)
                index += 1
            }
            while index < gap.upperBound {
                noteArrived(index, &news)
                index += 1
            }
        }
        // "the receiver … reneges": what was acknowledged behind a gap, and is not any more, is on its way again.
        while index < chunks.count, acknowledgedCount > 0 {
            takeBack(index)
            index += 1
        }
        // "only [of] TSNs … prior to the highest TSN newly acknowledged"; in recovery, of all that are missing.
        let end = window.isInRecovery && isAdvanced ? gaps.last?.upperBound : news.highest
        guard let end else { return }
        let tolerance = max((timeout.shortestRoundTrip ?? .zero) / 4, .milliseconds(10))
        for index in 0..<end where chunks[index].state == .inFlight {
            var chunk = chunks[index]
            chunk.missingReports = min(chunk.missingReports + 1, 3)
            chunks[index] = chunk
            let isLost =
                chunk.transmissions == 1
                ? chunk.missingReports >= 3
                : news.newestSentAt.map { $0 - chunk.sentAt > tolerance } ?? false
            guard isLost else { continue }
            takeForLost(index, now: now)
            news.isAnyLost = true
        }
    }

    private mutating func noteArrived(_ index: Int, _ news: inout News) {
        var chunk = chunks[index]
        switch chunk.state {
        case .inFlight: leaveFlight(chunk)
        case .lost: lostCount -= 1
        case .acknowledged, .abandoned: return
        }
        news.note(chunk)
        news.highest = index
        chunk.state = .acknowledged
        acknowledgedCount += 1
        chunks[index] = chunk
    }

    private mutating func takeBack(_ index: Int) {
        guard chunks[index].state == .acknowledged else { return }
        acknowledgedCount -= 1
        chunks[index].state = .inFlight
        flight += chunks[index].size
        flightPayload += chunks[index].count
    }

    /// A chunk on its way is lost: it is sent again, or its message is given up.
    private mutating func takeForLost(_ index: Int, now: Instant) {
        var chunk = chunks[index]
        let message = messages[chunk.message - firstMessage]
        let isUsedUp = message.maximumRetransmissions.map { chunk.transmissions > $0 } ?? false
        if usesPartialReliability, isUsedUp || message.isExpired(at: now) {
            return abandonMessage(chunk.message, around: index)
        }
        chunk.state = .lost
        chunks[index] = chunk
        leaveFlight(chunk)
        lostCount += 1
        lowestLost = min(lowestLost, index)
    }

    // MARK: Giving up (RFC 3758)

    /// Gives up a message: all of its fragments, sent or not. Those that are kept stand side by side, one of them at `index`.
    private mutating func abandonMessage(_ number: Int, around index: Int) {
        let place = number - firstMessage
        var message = messages[place]
        var at = index
        while at > 0, chunks[at - 1].message == number { at -= 1 }
        while at >= 0, at < chunks.count, chunks[at].message == number {
            var chunk = chunks[at]
            switch chunk.state {
            case .inFlight: leaveFlight(chunk)
            case .lost: lostCount -= 1
            case .acknowledged: acknowledgedCount -= 1
            case .abandoned: break
            }
            chunk.state = .abandoned
            chunks[at] = chunk
            at += 1
        }
        if !message.isBegunWhole {
            // A number for the rest, which is never sent: FORWARD TSN ends the message by skipping it even where all that was sent of it
            // has been acknowledged.
            chunks.append(
                Chunk(
                    message: number, offset: 0, count: 0, flags: .end, sentAt: .zero, transmissions: 0,
                    missingReports: 0, state: .abandoned))
            message.openChunks += 1
            queue.noteSent(message.payload.count - message.begun, of: message.stream)
        }
        queue.noteReleased(message.payload.count, of: message.stream)
        message.payload = []
        message.begun = 0
        message.isAbandoned = true
        messages[place] = message
        drops.add(.messageAbandoned)
    }

    /// Whether chunks at the front are given up: the Advanced.Peer.Ack.Point is beyond what is acknowledged.
    private var isSkipping: Bool { !chunks.isEmpty && chunks[0].state == .abandoned }

    private mutating func noteForwardTSN() {
        if isSkipping { isForwardTSNDue = true }
    }

    /// Writes FORWARD TSN when it is due, in at most `size` bytes. False when there was none.
    mutating func writeForwardTSN(size: Int, into writer: inout ByteWriter) -> Bool {
        guard isForwardTSNDue, size >= 16 else { return false }
        isForwardTSNDue = false
        let most = (size - 8) / 4
        var streams: [(id: StreamID, sequence: StreamSequence)] = []
        var count = 0
        while count < chunks.count, chunks[count].state == .abandoned {
            let message = messages[chunks[count].message - firstMessage]
            if !message.isUnordered {
                if let known = streams.firstIndex(where: { $0.id == message.stream }) {
                    streams[known].sequence = message.sequence
                } else {
                    guard streams.count < most else { break }
                    streams.append((message.stream, message.sequence))
                }
            }
            count += 1
        }
        guard count > 0 else { return false }
        writer.writeChunk(.forwardTSN) { writer in
            writer.write(firstTSN.advanced(by: count - 1).rawValue)
            for stream in streams {
                writer.write(stream.id.rawValue)
                writer.write(stream.sequence.rawValue)
            }
        }
        return true
    }
}
