import Primitives
import Testing

@Suite struct TextEncodingTests {
    // RFC 4648 section 10.
    @Test(arguments: [
        ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("fooba", "Zm9vYmE="),
        ("foobar", "Zm9vYmFy"),
    ])
    func base64(plain: String, coded: String) {
        let bytes = Array(plain.utf8)
        #expect(Base64.encode(bytes.span) == coded)
        #expect(Base64.decode(coded) == bytes)
        let url = Base64.encode(bytes.span, alphabet: .url)
        #expect(!url.contains("="))
        #expect(Base64.decode(url, alphabet: .url) == bytes)
    }

    @Test func base64Alphabets() {
        let bytes: [UInt8] = [0xFB, 0xEF, 0xFF]
        #expect(Base64.encode(bytes.span) == "++//")
        #expect(Base64.encode(bytes.span, alphabet: .url) == "--__")
    }

    @Test(arguments: ["Zg", "Zg=", "Zh==", "Z", "Zm9v====", "Zm 9v", "=", "--__", "Zg==Zg=="])
    func base64Refuses(text: String) { #expect(Base64.decode(text) == nil) }

    @Test func hexadecimal() {
        #expect(Hex.decode("00fFa5") == [0, 255, 0xA5])
        #expect(Hex.decode("0") == nil && Hex.decode("0g") == nil)
    }
}
