import Primitives
import Testing

@testable import KioskAgent

@Suite struct WatchdogTests {
    private let now = Instant.zero + .seconds(1000)

    private func thread(_ age: Duration?) -> Watchdog.Thread {
        Watchdog.Thread(name: "t", lastBeat: age.map { now - $0 }, patience: .seconds(30))
    }

    @Test func aSilentThreadIsNamed() {
        var watchdog = Watchdog(timeout: nil)
        let judge: (inout Watchdog, Watchdog.Thread) -> String? = {
            $0.verdict([$1], expectsPictures: false, framesEncoded: 0, now: now)
        }
        #expect(judge(&watchdog, thread(.seconds(29))) == nil)
        #expect(judge(&watchdog, thread(nil)) == nil)
        #expect(judge(&watchdog, thread(.seconds(31))) == "thread t is stuck for 31 s")
    }

    @Test func aPictureThatStandsStillIsNoticedOnlyWhileSomebodyWatches() {
        var watchdog = Watchdog(timeout: nil)
        #expect(watchdog.verdict([], expectsPictures: true, framesEncoded: 5, now: now) == nil)
        #expect(watchdog.verdict([], expectsPictures: true, framesEncoded: 6, now: now + .seconds(9)) == nil)
        #expect(watchdog.verdict([], expectsPictures: true, framesEncoded: 6, now: now + .seconds(18)) == nil)
        #expect(watchdog.verdict([], expectsPictures: true, framesEncoded: 6, now: now + .seconds(20)) != nil)
        #expect(watchdog.verdict([], expectsPictures: false, framesEncoded: 6, now: now + .seconds(30)) == nil)
        #expect(watchdog.verdict([], expectsPictures: true, framesEncoded: 6, now: now + .seconds(40)) == nil)
    }

    @Test func aVerdictIsDueThreeTimesAsOftenAsTheManagerWantsToHear() {
        var watchdog = Watchdog(timeout: .seconds(30))
        #expect(watchdog.nextTimeout == nil)
        watchdog.started(now: now)
        #expect(watchdog.nextTimeout == now)
        _ = watchdog.verdict([], expectsPictures: false, framesEncoded: 0, now: now + .seconds(1))
        #expect(watchdog.nextTimeout == now + .seconds(11))
        // Also while the agent is not alive: what was stuck may go on.
        _ = watchdog.verdict([thread(.seconds(31))], expectsPictures: false, framesEncoded: 0, now: now + .seconds(11))
        #expect(watchdog.nextTimeout == now + .seconds(21))
    }

    @Test func nobodyWantsToHear() {
        var watchdog = Watchdog(timeout: nil)
        watchdog.started(now: now)
        #expect(watchdog.nextTimeout == nil)
        #expect(watchdog.verdict([], expectsPictures: false, framesEncoded: 0, now: now) == nil)
        #expect(watchdog.nextTimeout == nil)
    }
}
