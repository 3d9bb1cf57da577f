import Primitives
import Testing

@testable import Peer

@Suite("What is left for the encoders")
struct BudgetTests {
    @Test("Video: the target without sound, headers and repetition")
    func video() {
        var budget = VideoBudget(least: .kilobits(40))
        let first = budget.update(target: .kilobits(1062), loss: 0, waiting: .zero, audio: .kilobits(32))
        #expect(first == .kilobits(940))
        let small = budget.update(target: .kilobits(1070), loss: 0, waiting: .zero, audio: .kilobits(32))
        #expect(small == nil, "less than two per cent")
        let lossy = budget.update(target: .kilobits(1062), loss: 0.2, waiting: .zero, audio: .kilobits(32))
        #expect(lossy.map { abs($0.bitsPerSecond - 733_200) < 10 } == true)
        let alone = budget.update(target: .kilobits(1000), loss: 0, waiting: .zero, audio: nil)
        #expect(alone == .kilobits(940))
        let least = budget.update(target: .kilobits(60), loss: 0, waiting: .zero, audio: .kilobits(32))
        #expect(least == .kilobits(40))
    }

    @Test("Video: what waits is paid back in steps, down to a fifth")
    func queue() {
        var budget = VideoBudget(least: .kilobits(40))
        _ = budget.update(target: .kilobits(1000), loss: 0, waiting: .zero, audio: nil)
        let tolerated = budget.update(target: .kilobits(1000), loss: 0, waiting: .milliseconds(130), audio: nil)
        #expect(tolerated == nil)
        let half = budget.update(target: .kilobits(1000), loss: 0, waiting: .milliseconds(305), audio: nil)
        #expect(half == .kilobits(470))
        let full = budget.update(target: .kilobits(1000), loss: 0, waiting: .seconds(2), audio: nil)
        #expect(full == .kilobits(188))
        let gone = budget.update(target: .kilobits(1000), loss: 0, waiting: .zero, audio: nil)
        #expect(gone == .kilobits(940))
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
