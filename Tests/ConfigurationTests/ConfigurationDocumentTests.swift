import Configuration
import Glibc
import Primitives
import Testing

/// What a configuration with everything in it looks like to the decoder.
private struct Sample: Decodable {
    struct Camera: Decodable {
        var device: String
        var width: Int
        var rate: UInt8?
        enum CodingKeys: CodingKey { case device, width, rate }
        init(from decoder: any Decoder) throws {
            let values = try decoder.container(keyedBy: CodingKeys.self)
            device = try values.value(.device, default: "auto")
            width = try values.value(.width, in: 16...4096, default: 640)
            rate = try values.decodeIfPresent(UInt8.self, forKey: .rate)
        }
    }
    enum Level: String, Decodable, CaseIterable { case low, high }
    var server: String
    var camera: Camera?
    var verbose: Bool?
    var grace: Duration?
    var limit: ConfiguredSize?
    var factor: Double?
    var level: Level?
    var urls: [String]?
    var secret: Redacted<String>?
}

@Suite struct ConfigurationDocumentTests {
    private func decode(_ text: String) throws -> Sample {
        try ConfigurationDocument(text: text, file: "kiosk.yaml").decode(Sample.self)
    }

    private func complaint(_ text: String) -> String? {
        do {
            _ = try decode(text)
            return nil
        } catch {
            return "\(error)"
        }
    }

    @Test func readsEveryKindOfValue() throws {
        let sample = try decode(
            """
            # a comment
            server: http://127.0.0.1:8080
            camera: { device: "test-pattern", width: 1_280, rate: 30 }
            verbose: true
            grace: 1.5s
            limit: 64KiB
            factor: 0.5
            level: high
            urls: ["stun:a", stun:b]
            secret: hunter2
            """)
        #expect(sample.server == "http://127.0.0.1:8080")
        #expect(sample.camera?.device == "test-pattern")
        #expect(sample.camera?.width == 1280)
        #expect(sample.camera?.rate == 30)
        #expect(sample.verbose == true)
        #expect(sample.grace == .milliseconds(1500))
        #expect(sample.limit == ConfiguredSize(bytes: 65536))
        #expect(sample.factor == 0.5)
        #expect(sample.level == .high)
        #expect(sample.urls == ["stun:a", "stun:b"])
        #expect(sample.secret == Redacted("hunter2"))
    }

    @Test func takesANumberForATextAndAnEmptySectionForDefaults() throws {
        let sample = try decode("server: 4711\ncamera:\n")
        #expect(sample.server == "4711")
        #expect(sample.camera == nil)
    }

    @Test(arguments: [
        ("", "kiosk.yaml:1: server: missing"),
        ("verbose: true\n", "kiosk.yaml:1: server: missing"),
        ("servre: x\n", "kiosk.yaml:1: servre: unknown key, did you mean server?"),
        ("server: x\nvebrose: true\n", "kiosk.yaml:2: vebrose: unknown key, did you mean verbose?"),
        ("server: x\nzzz: 1\n", "kiosk.yaml:2: zzz: unknown key"),
        ("server: x\ncamera:\n  width: 640\n  widht: 480\n", "kiosk.yaml:4: camera.widht: unknown key"),
        ("server: x\ncamera:\n  width: wide\n", "kiosk.yaml:3: camera.width: must be a whole number (wide)"),
        ("server: x\ncamera: { width: 8 }\n", "kiosk.yaml:2: camera.width: must be between 16 and 4096 (8)"),
        ("server: x\ncamera: { width: 6.5 }\n", "kiosk.yaml:2: camera.width: must be a whole number (6.5)"),
        ("server: x\ncamera: { width: \"640\" }\n", "kiosk.yaml:2: camera.width: must be a whole number (640)"),
        ("server: x\ncamera: { rate: 256 }\n", "kiosk.yaml:2: camera.rate: must be between 0 and 255 (256)"),
        ("server: x\ncamera: { rate: -1 }\n", "kiosk.yaml:2: camera.rate: must be between 0 and 255 (-1)"),
        (
            "server: x\ncamera: { width: 99999999999999999999 }\n",
            "kiosk.yaml:2: camera.width: must be between \(Int.min) and \(Int.max) (99999999999999999999)"
        ),
        ("server: x\ncamera: auto\n", "kiosk.yaml:2: camera: must be a mapping of keys (auto)"),
        ("server: [x]\n", "kiosk.yaml:1: server: must be a text (a list)"),
        ("server: ~\n", "kiosk.yaml:1: server: must be a text (~)"),
        ("server: x\nverbose: yes\n", "kiosk.yaml:2: verbose: must be true or false (yes)"),
        (
            "server: x\ngrace: 10\n",
            "kiosk.yaml:2: grace: must be a duration like 10s, 500ms, 5m, 24h or 90d (10)"
        ),
        ("server: x\nlimit: 10MB\n", "kiosk.yaml:2: limit: must be a size like 64KiB, 10MiB or 2GiB (10MB)"),
        ("server: x\nfactor: nan\n", "kiosk.yaml:2: factor: must be a number (nan)"),
        ("server: x\nlevel: hihg\n", "kiosk.yaml:2: level: must be one of low, high (hihg)"),
        ("server: x\nurls: stun:a\n", "kiosk.yaml:2: urls: must be a list (stun:a)"),
        ("server: x\nurls:\n  - a\n  - [b]\n", "kiosk.yaml:4: urls[1]: must be a text (a list)"),
        ("server: x\nserver: y\n", "kiosk.yaml:2: server: given twice"),
        ("server: x\n---\nserver: y\n", "kiosk.yaml:2: must be a single YAML document"),
        ("server: x\nsecret: [hunter2]\n", "kiosk.yaml:2: secret: must be a text"),
        ("[1, 2]\n", "kiosk.yaml:1: must be a mapping of keys (a list)"),
        ("server: \"a\\nb\"\nlevel: \"a\\nb\"\n", "kiosk.yaml:2: level: must be one of low, high (a\\nb)"),
    ])
    func complainsInOneLine(text: String, expected: String) {
        #expect(complaint(text) == expected)
    }

