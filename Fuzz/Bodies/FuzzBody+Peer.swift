import Peer
import Primitives
import SDP
import TestSupport

/// Bytes are operations on a kiosk and a monitor that exchange what they send, in any order: offers, answers, candidates,
/// datagrams that are damaged, doubled and lost, addresses and servers that come and go, names, frames, time. Nothing
/// traps, neither never stops, and after handling, the next deadline lies in the future.
func fuzzPeerSession(_ input: [UInt8]) {
    guard var pair = FuzzedPair() else { return }
    for (position, operation) in input.prefix(600).enumerated() { pair.step(operation, position) }
}

private struct FuzzedPeer: ~Copyable {
    var session: PeerSession
    let bases: [SocketAddress]
    var candidates: [String] = []
    /// Names that were asked for, as they stand in the questions.
    var asked: [[UInt8]] = []
    var framesReceived = 0

    init(_ role: PeerRole, network: UInt32, now: Instant) throws(PeerError) {
        let capabilities =
            role == .answerer
            ? LocalCapabilities.kiosk
            : LocalCapabilities(audio: .opus(direction: .recvonly), video: .video(direction: .recvonly))
        session = try PeerSession(
            .init(role: role, capabilities: capabilities), wallClock: WallClock(secondsSince1970: 1_790_000_000),
            random: .seeded(UInt64(network)), now: now)
        bases = (1...3).map { SocketAddress(address: .v4(0x0A00_0000 | network << 8 | $0), port: 5000) }
    }

    /// Everything there is to send, until there is nothing more to do.
    mutating func settle(now: Instant) -> [(SocketAddress, SocketAddress, [UInt8])] {
        var packet = PacketBuffer(capacity: PacketPool.slotSize)
        var bytes: [UInt8] = []
        var sent: [(SocketAddress, SocketAddress, [UInt8])] = []
        for _ in 0..<100 {
            while let transmit = session.pollTransmit(into: &packet, now: now) {
                precondition(sent.count < 5000, "peer: it never stops sending")
                let bytes = copy(packet.bytes)
                if transmit.destination.port == 5353, asked.count < 20, let end = bytes.dropFirst(12).firstIndex(of: 0)
                {
                    asked.append(Array(bytes[12...end]))
                }
                sent.append((transmit.source, transmit.destination, bytes))
                packet.removeAll()
            }
            while let event = session.pollEvent() {
                if case .localCandidate(let text, _, _) = event, candidates.count < 50 { candidates.append(text) }
            }
            while session.nextFrame(.video, into: &bytes, now: now) != nil { framesReceived += 1 }
            while session.nextFrame(.audio, into: &bytes, now: now) != nil { framesReceived += 1 }
            guard let wake = session.nextTimeout, wake.at <= now else { return sent }
            session.handleTimeout(now: now)
        }
        preconditionFailure("peer: it never goes idle (\(session.nextTimeout.map { "\($0.reason)" } ?? "-"))")
    }
}

private struct FuzzedPair: ~Copyable {
    private var kiosk: FuzzedPeer
    private var monitor: FuzzedPeer
    private var now: Instant
    private var random: RandomSource
    private var offer: String
    private var answer: String
    private enum Party { case kiosk, monitor, server }
    private var wire: [(to: Party, source: SocketAddress, destination: SocketAddress, bytes: [UInt8])]
    private var frame: EncodedFrame
    private var sound: EncodedFrame
    private let server: TURNServerNode

    init?() {
        now = Instant(nanoseconds: 1_000_000_000)
        guard let kiosk = try? FuzzedPeer(.answerer, network: 1, now: now),
            let monitor = try? FuzzedPeer(.offerer, network: 2, now: now)
        else { return nil }
        self.kiosk = kiosk
        self.monitor = monitor
        random = .seeded(7)
        (offer, answer) = ("", "")
        wire = []
        frame = EncodedFrame(kind: .video, capacity: 4096)
        sound = EncodedFrame(kind: .audio, capacity: 200)
        server = TURNServerNode(SocketAddress("192.0.2.9:3478")!)
    }

    mutating func step(_ operation: UInt8, _ position: Int) {
        let argument = Int(operation >> 5)
        switch operation & 31 {
        case 0: kiosk.session.addLocalAddress(kiosk.bases[argument % 3], now: now)
        case 1: monitor.session.addLocalAddress(monitor.bases[argument % 3], now: now)
        case 2: kiosk.session.removeLocalAddress(kiosk.bases[argument % 3], now: now)
        case 3: monitor.session.removeLocalAddress(monitor.bases[argument % 3], now: now)
        case 4: kiosk.session.finishLocalAddresses(now: now)
        case 5: if let text = try? monitor.session.makeOffer(now: now) { offer = text }
        case 6: if let text = try? kiosk.session.accept(offer: offer, now: now) { answer = text }
        case 7: _ = try? monitor.session.accept(answer: answer, now: now)
        case 8: for text in kiosk.candidates { monitor.session.addRemoteCandidate(text, now: now) }
        case 9: for text in monitor.candidates { kiosk.session.addRemoteCandidate(text, now: now) }
        case 10:
            kiosk.session.addRemoteCandidate(
                argument < 4 ? "" : "candidate:1 1 udp 1 x\(position).local 9 typ host", now: now)
        case 11: if let text = try? kiosk.session.accept(offer: damaged(offer), now: now) { answer = text }
        case 12...20: deliver(argument + 1, isDamaged: operation & 31 == 19, isDoubled: operation & 31 == 20)
        case 21: argument == 1 ? report() : wire.removeAll()
        case 22: now += .milliseconds(Int64(argument) * 10)
        case 23: now += .seconds(Int64(argument * argument))
        case 24: sendFrame(isKeyframe: argument == 0)
        case 25: argument < 4 ? sendFrame(isKeyframe: argument == 0) : sendSound()
        case 26:
            kiosk.session.addSTUNServer(server.address, now: now)
            if argument > 3 { monitor.session.addSTUNServer(server.address, now: now) }
        case 27: addRelay(argument)
        case 28:
            kiosk.session.addRelayStream(
                to: server.address, over: .tcp, from: stream, username: server.username,
                password: Redacted(server.password), now: now)
        case 29: kiosk.session.removeRelayStream(from: stream, now: now)
        case 30:
            switch argument {
            case 0...2: kiosk.session.setNameSockets([], now: now)
            case 3...4: kiosk.session.setNameSockets([kiosk.bases[1]], now: now)
            default: answerNames(isDamaged: argument == 7)
            }
        default:
            // Rarely, so that most sequences have a life before their end.
            if argument == 7, position > 100 { kiosk.session.close(now: now) }
            if argument == 6, position > 100 { monitor.session.close(now: now) }
        }
        turn(isKiosk: true)
        turn(isKiosk: false)
    }

