import AgentSettings
import Glibc
import Primitives
import Reactor
import Synchronization
import Testing

@testable import Media

/// What the media threads and the network thread share: also run under ThreadSanitizer (Scripts/tsan).
@Suite struct EncoderControlTests {
    private let control = EncoderControl(
        videoBitrate: .kilobits(600), frameRate: 30, width: 320, height: 240, audioBitrate: .kilobits(32))

    private func begin(corrects: Bool = false, skips: Bool = false, atMost limit: Bitrate? = nil) {
        control.beginAudio(correctsErrors: corrects, skipsSilence: skips, bitrate: .kilobits(32), atMost: limit)
    }

    @Test func lossIsBelievedAtOnceAndForgottenSlowly() {
        control.noteLoss(percent: 20)
        #expect(control.expectedLossPercent == 20)
        var seen: [Int] = []
        for _ in 0..<4 {
            control.noteLoss(percent: 0)
            seen.append(control.expectedLossPercent)
        }
        #expect(seen == [18, 16, 14, 13])
        for _ in 0..<40 { control.noteLoss(percent: 0) }
        #expect(control.expectedLossPercent == 0)
        control.noteLoss(percent: 90)
        #expect(control.expectedLossPercent == EncoderControl.mostLossPercent)
    }

    @Test func silenceIsLeftOutOnlyWhereBothWantIt() {
        begin(corrects: true, skips: true)
        #expect(!control.usesDiscontinuousTransmission)
        control.allowDiscontinuousTransmission(true)
        #expect(control.usesDiscontinuousTransmission)
        #expect(control.usesForwardErrorCorrection)
        begin()
        #expect(!control.usesDiscontinuousTransmission)
        #expect(!control.usesForwardErrorCorrection)
    }

    @Test func nothingOfTheLastSessionsPathOrReceiverIsLeft() {
        control.videoBitrate = .kilobits(30)
        control.limitVideo(macroblocks: 300, frameRate: 10)
        control.beginAudio(
            correctsErrors: true, skipsSilence: true, bitrate: .kilobits(12), atMost: .kilobits(8),
            playbackRate: 8_000, packetTime: 5)
        #expect(control.maximumPacketTime == 5 && control.maximumPlaybackRate == 8_000)
        _ = control.beginVideo(start: .kilobits(500))
        begin()
        #expect(control.videoBitrate == .kilobits(500))
        #expect(control.maximumMacroblocks == .max && control.maximumFrameRate == .max)
        #expect(control.audioBitrate == .kilobits(32))
        #expect(control.maximumPacketTime == 20 && control.maximumPlaybackRate == 48_000)
    }

    private func beginVideo() -> Bitrate { control.beginVideo(start: .kilobits(800)) }

    @Test func theConfigurationsLimitHoldsFromTheNextSessionOn() {
        #expect(beginVideo() == .kilobits(600))
        // Raised while somebody watches: what the network carries is told to the encoder up to the session's limit.
        control.videoBitrateLimit = .kilobits(2000)
        control.videoBitrate = .kilobits(600)
        #expect(beginVideo() == .kilobits(2000))
        control.videoBitrate = .kilobits(1800)
        // Lowered: not in the session that runs.
        control.videoBitrateLimit = .kilobits(300)
        #expect(control.videoBitrate == .kilobits(1800))
        #expect(beginVideo() == .kilobits(300))
        #expect(control.videoBitrate == .kilobits(300))
    }

    @Test func theNextSessionBeginsAnew() {
        control.noteLoss(percent: 20)
        control.audioBitrate = .kilobits(16)
        begin(atMost: .kilobits(24))
        #expect(control.expectedLossPercent == 0)
        #expect(control.audioBitrate == .kilobits(24))
        begin()
        #expect(control.audioBitrate == .kilobits(32))
    }
}

/// A media thread's frame: one thread has it.
private final class Writer: @unchecked Sendable {
    private var frame = EncodedFrame(kind: .video, capacity: 64)

