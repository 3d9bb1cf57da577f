import Primitives
import SCTP
import TestSupport
import Testing

/// Two sides over networks that lose, reorder and duplicate, in virtual time.
@Suite struct NetworkTests {
    /// Sends all messages as the buffer takes them, and runs until `count` have come.
    private func transfer(
        _ messages: [DataChannelMessage], over pair: ChannelPair, on channel: ChannelID, within limit: Duration,
        until isDone: () -> Bool
    ) throws -> Duration? {
        var next = 0
        let start = pair.now
        while next < messages.count || !isDone() {
            while next < messages.count,
                (try? pair.client.channels.send(messages[next], on: channel, now: pair.now)) != nil
            {
                next += 1
            }
            guard pair.now - start < limit else { return nil }
            let before = pair.client.channels.bufferedAmount(of: channel)
            _ = try pair.simulation.run(within: .seconds(5)) {
                isDone() || next < messages.count && pair.client.channels.bufferedAmount(of: channel) < before
            }
        }
        return pair.now - start
    }

    @Test func bothSidesStartAtOnceAndBecomeOneAssociation() throws {
        let pair = ChannelPair(seed: 1)
        let took = try #require(try pair.connect())
        // INIT, INIT ACK, COOKIE ECHO: one and a half round trips of 10 ms.
        #expect(took == .milliseconds(15) || took == .milliseconds(20))
        #expect(pair.client.connections == 1)
        #expect(pair.server.connections == 1)
    }

    @Test(arguments: 1...40 as ClosedRange<UInt64>)
    func everythingArrivesInOrderOverBadNetworks(seed: UInt64) throws {
        var random = RandomSource.seeded(seed)
        let link = LinkConditions(
            latency: .milliseconds(Int.random(in: 1...80, using: &random)),
            jitter: .milliseconds(Int.random(in: 0...30, using: &random)),
            loss: Double.random(in: 0...0.15, using: &random), duplication: Double.random(in: 0...0.1, using: &random),
            reordering: Double.random(in: 0...0.2, using: &random))
        let pair = ChannelPair(seed: seed, link: link)
        try #require(try pair.connect(within: .seconds(120)) != nil)
        pair.server.echoes = true
        var sent: [ChannelID: [DataChannelMessage]] = [:]
        var channels: [ChannelID] = []
        for index in 0..<4 {
            channels.append(
                try pair.client.channels.open(
                    DataChannelParameters(label: "\(index)", isOrdered: index % 2 == 0), now: pair.now))
        }
        for index in 0..<60 {
            let channel = channels[index % channels.count]
            let size =
                Bool.random(using: &random)
                ? Int.random(in: 0...200, using: &random) : Int.random(in: 0...20_000, using: &random)
            let bytes = payload(size, index)
            let message: DataChannelMessage = .binary(bytes)
            try pair.client.channels.send(message, on: channel, now: pair.now)
            sent[channel, default: []].append(message)
        }
        let total = sent.values.reduce(0) { $0 + $1.count }
        let took = try pair.simulation.run(within: .seconds(600)) {
            pair.client.messages.values.reduce(0) { $0 + $1.count } >= total
        }
        #expect(took != nil, "\(pair.client.messages.values.reduce(0) { $0 + $1.count }) of \(total)")
        #expect(Set(pair.server.opened.map(\.parameters.label)) == ["0", "1", "2", "3"])
        for (index, channel) in channels.enumerated() {
            let far = try #require(pair.server.opened.first { $0.parameters.label == "\(index)" })
            let there = pair.server.messages[far.id] ?? []
            let back = pair.client.messages[channel] ?? []
            if index % 2 == 0 {
                #expect(there == sent[channel])
                #expect(back == sent[channel])
            } else {
                #expect(Set(there) == Set(sent[channel] ?? []))
                #expect(there.count == sent[channel]?.count)
                #expect(Set(back) == Set(sent[channel] ?? []))
            }
        }
        try pair.simulation.run(for: .seconds(30))
        #expect(pair.client.channels.heldBytes == 0)
        #expect(pair.server.channels.heldBytes == 0)
    }

