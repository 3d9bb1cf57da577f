internal import CWebSockets
internal import Primitives
internal import Synchronization

typealias ServiceCallback =
    @convention(c) (
        OpaquePointer?, lws_callback_reasons, UnsafeMutableRawPointer?, UnsafeMutableRawPointer?, Int
    ) -> Int32

/// A libwebsockets context with its timer and the C strings it keeps pointers to.
///
/// Its callbacks reach `Owner` through the context's user pointer; the owner holds it and destroys it.
final class ServiceContext {
    let handle: OpaquePointer
    private let timer: UnsafeMutablePointer<cws_timer>
    private let protocols: UnsafeMutablePointer<lws_protocols>
    private var strings: [UnsafeMutablePointer<CChar>]
    /// Nil where libwebsockets waits by itself, which is right for a few connections.
    private let loop: UnsafeMutablePointer<cws_loop>?
    private var isTimerChanged: Bool

    // One for the process, as libwebsockets has it. Lines carry no query: tokens travel there.
    private static let logFilter: Void = lws_set_log_level(1 | 2) { _, line in
        guard let line, ServiceContext.mayLog() else { return }
        let text = String(String(cString: line).prefix { $0 != "?" && $0 != "\n" && $0 != "\r" }.prefix(300))
        let output = "libwebsockets: \(text)\n"
        cws_write_line(output, output.utf8.count)
    }

    private static let lastLine = Mutex<Int64>(.min / 2)

    // Strangers' garbage makes the library complain: once a second at most.
    private static func mayLog() -> Bool {
        let now = cws_microseconds()
        return lastLine.withLock { last in
            guard now &- last >= 1_000_000 else { return false }
            last = now
            return true
        }
    }

    init?(
        owner: UnsafeMutableRawPointer, callback: @escaping ServiceCallback, receiveSize: Int, options: UInt64,
        manyConnections: Bool = false,
        _ configure: (inout lws_context_creation_info, inout CStrings) -> Void
    ) {
        _ = ServiceContext.logFilter
        var cStrings = CStrings()
        let protocols = UnsafeMutablePointer<lws_protocols>.allocate(capacity: 2)
        protocols.initialize(repeating: lws_protocols(), count: 2)
        protocols[0].name = cStrings.keep("http")
        protocols[0].callback = callback
        // What one receive callback carries at most; each WebSocket keeps a buffer of this size.
        protocols[0].rx_buffer_size = receiveSize
        // What one write hands to the kernel at most; without it the size above counts here too, and what is longer
        // takes a turn of the loop and a TLS record for each piece. No connection keeps a buffer of this one.
        protocols[0].tx_packet_size = 64 * 1024
        var info = lws_context_creation_info()
        info.port = -1
        info.protocols = UnsafePointer(protocols)
        info.user = owner
        info.options = options | cws_option_tls_global_init | cws_option_skip_canonical_name
        info.pt_serv_buf_size = 16 * 1024
        info.alpn = cStrings.keep("http/1.1")
        configure(&info, &cStrings)
        var loop = manyConnections ? ServiceContext.makeLoop() : nil
        var foreignLoop: UnsafeMutableRawPointer? = loop.map { UnsafeMutableRawPointer($0.pointee.loop) }
        var created: OpaquePointer?
        if foreignLoop != nil {
            created = withUnsafeMutablePointer(to: &foreignLoop) { pointer in
                info.foreign_loops = pointer
                info.options |= cws_option_libev
                return lws_create_context(&info)
            }
        }
        if created == nil {
            // Without its plugin for libev the library still works, if not for thousands.
            if let unused = loop {
                cws_loop_destroy(unused)
                unused.deallocate()
                loop = nil
            }
            info.foreign_loops = nil
            info.options &= ~cws_option_libev
            created = lws_create_context(&info)
        }
        guard let handle = created else {
            protocols.deallocate()
            for string in cStrings.strings { free(string) }
            return nil
        }
        self.handle = handle
        self.protocols = protocols
        self.loop = loop
        strings = cStrings.strings
        timer = .allocate(capacity: 1)
        timer.initialize(to: cws_timer())
        isTimerChanged = false
    }

