public import Primitives

/// Something that lives on a host of the simulated network: a machine without a socket in a class, so that a test
/// can keep hold of it.
public protocol SimulatedNode: AnyObject {
    func receive(_ datagram: Datagram, now: Instant)
    func handleTimeout(now: Instant)
    /// The next datagram to send; nil when there is none now.
    func pollTransmit(now: Instant) -> Datagram?
    /// Called after each turn, with nothing left to transmit: take events out, hand signaling over.
    func settle(now: Instant)
    var nextTimeout: Wake? { get }
}

/// A node broke the rules of a sans-I/O machine.
public enum SimulationError: Error, CustomStringConvertible {
    /// After `handleTimeout` its deadline was still not in the future, or it never ran out of datagrams.
    case neverIdle(node: String, wake: Wake?, now: Instant)

    public var description: String {
        switch self {
        case .neverIdle(let node, let wake, let now):
            "\(node) never goes idle: wants \(wake.map { "\($0.reason) at \($0.at)" } ?? "to transmit") at \(now)"
        }
    }
}

/// Runs nodes against each other over a `SimulatedNetwork` in virtual time.
public final class Simulation {
    public var network: SimulatedNetwork
    public private(set) var clock: ManualClock
    private var attached: [(node: any SimulatedNode, host: HostID, name: String)]
    /// Things a test has planned: they happen at their time, in order.
    private var plan: [(at: Instant, order: Int, step: () -> Void)]
    private var planned = 0

    public init(seed: UInt64 = 1) {
        network = SimulatedNetwork(seed: seed)
        clock = ManualClock()
        attached = []
        plan = []
    }

    public var now: Instant { clock.now }

    /// A node hears every datagram that arrives at its host.
    public func attach(_ node: any SimulatedNode, to host: HostID, name: String) {
        attached.append((node, host, name))
    }

    /// Something that happens later: signaling that takes its time, a cable that is pulled.
    public func schedule(after delay: Duration, _ step: @escaping () -> Void) {
        planned += 1
        plan.append((now + delay, planned, step))
        plan.sort { ($0.at, $0.order) < ($1.at, $1.order) }
    }

    /// Runs for a time.
    public func run(for duration: Duration) throws {
        let end = now + duration
        while try step(until: end) {}
        clock.advance(to: end)
        try driveBounded()
    }

    /// Runs until `condition` holds; returns how long it took, or nil when it did not within `limit`.
    @discardableResult
    public func run(within limit: Duration, until condition: () -> Bool) throws -> Duration? {
        let start = now
        try driveBounded()
        while !condition() {
            guard try step(until: start + limit) else { return nil }
        }
        return now - start
    }

    /// One moment of virtual time. False when nothing happens until `end`.
    private func step(until end: Instant) throws -> Bool {
        try driveBounded()
        var next = network.nextArrivalAt ?? .distantFuture
        if let first = plan.first { next = min(next, first.at) }
        for entry in attached { if let wake = entry.node.nextTimeout { next = min(next, wake.at) } }
        guard next <= end, next < .distantFuture else { return false }
        clock.advance(to: max(next, now))
        while let first = plan.first, first.at <= now {
            plan.removeFirst()
            first.step()
        }
        while let (host, datagram) = network.nextArrival(now: now) {
            for entry in attached where entry.host == host {
                entry.node.receive(datagram, now: now)
                try drive(entry.node, host: entry.host, name: entry.name)
            }
        }
        try driveBounded()
        return true
    }

    /// Drives every node until it is idle; a node that is not after a bounded number of turns is an error.
    public func driveBounded() throws {
        for entry in attached { try drive(entry.node, host: entry.host, name: entry.name) }
    }

    private func drive(_ node: any SimulatedNode, host: HostID, name: String) throws {
        var datagrams = 0
        for _ in 0..<64 {
            while let datagram = node.pollTransmit(now: now) {
                datagrams += 1
                guard datagrams < 10_000 else { throw SimulationError.neverIdle(node: name, wake: nil, now: now) }
                network.send(datagram, from: host, now: now)
            }
            node.settle(now: now)
            guard let wake = node.nextTimeout, wake.at <= now else { return }
            node.handleTimeout(now: now)
        }
        throw SimulationError.neverIdle(node: name, wake: node.nextTimeout, now: now)
    }
}

extension SimulatedNode {
    public func settle(now: Instant) {}
}
