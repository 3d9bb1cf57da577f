import Glibc
import Media
import Primitives
import Synchronization
import Testing

private func fill(_ frame: inout EncodedFrame, _ value: UInt32, isKeyframe: Bool) {
    frame.isKeyframe = isKeyframe
    frame.withUnsafeMutableMemory(resizedTo: 8) { memory in
        for index in 0..<4 { memory[index] = UInt8(truncatingIfNeeded: value >> (8 * UInt32(index))) }
        for index in 4..<8 { memory[index] = UInt8(truncatingIfNeeded: ~value >> (8 * UInt32(index - 4))) }
    }
}

private func value(_ frame: borrowing EncodedFrame) -> UInt32 {
    (0..<4).reduce(0) { $0 | UInt32(frame.bytes[$1]) << (8 * UInt32($1)) }
}

@Suite struct FrameRingTests {
    private struct Producer: ~Copyable {
        let ring: FrameRing
        var frame: EncodedFrame

        init(_ ring: FrameRing) {
            self.ring = ring
            frame = EncodedFrame(kind: ring.kind, capacity: 64)
        }

        mutating func push(_ number: UInt32, key: Bool = false, generation: UInt32? = nil) -> FrameRing.PushOutcome {
            fill(&frame, number, isKeyframe: key)
            return ring.push(&frame, generation: generation ?? ring.generation ?? 0)
        }
    }

    private func drain(_ ring: FrameRing) -> [UInt32] {
        var frame = EncodedFrame(kind: ring.kind, capacity: 64)
        var values: [UInt32] = []
        while ring.pop(into: &frame) { values.append(value(frame)) }
        return values
    }

    @Test func keepsOrderAndContents() {
        let ring = FrameRing(kind: .video, frameCapacity: 64)
        var producer = Producer(ring)
        ring.open()
        #expect(producer.push(1, key: true) == .accepted)
        #expect(producer.push(2) == .accepted)
        #expect(producer.push(3) == .accepted)
        #expect(drain(ring) == [1, 2, 3])
        #expect(ring.pushedCount == 3)
        #expect(ring.drops.total == 0)
    }

    @Test func aClosedRingTakesNothing() {
        let ring = FrameRing(kind: .video, frameCapacity: 64)
        var producer = Producer(ring)
        #expect(ring.generation == nil)
        #expect(producer.push(1, key: true) == .closed)
        ring.open()
        let first = ring.generation!
        #expect(producer.push(2, key: true) == .accepted)
        ring.close()
        #expect(ring.generation == nil)
        #expect(drain(ring) == [])
        ring.open()
        // Seen for the first monitor, finished after the second came.
        #expect(producer.push(3, key: true, generation: first) == .closed)
        #expect(producer.push(4, key: true) == .accepted)
        #expect(drain(ring) == [4])
        #expect(ring.drops[.stale] == 2)
    }

    @Test func theFirstVideoFrameIsAKeyframe() {
        let ring = FrameRing(kind: .video, frameCapacity: 64)
        var producer = Producer(ring)
        ring.open()
        #expect(producer.push(1) == .keyframeNeeded)
        #expect(producer.push(2, key: true) == .accepted)
        #expect(drain(ring) == [2])
    }

    @Test func withoutPermissionNothingGoesIn() {
        let ring = FrameRing(kind: .video, frameCapacity: 64, needsPermission: true)
        var producer = Producer(ring)
        ring.open()
        #expect(ring.generation == nil)
        #expect(producer.push(1, key: true, generation: 1) == .closed)
        ring.permit()
        #expect(ring.generation == 1)
        #expect(producer.push(2, key: true) == .accepted)
        ring.forbid()
        #expect(ring.generation == nil)
        #expect(drain(ring) == [])
        ring.permit()
        // The decoder lost its place.
        #expect(producer.push(3) == .keyframeNeeded)
        #expect(producer.push(4, key: true) == .accepted)
        ring.close()
        ring.forbid()
        ring.permit()
        #expect(ring.generation == nil, "permission alone opens nothing")
    }

