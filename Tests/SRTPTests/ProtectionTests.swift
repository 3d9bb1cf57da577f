import Primitives
import SRTP
import Testing

@Suite struct ProtectionTests {
    static func key(_ profile: SRTPProfile, seed: UInt8 = 1) -> SRTPMasterKey {
        SRTPMasterKey(
            profile: profile, key: (0..<profile.keyLength).map { UInt8($0) &* 7 &+ seed },
            salt: (0..<profile.saltLength).map { UInt8($0) &* 5 &+ seed })
    }

    static func packet(sequence: UInt16, ssrc: UInt32 = 0x1234_5678, size: Int = 100) -> PacketBuffer {
        var packet = PacketBuffer(capacity: 1500)
        packet.write { writer in
            writer.write(0x80 as UInt8)
            writer.write(96 as UInt8)
            writer.write(sequence)
            writer.write(90_000 as UInt32)
            writer.write(ssrc)
            for index in 0..<size { writer.write(UInt8(truncatingIfNeeded: index)) }
        }
        return packet
    }

    /// A receiver report without blocks (RFC 3550 section 6.4.2).
    static func report(ssrc: UInt32 = 0x1234_5678) -> PacketBuffer {
        var packet = PacketBuffer(capacity: 1500)
        packet.write { writer in
            writer.write(0x80C9_0001 as UInt32)
            writer.write(ssrc)
        }
        return packet
    }

    static func error(_ body: () throws(SRTPError) -> Void) -> SRTPError? {
        do throws(SRTPError) { try body() } catch { return error }
        return nil
    }

