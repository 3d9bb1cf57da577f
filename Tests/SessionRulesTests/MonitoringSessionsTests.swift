import JSON
import Primitives
import Signaling
import Testing

@testable import SessionRules

@Suite struct MonitoringSessionsTests {
    var machine = MonitoringSessions(MonitoringSessions.Rules())

    // MARK: Start and stop

    @Test mutating func aMonitorStartsAndStops() throws {
        #expect(
            lines(try machine.startRequested(by: m1, kiosk: kiosk, newId: "S1", now: start))
                == ["began S1", "5 ← started S1 by M1", "1 ← started S1"])
        #expect(
            lines(try machine.stopRequested(by: m1, kioskId: "K1", sessionId: nil))
                == [
                    "5 ← stopped S1 stopped-by-monitor", "1 ← stopped S1 stopped-by-monitor",
                    "ended S1 stopped-by-monitor",
                ])
        #expect(machine.count == 0)
        #expect(machine.nextTimeout == nil)
    }

    @Test mutating func unknownAndForeignKiosksLookTheSame() throws {
        var refusals: [Refusal] = []
        for kiosk in [nil, kiosk] {
            do throws(Refusal) {
                _ = try machine.startRequested(by: stranger, kiosk: kiosk, newId: "S1", now: start)
                Issue.record("a stranger was let in")
            } catch {
                refusals.append(error)
            }
        }
        #expect(refusals[0] == refusals[1])
        #expect(refusals[0].error.code == .unknownKiosk)
    }

    @Test mutating func anOfflineKioskIsRefused() {
        #expect(
            code { () throws(Refusal) in try machine.startRequested(by: m1, kiosk: offline, newId: "S1", now: start) }
                == "kiosk-offline")
    }

    @Test mutating func twoMonitorsStartAtOnceAndTheFirstWins() throws {
        _ = try machine.startRequested(by: m1, kiosk: kiosk, newId: "S1", now: start)
        do throws(Refusal) {
            _ = try machine.startRequested(by: m2, kiosk: kiosk, newId: "S2", now: after(.seconds(1)))
            Issue.record("two monitors watch one kiosk")
        } catch {
            #expect(error.error.code == .kioskBusy)
            #expect(error.details["since"] == .string(startText))
        }
        #expect(machine.session(ofKiosk: "K1")?.id == "S1")
    }

    @Test mutating func fromTheSameMonitorAgainItIsTheSameSession() throws {
        _ = try machine.startRequested(by: m1, kiosk: kiosk, newId: "S1", now: start)
        #expect(
            lines(try machine.startRequested(by: m1, kiosk: kiosk, newId: "S2", now: after(.seconds(1))))
                == ["1 ← started S1"])
        // From another page of the same operator it moves there, and the first page hears that it is over.
        let elsewhere = Party(id: "M1", organization: "west", address: address(11))
        #expect(
            lines(try machine.startRequested(by: elsewhere, kiosk: kiosk, newId: "S3", now: after(.seconds(2))))
                == ["1 ← stopped S1 stopped-by-monitor", "11 ← started S1"])
        #expect(
            code { () throws(Refusal) in try machine.relayed(offer, fromMonitor: m1, targetId: "K1", sessionId: nil) }
                == "not-your-session")
        #expect(machine.count == 1)
    }

    @Test mutating func aMonitorWatchesSeveralKiosks() throws {
        _ = try machine.startRequested(by: m1, kiosk: kiosk, newId: "S1", now: start)
        let second = MonitoringSessions.Kiosk(id: "K2", organization: "west", address: address(6))
        _ = try machine.startRequested(by: m1, kiosk: second, newId: "S2", now: start)
        #expect(machine.count == 2)
        _ = try machine.stopRequested(by: m1, kioskId: "K1", sessionId: nil)
        #expect(machine.session(ofKiosk: "K2")?.id == "S2")
    }

    @Test mutating func onlyTheOwnSessionCanBeStopped() throws {
        #expect(
            code { () throws(Refusal) in try machine.stopRequested(by: m1, kioskId: "K1", sessionId: nil) }
                == "no-session")
        _ = try machine.startRequested(by: m1, kiosk: kiosk, newId: "S1", now: start)
        #expect(
            code { () throws(Refusal) in try machine.stopRequested(by: m2, kioskId: "K1", sessionId: nil) }
                == "not-your-session")
        #expect(
            code { () throws(Refusal) in try machine.stopRequested(by: stranger, kioskId: "K1", sessionId: nil) }
                == "no-session")
        #expect(
            code { () throws(Refusal) in try machine.stopRequested(by: m1, kioskId: "K1", sessionId: "S0") }
                == "no-session")
        #expect(machine.count == 1)
    }

    // MARK: Relay

    @Test mutating func descriptionsAndCandidatesPassBothWays() throws {
        _ = try machine.startRequested(by: m1, kiosk: kiosk, newId: "S1", now: start)
        #expect(lines(try machine.relayed(offer, fromMonitor: m1, targetId: "K1", sessionId: nil)) == ["5 ← offer"])
        #expect(
            lines(try machine.relayed(candidate, fromMonitor: m1, targetId: "K1", sessionId: "S1")) == [
                "5 ← ice-candidate"
            ])
        #expect(
            lines(try machine.relayed(answer, fromKiosk: "K1", targetId: "M1", sessionId: "S1"))
                == ["1 ← answer", "negotiated S1"])
        #expect(
            lines(try machine.relayed(candidate, fromKiosk: "K1", targetId: "M1", sessionId: nil)) == [
                "1 ← ice-candidate"
            ])
        #expect(
            lines(try machine.relayed(.restartRequest, fromKiosk: "K1", targetId: "M1", sessionId: nil)) == [
                "1 ← restart-request"
            ])
        let fault = RelayedMessage.sessionError(SessionErrorPayload(.cameraMissing, message: "none"))
        #expect(
            lines(try machine.relayed(fault, fromKiosk: "K1", targetId: "M1", sessionId: nil)) == ["1 ← session-error"])
        // An ICE restart is another offer and answer; it is negotiated only once.
        _ = try machine.relayed(offer, fromMonitor: m1, targetId: "K1", sessionId: nil)
        #expect(lines(try machine.relayed(answer, fromKiosk: "K1", targetId: "M1", sessionId: nil)) == ["1 ← answer"])
    }

    @Test mutating func whoIsInNoSessionSpeaksToNobody() throws {
        for message in [offer, candidate] {
            #expect(
                code { () throws(Refusal) in
                    try machine.relayed(message, fromMonitor: m1, targetId: "K1", sessionId: nil)
                } == "no-session")
        }
        #expect(
            code { () throws(Refusal) in try machine.relayed(answer, fromKiosk: "K1", targetId: "M1", sessionId: nil) }
                == "no-session")
        _ = try machine.startRequested(by: m1, kiosk: kiosk, newId: "S1", now: start)
        #expect(
            code { () throws(Refusal) in try machine.relayed(offer, fromMonitor: m2, targetId: "K1", sessionId: nil) }
                == "not-your-session")
        #expect(
            code { () throws(Refusal) in
                try machine.relayed(offer, fromMonitor: stranger, targetId: "K1", sessionId: nil)
            } == "no-session")
        #expect(
            code { () throws(Refusal) in try machine.relayed(answer, fromKiosk: "K1", targetId: "M2", sessionId: nil) }
                == "not-your-session")
        #expect(
            code { () throws(Refusal) in try machine.relayed(answer, fromKiosk: "K2", targetId: "M1", sessionId: nil) }
                == "no-session")
    }

    @Test mutating func aCandidateAfterStopGoesNowhere() throws {
        _ = try machine.startRequested(by: m1, kiosk: kiosk, newId: "S1", now: start)
        _ = try machine.stopRequested(by: m1, kioskId: "K1", sessionId: nil)
        #expect(
            code { () throws(Refusal) in try machine.relayed(candidate, fromMonitor: m1, targetId: "K1", sessionId: nil)
            } == "no-session")
        // Not into the next session either, where it names the old one.
        _ = try machine.startRequested(by: m1, kiosk: kiosk, newId: "S2", now: start)
        #expect(
            code { () throws(Refusal) in
                try machine.relayed(candidate, fromKiosk: "K1", targetId: "M1", sessionId: "S1")
            } == "no-session")
    }

    // MARK: The kiosk's socket

    @Test func aKioskComesBackWithinItsGraceAndGoesOn() throws {
        var machine = try MonitoringSessions.negotiated()
        #expect(machine.kioskLost("K1", now: after(.seconds(20))).isEmpty)
        #expect(machine.nextTimeout == after(.seconds(30)).instant)
        #expect(machine.handleTimeout(now: after(.seconds(29)).instant).isEmpty)
        // An offer under way while it reconnects is an offer that arrives, before what comes later.
        #expect(lines(try machine.relayed(offer, fromMonitor: m1, targetId: "K1", sessionId: nil)).isEmpty)
        #expect(lines(try machine.relayed(candidate, fromMonitor: m1, targetId: "K1", sessionId: nil)).isEmpty)
        #expect(
            lines(machine.kioskRegistered("K1", address: address(6), carried: ["S1"], replacing: nil))
                == ["6 ← offer", "6 ← ice-candidate"])
        #expect(machine.nextTimeout == nil)
        #expect(
            lines(try machine.relayed(candidate, fromMonitor: m1, targetId: "K1", sessionId: nil)) == [
                "6 ← ice-candidate"
            ])
    }

    @Test func aKioskThatDoesNotSayGoesOnWithinItsGrace() throws {
        var machine = try MonitoringSessions.negotiated()
        _ = machine.kioskLost("K1", now: after(.seconds(20)))
        #expect(machine.kioskRegistered("K1", address: address(6), carried: nil, replacing: nil).isEmpty)
        #expect(machine.count == 1)
        #expect(machine.nextTimeout == nil)
    }

    @Test func aKioskThatStaysAwayEndsTheSession() throws {
        var machine = try MonitoringSessions.negotiated()
        _ = machine.kioskLost("K1", now: after(.seconds(20)))
        #expect(
            lines(machine.handleTimeout(now: after(.seconds(30)).instant))
                == ["1 ← stopped S1 kiosk-disconnected", "ended S1 kiosk-disconnected"])
        // When it comes back later and still carries it, it hears how it ended.
        #expect(
            lines(machine.kioskRegistered("K1", address: address(6), carried: ["S1"], replacing: nil))
                == ["6 ← stopped S1 kiosk-disconnected"])
    }

    @Test func aRebootedKioskCarriesNothingAndTheSessionEnds() throws {
        var machine = try MonitoringSessions.negotiated()
        _ = machine.kioskLost("K1", now: after(.seconds(20)))
        #expect(
            lines(machine.kioskRegistered("K1", address: address(6), carried: [], replacing: nil))
                == ["6 ← stopped S1 kiosk-replaced", "1 ← stopped S1 kiosk-replaced", "ended S1 kiosk-replaced"])
    }

    @Test func aSecondSocketOfTheKioskReplacesTheFirst() throws {
        var machine = try MonitoringSessions.negotiated()
        #expect(
            lines(machine.kioskRegistered("K1", address: address(6), carried: nil, replacing: kioskAddress))
                == ["5 ← stopped S1 kiosk-replaced", "1 ← stopped S1 kiosk-replaced", "ended S1 kiosk-replaced"])
        // Unless it is the same kiosk on a new path, whose old socket nobody has missed yet.
        machine = try MonitoringSessions.negotiated()
        #expect(machine.kioskRegistered("K1", address: address(6), carried: ["S1"], replacing: kioskAddress).isEmpty)
        #expect(lines(try machine.relayed(offer, fromMonitor: m1, targetId: "K1", sessionId: nil)) == ["6 ← offer"])
    }

    @Test func registeringAgainOnTheSameSocketChangesNothing() throws {
        var machine = try MonitoringSessions.negotiated()
        #expect(machine.kioskRegistered("K1", address: kioskAddress, carried: [], replacing: nil).isEmpty)
        #expect(machine.count == 1)
    }

    @Test func aKioskCannotNameAnothersSession() throws {
        var machine = try MonitoringSessions.negotiated()
        #expect(
            lines(machine.kioskRegistered("K2", address: address(7), carried: ["S1"], replacing: nil))
                == ["7 ← stopped S1 kiosk-disconnected"])
        #expect(machine.session(ofKiosk: "K1")?.id == "S1")
    }

    @Test func whatWaitsForAnAbsentSideIsBounded() throws {
        var machine = try MonitoringSessions.negotiated()
        _ = machine.kioskLost("K1", now: after(.seconds(20)))
        for _ in 0..<MonitoringSession.Side.waitingLimit {
            _ = try machine.relayed(candidate, fromMonitor: m1, targetId: "K1", sessionId: nil)
        }
        #expect(
            code { () throws(Refusal) in try machine.relayed(candidate, fromMonitor: m1, targetId: "K1", sessionId: nil)
            } == "throttled")
    }

    // MARK: The monitor's socket

    @Test func aMonitorComesBackWithinItsGraceAndGoesOn() throws {
        var machine = try MonitoringSessions.negotiated()
        #expect(machine.monitorLost("M1", address: m1.address, now: after(.seconds(20))).isEmpty)
        #expect(lines(try machine.relayed(.restartRequest, fromKiosk: "K1", targetId: "M1", sessionId: nil)).isEmpty)
        #expect(lines(machine.monitorRegistered(page("M1", address(11)), carried: ["S1"])) == ["11 ← restart-request"])
        #expect(machine.nextTimeout == nil)
    }

    @Test func aMonitorThatStaysAwayEndsTheSession() throws {
        var machine = try MonitoringSessions.negotiated()
        _ = machine.monitorLost("M1", address: m1.address, now: after(.seconds(20)))
        #expect(
            lines(machine.handleTimeout(now: after(.seconds(30)).instant))
                == ["5 ← stopped S1 monitor-disconnected", "ended S1 monitor-disconnected"])
        #expect(
            lines(machine.monitorRegistered(page("M1", address(11)), carried: ["S1"]))
                == ["11 ← stopped S1 monitor-disconnected"])
        // What is none of its business it does not learn.
        #expect(machine.monitorRegistered(page("M2", address(12)), carried: ["S1"]).isEmpty)
    }

    @Test func aReloadedPageCarriesNothingAndItsSessionEnds() throws {
        var machine = try MonitoringSessions.negotiated()
        _ = machine.monitorLost("M1", address: m1.address, now: after(.seconds(20)))
        #expect(
            lines(machine.monitorRegistered(page("M1", address(11)), carried: []))
                == ["5 ← stopped S1 monitor-disconnected", "ended S1 monitor-disconnected"])
    }

    @Test func aPageThatIsLoadedAgainEndsWhatItHadEvenWhereItsEarlierSocketLooksOpen() throws {
        var machine = try MonitoringSessions.negotiated(by: page("M1", m1.address, "tab-1"))
        #expect(
            lines(machine.monitorRegistered(page("M1", address(11), "tab-1"), carried: []))
                == [
                    "5 ← stopped S1 monitor-disconnected", "1 ← stopped S1 monitor-disconnected",
                    "ended S1 monitor-disconnected",
                ])
    }

    @Test func twoWindowsOfOnePersonDoNotEndEachOthersSessions() throws {
        var machine = try MonitoringSessions.negotiated(by: page("M1", m1.address, "tab-1"))
        _ = machine.monitorLost("M1", address: m1.address, now: after(.seconds(20)))
        // Neither takes the other's over: it has no peer connection to go on with.
        #expect(machine.monitorRegistered(page("M1", address(11), "tab-2"), carried: []).isEmpty)
        #expect(machine.monitorRegistered(page("M1", address(12), "tab-3"), carried: nil).isEmpty)
        #expect(machine.nextTimeout == after(.seconds(30)).instant)
        #expect(machine.monitorRegistered(page("M1", address(13), "tab-1"), carried: ["S1"]).isEmpty)
        #expect(machine.nextTimeout == nil)
        #expect(lines(try machine.relayed(answer, fromKiosk: "K1", targetId: "M1", sessionId: nil)) == ["13 ← answer"])
    }

    @Test func aClientThatDoesNotSayWhichItIsSpeaksForTheAccount() throws {
        var machine = try MonitoringSessions.negotiated(by: page("M1", m1.address, "tab-1"))
        _ = machine.monitorLost("M1", address: m1.address, now: after(.seconds(20)))
        #expect(lines(machine.monitorRegistered(page("M1", address(11)), carried: nil)) == ["moved S1 to -"])
        #expect(machine.nextTimeout == nil)
    }

    @Test func aSessionThatAnotherWindowStartsAgainIsThatOnes() throws {
        var machine = try MonitoringSessions.negotiated(by: page("M1", m1.address, "tab-1"))
        let second = page("M1", address(11), "tab-2")
        #expect(
            lines(try machine.startRequested(by: second, kiosk: kiosk, newId: "S2", now: after(.seconds(2))))
                == ["1 ← stopped S1 stopped-by-monitor", "11 ← started S1", "moved S1 to tab-2"])
        #expect(machine.monitorRegistered(page("M1", address(12), "tab-1"), carried: []).isEmpty)
        #expect(machine.count == 1)
    }

    @Test func whichNamedSessionsGoOn() throws {
        let machine = try MonitoringSessions.negotiated()
        #expect(machine.going(["S0", "S1"], ofMonitor: "M1") == ["S1"])
        #expect(machine.going(["S1"], ofMonitor: "M2").isEmpty)
    }

    // MARK: The media path

    @Test func aSessionWhoseMediaFailedEndsUnlessANewOfferComes() throws {
        let failed = SessionReport(sessionId: "S1", state: .mediaFailed, reason: "ice-failed")
        var machine = try MonitoringSessions.negotiated()
        try machine.reported(failed, fromKiosk: "K1", now: after(.seconds(20)).instant)
        var other = machine
        #expect(
            lines(machine.handleTimeout(now: after(.seconds(30)).instant))
                == ["5 ← stopped S1 media-lost", "1 ← stopped S1 media-lost", "ended S1 media-lost"])
        _ = try other.relayed(offer, fromMonitor: m1, targetId: "K1", sessionId: nil)
        #expect(other.nextTimeout == nil)
        // What starts again by itself goes on too; what is over stays over.
        try other.reported(failed, fromKiosk: "K1", now: after(.seconds(40)).instant)
        try other.reported(
            SessionReport(sessionId: "S1", state: .mediaStarted), fromKiosk: "K1", now: after(.seconds(41)).instant)
        #expect(other.nextTimeout == nil)
        try machine.reported(failed, fromKiosk: "K1", now: after(.seconds(42)).instant)
        #expect(machine.nextTimeout == nil)
    }

    @Test func aSecondPageLeavesTheFirstOnesSessionAlone() throws {
        var machine = try MonitoringSessions.negotiated()
        #expect(machine.monitorRegistered(page("M1", address(11)), carried: []).isEmpty)
        #expect(machine.monitorRegistered(page("M1", address(12)), carried: nil).isEmpty)
        // The second page's end is not the first one's.
        #expect(machine.monitorLost("M1", address: address(11), now: after(.seconds(20))).isEmpty)
        #expect(machine.nextTimeout == nil)
        #expect(lines(try machine.relayed(answer, fromKiosk: "K1", targetId: "M1", sessionId: nil)) == ["1 ← answer"])
    }

    @Test func aMonitorThatSpeaksBeforeItNamesItsSessionIsBack() throws {
        var machine = try MonitoringSessions.negotiated()
        _ = machine.monitorLost("M1", address: m1.address, now: after(.seconds(20)))
        _ = try machine.relayed(.restartRequest, fromKiosk: "K1", targetId: "M1", sessionId: nil)
        let back = Party(id: "M1", organization: "west", address: address(11))
        #expect(
            lines(try machine.relayed(offer, fromMonitor: back, targetId: "K1", sessionId: "S1"))
                == ["11 ← restart-request", "5 ← offer"])
        #expect(machine.nextTimeout == nil)
    }

    @Test func bothSidesAwayAndBothComeBack() throws {
        var machine = try MonitoringSessions.negotiated()
        _ = machine.kioskLost("K1", now: after(.seconds(20)))
        _ = machine.monitorLost("M1", address: m1.address, now: after(.seconds(21)))
        _ = machine.kioskRegistered("K1", address: address(6), carried: ["S1"], replacing: nil)
        #expect(machine.nextTimeout == after(.seconds(31)).instant)
        _ = machine.monitorRegistered(page("M1", address(11)), carried: ["S1"])
        #expect(
            lines(
                try machine.relayed(
                    offer, fromMonitor: Party(id: "M1", organization: "west", address: address(11)), targetId: "K1",
                    sessionId: nil)) == ["6 ← offer"])
    }

    @Test func withoutAGraceALostSocketEndsItAtOnce() throws {
        var machine = try MonitoringSessions.negotiated(MonitoringSessions.Rules(gracePeriod: .zero))
        #expect(
            lines(machine.kioskLost("K1", now: after(.seconds(20))))
                == ["1 ← stopped S1 kiosk-disconnected", "ended S1 kiosk-disconnected"])
    }

    // MARK: Time

    @Test mutating func aSessionWithoutOfferAndAnswerTimesOut() throws {
        _ = try machine.startRequested(by: m1, kiosk: kiosk, newId: "S1", now: start)
        _ = try machine.relayed(offer, fromMonitor: m1, targetId: "K1", sessionId: nil)
        #expect(machine.nextTimeout == after(.seconds(60)).instant)
        #expect(machine.handleTimeout(now: after(.milliseconds(59_999)).instant).isEmpty)
        #expect(
            lines(machine.handleTimeout(now: after(.seconds(60)).instant))
                == ["5 ← stopped S1 session-timeout", "1 ← stopped S1 session-timeout", "ended S1 session-timeout"])
    }

    @Test func aNegotiatedSessionHasNoEndUnlessOneIsConfigured() throws {
        var machine = try MonitoringSessions.negotiated()
        #expect(machine.nextTimeout == nil)
        #expect(machine.handleTimeout(now: after(.seconds(86_400)).instant).isEmpty)
        machine = try MonitoringSessions.negotiated(MonitoringSessions.Rules(maximumDuration: .seconds(600)))
        #expect(machine.nextTimeout == after(.seconds(600)).instant)
        #expect(lines(machine.handleTimeout(now: after(.seconds(600)).instant)).last == "ended S1 session-timeout")
    }

    // MARK: Other ends

    @Test func anAdministratorEndsASession() throws {
        var machine = try MonitoringSessions.negotiated()
        #expect(
            lines(machine.endedByAdmin(sessionId: "S1"))
                == ["5 ← stopped S1 ended-by-admin", "1 ← stopped S1 ended-by-admin", "ended S1 ended-by-admin"])
        #expect(machine.endedByAdmin(sessionId: "S1").isEmpty)
    }

    @Test func nothingOfARevokedAccountGoesOn() throws {
        for account in ["K1", "M1"] {
            var machine = try MonitoringSessions.negotiated()
            #expect(lines(machine.accountRevoked(account)).last == "ended S1 ended-by-admin")
        }
    }

    @Test func theServersEndIsTold() throws {
        var machine = try MonitoringSessions.negotiated()
        #expect(
            lines(machine.serverShutDown())
                == ["5 ← stopped S1 server-shutdown", "1 ← stopped S1 server-shutdown", "ended S1 server-shutdown"])
    }

    @Test mutating func afterARestartBothSidesHaveTheirGrace() throws {
        machine.restored(
            "S1", kioskId: "K1", monitorId: "M1", clientId: nil, organization: "west", startedAt: start.wall,
            isNegotiated: true, now: after(.seconds(100)))
        #expect(machine.nextTimeout == after(.seconds(160)).instant)
        _ = machine.kioskRegistered("K1", address: kioskAddress, carried: ["S1"], replacing: nil)
        _ = machine.monitorRegistered(page("M1", m1.address), carried: ["S1"])
        #expect(machine.nextTimeout == nil)
        #expect(lines(try machine.relayed(offer, fromMonitor: m1, targetId: "K1", sessionId: "S1")) == ["5 ← offer"])
    }

    @Test mutating func reportsAreTheKiosksOwn() throws {
        let report = SessionReport(sessionId: "S1", state: .mediaStarted, firstFrameMs: 20)
        #expect(throws: Refusal(.noSession, "sessionId: no such session")) {
            try machine.reported(report, fromKiosk: "K1", now: start.instant)
        }
        machine = try MonitoringSessions.negotiated()
        #expect(throws: Refusal(.notYourSession, "sessionId: not a session of this kiosk")) {
            try machine.reported(report, fromKiosk: "K2", now: start.instant)
        }
        try machine.reported(report, fromKiosk: "K1", now: start.instant)
        // The camera closes after the stop: that report still counts.
        _ = machine.endedByAdmin(sessionId: "S1")
        try machine.reported(SessionReport(sessionId: "S1", state: .mediaStopped), fromKiosk: "K1", now: start.instant)
    }
}
