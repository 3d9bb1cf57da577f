import JSON
import Testing

@Suite struct JSONTests {
    private func parse(_ text: String, depth: Int = 64) -> JSONValue? {
        try? JSONValue(parsing: Array(text.utf8), maximumDepth: depth)
    }
    private func written(_ value: JSONValue) -> String { String(decoding: value.jsonText, as: UTF8.self) }

    @Test(arguments: [
        "null", "true", "false", "0", "-1", "9007199254740993", "-0", "1.0", "1e3", "123456789012345678901234567890",
        "0.1", "-12.5e-7", "\"\"", "\"a\"", "\"naïve ✓ 🚆\"", "[]", "{}", "[[],{}]",
        "{\"a\":1,\"b\":[true,null,\"x\"],\"\":{}}", "\"\\\"\\\\\\b\\f\\n\\r\\t\\u0000\\u001f/\"",
    ]) func roundTripIsExact(text: String) throws {
        #expect(written(try #require(parse(text))) == text)
    }

    @Test(arguments: [
        "", " ", "nul", "nulll", "tru", "TRUE", "01", "-", "+1", ".5", "1.", "1e", "1e+", "0x1", "NaN", "Infinity",
        "\"", "\"\\\"", "\"\\x\"", "\"\\u12\"", "\"\\u12g4\"", "\"\n\"", "'a'", "[", "]", "[1", "[1,", "[1,]", "[,1]",
        "[1 2]", "{", "{\"a\"", "{\"a\":", "{\"a\":1", "{\"a\":1,", "{\"a\":1,}", "{a:1}", "{1:1}", "{\"a\" 1}", "1 2",
        "[]x", "/**/1", "\u{FEFF}1",
    ]) func malformedIsRefused(text: String) {
        #expect(parse(text) == nil)
    }

    @Test func invalidUTF8IsRefused() {
        for bytes: [UInt8] in [[0x22, 0xFF, 0x22], [0x22, 0xC0, 0x80, 0x22], [0x22, 0xED, 0xA0, 0x80, 0x22], [0xE2]] {
            #expect(throws: JSONError.self) { try JSONValue(parsing: bytes) }
        }
        #expect(throws: JSONError.self) { try JSONValue(parsing: [0x22, 0x5C, 0x6E, 0xFF, 0x22]) }
    }

    @Test func escapes() {
        #expect(parse("\"\\u0041\\/\\u00e9\\ud83d\\ude86\"") == .string("A/é🚆"))
        #expect(parse("\"\\ud83d\"") == .string("\u{FFFD}"))
        #expect(parse("\"\\ude86x\"") == .string("\u{FFFD}x"))
        #expect(parse("\"\\ud83d\\u0041\"") == .string("\u{FFFD}A"))
    }

    @Test func whiteSpaceIsAllowedBetweenTokens() {
        #expect(parse(" \t\r\n{ \"a\" : [ 1 , 2 ] } ") == ["a": [1, 2]])
    }

    @Test func lastOfEqualNamesWins() {
        #expect(parse("{\"a\":1,\"b\":2,\"a\":3}") == ["a": 3, "b": 2])
        let many = "{" + (0..<1000).map { "\"k\($0 % 500)\":\($0)" }.joined(separator: ",") + "}"
        let object = parse(many)?.object
        #expect(object?.count == 500)
        #expect(object?["k7"] == 507)
    }

    @Test func depthIsBounded() {
        #expect(parse(String(repeating: "[", count: 64) + String(repeating: "]", count: 64)) != nil)
        #expect(
            throws: JSONError.tooDeep(limit: 64),
            performing: { try JSONValue(parsing: Array(repeating: UInt8(ascii: "["), count: 1_000_000)) })
        #expect(
            throws: JSONError.tooDeep(limit: 64),
            performing: {
                try JSONValue(parsing: Array(String(repeating: "{\"a\":", count: 100_000).utf8))
            })
    }

    @Test func numbers() {
        #expect(parse("1e3")?.integer == 1000)
        #expect(parse("1.5")?.integer == nil)
        #expect(parse("1.5")?.double == 1.5)
        #expect(parse("9223372036854775807")?.integer == nil)
        #expect(parse("999999999999999999")?.integer == 999_999_999_999_999_999)
        #expect(parse(String(repeating: "1", count: 257)) == nil)
        #expect(JSONValue.double(.nan) == .null)
        #expect(JSONValue.double(2.0) == 2)
        #expect(written(.double(0.25)) == "0.25")
    }

    @Test func orderOfMembersDoesNotMatter() {
        let (a, b): (JSONValue, JSONValue) = (["x": 1, "y": 2], ["y": 2, "x": 1])
        #expect(a == b)
        #expect(a.hashValue == b.hashValue)
        #expect(a != ["x": 1, "y": 3])
    }

    @Test func objectsCanBeEdited() {
        var object = JSONObject([("a", 1)])
        object["b"] = 2
        object["a"] = nil
        object["b"] = 3
        #expect(object.members == [.init(name: "b", value: 3)])
    }
}
