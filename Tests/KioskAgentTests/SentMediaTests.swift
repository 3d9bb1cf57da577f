import Media
import PeerIO
import Primitives
import Signaling
import Testing

@testable import KioskAgent

/// Sessions whose monitor does not take everything: what it does not take is neither captured nor waited for.
@Suite struct SentMediaTests {
    private let now = Instant.zero + .seconds(1000)

    private func report(_ state: SessionReport.State) -> Supervisor.Action {
        .send(.sessionReport(SessionReport(sessionId: "S1", state: state)))
    }

    /// One that negotiates, with both devices open.
    private func negotiating() -> Supervisor {
        var supervisor = Supervisor(hasMicrophone: true)
        supervisor.serverIs(here: true, now: now)
        _ = supervisor.serverSent(
            .monitoringStartedForKiosk(monitorId: "MONITOR_01", sessionId: "S1", iceServers: []), now: now)
        _ = supervisor.mediaReported(.running(.video, source: "cam"), now: now)
        _ = supervisor.mediaReported(.running(.audio, source: "mic"), now: now)
        _ = supervisor.serverSent(
            .offer(fromId: "MONITOR_01", sessionId: "S1", DescriptionPayload(type: .offer, sdp: "v=0")), now: now)
        return supervisor
    }

    private func sending(_ kinds: Set<MediaKind>) -> PeerEvent { .sending(sessionId: "S1", kinds) }

    private func live(_ kinds: Set<MediaKind>) -> Supervisor {
        var supervisor = negotiating()
        _ = supervisor.peerReported(sending(kinds), now: now)
        _ = supervisor.peerReported(.connected(sessionId: "S1"), now: now)
        _ = supervisor.mediaPermitted("S1", now: now)
        return supervisor
    }

