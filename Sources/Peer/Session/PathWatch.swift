import ICE

/// The path as the session sees it: found, lost, another one, quiet.
struct PathWatch: Sendable {
    /// What a selection means for what is on its way.
    struct Change: Hashable, Sendable {
        /// Another pair carries now, or the same one after a loss.
        var isAnother: Bool
        /// There was no path until now, and there had been one.
        var endsLoss: Bool
    }

    private var last: SelectedPath?
    /// There was a path, and there is none now.
    private var isLost: Bool
    private var isQuiet: Bool
    private var isReleased: Bool

    init() {
        last = nil
        isLost = false
        isQuiet = false
        isReleased = false
    }

    /// ICE has chosen a pair, or has none any more.
    mutating func selected(_ path: SelectedPath?) -> Change {
        guard let path else {
            isLost = true
            return Change(isAnother: false, endsLoss: false)
        }
        let isAnother = last.map { isLost || $0.base != path.base || $0.remote != path.remote } ?? false
        let change = Change(isAnother: isAnother, endsLoss: isLost)
        isLost = false
        last = path
        return change
    }

    /// - Returns: false when it was quiet already.
    mutating func wentQuiet() -> Bool {
        defer { isQuiet = true }
        return !isQuiet
    }

    /// - Returns: false when it was not quiet.
    mutating func carriesAgain() -> Bool {
        defer { isQuiet = false }
        return isQuiet
    }

    /// After the end: relays are given back once.
    ///
    /// - Returns: false when that has been done.
    mutating func release() -> Bool {
        defer { isReleased = true }
        return !isReleased
    }
}
