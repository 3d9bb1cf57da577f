import FuzzBodies
import Primitives
import STUN
import TestSupport
import Testing

@Suite struct STUNFuzzTests {
    @Test func hostileMessages() {
        let corpus = [
            RFC5769Tests.request, RFC5769Tests.responseIPv4, RFC5769Tests.responseIPv6, RFC5769Tests.longTermRequest,
        ]
        Fuzzing.run(corpus: corpus, mutations: 20_000) { FuzzBody.stun.run($0) }
        // Without the fingerprint, mutations get past the frame.
        let open = corpus.map { message -> [UInt8] in
            var bytes = Array(message.dropLast(8))
            bytes[3] = UInt8(bytes.count - 20)
            return bytes
        }
        Fuzzing.run(corpus: open, mutations: 20_000, seed: 2) { bytes in
            var bytes = bytes
            if bytes.count >= 20 {
                bytes.removeLast(bytes.count % 4)
                bytes[2] = UInt8((bytes.count - 20) >> 8)
                bytes[3] = UInt8((bytes.count - 20) & 255)
            }
            FuzzBody.stun.run(bytes)
        }
    }
}
