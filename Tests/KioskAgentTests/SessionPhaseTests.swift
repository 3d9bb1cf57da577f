import Media
import PeerIO
import Primitives
import Signaling
import Testing

@testable import KioskAgent

/// A session's phases: what each event makes of them, and what a transition forgets.
@Suite struct SessionPhaseTests {
    private let now = Instant.zero + .seconds(1000)

    private func session() -> SessionMachine {
        SessionMachine(id: "S1", monitorId: "MONITOR_01", iceServers: [], now: now)
    }

    private func live(_ kinds: Set<MediaKind> = [.audio, .video]) -> SessionMachine {
        var session = session()
        _ = session.offered(DescriptionPayload(type: .offer, sdp: "v=0"), now: now)
        _ = tell(&session, .sending(sessionId: "S1", kinds))
        _ = tell(&session, .connected(sessionId: "S1"), after: .seconds(1))
        return session
    }

    /// What follows; nil where the phase ignores it.
    private func tell(_ session: inout SessionMachine, _ event: PeerEvent, after delay: Duration = .zero)
        -> [Supervisor.Action]?
    {
        actions(session.peerReported(event, cameraFails: false, now: now + delay))
    }

    private func actions(_ reaction: SessionMachine.Reaction) -> [Supervisor.Action]? {
        switch reaction {
        case .actions(let actions): return actions
        case .ignored(let event):
            #expect(event == .notInThisPhase)
            return nil
        }
    }

    private func offer(_ session: inout SessionMachine, after delay: Duration = .zero) -> [Supervisor.Action]? {
        actions(session.offered(DescriptionPayload(type: .offer, sdp: "v=0"), now: now + delay))
    }

    private func phase(_ session: SessionMachine) -> AgentStatus.Session.Phase { AgentStatus.Session(session).phase }

    private func first(_ milliseconds: Int) -> PeerEvent {
        .firstFrameSent(sessionId: "S1", milliseconds: milliseconds)
    }

    private func report(_ state: SessionReport.State, _ milliseconds: Int? = nil) -> Supervisor.Action {
        .send(.sessionReport(SessionReport(sessionId: "S1", state: state, firstFrameMs: milliseconds)))
    }

    private let order = Supervisor.Action.peer(.offer(sessionId: "S1", sdp: "v=0"))

