import Foundation
import Primitives

/// Hostile input for fuzz bodies: each seed gives the same inputs again.
///
/// A fuzz body is an ordinary function of bytes. `run` calls it with every entry of a corpus, with mutations of
/// them, and with plain noise.
public enum Fuzzing {
    public static func run(
        corpus: [[UInt8]], mutations: Int = 2000, seed: UInt64 = 1, maximumLength: Int = 1500,
        _ body: ([UInt8]) -> Void
    ) {
        var random = RandomSource.seeded(seed)
        for entry in corpus { body(entry) }
        for entry in corpus { for length in 0..<min(entry.count, 200) { body(Array(entry.prefix(length))) } }
        for _ in 0..<mutations {
            var bytes = corpus.randomElement(using: &random) ?? []
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                mutate(&bytes, maximumLength: maximumLength, other: corpus, using: &random)
            }
            body(bytes)
        }
        for _ in 0..<mutations / 4 {
            body((0..<Int.random(in: 0...64, using: &random)).map { _ in UInt8.random(in: 0...255, using: &random) })
        }
    }

    /// The operations of `Fuzz/Seeds`, with which `make fuzz` begins, too: hexadecimal digits behind comments.
    public static func seeds(_ body: String) -> [[UInt8]] {
        let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let path = root.appending(path: "Fuzz/Seeds/\(body).txt")
        guard let text = try? String(contentsOf: path, encoding: .utf8) else {
            preconditionFailure("fuzzing: no seeds at \(path.path())")
        }
        var seeds: [[UInt8]] = [[]]
        for line in text.split(separator: "\n", omittingEmptySubsequences: false) where !line.hasPrefix("#") {
            if line.isEmpty { seeds.append([]) } else { seeds[seeds.count - 1] += hex(String(line)) }
        }
        return seeds.filter { !$0.isEmpty }
    }

    private static let interesting: [UInt8] = [0, 1, 3, 4, 7, 8, 0x20, 0x3F, 0x40, 0x7F, 0x80, 0xFE, 0xFF]

    private static func mutate(
        _ bytes: inout [UInt8], maximumLength: Int, other: [[UInt8]], using random: inout RandomSource
    ) {
        guard !bytes.isEmpty else {
            bytes = [UInt8.random(in: 0...255, using: &random)]
            return
        }
        let at = Int.random(in: 0..<bytes.count, using: &random)
        switch Int.random(in: 0..<7, using: &random) {
        case 0: bytes[at] ^= 1 << UInt8.random(in: 0..<8, using: &random)
        case 1: bytes[at] = interesting.randomElement(using: &random) ?? 0
        case 2: bytes[at] = UInt8.random(in: 0...255, using: &random)
        case 3: bytes.removeSubrange(at..<min(bytes.count, at + Int.random(in: 1...8, using: &random)))
        case 4: bytes.insert(contentsOf: bytes[at..<min(bytes.count, at + 8)], at: at)
        case 5: bytes.removeLast(bytes.count - at)
        default:
            if let donor = other.randomElement(using: &random), !donor.isEmpty {
                let from = Int.random(in: 0..<donor.count, using: &random)
                bytes.replaceSubrange(at..., with: donor[from...])
            }
        }
        if bytes.count > maximumLength { bytes.removeLast(bytes.count - maximumLength) }
    }
}