    /// 5 % loss, 100 ms round trip.
    @Test(arguments: 1...8 as ClosedRange<UInt64>)
    func aMegabitASecondAtFivePercentLoss(seed: UInt64) throws {
        let pair = ChannelPair(seed: seed, link: LinkConditions(latency: .milliseconds(50), loss: 0.05))
        try pair.connect()
        let channel = try pair.client.channels.open(DataChannelParameters(label: "file"), now: pair.now)
        let messages = (0..<240).map { DataChannelMessage.binary(payload(16_384, $0)) }
        let took = try #require(
            try transfer(messages, over: pair, on: channel, within: .seconds(300)) {
                pair.server.messages.values.first?.count == messages.count
            })
        let rate = DataSize(bytes: 240 * 16_384) / took
        #expect(rate > .kilobits(1000), "\(rate)")
        #expect(pair.server.messages.values.first == messages)
    }

    @Test func tenMegabytesOnALocalNetwork() throws {
        let pair = ChannelPair(
            seed: 3, link: LinkConditions(latency: .microseconds(500), rate: .kilobits(100_000)))
        try pair.connect()
        let channel = try pair.client.channels.open(DataChannelParameters(label: "file"), now: pair.now)
        let messages = (0..<160).map { DataChannelMessage.binary(payload(65_536, $0)) }
        let took = try #require(
            try transfer(messages, over: pair, on: channel, within: .seconds(60)) {
                pair.server.messages.values.first?.count == messages.count
            })
        let rate = DataSize(bytes: 160 * 65_536) / took
        #expect(rate > .kilobits(50_000), "\(rate)")
        #expect(pair.server.messages.values.first == messages)
    }

    /// A queue of 150 ms before a megabit: the window follows it, and little is sent twice.
    @Test(arguments: 1...3 as ClosedRange<UInt64>)
    func aNarrowLinkIsFilledWithoutMuchLoss(seed: UInt64) throws {
        let pair = ChannelPair(seed: seed, link: LinkConditions(latency: .milliseconds(20), rate: .kilobits(1000)))
        try pair.connect()
        let channel = try pair.client.channels.open(DataChannelParameters(label: "file"), now: pair.now)
        let messages = (0..<120).map { DataChannelMessage.binary(payload(16_384, $0)) }
        let sentBefore = pair.client.sentBytes
        let took = try #require(
            try transfer(messages, over: pair, on: channel, within: .seconds(120)) {
                pair.server.messages.values.first?.count == messages.count
            })
        #expect(DataSize(bytes: 120 * 16_384) / took > .kilobits(850))
        #expect(pair.client.sentBytes - sentBefore < 120 * 16_384 * 112 / 100)
    }

    /// What is given up is missing, and nothing else; the order stands.
    @Test(arguments: 1...10 as ClosedRange<UInt64>)
    func partialReliabilitySkipsAndKeepsTheOrder(seed: UInt64) throws {
        let pair = ChannelPair(
            seed: seed, link: LinkConditions(latency: .milliseconds(25), loss: 0.1, duplication: 0.02, reordering: 0.05)
        )
        try pair.connect()
        let reliability: Reliability = seed % 2 == 0 ? .maximumRetransmissions(0) : .maximumLifetime(.milliseconds(60))
        let channel = try pair.client.channels.open(
            DataChannelParameters(label: "state", reliability: reliability), now: pair.now)
        _ = try pair.simulation.run(within: .seconds(10)) { pair.client.accepted == [channel] }
        var sent: [DataChannelMessage] = []
        for index in 0..<200 {
            let message = DataChannelMessage.binary(payload(40 + index * 37 % 3000, index))
            try pair.client.channels.send(message, on: channel, now: pair.now)
            sent.append(message)
            try pair.simulation.run(for: .milliseconds(15))
        }
        try pair.simulation.run(for: .seconds(40))
        let received = try #require(pair.server.messages.values.first)
        #expect((100..<200).contains(received.count), "\(received.count)")
        let places = received.compactMap { sent.firstIndex(of: $0) }
        #expect(places.count == received.count)
        #expect(zip(places, places.dropFirst()).allSatisfy { $0 < $1 })
        #expect(Int(pair.client.channels.dropped[.messageAbandoned]) >= 200 - received.count)
        #expect(pair.client.channels.heldBytes == 0)
        #expect(pair.server.channels.heldBytes == 0)
    }

    /// The path is gone for twenty seconds, and comes back.
    @Test func anOutageIsSurvived() throws {
        let pair = ChannelPair(seed: 4, link: LinkConditions(latency: .milliseconds(25)))
        try pair.connect()
        let channel = try pair.client.channels.open(DataChannelParameters(label: "x"), now: pair.now)
        try pair.client.channels.send(.binary(payload(200_000, 1)), on: channel, now: pair.now)
        try pair.simulation.run(for: .milliseconds(200))
        pair.simulation.network.changeLinks(of: pair.serverHost) { $0.isDown = true }
        try pair.simulation.run(for: .seconds(20))
        pair.simulation.network.changeLinks(of: pair.serverHost) { $0.isDown = false }
        let took = try pair.simulation.run(within: .seconds(20)) { pair.server.messages.values.first?.count == 1 }
        #expect(took != nil)
        #expect(pair.server.messages.values.first == [.binary(payload(200_000, 1))])
    }
}
