import ICE
import Primitives
import STUN
import TestSupport

/// An agent on a simulated host, with everything it said.
final class ICENode: SimulatedNode {
    var agent: ICEAgent
    let name: String
    var events: [ICEEvent] = []
    /// What application data arrived, as sent with `sendData`.
    var received: [Datagram] = []
    private var outbox: [Datagram] = []
    /// Where events go as they come; set by `ICEPair`.
    var onEvent: (ICEEvent) -> Void = { _ in }

    init(_ name: String, role: ICERole, seed: UInt64, configuration: ICEConfiguration = ICEConfiguration()) {
        self.name = name
        agent = ICEAgent(
            role: role, configuration: configuration, authenticator: .openSSL, random: .seeded(seed))
    }

    var states: [ICEState] { events.compactMap { if case .stateChanged(let state) = $0 { state } else { nil } } }
    var isNominated: Bool { agent.selectedPath?.isNominated ?? false }

    func receive(_ datagram: Datagram, now: Instant) {
        if STUNMessage.isSTUN(datagram.bytes.span) || (64...79).contains(datagram.bytes.first ?? 0) {
            switch agent.handle(
                datagram.bytes.span, from: datagram.source, local: datagram.destination, now: now)
            {
            case .consumed: break
            case .application(let range, let from, let local):
                received.append(Datagram(source: from, destination: local, bytes: Array(datagram.bytes[range])))
                agent.noteReceived(from: from, local: local, now: now)
            }
        } else {
            received.append(datagram)
            agent.noteReceived(from: datagram.source, local: datagram.destination, now: now)
        }
    }

    /// Sends application data over the selected path; false when there is none.
    @discardableResult
    func sendData(_ bytes: [UInt8], now: Instant) -> Bool {
        var data = PacketBuffer(bytes)
        guard let transmit = agent.frame(&data, now: now) else { return false }
        let framed = data.bytes.copied()
        outbox.append(Datagram(source: transmit.source, destination: transmit.destination, bytes: framed))
        return true
    }

    func handleTimeout(now: Instant) { agent.handleTimeout(now: now) }

    func pollTransmit(now: Instant) -> Datagram? {
        var packet = PacketBuffer(capacity: 1500)
        if let transmit = agent.pollTransmit(into: &packet, now: now) {
            let bytes = packet.bytes.copied()
            return Datagram(source: transmit.source, destination: transmit.destination, bytes: bytes)
        }
        return outbox.isEmpty ? nil : outbox.removeFirst()
    }

    func settle(now: Instant) {
        while let event = agent.pollEvent() {
            events.append(event)
            onEvent(event)
        }
    }

    var nextTimeout: Wake? { agent.nextTimeout }
}
