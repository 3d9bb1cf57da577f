/// A JSON object: members in the order in which they came, each name once.
///
/// Objects on this wire have a handful of members, so a lookup walks the list.
public struct JSONObject: Sendable {
    /// A name with its value.
    public struct Member: Hashable, Sendable {
        /// Without quotes and escapes.
        public var name: String
        /// Never absent: a member without a value is JSON's null.
        public var value: JSONValue
        /// Nothing is checked.
        public init(name: String, value: JSONValue) {
            self.name = name
            self.value = value
        }
    }

    /// Each name once.
    public private(set) var members: [Member]

    /// `{}`.
    public init() { members = [] }

    /// Of two members with one name the later wins, as in ECMA-404 implementations everywhere.
    public init(_ pairs: some Sequence<(String, JSONValue)>) {
        self.init(members: pairs.map { Member(name: $0.0, value: $0.1) })
    }

    /// Of two members with one name the later wins, in the place of the first.
    public init(members: [Member]) {
        self.members = JSONObject.unique(members)
    }

    /// How many members.
    public var count: Int { members.count }
    /// Whether it is `{}`.
    public var isEmpty: Bool { members.isEmpty }

    /// Nil when there is no such member; setting nil removes it.
    public subscript(name: String) -> JSONValue? {
        get {
            for member in members where member.name == name { return member.value }
            return nil
        }
        set {
            let index = members.firstIndex { $0.name == name }
            switch (index, newValue) {
            case (let index?, let value?): members[index].value = value
            case (let index?, nil): members.remove(at: index)
            case (nil, let value?): members.append(Member(name: name, value: value))
            case (nil, nil): break
            }
        }
    }

    // A hostile object has a hundred thousand members: beyond a few the comparison of all pairs gives way to a set.
    private static func unique(_ members: [Member]) -> [Member] {
        if members.count <= 16 {
            var hasDuplicate = false
            for later in members.indices.dropFirst() where !hasDuplicate {
                for earlier in 0..<later where members[earlier].name == members[later].name { hasDuplicate = true }
            }
            if !hasDuplicate { return members }
        }
        var positions = Dictionary<String, Int>(minimumCapacity: members.count)
        var result: [Member] = []
        result.reserveCapacity(members.count)
        for member in members {
            if let position = positions[member.name] {
                result[position].value = member.value
            } else {
                positions[member.name] = result.count
                result.append(member)
            }
        }
        return result
    }
}

extension JSONObject: Hashable {
    /// The order of members does not matter (RFC 8259 section 4).
    public static func == (a: JSONObject, b: JSONObject) -> Bool {
        guard a.members.count == b.members.count else { return false }
        if a.members == b.members { return true }
        let other = Dictionary(uniqueKeysWithValues: b.members.map { ($0.name, $0.value) })
        return a.members.allSatisfy { other[$0.name] == $0.value }
    }

    public func hash(into hasher: inout Hasher) {
        hasher.combine(members.count)
        for name in members.map(\.name).sorted() { hasher.combine(name) }
    }
}
