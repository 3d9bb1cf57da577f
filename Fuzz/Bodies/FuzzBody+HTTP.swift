import HTTP
import Primitives

/// The first byte says how the rest is cut. Whole and in pieces, the same requests come, and every one can be answered: what
/// the client sends ahead of an answer included.
func fuzzHTTPServer(_ input: [UInt8]) {
    guard let size = input.first else { return }
    let bytes = Array(input.dropFirst())
    let whole = serve(bytes, pieces: max(1, bytes.count))
    precondition(serve(bytes, pieces: Int(size) % 32 + 1) == whole, "http: the cut of the bytes changed the requests")
}

/// The requests, as `method path body`, and how the connection ended.
private func serve(_ bytes: [UInt8], pieces: Int) -> [String] {
    var machine = HTTPServerMachine()
    var seen: [String] = []
    var body: [UInt8] = []
    var request = ""
    var rest = bytes[...]
    while true {
        while let event = machine.nextEvent() {
            switch event {
            case .head(let head):
                request = "\(head.method) \(head.target.path) \(head.target.query.count) \(head.headers.count)"
                body = []
            case .body(let piece): body += piece
            case .end:
                seen.append("\(request) \(body)")
                answer(&machine, HTTPHeader("X", request), body)
            case .violation(let violation):
                precondition((400...599).contains(violation.status), "http: a violation is no error")
                seen.append("violation \(violation.status)")
                _ = machine.answer(status: violation.status, headers: [], contentLength: 0)
                precondition(machine.isClosing, "http: a connection goes on behind a violation")
            }
        }
        _ = machine.takeContinue()
        guard machine.wantsInput, !rest.isEmpty else { break }
        let limits = HTTPLimits()
        precondition(
            machine.heldBytes <= bytes.count + limits.startLine + limits.fields, "http: more is held than came")
        machine.receive(Array(rest.prefix(pieces)))
        rest = rest.dropFirst(pieces)
    }
    return seen
}

/// Every second request gets its answer in pieces; our own client reads back what was written.
private func answer(_ machine: inout HTTPServerMachine, _ field: HTTPHeader, _ body: [UInt8]) {
    let isWhole = body.count % 2 == 0
    var (wire, sendsBody) =
        isWhole
        ? machine.answer(status: 200, headers: [field], contentLength: body.count)
        : machine.beginAnswer(status: 200, headers: [field])
    precondition(wire.suffix(4) == [0x0D, 0x0A, 0x0D, 0x0A], "http: an answer's head has no end")
    if sendsBody, isWhole { wire += body }
    if sendsBody, !isWhole {
        precondition(!machine.wantsInput && !machine.isClosing, "http: a request before the answer to the last")
        machine.appendPiece(Array(body.prefix(body.count / 2)), to: &wire)
        machine.appendPiece(Array(body.dropFirst(body.count / 2)), to: &wire)
        machine.endAnswer(to: &wire)
    }
    var client = HTTPClientMachine(sendsBody ? .get : .head, accept: nil)
    client.receive(wire)
    _ = client.receiveEnd()
    var read: [UInt8] = []
    while let event = client.nextEvent() {
        switch event {
        case .head: break
        case .body(let piece): read += piece
        case .end: precondition(read == (sendsBody ? body : []), "http: an answer's body changed on its way")
        case .upgraded, .violation: preconditionFailure("http: an answer that our own client refuses")
        }
    }
}

/// As the server's: an answer's status and body do not depend on the cut.
func fuzzHTTPClient(_ input: [UInt8]) {
    guard let size = input.first else { return }
    let bytes = Array(input.dropFirst())
    let method: HTTPMethod = size & 0x80 != 0 ? .head : .get
    let whole = exchange(bytes, pieces: max(1, bytes.count), method)
    precondition(
        exchange(bytes, pieces: Int(size) % 32 + 1, method) == whole, "http: the cut of the bytes changed the answer")
}

private func exchange(_ bytes: [UInt8], pieces: Int, _ method: HTTPMethod) -> [String] {
    var machine = HTTPClientMachine(method, accept: "proof")
    var seen: [String] = []
    var body: [UInt8] = []
    var isOver = false
    func take() {
        while !isOver, let event = machine.nextEvent() {
            switch event {
            case .head(let head): seen.append("\(head.status) \(head.headers.count)")
            case .body(let piece): body += piece
            case .end:
                seen.append("end \(body)")
                isOver = true
            case .upgraded:
                seen.append("upgraded")
                isOver = true
            case .violation:
                // How much of a body came before it depends on the cut.
                seen.append("violation")
                isOver = true
            }
        }
    }
    var rest = bytes[...]
    while !rest.isEmpty, !isOver {
        machine.receive(Array(rest.prefix(pieces)))
        rest = rest.dropFirst(pieces)
        take()
    }
    if !isOver, machine.receiveEnd() { take() }
    return seen
}

/// Frames of the other side in any cut give the same messages; what is held stays under the limit; the other end takes what
/// this one says.
func fuzzWebSocket(_ input: [UInt8], role: WebSocketMachine.Role) {
    guard let size = input.first else { return }
    let bytes = Array(input.dropFirst())
    let whole = frames(bytes, pieces: max(1, bytes.count), role)
    precondition(
        frames(bytes, pieces: Int(size) % 32 + 1, role) == whole, "websocket: the cut of the bytes changed the messages"
    )
}

private func frames(_ bytes: [UInt8], pieces: Int, _ role: WebSocketMachine.Role) -> [WebSocketMachine.Event] {
    // Above 125, where a length takes two bytes, and so small that short inputs exceed it.
    let limit = 200
    var machine = WebSocketMachine(role, maximumMessageSize: limit, random: .seeded(1))
    var peer = WebSocketMachine(role == .server ? .client : .server, maximumMessageSize: limit, random: .seeded(2))
    var seen: [WebSocketMachine.Event] = []
    var rest = bytes[...]
    while !rest.isEmpty {
        machine.receive(Array(rest.prefix(pieces)))
        rest = rest.dropFirst(pieces)
        precondition(machine.heldBytes <= limit, "websocket: more is held than a message may have")
        while let event = machine.nextEvent() {
            seen.append(event)
            guard case .message(let message) = event, machine.isOpen else { continue }
            var wire: [UInt8] = []
            machine.encode(message, into: &wire)
            peer.receive(wire)
            precondition(peer.nextEvent() == .message(message), "websocket: a message changed on its way")
        }
    }
    var own: [UInt8] = []
    machine.takeOutgoing(into: &own)
    peer.receive(own)
    while let event = peer.nextEvent() {
        guard case .closed(let code) = event else { preconditionFailure("websocket: a message that nobody sent") }
        precondition(!machine.isOpen && code != .abnormal, "websocket: one end closed alone")
    }
    return seen
}
