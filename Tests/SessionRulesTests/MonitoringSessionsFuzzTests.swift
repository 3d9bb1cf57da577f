import JSON
import Primitives
import Signaling
import SocketIO
import Testing

@testable import SessionRules

/// Sequences of events against the session machine: whatever happens, its promises hold.
@Suite struct MonitoringSessionsFuzzTests {
    @Test(arguments: 0..<UInt64(40)) func anySequenceKeepsThePromises(seed: UInt64) {
        fuzzSessions(seed: seed, steps: 600)
    }
}

func fuzzSessions(seed: UInt64, steps: Int) {
    var random = RandomSource.seeded(seed)
    var machine = MonitoringSessions(MonitoringSessions.Rules(maximumDuration: .seconds(300)))
    var now = start
    /// Where each account is connected; nil when it is away.
    var kioskSockets: [String: Address] = [:]
    var monitorSockets: [String: Address] = [:]
    var clients: [String: String] = [:]
    var nextSocket: UInt64 = 100
    var nextSession = 0
    var begun: Set<String> = []
    var ended: Set<String> = []
    let kiosks = ["K1", "K2", "K3"]
    let monitors = ["M1", "M2"]

    func check(_ actions: [MonitoringSessions.Action]) {
        for action in actions {
            switch action {
            case .began(let session): #expect(begun.insert(session.id).inserted)
            case .ended(let session, _):
                #expect(begun.contains(session.id))
                #expect(ended.insert(session.id).inserted, "a session ends once")
            case .send, .tellMonitorStarted, .tellKioskStarted, .negotiated, .moved: break
            }
        }
    }

    for _ in 0..<steps {
        let kiosk = kiosks.randomElement(using: &random)!
        let monitor = monitors.randomElement(using: &random)!
        let party = page(monitor, monitorSockets[monitor] ?? address(nextSocket), clients[monitor])
        let client = [nil, "tab-1", "tab-2"].randomElement(using: &random)!
        let named: [String]? = [nil, [], ["s\(Int.random(in: 0...max(1, nextSession), using: &random))"]]
            .randomElement(using: &random)!
        switch Int.random(in: 0..<13, using: &random) {
        case 0:
            nextSocket += 1
            let replaced = kioskSockets.updateValue(address(nextSocket), forKey: kiosk)
            check(
                machine.kioskRegistered(
                    kiosk, address: address(nextSocket), carried: named, replacing: replaced))
        case 1:
            if kioskSockets.removeValue(forKey: kiosk) != nil { check(machine.kioskLost(kiosk, now: now)) }
        case 2:
            nextSocket += 1
            monitorSockets[monitor] = address(nextSocket)
            clients[monitor] = client
            check(machine.monitorRegistered(page(monitor, address(nextSocket), client), carried: named))
        case 3:
            if let socket = monitorSockets.removeValue(forKey: monitor) {
                check(machine.monitorLost(monitor, address: socket, now: now))
            }
        case 4, 5:
            guard monitorSockets[monitor] != nil else { continue }
            nextSession += 1
            let target = MonitoringSessions.Kiosk(id: kiosk, organization: "west", address: kioskSockets[kiosk])
            if let done = try? machine.startRequested(by: party, kiosk: target, newId: "s\(nextSession)", now: now) {
                check(done)
            }
        case 6: if let done = try? machine.stopRequested(by: party, kioskId: kiosk, sessionId: nil) { check(done) }
        case 7:
            let message = [offer, candidate].randomElement(using: &random)!
            if let done = try? machine.relayed(message, fromMonitor: party, targetId: kiosk, sessionId: named?.first) {
                check(done)
            }
        case 8:
            let message = [answer, candidate, .restartRequest].randomElement(using: &random)!
            if let done = try? machine.relayed(message, fromKiosk: kiosk, targetId: monitor, sessionId: named?.first) {
                check(done)
            }
        case 9:
            let report = SessionReport(
                sessionId: named?.first ?? "s0",
                state: SessionReport.State.allCases.randomElement(using: &random)!)
            try? machine.reported(report, fromKiosk: kiosk, now: now.instant)
        case 10: if Int.random(in: 0..<10, using: &random) == 0 { check(machine.accountRevoked(kiosk)) }
        default:
            let pause = Duration.milliseconds(Int.random(in: 0...8000, using: &random))
            now = Moment(instant: now.instant + pause, wall: now.wall + pause)
            check(machine.handleTimeout(now: now.instant))
            if let next = machine.nextTimeout { #expect(next > now.instant, "a deadline lies in the future") }
        }
        // One session per kiosk, and only of those that began and have not ended.
        #expect(Set(machine.all.map(\.kioskId)).count == machine.count)
        #expect(Set(machine.all.map(\.id)) == begun.subtracting(ended))
        // A side is connected or in its grace, never neither.
        #expect(machine.all.allSatisfy { ($0.kiosk.address == nil) == ($0.kiosk.graceEnds != nil) })
        #expect(machine.all.allSatisfy { ($0.monitor.address == nil) == ($0.monitor.graceEnds != nil) })
    }
    check(machine.handleTimeout(now: (now.instant + .seconds(3600))))
    #expect(machine.count == 0)
    #expect(begun == ended)
}