    @Test(arguments: ["server: [\n", "server: x\n\tcamera: y\n", "server: \u{1}\n", "a: *b\n", "{a: b"])
    func malformedTextIsNamedWithItsLine(text: String) throws {
        let line = try #require(complaint(text))
        #expect(line.hasPrefix("kiosk.yaml:"))
        #expect(line.contains("not valid YAML: "))
        #expect(!line.contains("\n"))
    }

    @Test func aDocumentThatRefersToItselfEndsWithAnError() throws {
        let line = try #require(complaint("server: &a [*a]\n"))
        #expect(line == "kiosk.yaml:1: is nested too deeply or refers to itself")
        // Nine levels of nine references each: 387 million nodes when written out.
        var bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n"
        for level in 1...9 {
            bomb += "a\(level): &a\(level) [\((0..<9).map { _ in "*a\(level - 1)" }.joined(separator: ", "))]\n"
        }
        #expect(complaint(bomb)?.contains("nested too deeply") == true)
    }

    @Test func aMissingFileIsNamed() {
        #expect(
            throws: ConfigurationError(file: "/nonexistent/x.yaml", rule: "cannot be read: no such file or directory")
        ) {
            _ = try ConfigurationDocument(contentsOf: "/nonexistent/x.yaml")
        }
    }

    @Test func aRuleBrokenAfterDecodingNamesTheNearestLine() throws {
        let document = try ConfigurationDocument(text: "server: x\ncamera:\n  width: 640\n", file: "k.yaml")
        #expect(
            document.violation(at: ["camera", "width"], "is odd", value: "640").description
                == "k.yaml:3: camera.width: is odd (640)")
        #expect(
            document.violation(at: ["camera", "device"], "missing").description == "k.yaml:2: camera.device: missing")
    }

    @Test func randomBytesNeverStopTheReader() {
        var random = RandomSource.seeded(11)
        let alphabet = Array("server: x\n[]{}&*!|>'\"%@`#,?-\t~0.\u{E9}".unicodeScalars)
        for _ in 0..<2000 {
            var text = String.UnicodeScalarView()
            for _ in 0..<Int.random(in: 0..<60, using: &random) {
                text.append(alphabet[Int.random(in: 0..<alphabet.count, using: &random)])
            }
            // Whatever it makes of it, it answers with a value or with one line.
            #expect(complaint(String(text))?.contains("\n") != true)
        }
    }
}

/// Files that are read over the configuration without touching it.
@Suite final class DropInTests {
    private let folder: String

    init() throws {
        var template = Array("/tmp/configuration-test.XXXXXX".utf8CString)
        try #require(mkdtemp(&template) != nil)
        folder = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
        mkdir("\(folder)/k.yaml.d", 0o755)
    }

    deinit {
        for name in [
            "k.yaml.d/10-site.yaml", "k.yaml.d/20-machine.yaml", "k.yaml.d/.30-x.yaml", "k.yaml.d/40-x.yaml.bak",
        ] {
            unlink("\(folder)/\(name)")
        }
        rmdir("\(folder)/k.yaml.d")
        unlink("\(folder)/k.yaml")
        rmdir(folder)
    }

    private func write(_ name: String, _ text: String) {
        let descriptor = open("\(folder)/\(name)", O_WRONLY | O_CREAT | O_TRUNC, 0o644)
        _ = Array(text.utf8).withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
        close(descriptor)
    }

    private func document() throws -> ConfigurationDocument {
        try ConfigurationDocument(contentsOf: "\(folder)/k.yaml")
    }

