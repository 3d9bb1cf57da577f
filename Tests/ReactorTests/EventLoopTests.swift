import Glibc
import Primitives
import Reactor
import Synchronization
import Testing

@Suite struct EventLoopTests {
    @Test func aDeadlineInThePastReturnsAtOnceWithoutEvents() throws {
        var loop = try EventLoop()
        let wake = try WakeFD()
        try loop.register(wake.descriptor, token: .init(1), for: .readable)
        try loop.wait(until: .zero)
        #expect(loop.events.isEmpty)
    }

    @Test func aDeadlineHasPassedWhenItsWaitEnds() throws {
        var loop = try EventLoop()
        for microseconds in [1, 400, 1_700] {
            let deadline = MonotonicClock.now() + .microseconds(microseconds)
            try loop.wait(until: deadline)
            #expect(loop.events.isEmpty)
            #expect(MonotonicClock.now() >= deadline)
        }
    }

    @Test func signalsAreOneEventUntilTheyAreCleared() throws {
        var loop = try EventLoop()
        let wake = try WakeFD()
        try loop.register(wake.descriptor, token: .init(42), for: .readable)
        wake.signal()
        wake.signal()
        for _ in 0..<2 {
            try loop.wait(until: nil)
            #expect(
                loop.events == [.init(token: .init(42), isReadable: true, isWritable: false, isHungUp: false)])
        }
        #expect(wake.isSignaled)
        #expect(wake.clear())
        #expect(!wake.clear())
        #expect(!wake.isSignaled)
        try loop.wait(until: .zero)
        #expect(loop.events.isEmpty)
    }

    @Test func interestCanChangeAndEnd() throws {
        var loop = try EventLoop()
        let socket = try UDPSocket(bindingTo: SocketAddress("127.0.0.1:0")!)
        try loop.register(socket.descriptor, token: .init(1), for: .readable)
        try loop.wait(until: .zero)
        #expect(loop.events.isEmpty)
        try loop.modify(socket.descriptor, token: .init(2), for: [.readable, .writable])
        try loop.wait(until: .zero)
        #expect(loop.events == [.init(token: .init(2), isReadable: false, isWritable: true, isHungUp: false)])
        try loop.deregister(socket.descriptor)
        try loop.wait(until: .zero)
        #expect(loop.events.isEmpty)
    }

    @Test func moreEventsThanFitComeWithTheNextWait() throws {
        var loop = try EventLoop(eventsPerWait: 2)
        let wakes = try (0..<5).map { _ in try WakeFD() }
        for (index, wake) in wakes.enumerated() {
            try loop.register(wake.descriptor, token: .init(UInt64(index)), for: .readable)
            wake.signal()
        }
        var seen: Set<UInt64> = []
        for _ in 0..<5 {
            try loop.wait(until: .zero)
            #expect(loop.events.count <= 2)
            for event in loop.events {
                seen.insert(event.token.rawValue)
                wakes[Int(event.token.rawValue)].clear()
            }
        }
        #expect(seen == Set(0..<5))
    }
}

@Suite struct MailboxTests {
    @Test func messagesComeInTheOrderTheyWerePosted() throws {
        let mailbox = try Mailbox<Int>()
        for number in 0..<100 { #expect(mailbox.post(number)) }
        #expect(mailbox.wake.clear())
        for number in 0..<100 { #expect(mailbox.next() == number) }
        #expect(mailbox.next() == nil)
        #expect(mailbox.isEmpty)
    }

    @Test func aClosedMailboxRefusesButGivesWhatItHas() throws {
        let mailbox = try Mailbox<Int>()
        mailbox.post(1)
        mailbox.close()
        #expect(!mailbox.post(2))
        #expect(mailbox.next() == 1)
        #expect(mailbox.next() == nil)
    }

    /// Four posters and one owner that sleeps in its loop: every message arrives, each poster's in order.
    @Test func noMessageAndNoWakeUpIsLost() throws {
        let mailbox = try Mailbox<(poster: Int, number: Int)>()
        let perPoster = 2_000
        let posters = try (0..<4).map { poster in
            try WorkerThread(name: "poster \(poster)") { _ in
                for number in 0..<perPoster { mailbox.post((poster, number)) }
            }
        }
        defer { for poster in posters { poster.join() } }
        var loop = try EventLoop()
        try loop.register(mailbox.wake.descriptor, token: .init(0), for: .readable)
        var next = [0, 0, 0, 0]
        let end = MonotonicClock.now() + .seconds(60)
        while next.reduce(0, +) < 4 * perPoster, MonotonicClock.now() < end {
            try loop.wait(until: end)
            mailbox.wake.clear()
            while let message = mailbox.next() {
                #expect(message.number == next[message.poster])
                next[message.poster] += 1
            }
        }
        #expect(next == Array(repeating: perPoster, count: 4))
    }
}

@Suite struct WorkerThreadTests {
    @Test func itRunsUnderItsNameUntilItIsStopped() throws {
        let mailbox = try Mailbox<String>()
        let thread = try WorkerThread(name: "video") { stop in
            var text = [UInt8](repeating: 0, count: 64)
            let descriptor = open("/proc/thread-self/comm", O_RDONLY)
            let count = read(descriptor, &text, text.count)
            close(descriptor)
            mailbox.post(String(decoding: text.prefix(max(0, count)), as: UTF8.self))
            var loop = try? EventLoop()
            try? loop?.register(stop.wake.descriptor, token: .init(0), for: .readable)
            while !stop.isRequested { try? loop?.wait(until: nil) }
            mailbox.post("stopped")
        }
        thread.stopAndJoin()
        #expect(mailbox.next() == "video\n")
        #expect(mailbox.next() == "stopped")
    }

    @Test func joiningTwiceIsHarmless() throws {
        let thread = try WorkerThread(name: "short") { _ in }
        thread.join()
        thread.join()
    }
}

@Suite struct LoopThreadTests {
    private enum Message: Sendable {
        case add(Int)
        case end
    }

    /// What is posted before the start waits, the last message ends the loop, and stopping twice is stopping once.
    @Test func messagesReachTheLoopUntilTheLast() throws {
        let sum = Sum()
        let thread = try LoopThread<Message>(name: "sum", last: .end)
        thread.post(.add(1))
        try thread.start { mailbox, progress in
            while true {
                progress.beat(now: MonotonicClock.now())
                Pause.wait(for: mailbox.wake)
                mailbox.wake.clear()
                while let message = mailbox.next() {
                    switch message {
                    case .add(let number): sum.add(number)
                    case .end: return progress.rest()
                    }
                }
            }
        }
        thread.post(.add(2))
        thread.post(.add(3))
        thread.stop()
        thread.stop()
        #expect(sum.value == 6)
        #expect(thread.progress.lastBeat == nil, "it rests")
    }

    @Test func aThreadThatWasNotStartedNeedsNoEnd() throws {
        let thread = try LoopThread<Message>(name: "none", last: .end)
        thread.stop()
        #expect(thread.mailbox.isEmpty)
    }

    private final class Sum: Sendable {
        private let number = Atomic(0)
        var value: Int { number.load(ordering: .relaxed) }
        func add(_ other: Int) { number.add(other, ordering: .relaxed) }
    }
}
