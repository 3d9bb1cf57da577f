import AgentSettings
import HTTP
import HTTPTransport
import JSON
import Peer
import Primitives
import ServerLink
import Signaling
import Testing

@testable import Capture
@testable import Doctor
@testable import Reactor

/// What each check makes of what was seen, from end to end of its range. The checks of `FindingTests` are not repeated.
@Suite struct JudgeTests {
    typealias Status = Finding.Status

    private let server = ServerAddress("https://signaling.example")!

    @Test(arguments: [
        (
            ConfigurationCheck.Outcome.correct(kiosk: "K", server: "S", files: ["a"]), Status.ok,
            "a: correct, kiosk K, server S"
        ),
        (
            .correct(kiosk: "K", server: "S", files: ["a", "b", "c"]), .ok,
            "a and 2 drop-ins: correct, kiosk K, server S"
        ),
        (.wrong("line 3: no"), .failed, "line 3: no"),
        (
            .passwordIsHidden(kiosk: "K", server: "S"), .unknown,
            "a: kiosk K, server S; the password is not this user's to read"
        ),
        (.missing, .unknown, "no configuration"),
    ])
    func configurations(outcome: ConfigurationCheck.Outcome, status: Status, seen: String) {
        let finding = ConfigurationCheck.judge(ConfigurationCheck.Observation(file: "a", outcome: outcome))
        #expect(finding.status == status && finding.seen == seen)
    }

    @Test(arguments: [
        (DiskCheck.Outcome.free(bytes: 19 << 20), Status.failed), (.free(bytes: 20 << 20), .warning),
        (.free(bytes: 199 << 20), .warning), (.free(bytes: 200 << 20), .ok), (.unreadable(5), .unknown),
    ])
    func disks(outcome: DiskCheck.Outcome, status: Status) {
        let finding = DiskCheck.judge(DiskCheck.Observation(path: "/d", outcome: outcome))
        #expect(finding.status == status && finding.seen.contains("/d"))
        #expect(finding.wasDue == (status == .unknown))
    }

    @Test(arguments: [
        (nil as Double?, 0 as Int64, Status.unknown), (74, 0, .ok), (75, 0, .warning), (60, 1, .warning),
        (90, 0, .failed),
    ])
    func temperatures(celsius: Double?, throttled: Int64, status: Status) {
        #expect(TemperatureCheck.judge(ThermalState(celsius: celsius, throttleCount: throttled)).status == status)
    }

    @Test(arguments: [
        (Int64(500 << 10) as Int64?, nil as Double?, Status.ok), (100 << 10, nil, .warning), (500 << 10, 12, .warning),
        (60 << 10, nil, .failed), (nil, nil, .unknown),
    ])
    func memories(available: Int64?, pressure: Double?, status: Status) {
        let memory = MemoryState(availableKiB: available, totalKiB: 1 << 20, pressurePercent: pressure)
        #expect(MemoryCheck.judge(memory).status == status)
    }

    /// The heartbeat's offset is finer; one that the server's own date contradicts is from before a jump of the clock.
    @Test func theOffsetIsTheHeartbeatsUnlessTheDateContradicts() {
        let at = WallClock(secondsSince1970: 1_790_000_000)
        func offset(_ heartbeat: Duration?, date seconds: Int64?) -> Duration? {
            ClockCheck.offset(heartbeat: heartbeat, date: seconds.map { at + .seconds($0) }, at: at)
        }
        #expect(offset(.milliseconds(700), date: nil) == .milliseconds(700))
        #expect(offset(.milliseconds(700), date: 0) == .milliseconds(700))
        #expect(offset(.milliseconds(700), date: 60) == .milliseconds(60_500))
        #expect(offset(nil, date: 3) == .milliseconds(3500))
        #expect(offset(nil, date: nil) == nil)
    }

    private func outbox(
        waiting: Int64 = 0, rejected: Int64 = 0, storage: String? = "ok", damaged: String? = nil
    ) -> Finding {
        OutboxCheck.judge(
            .read(
                AgentReport.Outbox(
                    waiting: waiting, rejected: rejected, storage: storage, remedy: nil, damaged: damaged)))
    }

    @Test func outboxes() {
        #expect(outbox().seen == "no crew events wait" && outbox().status == .ok)
        #expect(outbox(waiting: 100).status == .ok && outbox(waiting: 101).status == .warning)
        #expect(outbox(rejected: 1).remedy?.hasPrefix("kiosk-agent crew list") == true)
        #expect(outbox(storage: "reserve").status == .warning && outbox(storage: "full").status == .failed)
        #expect(outbox(storage: nil).status == .ok, "an agent that does not tell")
        #expect(outbox(rejected: 1, damaged: "/o.damaged-1").seen == "a damaged outbox was put aside: /o.damaged-1")
        #expect(OutboxCheck.judge(.corrupt(path: "/o", "malformed")).status == .failed)
        #expect(OutboxCheck.judge(.unreadable(path: "/o", "denied")).status == .unknown)
    }

