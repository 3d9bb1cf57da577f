import Foundation
import Testing

/// The rules of the house that a compiler does not check. The plan they keep is in README.md, section Architecture.
@Suite struct ArchitectureTests {
    /// What each target may import of this package. A name that is missing here is a target nobody has placed yet.
    static let allowed: [String: Set<String>] = [
        "Primitives": [],
        "STUN": ["Primitives"],
        "ICE": ["STUN", "Primitives"],
        "SDP": ["Primitives"],
        "RTP": ["Primitives"],
        "Congestion": ["Primitives"],
        "SocketIO": ["Primitives"],
        "Crypto": ["Primitives", "COpenSSL"],
        "SRTP": ["Primitives", "CSRTP"],
        "Codecs": ["Primitives", "CVPX", "COpus"],
        "Capture": ["Reactor", "Primitives", "CV4L2", "CYUV", "CALSA", "CTurboJPEG", "CUdev"],
        "Reactor": ["Primitives", "CLinux"],
        "HTTP": ["Primitives"],
        "HTTPTransport": ["HTTP", "Reactor", "Crypto", "Primitives"],
        "Configuration": ["CYAML", "Primitives"],
        "Database": ["CSQLite"],
        "Service": ["CSystemd"],
        "Peer": ["ICE", "STUN", "SDP", "RTP", "Congestion", "Crypto", "SRTP", "Primitives"],
        "Signaling": ["SocketIO", "Primitives"],
        "KioskAgent": [
            "Peer", "Capture", "Codecs", "Reactor", "Signaling", "SocketIO", "HTTPTransport", "HTTP",
            "Configuration", "Database", "Service", "Primitives", "CInput",
        ],
        "ConsolePage": [],
        "SignalingServer": [
            "Signaling", "SocketIO", "HTTPTransport", "HTTP", "Configuration", "Database", "Service", "Primitives",
            "Crypto", "Reactor", "ConsolePage", "CArgon2", "CJOSE",
        ],
        "socketio-echo": ["SocketIO", "HTTPTransport", "HTTP", "Primitives"],
        "kiosk-agent": ["KioskAgent"],
        "kiosk-signaling": ["SignalingServer"],
    ]

    static let pure: Set<String> = ["STUN", "ICE", "SDP", "RTP", "Congestion", "SocketIO", "HTTP"]
    static let control: Set<String> = ["Signaling", "KioskAgent", "SignalingServer", "kiosk-agent", "kiosk-signaling"]

    @Test func targetsImportOnlyWhatTheirPlaceAllows() throws {
        let targets = try SourceTree.targets()
        #expect(
            Set(targets.keys) == Set(Self.allowed.keys),
            "a target without a place in the plan, or a place without a target")
        for (target, files) in targets {
            for file in files {
                for module in file.imports {
                    #expect(Self.mayImport(target, module), "\(file.path) imports \(module)")
                }
            }
        }
    }

    private static func mayImport(_ target: String, _ module: String) -> Bool {
        switch module {
        case "Foundation", "Dispatch": false
        case "FoundationEssentials": control.contains(target)
        case "Glibc": !pure.contains(target)
        case "Synchronization": !pure.contains(target)
        default: allowed[target, default: []].contains(module)
        }
    }

    @Test func aCLibraryIsVisibleInOneTarget() throws {
        var users: [String: Set<String>] = [:]
        for (target, files) in try SourceTree.targets() {
            for module in files.flatMap(\.imports)
            where module.first == "C" && module.dropFirst().first?.isUppercase == true {
                users[module, default: []].insert(target)
            }
        }
        #expect(!users.isEmpty)
        for (module, targets) in users {
            #expect(targets.count == 1, "\(module) is imported by \(targets.sorted())")
        }
    }

    @Test func pureTargetsAreSafeAndTouchNothing() throws {
        let forbidden = [/\bunsafe\b/, /\bUnsafe\w*/, /\bwithUnsafe\w*/, /@_silgen_name/, /\bTask\b/, /\bactor\b/]
        for (target, files) in try SourceTree.targets() where Self.pure.contains(target) {
            for file in files {
                for pattern in forbidden {
                    if let found = file.code.firstMatch(of: pattern) { Issue.record("\(file.path): \(found.output)") }
                }
            }
        }
    }

    /// Time is told: only the reactor, the log (a line says when it was written) and the executables ask a clock.
    @Test func nobodyElseReadsAClock() throws {
        let clocks = [
            /\bContinuousClock\b/, /\bSuspendingClock\b/, /\bDate\(\)/, /\bDate\.now\b/, /\bclock_gettime\b/,
            /\bgettimeofday\b/,
            /\btime\(nil\)/, /\bDispatchTime\b/, /\bTask\.sleep\b/,
        ]
        let mayAsk: Set<String> = ["Reactor", "Service", "kiosk-agent", "kiosk-signaling", "socketio-echo"]
        for (target, files) in try SourceTree.targets() where !mayAsk.contains(target) {
            for file in files {
                for clock in clocks {
                    if let found = file.code.firstMatch(of: clock) { Issue.record("\(file.path): \(found.output)") }
                }
            }
        }
    }

    @Test func filesHoldOneIdea() throws {
        for file in try SourceTree.files(in: "Sources", ["swift", "js", "css", "html", "h"]) {
            #expect(file.lines.count <= 600, "\(file.path) has \(file.lines.count) lines")
        }
    }

    @Test func nothingIsLeftForLater() throws {
        // Spelled apart, so that this file does not find itself.
        let words: [String] = ["TO" + "DO", "FIX" + "ME", "XX" + "X", "HA" + "CK"]
        let marks = try Regex("\\b(\(words.joined(separator: "|")))\\b")
        for file in try SourceTree.files(in: "Sources", ["swift", "js", "css", "html", "h"]) {
            for (index, line) in file.lines.enumerated() where line.firstMatch(of: marks) != nil {
                Issue.record("\(file.path):\(index + 1): \(line)")
            }
        }
    }

    @Test func executablesOnlyStart() throws {
        for name in ["kiosk-agent", "kiosk-signaling"] {
            let files = try #require(try SourceTree.targets()[name])
            let code = files.flatMap { $0.code.split(separator: "\n") }.filter { !$0.allSatisfy(\.isWhitespace) }
            #expect(code.count <= 60, "\(name) has \(code.count) lines of code: logic belongs into its library")
        }
    }
}
