import Foundation
import Glibc
import HTTP
import HTTPTransport
import Primitives

/// Exchanges over a plain socket, for headers that the project's own client does not keep and answers that nobody takes.
enum RawHTTP {
    /// A request that has been sent.
    final class Asked {
        private let descriptor: Int32
        private var isOpen: Bool

        fileprivate init(_ server: SocketAddress, _ request: [UInt8]) {
            let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_port = server.port.bigEndian
            address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
            let connected = withUnsafePointer(to: &address) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
                }
            }
            self.descriptor = descriptor
            isOpen = true
            if connected == 0 { _ = Glibc.send(descriptor, request, request.count, Int32(MSG_NOSIGNAL)) }
        }

        deinit { close() }

        /// Whether the kernel has handed over all that was sent.
        var isTaken: Bool {
            var waiting: Int32 = 0
            return ioctl(descriptor, UInt(TIOCOUTQ), &waiting) != 0 || waiting == 0
        }

        func send(_ bytes: [UInt8]) { _ = Glibc.send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL)) }

        /// The status of the answer; 0 without one.
        func status() -> Int {
            String(decoding: read(), as: UTF8.self).split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0
        }

        func close() {
            if isOpen { _ = Glibc.close(descriptor) }
            isOpen = false
        }

        /// The next bytes of the answer; none at its end.
        fileprivate func read() -> ArraySlice<UInt8> {
            var buffer = [UInt8](repeating: 0, count: 4096)
            let count = Glibc.read(descriptor, &buffer, buffer.count)
            return buffer[..<max(0, count)]
        }
    }

    /// Sends a request and takes nothing of its answer.
    static func ask(
        _ server: SocketAddress, _ method: String, _ path: String, headers: [String] = [], length: Int = 0,
        body: [UInt8] = []
    ) -> Asked {
        let lines = ["\(method) \(path) HTTP/1.1", "Host: x", "Content-Length: \(length)"] + headers + ["", ""]
        return Asked(server, Array(lines.joined(separator: "\r\n").utf8) + body)
    }

    static func exchange(
        _ server: SocketAddress, _ method: String, _ path: String, headers: [String] = [], length: Int = 0
    ) -> (status: Int, headers: [HTTPHeader]) {
        let asked = ask(server, method, path, headers: headers, length: length)
        var answer: [UInt8] = []
        while true {
            let head = String(decoding: answer, as: UTF8.self)
            if let end = head.range(of: "\r\n\r\n") { return parse(head[..<end.lowerBound]) }
            let more = asked.read()
            guard !more.isEmpty else { return (0, []) }
            answer += more
        }
    }

    private static func parse(_ head: Substring) -> (status: Int, headers: [HTTPHeader]) {
        let lines = head.split(separator: "\r\n")
        let status = lines.first?.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0
        let headers = lines.dropFirst().map { line in
            let colon = line.firstIndex(of: ":") ?? line.endIndex
            return HTTPHeader(String(line[..<colon]), String(line[colon...].drop { $0 == ":" || $0 == " " }))
        }
        return (status, headers)
    }
}
