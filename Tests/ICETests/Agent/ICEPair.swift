import ICE
import Primitives
import TestSupport

/// Two agents, their hosts and the signaling between them: `monitor` offers and controls, `kiosk` answers.
final class ICEPair {
    let simulation: Simulation
    let monitor: ICENode
    let kiosk: ICENode
    let monitorHost: HostID
    let kioskHost: HostID
    /// How long signaling takes, one way.
    var signalingDelay: Duration
    /// Whether the monitor's candidates reach the kiosk by name only, as browsers do.
    var hidesMonitor = false

    struct Side {
        var addresses: [String]
        var nat: NATKind?
        var natAddress: String?

        init(_ addresses: String..., nat: NATKind? = nil, natAddress: String? = nil) {
            self.addresses = addresses
            self.nat = nat
            self.natAddress = natAddress
        }
    }

    init(
        monitor: Side = Side("192.0.2.10"), kiosk: Side = Side("198.51.100.20"),
        link: LinkConditions = LinkConditions(),
        seed: UInt64 = 1, signalingDelay: Duration = .milliseconds(20),
        configuration: ICEConfiguration = ICEConfiguration(), kioskRole: ICERole = .controlled
    ) {
        let simulation = Simulation(seed: seed)
        self.simulation = simulation
        func host(_ name: String, _ side: Side) -> HostID {
            simulation.network.addHost(
                name, addresses: side.addresses.map { IPAddress($0)! }, nat: side.nat,
                natAddress: side.natAddress.flatMap { IPAddress($0) }, uplink: link, downlink: link)
        }
        monitorHost = host("monitor", monitor)
        kioskHost = host("kiosk", kiosk)
        self.monitor = ICENode("monitor", role: .controlling, seed: seed &* 7 &+ 1, configuration: configuration)
        self.kiosk = ICENode("kiosk", role: kioskRole, seed: seed &* 7 &+ 2, configuration: configuration)
        self.signalingDelay = signalingDelay
        simulation.attach(self.monitor, to: monitorHost, name: "monitor")
        simulation.attach(self.kiosk, to: kioskHost, name: "kiosk")
        bases = (monitor.addresses, kiosk.addresses)
    }

    private let bases: (monitor: [String], kiosk: [String])

    static func base(_ address: String, port: UInt16) -> SocketAddress {
        SocketAddress(address: IPAddress(address)!, port: port)
    }

    /// Offer, answer and trickled candidates, each after the signaling's delay.
    func start() {
        trickle(from: monitor, to: kiosk, hidden: hidesMonitor)
        trickle(from: kiosk, to: monitor, hidden: false)
        for address in bases.monitor { monitor.agent.addLocalAddress(Self.base(address, port: 5000), now: now) }
        monitor.agent.finishLocalAddresses(now: now)
        let offer = monitor.agent.localCredentials
        simulation.schedule(after: signalingDelay) { [self] in
            kiosk.agent.setRemoteCredentials(offer, now: now)
            for address in bases.kiosk { kiosk.agent.addLocalAddress(Self.base(address, port: 6000), now: now) }
            kiosk.agent.finishLocalAddresses(now: now)
            let answer = kiosk.agent.localCredentials
            simulation.schedule(after: signalingDelay) { [self] in
                monitor.agent.setRemoteCredentials(answer, now: now)
            }
        }
    }

    /// The monitor restarts ICE by a new offer.
    func restart() {
        monitor.agent.restart(now: now)
        let offer = monitor.agent.localCredentials
        simulation.schedule(after: signalingDelay) { [self] in
            kiosk.agent.restart(now: now)
            kiosk.agent.setRemoteCredentials(offer, now: now)
            let answer = kiosk.agent.localCredentials
            simulation.schedule(after: signalingDelay) { [self] in
                monitor.agent.setRemoteCredentials(answer, now: now)
            }
        }
    }

    private func trickle(from sender: ICENode, to receiver: ICENode, hidden: Bool) {
        sender.onEvent = { [unowned self] event in
            switch event {
            case .localCandidate(var candidate):
                if hidden, let port = candidate.address.socketAddress?.port {
                    candidate.address = .name("0b8e1b7c-2b3c-4a57-8a5e-1d3c5b7f9a11.local", port: port)
                }
                let text = candidate.attribute
                simulation.schedule(after: signalingDelay) { [unowned self] in
                    // Through the text, as in real life.
                    receiver.agent.addRemoteCandidate(try! Candidate(text), now: now)
                }
            case .gatheringComplete, .stateChanged, .selectedPathChanged, .resolveName, .consentExpired, .roleChanged,
                .turnStreamFailed, .relayRefused:
                break
            }
        }
    }

    var now: Instant { simulation.now }
    var bothNominated: Bool { monitor.isNominated && kiosk.isNominated }

    /// Runs until both have a nominated pair; how long it took, or nil.
    func connect(within limit: Duration = .seconds(10)) throws -> Duration? {
        start()
        return try simulation.run(within: limit) { bothNominated }
    }

    /// Sends data both ways and says whether it arrived.
    func dataFlows() throws -> Bool {
        let (before, after) = (monitor.received.count, kiosk.received.count)
        monitor.sendData([0x80, 1, 2, 3], now: now)
        kiosk.sendData([0x80, 4, 5, 6], now: now)
        try simulation.run(for: .milliseconds(500))
        return monitor.received.count > before && kiosk.received.count > after
    }
}
