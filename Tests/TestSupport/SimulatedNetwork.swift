public import Primitives

/// A host of the simulated network.
public struct HostID: Hashable, Sendable {
    let index: Int
}

/// An internet in virtual time: hosts behind access links and NATs, with everything random from one seed.
///
/// A datagram leaves over its host's uplink, crosses the NAT if there is one, is routed by its destination, crosses
/// that host's NAT inwards and arrives over its downlink.
/// Whatever cannot be delivered vanishes and is counted.
///
///     var network = SimulatedNetwork(seed: 7)
///     let kiosk = network.addHost("kiosk", addresses: [IPAddress("10.0.0.2")!], nat: .portRestricted)
///     network.send(datagram, from: kiosk, now: now)
///     while let (host, datagram) = network.nextArrival(now: now) { … }
public struct SimulatedNetwork {
    /// Why datagrams did not arrive.
    public enum Drop: Int, Sendable, CaseIterable {
        case lost, lostInBurst, queueFull, linkDown, noRoute, filteredByNAT, sourceUnknown, blocked
    }

    private struct Host {
        var name: String
        var addresses: [IPAddress]
        var uplink: LinkConditions
        var downlink: LinkConditions
        var uplinkState: LinkState
        var downlinkState: LinkState
        var nat: NetworkAddressTranslator?
        var blocksUDP: Bool
    }

    /// What a link remembers from packet to packet.
    private struct LinkState {
        var freeAt: Instant
        var lastArrival: Instant
        var burstLeft: Int
        static var idle: LinkState { LinkState(freeAt: .zero, lastArrival: .zero, burstLeft: 0) }
    }

    private struct InFlight {
        var at: Instant
        var order: Int
        var stage: Stage
        var host: Int
        var datagram: Datagram
    }

    private enum Stage { case routing, arrival }

    private var hosts: [Host]
    private var inFlight: [InFlight]
    private var order: Int
    private var random: RandomSource
    public private(set) var drops: Counter<Drop>
    /// Datagrams handed to hosts so far, and their bytes.
    public private(set) var delivered: Int
    public private(set) var deliveredBytes: Int
    /// Chooses what is lost where a test wants certain packets gone.
    public var loses: ((Datagram) -> Bool)?
    /// The natural log of what happened, when a test wants to print it.
    public var onTrace: ((String) -> Void)?

    public init(seed: UInt64) {
        hosts = []
        inFlight = []
        order = 0
        random = .seeded(seed)
        drops = Counter()
        delivered = 0
        deliveredBytes = 0
        loses = nil
        onTrace = nil
    }

    /// - Parameters:
    ///   - addresses: IPv4 and IPv6 addresses of the host. Behind a NAT its IPv4 ones are private to its site.
    ///   - nat: The NAT before its IPv4 addresses; IPv6 is never translated.
    ///   - natAddress: The NAT's public address; one of 203.0.113.0/24 by default.
    @discardableResult
    public mutating func addHost(
        _ name: String, addresses: [IPAddress], nat: NATKind? = nil, natAddress: IPAddress? = nil,
        uplink: LinkConditions = LinkConditions(), downlink: LinkConditions = LinkConditions()
    ) -> HostID {
        let index = hosts.count
        let translator = nat.map {
            NetworkAddressTranslator(
                kind: $0, publicAddress: natAddress ?? .v4(0xCB00_7100 + UInt32(index) + 1))
        }
        hosts.append(
            Host(
                name: name, addresses: addresses, uplink: uplink, downlink: downlink,
                uplinkState: .idle, downlinkState: .idle, nat: translator, blocksUDP: false))
        return HostID(index: index)
    }

    // MARK: Changing the weather

    public mutating func setLinks(of host: HostID, uplink: LinkConditions, downlink: LinkConditions) {
        hosts[host.index].uplink = uplink
        hosts[host.index].downlink = downlink
    }

    public mutating func changeLinks(of host: HostID, _ body: (inout LinkConditions) -> Void) {
        body(&hosts[host.index].uplink)
        body(&hosts[host.index].downlink)
    }

    /// The host's interface gets other addresses: what is on its way to the old ones is lost.
    public mutating func setAddresses(_ addresses: [IPAddress], of host: HostID) {
        hosts[host.index].addresses = addresses
    }

    /// How long the host's NAT remembers a mapping that nothing goes out over.
    public mutating func setMappingLifetime(of host: HostID, _ lifetime: Duration) {
        hosts[host.index].nat?.mappingLifetime = lifetime
    }

    /// The host's NAT restarts and forgets.
    public mutating func restartNAT(of host: HostID) { hosts[host.index].nat?.forgetMappings() }

    /// A firewall that lets no UDP through.
    public mutating func setBlocksUDP(_ blocks: Bool, of host: HostID) { hosts[host.index].blocksUDP = blocks }

    // MARK: Traffic