    /// The camera closes, no picture is waited for, and the audit hears of it at once.
    @Test func aMonitorThatOnlyListensIsServedForAsLongAsItLikes() {
        var supervisor = negotiating()
        #expect(supervisor.peerReported(sending([.audio]), now: now) == [.release(sessionId: "S1", [.video]), .status])
        #expect(
            supervisor.peerReported(.connected(sessionId: "S1"), now: now) == [
                .indicator(sessionId: "S1", true), .status,
            ])
        #expect(supervisor.mediaPermitted("S1", now: now) == [report(.mediaStarted)])
        // What the camera said before it was told is late.
        #expect(supervisor.mediaReported(.running(.video, source: "cam"), now: now) == [])
        #expect(supervisor.mediaReported(.stopped(.video), now: now) == [.status])
        #expect(supervisor.video.state == .idle && supervisor.audio.state == .running(source: "mic"))
        var watchdog = Watchdog(timeout: nil)
        for second in 0...60 {
            #expect(
                watchdog.verdict(
                    [], expectsPictures: supervisor.expectsPictures, framesEncoded: 0, now: now + .seconds(second))
                    == nil)
        }
        #expect(
            supervisor.serverSent(
                .monitoringStopped(kioskId: "KIOSK_01", sessionId: "S1", reason: .stoppedByMonitor), now: now) == [
                    .peer(.sessionEnded(sessionId: "S1")), .indicator(sessionId: "S1", false), report(.mediaStopped),
                    .release(sessionId: "S1", [.audio]),
                    .carried([]), .status,
                ])
    }

    @Test func picturesAreExpectedWhereTheyAreTaken() {
        let supervisor = live([.audio, .video])
        #expect(supervisor.expectsPictures)
        var watchdog = Watchdog(timeout: nil)
        let verdict = [0, 11].map {
            watchdog.verdict(
                [], expectsPictures: supervisor.expectsPictures, framesEncoded: 0, now: now + .seconds($0))
        }
        #expect(verdict == [nil, "no frame encoded for 11 s"])
    }

    @Test func theMonitorMayTakeMoreAndLessInMidSession() {
        var supervisor = live([.audio])
        #expect(supervisor.mediaReported(.stopped(.video), now: now) == [.status])
        #expect(supervisor.peerReported(sending([.audio]), now: now) == [])
        #expect(
            supervisor.peerReported(sending([.audio, .video]), now: now) == [.hold(sessionId: "S1", [.video]), .status])
        #expect(supervisor.video.state == .opening(until: now + .seconds(8)))
        #expect(supervisor.mediaReported(.running(.video, source: "cam"), now: now) == [.status])
        #expect(supervisor.expectsPictures)
        // Nothing leaves: the sign goes out, and comes back with the first of it.
        #expect(
            supervisor.peerReported(sending([]), now: now)
                == [
                    .indicator(sessionId: "S1", false), report(.mediaStopped),
                    .release(sessionId: "S1", [.audio, .video]), .status,
                ])
        #expect(supervisor.sessions.first?.live != nil && !supervisor.expectsPictures)
        #expect(
            supervisor.peerReported(sending([.audio]), now: now)
                == [.hold(sessionId: "S1", [.audio]), .indicator(sessionId: "S1", true), .status])
        #expect(supervisor.mediaPermitted("S1", now: now) == [report(.mediaStarted)])
        // Of another session, and of none.
        #expect(supervisor.peerReported(.sending(sessionId: "S2", [.video]), now: now) == [])
        _ = supervisor.peerReported(.ended(sessionId: "S1", reason: "consent expired", code: .consentExpired), now: now)
        #expect(supervisor.peerReported(sending([.video]), now: now) == [])
    }

    /// The audit never hears of media that did not leave.
    @Test func aLampThatFailsEndsTheSessionBeforeAnythingIsReported() {
        var supervisor = negotiating()
        _ = supervisor.mediaReported(
            .trouble(.video, MediaTrouble(.cameraMissing, state: "missing", message: "gone")), now: now)
        var actions = supervisor.peerReported(.connected(sessionId: "S1"), now: now)
        #expect(actions == [.indicator(sessionId: "S1", true), .status])
        actions = supervisor.indicatorFailed("lamp broken", now: now)
        #expect(!actions.contains(report(.mediaStarted)) && !actions.contains(report(.mediaStopped)))
        #expect(
            actions.first { $0 == .indicator(sessionId: "S1", true) } == nil
                && actions.contains(.indicator(sessionId: "S1", false)))
        #expect(actions.suffix(2) == [.release(sessionId: "S1", [.audio, .video]), .status])
    }

    /// The server may be restarted; but who is gone for long may have ended the session, and nobody here heard it.
    @Test func aLiveSessionOutlivesItsServerForAWhile() {
        var supervisor = live([.audio, .video])
        #expect(supervisor.nextTimeout == nil)
        supervisor.serverIs(here: false, now: now)
        supervisor.serverIs(here: false, now: now + .seconds(90))
        #expect(supervisor.nextTimeout == now + .seconds(600))
        #expect(supervisor.timeoutReached(now: now + .seconds(599)) == [])
        supervisor.serverIs(here: true, now: now + .seconds(599))
        #expect(supervisor.nextTimeout == nil)
        #expect(supervisor.timeoutReached(now: now + .seconds(700)) == [])

        supervisor.setLiveWithoutServer(.seconds(60))
        supervisor.serverIs(here: false, now: now + .seconds(1000))
        #expect(
            supervisor.timeoutReached(now: now + .seconds(1060)) == [
                .peer(.sessionEnded(sessionId: "S1")), .indicator(sessionId: "S1", false),
                .send(
                    .sessionError(
                        targetId: "MONITOR_01", sessionId: "S1",
                        SessionErrorPayload(.iceFailed, message: "no server for 60 s"))),
                .send(.sessionReport(SessionReport(sessionId: "S1", state: .mediaFailed, reason: "ice-failed"))),
                .release(sessionId: "S1", [.audio, .video]), .status,
            ])
        #expect(supervisor.sessions.first?.failure == "no server for 60 s")
        #expect(supervisor.nextTimeout == nil)
    }
}