    private static func makeLoop() -> UnsafeMutablePointer<cws_loop>? {
        let loop = UnsafeMutablePointer<cws_loop>.allocate(capacity: 1)
        loop.initialize(to: cws_loop())
        if cws_loop_create(loop) != 0 { return loop }
        loop.deallocate()
        return nil
    }

    /// Ends a connection that may still have something to write, after so many seconds; 0 is at once.
    func end(_ wsi: OpaquePointer, after seconds: Int32) {
        lws_set_timeout(wsi, PENDING_TIMEOUT_USER_OK, seconds == 0 ? -1 : seconds)
        isTimerChanged = true
    }

    /// Memory for a string that libwebsockets keeps a pointer to.
    func keep(_ text: String) -> UnsafePointer<CChar> {
        let copy = strdup(text)!
        strings.append(copy)
        return UnsafePointer(copy)
    }

    var protocolTable: UnsafePointer<lws_protocols> { UnsafePointer(protocols) }

    /// Moves bytes until `isDone`, or until `limit` is over.
    func service(for limit: Duration?, until isDone: () -> Bool) {
        if let loop { return turn(loop, for: limit, until: isDone) }
        guard let limit else {
            repeat {} while lws_service(handle, 0) >= 0 && !isDone()
            return
        }
        guard limit > .zero else {
            lws_service(handle, -1)
            return
        }
        let end = cws_microseconds() &+ limit.nanoseconds / 1000
        while true {
            let left = end &- cws_microseconds()
            guard left > 0 else { break }
            // poll counts whole milliseconds: rounded down, the last one would be spent spinning.
            cws_timer_arm(timer, handle, left &+ 999)
            guard lws_service(handle, 0) >= 0, !isDone() else { break }
        }
        cws_timer_cancel(timer)
    }

    private func turn(_ loop: UnsafeMutablePointer<cws_loop>, for limit: Duration?, until isDone: () -> Bool) {
        // The loop looks at libwebsockets' timers after it has called libwebsockets, and then only.
        func noteTimers() {
            guard isTimerChanged else { return }
            isTimerChanged = false
            lws_cancel_service(handle)
        }
        guard let limit else {
            repeat {
                noteTimers()
                cws_loop_turn(loop, -1)
            } while !isDone()
            return
        }
        let end = cws_microseconds() &+ max(0, limit.nanoseconds / 1000)
        repeat {
            noteTimers()
            cws_loop_turn(loop, Double(max(0, end &- cws_microseconds())) / 1e6)
        } while !isDone() && cws_microseconds() < end
    }

    /// Closes everything; callbacks run for the last time.
    func destroy() {
        lws_context_destroy(handle)
        if let loop {
            cws_loop_destroy(loop)
            loop.deallocate()
        }
        timer.deallocate()
        protocols.deallocate()
        for string in strings { free(string) }
    }
}

/// C strings that live as long as the context they are given to.
struct CStrings {
    private(set) var strings: [UnsafeMutablePointer<CChar>] = []

    mutating func keep(_ text: String) -> UnsafePointer<CChar> {
        let copy = strdup(text)!
        strings.append(copy)
        return UnsafePointer(copy)
    }
}

/// What waits to be sent on a WebSocket, whole messages with room in front for libwebsockets' framing.
struct Outbox {
    private var messages: RingBuffer<WebSocketMessage>?
    /// Payload bytes waiting.
    private(set) var bytes: Int = 0
    /// Set once the connection is to be closed behind the last message.
    var closeCode: WebSocketCloseCode?

    var isEmpty: Bool { messages?.isEmpty ?? true }

    mutating func append(_ message: WebSocketMessage) {
        if messages == nil { messages = RingBuffer(capacity: 4) }
        messages?.append(message)
        bytes += message.count
    }

