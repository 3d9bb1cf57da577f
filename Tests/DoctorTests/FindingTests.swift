import AgentSettings
import Capture
import Configuration
import Glibc
import HTTP
import HTTPTransport
import JSON
import Peer
import Primitives
import ServerLink
import Service
import Signaling
import Testing

@testable import Doctor
@testable import Reactor

/// What the doctor makes of facts, without looking for them.
@Suite struct FindingTests {
    private let now = WallClock(secondsSince1970: 1_790_000_000)
    private let server = ServerAddress("https://signaling.example")!

    /// No answer is not no; but where one was due, all is not well either.
    @Test func anAnswerThatWasDueAndDidNotComeIsAWarning() {
        func entries(_ findings: [(CheckID, Finding)]) -> [Doctor.Entry] {
            findings.map { Doctor.Entry(id: $0.0, finding: $0.1, duration: .zero) }
        }
        let well = entries([(.disk, .ok("room"))])
        #expect(well.exitStatus == .success && DoctorReport.summary(well) == "no problem found\n")
        let cold = entries([
            (.disk, .ok("room")), (.temperature, Finding(.unknown, "the machine has no thermometer")),
        ])
        #expect(cold.exitStatus == .success)
        #expect(DoctorReport.summary(cold) == "no problem found; unknown: temperature\n")
        let silent = Finding.unanswered("no answer within 26 s", why: "it hangs", remedy: "look")
        let hung = cold + entries([(.cameraPicture, silent), (.encoder, silent)])
        #expect(hung.exitStatus == .warnings && silent.status == .unknown)
        #expect(DoctorReport.summary(hung) == "1 ok, 3 unknown (temperature, camera-picture, encoder)\n")
        let broken = hung + entries([(.udp, Finding(.failed, "nothing"))])
        #expect(broken.exitStatus == .failed)
    }

    private func certificate(_ subject: String, days: Int64, from: Int64 = -100) -> ServerCertificate {
        ServerCertificate(
            subject: subject, issuer: "CA", validFrom: now + .seconds(from * 86_400),
            validTo: now + .seconds(days * 86_400 + 3600))
    }

    private func certificateFinding(_ chain: [ServerCertificate], _ failure: TLSFailure? = nil) -> Finding {
        CertificateCheck.judge(
            .chain(CertificateCheck.Chain(server: server, chain: chain, failure: failure, now: now)))
    }

    @Test func certificates() {
        let good = certificateFinding([certificate("s", days: 60), certificate("CA", days: 900)])
        #expect(good.status == .ok && good.seen == "s, issued by CA, 60 days left")
        let soon = certificateFinding([certificate("s", days: 20), certificate("CA", days: 900)])
        #expect(soon.status == .warning && soon.facts["daysLeft"] == 20)
        // An intermediate one that ends first ends them all.
        let middle = certificateFinding([certificate("s", days: 60), certificate("Sub CA", days: 3)])
        #expect(middle.status == .warning && middle.seen == "s, issued by CA, 3 days left (of Sub CA)")
        let expired = certificateFinding([certificate("s", days: -4)], .expired)
        #expect(expired.status == .failed && expired.seen.contains("expired on"))
        let early = certificateFinding([certificate("s", days: 90, from: 3)], .notYetValid)
        #expect(early.status == .failed && early.remedy == "set this machine's clock: timedatectl")
        for failure: TLSFailure in [.notTrusted, .selfSigned, .hostNameMismatch, .other("?")] {
            let finding = certificateFinding([certificate("s", days: 90)], failure)
            #expect(finding.status == .failed && finding.why != nil && finding.remedy != nil)
        }
    }

    @Test func clocks() {
        func finding(_ offset: Duration?, _ refusal: TLSFailure? = nil, at time: WallClock? = nil, kept: Bool = false)
            -> Finding
        {
            ClockCheck.judge(
                ClockCheck.Observation(offset: offset, refusal: refusal, now: time ?? now, isSynchronized: kept))
        }
        #expect(finding(.milliseconds(-900)).status == .ok)
        #expect(finding(.seconds(3)).seen == "3 s behind the server" && finding(.seconds(3)).status == .warning)
        #expect(finding(.seconds(-40)).seen == "40 s ahead of the server" && finding(.seconds(-40)).status == .failed)
        #expect(finding(nil, at: WallClock(secondsSince1970: 60)).status == .failed)
        #expect(finding(nil, .notYetValid).status == .failed)
        #expect(finding(nil, kept: true).status == .ok && finding(nil).status == .unknown)
    }

