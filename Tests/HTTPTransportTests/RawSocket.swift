import Glibc
import HTTP
import HTTPTransport
import Primitives

/// A plain TCP connection, for what no proper client would send.
final class RawSocket {
    private let descriptor: Int32

    init?(_ server: SocketAddress) {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = server.port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let result = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard result == 0 else { return nil }
        _ = fcntl(descriptor, F_SETFL, O_NONBLOCK)
    }

    deinit { close(descriptor) }

    func send(_ text: String) { send(Array(text.utf8)) }

    func send(_ bytes: [UInt8]) {
        _ = Glibc.send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL))
    }

    /// Says that nothing more will come.
    func finishSending() { shutdown(descriptor, Int32(SHUT_WR)) }

    /// What has come so far; `isOver` when the other side has closed or reset.
    func receive() -> (text: String, isOver: Bool) {
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 4096)
        while true {
            let count = recv(descriptor, &buffer, buffer.count, 0)
            if count > 0 {
                bytes += buffer[..<count]
            } else {
                return (String(decoding: bytes, as: UTF8.self), count == 0 || errno != EAGAIN)
            }
        }
    }
}

extension Loopback {
    /// What a raw client gets for `text` until its connection is closed or, with `isKept`, until the answer's head and body are there.
    func answer(to text: String, isKept: Bool = false) -> String? {
        guard let raw = RawSocket(server.addresses[0]) else { return nil }
        raw.send(text)
        var all = ""
        return until {
            let (more, isOver) = raw.receive()
            all += more
            return isOver || (isKept && all.contains("\r\n\r\n")) ? all : nil
        }
    }
}
