import Primitives
import SCTP
import SDP
import TestSupport
import Testing

@testable import Peer

/// Data channels of a session, over the simulated network.
@Suite struct DataChannelTests {
    private static let label = DataChannelParameters(label: "control")

    private func connected(seed: UInt64 = 1, bitrates: PeerBitrates = PeerBitrates(), uplink: LinkConditions? = nil)
        throws -> Pair
    {
        let pair = try Pair(seed: seed, bitrates: bitrates, data: DataCapability())
        _ = try #require(try pair.connect())
        if let uplink {
            pair.simulation.network.setLinks(
                of: pair.kioskHost, uplink: uplink, downlink: LinkConditions(latency: uplink.latency))
        }
        return pair
    }

    /// Opens a channel at the monitor and waits until the kiosk has it.
    private func open(_ pair: Pair) throws -> (monitor: PeerChannel, kiosk: PeerChannel) {
        let before = pair.kiosk.channelEvents.count
        let ours = try pair.monitor.session.openChannel(Self.label, now: pair.simulation.now)
        _ = try #require(
            try pair.simulation.run(within: .seconds(5)) { pair.kiosk.channelEvents.count > before })
        guard case .opened(let theirs, let parameters) = pair.kiosk.channelEvents[before] else {
            Issue.record("no channel was opened")
            throw CancellationError()
        }
        #expect(parameters.label == "control")
        return (ours, theirs)
    }

    private func messages(_ peer: SimulatedPeer) -> [DataChannelMessage] {
        peer.channelEvents.compactMap { if case .message(_, let message) = $0 { message } else { nil } }
    }

    private func noise(_ count: Int, _ seed: UInt64) -> [UInt8] {
        var random = RandomSource.seeded(seed)
        return (0..<count).map { _ in UInt8.random(in: 0...255, using: &random) }
    }

    @Test(
        "Messages of every size arrive whole and in order, both ways, beside media and without",
        arguments: [true, false])
    func messagesArrive(withMedia: Bool) throws {
        let pair = try connected(uplink: LinkConditions(latency: .milliseconds(10), loss: 0.05))
        if withMedia { pair.startMedia() }
        let channel = try open(pair)
        var sent: [DataChannelMessage] = [.text([]), .binary([]), .text(Array("grüß".utf8))]
        for (index, size) in [1, 1000, 1160, 1161, 65_536, 262_144].enumerated() {
            sent.append(.binary(noise(size, UInt64(index))))
        }
        for message in sent {
            try pair.monitor.session.send(message, on: channel.monitor, now: pair.simulation.now)
            try pair.kiosk.session.send(message, on: channel.kiosk, now: pair.simulation.now)
        }
        _ = try #require(
            try pair.simulation.run(within: .seconds(60)) {
                messages(pair.kiosk).count == sent.count && messages(pair.monitor).count == sent.count
            })
        #expect(messages(pair.kiosk) == sent)
        #expect(messages(pair.monitor) == sent)
        #expect(pair.kiosk.session.snapshot.sessionDrops[.dtlsApplicationData] == 0)
    }

    @Test("A channel is there within a second round trip of the connection")
    func opensSoon() throws {
        let pair = try connected(uplink: LinkConditions(latency: .milliseconds(20)))
        let began = pair.simulation.now
        _ = try open(pair)
        #expect(pair.simulation.now - began < .milliseconds(200))
    }

    @Test("The kiosk opens channels too, and either side closes")
    func kioskOpens() throws {
        let pair = try connected()
        let first = try pair.kiosk.session.openChannel(Self.label, now: pair.simulation.now)
        try pair.simulation.run(for: .seconds(1))
        let second = try open(pair)
        #expect(pair.kiosk.channelEvents.contains(.accepted(first)))
        pair.monitor.session.closeChannel(second.monitor)
        pair.kiosk.session.closeChannel(first)
        try pair.simulation.run(for: .seconds(2))
        for channel in [first, second.kiosk] {
            #expect(pair.kiosk.channelEvents.contains(.closed(channel)))
            #expect(throws: DataChannelError.channelUnknown) {
                try pair.kiosk.session.send(.text([65]), on: channel, now: pair.simulation.now)
            }
        }
    }

    @Test("Without a section nothing is opened, and what comes is counted")
    func absent() throws {
        let pair = try Pair()
        _ = try #require(try pair.connect())
        #expect(throws: DataChannelError.refused(.associationEnded)) {
            try pair.monitor.session.openChannel(Self.label, now: pair.simulation.now)
        }
    }

    @Test("Channels end with the session, and no wake-up is left")
    func endsWithSession() throws {
        let pair = try connected()
        let channel = try open(pair)
        pair.kiosk.session.close(now: pair.simulation.now)
        try pair.simulation.run(for: .seconds(1))
        #expect(pair.kiosk.channelEvents.last == .closed(channel.kiosk))
        #expect(pair.monitor.channelEvents.contains(.closed(channel.monitor)))
        #expect(pair.kiosk.session.nextTimeout == nil)
    }

    @Test("A later offer without the section closes the channels and nothing else")
    func withdrawn() throws {
        let pair = try connected()
        pair.startMedia()
        let channel = try open(pair)
        pair.changeOffer = { $0.replacing("m=application 9", with: "m=application 0") }
        try pair.offer()
        try pair.simulation.run(for: .seconds(2))
        #expect(pair.kiosk.channelEvents.last == .closed(channel.kiosk))
        #expect(pair.kiosk.isConnected)
        let before = pair.monitor.video.count
        try pair.simulation.run(for: .seconds(1))
        #expect(pair.monitor.video.count > before + 20)
    }

    @Test("An ICE restart leaves channels as they are")
    func restart() throws {
        let pair = try connected()
        let channel = try open(pair)
        try pair.offer()
        try pair.simulation.run(for: .seconds(2))
        try pair.monitor.session.send(.text([65]), on: channel.monitor, now: pair.simulation.now)
        try pair.simulation.run(for: .seconds(1))
        #expect(messages(pair.kiosk) == [.text([65])])
    }

    @Test("A download beside a picture of 2.5 Mbit/s delays it by less than 20 ms and still goes on", arguments: 1...4)
    func mediaFirst(seed: Int) throws {
        let pair = try connected(
            seed: UInt64(seed), bitrates: PeerBitrates(maximum: .kilobits(2700)),
            uplink: LinkConditions(latency: .milliseconds(20), rate: .kilobits(4000)))
        pair.encoderFollows = true
        pair.startMedia()
        let channel = try open(pair)
        try pair.simulation.run(for: .seconds(20))
        let quiet = delays(pair, from: 300)
        let before = pair.monitor.video.count
        let block = DataChannelMessage.binary(noise(65_536, 9))
        func refill() {
            while pair.kiosk.session.bufferedAmount(of: channel.kiosk) < 200_000 {
                do { try pair.kiosk.session.send(block, on: channel.kiosk, now: pair.simulation.now) } catch { return }
            }
            pair.simulation.schedule(after: .milliseconds(50), refill)
        }
        refill()
        try pair.simulation.run(for: .seconds(20))
        let busy = delays(pair, from: before)
        let bytes = messages(pair.monitor).count * 65_536
        #expect(pair.monitor.video.count - before > 570)
        #expect(median(busy) - median(quiet) < .milliseconds(20), "median \(median(quiet)) became \(median(busy))")
        #expect(worst(busy) - worst(quiet) < .milliseconds(20), "p95 \(worst(quiet)) became \(worst(busy))")
        let target = try #require(pair.kiosk.session.snapshot.target)
        #expect(target >= .kilobits(2600), "the picture gave way to the download: \(target)")
        // At least a fifth of what the picture leaves: 1.4 Mbit/s for 20 s.
        #expect(bytes > 700_000, "\(bytes) bytes in 20 s")
    }

    /// From the capture to the last packet, of the pictures that arrived as the `first` and later.
    private func delays(_ pair: Pair, from first: Int) -> [Duration] {
        pair.monitor.video.dropFirst(first).map { $0.at - pair.captured[Int($0.number)] }.sorted()
    }

    private func median(_ sorted: [Duration]) -> Duration { sorted[sorted.count / 2] }
    private func worst(_ sorted: [Duration]) -> Duration { sorted[sorted.count * 95 / 100] }
}
