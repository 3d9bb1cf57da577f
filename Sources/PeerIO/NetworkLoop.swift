import Media
import Peer
import Primitives
import Reactor
import Service
import Signaling

/// What the network thread works with, whatever session it carries.
struct NetworkResources: Sendable {
    let interfaces: InterfaceFilter
    /// Nil where TURN over TLS is not possible.
    let trust: RelayTrust?
    let pool: PacketPool
    let events: Mailbox<PeerEvent>
    let video: FrameRing
    let audio: FrameRing
    let control: EncoderControl
    let tally: MediaTally
}

/// What the network thread does: it waits, tells the session what happened and hands it what is posted. One session at a time.
struct NetworkLoop: ~Copyable {
    private static let log = Log("network")
    /// The beat needs a round now and then even when nothing happens.
    private static let longestWait = Duration.seconds(1)

    private enum Occupancy {
        case empty
        case live(PeerSlot)
        /// Its peer connection ended by itself, until another begins: its supervisor may not know yet.
        case ended(sessionId: String)
    }

    private let resources: NetworkResources
    private let commands: Mailbox<PeerCommand>
    private let progress: ThreadProgress
    private let registry: SocketRegistry
    private var occupancy: Occupancy
    private var videoFrame: EncodedFrame
    private var audioFrame: EncodedFrame
    private var isRunning: Bool

    /// - Parameter commands: their mailbox and the rings wake the same reader.
    init(
        _ resources: NetworkResources, commands: Mailbox<PeerCommand>, progress: ThreadProgress
    ) throws(SystemError) {
        // First what can throw: a half-made loop could not be taken apart.
        registry = try SocketRegistry(wokenBy: commands.wake)
        self.resources = resources
        self.commands = commands
        self.progress = progress
        occupancy = .empty
        videoFrame = EncodedFrame(kind: .video, capacity: 64 * 1024)
        audioFrame = EncodedFrame(kind: .audio, capacity: 1500)
        isRunning = true
    }

    /// Returns after `shutdown`.
    mutating func run() throws(SystemError) {
        var now = MonotonicClock.now()
        while isRunning {
            progress.beat(now: now)
            let deadline = now + NetworkLoop.longestWait
            try registry.wait(until: slot?.nextTimeout.map { min($0, deadline) } ?? deadline)
            now = MonotonicClock.now()
            for event in registry.events {
                if event.token == SocketRegistry.wakeToken {
                    commands.wake.clear()
                    takeCommands(now: now)
                    takeFrames(now: now)
                } else {
                    slot?.handle(event, now: now)
                }
            }
            slot?.handleTimeout(now: now)
            if let slot, slot.isOver { occupancy = .ended(sessionId: slot.id) }
        }
        progress.rest()
    }

    private var slot: PeerSlot? { if case .live(let slot) = occupancy { slot } else { nil } }

    /// Frames that no session takes are dropped.
    private mutating func takeFrames(now: Instant) {
        let slot = slot
        while resources.audio.pop(into: &audioFrame) { slot?.send(audioFrame, now: now) }
        while resources.video.pop(into: &videoFrame) { slot?.send(videoFrame, now: now) }
        slot?.settle(now: now)
    }

    // MARK: Commands

    private mutating func takeCommands(now: Instant) {
        while let command = commands.next() {
            switch command {
            case .sessionStarted(let id, _, _): open(id, now: now)
            // The resolver has been asked too.
            case .iceServersRenewed: break
            case .iceServer(let id, let server): current(id)?.add(server, now: now)
            case .iceServersKnown(let id): current(id)?.allServersKnown(now: now)
            case .offer(let id, let sdp):
                if let slot = current(id) {
                    slot.accept(offer: sdp, now: now)
                } else if hasEnded(id) {
                    resources.events.post(.offerAfterEnd(sessionId: id, sdp: sdp))
                }
            case .candidate(let id, let candidate):
                if let slot = current(id) {
                    slot.add(candidate, now: now)
                } else if hasEnded(id) {
                    resources.events.post(.candidateAfterEnd(sessionId: id, candidate))
                }
            case .sessionEnded(let id): if current(id) != nil { close(now: now) }
            case .interfacesChanged: slot?.interfacesChanged(now: now)
            case .shutdown:
                close(now: now)
                isRunning = false
            }
        }
    }

    private func current(_ id: String) -> PeerSlot? {
        guard let slot, slot.id == id, !slot.isOver else { return nil }
        return slot
    }

    private func hasEnded(_ id: String) -> Bool {
        switch occupancy {
        case .empty: false
        case .live(let slot): slot.isOver && slot.id == id
        case .ended(let sessionId): sessionId == id
        }
    }

    private mutating func open(_ id: String, now: Instant) {
        close(now: now)
        do throws(PeerError) {
            let wall = SystemWallClock.now()
            let slot = try PeerSlot(id, resources, registry: registry, wall: wall, now: now)
            occupancy = .live(slot)
            slot.begin(now: now)
        } catch {
            NetworkLoop.log.error("session not possible: \(error)")
            resources.events.post(.ended(sessionId: id, reason: "\(error)", code: .dtlsFailed))
        }
    }

    private mutating func close(now: Instant) {
        slot?.close(now: now)
        occupancy = .empty
    }
}
