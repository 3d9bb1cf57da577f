internal import HTTP
internal import HTTPTransport
internal import Primitives
internal import Records

/// Answers that are lists. They are read page by page, and each page is a piece of the answer that is read when the client
/// has taken the one before.
///
///     asked ──▶ refused, or waits for a place among the account's others
///       └──▶ reading ──last piece──▶ answered
///              │  ▲ └──piece──▶ beginning ──▶ taking ──piece wanted──▶ reading …
///              │  └── a place     └── nobody wants a body ──▶ over
///              └──client gone──▶ abandoned ──piece──▶ over
struct ListAnswers {
    enum Action {
        /// Read the next piece; `pieceRead` or `failed` follows.
        case read(ListReader, RequestID)
        /// The whole answer.
        case respond(RequestID, HTTPResponse)
        /// The answer's head is to leave; `began` follows.
        case begin(RequestID, HTTPResponse)
        case send(piece: [UInt8], RequestID)
        /// The answer is complete.
        case end(RequestID)
        /// The answer cannot be completed.
        case abandon(RequestID)
        case fail(RequestID, APIFailure)
    }

    private enum Phase {
        /// A page is on its way from the records. → beginning, taking, abandoned
        case reading(hasBegun: Bool)
        /// The head is about to leave, this piece behind it. → taking
        case beginning(ListReader, piece: [UInt8])
        /// The client takes a piece. → reading
        case taking(ListReader)
        /// The client has gone. The page that is being read keeps its place until it is there.
        case abandoned
    }

    private var places: ListPlaces<ListReader>
    private var phases: [RequestID: Phase]
    private var actions: [Action]
    /// Answers of the records, and wishes for pieces, that no list waited for.
    private(set) var unexpected: UInt64

    init() {
        places = ListPlaces()
        phases = [:]
        actions = []
        unexpected = 0
    }

    /// What to do, in order.
    mutating func takeActions() -> [Action] {
        defer { actions = [] }
        return actions
    }

    mutating func asked(_ request: RequestID, by account: String, _ reader: ListReader) {
        switch places.admit(request, of: account, reader) {
        case .begins(let reader): read(reader, for: request, hasBegun: false)
        case .waits: break
        case .refused:
            actions.append(
                .fail(request, .throttled("too many lists at once, take their answers first", retryAfter: 1)))
        }
    }

    mutating func pieceRead(_ request: RequestID, _ reader: ListReader, _ piece: ListReader.Piece) {
        switch phases[request] {
        case .abandoned?: ended(request)
        case .reading(hasBegun: true)?:
            actions.append(.send(piece: piece.bytes, request))
            guard piece.isLast else {
                phases[request] = .taking(reader)
                return
            }
            actions.append(.end(request))
            ended(request)
        case .reading(hasBegun: false)?:
            var answer = HTTPResponse.typed(200, reader.contentType, piece.bytes)
            answer.headers += piece.headers(reader.fileName)
            if piece.isLast {
                actions.append(.respond(request, answer))
                ended(request)
            } else {
                answer.body = []
                phases[request] = .beginning(reader, piece: piece.bytes)
                actions.append(.begin(request, answer))
            }
        case .beginning?, .taking?, nil: unexpected += 1
        }
    }

    /// - Parameter wantsBody: whether a body is to follow the head.
    mutating func began(_ request: RequestID, wantsBody: Bool) {
        guard case .beginning(let reader, let piece)? = phases[request] else {
            unexpected += 1
            return
        }
        guard wantsBody else { return ended(request) }
        phases[request] = .taking(reader)
        actions.append(.send(piece: piece, request))
    }

    /// The client has taken the last piece.
    mutating func pieceWanted(_ request: RequestID) {
        guard case .taking(let reader)? = phases[request] else {
            unexpected += 1
            return
        }
        read(reader, for: request, hasBegun: true)
    }

    /// The records could not be read.
    mutating func failed(_ request: RequestID) {
        switch phases[request] {
        case .abandoned?: break
        case .reading(hasBegun: true)?: actions.append(.abandon(request))
        case .reading(hasBegun: false)?: actions.append(.fail(request, .recordsUnavailable))
        case .beginning?, .taking?, nil:
            unexpected += 1
            return
        }
        ended(request)
    }

    /// The client of a request has gone, which may have asked for no list.
    mutating func aborted(_ request: RequestID) {
        switch phases[request] {
        case .reading?, .abandoned?: phases[request] = .abandoned
        case .beginning?, .taking?, nil: ended(request)
        }
    }

    private mutating func read(_ reader: ListReader, for request: RequestID, hasBegun: Bool) {
        phases[request] = .reading(hasBegun: hasBegun)
        actions.append(.read(reader, request))
    }

    private mutating func ended(_ request: RequestID) {
        phases[request] = nil
        if let next = places.ended(request) { read(next.list, for: next.request, hasBegun: false) }
    }
}

extension ListReader.Piece {
    /// What the first piece adds to the answer's head.
    fileprivate func headers(_ fileName: String?) -> [HTTPHeader] {
        guard let fileName else { return [] }
        return [HTTPHeader("Content-Disposition", "attachment; filename=\"\(fileName)\"")]
            + (nextCursor.map { [HTTPHeader("X-Next-Cursor", String($0))] } ?? [])
    }
}