    @Test func aFullVideoRingDropsUpToTheNextKeyframe() {
        let ring = FrameRing(kind: .video, frameCapacity: 64)
        var producer = Producer(ring)
        ring.open()
        for number in UInt32(0)..<8 { #expect(producer.push(number, key: number == 0 || number == 5) == .accepted) }
        #expect(producer.push(8) == .replacedOlder(5))
        #expect(drain(ring) == [5, 6, 7, 8])
        #expect(ring.drops[.overflow] == 5)
    }

    @Test func aFullVideoRingWithoutAKeyframeWaitsForOne() {
        let ring = FrameRing(kind: .video, frameCapacity: 64)
        var producer = Producer(ring)
        ring.open()
        for number in UInt32(0)..<8 { _ = producer.push(number, key: number == 0) }
        #expect(producer.push(8) == .keyframeNeeded)
        #expect(ring.count == 0)
        #expect(producer.push(9) == .keyframeNeeded)
        #expect(producer.push(10, key: true) == .accepted)
        #expect(producer.push(11) == .accepted)
        #expect(drain(ring) == [10, 11])
    }

    @Test func aKeyframeReplacesWhatWaits() {
        let ring = FrameRing(kind: .video, frameCapacity: 64)
        var producer = Producer(ring)
        ring.open()
        for number in UInt32(0)..<8 { _ = producer.push(number, key: number == 0) }
        #expect(producer.push(8, key: true) == .replacedOlder(8))
        #expect(drain(ring) == [8])
    }

    @Test func aFullAudioRingDropsTheOldest() {
        let ring = FrameRing(kind: .audio, frameCapacity: 64)
        var producer = Producer(ring)
        ring.open()
        for number in UInt32(0)..<8 { #expect(producer.push(number, key: true) == .accepted) }
        #expect(producer.push(8, key: true) == .replacedOlder(1))
        #expect(drain(ring) == [1, 2, 3, 4, 5, 6, 7, 8])
    }

    @Test func twoThreadsNeverSeeATornOrReorderedFrame() {
        final class Reader: Sendable {
            let ring: FrameRing
            let received = Atomic<Int>(0)
            let faults = Atomic<Int>(0)
            let isDone = Atomic<Bool>(false)
            init(_ ring: FrameRing) { self.ring = ring }

            func run() {
                var frame = EncodedFrame(kind: .audio, capacity: 64)
                var last: UInt32 = 0
                while true {
                    let finished = isDone.load(ordering: .acquiring)
                    guard ring.pop(into: &frame) else {
                        if finished { return }
                        sched_yield()
                        continue
                    }
                    let low = value(frame)
                    let high = (4..<8).reduce(UInt32(0)) { $0 | UInt32(frame.bytes[$1]) << (8 * UInt32($1 - 4)) }
                    if high != ~low || low <= last { faults.add(1, ordering: .relaxed) }
                    last = low
                    received.add(1, ordering: .relaxed)
                }
            }
        }
        let ring = FrameRing(kind: .audio, frameCapacity: 64)
        ring.open()
        let reader = Reader(ring)
        var thread = pthread_t()
        let context = Unmanaged.passRetained(reader)
        pthread_create(
            &thread, nil,
            { pointer in
                Unmanaged<Reader>.fromOpaque(pointer!).takeRetainedValue().run()
                return nil
            }, context.toOpaque())
        var producer = Producer(ring)
        let total: UInt32 = 20_000
        for number in 1...total { _ = producer.push(number, key: true) }
        reader.isDone.store(true, ordering: .releasing)
        pthread_join(thread, nil)
        #expect(reader.faults.load(ordering: .relaxed) == 0)
        #expect(UInt64(reader.received.load(ordering: .relaxed)) + ring.drops.total == UInt64(total))
    }
}
