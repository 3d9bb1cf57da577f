import JSON
public import Primitives
import SocketIO
import Testing

func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

extension WebSocketMessage: ExpressibleByStringLiteral {
    public init(stringLiteral text: String) { self = .text(Array(text.utf8)) }
    var description: String {
        switch self {
        case .text(let text): String(decoding: text, as: UTF8.self)
        case .binary(let bytes): "binary \(bytes)"
        }
    }
}

@Suite struct EngineIOPacketTests {
    @Test func webSocketForms() throws {
        let packets: [(EngineIOPacket, WebSocketMessage)] = [
            (.open(bytes("{}")), "0{}"), (.close, "1"), (.ping([]), "2"), (.ping(bytes("probe")), "2probe"),
            (.pong(bytes("probe")), "3probe"), (.message(bytes("hello")), "4hello"), (.message([]), "4"),
            (.upgrade, "5"), (.noop, "6"), (.binary([1, 2, 3]), .binary([1, 2, 3])),
        ]
        for (packet, message) in packets {
            #expect(packet.webSocketMessage == message)
            #expect(try EngineIOPacket(message) == packet)
        }
    }

    @Test func unreadablePackets() {
        #expect(throws: EngineIOPacket.DecodingError.empty) { try EngineIOPacket(text: []) }
        #expect(throws: EngineIOPacket.DecodingError.unknownType(UInt8(ascii: "a"))) {
            try EngineIOPacket(text: bytes("abc"))
        }
        #expect(throws: EngineIOPacket.DecodingError.unknownType(UInt8(ascii: "7"))) {
            try EngineIOPacket(text: bytes("7"))
        }
    }

    // From the protocol's section "Packet encoding": hello, then 01 02 03 04.
    @Test func payloadsOfLongPolling() throws {
        let body = bytes("4hello\u{1E}2\u{1E}4world\u{1E}bAQIDBA==")
        let packets: [EngineIOPacket] = [
            .message(bytes("hello")), .ping([]), .message(bytes("world")), .binary([1, 2, 3, 4]),
        ]
        #expect(try EngineIOPayload.decode(body) == packets)
        #expect(EngineIOPayload.encode(packets.map(\.webSocketMessage)) == body)
        for count in 0..<70 {
            let binary = (0..<count).map { UInt8(truncatingIfNeeded: $0 * 37) }
            let encoded = EngineIOPayload.encode([.binary(binary)])
            #expect(try EngineIOPayload.decode(encoded) == [.binary(binary)])
        }
    }

    @Test(arguments: [
        "", "\u{1E}", "4a\u{1E}", "\u{1E}4a", "4a\u{1E}\u{1E}4b", "abc", "bA", "b====", "bAB==", "bA*==", "b=AAA",
    ])
    func unreadablePayloads(body: String) {
        #expect(throws: EngineIOPacket.DecodingError.self) { try EngineIOPayload.decode(bytes(body)) }
    }
}

@Suite struct SocketIOPacketTests {
    private func decode(_ messages: [WebSocketMessage]) throws -> SocketIOPacket? {
        var decoder = SocketIODecoder()
        var packet: SocketIOPacket?
        for message in messages {
            switch message {
            case .text(let text): packet = try decoder.decode(text: Array(text.dropFirst()))
            case .binary(let bytes): packet = try decoder.decode(attachment: bytes)
            }
        }
        return packet
    }

    // Examples of the protocol's section "Packet encoding", behind Engine.IO's "4".
    @Test func examplesOfTheSpecification() throws {
        let examples: [(SocketIOPacket, [WebSocketMessage])] = [
            (.init(.connect), ["40"]),
            (.init(.connect, payload: ["token": "123"]), ["40{\"token\":\"123\"}"]),
            (.init(.connect, namespace: "/admin", payload: ["token": "123"]), ["40/admin,{\"token\":\"123\"}"]),
            (.init(.connectError, payload: ["message": "Not authorized"]), ["44{\"message\":\"Not authorized\"}"]),
            (.init(.event, payload: ["foo"]), ["42[\"foo\"]"]),
            (.init(.event, namespace: "/admin", payload: ["bar"]), ["42/admin,[\"bar\"]"]),
            (.init(.event, id: .init(rawValue: 12), payload: ["foo"]), ["4212[\"foo\"]"]),
            (
                .init(.acknowledgement, namespace: "/admin", id: .init(rawValue: 13), payload: ["bar"]),
                ["43/admin,13[\"bar\"]"]
            ),
            (.init(.disconnect, namespace: "/admin"), ["41/admin,"]),
            (
                .init(.event, payload: ["baz", .binary([1, 2, 3])]),
                ["451-[\"baz\",{\"_placeholder\":true,\"num\":0}]", .binary([1, 2, 3])]
            ),
            (
                .init(.event, namespace: "/admin", payload: ["baz", .binary([1, 2, 3])]),
                ["451-/admin,[\"baz\",{\"_placeholder\":true,\"num\":0}]", .binary([1, 2, 3])]
            ),
            (
                .init(.acknowledgement, id: .init(rawValue: 15), payload: ["bar", .binary([1, 2, 3, 4])]),
                ["461-15[\"bar\",{\"_placeholder\":true,\"num\":0}]", .binary([1, 2, 3, 4])]
            ),
            (
                .init(.event, payload: ["two", ["a": .binary([1]), "b": [.binary([2])]]]),
                [
                    "452-[\"two\",{\"a\":{\"_placeholder\":true,\"num\":0},\"b\":[{\"_placeholder\":true,\"num\":1}]}]",
                    .binary([1]), .binary([2]),
                ]
            ),
        ]
        for (packet, messages) in examples {
            #expect(packet.encoded() == messages)
            #expect(try decode(messages) == packet)
        }
    }

