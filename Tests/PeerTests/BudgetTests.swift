import Congestion
import Primitives
import Testing

@testable import Peer

@Suite("What is left for the encoders")
struct BudgetTests {
    @Test("Video: the target without sound, headers and repetition")
    func video() {
        var budget = VideoBudget(least: .kilobits(40))
        let first = budget.update(target: .kilobits(1062), repairs: 0, waiting: .zero, audio: .kilobits(32))
        #expect(first == .kilobits(940))
        let small = budget.update(target: .kilobits(1070), repairs: 0, waiting: .zero, audio: .kilobits(32))
        #expect(small == nil, "less than two per cent")
        let lossy = budget.update(target: .kilobits(1062), repairs: 0.2, waiting: .zero, audio: .kilobits(32))
        #expect(lossy.map { abs($0.bitsPerSecond - 733_200) < 10 } == true)
        let alone = budget.update(target: .kilobits(1000), repairs: 0, waiting: .zero, audio: nil)
        #expect(alone == .kilobits(940))
        let least = budget.update(target: .kilobits(60), repairs: 0, waiting: .zero, audio: .kilobits(32))
        #expect(least == .kilobits(40))
    }

    @Test("Video: what waits is paid back in steps, down to a fifth")
    func queue() {
        var budget = VideoBudget(least: .kilobits(40))
        _ = budget.update(target: .kilobits(1000), repairs: 0, waiting: .zero, audio: nil)
        let tolerated = budget.update(target: .kilobits(1000), repairs: 0, waiting: .milliseconds(130), audio: nil)
        #expect(tolerated == nil)
        let half = budget.update(target: .kilobits(1000), repairs: 0, waiting: .milliseconds(305), audio: nil)
        #expect(half == .kilobits(470))
        let full = budget.update(target: .kilobits(1000), repairs: 0, waiting: .seconds(2), audio: nil)
        #expect(full == .kilobits(188))
        let gone = budget.update(target: .kilobits(1000), repairs: 0, waiting: .zero, audio: nil)
        #expect(gone == .kilobits(940))
    }

    @Test("Repairs go twice where packets are lost at any rate, and once where there is no room")
    func copies() {
        var copies = RepairCopies()
        func count(_ loss: Double, _ usage: BandwidthUsage = .normal, queue: Int64 = 0) -> Int {
            copies.update(loss: loss, usage: usage, queueDelay: .milliseconds(queue))
            return copies.count
        }
        #expect(count(0.06) == 1)
        #expect(count(0.08) == 2)
        // Not back and forth around the threshold.
        #expect(count(0.06) == 2)
        #expect(count(0.05) == 1)
        #expect(count(0.2, queue: 41) == 1)
        #expect(count(0.2, .overusing) == 1)
        #expect(count(0.2) == 2)
        copies.update(loss: 0.2, usage: .normal, queueDelay: nil)
        #expect(copies.count == 1, "nobody knows whether there is room")
    }

    @Test("What repairs take: each lost packet's copies, and those of the rounds in which all were lost")
    func repairs() {
        var copies = RepairCopies()
        #expect(copies.share(of: 0) == 0)
        #expect(abs(copies.share(of: 0.1) - 0.1) < 1e-9)
        #expect(copies.share(of: 1) == 1)
        copies.update(loss: 0.1, usage: .normal, queueDelay: .zero)
        // 0.2 copies in the first round, a hundredth of that in the second, …: 0.202 of 1.202.
        #expect(abs(copies.share(of: 0.1) - 0.16807) < 1e-4)
        #expect(copies.share(of: 1) == 1)
    }

    @Test("Sound: less on a narrow path, and more again only when it is clearly wider")
    func audio() {
        var budget = AudioBudget(.kilobits(32))
        var course: [Int64?] = []
        for target in [800, 225, 200, 240, 260, 100, 140, 155, 400] {
            course.append(budget.update(target: .kilobits(Double(target))).map { $0.bitsPerSecond / 1000 })
        }
        #expect(course == [nil, nil, 20, nil, 32, 12, nil, 20, 32])
    }
}
