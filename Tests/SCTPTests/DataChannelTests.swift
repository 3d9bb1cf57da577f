import CAllocations
import Primitives
import TestSupport
import Testing

@testable import SCTP

/// Channels: opening, closing, what they carry (RFC 8831, RFC 8832), and what they cost.
@Suite struct DataChannelTests {
    private func connected(
        _ seed: UInt64 = 1, link: LinkConditions = LinkConditions(latency: .milliseconds(5)),
        maximumChannels: Int = 1024
    ) throws -> ChannelPair {
        let pair = ChannelPair(seed: seed, link: link, maximumChannels: maximumChannels)
        try #require(try pair.connect() != nil)
        return pair
    }

    @Test func theClientOpensOnEvenStreamsAndTheServerOnOddOnes() throws {
        let pair = try connected()
        let parameters = DataChannelParameters(
            label: "größe", subprotocol: "v1", isOrdered: false, reliability: .maximumRetransmissions(3), priority: 512)
        let first = try pair.client.channels.open(parameters, now: pair.now)
        let second = try pair.client.channels.open(
            DataChannelParameters(label: "", reliability: .maximumLifetime(.milliseconds(70))), now: pair.now)
        let third = try pair.server.channels.open(DataChannelParameters(label: "back"), now: pair.now)
        try pair.simulation.run(for: .seconds(1))
        #expect(pair.client.channels.stream(of: first) == StreamID(0))
        #expect(pair.client.channels.stream(of: second) == StreamID(2))
        #expect(pair.server.channels.stream(of: third) == StreamID(1))
        #expect(pair.client.accepted == [first, second])
        #expect(pair.server.accepted == [third])
        #expect(pair.server.opened.map(\.stream) == [StreamID(0), StreamID(2)])
        #expect(pair.server.opened[0].parameters == parameters)
        #expect(pair.server.opened[1].parameters.reliability == .maximumLifetime(.milliseconds(70)))
    }

    @Test func whatIsSentBeforeTheConnectionArrives() throws {
        let pair = ChannelPair(seed: 2)
        let channel = try pair.client.channels.open(
            DataChannelParameters(label: "early", isOrdered: false), now: pair.now)
        for index in 0..<5 as Range<UInt8> {
            try pair.client.channels.send(.text([0x30 + index]), on: channel, now: pair.now)
        }
        try pair.connect()
        try pair.simulation.run(for: .seconds(1))
        // Ordered until the peer has acknowledged the channel.
        #expect(pair.server.messages[pair.server.opened[0].id] == (0..<5).map { .text([0x30 + $0]) })
    }

    @Test func emptyMessagesAndTextsArriveAsSuch() throws {
        let pair = try connected()
        let channel = try pair.client.channels.open(DataChannelParameters(label: "x"), now: pair.now)
        let messages: [DataChannelMessage] = [.text([]), .binary([]), .text(Array("ü".utf8)), .binary([0])]
        for message in messages { try pair.client.channels.send(message, on: channel, now: pair.now) }
        try pair.client.channels.send(.text([0xFF]), on: channel, now: pair.now)
        try pair.simulation.run(for: .seconds(1))
        #expect(pair.server.messages[pair.server.opened[0].id] == messages)
        #expect(pair.server.channels.dropped[.textInvalid] == 1)
    }

