import Configuration
import Glibc
import ServerLink
import Testing

@testable import Doctor
@testable import KioskAgent
@testable import Reactor

extension StringProtocol {
    /// The pieces between occurrences of a text.
    fileprivate func components(of separator: String) -> [SubSequence] {
        var pieces: [SubSequence] = []
        var start = startIndex
        while let found = self[start...].firstRange(of: separator) {
            pieces.append(self[start..<found.lowerBound])
            start = found.upperBound
        }
        return pieces + [self[start...]]
    }
}

/// What the documents say is what the program does.
@Suite struct DoctorDocumentTests {
    private func document(_ name: String) -> String {
        let root = #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
        return SystemFile.text("/\(root)/docs/\(name)") ?? ""
    }

    @Test func everyCheckIsDescribedOnce() {
        let headings = document("doctor.md").split(separator: "\n").filter { $0.hasPrefix("### `") }
            .map { String($0.dropFirst(5).dropLast()) }
        #expect(Set(headings) == Set(CheckID.allCases.map(\.rawValue)))
        #expect(headings.count == CheckID.allCases.count)
    }

    @Test func everyTroubleOfTheLinkHasItsRemedy() {
        let text = document("operations-kiosk.md")
        for kind in LinkTrouble.Kind.allCases { #expect(text.contains("| `\(kind.rawValue)` |"), "\(kind.rawValue)") }
    }

    // MARK: what remedies name

    private static let root = "/" + #filePath.split(separator: "/").dropLast(3).joined(separator: "/")

    /// Texts of all messages and remedies, without interpolations, with the file each stands in.
    private func literals(_ folders: [String]) -> [(file: String, text: Substring)] {
        var found: [(file: String, text: Substring)] = []
        var files: [String] = []
        for folder in folders {
            let path = "\(Self.root)/Sources/\(folder)"
            files += SystemFile.list(path).map { "\(path)/\($0)" }
        }
        for file in files where file.hasSuffix(".swift") {
            // The choice among command lines is what this is about: it is left out.
            let pieces = (SystemFile.text(file) ?? "").components(of: "ToolCommand.available(")
            let rest = pieces[0] + pieces.dropFirst().map { $0.drop { $0 != ")" } }.joined()
            for line in rest.split(separator: "\n") where !line.drop(while: { $0 == " " }).hasPrefix("//") {
                let parts = line.split(separator: "\"", omittingEmptySubsequences: false)
                for (index, part) in parts.enumerated() where index % 2 == 1 { found.append((file, part)) }
            }
        }
        return found
    }

    private static let agentFolders = [
        "AgentSettings", "Capture", "Crew/Badge", "Crew/Control", "Crew/Outbox", "Doctor", "Doctor/Checks",
        "Doctor/Checks/Agent", "Doctor/Checks/Connectivity", "Doctor/Checks/Machine", "Doctor/Checks/Media",
        "Doctor/Checks/Network", "Doctor/Probes", "KioskAgent", "Media/Capture", "Media/Delivery", "Media/Encoding",
        "PeerIO", "PeerIO/Relays", "PeerIO/Session", "PeerIO/Sockets",
        "Reactor/Machine", "ServerLink",
    ]

    /// Programs of packages that a kiosk may not have: named only where `ToolCommand` finds them.
    @Test func remediesNameNoProgramThatMayNotBeThere() {
        let guests = [
            "alsamixer", "amixer", "aplay", "arecord", "coredumpctl", "dig", "ethtool", "fuser", "htop", "ifconfig",
            "ip address", "ip route", "iptables", "lsof", "lsusb", "netstat", "nft", "nslookup", "ping", "ps aux",
            "resolvectl", "sqlite3", "sudo", "tcpdump", "top", "v4l2-ctl",
        ]
        var seen = 0
        for (file, text) in literals(Self.agentFolders) {
            seen += 1
            for guest in guests {
                let isNamed = text.split { !($0.isLetter || $0.isNumber || $0 == "-" || $0 == " ") }.contains { part in
                    " \(part) ".contains(" \(guest) ")
                }
                #expect(!isNamed, "\(guest) in \(file): \(text)")
            }
        }
        #expect(seen > 500)
    }

    /// The last choice is what every machine can follow.
    @Test func everyChoiceOfCommandsEndsWithOneThatIsThere() {
        let essential = ["cat", "grep", "ls", "apt", "see", "df"]
        var seen = 0
        for folder in Self.agentFolders {
            let path = "\(Self.root)/Sources/\(folder)"
            for file in SystemFile.list(path) where file.hasSuffix(".swift") {
                let text = SystemFile.text("\(path)/\(file)") ?? ""
                for call in text.components(of: "ToolCommand.available(").dropFirst() {
                    let arguments = call.prefix { $0 != ")" }.split(separator: "\"", omittingEmptySubsequences: false)
                    guard arguments.count > 2 else { continue }
                    let last = arguments[arguments.count - 2]
                    #expect(essential.contains(String(last.prefix { $0 != " " })), "\(file): \(last)")
                    seen += 1
                }
            }
        }
        #expect(seen >= 8)
    }

    /// Commands of our own programs exist under the names that remedies give them.
    @Test func remediesNameCommandsThatExist() {
        let own = Set(AgentProgram.parser.commands.map(\.name))
        let server = ["account enable", "account add"]
        let serverText =
            SystemFile.list("\(Self.root)/Sources/SignalingServer/Commands").map {
                SystemFile.text("\(Self.root)/Sources/SignalingServer/Commands/\($0)") ?? ""
            }.joined()
        for command in server { #expect(serverText.contains("\"\(command)\"")) }
        for (file, text) in literals(Self.agentFolders) {
            for rest in text.components(of: "kiosk-agent ").dropFirst() {
                let words = rest.split { !($0.isLetter || $0 == "-") }.map(String.init)
                guard let first = words.first, own.contains(where: { $0.split(separator: " ")[0] == first }) else {
                    continue
                }
                let two = words.prefix(2).joined(separator: " ")
                #expect(own.contains(first) || own.contains(two), "\(file): \(text)")
            }
            for rest in text.components(of: "kiosk-signaling account ").dropFirst() {
                let word = rest.prefix { $0.isLetter }
                #expect(server.contains("account \(word)"), "\(file): \(text)")
            }
        }
    }

    @Test func theFirstProgramThatIsThereIsNamed() {
        let lines = ["lsusb", "ip address", "cat /proc/net/dev"]
        #expect(ToolCommand.choice(of: lines) { _ in true } == "lsusb")
        #expect(ToolCommand.choice(of: lines) { $0 == "ip" } == "ip address")
        #expect(ToolCommand.choice(of: lines) { _ in false } == "cat /proc/net/dev")
    }

    @Test func everyCheckRunsInOneLane() {
        #expect(CheckID.lanes.flatMap(\.self).map(\.rawValue).sorted() == CheckID.allCases.map(\.rawValue).sorted())
    }
}
