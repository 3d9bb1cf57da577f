public import AgentSettings
public import Media
internal import Peer
internal import Primitives
public import Reactor
internal import Service
internal import Synchronization

// The network thread: where the peer session meets sockets, clocks and the encoders.
//
//   signaling thread ─ post ─▶ Mailbox<PeerCommand> ┐
//   video thread     ─ push ─▶ FrameRing            ├─▶ NetworkLoop ─▶ PeerSlot.mutate { PeerSession } ─▶ settle ─▶ UDPSocket
//   audio thread     ─ push ─▶ FrameRing            │                                     └▶ PeerEvent ─▶ supervisor
//   network          ─────────▶ UDPSocket           ┘
//
// `NetworkThread` is the handle, `NetworkLoop` what the thread does, `PeerSlot` one session with everything that is its own. The loop asks
// for the time once per round.

/// Runs peer sessions on a thread of its own. One session at a time.
public final class NetworkThread: Sendable {
    /// Datagrams on their way in and out at once; more are dropped and counted.
    private static let packetSlots = 256
    private static let log = Log("network")

    /// Beats once per round of the loop, and at least every second.
    public let progress: ThreadProgress
    /// Slots in use now; zero when no session is open.
    public var outstandingPackets: Int { resources.pool.outstanding }

    private let resources: NetworkResources
    private let commands: Mailbox<PeerCommand>
    private let resolver: ICEServerResolver
    private let thread: Mutex<WorkerThread?>

    /// Both rings must wake the same reader, which becomes this thread.
    public init(
        _ configuration: AgentConfiguration, video: FrameRing, audio: FrameRing, control: EncoderControl,
        tally: MediaTally, events: Mailbox<PeerEvent>
    ) throws(SystemError) {
        guard let wake = video.readable, audio.readable === wake else {
            preconditionFailure("peer driver: both rings must wake the same reader")
        }
        let commands = try Mailbox<PeerCommand>(wake: wake)
        self.commands = commands
        resolver = try ICEServerResolver { answer in
            switch answer {
            case .server(let id, let server): commands.post(.iceServer(sessionId: id, server))
            case .finished(let id): commands.post(.iceServersKnown(sessionId: id))
            }
        }
        resources = NetworkResources(
            interfaces: InterfaceFilter(configuration.network),
            trust: NetworkThread.trust(authorities: configuration.tls.caFile),
            pool: PacketPool(slotCount: NetworkThread.packetSlots), events: events, video: video, audio: audio,
            control: control, tally: tally)
        progress = ThreadProgress()
        thread = Mutex(nil)
    }

    /// Starts the network thread and the one that looks up the names of STUN and TURN servers.
    ///
    /// - Throws: When a thread cannot be made.
    public func start() throws(SystemError) {
        try resolver.start()
        let started = try WorkerThread(name: "network") { [self] _ in
            do throws(SystemError) {
                var loop = try NetworkLoop(resources, commands: commands, progress: progress)
                try loop.run()
            } catch {
                // Without its event loop the agent cannot carry a session: the watchdog sees the missing beat.
                NetworkThread.log.error("network thread ended: \(error)")
            }
        }
        thread.withLock { $0 = started }
    }

    /// Hands a command to the network thread, from any thread. The names of a session's STUN and TURN servers are looked up
    /// meanwhile.
    public func post(_ command: PeerCommand) {
        commands.post(command)
        switch command {
        case .sessionStarted(let id, _, let servers), .iceServersRenewed(let id, let servers):
            resolver.ask(ICEServerResolver.Question(sessionId: id, servers: servers))
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

    /// Ends the session and the thread, and waits for it.
    public func stop() {
        resolver.stop()
        guard let thread = thread.withLock({ $0.take() }) else { return }
        commands.post(.shutdown)
        thread.stopAndJoin()
    }
}
