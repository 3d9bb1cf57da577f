import Foundation
import Glibc
import HTTP
import HTTPTransport
import Primitives

/// One exchange over a plain socket, for headers that the project's own client does not keep.
enum RawHTTP {
    static func exchange(
        _ server: SocketAddress, _ method: String, _ path: String, headers: [String] = [], length: Int = 0
    ) -> (status: Int, headers: [HTTPHeader]) {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = server.port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let connected = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard connected == 0 else { return (0, []) }
        let lines = ["\(method) \(path) HTTP/1.1", "Host: x", "Content-Length: \(length)"] + headers + ["", ""]
        let request = Array(lines.joined(separator: "\r\n").utf8)
        guard write(descriptor, request, request.count) == request.count else { return (0, []) }
        var answer: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 4096)
        while true {
            let head = String(decoding: answer, as: UTF8.self)
            if let end = head.range(of: "\r\n\r\n") { return parse(head[..<end.lowerBound]) }
            let count = read(descriptor, &buffer, buffer.count)
            guard count > 0 else { return (0, []) }
            answer += buffer[..<count]
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
