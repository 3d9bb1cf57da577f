import Glibc
import Primitives
import Reactor
import Testing

@Suite struct UnixSocketTests {
    private static func path(_ name: String) -> String { "/tmp/kiosk-reactor-\(getpid())-\(name).sock" }

    @Test func aLineGoesEachWay() throws {
        let path = Self.path("line")
        var listener = try UnixSocketListener(at: path)
        let isEarly = listener.acceptOne() != nil
        #expect(!isEarly)
        var client = try UnixStream(connectingTo: path)
        var server = try present(listener.acceptOne())
        let sent = client.send(Array("hello\n".utf8).span)
        #expect(sent == .transferred(6))
        var buffer = [UInt8](repeating: 0, count: 64)
        let received1 = buffer.withUnsafeMutableBytes { server.receive(into: $0) }
        #expect(received1 == .transferred(6))
        let received2 = buffer.withUnsafeMutableBytes { server.receive(into: $0) }
        #expect(received2 == .wouldBlock)
        client.finishSending()
        let received3 = buffer.withUnsafeMutableBytes { server.receive(into: $0) }
        #expect(received3 == .ended)
    }

    @Test func aFullConnectionBlocksInsteadOfWaiting() throws {
        let path = Self.path("full")
        var listener = try UnixSocketListener(at: path)
        var client = try UnixStream(connectingTo: path)
        let server = try present(listener.acceptOne())
        let block = [UInt8](repeating: 0, count: 65_536)
        var result = StreamResult.transferred(1)
        for _ in 0..<1_000 {
            result = client.send(block.span)
            if result == .wouldBlock { break }
        }
        #expect(result == .wouldBlock)
        _ = consume server
        guard case .failed(let error) = client.send(block.span) else {
            Issue.record("a send to a closed end succeeded")
            return
        }
        #expect(error.code == EPIPE)
    }

    @Test func onlyADeadSocketIsReplaced() throws {
        let path = Self.path("stale")
        do {
            let first = try UnixSocketListener(at: path)
            #expect(first.path == path)
            #expect(throws: SystemError("bind \(path)", EADDRINUSE)) { _ = try UnixSocketListener(at: path) }
        }
        #expect(access(path, F_OK) != 0, "the socket file outlived its listener")

        // What a process leaves that was killed: a file that nobody listens behind.
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let status = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        close(descriptor)
        try #require(status == 0)
        _ = try UnixSocketListener(at: path)

        let file = Self.path("file")
        close(open(file, O_CREAT | O_WRONLY, 0o600))
        defer { unlink(file) }
        #expect(throws: SystemError("bind \(file)", EEXIST)) { _ = try UnixSocketListener(at: file) }
    }

    @Test func theFilesPermissionsAreThoseAskedFor() throws {
        let path = Self.path("mode")
        let listener = try UnixSocketListener(at: path, permissions: 0o600)
        var status = stat()
        #expect(stat(listener.path, &status) == 0)
        #expect(status.st_mode & 0o777 == 0o600)
    }

    @Test func pathsThatDoNotFitAreRefused() {
        let path = "/tmp/" + String(repeating: "x", count: 120)
        #expect(throws: SystemError("socket path \(path)", ENAMETOOLONG)) { _ = try UnixStream(connectingTo: path) }
    }

    @Test func nobodyThereIsAnError() {
        #expect(throws: SystemError("connect /tmp/kiosk-nobody.sock", ENOENT)) {
            _ = try UnixStream(connectingTo: "/tmp/kiosk-nobody.sock")
        }
    }
}