    @Test func translators() {
        var result = NATProbe.Result()
        result.mapped = SocketAddress("203.0.113.5:40000")
        #expect(
            NATCheck.judge(NATCheck.Observation(result: result, isTranslated: false)).seen == "no address translation")
        #expect(NATCheck.judge(NATCheck.Observation(result: result, isTranslated: true)).status == .ok)
        result.mapping = .endpointIndependent
        result.filtering = .addressDependent
        let good = NATCheck.judge(NATCheck.Observation(result: result, isTranslated: true))
        #expect(good.status == .ok)
        #expect(good.seen == "behind a NAT that maps endpoint-independent, filters address-dependent")
        result.mapping = .addressAndPortDependent
        #expect(NATCheck.judge(NATCheck.Observation(result: result, isTranslated: true)).status == .warning)
    }

    private func trial(_ url: String = "turn:a", _ change: (inout RelayProbe.Result) -> Void) -> RelayTrial {
        var result = RelayProbe.Result()
        change(&result)
        return RelayTrial(url: url, server: nil, outcome: .success(result))
    }

    @Test func relays() {
        let good = trial {
            $0.allocated = .milliseconds(30)
            $0.echo = .returned(.milliseconds(12))
        }
        #expect(
            TURNCheck<OverUDP>.judge([good]).seen == "turn:a: relayed and back in 12 ms, granted after 30 ms")
        let dead = trial("turn:b") { $0.failure = .silent }
        #expect(TURNCheck<OverUDP>.judge([dead]).status == .failed)
        #expect(TURNCheck<OverUDP>.judge([good, dead]).status == .warning, "one of two is enough")
        #expect(TURNCheck<OverTCP>.judge([trial { $0.echo = .notPermitted }]).status == .warning)
        #expect(TURNCheck<OverTCP>.judge([trial { $0.echo = .lost }]).status == .failed)
        let failures: [RelayProbe.Failure] = [
            .unauthenticated, .refused(486), .refused(508), .refused(400), .malformed,
            .redirected(to: SocketAddress("192.0.2.1:3478")!),
        ]
        for failure in failures {
            let finding = TURNCheck<OverTLS>.judge([trial { $0.failure = failure }])
            #expect(finding.status == .failed && finding.remedy != nil && finding.why != nil)
        }
        for failure: RelayTrial.TrialFailure in [.nameNotFound("t"), .noConnection("refused"), .system("?")] {
            let finding = TURNCheck<OverTLS>.judge([RelayTrial(url: "u", server: nil, outcome: .failure(failure))])
            #expect(finding.status == .failed && finding.remedy != nil)
        }
    }

    private func call(_ outcome: SelfCall.Outcome) -> Finding {
        SelfCallCheck.judge(SelfCallCheck.Observation(outcome: .success(outcome), wantedRate: 30))
    }

    @Test func calls() {
        var outcome = SelfCall.Outcome()
        #expect(call(outcome).seen == "the call does not come about")
        outcome.connected = .milliseconds(80)
        #expect(call(outcome).seen == "the call comes about, and no picture arrives")
        outcome.firstFrame = .milliseconds(300)
        (outcome.frames, outcome.framesPerSecond, outcome.width, outcome.height) = (60, 29.96, 640, 480)
        let good = call(outcome)
        #expect(good.status == .ok && good.seen == "640x480 at 30.0 frames/s, the first after 300 ms")
        outcome.firstFrame = .seconds(3)
        #expect(call(outcome).status == .warning)
        outcome.framesPerSecond = 12
        #expect(call(outcome).seen.hasSuffix("30 are configured"))
        outcome.damaged = 1
        #expect(call(outcome).status == .failed)
    }

    private func service(
        _ unit: ServiceUnit?, status: JSONValue?, mayNotAsk: Bool = false, passwordWorks: Bool = false,
        coreDumps: [String]
    ) -> Finding {
        ServiceCheck.judge(
            ServiceCheck.Observation(
                unit: unit, agent: status.map(AgentReport.init), mayNotAsk: mayNotAsk, passwordWorks: passwordWorks,
                coreDumps: coreDumps))
    }

    @Test func services() {
        let unit = ServiceUnit(
            activeState: "active", restarts: 0, result: "success", watchdog: .seconds(30))
        let idle: JSONValue = ["summary": "registered", "state": "idle"]
        func finding(_ unit: ServiceUnit?, _ status: JSONValue?, _ dumps: [String] = []) -> Finding {
            service(unit, status: status, coreDumps: dumps)
        }
        #expect(finding(unit, idle).status == .ok)
        #expect(finding(nil, nil).seen == "no agent is running")
        var crashed = unit
        (crashed.activeState, crashed.result, crashed.lastExitAt) = ("failed", "watchdog", 1_790_000_000_000_000)
        #expect(
            finding(crashed, nil).seen
                == "not answering; the service is failed, last result watchdog, last ended 2026-09-21T14:13:20.000Z")
        var restarted = unit
        restarted.restarts = 2
        #expect(finding(restarted, idle).status == .warning)
        var blind = unit
        blind.watchdog = nil
        #expect(finding(blind, idle).seen.hasPrefix("running without a watchdog"))
        #expect(finding(unit, idle, ["core.kiosk-agent.1"]).status == .warning)
        let offline: JSONValue = ["summary": "", "link": ["message": "no server", "remedy": "look"]]
        #expect(finding(unit, offline).remedy == "look")
    }

    /// What is not the service's fault is not told as one.
    @Test func servicesSeenByOthers() {
        let unit = ServiceUnit(activeState: "active", restarts: 0, result: "success", watchdog: .seconds(30))
        let idle: JSONValue = ["summary": "registered", "state": "idle"]
        // A user who may not open the control socket sees a healthy kiosk.
        for known in [unit, nil] {
            let hidden = service(known, status: nil, mayNotAsk: true, coreDumps: [])
            #expect(hidden.status == .unknown && hidden.remedy?.contains("systemctl") == false && !hidden.wasDue)
        }
        var failed = unit
        failed.activeState = "failed"
        #expect(service(failed, status: nil, mayNotAsk: true, coreDumps: []).status == .failed)
        // In the middle of a restart there is nothing to start.
        var restarting = unit
        (restarting.activeState, restarting.restarts, restarting.result) = ("activating", 3, "exit-code")
        let between = service(restarting, status: nil, coreDumps: [])
        #expect(between.seen == "not answering; the service is activating after 3 restarts")
        #expect(between.status == .failed && between.remedy?.hasPrefix("systemctl start") == false)
        // The result is the last run's; while one goes on it is "success", and says nothing of why it was restarted.
        var again = unit
        again.restarts = 1
        #expect(
            service(again, status: idle, coreDumps: []).seen
                == "running, started again by itself 1 times: registered")
    }

    /// The service keeps the password of its start; the file may be right by now.
    @Test func aCorrectedPasswordNeedsARestart() {
        let unit = ServiceUnit(activeState: "active", restarts: 0, result: "success", watchdog: .seconds(30))
        let refused: JSONValue = [
            "summary": "offline", "state": "offline",
            "link": ["trouble": "wrong-password", "message": "login refused", "remedy": "check kiosk.id"],
        ]
        let corrected = service(unit, status: refused, passwordWorks: true, coreDumps: [])
        #expect(corrected.status == .warning && corrected.remedy == "systemctl restart kiosk-agent")
        #expect(corrected.seen == "running with an old password; the one in the file works")
        #expect(service(unit, status: refused, coreDumps: []).remedy == "check kiosk.id")
    }

    /// A check that could not be made is no good news, whatever kept it from being made: what failed, or a file that this user may not read.
    @Test func whatWasNotCheckedIsNotGreen() {
        let finding = Finding.notChecked("needs a login")
        #expect(finding.status == .skipped && finding.seen == "not checked: needs a login")
        func entries(_ finding: Finding) -> [Doctor.Entry] {
            [Doctor.Entry(id: .socketIO, finding: finding, duration: .zero)]
        }
        #expect(entries(finding).exitStatus == .warnings)
        #expect(DoctorReport.summary(entries(finding)) == "1 skipped (not checked: socket-io)\n")
        // What this kiosk does not have is no answer that is due.
        #expect(entries(Finding.skipped("none is configured")).exitStatus == .success)
    }

    @Test func aRelaysCertificateIsNoFirewall() {
        func remedy(_ reason: String) -> String? {
            TURNCheck<OverTLS>.judge(
                [RelayTrial(url: "turns:t", server: nil, outcome: .failure(.noConnection(reason)))]
            ).remedy
        }
        for reason in ["certificate verify failed", "TLS: unexpected eof", "host name mismatch", "wrong SSL version"] {
            #expect(remedy(reason)?.contains("firewall") == false, "\(reason)")
        }
        #expect(remedy("connection refused")?.contains("firewall") == true)
    }

    private func stateDirectory(mode: mode_t, isReadOnly: Bool) -> Finding {
        StateDirectoryCheck.judge(
            StateDirectoryCheck.Observation(path: "/s", outcome: .found(mode: mode, isReadOnly: isReadOnly)))
    }

    @Test func stateDirectories() {
        #expect(stateDirectory(mode: 0o700, isReadOnly: false).status == .ok)
        #expect(stateDirectory(mode: 0o755, isReadOnly: false).remedy == "chmod o-rwx /s")
        // Where nothing can be written the mode is nobody's trouble.
        let finding = stateDirectory(mode: 0o755, isReadOnly: true)
        #expect(finding.status == .failed && finding.seen == "/s is on a file system that can only be read")
        #expect(finding.facts["readOnly"] == true)
    }

    @Test func whoHasTheCamera() {
        func finding(_ names: [String], hidden: Int = 0, live: Bool = false) -> Finding {
            let holders = names.enumerated().map { DeviceHolders.Holder(pid: $0.offset + 1, name: $0.element) }
            return CameraUsersCheck.judge(
                CameraUsersCheck.Observation(
                    found: DeviceHolders(holders: holders, hidden: hidden), nodes: ["/dev/video0"], agentIsLive: live))
        }
        #expect(finding([]).status == .ok)
        #expect(finding([], hidden: 3).status == .unknown, "no answer is not no")
        #expect(finding(["cheese"]).seen == "in use by cheese (1)")
        #expect(finding(["kiosk-agent"], live: true).status == .ok)
        #expect(finding(["kiosk-agent"]).status == .failed, "nobody watches")
    }

    @Test func memory() {
        func level(_ available: Int64, _ pressure: Double? = nil) -> MemoryState.Level {
            MemoryState(availableKiB: available, totalKiB: 1 << 20, pressurePercent: pressure).level
        }
        #expect(level(500 << 10) == .ample && level(500 << 10, 3) == .ample)
        #expect(level(100 << 10) == .scarce && level(500 << 10, 12) == .scarce)
        #expect(level(60 << 10) == .exhausted && level(500 << 10, 55.5) == .exhausted)
        #expect(
            MemoryState.pressure("some avg10=0.00 avg60=12.50 avg300=1.00 total=9\nfull avg10=0 avg60=1 total=1\n")
                == 12.5)
        #expect(MemoryState.pressure("") == nil)
    }

    @Test func pagesOfTheNetwork() {
        func kind(_ response: HTTPResponse) -> LinkTrouble.Kind {
            LinkTrouble(response, error: nil, kioskId: "K", server: server).kind
        }
        #expect(kind(HTTPResponse(status: 302, headers: [HTTPHeader("Location", "http://login")])) == .captivePortal)
        #expect(kind(HTTPResponse(status: 511)) == .captivePortal)
        #expect(kind(HTTPResponse(status: 200, headers: [HTTPHeader("Content-Type", "text/html")])) == .captivePortal)
        #expect(kind(HTTPResponse(status: 404)) == .notAServer)
        #expect(kind(HTTPResponse(status: 401)) == .wrongPassword)
        #expect(kind(HTTPResponse(status: 503)) == .serverFailed)
        // A proxy whose server is away writes a page too, and no network wants a sign-in.
        for status in [500, 502, 503, 504] {
            let page = HTTPResponse(status: status, headers: [HTTPHeader("Content-Type", "text/html")])
            let trouble = LinkTrouble(page, error: nil, kioskId: "K", server: server)
            #expect(trouble.kind == .serverFailed && trouble.remedy?.contains("sign-in") == false, "\(status)")
            #expect(trouble.message.contains("proxy"))
        }
        // The same server under another scheme or port is named, and is no captive portal.
        for status in [301, 302, 307, 308] {
            let moved = HTTPResponse(
                status: status, headers: [HTTPHeader("Location", "https://signaling.example:8443/api/auth/login")])
            let trouble = LinkTrouble(moved, error: nil, kioskId: "K", server: server)
            #expect(
                trouble.kind == .notAServer && trouble.message.contains("https://signaling.example:8443"), "\(status)")
        }
    }

    @Test func aDisabledAccountIsNoWrongPassword() {
        let error = SignalingError(.accountDisabled, "the account is disabled")
        for status in [401, 403] {
            let trouble = LinkTrouble(HTTPResponse(status: status), error: error, kioskId: "K", server: server)
            #expect(trouble.kind == .accountDisabled && trouble.remedy?.contains("account enable K") == true)
        }
        // A 403 that is not the server's own word is somebody's in between.
        let forbidden = LinkTrouble(HTTPResponse(status: 403), error: nil, kioskId: "K", server: server)
        #expect(forbidden.kind == .serverFailed && forbidden.remedy?.contains("proxy or firewall") == true)
        #expect(
            LinkTrouble(
                HTTPResponse(status: 401), error: SignalingError(.invalidCredentials, ""), kioskId: "K", server: server
            ).kind == .wrongPassword)
    }

    /// TLS spoken to a server without it, and the reverse.
    @Test func anotherSchemeIsNoFirewall() {
        let plain = ServerAddress("http://signaling.example:8443")!
        for reason in ["wrong version number", "http request", "packet length too long"] {
            let trouble = LinkTrouble(.tls(.other(reason)), server: server)
            #expect(trouble.kind == .tlsRefused && trouble.remedy?.contains("scheme and port") == true, "\(reason)")
        }
        for failure: HTTPFailure in [.closedEarly, .badResponse(reason: "no HTTP")] {
            #expect(LinkTrouble(failure, server: plain).remedy?.contains("https://") == true)
        }
        #expect(LinkTrouble(.closedEarly, server: server).remedy == nil)
    }

    @Test func secretsAreCrossedOut() {
        let text = "password secret-1, again secret-1secret-1; token abc"
        #expect(
            SupportBundle.withoutSecrets(text, ["secret-1", "abc"])
                == "password (redacted), again (redacted)(redacted); token abc", "what is too short would hit words")
    }

    @Test func nobodyElseReadsAnArchive() {
        let path = "/tmp/kiosk-agent-archive-\(getpid())"
        defer { for path in [path, path + ".link"] { remove(path) } }
        // A file that everybody may read was there.
        close(open(path, O_WRONLY | O_CREAT, 0o644))
        chmod(path, 0o644)
        #expect(OwnFile.write([1, 2, 3], to: path))
        var status = stat()
        #expect(stat(path, &status) == 0 && status.st_mode & 0o777 == 0o600 && status.st_size == 3)
        // And somebody else's link.
        #expect(symlink(path, path + ".link") == 0)
        #expect(!OwnFile.write([1], to: path + ".link"))
    }

    @Test func aFileIsReplacedWholeOrNotAtAll() throws {
        let folder = "/tmp/kiosk-agent-replaced-\(getpid())"
        try FileSystem.makeDirectory(folder, permissions: 0o700)
        let (file, other) = ("\(folder)/a", "\(folder)/other")
        defer { for path in [file, other, folder] { remove(path) } }
        #expect(OwnFile.write([9], to: other))
        #expect(symlink(other, file) == 0)
        // A link is replaced itself; what it led to stays.
        try OwnFile.replace([1, 2, 3], at: file)
        var status = stat()
        #expect(lstat(file, &status) == 0 && status.st_mode == S_IFREG | 0o600 && status.st_size == 3)
        #expect(stat(other, &status) == 0 && status.st_size == 1)
        #expect(throws: SystemError.self) { try OwnFile.replace([1], at: "\(folder)/none/a") }
        #expect(throws: SystemError.self) { try OwnFile.replace([1], at: folder) }
        #expect(SystemFile.list(folder).sorted() == ["a", "other"])
        #expect(!SystemFile.list("/tmp").contains { $0.hasPrefix("kiosk-agent-replaced-\(getpid()).part") })
    }

    @Test func archives() {
        var archive = TarArchive(modified: now)
        archive.add("a/b.txt", Array("hello".utf8))
        #expect(archive.bytes.count == 1024)
        #expect(String(decoding: archive.bytes[257..<262], as: UTF8.self) == "ustar")
        // The sum of the header with its own field as spaces (POSIX ustar).
        let header = archive.bytes[..<512]
        let told = Int(String(decoding: header[148..<154], as: UTF8.self), radix: 8)
        let sum = header.enumerated().reduce(0) { $0 + ((148..<156).contains($1.offset) ? 32 : Int($1.element)) }
        #expect(told == sum)
    }
}

@Suite struct OnceTests {
    @Test func onceIsAskedOnce() {
        let once = Once<Int>()
        #expect(once.known == nil)
        #expect(once.get { 7 } == 7 && once.get { 8 } == 7 && once.known == 7)
    }
}
