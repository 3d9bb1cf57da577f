import ICE
import Primitives
import TestSupport
import Testing

/// What happens to a path after it was found.
@Suite struct PathTests {
    func connected(
        monitor: ICEPair.Side = .init("192.0.2.10"), kiosk: ICEPair.Side = .init("198.51.100.20"), seed: UInt64 = 1
    ) throws -> ICEPair {
        let pair = ICEPair(monitor: monitor, kiosk: kiosk, seed: seed)
        try #require(try pair.connect() != nil)
        return pair
    }

    // MARK: Consent

    @Test func consentIsAskedEveryFiveSecondsMoreOrLess() throws {
        let pair = try connected()
        let before = try #require(pair.kiosk.agent.selectedPair?.statistics.consentRequestsSent)
        try pair.simulation.run(for: .seconds(600))
        let asked = try #require(pair.kiosk.agent.selectedPair?.statistics.consentRequestsSent) - before
        #expect((100...150).contains(asked), "\(asked) in 600 s")
        #expect(pair.kiosk.agent.state == .completed)
    }

    @Test("Each consent check comes at another interval (RFC 7675 section 5.1)")
    func consentIsRandomized() throws {
        let pair = try connected()
        var (times, before): ([Instant], UInt64) = ([], 0)
        for _ in 0..<6000 {
            try pair.simulation.run(for: .milliseconds(20))
            let asked = UInt64(pair.kiosk.agent.selectedPair?.statistics.consentRequestsSent ?? 0)
            if asked != before { times.append(pair.now) }
            before = asked
        }
        let intervals = zip(times, times.dropFirst()).map { ($1 - $0).milliseconds }
        #expect(intervals.allSatisfy { (3950...6050).contains($0) }, "\(intervals)")
        #expect((intervals.max() ?? 0) - (intervals.min() ?? 0) > 500, "\(intervals)")
    }