    @Test func agreedChannelsNeedNoMessage() throws {
        let pair = try connected()
        let parameters = DataChannelParameters(label: "agreed")
        let here = try pair.client.channels.open(parameters, negotiatedOn: StreamID(77))
        let there = try pair.server.channels.open(parameters, negotiatedOn: StreamID(77))
        #expect(throws: DataChannelError.streamUnavailable(StreamID(77))) {
            try pair.client.channels.open(parameters, negotiatedOn: StreamID(77))
        }
        try pair.client.channels.send(.binary([1]), on: here, now: pair.now)
        try pair.server.channels.send(.binary([2]), on: there, now: pair.now)
        try pair.simulation.run(for: .seconds(1))
        #expect(pair.server.messages[there] == [.binary([1])])
        #expect(pair.client.messages[here] == [.binary([2])])
        pair.client.channels.close(here)
        try pair.simulation.run(for: .seconds(2))
        #expect(pair.client.closed == [here])
        #expect(pair.server.closed == [there])
    }

    @Test func closingSendsWhatWasTakenAndFreesTheStream() throws {
        let pair = try connected()
        let channel = try pair.client.channels.open(DataChannelParameters(label: "x"), now: pair.now)
        let bytes = payload(200_000, 1)
        try pair.client.channels.send(.binary(bytes), on: channel, now: pair.now)
        pair.client.channels.close(channel)
        #expect(throws: DataChannelError.channelClosing) {
            try pair.client.channels.send(.binary([1]), on: channel, now: pair.now)
        }
        try pair.simulation.run(for: .seconds(5))
        let far = pair.server.opened[0].id
        #expect(pair.server.messages[far] == [.binary(bytes)])
        #expect(pair.client.closed == [channel])
        #expect(pair.server.closed == [far])
        #expect(throws: DataChannelError.channelUnknown) {
            try pair.client.channels.send(.binary([1]), on: channel, now: pair.now)
        }
        let next = try pair.client.channels.open(DataChannelParameters(label: "y"), now: pair.now)
        #expect(pair.client.channels.stream(of: next) == StreamID(0))
    }

    @Test(arguments: 1...6 as ClosedRange<UInt64>)
    func aThousandChannelsComeAndGoWithoutGrowth(seed: UInt64) throws {
        let pair = try connected(
            seed, link: LinkConditions(latency: .milliseconds(5), loss: seed % 2 == 0 ? 0.05 : 0, reordering: 0.1))
        for round in 0..<50 {
            var channels: [(ChannelNode, ChannelID)] = []
            for index in 0..<20 {
                let side = index % 2 == 0 ? pair.client : pair.server
                let channel = try side.channels.open(DataChannelParameters(label: "\(round) \(index)"), now: pair.now)
                try side.channels.send(.binary(payload(100, index)), on: channel, now: pair.now)
                channels.append((side, channel))
            }
            if round % 2 == 0 { try pair.simulation.run(for: .milliseconds(100)) }
            // From either side, or both at once; a peer that has not heard of a channel yet cannot close it.
            for (index, (side, channel)) in channels.enumerated() {
                let other = side === pair.client ? pair.server : pair.client
                let far = other.opened.first { $0.parameters.label == "\(round) \(index)" }
                if let far, index % 3 != 1 { other.channels.close(far.id) }
                if far == nil || index % 3 != 0 { side.channels.close(channel) }
            }
            let took = try pair.simulation.run(within: .seconds(120)) {
                pair.client.channels.channelCount == 0 && pair.server.channels.channelCount == 0
            }
            try #require(
                took != nil,
                "round \(round): \(pair.client.channels.channelCount) and \(pair.server.channels.channelCount) channels"
            )
        }
        try pair.simulation.run(for: .seconds(10))
        #expect(pair.client.closed.count == 1000)
        #expect(pair.server.closed.count == 1000)
        #expect(pair.client.messages.count + pair.server.messages.count == 1000)
        for side in [pair.client, pair.server] {
            #expect(side.channels.heldBytes == 0)
            #expect(side.channels.rememberedStreams == 0)
        }
    }

    @Test func moreChannelsThanTheLimitAreRefusedByName() throws {
        let pair = try connected(maximumChannels: 3)
        for index in 0..<3 {
            _ = try pair.client.channels.open(DataChannelParameters(label: "\(index)"), now: pair.now)
        }
        #expect(throws: DataChannelError.tooManyChannels(limit: 3)) {
            try pair.client.channels.open(DataChannelParameters(label: "4"), now: pair.now)
        }
        try pair.simulation.run(for: .seconds(1))
        #expect(throws: DataChannelError.tooManyChannels(limit: 3)) {
            try pair.server.channels.open(DataChannelParameters(label: "5"), now: pair.now)
        }
        #expect(throws: DataChannelError.textTooLong(limit: 65_535)) {
            try pair.server.channels.open(
                DataChannelParameters(label: String(repeating: "x", count: 65_536)), now: pair.now)
        }
    }

    @Test func thePeersChannelsBeyondTheLimitAreClosed() throws {
        let pair = ChannelPair(seed: 9, maximumChannels: 4)
        try pair.connect()
        // Each side has room for four: two of its own, and two of the peer's three.
        for index in 0..<2 {
            _ = try pair.server.channels.open(DataChannelParameters(label: "own \(index)"), now: pair.now)
        }
        for index in 0..<3 {
            _ = try pair.client.channels.open(DataChannelParameters(label: "\(index)"), now: pair.now)
        }
        try pair.simulation.run(for: .seconds(5))
        #expect(pair.server.channels.dropped[.tooManyChannels] == 1)
        #expect(pair.client.channels.dropped[.tooManyChannels] == 1)
        #expect(pair.client.closed.count == 1)
        #expect(pair.server.closed.count == 1)
    }

    @Test func anEndClosesEveryChannel() throws {
        let pair = try connected()
        let channel = try pair.client.channels.open(DataChannelParameters(label: "x"), now: pair.now)
        try pair.client.channels.send(.binary(payload(50_000, 3)), on: channel, now: pair.now)
        pair.client.channels.shutdown(now: pair.now)
        try pair.simulation.run(for: .seconds(5))
        #expect(pair.server.messages[pair.server.opened[0].id] == [.binary(payload(50_000, 3))])
        #expect(pair.client.closed == [channel])
        #expect(pair.server.closed == [pair.server.opened[0].id])
        #expect(pair.client.ends == [.shutdown])
        #expect(pair.server.ends == [.shutdown])
        #expect(throws: DataChannelError.refused(.associationEnded)) {
            try pair.client.channels.open(DataChannelParameters(label: "y"), now: pair.now)
        }
    }

    @Test func hostileOpenings() {
        var lone = Lone.established()
        lone.association.abort()
        let open = EstablishmentMessage.open(DataChannelParameters(label: "ab", subprotocol: "c"))
        #expect(open.bytes == [3, 0, 1, 0, 0, 0, 0, 0, 0, 2, 0, 1, 0x61, 0x62, 0x63])
        #expect((try? EstablishmentMessage(open.bytes.span)) == open)
        for count in 0..<open.bytes.count {
            #expect(throws: SCTPError.truncated) { try EstablishmentMessage(Array(open.bytes.prefix(count)).span) }
        }
        var wrong = open.bytes
        wrong[1] = 3
        #expect(throws: SCTPError.fieldInvalid) { try EstablishmentMessage(wrong.span) }
        wrong = open.bytes
        wrong[12] = 0xFF
        #expect(throws: SCTPError.textInvalid) { try EstablishmentMessage(wrong.span) }
        #expect(throws: SCTPError.messageTypeUnknown(9)) { try EstablishmentMessage([9].span) }
    }

    /// Media first: with what a picture of 2.5 Mbit/s leaves as allowance, no packet of data makes a picture wait for longer than itself.
    @Test func dataKeepToTheirAllowance() throws {
        let pair = try connected(link: LinkConditions(latency: .milliseconds(20), rate: .kilobits(3000)))
        let channel = try pair.client.channels.open(DataChannelParameters(label: "file"), now: pair.now)
        try pair.client.channels.send(.binary(payload(260_000, 1)), on: channel, now: pair.now)
        try pair.client.channels.send(.binary(payload(260_000, 2)), on: channel, now: pair.now)
        try pair.simulation.run(for: .seconds(1))
        pair.client.allowance = .zero
        try pair.simulation.run(for: .milliseconds(200))
        let before = pair.client.sentBytes
        // 20 ms of the half megabit that media leave, fifty times a second.
        for _ in 0..<100 {
            pair.client.allowance = DataSize(bytes: 1250)
            try pair.simulation.run(for: .milliseconds(20))
        }
        let sent = pair.client.sentBytes - before
        #expect(sent > 60_000 && sent <= 100 * 1250 + 100 * 40, "\(sent)")
        pair.client.allowance = nil
        let took = try pair.simulation.run(within: .seconds(60)) { pair.server.messages.values.first?.count == 2 }
        #expect(took != nil)
    }

    /// A steady stream of messages asks for memory as messages, not as packets.
    @Test func packetsTakeNoMemory() throws {
        func associations() -> (Association, Association) {
            let configuration = AssociationConfiguration()
            return (
                Association(configuration, authenticator: .openSSL, random: .seeded(1)),
                Association(configuration, authenticator: .openSSL, random: .seeded(2))
            )
        }
        var (here, there) = associations()
        var now = Instant(nanoseconds: 1_000_000_000)
        var packet = PacketBuffer(capacity: 1500)
        var packets = 0
        var received = 0
        func exchange() {
            var isMoving = true
            while isMoving {
                isMoving = false
                while here.pollTransmit(into: &packet, now: now) {
                    there.handle(packet.bytes, now: now)
                    packet.removeAll()
                    packets += 1
                    isMoving = true
                }
                while let event = there.pollEvent() { if case .message = event { received += 1 } }
                while there.pollTransmit(into: &packet, now: now) {
                    here.handle(packet.bytes, now: now)
                    packet.removeAll()
                    isMoving = true
                }
                while here.pollEvent() != nil {}
            }
        }
        here.start(now: now)
        exchange()
        #expect(here.isEstablished && there.isEstablished)
        let message = payload(65_536, 1)
        func transfer(_ count: Int) throws {
            for _ in 0..<count {
                try here.send(message, on: StreamID(0), .binary, now: now)
                while here.heldBytes > 0 {
                    exchange()
                    now += .milliseconds(250)
                    there.handleTimeout(now: now)
                    here.handleTimeout(now: now)
                }
            }
        }
        try transfer(50)
        let (before, packetsBefore, receivedBefore) = (allocations_of_this_thread(), packets, received)
        try transfer(50)
        let taken = Int(allocations_of_this_thread() - before)
        #expect(received - receivedBefore == 50)
        #expect(packets - packetsBefore > 50 * 55)
        // One for each message: its own bytes, which the application keeps.
        #expect(taken <= 2 * 50, "\(taken) allocations for \(packets - packetsBefore) packets")
    }
}