    @Test("A peer that speaks for ever more sources is heard for the first ones only")
    func sources() throws {
        var sender = try SRTPSender(key: Self.key(.aeadAES128GCM))
        var receiver = try SRTPReceiver(key: Self.key(.aeadAES128GCM))
        func error(_ sequence: UInt16, from ssrc: UInt32, control: Bool = false) throws -> SRTPError? {
            var packet = control ? Self.report(ssrc: ssrc) : Self.packet(sequence: sequence, ssrc: ssrc)
            if control { try sender.protectControl(&packet) } else { try sender.protect(&packet) }
            do throws(SRTPError) {
                if control { try receiver.unprotectControl(&packet) } else { try receiver.unprotect(&packet) }
            } catch { return error }
            return nil
        }
        let most = UInt32(SRTPReceiver.mostSources)
        for ssrc in 1...most { #expect(try error(1, from: ssrc, control: ssrc.isMultiple(of: 2)) == nil) }
        #expect(try error(1, from: most + 1) == .tooManySources)
        #expect(try error(1, from: most + 2, control: true) == .tooManySources)
        #expect(receiver.errors[.tooManySources] == 2)
        #expect(try error(2, from: 1) == nil)
        #expect(try error(2, from: 2) == nil, "the same source in RTP as in RTCP")
    }

    @Test(arguments: SRTPProfile.allCases)
    func roundTrip(profile: SRTPProfile) throws {
        var sender = try SRTPSender(key: Self.key(profile))
        var receiver = try SRTPReceiver(key: Self.key(profile))
        for sequence in UInt16(65_530)...65_535 {
            for ssrc in [1, 2, 3] as [UInt32] {
                var packet = Self.packet(sequence: sequence, ssrc: ssrc)
                let plain = packet.bytes.copied()
                try sender.protect(&packet)
                #expect(packet.count == plain.count + profile.rtpOverhead)
                #expect(packet.bytes.copied()[12..<plain.count] != plain[12...])
                try receiver.unprotect(&packet)
                #expect(packet.bytes.copied() == plain)
            }
        }
        // Over the wrap of the sequence number the rollover counter goes on.
        var packet = Self.packet(sequence: 0, ssrc: 1)
        let plain = packet.bytes.copied()
        try sender.protect(&packet)
        try receiver.unprotect(&packet)
        #expect(packet.bytes.copied() == plain)
    }

    @Test(arguments: SRTPProfile.allCases)
    func controlRoundTrip(profile: SRTPProfile) throws {
        var sender = try SRTPSender(key: Self.key(profile))
        var receiver = try SRTPReceiver(key: Self.key(profile))
        var packet = Self.report()
        let plain = packet.bytes.copied()
        try sender.protectControl(&packet)
        #expect(packet.count == plain.count + profile.rtcpOverhead)
        let onTheWire = packet.bytes.copied()
        try receiver.unprotectControl(&packet)
        #expect(packet.bytes.copied() == plain)
        var again = PacketBuffer(onTheWire)
        #expect(Self.error { () throws(SRTPError) in try receiver.unprotectControl(&again) } == .replayed)
    }

    @Test(arguments: SRTPProfile.allCases)
    func replayIsRefusedAndCounted(profile: SRTPProfile) throws {
        var sender = try SRTPSender(key: Self.key(profile))
        var receiver = try SRTPReceiver(key: Self.key(profile))
        var packet = Self.packet(sequence: 1)
        try sender.protect(&packet)
        let onTheWire = packet.bytes.copied()
        try receiver.unprotect(&packet)
        var again = PacketBuffer(onTheWire)
        #expect(Self.error { () throws(SRTPError) in try receiver.unprotect(&again) } == .replayed)
        #expect(receiver.errors[.replayed] == 1 && receiver.errors.total == 1)
    }

    @Test func theReplayWindowIs1024Packets() throws {
        var sender = try SRTPSender(key: Self.key(.aeadAES128GCM))
        var receiver = try SRTPReceiver(key: Self.key(.aeadAES128GCM))
        var wire: [[UInt8]] = []
        for sequence in UInt16(1)...1200 {
            var packet = Self.packet(sequence: sequence)
            try sender.protect(&packet)
            wire.append(packet.bytes.copied())
        }
        func receive(_ index: Int) -> SRTPError? {
            var packet = PacketBuffer(wire[index])
            return Self.error { () throws(SRTPError) in try receiver.unprotect(&packet) }
        }
        #expect(receive(0) == nil)
        #expect(receive(1199) == nil)
        #expect(receive(200) == nil)
        #expect(receive(200) == .replayed)
        #expect(receive(100) == .replayed)
    }

    @Test func aSequenceNumberIsUsedOnce() throws {
        var sender = try SRTPSender(key: Self.key(.aeadAES128GCM))
        var first = Self.packet(sequence: 7)
        var second = Self.packet(sequence: 7, size: 50)
        try sender.protect(&first)
        #expect(Self.error { () throws(SRTPError) in try sender.protect(&second) } == .replayed)
        // Its retransmission has another SSRC.
        var retransmission = Self.packet(sequence: 7, ssrc: 99)
        #expect(Self.error { () throws(SRTPError) in try sender.protect(&retransmission) } == nil)
    }

    @Test(arguments: SRTPProfile.allCases)
    func anyChangedBitIsNoticed(profile: SRTPProfile) throws {
        var sender = try SRTPSender(key: Self.key(profile))
        var receiver = try SRTPReceiver(key: Self.key(profile))
        var packet = Self.packet(sequence: 1, size: 20)
        try sender.protect(&packet)
        let onTheWire = packet.bytes.copied()
        for bit in 16..<onTheWire.count * 8 {
            var changed = onTheWire
            changed[bit / 8] ^= 0x80 >> UInt8(bit % 8)
            var copy = PacketBuffer(changed)
            #expect(Self.error { () throws(SRTPError) in try receiver.unprotect(&copy) } != nil)
        }
        try receiver.unprotect(&packet)
    }

    @Test(arguments: SRTPProfile.allCases)
    func anotherKeyIsNoticed(profile: SRTPProfile) throws {
        var sender = try SRTPSender(key: Self.key(profile))
        var receiver = try SRTPReceiver(key: Self.key(profile, seed: 9))
        var packet = Self.packet(sequence: 1)
        try sender.protect(&packet)
        #expect(Self.error { () throws(SRTPError) in try receiver.unprotect(&packet) } == .authenticationFailed)
    }

    @Test func thereMustBeRoomForTheTag() throws {
        var sender = try SRTPSender(key: Self.key(.aeadAES128GCM))
        var packet = PacketBuffer(capacity: 20)
        packet.append(Self.packet(sequence: 1, size: 8).bytes)
        #expect(Self.error { () throws(SRTPError) in try sender.protect(&packet) } == .noRoom)
        var empty = PacketBuffer(capacity: 100)
        #expect(Self.error { () throws(SRTPError) in try sender.protect(&empty) } == .malformed)
    }

    @Test func keysDoNotPrint() {
        let key = Self.key(.aes128CounterModeSHA1Tag80)
        #expect("\(key)".hasSuffix("(redacted)"))
        var dumped = ""
        dump(key, to: &dumped)
        #expect(!dumped.contains("0x") && !dumped.contains("- 8"))
    }
}
