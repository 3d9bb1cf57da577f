import Primitives
import STUN
import TestSupport
import Testing

@Suite struct STUNMessageTests {
    let id = TransactionID(high: 0x0102_0304_0506_0708, low: 0x090A_0B0C)
    let key = IntegrityKey.shortTerm(password: "a password of some length")

    func parseError(_ bytes: [UInt8]) -> STUNParseError? {
        do {
            _ = try STUNMessage(bytes.span)
            return nil
        } catch { return error }
    }

    @Test func messageTypesInterleaveMethodAndClass() {
        #expect(MessageType(.binding, .request).rawValue == 0x0001)
        #expect(MessageType(.binding, .indication).rawValue == 0x0011)
        #expect(MessageType(.binding, .successResponse).rawValue == 0x0101)
        #expect(MessageType(.binding, .errorResponse).rawValue == 0x0111)
        #expect(MessageType(.allocate, .errorResponse).rawValue == 0x0113)
        #expect(MessageType(.data, .indication).rawValue == 0x0017)
        for raw in UInt16(0)..<0x4000 { #expect(MessageType(rawValue: raw)?.rawValue == raw) }
        #expect(MessageType(rawValue: 0x4001) == nil)
    }

    @Test(arguments: [
        "192.0.2.1:1", "255.255.255.255:65535", "[2001:db8::1]:3478", "[::]:0", "[fe80::ffff:1234]:40000",
    ])
    func addressesSurviveBothForms(_ text: String) throws {
        let address = try #require(SocketAddress(text))
        let bytes = try #require(
            [UInt8].written { writer in
                let message = STUNMessageWriter(.bindingSuccess, id, into: &writer)
                message.write(.xorMappedAddress, xor: address, into: &writer)
                message.write(.mappedAddress, plain: address, into: &writer)
            })
        let message = try STUNMessage(bytes.span)
        #expect(message.xorAddress(of: .xorMappedAddress) == address)
        #expect(message.address(of: .mappedAddress) == address)
    }