    @Test func aDeadPathIsDisconnectedThenConsentExpires() throws {
        let pair = try connected()
        try pair.simulation.run(for: .seconds(10))
        pair.simulation.network.changeLinks(of: pair.monitorHost) { $0.isDown = true }
        let quiet = try #require(
            try pair.simulation.run(within: .seconds(20)) { pair.kiosk.agent.state == .disconnected })
        #expect(quiet >= .seconds(3) && quiet <= .seconds(7), "\(quiet)")
        #expect(pair.kiosk.agent.selectedPath != nil)
        let expired = try #require(
            try pair.simulation.run(within: .seconds(40)) { pair.kiosk.events.contains(.consentExpired) })
        #expect(quiet + expired >= .seconds(24) && quiet + expired <= .milliseconds(30_100), "\(quiet + expired)")
        #expect(pair.kiosk.agent.selectedPath == nil)
        #expect(pair.kiosk.agent.state == .failed)
        #expect(!pair.kiosk.sendData([0x80], now: pair.now))
    }

    @Test func aShortInterruptionHeals() throws {
        let pair = try connected()
        pair.simulation.network.changeLinks(of: pair.monitorHost) { $0.isDown = true }
        try pair.simulation.run(for: .seconds(12))
        #expect(pair.kiosk.agent.state == .disconnected)
        pair.simulation.network.changeLinks(of: pair.monitorHost) { $0.isDown = false }
        let healed = try #require(
            try pair.simulation.run(within: .seconds(10)) {
                pair.kiosk.agent.state == .completed && pair.monitor.agent.state == .completed
            })
        #expect(healed < .seconds(4), "\(healed)")
        #expect(!pair.kiosk.events.contains(.consentExpired))
        #expect(try pair.dataFlows())
    }

    @Test func applicationDataKeepsAPathFromLookingQuiet() throws {
        let pair = try connected()
        let before = pair.kiosk.agent.selectedPair?.statistics.requestsSent ?? 0
        for _ in 0..<600 {
            pair.monitor.sendData([0x80, 1], now: pair.now)
            pair.kiosk.sendData([0x80, 1], now: pair.now)
            try pair.simulation.run(for: .milliseconds(100))
        }
        // Only consent checks: 60 s of 4 to 6 s each.
        let asked = (pair.kiosk.agent.selectedPair?.statistics.requestsSent ?? 0) - before
        #expect((9...16).contains(asked), "\(asked)")
    }

    // MARK: Another path

    @Test func theKioskFollowsTheMonitorToAnotherInterface() throws {
        let pair = try connected(monitor: .init("192.0.2.10", "192.0.2.77"))
        #expect(pair.kiosk.agent.selectedPath?.remote.address == IPAddress("192.0.2.10"))
        pair.simulation.network.setAddresses([IPAddress("192.0.2.77")!], of: pair.monitorHost)
        pair.monitor.agent.removeLocalAddress(ICEPair.base("192.0.2.10", port: 5000), now: pair.now)
        let moved = try #require(
            try pair.simulation.run(within: .seconds(10)) {
                pair.kiosk.agent.selectedPath?.remote.address == IPAddress("192.0.2.77") && pair.bothNominated
            })
        #expect(moved < .seconds(2), "\(moved)")
        #expect(try pair.dataFlows())
    }

    @Test func theMonitorFindsAnotherPathWhenOneGoesSilent() throws {
        let pair = try connected(monitor: .init("192.0.2.10", "192.0.2.77"))
        // The interface is still there, but nothing comes through.
        pair.simulation.network.setAddresses([IPAddress("192.0.2.77")!], of: pair.monitorHost)
        let moved = try #require(
            try pair.simulation.run(within: .seconds(20)) {
                pair.kiosk.agent.selectedPath?.remote.address == IPAddress("192.0.2.77")
                    && pair.monitor.agent.selectedPath?.base.address == IPAddress("192.0.2.77") && pair.bothNominated
            })
        #expect(moved < .seconds(9), "\(moved)")
        #expect(try pair.dataFlows())
    }

    @Test func aNATThatForgetsIsAPeerWithANewAddress() throws {
        let pair = try connected(monitor: .init("10.0.0.2", nat: .portRestricted))
        pair.simulation.network.restartNAT(of: pair.monitorHost)
        let old = pair.kiosk.agent.selectedPath?.remote
        let moved = try pair.simulation.run(within: .seconds(20)) {
            pair.kiosk.agent.selectedPath.map { $0.remote != old && $0.isNominated } ?? false
                && pair.monitor.agent.state == .completed
        }
        // The monitor's own pair does not know that its public address has changed; its checks show it to the kiosk,
        // whose path follows with the next nomination.
        #expect(moved == nil || moved! < .seconds(20))
        #expect(pair.kiosk.agent.drops[.usernameUnknown] == 0)
    }

    @Test func removingTheOnlyInterfaceLeavesNoPath() throws {
        let pair = try connected()
        pair.kiosk.agent.removeLocalAddress(ICEPair.base("198.51.100.20", port: 6000), now: pair.now)
        #expect(pair.kiosk.agent.selectedPath == nil)
        #expect(pair.kiosk.agent.state == .disconnected)
        try pair.simulation.run(for: .seconds(1))
        #expect(pair.kiosk.events.contains(.selectedPathChanged(nil)))
    }

    // MARK: Restart

    @Test func restartKeepsMediaOnTheOldPathUntilTheNewOneIsNominated() throws {
        let pair = try connected()
        let oldCredentials = pair.kiosk.agent.localCredentials
        pair.kiosk.events.removeAll()
        pair.restart()
        var gaps = 0
        for _ in 0..<100 {
            if !pair.kiosk.sendData([0x80, 9], now: pair.now) { gaps += 1 }
            if !pair.monitor.sendData([0x80, 9], now: pair.now) { gaps += 1 }
            try pair.simulation.run(for: .milliseconds(10))
        }
        #expect(gaps == 0)
        #expect(pair.bothNominated)
        #expect(pair.kiosk.agent.localCredentials != oldCredentials)
        #expect(pair.kiosk.received.count >= 95)
        // The same addresses: the path is the same, so nothing changes for media.
        #expect(!pair.kiosk.events.contains(.selectedPathChanged(nil)))
        try pair.simulation.run(for: .seconds(60))
        #expect(pair.kiosk.agent.state == .completed)
        #expect(pair.kiosk.agent.drops[.transactionUnknown] == 0)
    }

    @Test func restartWithANewAddress() throws {
        let pair = try connected()
        pair.simulation.network.setAddresses([IPAddress("203.0.113.200")!], of: pair.kioskHost)
        let old = ICEPair.base("198.51.100.20", port: 6000)
        pair.kiosk.agent.removeLocalAddress(old, now: pair.now)
        pair.kiosk.agent.addLocalAddress(ICEPair.base("203.0.113.200", port: 6001), now: pair.now)
        pair.restart()
        let back = try #require(
            try pair.simulation.run(within: .seconds(10)) {
                pair.bothNominated && pair.kiosk.agent.selectedPath?.base.address == IPAddress("203.0.113.200")
                    && pair.monitor.agent.selectedPath?.remote.address == IPAddress("203.0.113.200")
            })
        #expect(back < .seconds(1), "\(back)")
        #expect(try pair.dataFlows())
    }

    @Test func aRestartThatNobodyAnswersLeavesTheOldPath() throws {
        let pair = try connected()
        pair.kiosk.agent.restart(now: pair.now)
        try pair.simulation.run(for: .seconds(90))
        #expect(pair.kiosk.agent.selectedPath?.isNominated == true)
        #expect(pair.kiosk.agent.state == .completed)
        #expect(try pair.dataFlows())
    }

    @Test func restartAfterRestart() throws {
        let pair = try connected()
        for _ in 0..<5 {
            pair.restart()
            try pair.simulation.run(for: .milliseconds(30))
            pair.restart()
            #expect(
                try pair.simulation.run(within: .seconds(10)) {
                    pair.bothNominated && pair.monitor.agent.remoteCredentials == pair.kiosk.agent.localCredentials
                } != nil)
            #expect(try pair.dataFlows())
        }
    }

    @Test func restartAfterFailure() throws {
        let pair = try connected()
        pair.simulation.network.changeLinks(of: pair.monitorHost) { $0.isDown = true }
        try pair.simulation.run(for: .seconds(40))
        #expect(pair.kiosk.agent.state == .failed)
        pair.simulation.network.changeLinks(of: pair.monitorHost) { $0.isDown = false }
        pair.restart()
        #expect(try pair.simulation.run(within: .seconds(5)) { pair.bothNominated } != nil)
        #expect(try pair.dataFlows())
    }

    @Test func closeIsSilence() throws {
        let pair = try connected()
        pair.kiosk.agent.close(now: pair.now)
        let delivered = pair.simulation.network.delivered
        #expect(pair.kiosk.agent.nextTimeout == nil)
        #expect(pair.kiosk.agent.state == .closed)
        pair.monitor.agent.close(now: pair.now)
        try pair.simulation.run(for: .seconds(60))
        #expect(pair.simulation.network.delivered <= delivered + 4)
    }

    /// Nothing is left that could be asked for consent, and yet it ends.
    @Test func aPathThatWentWithItsAddressEndsWithItsConsent() throws {
        let pair = try connected()
        try pair.simulation.run(for: .seconds(60))
        pair.kiosk.agent.removeLocalAddress(ICEPair.base("198.51.100.20", port: 6000), now: pair.now)
        try pair.simulation.run(for: .seconds(20))
        #expect(!pair.kiosk.events.contains(.consentExpired))
        try pair.simulation.run(for: .seconds(11))
        #expect(pair.kiosk.events.filter { $0 == .consentExpired }.count == 1)
        #expect(pair.kiosk.agent.state == .failed)
        #expect(pair.kiosk.agent.nextTimeout == nil)
    }

    @Test func anotherAddressInTimeKeepsTheConsent() throws {
        let pair = try connected()
        pair.simulation.network.setAddresses([IPAddress("203.0.113.200")!], of: pair.kioskHost)
        pair.kiosk.agent.removeLocalAddress(ICEPair.base("198.51.100.20", port: 6000), now: pair.now)
        try pair.simulation.run(for: .seconds(10))
        pair.kiosk.agent.addLocalAddress(ICEPair.base("203.0.113.200", port: 6001), now: pair.now)
        try pair.simulation.run(for: .seconds(60))
        #expect(pair.kiosk.agent.selectedPath != nil)
        #expect(!pair.kiosk.events.contains(.consentExpired))
    }

    /// Whose datagrams may be the peer's: those from addresses that a pair has.
    @Test func strangersAreNotPaired() throws {
        let pair = try connected()
        let (local, remote) = (ICEPair.base("198.51.100.20", port: 6000), ICEPair.base("192.0.2.10", port: 5000))
        #expect(pair.kiosk.agent.isPaired(remote, with: local))
        #expect(!pair.kiosk.agent.isPaired(ICEPair.base("192.0.2.10", port: 5001), with: local))
        #expect(!pair.kiosk.agent.isPaired(remote, with: ICEPair.base("198.51.100.21", port: 6000)))
        pair.kiosk.agent.restart(now: pair.now)
        #expect(pair.kiosk.agent.isPaired(remote, with: local), "the path of before a restart is still in use")
    }
}