    public mutating func send(_ datagram: Datagram, from host: HostID, now: Instant) {
        let index = host.index
        guard hosts[index].addresses.contains(datagram.source.address) else { return drops.add(.sourceUnknown) }
        guard !hosts[index].blocksUDP else { return drops.add(.blocked) }
        if loses?(datagram) == true { return drops.add(.lost) }
        // Within one host nothing leaves.
        if hosts[index].addresses.contains(datagram.destination.address) {
            return enqueue(datagram, stage: .arrival, host: index, at: now + .microseconds(20))
        }
        var state = hosts[index].uplinkState
        let arrivals = cross(hosts[index].uplink, &state, size: datagram.bytes.count, now: now)
        hosts[index].uplinkState = state
        for at in arrivals { enqueue(datagram, stage: .routing, host: index, at: at) }
    }

    /// When something happens next: a router or a host gets a packet.
    public var nextArrivalAt: Instant? { inFlight.first?.at }

    /// The next datagram that has arrived by now, and at which host; nil when there is none.
    public mutating func nextArrival(now: Instant) -> (host: HostID, datagram: Datagram)? {
        while let first = inFlight.first, first.at <= now {
            inFlight.removeFirst()
            switch first.stage {
            case .routing: route(first.datagram, from: first.host, now: first.at)
            case .arrival:
                guard hosts[first.host].addresses.contains(first.datagram.destination.address) else {
                    drops.add(.noRoute)
                    continue
                }
                delivered += 1
                deliveredBytes += first.datagram.bytes.count
                onTrace?(
                    "\(first.at) \(first.datagram.source) > \(hosts[first.host].name) \(first.datagram.destination)")
                return (HostID(index: first.host), first.datagram)
            }
        }
        return nil
    }

    private mutating func route(_ sent: Datagram, from origin: Int, now: Instant) {
        var datagram = sent
        let translates = datagram.source.address.isIPv4 && datagram.destination.address.isIPv4
        if translates, hosts[origin].nat != nil {
            datagram.source = hosts[origin].nat!.translateOutgoing(
                datagram.source, to: datagram.destination, now: now)
        }
        for index in hosts.indices {
            if let nat = hosts[index].nat, datagram.destination.address.isIPv4 {
                guard nat.publicAddress == datagram.destination.address else { continue }
                guard
                    let inner = nat.translateIncoming(datagram.destination.port, from: datagram.source, now: now)
                else { return drops.add(.filteredByNAT) }
                datagram.destination = inner
                return arrive(datagram, at: index, now: now)
            }
            if hosts[index].addresses.contains(datagram.destination.address) {
                return arrive(datagram, at: index, now: now)
            }
        }
        drops.add(.noRoute)
    }

    private mutating func arrive(_ datagram: Datagram, at index: Int, now: Instant) {
        guard !hosts[index].blocksUDP else { return drops.add(.blocked) }
        var state = hosts[index].downlinkState
        let arrivals = cross(hosts[index].downlink, &state, size: datagram.bytes.count, now: now)
        hosts[index].downlinkState = state
        for at in arrivals { enqueue(datagram, stage: .arrival, host: index, at: at) }
    }

    /// When a packet comes out of a link: never, once or twice.
    private mutating func cross(_ link: LinkConditions, _ state: inout LinkState, size: Int, now: Instant)
        -> [Instant]
    {
        guard !link.isDown else {
            drops.add(.linkDown)
            return []
        }
        var departure = now
        if let rate = link.rate {
            let start = max(state.freeAt, now)
            // IP and UDP headers take their share of the link.
            let time = DataSize(bytes: size + 28) / rate
            guard start - now <= link.queueLimit else {
                drops.add(.queueFull)
                return []
            }
            state.freeAt = start + time
            departure = state.freeAt
        }
        if state.burstLeft > 0 {
            state.burstLeft -= 1
            drops.add(.lostInBurst)
            return []
        }
        if link.burstChance > 0, chance(link.burstChance) {
            state.burstLeft = max(link.burstLength - 1, 0)
            drops.add(.lostInBurst)
            return []
        }
        if link.loss > 0, chance(link.loss) {
            drops.add(.lost)
            return []
        }
        var at = departure + link.latency
        if link.jitter > .zero { at += .nanoseconds(Int64.random(in: 0...link.jitter.nanoseconds, using: &random)) }
        if link.reordering > 0, chance(link.reordering) {
            at += link.reorderingDelay
        } else {
            at = max(at, state.lastArrival)
            state.lastArrival = at
        }
        if link.duplication > 0, chance(link.duplication) { return [at, at + .microseconds(500)] }
        return [at]
    }

    private mutating func chance(_ probability: Double) -> Bool {
        Double.random(in: 0..<1, using: &random) < probability
    }

    private mutating func enqueue(_ datagram: Datagram, stage: Stage, host: Int, at: Instant) {
        order += 1
        let entry = InFlight(at: at, order: order, stage: stage, host: host, datagram: datagram)
        var low = 0
        var high = inFlight.count
        while low < high {
            let middle = (low + high) / 2
            if inFlight[middle].at <= at { low = middle + 1 } else { high = middle }
        }
        inFlight.insert(entry, at: low)
    }
}
