import ICE
import Primitives
import TestSupport
import Testing

@Suite struct MDNSResolverTests {
    let name = "0b8e1b7c-2b3c-4a57-8a5e-1d3c5b7f9a11.local"
    let base = SocketAddress("192.0.2.1:5353")!
    let responder = SocketAddress("192.0.2.9:5353")!

    static func encode(_ name: String) -> [UInt8] {
        name.split(separator: ".").flatMap { [UInt8($0.utf8.count)] + Array($0.utf8) } + [0]
    }

    /// A response as a browser's responder sends it: authoritative, no questions, cache-flush bit set.
    static func response(_ name: String, _ addresses: String..., compressed: Bool = false) -> [UInt8] {
        var bytes: [UInt8] = [0, 0, 0x84, 0, 0, 0, 0, UInt8(addresses.count), 0, 0, 0, 0]
        for (index, text) in addresses.enumerated() {
            bytes += index > 0 && compressed ? [0xC0, 12] : encode(name)
            switch IPAddress(text)! {
            case .v4(let value):
                bytes += [0, 1, 0x80, 1, 0, 0, 0, 120, 0, 4]
                bytes += (0..<4).map { UInt8(truncatingIfNeeded: value >> (24 - 8 * $0)) }
            case .v6(let high, let low):
                bytes += [0, 28, 0x80, 1, 0, 0, 0, 120, 0, 16]
                bytes += (0..<8).map { UInt8(truncatingIfNeeded: high >> (56 - 8 * $0)) }
                bytes += (0..<8).map { UInt8(truncatingIfNeeded: low >> (56 - 8 * $0)) }
            }
        }
        return bytes
    }

    func poll(_ resolver: inout MDNSResolver, now: Instant) -> (Transmit, [UInt8])? {
        var packet = PacketBuffer(capacity: 1500)
        guard let transmit = resolver.pollTransmit(into: &packet, now: now) else { return nil }
        let bytes = packet.bytes.copied()
        return (transmit, bytes)
    }

