/// Finds the word that a mistyped one was meant to be.
enum Similarity {
    /// The candidate at most two edits away, or nil. Ties go to the alphabetically first.
    static func nearest(to word: String, among candidates: some Sequence<String>) -> String? {
        candidates.map { (distance(word.lowercased(), $0.lowercased()), $0) }
            .filter { $0.0 <= 2 && $0.0 < max($0.1.count, word.count) / 2 + 1 }
            .min { $0 < $1 }?.1
    }

    /// Insertions, deletions, substitutions and swaps of neighbours (optimal string alignment).
    static func distance(_ a: String, _ b: String) -> Int {
        let a = Array(a)
        let b = Array(b)
        var rows = [Array(0...b.count)]
        for i in a.indices {
            var row = [i + 1]
            for j in b.indices {
                var cost = min(rows[i][j] + (a[i] == b[j] ? 0 : 1), rows[i][j + 1] + 1, row[j] + 1)
                if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] { cost = min(cost, rows[i - 1][j - 1] + 1) }
                row.append(cost)
            }
            rows.append(row)
        }
        return rows[a.count][b.count]
    }
}
