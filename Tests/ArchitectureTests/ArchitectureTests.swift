import Foundation
import Testing

/// The rules of the house that a compiler does not check. The plan they keep is in README.md, section Architecture.
@Suite struct ArchitectureTests {
    /// Every folder of Sources is a target of the package, a target imports what it declares and nothing else of this package, and what it
    /// declares stands above it: the package description reads from the leaves to the programs.
    @Test func targetsImportOnlyWhatStandsAboveThem() throws {
        let package = try PackageDescription()
        let targets = try SourceTree.targets()
        #expect(
            Set(targets.keys) == Set(package.targets.map(\.name)),
            "a folder without a target, or a target without files")
        let own = Set(package.targets.map(\.name)).union(package.libraries)
        for (place, target) in package.targets.enumerated() {
            for dependency in target.dependencies where !package.libraries.contains(dependency) {
                let above = package.place(of: dependency).map { $0 < place } ?? false
                #expect(above, "\(target.name) depends on \(dependency), which does not stand above it")
            }
            for file in targets[target.name] ?? [] {
                for module in file.imports {
                    #expect(
                        own.contains(module)
                            ? target.dependencies.contains(module) : Self.mayImport(target, system: module),
                        "\(file.path) imports \(module)")
                }
            }
        }
    }

    private static func mayImport(_ target: PackageDescription.Target, system module: String) -> Bool {
        (module == "Glibc" || module == "Synchronization") && !target.isPure
    }

    /// The kiosk's program has nothing of the server's in it, and the other way round.
    @Test func neitherHalfImportsTheOther() throws {
        let package = try PackageDescription()
        let names = package.targets.map(\.name)
        let first = try #require(package.place(of: "AgentSettings"))
        let last = try #require(package.place(of: "KioskAgent"))
        #expect(package.closure(of: "SignalingServer").isDisjoint(with: names[first...last]))
        #expect(package.closure(of: "KioskAgent").isDisjoint(with: names[(last + 1)...]))
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
        let forbidden: Set<String> = ["unsafe", "_silgen_name", "Task", "actor"]
        let targets = try SourceTree.targets()
        let pure = try PackageDescription().targets.filter(\.isPure)
        #expect(!pure.isEmpty)
        for file in pure.flatMap({ targets[$0.name] ?? [] }) {
            for word in file.words
            where forbidden.contains(word) || word.hasPrefix("Unsafe") || word.hasPrefix("withUnsafe") {
                Issue.record("\(file.path): \(word)")
            }
        }
    }

    /// Only the reactor, the log (a line says when it was written) and the executables ask the system for the time.
    @Test func nobodyElseReadsAClock() throws {
        let clocks: Set<String> = [
            "ContinuousClock", "SuspendingClock", "clock_gettime", "gettimeofday", "DispatchTime",
        ]
        let calls = ["Date()", "Date.now", "time(nil)", "Task.sleep"]
        let mayAsk: Set<String> = [
            "Reactor", "Service", "kiosk-agent", "kiosk-signaling", "socketio-echo", "sctp-echo",
        ]
        for (target, files) in try SourceTree.targets() where !mayAsk.contains(target) {
            for file in files {
                for clock in clocks where file.words.contains(clock) {
                    Issue.record("\(file.path): \(clock)")
                }
                for call in calls where file.code.contains(call) { Issue.record("\(file.path): \(call)") }
            }
        }
    }

    /// Time is told to machines and asked once in each round of a loop. How often the clocks of the reactor are asked elsewhere is
    /// counted here, so that the figures only fall.
    @Test func theReactorsClocksAreAskedAtCountedPlaces() throws {
        let counted = [
            "Capture": 16, "Media": 8, "PeerIO": 4, "ServerLink": 2, "Crew": 15, "Doctor": 49, "KioskAgent": 14,
            "HTTPTransport": 10, "RecordsSQLite": 8, "SignalingServer": 12, "Reactor": 4,
        ]
        let calls = ["MonotonicClock.now()", "SystemWallClock.now()", "BootTime.now()", "Moment.now"]
        for (target, files) in try SourceTree.targets() {
            let count = files.reduce(0) { sum, file in
                sum + calls.reduce(0) { $0 + file.code.components(separatedBy: $1).count - 1 }
            }
            #expect(count == counted[target, default: 0], "\(target) asks for the time at \(count) places")
        }
    }

    @Test func threadsAreMadeInOnePlace() throws {
        let makers = try SourceTree.targets().values.joined().filter { $0.words.contains("pthread_create") }.map(\.path)
        #expect(makers == ["Sources/Reactor/Loop/SystemThread.swift"])
    }

    /// Paths are asked about and changed by the reactor's `FileSystem` alone, in the agent's half.
    @Test func theAgentAsksTheFileSystemInOnePlace() throws {
        let calls: Set<String> = ["access", "stat", "lstat", "statvfs", "mkdir", "rename", "getenv"]
        for target in ["AgentSettings", "PeerIO", "ServerLink", "Crew", "Doctor", "KioskAgent"] {
            for file in try SourceTree.targets()[target] ?? [] {
                for call in calls where file.words.contains(call) && Self.calls(call, in: file.code) {
                    Issue.record("\(file.path): \(call)")
                }
            }
        }
    }

    /// Whether a function of that name is called that is nobody's method and is not declared here.
    private static func calls(_ name: String, in code: String) -> Bool {
        code.components(separatedBy: "\(name)(").dropLast().contains { before in
            guard let last = before.last else { return true }
            return last == " " ? !before.hasSuffix("func ") : !(last.isLetter || last.isNumber || "._".contains(last))
        }
    }

    /// `LoopThread` is the one skeleton: it starts, posts, stops and waits.
    @Test func theAgentsThreadsHaveOneSkeleton() throws {
        for target in ["PeerIO", "ServerLink", "Crew", "Doctor", "KioskAgent"] {
            for file in try SourceTree.targets()[target] ?? [] {
                #expect(!file.words.contains("WorkerThread"), "\(file.path)")
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
        for file in try SourceTree.files(in: "Sources", ["swift", "js", "css", "html", "h"]) {
            let found = SourceTree.words(of: file.text).intersection(words)
            #expect(found.isEmpty, "\(file.path): \(found.sorted())")
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