    /// The names in the agent's status.
    @Test func whatTheAgentSays() {
        let report = AgentReport([
            "summary": "registered", "state": "idle", "clockOffsetSeconds": -1.5,
            "link": ["message": "m", "remedy": "r", "trouble": "server-away"],
            "outbox": ["waiting": 3, "rejected": 1, "storage": "reserve", "remedy": "room", "damaged": "/d"],
            "video": ["width": 640, "height": 480, "framesPerSecond": 29.5],
        ])
        #expect(report.summary == "registered" && report.state == "idle")
        #expect(report.clockOffset == .milliseconds(-1500))
        #expect(report.linkMessage == "m" && report.linkRemedy == "r" && report.linkTrouble == "server-away")
        #expect(report.outbox?.waiting == 3 && report.outbox?.rejected == 1 && report.outbox?.storage == "reserve")
        #expect(report.outbox?.remedy == "room" && report.outbox?.damaged == "/d")
        #expect(report.liveFigures == "640x480 at 29.5 frames/s")
        #expect(AgentReport([:]).outbox == nil && AgentReport([:]).clockOffset == nil)
    }

    private func network(_ address: String, mtu: Int64?) -> InterfacesCheck.Network {
        InterfacesCheck.Network(
            address: InterfaceAddress(
                name: "eth0", index: 2, address: IPAddress(address)!, prefixLength: 24, isUp: true, isRunning: true,
                isLoopback: false, isPointToPoint: false), mtu: mtu)
    }

    @Test func interfaces() {
        func finding(_ networks: [InterfacesCheck.Network], routes: [String] = ["eth0"]) -> Finding {
            InterfacesCheck.judge(.usable(networks, routes: routes))
        }
        #expect(finding([]).status == .failed)
        let good = finding([network("192.0.2.1", mtu: 1500)])
        #expect(good.status == .ok && good.seen == "eth0 192.0.2.1, default route over eth0")
        #expect(finding([network("192.0.2.1", mtu: 1500)], routes: []).seen == "eth0 192.0.2.1, no default route")
        #expect(finding([network("192.0.2.1", mtu: 1279)]).status == .warning)
        #expect(finding([network("192.0.2.1", mtu: nil)]).status == .ok, "what the kernel does not tell is no fault")
        #expect(InterfacesCheck.judge(.unreadable("no")).wasDue)
    }

    @Test(arguments: [
        (NameLookup.Answer.found(["192.0.2.1"]), Status.ok, "h is 192.0.2.1"),
        (.failed("unknown"), .failed, "h not found: unknown"), (.noAnswer, .failed, "no answer from the name server"),
    ])
    func names(answer: NameLookup.Answer, status: Status, seen: String) {
        let finding = NameResolutionCheck.judge(NameResolutionCheck.Observation(host: "h", answer: answer))
        #expect(finding.status == status && finding.seen == seen)
    }

    @Test func servers() {
        func finding(_ outcome: Result<HTTPResponse, HTTPFailure>) -> Finding {
            ServerCheck.judge(
                ServerCheck.Observation(server: server, outcome: outcome, duration: .milliseconds(12)))
        }
        let body = Array(#"{"error":{"code":"unauthorized","message":"no"}}"#.utf8)
        let good = finding(.success(HTTPResponse(status: 401, body: body)))
        #expect(good.status == .ok && good.seen == "https://signaling.example answers after 12 ms", "\(good)")
        #expect(finding(.success(HTTPResponse(status: 200))).facts["status"] == 200)
        #expect(finding(.success(HTTPResponse(status: 200))).status == .failed)
        let away = finding(.failure(.timedOut))
        #expect(away.status == .failed && away.facts["trouble"] == "server-away" && away.remedy != nil)
    }

    @Test func certificatesThatAreNotThere() {
        let plain = ServerAddress("http://signaling.example")!
        #expect(CertificateCheck.judge(.plain(ServerAddress("http://127.0.0.1")!, isAllowed: false)).status == .ok)
        #expect(CertificateCheck.judge(.plain(plain, isAllowed: false)).remedy?.contains("allowInsecure") == true)
        #expect(CertificateCheck.judge(.plain(plain, isAllowed: true)).remedy?.contains("allowInsecure") == false)
        #expect(CertificateCheck.judge(.noCertificate(server, .other("eof"))).status == .failed)
    }

    @Test func logins() {
        let answer = LoginAnswer(
            token: Redacted("t"), expiresAt: "2027-01-01T00:00:00Z", refreshToken: Redacted("r"),
            user: .init(id: "K", role: .kiosk, organization: "RAIL", displayName: ""))
        #expect(LoginCheck.judge(.done(answer)).seen == "as K of RAIL")
        #expect(LoginCheck.judge(.skipped("x")).isBlocked)
        #expect(LoginCheck.judge(.unanswered("x")).wasDue)
        #expect(
            LoginCheck.judge(.unknown("x", remedy: "y"))
                == Finding(
                    .unknown, "x", why: "without a login the kiosk cannot register", remedy: "y"))
        let refused = LoginCheck.judge(.refused(LinkTrouble(.wrongPassword, "no")))
        #expect(refused.status == .failed && refused.facts["trouble"] == "wrong-password")
    }

