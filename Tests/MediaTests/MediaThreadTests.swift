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

    private func wish(corrects: Bool = false, skips: Bool = false) -> AudioWish {
        AudioWish(bitrate: .kilobits(32), correctsErrors: corrects, skipsSilence: skips)
    }

    @Test func lossIsBelievedAtOnceAndForgottenSlowly() {
        var wish = wish()
        wish.noteLoss(percent: 20)
        #expect(wish.lossPercent == 20)
        var seen: [Int] = []
        for _ in 0..<4 {
            wish.noteLoss(percent: 0)
            seen.append(wish.lossPercent)
        }
        #expect(seen == [18, 16, 14, 13])
        for _ in 0..<40 { wish.noteLoss(percent: 0) }
        #expect(wish.lossPercent == 0)
        wish.noteLoss(percent: 90)
        #expect(wish.lossPercent == AudioWish.mostLossPercent)
        control.apply(wish)
        #expect(control.expectedLossPercent == AudioWish.mostLossPercent)
    }

    @Test func silenceIsLeftOutOnlyWhereBothWantIt() {
        control.apply(wish(corrects: true, skips: true))
        #expect(!control.usesDiscontinuousTransmission)
        control.allowDiscontinuousTransmission(true)
        #expect(control.usesDiscontinuousTransmission)
        #expect(control.usesForwardErrorCorrection)
        control.apply(wish())
        #expect(!control.usesDiscontinuousTransmission)
        #expect(!control.usesForwardErrorCorrection)
    }

    @Test func nothingOfTheLastSessionsPathOrReceiverIsLeft() {
        control.apply(VideoWish(bitrate: .kilobits(30), macroblocks: 300, frameRate: 10))
        control.apply(AudioWish(bitrate: .kilobits(8), skipsSilence: true, playbackRate: 8_000, packetTime: 5))
        #expect(control.maximumPacketTime == 5 && control.maximumPlaybackRate == 8_000)
        control.apply(VideoWish(bitrate: .kilobits(500)))
        control.apply(wish())
        #expect(control.videoBitrate == .kilobits(500))
        #expect(control.maximumMacroblocks == .max && control.maximumFrameRate == .max)
        #expect(control.audioBitrate == .kilobits(32))
        #expect(control.maximumPacketTime == 20 && control.maximumPlaybackRate == 48_000)
    }

    @Test func theNextSessionBeginsAnew() {
        var lossy = wish()
        lossy.noteLoss(percent: 20)
        control.apply(lossy)
        #expect(control.expectedLossPercent == 20)
        control.apply(wish())
        #expect(control.expectedLossPercent == 0)
    }

    /// One encoder for several: each can take what comes.
    @Test func wishesAreMergedToWhatAllCanTake() {
        let narrow = VideoWish(bitrate: .kilobits(200), frameRate: 10)
        let small = VideoWish(bitrate: .kilobits(900), macroblocks: 300)
        #expect(narrow.merged(with: small) == VideoWish(bitrate: .kilobits(200), macroblocks: 300, frameRate: 10))
        #expect(small.merged(with: narrow) == narrow.merged(with: small))
        var lossy = AudioWish(bitrate: .kilobits(32), correctsErrors: false, skipsSilence: true, packetTime: 10)
        lossy.noteLoss(percent: 7)
        let merged = lossy.merged(with: AudioWish(bitrate: .kilobits(12), playbackRate: 16_000))
        #expect(merged.bitrate == .kilobits(12) && merged.correctsErrors && !merged.skipsSilence)
        #expect(merged.playbackRate == 16_000 && merged.packetTime == 10 && merged.lossPercent == 7)
    }
}

/// A media thread's frame: one thread has it.
private final class Writer: @unchecked Sendable {
    private var frame = EncodedFrame(kind: .video, capacity: 64)

    func push(_ generation: UInt32, to hub: FrameHub) {
        frame.isKeyframe = true
        frame.withUnsafeMutableMemory(resizedTo: 4) { memory in
            for index in 0..<4 { memory[index] = UInt8(truncatingIfNeeded: generation) }
        }
        _ = hub.push(&frame, generation: generation)
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
            _ = (control.videoBitrate, control.preference, control.expectedLossPercent)
        }) {
            for step in 1...20_000 {
                control.setMaximumSize(width: 4 * (step % 300 + 1), height: 3 * (step % 300 + 1))
                control.apply(VideoWish(bitrate: .kilobits(Double(step))))
                control.preference = QualityPreference.allCases[step % 3]
                control.apply(AudioWish(bitrate: .kilobits(Double(step % 20))))
            }
        }
        #expect(torn.load(ordering: .relaxed) == 0)
    }

    /// One opens and closes all the time, another stays; both read what one thread writes.
    @Test func whoOpensAndClosesUnderTheWriterGetsNothingOfAnEarlierOpening() throws {
        let hub = FrameHub(kind: .video, frameCapacity: 64)
        let other = try #require(hub.subscribe())
        other.open()
        let subscriber = try #require(hub.subscribe())
        let faults = Atomic<Int>(0)
        let seen = Atomic<Int>(0)
        var got = 0
        let writer = Writer()
        try alongside({
            guard let generation = hub.generation else { return }
            writer.push(generation, to: hub)
            _ = other.pop()?.withFrame { seen.add($0.count, ordering: .relaxed) }
        }) {
            while seen.load(ordering: .relaxed) == 0 { sched_yield() }
            for round in 1...400 {
                subscriber.open()
                for _ in 0..<20 {
                    guard let frame = subscriber.pop() else {
                        sched_yield()
                        continue
                    }
                    got += 1
                    frame.withFrame { frame in
                        for index in 0..<4 where frame.bytes[index] != UInt8(truncatingIfNeeded: round + 1) {
                            faults.add(1, ordering: .relaxed)
                        }
                    }
                }
                hub.requestKeyframe()
                subscriber.close()
            }
        }
        #expect(faults.load(ordering: .relaxed) == 0, "a frame of an earlier opening")
        #expect(got > 0)
        #expect(hub.keyframeRequests >= 400)
        other.end()
        subscriber.end()
        #expect(hub.slotsInUse == 0)
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
