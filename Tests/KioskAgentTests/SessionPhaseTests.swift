import Media
import Primitives
import Signaling
import Testing

@testable import KioskAgent

/// A session's phases: what each event makes of them, and what a transition forgets.
@Suite struct SessionPhaseTests {
    private let now = Instant.zero + .seconds(1000)

    private func session() -> Supervisor.Session {
        Supervisor.Session(id: "S1", monitorId: "MONITOR_01", iceServers: [], now: now)
    }

    private func live(_ kinds: Set<MediaKind> = [.audio, .video]) -> Supervisor.Session {
        var session = session()
        session.answering(now: now)
        session.take(kinds)
        _ = session.connected(now: now + .seconds(1))
        return session
    }

    private func audit(_ session: Supervisor.Session) -> Supervisor.Session.Audit? {
        if case .live(let live) = session.state { live.audit } else { nil }
    }

    @Test func theWayOfASession() {
        var session = session()
        #expect(session.phase == .granted && session.isOpen && !session.isLit)
        let isEarly = !session.firstFrameSent(5)
        #expect(isEarly, "nothing left yet")
        session.answering(now: now)
        #expect(session.phase == .negotiating && session.liveSince == nil)
        let isNew = session.connected(now: now + .seconds(1))
        #expect(isNew)
        #expect(session.phase == .live && session.isLit && session.liveSince == now + .seconds(1))
        let isAgain = session.connected(now: now + .seconds(2))
        #expect(!isAgain, "it is already")
        #expect(session.liveSince == now + .seconds(1))
        let isFirst = session.firstFrameSent(18)
        #expect(isFirst)
        // A new offer in mid-session changes no phase.
        session.answering(now: now + .seconds(3))
        #expect(session.phase == .live && session.firstFrameMilliseconds == 18)
    }

    @Test func aFailureForgetsWhatWasLive() {
        var session = live([.audio])
        session.permitted()
        session.mediaReported()
        _ = session.firstFrameSent(18)
        session.reported = [.cameraBusy]
        session.fail(reason: "no path")
        #expect(session.phase == .failed && session.reason == "no path" && !session.isOpen && !session.isLit)
        #expect(session.liveSince == nil && session.firstFrameMilliseconds == nil && audit(session) == nil)
        #expect(session.sends == [.audio, .video], "what the monitor takes is not known any more")
        let ignored = [session.connected(now: now), session.firstFrameSent(3)]
        #expect(ignored == [false, false])
        session.answering(now: now + .seconds(9))
        #expect(session.phase == .negotiating && session.reason == nil && session.reported.isEmpty)
        let isRevived = session.connected(now: now + .seconds(10))
        #expect(isRevived)
        #expect(audit(session) == .dark && session.firstFrameMilliseconds == nil)
    }

    @Test func theAuditGoesWithTheSign() {
        var session = live()
        #expect(audit(session) == .dark)
        session.permitted()
        #expect(audit(session) == .permitted)
        session.mediaReported()
        session.permitted()
        #expect(audit(session) == .reported, "once")
        session.take([])
        #expect(audit(session) == .dark && !session.isLit)
        session.permitted()
        #expect(audit(session) == .dark, "nothing is taken")
        session.take([.audio])
        session.permitted()
        #expect(audit(session) == .permitted)
    }
}