    private func complaint() -> String? {
        do {
            _ = try document().decode(Sample.self)
            return nil
        } catch {
            return "\(error)".replacing(folder, with: "")
        }
    }

    @Test func aLaterFileWinsKeyByKey() throws {
        write("k.yaml", "server: base\nurls: [a, b]\ncamera: { width: 640, rate: 30 }\nverbose: false\n")
        write("k.yaml.d/20-machine.yaml", "camera:\n  width: 320\n")
        write("k.yaml.d/10-site.yaml", "server: site\nurls: [c]\ncamera:\n  width: 1280\n  device: x\n")
        write("k.yaml.d/.30-x.yaml", "server: hidden\n")
        write("k.yaml.d/40-x.yaml.bak", "server: old\n")
        let document = try document()
        let sample = try document.decode(Sample.self)
        #expect(sample.server == "site" && sample.urls == ["c"] && sample.verbose == false)
        #expect(sample.camera?.width == 320 && sample.camera?.rate == 30 && sample.camera?.device == "x")
        #expect(
            document.files.map { $0.replacing(folder, with: "") } == [
                "/k.yaml", "/k.yaml.d/10-site.yaml", "/k.yaml.d/20-machine.yaml",
            ])
        #expect(document.contains(["camera", "device"]) && !document.contains(["level"]))
    }

    @Test func whatIsWrongIsNamedWhereItStands() throws {
        write("k.yaml", "server: base\n\n\ncamera: { width: 640 }\n")
        write("k.yaml.d/10-site.yaml", "\nverbose: yes\n")
        #expect(complaint() == "/k.yaml.d/10-site.yaml:2: verbose: must be true or false (yes)")
        write("k.yaml.d/10-site.yaml", "camera:\n  widht: 1\n")
        #expect(complaint()?.hasPrefix("/k.yaml.d/10-site.yaml:2: camera.widht: unknown key") == true)
        write("k.yaml.d/10-site.yaml", "[1]\n")
        #expect(complaint() == "/k.yaml.d/10-site.yaml:1: must be a mapping of keys (a list)")
        write("k.yaml.d/10-site.yaml", "camera: {\n")
        #expect(complaint()?.hasPrefix("/k.yaml.d/10-site.yaml:") == true)
        write("k.yaml.d/10-site.yaml", "camera: { rate: 25 }\n")
        let violation = try document().violation(at: ["camera", "rate"], "is odd").description
        #expect(violation.replacing(folder, with: "") == "/k.yaml.d/10-site.yaml:1: camera.rate: is odd")
        // What stands in the file itself is named there, whatever was merged into its section.
        #expect(
            try document().violation(at: ["camera", "width"], "is odd").description.replacing(folder, with: "")
                == "/k.yaml:4: camera.width: is odd")
    }

    @Test func anEmptySectionChangesNothingAndNullTakesOneAway() throws {
        write("k.yaml", "server: base\ncamera: { width: 320 }\n")
        write("k.yaml.d/10-site.yaml", "camera:\n#  width: 1\n")
        write("k.yaml.d/20-machine.yaml", "# nothing\n")
        #expect(try document().decode(Sample.self).camera?.width == 320)
        write("k.yaml.d/20-machine.yaml", "camera: ~\n")
        #expect(try document().decode(Sample.self).camera == nil)
    }

    @Test func theDropInsAreEnough() throws {
        #expect(complaint() == "/k.yaml: cannot be read: no such file or directory")
        write("k.yaml.d/10-site.yaml", "server: site\n")
        #expect(try document().decode(Sample.self).server == "site")
    }
}

@Suite struct ConfiguredValueTests {
    @Test(arguments: [
        ("500ms", Duration.milliseconds(500)), ("10s", .seconds(10)), ("5m", .seconds(300)), ("24h", .seconds(86400)),
        ("90d", .seconds(7_776_000)), ("0s", .zero), ("1.5s", .milliseconds(1500)),
    ])
    func durations(text: String, expected: Duration) {
        #expect(Duration(configured: text) == expected)
    }

    @Test(arguments: ["", "s", "10", "-1s", "1 s", "1.2.3s", "1e3s", "99999999d", "10sec"])
    func notDurations(text: String) {
        #expect(Duration(configured: text) == nil)
    }

    @Test(arguments: [("0", 0), ("1024", 1024), ("64KiB", 65536), ("10MiB", 10_485_760), ("2GiB", 2_147_483_648)])
    func sizes(text: String, expected: Int) {
        #expect(ConfiguredSize(configured: text)?.bytes == expected)
    }

    @Test(arguments: ["", "KiB", "-1", "1.5MiB", "10MB", "9999999999999999999GiB", "9223372036854775807KiB"])
    func notSizes(text: String) {
        #expect(ConfiguredSize(configured: text) == nil)
    }
}