    @Test func theWayOfASession() {
        var session = session()
        #expect(phase(session) == .granted && session.isOpen && !session.isLit)
        #expect(tell(&session, first(5)) == nil, "nothing left yet")
        #expect(offer(&session) == [order, .status])
        #expect(phase(session) == .negotiating && session.live == nil)
        #expect(
            tell(&session, .connected(sessionId: "S1"), after: .seconds(1)) == [
                .indicator(sessionId: "S1", true), .status,
            ])
        #expect(phase(session) == .live && session.isLit && session.live?.since == now + .seconds(1))
        #expect(tell(&session, .connected(sessionId: "S1"), after: .seconds(2)) == nil, "it is already")
        #expect(session.live?.since == now + .seconds(1))
        #expect(tell(&session, first(18)) == [.status])
        // A new offer in mid-session changes no phase.
        #expect(offer(&session, after: .seconds(3)) == [order])
        #expect(phase(session) == .live && session.live?.firstFrameMilliseconds == 18)
    }

    @Test func aFailureForgetsWhatWasLive() {
        var session = live([.audio])
        #expect(actions(session.permitted(cameraFails: false)) == [report(.mediaStarted)])
        _ = tell(&session, first(18))
        let ended = PeerEvent.ended(sessionId: "S1", reason: "no path", code: .iceFailed)
        #expect(tell(&session, ended)?.contains(report(.mediaStopped)) == true)
        #expect(phase(session) == .failed && session.failure == "no path" && !session.isOpen && !session.isLit)
        #expect(session.live == nil && session.wants.isEmpty)
        #expect(session.sends == [.audio, .video], "what the monitor takes is not known any more")
        for late in [PeerEvent.connected(sessionId: "S1"), first(3), ended, .sending(sessionId: "S1", [.video])] {
            #expect(tell(&session, late) == nil)
        }
        #expect(
            offer(&session, after: .seconds(9)) == [
                .hold(sessionId: "S1", [.audio, .video]),
                .peer(.sessionStarted(sessionId: "S1", monitorId: "MONITOR_01", iceServers: [])), order, .status,
            ])
        #expect(phase(session) == .negotiating && session.failure == nil)
        #expect(tell(&session, .connected(sessionId: "S1"), after: .seconds(10)) != nil)
        #expect(session.live?.audit == .dark && session.live?.firstFrameMilliseconds == nil)
    }

    @Test func theAuditGoesWithTheSign() {
        var session = live([.audio])
        #expect(session.live?.audit == .dark)
        #expect(actions(session.permitted(cameraFails: false)) == [report(.mediaStarted)])
        #expect(actions(session.permitted(cameraFails: false)) == [], "once")
        #expect(
            tell(&session, .sending(sessionId: "S1", [])) == [
                .indicator(sessionId: "S1", false), report(.mediaStopped), .release(sessionId: "S1", [.audio]), .status,
            ])
        #expect(session.live?.audit == .dark && !session.isLit)
        #expect(actions(session.permitted(cameraFails: false)) == nil, "nothing is taken")
        _ = tell(&session, .sending(sessionId: "S1", [.audio]))
        #expect(actions(session.permitted(cameraFails: false)) == [report(.mediaStarted)])
        // A picture is waited for, and told with its time.
        var watched = live()
        #expect(actions(watched.permitted(cameraFails: false)) == [])
        #expect(watched.live?.audit == .permitted)
        #expect(tell(&watched, first(18)) == [report(.mediaStarted, 18), .status])
    }

    @Test func aServerThatIsGoneEndsWhatIsLive() {
        var server = ServerPresence(patience: .seconds(60))
        var session = live()
        #expect(session.nextTimeout(server) == nil)
        server.isHere(false, now: now)
        server.isHere(false, now: now + .seconds(30))
        #expect(session.nextTimeout(server) == now + .seconds(60))
        #expect(session.giveUp(server).first == .peer(.sessionEnded(sessionId: "S1")))
        #expect(session.failure == "no server for 60 s" && session.nextTimeout(server) == nil)
        server.isHere(true, now: now + .seconds(40))
        #expect(server.deadline == nil)
    }
}

/// A device's states, and which of its thread's reports are news in each.
@Suite struct DeviceMachineTests {
    private let now = Instant.zero
    private let missing = MediaTrouble(.cameraMissing, state: "missing", message: "no camera found")

    @Test func theWayOfADevice() {
        var device = DeviceMachine(isConfigured: true)
        let early = [device.delivers("cam"), device.fails(missing), device.isLike(nil)]
        #expect(early == [false, false, false], "nobody has it open")
        device.want(true, now: now)
        #expect(device.state == .opening(until: now + .seconds(8)) && device.state.word == "idle")
        device.want(true, now: now + .seconds(3))
        #expect(device.nextTimeout == now + .seconds(8), "another session changes nothing")
        let first = [device.delivers("cam"), device.stopped(), device.forget()]
        #expect(first == [true, false, false] && device.state.word == "live")
        let black = device.isLike(.black)
        #expect(black && device.condition == .black)
        device.want(false, now: now)
        // Its last words come before it has closed.
        let last = [device.isLike(nil), device.delivers("cam"), device.stopped()]
        #expect(last == [false, false, true] && device.state == .idle && device.condition == .black)
        let forgotten = device.forget()
        #expect(forgotten && device.condition == nil)
    }

    @Test func aDriverThatHangsIsFoundOut() {
        var device = DeviceMachine(isConfigured: true)
        device.want(true, now: now)
        let early = device.hangs(missing, now: now + .seconds(7))
        // Closed meanwhile: it hangs all the same.
        device.want(false, now: now + .seconds(7))
        let late = device.hangs(missing, now: now + .seconds(8))
        let again = device.hangs(missing, now: now + .seconds(9))
        #expect([early, late, again] == [false, true, false])
        #expect(device.fails && device.finding == missing && device.state.word == "missing")
        device.want(true, now: now + .seconds(10))
        #expect(device.nextTimeout == now + .seconds(18) && !device.fails)
    }

    @Test func oneThatIsConfiguredAwayStaysSo() {
        var device = DeviceMachine(isConfigured: false)
        device.want(true, now: now)
        device.want(false, now: now)
        let stopped = device.stopped()
        #expect(!stopped && device.state == .none && device.nextTimeout == nil)
    }
}
