import Crypto
import Glibc
import Primitives
import SCTP

func clockNow() -> Instant {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Instant(nanoseconds: Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec))
}

/// Data channels over a UDP socket on the loopback instead of DTLS. What comes on a channel that the peer opened goes back; a line of
/// standard input is a command, and what happens is a line of standard output.
///
///     open LABEL [unordered] [retransmissions=N] [lifetime=MS] [negotiated=STREAM]
///     send LABEL SIZE | text LABEL SIZE | close LABEL | shutdown | abort
final class Echo {
    private let descriptor: Int32
    private var channels: DataChannels
    private var labels: [ChannelID: String] = [:]
    private var echoing: Set<ChannelID> = []
    private var unsent: [(id: ChannelID, message: DataChannelMessage)] = []
    private var line: [UInt8] = []
    private var isOpen = true

    init?(port: UInt16, peer: UInt16, role: DTLSRole, packetSize: Int) {
        descriptor = socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0)
        guard descriptor >= 0, Self.bind(descriptor, to: port), Self.connect(descriptor, to: peer) else { return nil }
        var configuration = AssociationConfiguration()
        configuration.maximumPacketSize = packetSize
        let key = (0..<32).map { _ in UInt8.random(in: 0...255) }
        channels = DataChannels(
            configuration, role: role,
            authenticator: CookieAuthenticator(key: key) { HMAC.sha256($0, key: $1) }, random: .system)
    }

    private static func loopback(_ port: UInt16) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        return address
    }

    private static func bind(_ descriptor: Int32, to port: UInt16) -> Bool {
        var address = loopback(port)
        return withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Glibc.bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
    }

    private static func connect(_ descriptor: Int32, to port: UInt16) -> Bool {
        var address = loopback(port)
        return withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Glibc.connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
    }

    func run(starts: Bool) {
        if starts { channels.start(now: clockNow()) }
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while isOpen {
            drain()
            let wake = channels.nextTimeout.map { max(0, ($0.at - clockNow()).milliseconds.rounded(.up)) } ?? 1000
            var polled = [
                pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0),
                pollfd(fd: 0, events: Int16(POLLIN), revents: 0),
            ]
            _ = poll(&polled, 2, Int32(min(wake, 1000)))
            if polled[0].revents != 0 {
                while true {
                    let count = recv(descriptor, &buffer, buffer.count, Int32(MSG_DONTWAIT))
                    guard count >= 0 else { break }
                    channels.handle(buffer.span.extracting(0..<count), now: clockNow())
                    drain()
                }
            }
            if polled[1].revents != 0 { readCommands() }
            channels.handleTimeout(now: clockNow())
        }
    }

    private func drain() {
        while let event = channels.pollEvent() { handle(event) }
        while let first = unsent.first {
            do { try channels.send(first.message, on: first.id, now: clockNow()) } catch .refused(.streamBufferFull) {
                break
            } catch .refused(.bufferFull) { break } catch { say("refused \(error)") }
            unsent.removeFirst()
        }
        var packet = PacketBuffer(capacity: 2048)
        while channels.pollTransmit(into: &packet, now: clockNow()) {
            let count = packet.count
            packet.withUnsafeMutableMemory { _ = Glibc.send(descriptor, $0, count, 0) }
            packet.removeAll()
        }
    }

    private func handle(_ event: DataChannelEvent) {
        switch event {
        case .connected: say("connected")
        case .opened(let id, let stream, let parameters):
            labels[id] = parameters.label
            echoing.insert(id)
            say("opened \(parameters.label) \(stream.rawValue) \(parameters.isOrdered) \(parameters.reliability)")
        case .accepted(let id): say("accepted \(label(id))")
        case .message(let id, let message):
            if echoing.contains(id) { unsent.append((id, message)) }
            switch message {
            case .text(let bytes): say("text \(label(id)) \(bytes.count) \(Echo.hash(bytes))")
            case .binary(let bytes): say("binary \(label(id)) \(bytes.count) \(Echo.hash(bytes))")
            }
        case .bufferedAmountLow(let id): say("low \(label(id))")
        case .closed(let id):
            say("closed \(label(id))")
            labels[id] = nil
            echoing.remove(id)
        case .ended(let how):
            say("ended \(how)")
            isOpen = false
        }
    }

    private func label(_ id: ChannelID) -> String { labels[id] ?? "?" }

    private func say(_ text: String) {
        print(text)
        fflush(nil)
    }

    /// FNV-1a, 64 bits.
    private static func hash(_ bytes: [UInt8]) -> UInt64 {
        bytes.reduce(0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
    }

    // MARK: Commands

    private func readCommands() {
        var bytes = [UInt8](repeating: 0, count: 4096)
        let count = read(0, &bytes, bytes.count)
        guard count > 0 else { return channels.shutdown(now: clockNow()) }
        for byte in bytes[..<count] {
            guard byte == UInt8(ascii: "\n") else {
                line.append(byte)
                continue
            }
            obey(String(decoding: line, as: UTF8.self).split(separator: " ").map(String.init))
            line = []
        }
    }

    private func obey(_ words: [String]) {
        guard let verb = words.first else { return }
        let id = words.count > 1 ? labels.first { $0.value == words[1] }?.key : nil
        do {
            switch (verb, id) {
            case ("open", nil): try open(words)
            case ("send", let id?): unsent.append((id, .binary(Echo.bytes(Int(words[2]) ?? 0))))
            case ("text", let id?): unsent.append((id, .text([UInt8](repeating: 0x61, count: Int(words[2]) ?? 0))))
            case ("close", let id?): channels.close(id)
            case ("shutdown", _): channels.shutdown(now: clockNow())
            case ("abort", _):
                channels.abort()
                drain()
            default: say("unknown \(words.joined(separator: " "))")
            }
        } catch { say("refused \(error)") }
    }

    private func open(_ words: [String]) throws(DataChannelError) {
        var parameters = DataChannelParameters(label: words[1])
        var negotiated: StreamID?
        for word in words.dropFirst(2) {
            let parts = word.split(separator: "=")
            switch (parts[0], parts.count > 1 ? UInt16(parts[1]) : nil) {
            case ("unordered", _): parameters.isOrdered = false
            case ("retransmissions", let count?): parameters.reliability = .maximumRetransmissions(count)
            case ("lifetime", let time?): parameters.reliability = .maximumLifetime(.milliseconds(Int(time)))
            case ("negotiated", let stream?): negotiated = StreamID(stream)
            default: say("unknown \(word)")
            }
        }
        let id: ChannelID
        if let negotiated {
            id = try channels.open(parameters, negotiatedOn: negotiated)
        } else {
            id = try channels.open(parameters, now: clockNow())
        }
        labels[id] = words[1]
    }

    /// The bytes 0, 1, … 250, and again.
    private static func bytes(_ count: Int) -> [UInt8] { (0..<count).map { UInt8($0 % 251) } }
}
