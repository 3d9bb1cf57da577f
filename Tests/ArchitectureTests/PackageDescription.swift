import Foundation

/// What Package.swift says of the targets in Sources, in its own order. It is read as text: a test that runs waits for no package manager.
struct PackageDescription {
    struct Target {
        let name: String
        let dependencies: [String]
        /// Protocol targets: machines that are told the time and the bytes.
        let isPure: Bool
        let isExecutable: Bool
    }

    let targets: [Target]
    /// Names of the targets that stand for C libraries.
    let libraries: Set<String>

    init() throws {
        let text = try String(contentsOf: SourceTree.root.appending(path: "Package.swift"), encoding: .utf8)
        let products = #/\.executableTarget\(\s*name: "([a-z][\w-]*)",\s*dependencies: \[([^\]]*)\]/#
        let library = #/\blibrary\(\s*"(\w+)",\s*\[([^\]]*)\](?:,\s*settings: (\w+))?/#
        var found: [(at: String.Index, Target)] = []
        for match in text.matches(of: library) {
            found.append(
                (
                    match.range.lowerBound,
                    Target(
                        name: String(match.output.1), dependencies: Self.names(match.output.2),
                        isPure: match.output.3 == "pure", isExecutable: false)
                ))
        }
        for match in text.matches(of: products) where Self.isInSources(String(match.output.1)) {
            found.append(
                (
                    match.range.lowerBound,
                    Target(
                        name: String(match.output.1), dependencies: Self.names(match.output.2), isPure: false,
                        isExecutable: true)
                ))
        }
        targets = found.sorted { $0.at < $1.at }.map(\.1)
        let system = #/(?:\bsystem\(|\.systemLibrary\(name: )"(\w+)"/#
        libraries = Set(text.matches(of: system).map { String($0.output.1) })
    }

    private static func names(_ list: Substring) -> [String] {
        list.matches(of: #/"([\w-]+)"/#).map { String($0.output.1) }
    }

    private static func isInSources(_ name: String) -> Bool {
        FileManager.default.fileExists(atPath: SourceTree.root.appending(path: "Sources/\(name)").path())
    }

    /// Where a target stands among the others; nil for one that is not there.
    func place(of name: String) -> Int? { targets.firstIndex { $0.name == name } }

    /// What the target is built from, itself included.
    func closure(of name: String) -> Set<String> {
        var closed: Set<String> = []
        var open = [name]
        while let next = open.popLast() {
            guard closed.insert(next).inserted else { continue }
            open += targets.first { $0.name == next }?.dependencies ?? []
        }
        return closed
    }
}
