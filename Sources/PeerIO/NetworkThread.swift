public import AgentSettings
public import Media
internal import Peer
internal import Primitives
public import Reactor
internal import Service

// The network thread: where the peer session meets sockets, clocks and the encoders.
//
//   signaling thread ─ post ─▶ Mailbox<PeerCommand> ┐
//   video thread     ─ push ─▶ MediaHub             ├─▶ NetworkLoop ─▶ PeerSlot.mutate { PeerSession } ─▶ settle ─▶ UDPSocket
//   audio thread     ─ push ─▶ MediaHub             │                                     └▶ PeerEvent ─▶ supervisor
//   network          ─────────▶ UDPSocket           ┘
//
// `NetworkThread` is the handle, `NetworkLoop` what the thread does, `PeerSlot` one session with everything that is its own: its peer, its
// sockets, its relays, its packets and its place in the hub. Slots know nothing of each other. The loop asks for the time once per round.

/// Runs peer sessions on a thread of its own, up to `mostSessions` at once.
public final class NetworkThread: Sendable {
    /// How many sessions an agent has open at once: the signaling contract gives a kiosk one `live` session at a time, and the
    /// server ends it before it grants another. So one more replaces the oldest here: its end is on the way.
    public static let mostSessions = 1
    /// Datagrams of one session on their way in and out at once; more are dropped and counted.
    private static let packetSlots = 256
    private static let log = Log("network")

    /// Beats once per round of the loop, and at least every second.
    public var progress: ThreadProgress { thread.progress }
    /// Packet slots in use now; zero when no session is open.
    public var outstandingPackets: Int { resources.pools.reduce(0) { $0 + $1.outstanding } }

    private let resources: NetworkResources
    private let resolver: ResolverThread
    private let thread: LoopThread<PeerCommand>

    /// - Parameters:
    ///   - lease: whose media the sessions carry; nil: each its own.
    ///   - mostSessions: how many are open at once, 1 … `FrameHub.mostSubscribers`; one more ends the oldest.
    public init(
        _ configuration: AgentConfiguration, hub: MediaHub, lease: Lease? = nil, tally: MediaTally,
        events: Mailbox<PeerEvent>, mostSessions: Int = NetworkThread.mostSessions
    ) throws(SystemError) {
        precondition(
            1...FrameHub.mostSubscribers ~= mostSessions, "network thread: more sessions than the hub has places for")
        let thread = try LoopThread<PeerCommand>(name: "network", last: .shutdown)
        self.thread = thread
        resolver = try ResolverThread { answer in
            switch answer {
            case .server(let id, let server): thread.post(.iceServer(sessionId: id, server))
            case .finished(let id): thread.post(.iceServersKnown(sessionId: id))
            }
        }
        resources = NetworkResources(
            interfaces: InterfaceFilter(configuration.network),
            trust: NetworkThread.trust(authorities: configuration.tls.caFile),
            pools: (0..<mostSessions).map { _ in PacketPool(slotCount: NetworkThread.packetSlots) }, events: events,
            hub: hub, lease: lease, readable: thread.mailbox.wake, tally: tally)
    }

    /// Starts the network thread and the one that looks up the names of STUN and TURN servers.
    ///
    /// - Throws: When a thread cannot be made.
    public func start() throws(SystemError) {
        try resolver.start()
        try thread.start { [resources] commands, progress in
            do throws(SystemError) {
                var loop = try NetworkLoop(resources, commands: commands, progress: progress)
                try loop.run()
            } catch {
                // Without its event loop the agent cannot carry a session: the watchdog sees the missing beat.
                NetworkThread.log.error("network thread ended: \(error)")
            }
        }
    }

    /// Hands a command to the network thread, from any thread. The names of a session's STUN and TURN servers are looked up
    /// meanwhile.
    public func post(_ command: PeerCommand) {
        thread.post(command)
        switch command {
        case .sessionStarted(let id, _, let servers), .iceServersRenewed(let id, let servers):
            resolver.ask(ResolverThread.Question(sessionId: id, servers: servers))
        case .offer, .candidate, .iceServer, .iceServersKnown, .sessionEnded, .interfacesChanged, .shutdown: break
        }
    }

    /// Nil, with a warning in the log, when no trusted certificates can be had: TURN over TLS is not used then.
    private static func trust(authorities: String?) -> RelayTrust? {
        do throws(PeerError) {
            return try RelayTrust(authorities: authorities)
        } catch {
            NetworkThread.log.warning("turn over tls not possible: \(error)")
            return nil
        }
    }

    /// Ends all sessions and the thread, and waits for it.
    public func stop() {
        resolver.stop()
        thread.stop()
    }
}