    func push(_ generation: UInt32, to ring: FrameRing) {
        frame.isKeyframe = true
        frame.withUnsafeMutableMemory(resizedTo: 4) { memory in
            for index in 0..<4 { memory[index] = UInt8(truncatingIfNeeded: generation) }
        }
        _ = ring.push(&frame, generation: generation)
    }
}

/// A body that another thread runs until it is told to end.
private func alongside(_ body: @escaping @Sendable () -> Void, _ meanwhile: () -> Void) throws {
    let thread = try WorkerThread(name: "other") { stop in while !stop.isRequested { body() } }
    meanwhile()
    thread.stopAndJoin()
}

@Suite struct MediaThreadTests {
    @Test func theNetworkThreadsWishesAreWholeWhileTheVideoThreadReadsThem() throws {
        let control = EncoderControl(
            videoBitrate: .kilobits(600), frameRate: 30, width: 320, height: 240, audioBitrate: .kilobits(32))
        let torn = Atomic<Int>(0)
        try alongside({
            let size = control.maximumSize
            if size.width * 3 != size.height * 4 { torn.add(1, ordering: .relaxed) }
            _ = (control.videoBitrate, control.preference, control.keyframeRequests, control.expectedLossPercent)
        }) {
            for step in 1...20_000 {
                control.setMaximumSize(width: 4 * (step % 300 + 1), height: 3 * (step % 300 + 1))
                control.videoBitrate = .kilobits(Double(step))
                control.preference = QualityPreference.allCases[step % 3]
                control.requestKeyframe()
                control.noteLoss(percent: step % 20)
            }
        }
        #expect(torn.load(ordering: .relaxed) == 0)
        #expect(control.keyframeRequests == 20_000)
    }

    @Test func aRingThatOpensAndClosesUnderItsWriterKeepsItsPromise() throws {
        let ring = FrameRing(kind: .video, frameCapacity: 64, needsPermission: true)
        let faults = Atomic<Int>(0)
        let seen = Atomic<Int>(0)
        let writer = Writer()
        try alongside({
            guard let generation = ring.generation else { return }
            writer.push(generation, to: ring)
        }) {
            var out = EncodedFrame(kind: .video, capacity: 64)
            for round in 1...400 {
                ring.open()
                ring.permit()
                for _ in 0..<20 where ring.pop(into: &out) {
                    seen.add(1, ordering: .relaxed)
                    for index in 0..<4 where out.bytes[index] != UInt8(truncatingIfNeeded: round) {
                        faults.add(1, ordering: .relaxed)
                    }
                }
                if round % 2 == 0 { ring.forbid() }
                ring.close()
                if round % 2 == 1 { ring.forbid() }
            }
        }
        #expect(faults.load(ordering: .relaxed) == 0, "a frame of an earlier opening")
    }

    @Test func aGateTellsEveryOpening() throws {
        let gate = try MediaGate()
        let backwards = Atomic<Int>(0)
        let lastChange = Atomic<Int>(0)
        let lastOpening = Atomic<Int>(0)
        try alongside({
            let now = Int(gate.deviceChanges)
            if now < lastChange.exchange(now, ordering: .relaxed) { backwards.add(1, ordering: .relaxed) }
            if let opening = gate.opening.map(Int.init),
                opening < lastOpening.exchange(opening, ordering: .relaxed)
            {
                backwards.add(1, ordering: .relaxed)
            }
            gate.wake.clear()
        }) {
            for round in 1...5000 as ClosedRange<UInt32> {
                gate.open()
                // Whoever compares numbers sees that this is another one, whether it saw the gate closed or not.
                #expect(gate.opening == round)
                gate.deviceChanged()
                if round % 2 == 0 { gate.close() }
            }
        }
        #expect(backwards.load(ordering: .relaxed) == 0)
        #expect(gate.deviceChanges == 5000)
        #expect(gate.opening == nil)
    }
}