@Suite struct TCPStreamTests {
    @Test func aRefusedConnectionIsAValue() throws {
        // Bound and not listening: the port is ours, so nobody else can answer on it.
        let holder = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(holder) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                _ = bind(holder, $0, size)
                _ = getsockname(holder, $0, &size)
            }
        }
        let port = UInt16(bigEndian: address.sin_port)
        let remote = SocketAddress(address: .v4(0x7F00_0001), port: port)
        do throws(SystemError) {
            var stream = try TCPStream(connectingTo: remote)
            var loop = try EventLoop()
            try loop.register(stream.descriptor, token: .init(1), for: .writable)
            try loop.wait(until: MonotonicClock.now() + .seconds(5))
            let connected = stream.finishConnect()
            #expect(connected == .failed(SystemError("connect", ECONNREFUSED)))
        } catch {
            #expect(error == SystemError("connect", ECONNREFUSED))
        }
    }

    @Test func bytesGoThroughAConnection() throws {
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(listener) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                _ = bind(listener, $0, size)
                _ = getsockname(listener, $0, &size)
            }
        }
        listen(listener, 1)
        let remote = SocketAddress(address: .v4(0x7F00_0001), port: UInt16(bigEndian: address.sin_port))
        var stream = try TCPStream(connectingTo: remote, from: SocketAddress("127.0.0.1:0")!)
        let accepted = accept(listener, nil, nil)
        defer { close(accepted) }
        var loop = try EventLoop()
        try loop.register(stream.descriptor, token: .init(1), for: .writable)
        try loop.wait(until: MonotonicClock.now() + .seconds(5))
        let connected = stream.finishConnect()
        #expect(connected == .connected)
        let local = try stream.localAddress()
        #expect(local.address == .v4(0x7F00_0001))
        let sent = stream.send([1, 2, 3].span)
        #expect(sent == .transferred(3))
        var buffer = [UInt8](repeating: 0, count: 8)
        #expect(read(accepted, &buffer, 8) == 3)
        #expect(write(accepted, buffer, 2) == 2)
        try loop.modify(stream.descriptor, token: .init(1), for: .readable)
        try loop.wait(until: MonotonicClock.now() + .seconds(5))
        let received4 = buffer.withUnsafeMutableBytes { stream.receive(into: $0) }
        #expect(received4 == .transferred(2))
    }
}

@Suite struct LineReaderTests {
    private func lines(_ pieces: [String], limit: Int = 64) throws -> [String] {
        var reader = LineReader(limit: limit)
        var lines: [String] = []
        for piece in pieces {
            reader.append(Array(piece.utf8).span)
            while let line = try reader.next() { lines.append(String(decoding: line, as: UTF8.self)) }
        }
        return lines
    }

    @Test func linesAreFoundWhereverThePiecesEnd() throws {
        #expect(try lines(["a\nbc", "d\r\n", "\n", "rest"]) == ["a", "bcd", ""])
        #expect(try lines(Array("{\"a\":1}\n{\"b\":2}\n").map(String.init)) == ["{\"a\":1}", "{\"b\":2}"])
    }

    @Test func aLineThatIsTooLongIsRefusedWhetherItEndsOrNot() {
        #expect(throws: LineReader.Failure.lineTooLong(limit: 8)) { _ = try lines(["123456789"], limit: 8) }
        #expect(throws: LineReader.Failure.lineTooLong(limit: 8)) { _ = try lines(["123456789\n"], limit: 8) }
        #expect(throws: Never.self) { _ = try lines(["12345678\n"], limit: 8) }
    }
}

@Suite struct NetworkInterfacesTests {
    @Test func theLoopbackIsThere() throws {
        let addresses = try NetworkInterfaces.addresses()
        let loopback = try #require(addresses.first { $0.address == .v4(0x7F00_0001) })
        #expect(loopback.isLoopback && loopback.isUp && loopback.isRunning)
        #expect(loopback.prefixLength == 8)
        #expect(loopback.index > 0)
        #expect(!loopback.isLinkLocal && !loopback.isPointToPoint)
    }

    @Test func nothingIsReportedWhileNothingChanges() throws {
        var changes = try NetworkChangeSource()
        let changed = changes.drain()
        #expect(!changed)
        #expect(changes.descriptor >= 0)
    }
}

extension UnixSocketListener {
    /// The connection that waits; nil where there is none, or none can be taken.
    fileprivate mutating func acceptOne() -> UnixStream? {
        switch accept() {
        case .accepted(let stream): stream
        case .noneWaits: nil
        case .exhausted: nil
        }
    }
}