    @Test func namespaceWithoutCommaParses() throws {
        #expect(try decode(["40/x"]) == .init(.connect, namespace: "/x"))
        #expect(try decode(["40/x,"]) == .init(.connect, namespace: "/x"))
    }

    @Test(arguments: [
        "4", "47", "4a", "40[]", "40\"x\"", "41[]", "42", "42{}", "42[]", "42\"x\"", "42[null]", "42[{}]", "42[[1]]",
        "42[\"a\"", "42[\"a\"]x", "42/admin,", "43[]", "431{}", "43", "44", "44[]", "45[\"a\"]", "45-[\"a\"]",
        "45x-[\"a\"]", "4511-[\"a\"]", "459999-[\"a\"]", "451", "45-1-[\"a\"]", "451.5-[\"a\"]",
        "421234567890123456[\"a\"]", "42\u{1E}", "42[\"connect\"]", "42[\"connect_error\"]", "42[\"disconnect\"]",
        "42[\"disconnecting\"]", "42[\"newListener\"]", "42[\"removeListener\"]",
    ]) func unreadableTexts(text: String) {
        #expect(throws: SocketIOPacket.DecodingError.self) { try decode([WebSocketMessage(stringLiteral: text)]) }
    }

    // CVE-2022-2421: an index that is no index reached into the attachments' array object.
    @Test(arguments: ["-1", "1", "1.5", "\"splice\"", "null", "{}", "true", "99999999999999999999", "1e99"])
    func placeholdersOutOfRange(number: String) {
        let text = "451-[\"a\",{\"_placeholder\":true,\"num\":\(number)}]"
        #expect(throws: SocketIOPacket.DecodingError.badPlaceholder) {
            try decode([WebSocketMessage(stringLiteral: text), .binary([1])])
        }
        #expect(throws: SocketIOPacket.DecodingError.badPlaceholder) {
            try decode(["451-[\"a\",{\"_placeholder\":true}]", .binary([1])])
        }
    }

    @Test func onePlaceholderPerAttachment() {
        let text = "451-[\"a\",{\"_placeholder\":true,\"num\":0},{\"_placeholder\":true,\"num\":0}]"
        #expect(throws: SocketIOPacket.DecodingError.badPlaceholder) {
            try decode([WebSocketMessage(stringLiteral: text), .binary([1])])
        }
    }

    // CVE-2026-33151: the number of attachments was not limited.
    @Test func attachmentsAreLimited() {
        #expect(throws: SocketIOPacket.DecodingError.badAttachmentCount) { try decode(["4511-[\"a\"]"]) }
        #expect(throws: Never.self) { try decode(["4510-[\"a\"]"]) }
    }

    @Test func attachmentsComeInTurn() {
        #expect(throws: SocketIOPacket.DecodingError.unexpectedAttachment) { try decode([.binary([1])]) }
        #expect(throws: SocketIOPacket.DecodingError.missingAttachment) { try decode(["451-[\"a\"]", "42[\"b\"]"]) }
    }

    @Test func attachmentsAreLimitedTogether() throws {
        let text = bytes("52-[\"a\",{\"_placeholder\":true,\"num\":0},{\"_placeholder\":true,\"num\":1}]")
        func decode(limit: Int) throws -> SocketIOPacket? {
            var decoder = SocketIODecoder(maximumBytes: limit)
            _ = try decoder.decode(text: text)
            _ = try decoder.decode(attachment: [1, 2])
            return try decoder.decode(attachment: [3])
        }
        #expect(try decode(limit: text.count + 3) != nil)
        #expect(throws: SocketIOPacket.DecodingError.tooLarge(limit: text.count + 2)) {
            try decode(limit: text.count + 2)
        }
    }

    // What waits for attachments is kept as it came: its JSON is read, and judged, with the last of them.
    @Test func aPacketIsParsedWhenItIsWhole() throws {
        var decoder = SocketIODecoder()
        #expect(try decoder.decode(text: bytes("51-[\"a\",")) == nil)
        #expect(throws: SocketIOPacket.DecodingError.self) { try decoder.decode(attachment: [1]) }
    }

    @Test func valuesOfOnePayloadAreCounted() throws {
        func decode(limit: Int) throws -> SocketIOPacket? {
            var decoder = SocketIODecoder(maximumNodes: limit)
            return try decoder.decode(text: bytes("2[\"a\",[[],{\"b\":1}]]"))
        }
        #expect(try decode(limit: 6) != nil)
        #expect(throws: SocketIOPacket.DecodingError.badJSON(.tooManyNodes(limit: 5))) { try decode(limit: 5) }
    }

    @Test func placeholdersOfPlainEventsStayObjects() throws {
        let packet = try decode(["42[\"a\",{\"_placeholder\":true,\"num\":7}]"])
        #expect(packet?.payload?[1] == ["_placeholder": true, "num": 7])
    }
}
