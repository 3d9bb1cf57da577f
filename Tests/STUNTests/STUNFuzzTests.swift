import Primitives
import STUN
import TestSupport
import Testing

/// The fuzz body: whatever the bytes, every question about them has an answer.
func fuzzSTUNMessage(_ bytes: [UInt8]) {
    _ = STUNMessage.isSTUN(bytes.span)
    guard let message = try? STUNMessage(bytes.span) else { return }
    let types = message.attributeTypes
    for type in types + [.xorMappedAddress, .errorCode, .data, .icmp] {
        precondition(message.has(type) == types.contains(type), "stun: an attribute is there or not")
        _ = message.uint32(of: type)
        _ = message.uint64(of: type)
        _ = message.text(of: type)
        _ = message.address(of: type)
        _ = message.xorAddresses(of: type)
        if let range = message.valueRange(of: type) {
            precondition(range.upperBound <= bytes.count, "stun: a value lies in the datagram")
        }
    }
    _ = (message.errorCode, message.unknownAttributes, message.notUnderstood, message.icmp, message.addressErrorCode)
    _ = message.integrity(key: IntegrityKey(bytes: [1]), using: .openSSL)
}

@Suite struct STUNFuzzTests {
    @Test func hostileMessages() {
        let corpus = [
            RFC5769Tests.request, RFC5769Tests.responseIPv4, RFC5769Tests.responseIPv6, RFC5769Tests.longTermRequest,
        ]
        Fuzzing.run(corpus: corpus, mutations: 20_000, fuzzSTUNMessage)
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
            fuzzSTUNMessage(bytes)
        }
    }
}
