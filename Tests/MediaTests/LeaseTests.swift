import Primitives
import Testing

@testable import Media

/// The truth table, walked by moving real hubs into each of its cells.
@Suite struct LeaseTests {
    static let leases: [Lease] = [.session("S1"), .recording("R1"), .snapshot, .doctor]

    private func makeHub() throws -> MediaHub {
        try MediaHub(
            control: EncoderControl(
                videoBitrate: .kilobits(600), frameRate: 30, width: 320, height: 240, audioBitrate: .kilobits(32)))
    }

    /// Gets `lease` there for pictures, by the ways that agent and network thread have.
    private func move(_ lease: Lease, to phase: Lease.Phase, on hub: MediaHub) throws -> MediaSubscriber {
        let subscriber = try #require(hub.subscribe(lease))
        switch phase {
        case .none:
            // All that does not help without a lease on the camera.
            hub.hold(lease, [.audio])
            subscriber.take([.audio, .video])
            hub.permit(lease)
        case .warming: hub.hold(lease, [.video])
        case .connected:
            hub.hold(lease, [.video])
            subscriber.take([.video])
        case .permitted:
            hub.hold(lease, [.video])
            hub.permit(lease)
        case .live:
            subscriber.take([.video])
            hub.hold(lease, [.video])
            hub.permit(lease)
        }
        return subscriber
    }

    private func expect(_ rights: Lease.Rights, of lease: Lease, on hub: MediaHub, _ subscriber: MediaSubscriber) {
        #expect(hub.rights(of: lease, .video) == rights)
        #expect((hub.videoGate.opening != nil) == rights.isDeviceOpen)
        #expect((hub.video.generation != nil) == rights.isEncoded)
        var frame = EncodedFrame(kind: .video, capacity: 64)
        frame.isKeyframe = true
        frame.withUnsafeMutableMemory(resizedTo: 1) { $0[0] = 7 }
        let outcome = hub.video.push(&frame, generation: hub.video.generation ?? .max)
        #expect((outcome == .accepted) == (rights.isEncoded && rights.mayLeave))
        let bytes = subscriber.pop(.video)?.withFrame { $0.count }
        #expect(bytes == (rights.isEncoded && rights.mayLeave ? 1 : nil))
    }

    @Test(arguments: leases, Lease.Phase.allCases)
    func eachCellIsWhatTheHubDoes(_ lease: Lease, _ phase: Lease.Phase) throws {
        let hub = try makeHub()
        let subscriber = try move(lease, to: phase, on: hub)
        expect(lease.rights(in: phase), of: lease, on: hub, subscriber)
        // From everywhere a release, and the end of the subscriber, lead to none.
        hub.release(lease)
        expect(lease.rights(in: .none), of: lease, on: hub, subscriber)
        subscriber.end()
        #expect(hub.video.slotsInUse == 0)
    }

    /// Kept apart from the table's own words: what no change of it may ever say.
    @Test(arguments: leases, Lease.Phase.allCases)
    func whatHoldsInEveryRow(_ lease: Lease, _ phase: Lease.Phase) {
        let rights = lease.rights(in: phase)
        #expect(rights.isDeviceOpen == (phase != .none), "a device is open exactly while a lease is held")
        if rights.isEncoded || rights.mayLeave { #expect(rights.isDeviceOpen) }
        switch lease {
        case .session, .recording: #expect(rights.mayLeave == (phase == .live) && rights.isEncoded == rights.mayLeave)
        case .snapshot: #expect(!rights.isEncoded && rights.mayLeave == (phase == .permitted || phase == .live))
        case .doctor: #expect(rights.mayLeave == (phase == .connected || phase == .live))
        }
    }

    @Test func aSessionsWayThroughItsPhases() {
        var book = LeaseBook()
        let lease = Lease.session("S1")
        #expect(book.phase(of: lease, .video) == .none)
        // A permission for what nobody holds is none later either.
        book.permit(lease, true)
        book.hold(lease, [.audio, .video])
        #expect(book.phase(of: lease, .video) == .warming && book.isDeviceOpen(.audio))
        book.take(lease, [.video])
        #expect(book.phase(of: lease, .video) == .connected && book.phase(of: lease, .audio) == .warming)
        book.permit(lease, true)
        #expect(book.phase(of: lease, .video) == .live && book.phase(of: lease, .audio) == .permitted)
        book.release(lease, [.audio])
        #expect(book.phase(of: lease, .audio) == .none && !book.isDeviceOpen(.audio) && book.isDeviceOpen(.video))
        #expect(book.phase(of: lease, .video) == .live)
        book.permit(lease, false)
        #expect(book.phase(of: lease, .video) == .connected)
        book.permit(lease, true)
        book.release(lease, [.video])
        book.hold(lease, [.video])
        #expect(book.phase(of: lease, .video) == .connected, "the permission ended with the lease")
        #expect(book.phase(of: .session("S2"), .video) == .none)
    }

    @Test func aDeviceIsOpenAsLongAsSomebodyHoldsIt() throws {
        let hub = try makeHub()
        hub.hold(.session("S1"), [.audio, .video])
        let opening = hub.videoGate.opening
        hub.hold(.recording("R1"), [.video])
        #expect(hub.videoGate.opening == opening, "who joins does not open it anew")
        hub.release(.session("S1"))
        #expect(hub.videoGate.opening == opening && hub.audioGate.opening == nil)
        hub.hold(.snapshot, [.video])
        hub.release(.recording("R1"))
        #expect(hub.videoGate.opening == opening)
        hub.release(.snapshot)
        #expect(hub.videoGate.opening == nil)
        hub.hold(.doctor, [.video])
        #expect(hub.videoGate.opening != opening && hub.videoGate.opening != nil)
    }
}
