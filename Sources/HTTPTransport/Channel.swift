internal import Crypto
internal import HTTP
internal import Primitives
internal import Reactor

/// One TCP connection, in the clear or under TLS, with what waits to be sent on it.
///
/// Messages of a WebSocket wait as they are and become frames when the kernel has room, so that one message to many
/// is held once.
struct Channel: ~Copyable {
    enum Failure: Error {
        case system(SystemError)
        case tls(CryptoError)
    }

    enum Received {
        /// There may be more.
        case more
        case nothing
        /// The other side has sent everything.
        case ended
        case failed(Failure)
    }

    private enum Waiting {
        case bytes([UInt8])
        case message(WebSocketMessage)
        case close(WebSocketCloseCode)
    }

    var stream: TCPStream
    private var tls: TLSState?
    private var waiting: RingBuffer<Waiting>?
    private var waitingBytes: Int
    /// What is being sent: plain bytes, and under TLS the records of the last of them.
    private var current: [UInt8]
    private var sent: Int
    private var records: [UInt8]
    private var recordsSent: Int

    /// In the clear until `begin`.
    init(_ stream: consuming TCPStream) {
        self.stream = stream
        tls = nil
        waiting = nil
        waitingBytes = 0
        current = []
        sent = 0
        records = []
        recordsSent = 0
    }

    var descriptor: Int32 { stream.descriptor }
    /// Payload that has not been handed to the kernel.
    var pendingBytes: Int { waitingBytes + current.count - sent }
    var hasOutput: Bool {
        waitingBytes > 0 || waiting?.isEmpty == false || sent < current.count || recordsSent < records.count
    }
    var isHandshaking: Bool { tls?.connection.phase == .handshaking }

    /// TLS begins; nothing has been sent or received yet.
    mutating func begin(_ connection: consuming TLSConnection) { tls = TLSState(connection) }

    /// What a client found of its server's certificate.
    var verdict: CertificateVerdict { tls?.connection.verdict ?? .accepted }
    var serverChain: [PeerCertificate] { tls?.connection.serverChain ?? [] }

    // MARK: In

    /// Appends what has come to `bytes`, at most one buffer of it.
    mutating func receive(into bytes: inout [UInt8], _ buffer: UnsafeMutableRawBufferPointer) -> Received {
        let count: Int
        switch stream.receive(into: buffer) {
        case .transferred(let received): count = received
        case .wouldBlock: return .nothing
        case .ended: return .ended
        case .failed(let error): return .failed(.system(error))
        }
        guard let tls else {
            bytes.append(contentsOf: UnsafeRawBufferPointer(rebasing: buffer[..<count]))
            return count == buffer.count ? .more : .nothing
        }
        let encrypted = UnsafeRawBufferPointer(rebasing: buffer[..<count])
        encrypted.withMemoryRebound(to: UInt8.self) { tls.connection.receive(Span(_unsafeElements: $0)) }
        tls.connection.read(into: &bytes)
        tls.connection.takeOutgoing(into: &records)
        switch tls.connection.phase {
        case .handshaking, .open: return count == buffer.count ? .more : .nothing
        case .ended: return .ended
        case .failed(let error): return .failed(.tls(error))
        }
    }

    // MARK: Out

    mutating func append(_ bytes: [UInt8]) {
        guard !bytes.isEmpty else { return }
        waitingBytes += bytes.count
        append(.bytes(bytes))
    }

    mutating func append(_ message: WebSocketMessage) {
        waitingBytes += message.count
        append(.message(message))
    }

    /// The WebSocket's goodbye, behind what was appended before.
    mutating func appendClose(_ code: WebSocketCloseCode) { append(.close(code)) }

    private mutating func append(_ item: Waiting) {
        if waiting == nil { waiting = RingBuffer(capacity: 4) }
        waiting!.append(item)
    }

    /// Hands to the kernel what it takes. False when the connection broke.
    ///
    /// - Parameter webSocket: makes frames of messages.
    mutating func flush(_ webSocket: inout WebSocketMachine?) -> Bool {
        // Bytes of the handshake are there before it is over.
        tls?.connection.takeOutgoing(into: &records)
        while true {
            if recordsSent < records.count {
                switch Channel.send(records, from: recordsSent, on: &stream) {
                case .transferred(let count): recordsSent += count
                case .wouldBlock: return true
                case .ended, .failed: return false
                }
                if recordsSent == records.count {
                    records = []
                    recordsSent = 0
                }
                continue
            }
            if sent == current.count {
                current = []
                sent = 0
                refill(&webSocket)
                if current.isEmpty { return true }
            }
            if let tls {
                guard tls.connection.isWritable else { return tls.connection.phase == .handshaking }
                let end = min(current.count, sent + TLSConnection.recordSize)
                tls.connection.write(current.span.extracting(sent..<end))
                sent = end
                tls.connection.takeOutgoing(into: &records)
                continue
            }
            switch Channel.send(current, from: sent, on: &stream) {
            case .transferred(let count): sent += count
            case .wouldBlock: return true
            case .ended, .failed: return false
            }
        }
    }

    private static func send(_ bytes: [UInt8], from start: Int, on stream: inout TCPStream) -> StreamResult {
        stream.send(bytes.span.extracting(start...))
    }

    /// Small things leave together; what is large is not copied.
    private mutating func refill(_ webSocket: inout WebSocketMachine?) {
        let enough = 16 * 1024
        while current.count < enough, let next = waiting?.popFirst() {
            switch next {
            case .bytes(let bytes):
                waitingBytes -= bytes.count
                if current.isEmpty { current = bytes } else { current.append(contentsOf: bytes) }
            case .message(let message):
                waitingBytes -= message.count
                if webSocket?.isOpen == true { webSocket!.encode(message, into: &current) }
            case .close(let code):
                webSocket?.close(code)
                webSocket?.takeOutgoing(into: &current)
            }
        }
        // An idle connection keeps no queue: there are thousands of them.
        if waiting?.isEmpty == true { waiting = nil }
    }

    /// Says that nothing more comes; the other direction stays.
    mutating func finishSending() {
        if let tls {
            tls.connection.close()
            tls.connection.takeOutgoing(into: &records)
            if recordsSent < records.count { _ = Channel.send(records, from: recordsSent, on: &stream) }
            records = []
            recordsSent = 0
        }
        stream.finishSending()
    }
}

/// Where an optional noncopyable value can be used in place.
private final class TLSState {
    var connection: TLSConnection
    init(_ connection: consuming TLSConnection) { self.connection = connection }
}
