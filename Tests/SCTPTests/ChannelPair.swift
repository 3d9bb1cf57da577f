import Primitives
import SCTP
import TestSupport

/// One side's data channels on a host of the simulated network.
final class ChannelNode: SimulatedNode {
    var channels: DataChannels
    private let address: SocketAddress
    private let peer: SocketAddress
    /// What came, in order.
    var messages: [ChannelID: [DataChannelMessage]] = [:]
    /// What the peer opened, in order.
    var opened: [(id: ChannelID, stream: StreamID, parameters: DataChannelParameters)] = []
    var accepted: [ChannelID] = []
    var closed: [ChannelID] = []
    var lows: [ChannelID] = []
    var ends: [AssociationEnd] = []
    var connections = 0
    /// Packets that were sent, and their bytes.
    var sentPackets = 0
    var sentBytes = 0
    /// What a packet with data may have; nil: everything.
    var allowance: DataSize?
    /// Whether what comes is sent back, on the same channel.
    var echoes = false
    private var unsent: [(ChannelID, DataChannelMessage)] = []

    init(_ channels: DataChannels, address: SocketAddress, peer: SocketAddress) {
        self.channels = channels
        self.address = address
        self.peer = peer
    }

    func receive(_ datagram: Datagram, now: Instant) {
        channels.handle(datagram.bytes.span, now: now)
        drain(now: now)
    }

    func handleTimeout(now: Instant) {
        channels.handleTimeout(now: now)
        drain(now: now)
    }

    func pollTransmit(now: Instant) -> Datagram? {
        drain(now: now)
        var buffer = PacketBuffer(capacity: 2048)
        guard channels.pollTransmit(into: &buffer, allowance: allowance, now: now) else { return nil }
        sentPackets += 1
        sentBytes += buffer.count
        if let left = allowance, left.bytes > 0 { allowance = DataSize(bytes: max(0, left.bytes - buffer.count)) }
        return Datagram(source: address, destination: peer, bytes: copy(buffer.bytes))
    }

    var nextTimeout: Wake? { channels.nextTimeout }

    private func drain(now: Instant) {
        while let event = channels.pollEvent() {
            switch event {
            case .connected: connections += 1
            case .opened(let id, let stream, let parameters): opened.append((id, stream, parameters))
            case .accepted(let id): accepted.append(id)
            case .message(let id, let message):
                messages[id, default: []].append(message)
                if echoes { unsent.append((id, message)) }
            case .bufferedAmountLow(let id): lows.append(id)
            case .closed(let id): closed.append(id)
            case .ended(let how): ends.append(how)
            }
        }
        while let (id, message) = unsent.first, (try? channels.send(message, on: id, now: now)) != nil {
            unsent.removeFirst()
        }
    }
}

/// Two sides over a simulated network.
final class ChannelPair {
    let simulation: Simulation
    let client: ChannelNode
    let server: ChannelNode
    let clientHost: HostID
    let serverHost: HostID

    init(
        seed: UInt64, link: LinkConditions = LinkConditions(latency: .milliseconds(5)),
        configuration: AssociationConfiguration = AssociationConfiguration(),
        maximumChannels: Int = DataChannels.maximumChannels
    ) {
        simulation = Simulation(seed: seed)
        let addresses = [SocketAddress("192.0.2.1:5000")!, SocketAddress("192.0.2.2:5000")!]
        func node(_ index: Int, _ role: DTLSRole) -> ChannelNode {
            ChannelNode(
                DataChannels(
                    configuration, role: role, authenticator: .openSSL, random: .seeded(seed &* 2 &+ UInt64(index)),
                    maximumChannels: maximumChannels),
                address: addresses[index], peer: addresses[1 - index])
        }
        client = node(0, .client)
        server = node(1, .server)
        var uplink = link
        uplink.latency = .zero
        uplink.loss = 0
        uplink.jitter = .zero
        uplink.reordering = 0
        uplink.duplication = 0
        clientHost = simulation.network.addHost(
            "client", addresses: [addresses[0].address], uplink: uplink, downlink: link)
        serverHost = simulation.network.addHost(
            "server", addresses: [addresses[1].address], uplink: uplink, downlink: link)
        simulation.attach(client, to: clientHost, name: "client")
        simulation.attach(server, to: serverHost, name: "server")
    }

    var now: Instant { simulation.now }

    /// Starts both and waits until both are connected.
    @discardableResult
    func connect(within limit: Duration = .seconds(30)) throws -> Duration? {
        client.channels.start(now: now)
        server.channels.start(now: now)
        return try simulation.run(within: limit) { client.channels.isConnected && server.channels.isConnected }
    }
}

/// Bytes that tell where they belong.
func payload(_ count: Int, _ seed: Int) -> [UInt8] {
    var random = RandomSource.seeded(UInt64(seed))
    var bytes: [UInt8] = []
    bytes.reserveCapacity(count + 8)
    while bytes.count < count {
        let word = random.next()
        for index in 0..<8 { bytes.append(UInt8(truncatingIfNeeded: word >> UInt64(8 * index))) }
    }
    bytes.removeLast(bytes.count - count)
    return bytes
}

/// A packet's bytes, which outlive its buffer.
func copy(_ bytes: Span<UInt8>) -> [UInt8] { bytes.copied() }