    @Test func theQueryOnTheWire() throws {
        let now = ManualClock().now
        var resolver = MDNSResolver(bases: [base, SocketAddress("[fe80::1]:5353")!])
        resolver.resolve("Printer.local", now: now)
        let (transmit, bytes) = try #require(poll(&resolver, now: now))
        #expect(transmit == Transmit(source: base, destination: SocketAddress("224.0.0.251:5353")!))
        #expect(
            bytes
                == hex(
                    """
                    0000 0000 0002 0000 0000 0000
                    07 7072696e746572 05 6c6f63616c 00 0001 8001
                    07 7072696e746572 05 6c6f63616c 00 001c 8001
                    """))
        let second = try #require(poll(&resolver, now: now))
        #expect(second.0.destination == SocketAddress("[ff02::fb]:5353")!)
        #expect(poll(&resolver, now: now) == nil)
    }

    @Test func anAnswer() {
        let now = ManualClock().now
        var resolver = MDNSResolver(bases: [base])
        resolver.resolve(name, now: now)
        let answer = Self.response(name.uppercased(), "192.0.2.9", "2001:db8::9", compressed: true)
        resolver.handle(answer.span, from: responder, now: now)
        #expect(resolver.pollEvent() == .resolved(name, IPAddress("192.0.2.9")!))
        #expect(resolver.pollEvent() == .resolved(name, IPAddress("2001:db8::9")!))
        // Again, and somebody else's.
        resolver.handle(answer.span, from: responder, now: now)
        resolver.handle(Self.response("other.local", "192.0.2.10").span, from: responder, now: now)
        #expect(resolver.pollEvent() == nil)
        #expect(resolver.drops.total == 0)
    }

    @Test func noAnswerCostsFourQueriesAndNothingElse() {
        var clock = ManualClock()
        var resolver = MDNSResolver(bases: [base])
        let start = clock.now
        resolver.resolve(name, now: clock.now)
        resolver.resolve(name.uppercased(), now: clock.now)
        var times: [Int64] = []
        while true {
            while poll(&resolver, now: clock.now) != nil {
                times.append((clock.now - start).nanoseconds / 1_000_000_000)
            }
            guard let wake = resolver.nextTimeout else { break }
            #expect(wake.at > clock.now)
            clock.advance(to: wake.at)
            resolver.handleTimeout(now: clock.now)
        }
        #expect(times == [0, 1, 3, 7])
        #expect(resolver.pollEvent() == .unanswered(name))
        #expect(resolver.pollEvent() == nil)
    }

    @Test func whatIsNotBelieved() {
        let now = ManualClock().now
        var resolver = MDNSResolver(bases: [base])
        resolver.resolve(name, now: now)
        let answer = Self.response(name, "192.0.2.9")
        resolver.handle(answer.span, from: SocketAddress("192.0.2.9:1234")!, now: now)
        #expect(resolver.drops[.wrongPort] == 1)
        var query = answer
        query[2] = 0
        resolver.handle(query.span, from: responder, now: now)
        #expect(resolver.drops[.notAResponse] == 1)
        resolver.handle(Array(answer.dropLast()).span, from: responder, now: now)
        #expect(resolver.drops[.malformed] == 1)
        resolver.handle(Self.response(name, "224.0.0.1", "0.0.0.0").span, from: responder, now: now)
        #expect(resolver.pollEvent() == nil)
        // A pointer to itself, one forward, and a name without end.
        for name in [[0xC0, 12], [0xC0, 14], [63]] as [[UInt8]] {
            let bytes: [UInt8] =
                [0, 0, 0x84, 0, 0, 0, 0, 1, 0, 0, 0, 0] + name + [0, 1, 0, 1, 0, 0, 0, 1, 0, 4, 1, 2, 3, 4]
            resolver.handle(bytes.span, from: responder, now: now)
        }
        #expect(resolver.drops[.malformed] == 4)
    }

    /// A browser announces its names just before its offer, and must not repeat itself for a second.
    @Test func anAnnouncementBeforeTheQuestion() {
        var clock = ManualClock()
        var resolver = MDNSResolver(bases: [base])
        resolver.handle(Self.response(name, "192.0.2.9").span, from: responder, now: clock.now)
        #expect(resolver.pollEvent() == nil)
        #expect(!resolver.isAsking && resolver.nextTimeout == nil)
        resolver.resolve(name.uppercased(), now: clock.now)
        #expect(resolver.pollEvent() == .resolved(name.uppercased(), IPAddress("192.0.2.9")!))
        #expect(poll(&resolver, now: clock.now) == nil)
        // The other family's address may still come.
        resolver.handle(Self.response(name, "2001:db8::9", "192.0.2.9").span, from: responder, now: clock.now)
        #expect(resolver.pollEvent() == .resolved(name.uppercased(), IPAddress("2001:db8::9")!))
        #expect(resolver.pollEvent() == nil)
        clock.advance(by: .seconds(1))
        resolver.handleTimeout(now: clock.now)
        #expect(!resolver.isAsking && resolver.pollEvent() == nil)
    }

    @Test func announcementsAreBounded() {
        let now = ManualClock().now
        var resolver = MDNSResolver(bases: [base])
        for number in 0..<1000 {
            resolver.handle(Self.response("n\(number).local", "192.0.2.9").span, from: responder, now: now)
        }
        resolver.resolve("n0.local", now: now)
        resolver.resolve("n999.local", now: now)
        #expect(resolver.pollEvent() == .resolved("n999.local", IPAddress("192.0.2.9")!))
        #expect(resolver.pollEvent() == nil)
    }

    @Test func aSocketThatComesLaterAsksAtOnce() throws {
        let now = ManualClock().now
        var resolver = MDNSResolver(bases: [])
        resolver.resolve(name, now: now)
        #expect(poll(&resolver, now: now) == nil)
        resolver.setBases([base])
        #expect(try #require(poll(&resolver, now: now)).0.source == base)
        resolver.setBases([base])
        #expect(poll(&resolver, now: now) == nil)
    }

    @Test func whatIsNotAsked() {
        let now = ManualClock().now
        var resolver = MDNSResolver(bases: [base])
        for name in ["example.org", "local", ".local", "a..local", String(repeating: "x", count: 64) + ".local"] {
            resolver.resolve(name, now: now)
        }
        #expect(resolver.drops[.nameInvalid] == 5)
        for index in 0..<40 { resolver.resolve("host\(index).local", now: now) }
        #expect(resolver.drops[.tooManyQuestions] == 8)
        var queries = 0
        while poll(&resolver, now: now) != nil { queries += 1 }
        #expect(queries == 16 * 2 || queries == 32)
        resolver.cancel("host1.local")
        #expect(resolver.nextTimeout != nil)
    }

    @Test func hostileResponses() {
        let now = ManualClock().now
        var resolver = MDNSResolver(bases: [base])
        resolver.resolve(name, now: now)
        let corpus = [
            Self.response(name, "192.0.2.9"), Self.response(name, "192.0.2.9", "2001:db8::9", compressed: true),
            [0, 0, 0x84, 0, 0, 1, 0, 1, 0, 0, 0, 0] + Self.encode(name) + [
                0, 1, 0, 1, 0xC0, 12, 0, 1, 0x80, 1, 0, 0, 0, 1, 0, 4, 1, 2, 3, 4,
            ],
        ]
        Fuzzing.run(corpus: corpus, mutations: 20_000) { bytes in
            var copy = resolver
            copy.handle(bytes.span, from: responder, now: now)
            while copy.pollEvent() != nil {}
        }
    }
}
