import ICE
import Primitives
import STUN

/// Bytes are operations on two agents that also exchange what they send. Whatever the order, nothing traps, neither never
/// stops, and after handling, the next deadline lies in the future.
func fuzzICE(_ operations: [UInt8]) {
    var now = Instant(nanoseconds: 1_000_000_000)
    var agents = [
        ICEAgent(role: .controlled, authenticator: .openSSL, random: .seeded(1)),
        ICEAgent(role: .controlling, authenticator: .openSSL, random: .seeded(2)),
    ]
    let bases = [
        [SocketAddress("192.0.2.1:1000")!, SocketAddress("[2001:db8::1]:1000")!, SocketAddress("192.0.2.3:1000")!],
        [SocketAddress("192.0.2.2:2000")!, SocketAddress("[2001:db8::2]:2000")!, SocketAddress("192.0.2.4:2000")!],
    ]
    var wire: [(to: Int, source: SocketAddress, destination: SocketAddress, bytes: [UInt8])] = []
    var candidates: [[Candidate]] = [[], []]
    var random = RandomSource.seeded(UInt64(operations.count))

    func turn(_ index: Int) {
        var packet = PacketBuffer(capacity: 1500)
        var count = 0
        for _ in 0..<100 {
            while let transmit = agents[index].pollTransmit(into: &packet, now: now) {
                count += 1
                precondition(count < 1000, "ice agent: it never stops sending")
                let bytes = copy(packet.bytes)
                if wire.count < 200 {
                    wire.append((1 - index, transmit.source, transmit.destination, bytes))
                }
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
        case 6: _ = agents[index].isPaired(bases[1 - index][0], with: base)
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
                _ = agents[entry.to].handle(
                    bytes.span, from: entry.source, local: entry.destination, now: now)
                turn(entry.to)
            }
        case 12: now += .milliseconds(argument * 20)
        case 13: now += .seconds(argument * argument)
        case 14: agents[index].noteReceived(from: bases[1 - index][0], local: base, now: now)
        default:
            if argument == 7, position > 50 { agents[index].close(now: now) }
            wire.removeAll()
        }
        turn(0)
        turn(1)
    }
}