    @Test func socketIO() {
        func finding(_ outcome: SocketIOCheck.Outcome) -> Finding {
            SocketIOCheck.judge(SocketIOCheck.Observation(outcome: outcome, duration: .milliseconds(7)))
        }
        #expect(finding(.connected).seen == "the server lets the kiosk in after 7 ms")
        #expect(finding(.refused("old")).seen.contains("(old)"))
        #expect(finding(.failed(LinkTrouble(.serverAway, "gone"))).seen == "gone")
        #expect(finding(.silent).status == .failed)
    }

    private func probe(_ url: String, mapped: String?) -> STUNProbe {
        var result = NATProbe.Result()
        result.mapped = mapped.flatMap { SocketAddress($0) }
        return STUNProbe(url: url, server: nil, outcome: .success(result))
    }

    @Test func stunServers() {
        #expect(STUNCheck.judge([]).status == .warning)
        let (good, silent) = (probe("stun:a", mapped: "203.0.113.5:4000"), probe("stun:b", mapped: nil))
        #expect(STUNCheck.judge([good]).seen == "seen as 203.0.113.5:4000 by stun:a")
        #expect(STUNCheck.judge([silent, good]).status == .warning)
        #expect(STUNCheck.judge([silent]).status == .failed)
    }

    @Test func anythingOverUDP() {
        func finding(_ trials: [STUNProbe], _ relays: [RelayTrial] = []) -> Finding {
            UDPCheck.judge(UDPCheck.Observation(trials: trials, relays: relays))
        }
        var relayed = RelayProbe.Result()
        relayed.relayed = SocketAddress("203.0.113.9:5000")!
        let relay = RelayTrial(url: "turn:c", server: nil, outcome: .success(relayed))
        #expect(finding([]).status == .skipped)
        #expect(finding([probe("stun:a", mapped: nil)]).status == .failed)
        #expect(finding([probe("stun:a", mapped: "203.0.113.5:4000")]).seen == "stun:a answers")
        #expect(finding([probe("stun:a", mapped: nil)], [relay]).seen == "turn:c answers")
    }

    @Test func cameras() {
        func camera(_ failure: CaptureError? = nil) -> CameraFacts {
            CameraFacts(
                node: "/dev/video0", stableLinks: [], name: "Cam", driver: "uvcvideo", bus: "", canCapture: true,
                failure: failure)
        }
        func finding(_ cameras: [CameraFacts], configured: String = "auto", isThere: Bool = true) -> Finding {
            CameraDevicesCheck.judge(
                CameraDevicesCheck.Observation(cameras: cameras, configured: configured, isThere: isThere))
        }
        #expect(finding([camera()]).seen == "Cam at /dev/video0")
        #expect(finding([]).seen == "no camera found")
        #expect(finding([camera(.busy(device: "/dev/video0", holder: nil))]).why == "only one program can use a camera")
        #expect(finding([camera()], configured: "/dev/video7", isThere: false).status == .failed)
        #expect(finding([camera()], configured: "/dev/video0").status == .ok)
        #expect(finding([], configured: "test-pattern").status == .skipped)
    }

    @Test func encoders() {
        var section = AgentConfiguration.Camera()
        (section.width, section.height, section.frameRate) = (640, 480, 30)
        func finding(_ perFrame: Double) -> Finding {
            EncoderCheck.judge(.load(EncoderCheck.Load(section: section, perFrame: perFrame)))
        }
        #expect(finding(5).status == .ok && finding(5).facts["largest"] == "1280x720")
        #expect(finding(21.9).status == .ok && finding(22.1).status == .warning)
        #expect(finding(33).status == .warning && finding(34).status == .failed)
        #expect(EncoderCheck.judge(.failed("no")).status == .failed)
    }

    @Test func callsThatDoNotComeAbout() {
        func finding(_ failure: SelfCall.Failure) -> Finding {
            SelfCallCheck.judge(SelfCallCheck.Observation(outcome: .failure(failure), wantedRate: 30))
        }
        #expect(finding(.camera("busy")).seen == "no picture: busy")
        #expect(finding(.peer("ice")).seen == "no call: ice")
        #expect(finding(.system("memory")).wasDue)
    }
}
