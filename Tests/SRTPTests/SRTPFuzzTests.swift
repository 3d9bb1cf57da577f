import Primitives
import SRTP
import Testing

/// The fuzz body: arbitrary bytes as SRTP and as SRTCP; without the key none may pass, and none may crash.
func fuzzSRTPUnprotect(_ input: Span<UInt8>, profile: SRTPProfile) throws {
    var receiver = try SRTPReceiver(key: ProtectionTests.key(profile))
    let size = min(input.count, PacketPool.slotSize)
    var packet = PacketBuffer(capacity: PacketPool.slotSize)
    packet.append(input.extracting(0..<size))
    #expect(ProtectionTests.error { () throws(SRTPError) in try receiver.unprotect(&packet) } != nil)
    var control = PacketBuffer(capacity: PacketPool.slotSize)
    control.append(input.extracting(0..<size))
    #expect(ProtectionTests.error { () throws(SRTPError) in try receiver.unprotectControl(&control) } != nil)
    #expect(receiver.errors.total == 2)
}

@Suite struct SRTPFuzzTests {
    @Test(arguments: SRTPProfile.allCases)
    func randomInput(profile: SRTPProfile) throws {
        var random = RandomSource.seeded(UInt64(profile.rawValue))
        for _ in 0..<1500 {
            let size = Int.random(in: 0...200, using: &random)
            var input = (0..<size).map { _ in UInt8.random(in: 0...255, using: &random) }
            if size > 1, Bool.random(using: &random) {
                // A believable first byte, with extension, padding and contributing sources.
                input[0] = 0x80 | UInt8.random(in: 0...63, using: &random)
            }
            try fuzzSRTPUnprotect(input.span, profile: profile)
        }
    }
}
