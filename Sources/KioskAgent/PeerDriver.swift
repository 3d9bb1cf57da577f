import Peer
import Primitives
import RTP
public import Reactor
import Service
import Synchronization

// The network thread: where the peer session meets sockets, clocks and the encoders.
//
//   signaling thread ─ post ─▶ Mailbox<PeerCommand> ┐
//   video thread     ─ push ─▶ FrameRing            ├─▶ EventLoop ─▶ NetworkThread.mutate { PeerSession } ─▶ drain ─▶ UDPSocket
//   audio thread     ─ push ─▶ FrameRing            │                                     └▶ PeerEvent ─▶ supervisor
//   network          ─────────▶ UDPSocket           ┘
//
// Only `NetworkThread.mutate` touches a session, and it always drains: whatever a call made the session want to send
// or to say has left when it returns.

/// Runs peer sessions on a thread of its own. One session at a time.
public final class PeerDriver: Sendable {
    /// What the network thread needs besides sockets.
    public struct Configuration: Sendable {
        /// Which interfaces may be used.
        public var interfaces: InterfaceFilter
        /// Datagrams on their way in and out at once; more are dropped and counted.
        public var packetSlots: Int

        public init(interfaces: InterfaceFilter = InterfaceFilter(), packetSlots: Int = 256) {
            self.interfaces = interfaces
            self.packetSlots = packetSlots
        }
    }

    /// Woken by commands and by frames: give it to the rings as the one that reads them.
    public var wake: WakeFD { commands.wake }
    /// Beats once per round of the loop, and at least every second.
    public let progress: ThreadProgress
    /// Slots in use now; zero when no session is open.
    public var outstandingPackets: Int { pool.outstanding }

    private let configuration: Configuration
    private let commands: Mailbox<PeerCommand>
    private let events: Mailbox<PeerEvent>
    private let pool: PacketPool
    private let thread: Mutex<WorkerThread?>

    public init(_ configuration: Configuration, events: Mailbox<PeerEvent>) throws(SystemError) {
        self.configuration = configuration
        self.events = events
        commands = try Mailbox()
        pool = PacketPool(slotCount: configuration.packetSlots)
        progress = ThreadProgress()
        thread = Mutex(nil)
    }

    /// Starts the thread. The rings must wake `wake`.
    public func start(video: FrameRing, audio: FrameRing, control: EncoderControl) throws(SystemError) {
        let started = try WorkerThread(name: "network") { [self] _ in
            do throws(SystemError) {
                var network = try NetworkThread(
                    interfaces: configuration.interfaces, pool: pool, commands: commands, events: events,
                    video: video, audio: audio, control: control, progress: progress)
                try network.run()
            } catch {
                // Without its event loop the agent cannot serve anybody: the watchdog sees the missing beat.
                NetworkThread.log.error("network thread ended: \(error)")
            }
        }
        thread.withLock { $0 = started }
    }

    public func post(_ command: PeerCommand) { commands.post(command) }

    /// Ends the session and the thread, and waits for it.
    public func stop() {
        guard let thread = thread.withLock({ $0.take() }) else { return }
        commands.post(.shutdown)
        thread.stopAndJoin()
    }
}
