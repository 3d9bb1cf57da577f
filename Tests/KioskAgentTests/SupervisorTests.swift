import Crew
import JSON
import Media
import PeerIO
import Primitives
import Signaling
import Testing

@testable import KioskAgent

@Suite struct SupervisorTests {
    private let now = Instant.zero
    private let servers = [ICEServer(urls: ["stun:stun.example"])]

    private func granted(_ id: String = "S1", monitor: String = "MONITOR_01") -> ServerEvent {
        .monitoringStartedForKiosk(monitorId: monitor, sessionId: id, iceServers: servers)
    }

    private func offer(_ id: String = "S1") -> ServerEvent {
        .offer(fromId: "MONITOR_01", sessionId: id, DescriptionPayload(type: .offer, sdp: "v=0"))
    }

    private func stopped(_ id: String = "S1") -> ServerEvent {
        .monitoringStopped(kioskId: "KIOSK_01", sessionId: id, reason: .stoppedByMonitor)
    }

    private func start(_ id: String = "S1", monitor: String = "MONITOR_01") -> Supervisor.Action {
        .peer(.sessionStarted(sessionId: id, monitorId: monitor, iceServers: servers))
    }

    private func report(_ state: SessionReport.State, _ milliseconds: Int? = nil) -> Supervisor.Action {
        .send(.sessionReport(SessionReport(sessionId: "S1", state: state, firstFrameMs: milliseconds)))
    }

    /// What monitor and server hear when media ends for good.
    private func told(_ code: SessionErrorCode, _ message: String) -> [Supervisor.Action] {
        [
            .send(
                .sessionError(
                    targetId: "MONITOR_01", sessionId: "S1", SessionErrorPayload(code, message: message))),
            .send(.sessionReport(SessionReport(sessionId: "S1", state: .mediaFailed, reason: code.rawValue))),
        ]
    }

    private func phase(_ session: SessionMachine) -> AgentStatus.Session.Phase { AgentStatus.Session(session).phase }

    private let missing = MediaTrouble(.cameraMissing, state: "missing", message: "no camera found")

    /// One that streams to MONITOR_01.
    private func live(mostSessions: Int = 1) -> Supervisor {
        var supervisor = Supervisor(hasMicrophone: true, mostSessions: mostSessions)
        _ = supervisor.serverSent(granted(), now: now)
        _ = supervisor.mediaReported(.running(.video, source: "cam"), now: now)
        _ = supervisor.mediaReported(.running(.audio, source: "mic"), now: now)
        _ = supervisor.serverSent(offer(), now: now)
        _ = supervisor.peerReported(.connected(sessionId: "S1"), now: now)
        _ = supervisor.mediaPermitted("S1", now: now)
        _ = supervisor.peerReported(.firstFrameSent(sessionId: "S1", milliseconds: 18), now: now)
        return supervisor
    }

