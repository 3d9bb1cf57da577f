import Crypto
import Foundation
import Glibc
import ICE
import Primitives
import STUN
import TestSupport
import Testing

/// The TURN client against the real coturn, on the loopback interface, in real time.
@Suite(.serialized) struct CoturnTests {
    /// A blocking socket of the loopback interface.
    final class LoopbackSocket {
        let descriptor: Int32
        let address: SocketAddress

        init(stream: Bool = false) throws {
            let descriptor = socket(AF_INET, Int32((stream ? SOCK_STREAM : SOCK_DGRAM).rawValue), 0)
            var name = LoopbackSocket.name(port: 0)
            var length = socklen_t(MemoryLayout<sockaddr_in>.size)
            let isBound = withUnsafeMutablePointer(to: &name) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    bind(descriptor, $0, length) == 0 && getsockname(descriptor, $0, &length) == 0
                }
            }
            self.descriptor = descriptor
            address = SocketAddress(address: .v4(0x7F00_0001), port: UInt16(bigEndian: name.sin_port))
            try #require(isBound)
        }

        deinit { close(descriptor) }

        static func name(port: UInt16) -> sockaddr_in {
            var name = sockaddr_in()
            name.sin_family = sa_family_t(AF_INET)
            name.sin_port = port.bigEndian
            name.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
            return name
        }

        func connect(port: UInt16) -> Bool {
            var name = LoopbackSocket.name(port: port)
            let size = socklen_t(MemoryLayout<sockaddr_in>.size)
            return withUnsafePointer(to: &name) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { Glibc.connect(descriptor, $0, size) }
            } == 0
        }

        func send(_ bytes: [UInt8], to destination: SocketAddress) {
            var name = LoopbackSocket.name(port: destination.port)
            let size = socklen_t(MemoryLayout<sockaddr_in>.size)
            _ = withUnsafePointer(to: &name) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    sendto(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL), $0, size)
                }
            }
        }

        func write(_ bytes: [UInt8]) { _ = Glibc.send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL)) }

        /// What arrives within a few milliseconds, and from which port.
        func receive(milliseconds: Int32 = 5) -> (bytes: [UInt8], port: UInt16)? {
            var poller = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            guard poll(&poller, 1, milliseconds) == 1 else { return nil }
            var buffer = [UInt8](repeating: 0, count: 4096)
            var name = sockaddr_in()
            var length = socklen_t(MemoryLayout<sockaddr_in>.size)
            let count = withUnsafeMutablePointer(to: &name) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    recvfrom(descriptor, &buffer, buffer.count, 0, $0, &length)
                }
            }
            guard count > 0 else { return nil }
            return (Array(buffer.prefix(count)), UInt16(bigEndian: name.sin_port))
        }
    }

    /// A running turnserver, ended with the object.
    final class Coturn {
        let process: Process
        let port: UInt16

        init(_ arguments: [String]) throws {
            port = try LoopbackSocket(stream: true).address.port
            process = Process()
            process.executableURL = URL(fileURLWithPath: "/usr/bin/turnserver")
            process.arguments =
                [
                    "-n", "--no-cli", "--no-tls", "--no-dtls", "-L", "127.0.0.1", "-E", "127.0.0.1", "-p", "\(port)",
                    "--allow-loopback-peers", "--realm", "example.org", "--log-file", "/dev/null", "--no-stdout-log",
                    "--pidfile", "/tmp/coturn-test-\(port).pid", "-m", "1",
                ] + arguments
            process.standardOutput = FileHandle.nullDevice
            process.standardError = FileHandle.nullDevice
            try process.run()
            for _ in 0..<400 where try !LoopbackSocket(stream: true).connect(port: port) { usleep(10_000) }
        }

        deinit {
            // Not SIGTERM: a child inherits the signals that the spawning thread blocks.
            kill(process.processIdentifier, SIGKILL)
            process.waitUntilExit()
            unlink("/tmp/coturn-test-\(port).pid")
        }
    }

    /// In CI the server is a package that `make setup` installs; elsewhere its absence is said.
    static var isHere: Bool {
        guard access("/usr/bin/turnserver", X_OK) != 0 else { return true }
        #expect(ProcessInfo.processInfo.environment["CI"] == nil, "turnserver is missing")
        print("SKIPPED: no /usr/bin/turnserver, the TURN client is not tested against coturn")
        return false
    }

    static var now: Instant {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Instant(nanoseconds: Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec))
    }

    /// Client, its socket or stream, and a peer.
    final class Session {
        var client: TURNClient
        let socket: LoopbackSocket
        let peer: LoopbackSocket
        var reader = TURNStreamReader()
        var events: [TURNEvent] = []
        var received: [[UInt8]] = []

        init(_ coturn: Coturn, transport: TransportProtocol, _ credentials: TURNCredentials) throws {
            socket = try LoopbackSocket(stream: transport != .udp)
            peer = try LoopbackSocket()
            if transport != .udp { try #require(socket.connect(port: coturn.port)) }
            client = TURNClient(
                server: TURNServer(
                    address: SocketAddress(address: .v4(0x7F00_0001), port: coturn.port), transport: transport,
                    credentials: credentials),
                base: socket.address, authenticator: .openSSL, random: .system)
            client.start(now: now)
        }

        private func take(_ bytes: [UInt8]) {
            if case .data(let range, _) = client.handle(bytes.span, now: now) { received.append(Array(bytes[range])) }
        }

        /// Drives the client until the condition holds; false after five seconds.
        func run(until condition: () -> Bool) -> Bool {
            let end = now + .seconds(5)
            while now < end {
                var packet = PacketBuffer(capacity: 2048)
                while let transmit = client.pollTransmit(into: &packet, now: now) {
                    let bytes = packet.bytes.copied()
                    if transmit.transport == .udp {
                        socket.send(bytes, to: transmit.destination)
                    } else {
                        socket.write(bytes)
                    }
                }
                while let event = client.pollEvent() { events.append(event) }
                if condition() { return true }
                if let (bytes, _) = socket.receive() {
                    if client.transport == .udp {
                        take(bytes)
                    } else {
                        reader.append(bytes.span)
                        while reader.next(into: &packet) {
                            let frame = packet.bytes.copied()
                            take(frame)
                        }
                    }
                }
                if let wake = client.nextTimeout, wake.at <= now { client.handleTimeout(now: now) }
            }
            return false
        }

        func send(_ bytes: [UInt8]) -> Bool {
            var packet = PacketBuffer(capacity: 2048)
            packet.append(bytes.span)
            guard client.frame(&packet, to: peer.address) else { return false }
            let framed = packet.bytes.copied()
            if client.transport == .udp {
                socket.send(framed, to: client.server)
            } else {
                socket.write(framed)
            }
            return true
        }
    }

    private func exchange(_ transport: TransportProtocol, _ arguments: [String], _ credentials: TURNCredentials) throws
    {
        guard Self.isHere else { return }
        let coturn = try Coturn(arguments)
        let session = try Session(coturn, transport: transport, credentials)
        #expect(session.run { !session.events.isEmpty })
        try #require(session.client.isAllocated, "\(session.events)")
        let relayed = try #require(session.client.relayed.first)
        session.client.permit(session.peer.address.address, now: Self.now)
        try #require(session.run { session.events.contains(.permissionGranted(session.peer.address.address)) })

        for round in 0..<2 {
            for size in [1, 100, 1199] {
                let payload = (0..<size).map { UInt8(truncatingIfNeeded: $0 + round) }
                #expect(session.send(payload))
                let arrived = session.peer.receive(milliseconds: 2000)
                #expect(arrived?.bytes == payload)
                #expect(arrived?.port == relayed.port)
                session.peer.send(payload.reversed(), to: relayed)
                #expect(session.run { session.received.last == payload.reversed() })
            }
            if round == 0 {
                session.client.bindChannel(to: session.peer.address, now: Self.now)
                #expect(session.run { session.events.contains(.channelBound(peer: session.peer.address)) })
            }
        }
        #expect(session.client.drops.total == 0)
        session.client.close(now: Self.now)
        _ = session.run { session.client.nextTimeout == nil }
    }

    @Test(arguments: [TransportProtocol.udp, .tcp])
    func longTermCredentials(transport: TransportProtocol) throws {
        try exchange(
            transport, ["--lt-cred-mech", "--user", "kiosk:secret"],
            TURNCredentials(username: "kiosk", password: "secret"))
    }

    /// As our backend makes them: expiry and name, signed with the secret shared with the server.
    @Test func timeLimitedCredentials() throws {
        let username = "\(Int(Date().timeIntervalSince1970) + 600):KIOSK_01"
        let code = HMAC.sha1(Array(username.utf8).span, key: Array("shared".utf8).span)
        let password = Data(code.span.copied()).base64EncodedString()
        try exchange(
            .udp, ["--use-auth-secret", "--static-auth-secret", "shared"],
            TURNCredentials(username: username, password: password))
    }

    @Test func wrongPassword() throws {
        guard Self.isHere else { return }
        let coturn = try Coturn(["--lt-cred-mech", "--user", "kiosk:secret"])
        let session = try Session(coturn, transport: .udp, TURNCredentials(username: "kiosk", password: "guess"))
        #expect(session.run { !session.events.isEmpty })
        #expect(session.events == [.failed(.unauthenticated)])
    }
}
