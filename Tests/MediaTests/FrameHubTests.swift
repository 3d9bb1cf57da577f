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

/// One subscriber of a hub.
@Suite struct FrameHubTests {
    private struct Producer: ~Copyable {
        let hub: FrameHub
        var frame: EncodedFrame

        init(_ hub: FrameHub) {
            self.hub = hub
            frame = EncodedFrame(kind: hub.kind, capacity: 64)
        }

        mutating func push(_ number: UInt32, key: Bool = false, generation: UInt32? = nil) -> FrameHub.PushOutcome {
            fill(&frame, number, isKeyframe: key)
            return hub.push(&frame, generation: generation ?? hub.generation ?? 0)
        }
    }

    private func drain(_ ring: FrameSubscriber) -> [UInt32] {
        var values: [UInt32] = []
        while let frame = ring.pop() { values.append(frame.withFrame(value)) }
        return values
    }

    @Test func keepsOrderAndContents() {
        let hub = FrameHub(kind: .video, frameCapacity: 64)
        let ring = hub.subscribe()!
        var producer = Producer(hub)
        ring.open()
        #expect(producer.push(1, key: true) == .accepted)
        #expect(producer.push(2) == .accepted)
        #expect(producer.push(3) == .accepted)
        #expect(drain(ring) == [1, 2, 3])
        #expect(ring.pushedCount == 3)
        #expect(ring.drops.total == 0)
    }

    @Test func aClosedSubscriberTakesNothing() {
        let hub = FrameHub(kind: .video, frameCapacity: 64)
        let ring = hub.subscribe()!
        var producer = Producer(hub)
        #expect(hub.generation == nil)
        #expect(producer.push(1, key: true) == .closed)
        ring.open()
        let first = hub.generation!
        #expect(producer.push(2, key: true) == .accepted)
        ring.close()
        #expect(hub.generation == nil)
        #expect(drain(ring) == [])
        ring.open()
        // Seen for the first monitor, finished after the second came.
        #expect(producer.push(3, key: true, generation: first) == .closed)
        #expect(producer.push(4, key: true) == .accepted)
        #expect(drain(ring) == [4])
        #expect(hub.drops[.stale] == 2)
    }

    @Test func theFirstVideoFrameIsAKeyframe() {
        let hub = FrameHub(kind: .video, frameCapacity: 64)
        let ring = hub.subscribe()!
        var producer = Producer(hub)
        ring.open()
        #expect(producer.push(1) == .keyframeNeeded)
        #expect(producer.push(2, key: true) == .accepted)
        #expect(drain(ring) == [2])
    }

    @Test func aFullVideoQueueDropsUpToTheNextKeyframe() {
        let hub = FrameHub(kind: .video, frameCapacity: 64)
        let ring = hub.subscribe()!
        var producer = Producer(hub)
        ring.open()
        for number in UInt32(0)..<8 { #expect(producer.push(number, key: number == 0 || number == 5) == .accepted) }
        #expect(producer.push(8) == .replacedOlder(5))
        #expect(drain(ring) == [5, 6, 7, 8])
        #expect(ring.drops[.overflow] == 5)
    }

    @Test func aFullVideoQueueWithoutAKeyframeWaitsForOne() {
        let hub = FrameHub(kind: .video, frameCapacity: 64)
        let ring = hub.subscribe()!
        var producer = Producer(hub)
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
        let hub = FrameHub(kind: .video, frameCapacity: 64)
        let ring = hub.subscribe()!
        var producer = Producer(hub)
        ring.open()
        for number in UInt32(0)..<8 { _ = producer.push(number, key: number == 0) }
        #expect(producer.push(8, key: true) == .replacedOlder(8))
        #expect(drain(ring) == [8])
    }

    @Test func aFullAudioQueueDropsTheOldest() {
        let hub = FrameHub(kind: .audio, frameCapacity: 64)
        let ring = hub.subscribe()!
        var producer = Producer(hub)
        ring.open()
        for number in UInt32(0)..<8 { #expect(producer.push(number, key: true) == .accepted) }
        #expect(producer.push(8, key: true) == .replacedOlder(1))
        #expect(drain(ring) == [1, 2, 3, 4, 5, 6, 7, 8])
    }

    @Test func twoThreadsNeverSeeATornOrReorderedFrame() {
        final class Reader: Sendable {
            let ring: FrameSubscriber
            let received = Atomic<Int>(0)
            let faults = Atomic<Int>(0)
            let isDone = Atomic<Bool>(false)
            init(_ ring: FrameSubscriber) { self.ring = ring }

            func run() {
                var last: UInt32 = 0
                while true {
                    let finished = isDone.load(ordering: .acquiring)
                    guard let frame = ring.pop() else {
                        if finished { return }
                        sched_yield()
                        continue
                    }
                    let (low, high) = frame.withFrame { frame in
                        var high: UInt32 = 0
                        for index in 4..<8 { high |= UInt32(frame.bytes[index]) << (8 * UInt32(index - 4)) }
                        return (value(frame), high)
                    }
                    if high != ~low || low <= last { faults.add(1, ordering: .relaxed) }
                    last = low
                    received.add(1, ordering: .relaxed)
                }
            }
        }
        let hub = FrameHub(kind: .audio, frameCapacity: 64)
        let ring = hub.subscribe()!
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
        var producer = Producer(hub)
        let total: UInt32 = 20_000
        for number in 1...total { _ = producer.push(number, key: true) }
        reader.isDone.store(true, ordering: .releasing)
        pthread_join(thread, nil)
        #expect(reader.faults.load(ordering: .relaxed) == 0)
        #expect(UInt64(reader.received.load(ordering: .relaxed)) + ring.drops.total == UInt64(total))
    }
}