    @Test func newerCredentialsReachTheSession() {
        var supervisor = Supervisor(hasMicrophone: true)
        func registered(_ iceServers: [ICEServer]) -> ServerEvent {
            .kioskRegistered(kioskId: "KIOSK_01", heartbeatInterval: .seconds(30), iceServers: iceServers)
        }
        #expect(supervisor.serverSent(registered(servers), now: now).isEmpty)
        _ = supervisor.serverSent(granted(), now: now)
        // The same again is nothing new.
        #expect(supervisor.serverSent(granted(), now: now).isEmpty)
        let newer = [ICEServer(urls: ["turn:turn.example"], username: "2:KIOSK_01", credential: "b")]
        #expect(
            supervisor.serverSent(registered(newer), now: now)
                == [.peer(.iceServersRenewed(sessionId: "S1", iceServers: newer))])
        #expect(supervisor.serverSent(registered([]), now: now).isEmpty)
        // A session that failed is begun again with them.
        _ = supervisor.peerReported(.ended(sessionId: "S1", reason: "ice failed", code: .iceFailed), now: now)
        let newest = [ICEServer(urls: ["turn:turn.example"], username: "3:KIOSK_01", credential: "c")]
        #expect(supervisor.serverSent(registered(newest), now: now).isEmpty)
        #expect(
            supervisor.serverSent(offer(), now: now).contains(
                .peer(.sessionStarted(sessionId: "S1", monitorId: "MONITOR_01", iceServers: newest))))
    }

    @Test("A question for an offer that went into a dead connection is asked again on the next one")
    func anOfferIsAskedForAgain() {
        var supervisor = live()
        let registered = ServerEvent.kioskRegistered(
            kioskId: "KIOSK_01", heartbeatInterval: .seconds(30), iceServers: servers)
        let question = [Supervisor.Action.send(.restartRequest(targetId: "MONITOR_01", sessionId: "S1"))]
        #expect(supervisor.serverSent(registered, now: now).isEmpty)
        #expect(supervisor.peerReported(.restartRequest(sessionId: "S1"), now: now) == question)
        supervisor.serverIs(here: false, now: now)
        supervisor.serverIs(here: true, now: now + .seconds(3))
        #expect(supervisor.serverSent(registered, now: now + .seconds(3)) == question)
        #expect(supervisor.serverSent(offer(), now: now + .seconds(4)) == [.peer(.offer(sessionId: "S1", sdp: "v=0"))])
        #expect(supervisor.serverSent(registered, now: now + .seconds(5)).isEmpty)
        // What is asked without a server is asked of the next connection.
        supervisor.serverIs(here: false, now: now + .seconds(6))
        #expect(supervisor.peerReported(.restartRequest(sessionId: "S1"), now: now + .seconds(6)) == question)
        supervisor.serverIs(here: true, now: now + .seconds(9))
        #expect(supervisor.serverSent(registered, now: now + .seconds(9)) == question)
    }

    @Test func aSessionFromGrantToStop() {
        var supervisor = Supervisor(hasMicrophone: true)
        #expect(!supervisor.isOpen)
        #expect(
            supervisor.serverSent(granted(), now: now) == [
                start(), .hold(sessionId: "S1", [.audio, .video]), .carried(["S1"]), .status,
            ])
        #expect(supervisor.isOpen)
        #expect(supervisor.serverSent(offer(), now: now) == [.peer(.offer(sessionId: "S1", sdp: "v=0")), .status])
        let candidate = CandidatePayload(candidate: "candidate:1")
        #expect(
            supervisor.serverSent(.iceCandidate(fromId: "MONITOR_01", sessionId: "S1", candidate), now: now)
                == [.peer(.candidate(sessionId: "S1", candidate))])
        #expect(
            supervisor.peerReported(.answer(sessionId: "S1", sdp: "v=0 a"), now: now) == [
                .send(
                    .answer(
                        targetId: "MONITOR_01", sessionId: "S1", DescriptionPayload(type: .answer, sdp: "v=0 a")))
            ])
        #expect(
            supervisor.peerReported(.localCandidate(sessionId: "S1", candidate), now: now)
                == [.send(.iceCandidate(targetId: "MONITOR_01", sessionId: "S1", candidate))])
        #expect(supervisor.mediaReported(.running(.video, source: "cam"), now: now) == [.status])
        #expect(
            supervisor.peerReported(.connected(sessionId: "S1"), now: now) == [
                .indicator(sessionId: "S1", true), .status,
            ])
        #expect(supervisor.mediaPermitted("S1", now: now) == [])
        #expect(
            supervisor.peerReported(.firstFrameSent(sessionId: "S1", milliseconds: 18), now: now)
                == [report(.mediaStarted, 18), .status])
        #expect(
            supervisor.serverSent(stopped(), now: now) == [
                .peer(.sessionEnded(sessionId: "S1")), .indicator(sessionId: "S1", false), report(.mediaStopped),
                .release(sessionId: "S1", [.audio, .video]),
                .carried([]), .status,
            ])
        #expect(!supervisor.isOpen)
        #expect(supervisor.mediaReported(.stopped(.video), now: now) == [.status])
        #expect(supervisor.video.state == .idle)
        #expect(supervisor.sessionsServed == 1)
    }

    @Test func theSameGrantTwiceChangesNothing() {
        var supervisor = live()
        #expect(supervisor.serverSent(granted(), now: now) == [])
        #expect(supervisor.sessions.first?.live != nil)
    }

    @Test func anotherSessionReplacesTheFirst() {
        var supervisor = live()
        #expect(
            supervisor.serverSent(granted("S2", monitor: "MONITOR_02"), now: now) == [
                .peer(.sessionEnded(sessionId: "S1")), .indicator(sessionId: "S1", false), report(.mediaStopped),
                .release(sessionId: "S1", [.audio, .video]),
                .carried([]), .status,
                start("S2", monitor: "MONITOR_02"), .hold(sessionId: "S2", [.audio, .video]), .carried(["S2"]), .status,
            ])
        // What is late from the first goes nowhere.
        #expect(supervisor.peerReported(.answer(sessionId: "S1", sdp: ""), now: now) == [])
        #expect(supervisor.peerReported(.connected(sessionId: "S1"), now: now) == [])
        #expect(supervisor.serverSent(stopped("S1"), now: now) == [])
        #expect(supervisor.ignored[.otherSession] == 3)
    }

    @Test func whatNamesNoSessionOfOursIsIgnored() {
        var supervisor = Supervisor(hasMicrophone: true)
        #expect(supervisor.serverSent(offer(), now: now) == [])
        #expect(supervisor.serverSent(stopped(), now: now) == [])
        #expect(supervisor.serverSent(.kioskList([]), now: now) == [])
        #expect(
            supervisor.serverSent(
                .answer(fromId: "X", sessionId: "S1", DescriptionPayload(type: .answer, sdp: "")), now: now) == [])
        #expect(supervisor.ignored.total == 4)
        _ = supervisor.serverSent(granted(), now: now)
        #expect(
            supervisor.serverSent(
                .offer(fromId: "X", sessionId: "S1", DescriptionPayload(type: .answer, sdp: "")), now: now) == [])
        #expect(!supervisor.isOpen || supervisor.sessions.first.map(phase) == .granted)
    }

    @Test func aMissingCameraIsToldOnceAndAgainAfterItCameBack() {
        var supervisor = Supervisor(hasMicrophone: true)
        _ = supervisor.serverSent(granted(), now: now)
        let told = Supervisor.Action.send(
            .sessionError(
                targetId: "MONITOR_01", sessionId: "S1", SessionErrorPayload(.cameraMissing, message: "no camera found")
            ))
        #expect(supervisor.mediaReported(.trouble(.video, missing), now: now) == [told, .status])
        #expect(supervisor.mediaReported(.trouble(.video, missing), now: now) == [.status])
        #expect(supervisor.video.state.word == "missing")
        // Sound alone is media too: the audit hears of it without a first picture, once it leaves.
        #expect(
            supervisor.peerReported(.connected(sessionId: "S1"), now: now) == [
                .indicator(sessionId: "S1", true), .status,
            ])
        #expect(supervisor.mediaPermitted("S1", now: now) == [report(.mediaStarted)])
        #expect(supervisor.mediaReported(.running(.video, source: "cam"), now: now) == [.status])
        #expect(supervisor.peerReported(.firstFrameSent(sessionId: "S1", milliseconds: 900), now: now) == [.status])
        #expect(supervisor.mediaReported(.trouble(.video, missing), now: now) == [told, .status])
    }

    @Test func whatIsWrongWithThePictureIsInTheStatusWhileItFlows() {
        var supervisor = live()
        #expect(supervisor.mediaReported(.condition(.video, .black), now: now) == [.status])
        let device = AgentStatus.Device(supervisor.video)
        #expect(device.state == "black")
        #expect(device.source == "cam")
        #expect(device.message == MediaCondition.black.message)
        #expect(device.remedy == MediaCondition.black.remedy)
        // A camera that has gone is worse than what its picture was like.
        _ = supervisor.mediaReported(.trouble(.video, missing), now: now)
        #expect(AgentStatus.Device(supervisor.video).state == "missing")
        _ = supervisor.mediaReported(.condition(.video, nil), now: now)
        _ = supervisor.mediaReported(.running(.video, source: "cam"), now: now)
        #expect(AgentStatus.Device(supervisor.video).state == "live")
    }

    @Test func aLostPeerClosesTheCameraAndANewOfferRevivesTheSession() {
        var supervisor = live()
        #expect(
            supervisor.peerReported(.ended(sessionId: "S1", reason: "consent expired", code: .consentExpired), now: now)
                == [.indicator(sessionId: "S1", false), report(.mediaStopped)]
                + told(.consentExpired, "consent expired") + [
                    .release(sessionId: "S1", [.audio, .video]), .status,
                ])
        #expect(!supervisor.isOpen)
        #expect(supervisor.peerReported(.ended(sessionId: "S1", reason: "again", code: .iceFailed), now: now) == [])
        #expect(
            supervisor.serverSent(offer(), now: now)
                == [
                    .hold(sessionId: "S1", [.audio, .video]), start(), .peer(.offer(sessionId: "S1", sdp: "v=0")),
                    .status,
                ])
        #expect(supervisor.isOpen)
        _ = supervisor.peerReported(.ended(sessionId: "S1", reason: "consent expired", code: .consentExpired), now: now)
        // The devices are closed already.
        #expect(
            supervisor.serverSent(stopped(), now: now)
                == [.peer(.sessionEnded(sessionId: "S1")), .carried([]), .status])
    }

    @Test func aMonitorThatNeverGetsThroughDoesNotKeepTheCameraOpen() {
        var supervisor = Supervisor(hasMicrophone: false)
        #expect(supervisor.nextTimeout == nil)
        _ = supervisor.serverSent(granted(), now: now)
        #expect(supervisor.nextTimeout == now + .seconds(8), "the camera's")
        _ = supervisor.mediaReported(.running(.video, source: "cam"), now: now)
        #expect(supervisor.nextTimeout == now + .seconds(60))
        _ = supervisor.serverSent(offer(), now: now + .seconds(50))
        #expect(supervisor.timeoutReached(now: now + .seconds(60)) == [])
        #expect(
            supervisor.timeoutReached(now: now + .seconds(110)) == [
                .peer(.sessionEnded(sessionId: "S1"))
            ] + told(.iceFailed, "no connection within 60 s") + [.release(sessionId: "S1", [.audio, .video]), .status])
        #expect(!supervisor.isOpen)
        #expect(supervisor.nextTimeout == nil)
        #expect(supervisor.audio.state == .none)
    }

    @Test("An offer and candidates that came just when the path had ended begin another")
    func whatCameAtTheEndIsNotLost() {
        var supervisor = live()
        // They were handed on before the end was known.
        #expect(supervisor.serverSent(offer(), now: now) == [.peer(.offer(sessionId: "S1", sdp: "v=0"))])
        _ = supervisor.peerReported(
            .ended(sessionId: "S1", reason: "closed by the peer", code: .dtlsFailed), now: now)
        let candidate = CandidatePayload(candidate: "candidate:1")
        #expect(
            supervisor.peerReported(.offerAfterEnd(sessionId: "S1", sdp: "v=0"), now: now)
                == [
                    .hold(sessionId: "S1", [.audio, .video]), start(), .peer(.offer(sessionId: "S1", sdp: "v=0")),
                    .status,
                ])
        #expect(
            supervisor.peerReported(.candidateAfterEnd(sessionId: "S1", candidate), now: now)
                == [.peer(.candidate(sessionId: "S1", candidate))])
        #expect(supervisor.sessions.first.map(phase) == .negotiating)
        // The session goes on already.
        #expect(supervisor.peerReported(.offerAfterEnd(sessionId: "S1", sdp: "v=0"), now: now) == [])
        _ = supervisor.serverSent(stopped(), now: now)
        #expect(supervisor.peerReported(.offerAfterEnd(sessionId: "S1", sdp: "v=0"), now: now) == [])
        #expect(supervisor.peerReported(.candidateAfterEnd(sessionId: "S1", candidate), now: now) == [])
    }

    @Test func aSessionWithoutAServerIsToldWhenThereIsOneAgain() {
        var supervisor = live()
        supervisor.serverIs(here: false, now: now)
        let end = now + .seconds(600)
        #expect(
            supervisor.timeoutReached(now: end)
                == [.peer(.sessionEnded(sessionId: "S1")), .indicator(sessionId: "S1", false), report(.mediaStopped)]
                + told(.iceFailed, "no server for 600 s") + [.release(sessionId: "S1", [.audio, .video]), .status])
    }

    @Test func withoutItsSignNoMediaLeaves() {
        var supervisor = live()
        #expect(
            supervisor.indicatorFailed("lamp broken", now: now)
                == [.peer(.sessionEnded(sessionId: "S1")), .indicator(sessionId: "S1", false), report(.mediaStopped)]
                + told(.cameraFailed, "the live indicator cannot be lit: lamp broken")
                + [.release(sessionId: "S1", [.audio, .video]), .status])
        #expect(supervisor.indicatorFailed("again", now: now) == [])
    }

    @Test("Offers in a flood wait, and only the newest of them is answered")
    func offersAreLimited() {
        var supervisor = Supervisor(hasMicrophone: true)
        _ = supervisor.serverSent(granted(), now: now)
        _ = supervisor.mediaReported(.running(.video, source: "cam"), now: now)
        _ = supervisor.mediaReported(.running(.audio, source: "mic"), now: now)
        func offered(_ sdp: String, after delay: Duration = .zero) -> [Supervisor.Action] {
            supervisor.serverSent(
                .offer(fromId: "MONITOR_01", sessionId: "S1", DescriptionPayload(type: .offer, sdp: sdp)),
                now: now + delay)
        }
        func order(_ sdp: String) -> Supervisor.Action { .peer(.offer(sessionId: "S1", sdp: sdp)) }
        for index in 0..<OfferLimit.burst { #expect(offered("\(index)").first == order("\(index)")) }
        #expect(supervisor.sessions.first?.nextOffer == nil)
        #expect(offered("late") == [])
        #expect(offered("later") == [])
        #expect(supervisor.ignored[.offerTooSoon] == 2)
        #expect(supervisor.sessions.first?.nextOffer == now + .seconds(1))
        #expect(supervisor.timeoutReached(now: now + .milliseconds(999)) == [])
        #expect(supervisor.timeoutReached(now: now + .seconds(1)).first == order("later"))
        #expect(supervisor.sessions.first?.nextOffer == nil)
        #expect(supervisor.timeoutReached(now: now + .seconds(9)) == [])
        // After a while there is room for a few again, and never for more.
        for index in 0..<OfferLimit.burst {
            #expect(offered("\(index)", after: .seconds(3600)).first == order("\(index)"))
        }
        #expect(offered("late", after: .seconds(3600)) == [])
        // With the session goes what waits.
        _ = supervisor.serverSent(stopped(), now: now + .seconds(3600))
        #expect(supervisor.sessions.first?.nextOffer == nil)
    }

    private func state(_ supervisor: Supervisor) -> AgentStatus.Device {
        AgentStatus.Device(supervisor.video)
    }

    @Test("A camera that is not there is known before anybody wants to see, and is looked for again when somebody does")
    func anAbsentCameraIsKnown() {
        var supervisor = Supervisor(hasMicrophone: true)
        #expect(supervisor.deviceFoundAbsent(.video, missing) == [.status])
        #expect(state(supervisor).state == "missing")
        #expect(supervisor.deviceFoundAbsent(.video, missing) == [])
        #expect(supervisor.forgetFinding(.video) == [.status])
        #expect(state(supervisor).state == "idle")
        // What uses it knows better.
        _ = supervisor.serverSent(granted(), now: now)
        #expect(supervisor.deviceFoundAbsent(.video, missing) == [])
    }

    @Test("What was last wrong with a camera is told while nobody watches, until it is seen to work")
    func theLastFindingIsRemembered() {
        var supervisor = Supervisor(hasMicrophone: true)
        #expect(state(supervisor).state == "idle")
        _ = supervisor.serverSent(granted(), now: now)
        _ = supervisor.mediaReported(.trouble(.video, missing), now: now)
        #expect(state(supervisor).state == "missing")
        _ = supervisor.serverSent(stopped(), now: now)
        #expect(supervisor.mediaReported(.stopped(.video), now: now) == [.status])
        #expect(state(supervisor).state == "missing" && state(supervisor).message == missing.message)
        // The next one finds it working, and black; until then nothing says that it is well again.
        _ = supervisor.serverSent(granted(), now: now)
        #expect(state(supervisor).state == "missing")
        _ = supervisor.mediaReported(.running(.video, source: "cam"), now: now)
        _ = supervisor.mediaReported(.condition(.video, .black), now: now)
        _ = supervisor.serverSent(stopped(), now: now)
        #expect(supervisor.mediaReported(.condition(.video, nil), now: now) == [])
        _ = supervisor.mediaReported(.stopped(.video), now: now)
        #expect(state(supervisor).state == "black" && state(supervisor).remedy == MediaCondition.black.remedy)
        // One that is plugged in is another one, as far as anybody knows.
        #expect(supervisor.forgetFinding(.audio) == [])
        #expect(supervisor.forgetFinding(.video) == [.status])
        #expect(state(supervisor).state == "idle")
        // Whoever uses it finds out for himself.
        _ = supervisor.serverSent(granted(), now: now)
        _ = supervisor.mediaReported(.trouble(.video, missing), now: now)
        #expect(supervisor.forgetFinding(.video) == [])
        _ = supervisor.mediaReported(.running(.video, source: "cam"), now: now)
        #expect(state(supervisor).state == "live")
    }

    @Test("A driver that does not come back from opening its device is told")
    func aDriverThatHangs() {
        var supervisor = Supervisor(hasMicrophone: true)
        #expect(supervisor.video.nextTimeout == nil)
        _ = supervisor.serverSent(granted(), now: now)
        #expect(state(supervisor).state == "idle")
        _ = supervisor.mediaReported(.running(.audio, source: "mic"), now: now)
        #expect(supervisor.video.nextTimeout == now + .seconds(8))
        #expect(supervisor.timeoutReached(now: now + .seconds(7)) == [])
        let hangs = MediaTrouble.driverHangs(.video)
        #expect(
            supervisor.timeoutReached(now: now + .seconds(8)) == [
                .send(
                    .sessionError(
                        targetId: "MONITOR_01", sessionId: "S1",
                        SessionErrorPayload(.cameraFailed, message: hangs.message))), .status,
            ])
        #expect(state(supervisor).state == "stalled" && supervisor.video.nextTimeout == nil)
        // It may come back after all.
        #expect(supervisor.mediaReported(.running(.video, source: "cam"), now: now) == [.status])
        #expect(state(supervisor).state == "live")
    }

    @Test("A server that gives no relay is in the status")
    func aRefusedRelay() {
        var supervisor = Supervisor(hasMicrophone: true)
        _ = supervisor.serverSent(granted(), now: now)
        _ = supervisor.serverSent(offer(), now: now)
        let trouble = "turn server 192.0.2.1:3478 over udp: it refuses (486 Allocation Quota Reached)"
        #expect(supervisor.peerReported(.relayRefused(sessionId: "S1", trouble), now: now) == [.status])
        #expect(supervisor.sessions.first?.relayTrouble == trouble)
        #expect(supervisor.peerReported(.relayRefused(sessionId: "S2", trouble), now: now) == [])
        _ = supervisor.serverSent(offer(), now: now)
        #expect(supervisor.sessions.first?.relayTrouble == nil)
    }

    @Test func theAgentsEndEndsTheSession() {
        var supervisor = live()
        #expect(supervisor.stop(now: now).first == .peer(.sessionEnded(sessionId: "S1")))
        #expect(supervisor.stop(now: now) == [])
    }

    @Test("A program that ends on purpose says so once, whether or not media flowed")
    func theEndOfTheProgramIsTold() {
        let farewell = Supervisor.Action.send(
            .sessionReport(SessionReport(sessionId: "S1", state: .mediaStopped, reason: "kiosk-restarting")))
        func reports(_ actions: [Supervisor.Action]) -> [Supervisor.Action] {
            actions.filter { if case .send = $0 { true } else { false } }
        }
        var streaming = live()
        #expect(reports(streaming.stop(now: now)) == [farewell])
        var early = Supervisor(hasMicrophone: true)
        _ = early.serverSent(granted(), now: now)
        #expect(reports(early.stop(now: now)) == [farewell])
        var failed = live()
        _ = failed.peerReported(.ended(sessionId: "S1", reason: "ice failed", code: .iceFailed), now: now)
        #expect(reports(failed.stop(now: now)) == [farewell])
        var idle = Supervisor(hasMicrophone: true)
        #expect(idle.stop(now: now) == [])
    }

    @Test("A reason that only a newer server knows ends the session all the same")
    func anUnknownReasonEndsTheSession() throws {
        var supervisor = live()
        let event = try ServerEvent(
            name: "monitoring-stopped",
            arguments: [["kioskId": "KIOSK_01", "sessionId": "S1", "reason": "eclipse", "by": "x"]])
        #expect(supervisor.serverSent(event, now: now).first == .peer(.sessionEnded(sessionId: "S1")))
        #expect(supervisor.sessions.first == nil)
    }

    /// Two at once, and one more: the first gives way, and the second notices nothing.
    @Test func aThirdSessionReplacesTheOldestOfTwo() {
        var supervisor = live(mostSessions: 2)
        #expect(
            supervisor.serverSent(granted("S2", monitor: "MONITOR_02"), now: now) == [
                start("S2", monitor: "MONITOR_02"), .hold(sessionId: "S2", [.audio, .video]), .carried(["S1", "S2"]),
                .status,
            ])
        #expect(supervisor.video.state == .running(source: "cam"), "it was open already")
        _ = supervisor.serverSent(offer("S2"), now: now)
        #expect(
            supervisor.peerReported(.connected(sessionId: "S2"), now: now) == [
                .indicator(sessionId: "S2", true), .status,
            ])
        #expect(supervisor.mediaPermitted("S2", now: now) == [])
        #expect(
            supervisor.peerReported(.firstFrameSent(sessionId: "S2", milliseconds: 30), now: now) == [
                .send(.sessionReport(SessionReport(sessionId: "S2", state: .mediaStarted, firstFrameMs: 30))), .status,
            ])
        #expect(
            supervisor.serverSent(granted("S3", monitor: "MONITOR_03"), now: now) == [
                .peer(.sessionEnded(sessionId: "S1")), .indicator(sessionId: "S1", false), report(.mediaStopped),
                .release(sessionId: "S1", [.audio, .video]), .carried(["S2"]), .status,
                start("S3", monitor: "MONITOR_03"), .hold(sessionId: "S3", [.audio, .video]), .carried(["S2", "S3"]),
                .status,
            ])
        #expect(supervisor.isLit && supervisor.video.state == .running(source: "cam"))
        #expect(supervisor.session("S2")?.live?.audit == .reported && supervisor.session("S1") == nil)
    }

    @Test("Each of two sessions has its own phase, errors and end, and the devices close with the last")
    func twoSessionsAreApart() {
        var supervisor = live(mostSessions: 2)
        _ = supervisor.serverSent(granted("S2", monitor: "MONITOR_02"), now: now)
        _ = supervisor.serverSent(offer("S2"), now: now)
        _ = supervisor.peerReported(.sending(sessionId: "S2", [.audio]), now: now)
        _ = supervisor.peerReported(.connected(sessionId: "S2"), now: now)
        _ = supervisor.mediaPermitted("S2", now: now)
        // Who takes no picture is not told about the camera.
        #expect(
            supervisor.mediaReported(.trouble(.video, missing), now: now) == [
                .send(
                    .sessionError(
                        targetId: "MONITOR_01", sessionId: "S1",
                        SessionErrorPayload(.cameraMissing, message: "no camera found"))), .status,
            ])
        _ = supervisor.mediaReported(.running(.video, source: "cam"), now: now)
        #expect(
            supervisor.peerReported(.ended(sessionId: "S1", reason: "consent expired", code: .consentExpired), now: now)
                == [.indicator(sessionId: "S1", false), report(.mediaStopped)]
                + told(.consentExpired, "consent expired") + [.release(sessionId: "S1", [.audio, .video]), .status])
        #expect(supervisor.isLit && !supervisor.expectsPictures)
        #expect(supervisor.session("S2")?.live?.audit == .reported)
        // The camera closes, the microphone stays.
        #expect(supervisor.mediaReported(.stopped(.video), now: now) == [.status])
        #expect(supervisor.mediaReported(.stopped(.audio), now: now) == [])
        #expect(supervisor.ignored[.deviceInOtherState] == 1)
        #expect(supervisor.audio.state == .running(source: "mic"))
        // One that is offered again opens what it needs.
        #expect(
            supervisor.serverSent(offer("S1"), now: now) == [
                .hold(sessionId: "S1", [.audio, .video]), start(), .peer(.offer(sessionId: "S1", sdp: "v=0")), .status,
            ])
        #expect(supervisor.video.nextTimeout == now + .seconds(8) && supervisor.audio.nextTimeout == nil)
        // A lamp that breaks ends what leaves, and what is not lit goes on.
        #expect(
            supervisor.indicatorFailed("lamp broken", now: now).first == .peer(.sessionEnded(sessionId: "S2")))
        #expect(supervisor.session("S2").map(phase) == .failed && supervisor.session("S1").map(phase) == .negotiating)
        #expect(supervisor.stop(now: now).contains(.carried([])))
        #expect(supervisor.sessions.isEmpty && !supervisor.isOpen)
    }

    /// Whatever order things come in: the devices are open exactly while a session may get media.
    @Test(arguments: [1, 2])
    func randomOrdersNeverLeaveTheCameraOpenWithoutASession(mostSessions: Int) {
        var random = RandomSource.seeded(7)
        for _ in 0..<300 {
            var supervisor = Supervisor(hasMicrophone: true, mostSessions: mostSessions)
            var open: [String: Set<MediaKind>] = [:]
            var lit: Set<String> = []
            var carried: [String] = []
            var isSnapshotOpen = false
            var time = now
            for _ in 0..<60 {
                time += .seconds(Int.random(in: 0..<30, using: &random))
                let id = "S\(Int.random(in: 1...3, using: &random))"
                let actions: [Supervisor.Action] =
                    switch Int.random(in: 0..<16, using: &random) {
                    case 0: supervisor.serverSent(granted(id), now: time)
                    case 1, 2: supervisor.serverSent(offer(id), now: time)
                    case 3: supervisor.serverSent(stopped(id), now: time)
                    case 4, 5: supervisor.peerReported(.connected(sessionId: id), now: time)
                    case 6: supervisor.peerReported(.ended(sessionId: id, reason: "x", code: .iceFailed), now: time)
                    case 7: supervisor.mediaReported(.trouble(.video, missing), now: time)
                    case 8: supervisor.mediaReported(.running(.video, source: "cam"), now: time)
                    case 9: supervisor.mediaReported(.stopped(.video), now: time)
                    case 10:
                        supervisor.peerReported(
                            .sending(
                                sessionId: id,
                                Set(MediaKind.allCases.filter { _ in Bool.random(using: &random) })), now: time)
                    case 11: supervisor.mediaPermitted(id, now: time)
                    case 12: supervisor.snapshotAsked(SnapshotRequest(id: 1, format: .png), now: time)
                    case 13: supervisor.snapshotPermitted(now: time)
                    case 14: supervisor.mediaReported(.snapshot(1, .failure(.notEncoded)), now: time)
                    default: supervisor.timeoutReached(now: time)
                    }
                for action in actions {
                    switch action {
                    case .hold(let id, let kinds):
                        #expect(open[id, default: []].isDisjoint(with: kinds), "opened twice")
                        open[id, default: []].formUnion(kinds)
                    case .release(let id, let kinds):
                        #expect(open[id, default: []].isSuperset(of: kinds), "closed twice")
                        open[id, default: []].subtract(kinds)
                    case .indicator(let id, let on):
                        #expect(lit.contains(id) != on)
                        if on { lit.insert(id) } else { lit.remove(id) }
                    case .carried(let ids): carried = ids
                    case .snapshot(.open):
                        #expect(!isSnapshotOpen)
                        isSnapshotOpen = true
                    case .snapshot(.close):
                        #expect(isSnapshotOpen)
                        isSnapshotOpen = false
                    case .peer, .send, .status, .snapshot(.light), .snapshot(.take), .snapshot(.answer): break
                    }
                }
                #expect(supervisor.takesSnapshot == isSnapshotOpen)
                #expect(supervisor.sessions.count <= mostSessions && supervisor.sessions.map(\.id) == carried)
                for id in ["S1", "S2", "S3"] {
                    let session = supervisor.session(id)
                    #expect(open[id, default: []] == (session?.wants ?? []))
                    #expect(lit.contains(id) == (session?.live != nil && session?.sends.isEmpty == false))
                }
            }
        }
    }
}
