import Primitives
import Testing

@testable import SessionRules

@Suite struct LoginThrottleTests {
    private let here = IPAddress("192.0.2.1")!
    private let there = IPAddress("198.51.100.7")!

    @Test func failuresCostEverMoreAndAMinuteAtMost() {
        var throttle = LoginThrottle()
        var now = Instant.zero
        var waits: [Int64] = []
        for _ in 0..<14 {
            if let wait = throttle.attemptBegan(account: "K1", address: here, now: now) {
                waits.append(wait.components.seconds)
                now += wait
                #expect(throttle.attemptBegan(account: "K1", address: here, now: now) == nil)
            }
        }
        #expect(waits == [1, 2, 4, 8, 16, 32, 60, 60, 60])
    }

    @Test func manyAtOnceGainNothing() {
        var throttle = LoginThrottle()
        let begun = (0..<100).count { _ in throttle.attemptBegan(account: "K1", address: here, now: .zero) == nil }
        #expect(begun == 5)
    }

    @Test func successForgetsTheFailures() {
        var throttle = LoginThrottle()
        for _ in 0..<4 { #expect(throttle.attemptBegan(account: "K1", address: here, now: .zero) == nil) }
        throttle.attemptSucceeded(account: "K1", address: here)
        for _ in 0..<4 { #expect(throttle.attemptBegan(account: "K1", address: here, now: .zero) == nil) }
    }

    @Test func aStrangersGuessesDoNotLockTheKioskOut() {
        var throttle = LoginThrottle()
        #expect(throttle.attemptBegan(account: "K1", address: here, now: .zero) == nil)
        throttle.attemptSucceeded(account: "K1", address: here)
        for _ in 0..<50 { _ = throttle.attemptBegan(account: "K1", address: there, now: .zero) }
        #expect(throttle.attemptBegan(account: "K1", address: there, now: .zero) != nil)
        #expect(throttle.attemptBegan(account: "K1", address: here, now: .zero) == nil)
    }

    @Test func anAccountHasSeveralHomes() {
        var throttle = LoginThrottle(homes: ["K1": [here]])
        let hotel = IPAddress("2001:db8:1:2::7")!
        #expect(throttle.attemptBegan(account: "K1", address: hotel, now: .zero) == nil)
        throttle.attemptSucceeded(account: "K1", address: hotel)
        #expect(throttle.isHome(here, of: "K1") && throttle.isHome(IPAddress("2001:db8:1:2::8")!, of: "K1"))
        #expect(!throttle.isHome(IPAddress("2001:db8:1:3::7")!, of: "K1"))
        for index in 0..<LoginThrottle.homesPerAccount {
            throttle.attemptSucceeded(account: "K1", address: IPAddress("203.0.113.\(index)")!)
        }
        #expect(!throttle.isHome(here, of: "K1"), "the one used least lately makes room")
    }

    @Test func othersOfADepotDoNotKeepOneOut() {
        var throttle = LoginThrottle(homes: ["K1": [here]])
        for _ in 0..<200 { _ = throttle.attemptBegan(account: "K2", address: here, now: .zero) }
        for index in 0..<200 { _ = throttle.attemptBegan(account: "X\(index)", address: here, now: .zero) }
        #expect(throttle.attemptBegan(account: "X", address: here, now: .zero) != nil)
        #expect(throttle.attemptBegan(account: "K1", address: here, now: .zero) == nil)
    }

    @Test func oneAddressTryingManyNamesWaitsToo() {
        var throttle = LoginThrottle()
        let begun = (0..<200).count { throttle.attemptBegan(account: "K\($0)", address: here, now: .zero) == nil }
        #expect(begun == 25)
        #expect(throttle.attemptBegan(account: "other", address: there, now: .zero) == nil)
    }

    @Test func addressesOfOneSubscriberAreOne() {
        var throttle = LoginThrottle()
        let begun = (0..<200).count { index in
            let address = IPAddress("2001:db8::\(String(index + 1, radix: 16))")!
            return throttle.attemptBegan(account: "K\(index)", address: address, now: .zero) == nil
        }
        #expect(begun == 25)
    }

    @Test func aDepotBehindOneAddressComesUpAtOnce() {
        var throttle = LoginThrottle()
        for index in 0..<500 {
            #expect(throttle.attemptBegan(account: "K\(index)", address: here, now: .zero) == nil)
            throttle.attemptSucceeded(account: "K\(index)", address: here)
        }
    }

    @Test func whatWasNeverJudgedCountsForNothing() {
        var throttle = LoginThrottle()
        for _ in 0..<100 {
            #expect(throttle.attemptBegan(account: "K1", address: here, now: .zero) == nil)
            throttle.attemptWithdrawn(account: "K1", address: here)
        }
    }
}
