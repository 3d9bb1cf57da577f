import Configuration
import Testing

@Suite struct CommandLineParserTests {
    private let parser = CommandLineParser(
        program: "tool", summary: "does things",
        commands: [
            Command(
                "run", summary: "Run it.",
                flags: [
                    Flag("--config", "FILE", required: true, help: "the file"), Flag("--verbose", help: "say more"),
                ]),
            Command(
                "crew sign-on", summary: "Sign on.",
                flags: [Flag("--id", "ID", required: true, help: "who"), Flag("--name", "NAME", help: "their name")]),
            Command("crew list", summary: "List."),
            Command(
                "account add", summary: "Add.", arguments: [Argument("ID", help: "the account")],
                flags: [Flag("--role", choices: ["kiosk", "monitor"], required: true, help: "what it may do")]),
            Command("version", summary: "Print the version."),
        ])

    private func run(_ line: String) -> Invocation? {
        if case .run(let invocation) = parser.parse(line.split(separator: " ").map(String.init)) {
            invocation
        } else {
            nil
        }
    }

    private func misuse(_ line: String) -> String? {
        guard case .misuse(let text) = parser.parse(line.split(separator: " ").map(String.init)) else { return nil }
        return text
    }

    private func help(_ line: String) -> String? {
        if case .help(let text) = parser.parse(line.split(separator: " ").map(String.init)) { text } else { nil }
    }

    @Test func readsFlagsInBothForms() throws {
        let spaced = try #require(run("run --config a.yaml --verbose"))
        #expect(spaced.command == "run")
        #expect(spaced["--config"] == "a.yaml")
        #expect(spaced.has("--verbose"))
        #expect(run("run --config=a=b.yaml")?["--config"] == "a=b.yaml")
        #expect(run("crew sign-on --id 4711")?["--id"] == "4711")
        #expect(run("account add KIOSK_01 --role kiosk")?["ID"] == "KIOSK_01")
        #expect(run("account add --role kiosk -- --odd")?["ID"] == "--odd")
        #expect(run("version") != nil)
    }

    @Test(arguments: [
        ("rnu", "tool: unknown command \"rnu\", did you mean run?\ntry: tool --help"),
        ("quite-other", "tool: unknown command \"quite-other\"\ntry: tool --help"),
        ("--config x", "tool: a command must come before --config\ntry: tool --help"),
        ("run", "tool: --config is missing\ntry: tool run --help"),
        ("run --config", "tool: --config needs a value (FILE)\ntry: tool run --help"),
        ("run --config=", "tool: --config needs a value (FILE)\ntry: tool run --help"),
        ("run --confg x", "tool: unknown flag --confg, did you mean --config?\ntry: tool run --help"),
        ("run --config a --config b", "tool: --config is given twice\ntry: tool run --help"),
        ("run --config a --verbose=1", "tool: --verbose takes no value\ntry: tool run --help"),
        ("run --config a b", "tool: unexpected argument \"b\"\ntry: tool run --help"),
        ("crew sing-on --id 1", "tool: crew must be followed by one of: sign-on, list\ntry: tool crew --help"),
        ("account add --role kiosk", "tool: ID is missing\ntry: tool account add --help"),
        (
            "account add X --role king",
            "tool: --role must be one of kiosk, monitor (king)\ntry: tool account add --help"
        ),
    ])
    func complains(line: String, expected: String) {
        #expect(misuse(line) == expected)
    }

    @Test func helpIsEverywhere() throws {
        #expect(try #require(help("")).contains("crew sign-on"))
        #expect(try #require(help("--help")).contains("does things"))
        #expect(try #require(help("crew")).contains("crew list"))
        #expect(try #require(help("crew --help")).contains("crew list"))
        #expect(try #require(help("run -h")).contains("--config FILE  the file"))
        #expect(try #require(help("help run")).contains("Usage: tool run --config FILE [--verbose]"))
        #expect(try #require(help("run --config x --help")).contains("Usage:"))
    }
}
