/// Finds what somebody meant who mistyped a word.
enum Similarity {
    /// The candidate at most two edits away, or nil. Ties go to the alphabetically first.
    static func nearest(to word: String, among candidates: some Sequence<String>) -> String? {
        candidates.map { (distance(word.lowercased(), $0.lowercased()), $0) }
            .filter { $0.0 <= 2 && $0.0 < max($0.1.count, word.count) / 2 + 1 }
            .min { $0 < $1 }?.1
    }

    /// Levenshtein's distance.
    static func distance(_ a: String, _ b: String) -> Int {
        let b = Array(b)
        var row = Array(0...b.count)
        for (i, left) in a.enumerated() {
            var diagonal = row[0]
            row[0] = i + 1
            for (j, right) in b.enumerated() {
                let substituted = diagonal + (left == right ? 0 : 1)
                diagonal = row[j + 1]
                row[j + 1] = min(substituted, row[j] + 1, row[j + 1] + 1)
            }
        }
        return row[b.count]
    }
}
