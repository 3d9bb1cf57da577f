import Crew
import Media
import Primitives
import Reactor
import ServerLink

/// The agent's status as it was last told, what other threads said for it, and when it is told again.
struct StatusBoard: Sendable {
    /// What the media threads count.
    struct Figures: Sendable {
        var video: MediaCounters
        var audio: MediaCounters
        /// Packet slots of the network thread in use.
        var packetsInUse: Int
    }

    /// As it was last told; the link, the outbox and the clock as they were last reported.
    private(set) var status: AgentStatus
    /// When it is to be told although nothing was reported.
    private(set) var nextTimeout: Instant?

    /// Numbers change all the time while a session is open.
    static let interval = Duration.seconds(1)
    /// A session that just ended may still have a packet in the network thread's hands.
    static let settling = Duration.milliseconds(50)

    init(kioskId: String, server: String, _ supervisor: Supervisor, _ machine: MachineWatch, now: Instant) {
        status = AgentStatus(
            kioskId: kioskId, server: server, startedAt: now, link: .connecting, sessions: [],
            camera: .init(supervisor.video), microphone: .init(supervisor.audio), video: .init(), audio: .init(),
            packetsInUse: 0, crew: CrewState(), memory: machine.memory, thermal: machine.thermal, sessionsServed: 0,
            clockOffset: nil)
        nextTimeout = nil
    }

    /// - Returns: whether the server was there and is no longer.
    mutating func linkIs(_ phase: LinkPhase) -> Bool {
        defer { status.link = phase }
        return status.link == .registered && phase != .registered
    }

    mutating func crewIs(_ state: CrewState) { status.crew = state }

    /// The server's clock minus ours.
    mutating func clockIsOff(by offset: Duration) { status.clockOffset = offset }

    /// Takes in what is so now, to be told at once.
    mutating func renew(
        _ supervisor: Supervisor, indicator: String?, _ figures: Figures, _ machine: MachineWatch, now: Instant
    ) {
        status.sessions = supervisor.sessions.map { AgentStatus.Session($0) }
        status.camera = AgentStatus.Device(supervisor.video)
        status.microphone = AgentStatus.Device(supervisor.audio)
        status.takesSnapshot = supervisor.takesSnapshot
        status.sessionsServed = supervisor.sessionsServed
        status.indicator = indicator
        status.video = figures.video
        status.audio = figures.audio
        status.packetsInUse = figures.packetsInUse
        status.memory = machine.memory
        status.thermal = machine.thermal
        nextTimeout =
            supervisor.isOpen
            ? now + StatusBoard.interval : figures.packetsInUse > 0 ? now + StatusBoard.settling : nil
    }
}
