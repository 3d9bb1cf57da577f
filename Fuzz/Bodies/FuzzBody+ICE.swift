import ICE
import Primitives
import STUN
import TestSupport

/// Bytes are operations on two agents that also exchange what they send, with each other and with a server that relays.
/// Whatever the order, nothing traps, neither never stops, and after handling, the next deadline lies in the future.
func fuzzICE(_ operations: [UInt8]) {
    var now = Instant(nanoseconds: 1_000_000_000)
    let server = TURNServerNode(SocketAddress("192.0.2.9:3478")!)
    let streams = [SocketAddress("192.0.2.1:7000")!, SocketAddress("192.0.2.2:7000")!]
    var agents = [
        ICEAgent(role: .controlled, authenticator: .openSSL, random: .seeded(1)),
        ICEAgent(role: .controlling, authenticator: .openSSL, random: .seeded(2)),
    ]
    let bases = [
        [SocketAddress("192.0.2.1:1000")!, SocketAddress("[2001:db8::1]:1000")!, SocketAddress("192.0.2.3:1000")!],
        [SocketAddress("192.0.2.2:2000")!, SocketAddress("[2001:db8::2]:2000")!, SocketAddress("192.0.2.4:2000")!],
    ]
    /// The agents, and the server as the third.
    var wire: [(to: Int, source: SocketAddress, destination: SocketAddress, bytes: [UInt8])] = []
    var candidates: [[Candidate]] = [[], []]
    var random = RandomSource.seeded(UInt64(operations.count))
    var data = PacketBuffer(capacity: 1500)

    func turn(_ index: Int) {
        var packet = PacketBuffer(capacity: 1500)
        var count = 0
        for _ in 0..<100 {
            while let transmit = agents[index].pollTransmit(into: &packet, now: now) {
                count += 1
                precondition(count < 1000, "ice agent: it never stops sending")
                let bytes = copy(packet.bytes)
                let to = transmit.destination.address == server.address.address ? 2 : 1 - index
                if wire.count < 200 { wire.append((to, transmit.source, transmit.destination, bytes)) }
            }
            while let event = agents[index].pollEvent() {
                if case .localCandidate(let candidate) = event { candidates[index].append(candidate) }
            }
            guard let wake = agents[index].nextTimeout, wake.at <= now else { return }
            agents[index].handleTimeout(now: now)
        }
        let reason = agents[index].nextTimeout.map { "\($0.reason) at \($0.at - now), state \(agents[index].state)" }
        preconditionFailure("ice agent: it never goes idle (\(reason ?? "nothing"))")
    }

    func deliver(_ datagram: Datagram, to index: Int) {
        guard index == 2 else {
            let handled = agents[index].handle(
                datagram.bytes.span, from: datagram.source, local: datagram.destination, now: now)
            if case .application(let range, _, _) = handled {
                precondition(range.upperBound <= datagram.bytes.count, "ice agent: data lies in the datagram")
            }
            return turn(index)
        }
        server.receive(datagram, now: now)
        while let answer = server.pollTransmit(now: now) {
            let to = (bases[0] + [streams[0]]).contains { $0.address == answer.destination.address } ? 0 : 1
            if wire.count < 200 { wire.append((to, answer.source, answer.destination, answer.bytes)) }
        }
    }

    /// Servers, and what becomes of them.
    func relay(_ argument: Int, _ index: Int) {
        let known = TURNServer(
            address: server.address,
            credentials: TURNCredentials(username: server.username, password: server.password))
        switch argument {
        case 0: agents[index].addSTUNServer(server.address, now: now)
        case 1: agents[index].addTURNServer(known, now: now)
        case 2:
            var behindStream = known
            behindStream.transport = index == 0 ? .tcp : .tls
            agents[index].addTURNStream(behindStream, local: streams[index], now: now)
        case 3:
            // Half of them newer, half of them older than the server's.
            if operations.count % 2 == 0 { server.password += "x" }
            agents[index].replaceTURNCredentials(known.credentials, ofServer: server.address, now: now)
        case 4:
            guard var candidate = candidates[1 - index].last else { return }
            candidate.address = .name("x\(index).local", port: 2000)
            agents[index].addRemoteCandidate(candidate, now: now)
            agents[index].addResolvedCandidate(candidate, address: bases[1 - index][0].address, now: now)
        case 5:
            server.nonceLifetime = server.nonceLifetime == .zero ? .seconds(600) : .zero
            server.grantedLifetime = server.grantedLifetime == 600 ? 60 : 600
        case 6: server.alternate = server.alternate == nil ? SocketAddress("192.0.2.9:3479")! : nil
        default: agents[index].removeTURNStream(local: streams[index], now: now)
        }
    }

    for (position, operation) in operations.enumerated() {
        let index = Int(operation & 1)
        let argument = Int(operation >> 5)
        let base = bases[index][argument % 3]
        switch operation >> 1 & 15 {
        case 0: agents[index].addLocalAddress(base, now: now)
        case 1: agents[index].removeLocalAddress(base, now: now)
        case 2: agents[index].finishLocalAddresses(now: now)
        case 3: agents[index].setRemoteCredentials(agents[1 - index].localCredentials, isLite: argument == 7, now: now)
        case 4: if let candidate = candidates[1 - index].last { agents[index].addRemoteCandidate(candidate, now: now) }
        case 5: for candidate in candidates[1 - index] { agents[index].addRemoteCandidate(candidate, now: now) }
        case 6: relay(argument, index)
        case 7: agents[index].restart(now: now)
        case 8, 9, 10, 11:
            // Deliver some, doubled or damaged.
            for _ in 0...argument where !wire.isEmpty {
                let entry = wire.removeFirst()
                var bytes = entry.bytes
                if operation >> 1 & 15 == 11, !bytes.isEmpty {
                    bytes[Int.random(in: 0..<bytes.count, using: &random)] ^= 1 << UInt8(argument)
                }
                if operation >> 1 & 15 == 10 { wire.append(entry) }
                deliver(Datagram(source: entry.source, destination: entry.destination, bytes: bytes), to: entry.to)
            }
        case 12: now += .milliseconds(argument * 20)
        case 13: now += .seconds(argument * argument)
        case 14:
            agents[index].noteReceived(from: bases[1 - index][0], local: base, now: now)
            _ = agents[index].isPaired(bases[1 - index][0], with: base)
            data.removeAll()
            data.append([0x80, 1, 2, 3].span)
            if let transmit = agents[index].frame(&data, now: now), wire.count < 200 {
                let to = transmit.destination.address == server.address.address ? 2 : 1 - index
                wire.append((to, transmit.source, transmit.destination, copy(data.bytes)))
            }
        default:
            if argument == 7, position > 50 { agents[index].close(now: now) }
            wire.removeAll()
        }
        turn(0)
        turn(1)
    }
}