    /// Writes one message; false when the connection broke.
    mutating func writeNext(to wsi: OpaquePointer) -> Bool {
        guard let message = messages?.popFirst() else { return true }
        // An idle connection keeps no queue: there are thousands of them.
        if messages?.isEmpty == true { messages = nil }
        bytes -= message.count
        let (payload, kind): ([UInt8], lws_write_protocol)
        switch message {
        case .text(let text): (payload, kind) = (text, LWS_WRITE_TEXT)
        case .binary(let binary): (payload, kind) = (binary, LWS_WRITE_BINARY)
        }
        return lwsWrite(payload, kind, to: wsi)
    }
}

/// Hands bytes to libwebsockets, which keeps what the kernel does not take. False when the connection broke.
func lwsWrite(_ payload: [UInt8], _ kind: lws_write_protocol, to wsi: OpaquePointer) -> Bool {
    let room = Int(cws_pre)
    return withUnsafeTemporaryAllocation(of: UInt8.self, capacity: room + payload.count) { buffer in
        _ = buffer.extracting(room...).initialize(from: payload)
        return lws_write(wsi, buffer.baseAddress! + room, payload.count, kind) >= 0
    }
}

/// The other end of a connection; nil when there is none.
func peerAddress(of wsi: OpaquePointer) -> SocketAddress? { socketAddress(lws_get_socket_fd(wsi), isPeer: true) }

/// This end of a connection; nil while the kernel has not chosen it.
func localAddress(of wsi: OpaquePointer) -> SocketAddress? {
    socketAddress(lws_get_socket_fd(wsi), isPeer: false).flatMap { $0.address.isUnspecified ? nil : $0 }
}

/// The other or this end of a socket; nil when it has none.
func socketAddress(_ descriptor: Int32, isPeer: Bool) -> SocketAddress? {
    var bytes = [UInt8](repeating: 0, count: 16)
    var port: UInt16 = 0
    func number(_ range: Range<Int>) -> UInt64 { bytes[range].reduce(0) { $0 << 8 | UInt64($1) } }
    switch cws_address(descriptor, isPeer ? 1 : 0, &bytes, &port) {
    case 4: return SocketAddress(address: .v4(UInt32(number(0..<4))), port: port)
    case 6 where number(0..<8) == 0 && number(8..<12) == 0xFFFF:
        return SocketAddress(address: .v4(UInt32(number(12..<16))), port: port)
    case 6: return SocketAddress(address: .v6(high: number(0..<8), low: number(8..<16)), port: port)
    default: return nil
    }
}

/// A header's whole value by its token; nil when it did not come.
func headerValue(_ wsi: OpaquePointer, _ token: lws_token_indexes) -> String? {
    let length = lws_hdr_total_length(wsi, token)
    guard length > 0 else { return nil }
    return withUnsafeTemporaryAllocation(of: CChar.self, capacity: Int(length) + 1) { buffer in
        let copied = lws_hdr_copy(wsi, buffer.baseAddress, length + 1, token)
        guard copied >= 0 else { return nil }
        return String(validating: buffer[..<Int(copied)].lazy.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}

/// A value of a header that libwebsockets has no token for; `name` is lower case with its colon.
func customHeaderValue(_ wsi: OpaquePointer, _ name: String) -> String? {
    let length = lws_hdr_custom_length(wsi, name, Int32(name.utf8.count))
    guard length > 0 else { return nil }
    return withUnsafeTemporaryAllocation(of: CChar.self, capacity: Int(length) + 1) { buffer in
        let copied = lws_hdr_custom_copy(wsi, buffer.baseAddress, length + 1, name, Int32(name.utf8.count))
        guard copied >= 0 else { return nil }
        return String(validating: buffer[..<Int(copied)].lazy.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}

/// What the last failed system call of this thread said.
func systemError() -> String {
    let code = cws_errno()
    return code == 0 ? "refused" : String(cString: strerror(code))
}
