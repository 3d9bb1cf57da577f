import AgentSettings
import Capture
import Crew
import Glibc
import Media
import PeerIO
import Reactor
import ServerLink

/// What the threads report to the supervisor's: a mailbox each, one wake-up for all.
struct AgentInbox: Sendable {
    let wake: WakeFD
    let link: Mailbox<LinkEvent>
    let peers: Mailbox<PeerEvent>
    let media: Mailbox<MediaEvent>
    let desk: Mailbox<DeskEvent>

    init() throws(SystemError) {
        wake = try WakeFD()
        link = try Mailbox(wake: wake)
        peers = try Mailbox(wake: wake)
        media = try Mailbox(wake: wake)
        desk = try Mailbox(wake: wake)
    }
}

/// The threads beside the supervisor's: `signaling`, `control` (local programs and the outbox), `network`, `video` and `audio`.
struct AgentThreads: Sendable {
    let link: LinkThread
    let desk: ControlThread
    let sender: Sender

    /// Starts nothing.
    init(
        _ configuration: AgentConfiguration, camera: CameraSource, microphone: MicrophoneSource, inbox: AgentInbox
    ) throws(SystemError) {
        desk = try ControlThread(events: inbox.desk)
        link = try LinkThread(configuration, events: inbox.link)
        sender = try Sender(
            configuration, camera: camera, microphone: microphone, media: inbox.media, peers: inbox.peers)
    }

    /// After a failure `stop` ends those that run.
    func start(_ configuration: AgentConfiguration) throws(AgentError) {
        do throws(StateDirectoryError) {
            try StateDirectory.make(StateDirectory.parent(of: configuration.controlSocket))
        } catch {
            throw AgentError(error.description)
        }
        do throws(SystemError) {
            let listener = try UnixSocketListener(at: configuration.controlSocket)
            try desk.start(
                listener: listener, outbox: configuration.outboxPath, badgeReader: configuration.badgeReader)
            try sender.start()
            try link.start()
        } catch  where error.code == EADDRINUSE {
            throw AgentError("\(configuration.controlSocket): another agent is running here")
        } catch {
            throw AgentError("\(error)")
        }
    }

    /// The devices first: whatever else takes its time, nobody is seen any more.
    func stop() {
        sender.stop()
        link.stop()
        desk.stop()
    }

    /// When each last went round its loop, for the watchdog.
    var beats: [Watchdog.Thread] {
        [
            .init(name: "signaling", lastBeat: link.progress.lastBeat, patience: .seconds(90)),
            .init(name: "control", lastBeat: desk.progress.lastBeat, patience: .seconds(60)),
            .init(name: "network", lastBeat: sender.network.progress.lastBeat, patience: .seconds(30)),
            .init(name: "video", lastBeat: sender.video.progress.lastBeat, patience: .seconds(15)),
            .init(name: "audio", lastBeat: sender.audio?.progress.lastBeat, patience: .seconds(15)),
        ]
    }

    /// What the media threads have counted.
    var figures: StatusBoard.Figures {
        StatusBoard.Figures(
            video: sender.video.counters, audio: sender.audio?.counters ?? MediaCounters(),
            packetsInUse: sender.network.outstandingPackets)
    }
}
