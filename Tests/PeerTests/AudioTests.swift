import Primitives
import SDP
import Testing

@testable import Peer

@Suite struct AudioWishesTests {
    private func wishes(_ text: String) -> AudioWishes { AudioWishes(FormatParameters(parsing: text)) }

    @Test func areReadFromTheFormatParameters() {
        #expect(wishes("minptime=10;useinbandfec=1") == AudioWishes(forwardErrorCorrection: true))
        #expect(
            wishes("useinbandfec=1; usedtx=1; maxaveragebitrate=20000")
                == AudioWishes(
                    forwardErrorCorrection: true, discontinuousTransmission: true, maximumBitrate: .kilobits(20)))
        // Absent means no (RFC 7587 section 6.1).
        #expect(wishes("") == AudioWishes())
        #expect(wishes("useinbandfec=0;usedtx=2;maxaveragebitrate=1") == AudioWishes())
        #expect(wishes("maxplaybackrate=16000") == AudioWishes(maximumPlaybackRate: 16_000))
        #expect(wishes("maxplaybackrate=7999") == AudioWishes())
        #expect(wishes("useinbandfec;maxaveragebitrate=99999999999999999999") == AudioWishes())
    }
}