    /// A second address of the kiosk, as a stream to a relay would have it.
    private var stream: SocketAddress { SocketAddress(address: kiosk.bases[0].address, port: 6000) }

    private mutating func addRelay(_ argument: Int) {
        let password = Redacted(argument == 7 ? "wrong" : server.password)
        switch argument {
        case 0...3, 7:
            kiosk.session.addTURNServer(server.address, username: server.username, password: password, now: now)
        case 4...5:
            monitor.session.addTURNServer(server.address, username: server.username, password: password, now: now)
        default:
            server.password += "x"
            kiosk.session.renewRelayCredentials(
                of: server.address, username: server.username, password: Redacted(server.password), now: now)
        }
    }

    /// What the status and the log ask for at any moment.
    private func report() {
        for report in [kiosk.session.statsReport, monitor.session.statsReport] {
            precondition(
                Set(report.entries.map(\.id)).count == report.entries.count, "peer: a name stands twice in a report")
            _ = report.loggable.description
        }
        _ = kiosk.session.snapshot.dropped
        _ = monitor.session.snapshot.dropped
    }

    /// Answers every name that was asked for with the monitor's first address, as its responder would.
    private mutating func answerNames(isDamaged: Bool) {
        for name in kiosk.asked {
            var answer: [UInt8] = [0, 0, 0x84, 0, 0, 0, 0, 1, 0, 0, 0, 0] + name + [0, 1, 0x80, 1, 0, 0, 0, 120, 0, 4]
            answer += [10, 0, 2, 1]
            if isDamaged { answer[Int.random(in: 0..<answer.count, using: &random)] ^= 8 }
            kiosk.session.handleNameResponse(
                answer.span, from: SocketAddress(address: monitor.bases[0].address, port: 5353), now: now)
        }
        kiosk.asked = []
    }

    private mutating func sendSound() {
        sound.isKeyframe = true
        sound.captureTime = now
        sound.withUnsafeMutableMemory(resizedTo: 80) { bytes in
            for index in 0..<80 { bytes[index] = UInt8(truncatingIfNeeded: index) }
        }
        kiosk.session.send(sound, now: now)
    }

    private mutating func damaged(_ text: String) -> String {
        var bytes = Array(text.utf8)
        guard !bytes.isEmpty else { return text }
        for _ in 0..<3 {
            bytes[Int.random(in: 0..<bytes.count, using: &random)] ^= 1 << UInt8.random(in: 0..<7, using: &random)
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    private mutating func deliver(_ count: Int, isDamaged: Bool, isDoubled: Bool) {
        for _ in 0..<count where !wire.isEmpty {
            let entry = wire.removeFirst()
            if isDoubled, wire.count < 100 { wire.append(entry) }
            var bytes = entry.bytes
            if isDamaged, !bytes.isEmpty { bytes[Int.random(in: 0..<bytes.count, using: &random)] ^= 16 }
            var packet = PacketBuffer(bytes)
            switch entry.to {
            case .kiosk:
                kiosk.session.handle(&packet, from: entry.source, local: entry.destination, now: now)
                turn(isKiosk: true)
            case .monitor:
                monitor.session.handle(&packet, from: entry.source, local: entry.destination, now: now)
                turn(isKiosk: false)
            case .server: serve(Datagram(source: entry.source, destination: entry.destination, bytes: bytes))
            }
        }
    }

    private mutating func serve(_ datagram: Datagram) {
        server.receive(datagram, now: now)
        while let answer = server.pollTransmit(now: now) {
            let isKiosk = kiosk.bases.contains { $0.address == answer.destination.address }
            guard wire.count < 300 else { continue }
            wire.append((isKiosk ? .kiosk : .monitor, answer.source, answer.destination, answer.bytes))
        }
    }

    private mutating func sendFrame(isKeyframe: Bool) {
        frame.isKeyframe = isKeyframe
        frame.captureTime = now
        frame.withUnsafeMutableMemory(resizedTo: 3000) { bytes in
            for index in 0..<3000 { bytes[index] = UInt8(truncatingIfNeeded: index) }
            bytes[0] = isKeyframe ? 0x10 : 0x11
        }
        kiosk.session.send(frame, now: now)
    }

    private mutating func turn(isKiosk: Bool) {
        let sent = isKiosk ? kiosk.settle(now: now) : monitor.settle(now: now)
        for (source, destination, bytes) in sent where wire.count < 300 {
            let other: Party = isKiosk ? .monitor : .kiosk
            wire.append((destination.address == server.address.address ? .server : other, source, destination, bytes))
        }
    }
}