    @Test func everyAttributeOfTURN() throws {
        let first = SocketAddress("198.51.100.7:9")!
        let second = SocketAddress("[2001:db8::7]:10")!
        let payload: [UInt8] = [1, 2, 3, 4, 5]
        let bytes = try #require(
            [UInt8].written { writer in
                let message = STUNMessageWriter(MessageType(.createPermission, .request), id, into: &writer)
                message.write(.xorPeerAddress, xor: first, into: &writer)
                message.write(.xorPeerAddress, xor: second, into: &writer)
                message.write(.channelNumber, 0x4001_0000 as UInt32, into: &writer)
                message.write(.lifetime, 600 as UInt32, into: &writer)
                message.write(.requestedTransport, 17 << 24 as UInt32, into: &writer)
                message.write(.dontFragment, into: &writer)
                message.write(.data, payload.span, into: &writer)
            })
        let message = try STUNMessage(bytes.span)
        #expect(message.xorAddresses(of: .xorPeerAddress) == [first, second])
        #expect(message.uint32(of: .lifetime) == 600)
        #expect(message.has(.dontFragment) == true)
        #expect(message.valueRange(of: .data).map { bytes[$0].count } == 5)
        #expect(message.valueRange(of: .data).map { Array(bytes[$0]) } == payload)
        #expect(message.valueRange(of: .nonce) == nil)
    }

    @Test func errorCodes() throws {
        let bytes = try #require(
            [UInt8].written { writer in
                let message = STUNMessageWriter(.bindingError, id, into: &writer)
                message.writeErrorCode(.unknownAttribute, into: &writer)
                message.writeUnknownAttributes([AttributeType(rawValue: 0x7777)], into: &writer)
                message.writeFingerprint(into: &writer)
            })
        let message = try STUNMessage(bytes.span)
        #expect(message.errorCode == .unknownAttribute)
        #expect(message.unknownAttributes == [AttributeType(rawValue: 0x7777)])
    }

    @Test func integrityCoversWhatStandsBefore() throws {
        let bytes = try #require(
            [UInt8].written { writer in
                let message = STUNMessageWriter(.bindingRequest, id, into: &writer)
                message.write(.username, utf8: "a:b", into: &writer)
                message.writeMessageIntegrity(key: key, using: .openSSL, into: &writer)
                message.writeMessageIntegritySHA256(key: key, using: .openSSL, into: &writer)
                // Behind the integrity: not protected, so not seen.
                message.write(.useCandidate, into: &writer)
                message.writeFingerprint(into: &writer)
            })
        #expect(try STUNMessage(bytes.span).integrity(key: key, using: .openSSL) == .valid)
        #expect(try STUNMessage(bytes.span).has(.useCandidate) == false)
        #expect(try STUNMessage(bytes.span).attributeTypes == [.username])
        // Every single bit up to the end of the stronger code counts.
        for bit in 0..<(20 + 8 + 24 + 36) * 8 {
            var changed = bytes
            changed[bit / 8] ^= 1 << UInt8(bit % 8)
            guard let message = try? STUNMessage(changed.span) else { continue }
            #expect(message.integrity(key: key, using: .openSSL) != .valid, "bit \(bit)")
        }
    }

    @Test func aLaterSHA256IsWhatCounts() throws {
        let other = IntegrityKey.shortTerm(password: "another")
        let bytes = try #require(
            [UInt8].written { writer in
                let message = STUNMessageWriter(.bindingRequest, id, into: &writer)
                message.writeMessageIntegrity(key: key, using: .openSSL, into: &writer)
                message.writeMessageIntegritySHA256(key: other, using: .openSSL, into: &writer)
            })
        #expect(try STUNMessage(bytes.span).integrity(key: key, using: .openSSL) == .invalid)
        #expect(try STUNMessage(bytes.span).integrity(key: other, using: .openSSL) == .valid)
    }

    @Test func unsignedIsMissing() throws {
        let bytes = try #require([UInt8].written { _ = STUNMessageWriter(.bindingRequest, id, into: &$0) })
        #expect(bytes.count == 20)
        #expect(try STUNMessage(bytes.span).integrity(key: key, using: .openSSL) == .missing)
    }

    @Test func framesThatAreWrong() {
        let good = RFC5769Tests.request
        #expect(parseError([]) == .truncated)
        #expect(parseError(Array(good.prefix(19))) == .truncated)
        #expect(parseError(Array(good.dropLast(4))) == .lengthMismatch)
        #expect(parseError(good + [0, 0, 0, 0]) == .lengthMismatch)
        var cookie = good
        cookie[4] = 0x22
        #expect(parseError(cookie) == .notSTUN)
        var fingerprint = good
        fingerprint[good.count - 1] ^= 1
        #expect(parseError(fingerprint) == .fingerprintMismatch)
        var overlong = good
        overlong[23] = 0xFF
        #expect(parseError(overlong) == .attributeTruncated(.software))
        // Something behind the fingerprint.
        let behind = hex("00010010 2112a442 00000000 00000000 00000000 80280004 00000000 80220004 41414141")
        #expect(parseError(behind) == .fingerprintMismatch)
    }

    @Test func unknownAttributesAreListedOnce() throws {
        let bytes = hex(
            "00010018 2112a442 00000000 00000000 00000000 77770000 77770004 00000000 88880000 00300004 00000000")
        #expect(
            try STUNMessage(bytes.span).notUnderstood
                == [AttributeType(rawValue: 0x7777), AttributeType(rawValue: 0x0030)])
    }

    @Test func aWriterWithoutRoomSaysSo() {
        let bytes = [UInt8].written(capacity: 60) { writer in
            let message = STUNMessageWriter(.bindingRequest, id, into: &writer)
            message.write(.software, utf8: "twenty bytes of text", into: &writer)
            message.writeMessageIntegrity(key: key, using: .openSSL, into: &writer)
            message.writeFingerprint(into: &writer)
        }
        #expect(bytes == nil)
    }

    @Test func keysDoNotShow() {
        #expect("\(key)" == "(redacted)")
        var dumped = ""
        dump(key, to: &dumped)
        #expect(!dumped.contains("97"))
    }
}
