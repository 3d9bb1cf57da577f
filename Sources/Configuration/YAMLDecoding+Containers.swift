/// The standard library's decoding protocols over one node.
struct NodeDecoder: Decoder {
    let decoding: YAMLDecoding
    let node: YAMLNode
    let path: [String]

    var codingPath: [any CodingKey] { path.map { PathKey(stringValue: $0) } }
    var userInfo: [CodingUserInfoKey: Any] { [:] }

    func container<Key: CodingKey>(keyedBy type: Key.Type) throws -> KeyedDecodingContainer<Key> {
        // A section whose keys are all commented out is an empty section.
        guard !node.isNull else {
            let empty = YAMLNode(file: node.file, line: node.line, content: .mapping([]))
            return KeyedDecodingContainer(KeyedContainer<Key>(decoder: self, node: empty))
        }
        guard case .mapping = node.content else { throw decoding.wrongType(node, path, "a mapping of keys") }
        node.open()
        return KeyedDecodingContainer(KeyedContainer<Key>(decoder: self, node: node))
    }

    func unkeyedContainer() throws -> any UnkeyedDecodingContainer {
        guard case .sequence(let items) = node.content else { throw decoding.wrongType(node, path, "a list") }
        return UnkeyedContainer(decoder: self, items: items)
    }

    func singleValueContainer() throws -> any SingleValueDecodingContainer { SingleContainer(decoder: self) }
}

struct PathKey: CodingKey {
    let stringValue: String
    var intValue: Int? { nil }
    init(stringValue: String) { self.stringValue = stringValue }
    init?(intValue: Int) { nil }
}

private struct KeyedContainer<Key: CodingKey>: KeyedDecodingContainerProtocol {
    let decoder: NodeDecoder
    let node: YAMLNode

    var decoding: YAMLDecoding { decoder.decoding }
    var codingPath: [any CodingKey] { decoder.codingPath }
    var allKeys: [Key] {
        // A type that takes any key takes all.
        node.entries.compactMap { entry in
            node.ask(entry.key)
            return Key(stringValue: entry.key)
        }
    }

    private func find(_ key: Key) -> YAMLNode? {
        node.ask(key.stringValue)
        return node.entries.first { $0.key == key.stringValue }?.value
    }

    private func require(_ key: Key) throws(ConfigurationError) -> (YAMLNode, [String]) {
        if let value = find(key) { return (value, decoder.path + [key.stringValue]) }
        // A mistyped required key: name the mistake, not the absence.
        for entry in node.entries where !node.askedKeys.contains(entry.key) {
            if Similarity.nearest(to: entry.key, among: [key.stringValue]) != nil {
                throw node.unknownKey(entry, path: decoder.path)
            }
        }
        throw decoding.error(node, decoder.path + [key.stringValue], "missing", value: nil)
    }

    func contains(_ key: Key) -> Bool { find(key) != nil }
    func decodeNil(forKey key: Key) throws -> Bool { find(key)?.isNull ?? true }

    func decode(_ type: Bool.Type, forKey key: Key) throws -> Bool {
        let (value, path) = try require(key)
        return try decoding.bool(value, path)
    }
    func decode(_ type: String.Type, forKey key: Key) throws -> String {
        let (value, path) = try require(key)
        return try decoding.string(value, path)
    }
    func decode(_ type: Double.Type, forKey key: Key) throws -> Double {
        let (value, path) = try require(key)
        return try decoding.number(value, path)
    }
    func decode(_ type: Float.Type, forKey key: Key) throws -> Float { Float(try decode(Double.self, forKey: key)) }
    func decode(_ type: Int.Type, forKey key: Key) throws -> Int { try integer(type, key) }
    func decode(_ type: Int8.Type, forKey key: Key) throws -> Int8 { try integer(type, key) }
    func decode(_ type: Int16.Type, forKey key: Key) throws -> Int16 { try integer(type, key) }
    func decode(_ type: Int32.Type, forKey key: Key) throws -> Int32 { try integer(type, key) }
    func decode(_ type: Int64.Type, forKey key: Key) throws -> Int64 { try integer(type, key) }
    func decode(_ type: UInt.Type, forKey key: Key) throws -> UInt { try integer(type, key) }
    func decode(_ type: UInt8.Type, forKey key: Key) throws -> UInt8 { try integer(type, key) }
    func decode(_ type: UInt16.Type, forKey key: Key) throws -> UInt16 { try integer(type, key) }
    func decode(_ type: UInt32.Type, forKey key: Key) throws -> UInt32 { try integer(type, key) }
    func decode(_ type: UInt64.Type, forKey key: Key) throws -> UInt64 { try integer(type, key) }

    private func integer<I: FixedWidthInteger>(_ type: I.Type, _ key: Key) throws -> I {
        let (value, path) = try require(key)
        return try decoding.integer(type, value, path)
    }

    func decode<T: Decodable>(_ type: T.Type, forKey key: Key) throws -> T {
        let (value, path) = try require(key)
        return try decoding.decode(type, from: value, at: path)
    }

    func nestedContainer<Nested: CodingKey>(keyedBy type: Nested.Type, forKey key: Key) throws
        -> KeyedDecodingContainer<Nested>
    {
        let (value, path) = try require(key)
        return try NodeDecoder(decoding: decoding, node: value, path: path).container(keyedBy: type)
    }
    func nestedUnkeyedContainer(forKey key: Key) throws -> any UnkeyedDecodingContainer {
        let (value, path) = try require(key)
        return try NodeDecoder(decoding: decoding, node: value, path: path).unkeyedContainer()
    }
    func superDecoder() throws -> any Decoder { decoder }
    func superDecoder(forKey key: Key) throws -> any Decoder {
        let (value, path) = try require(key)
        return NodeDecoder(decoding: decoding, node: value, path: path)
    }
}

private struct UnkeyedContainer: UnkeyedDecodingContainer {
    let decoder: NodeDecoder
    let items: [YAMLNode]
    var currentIndex: Int

    init(decoder: NodeDecoder, items: [YAMLNode]) {
        self.decoder = decoder
        self.items = items
        currentIndex = 0
    }

    var codingPath: [any CodingKey] { decoder.codingPath }
    var count: Int? { items.count }
    var isAtEnd: Bool { currentIndex == items.count }

    private mutating func next() throws -> NodeDecoder {
        guard currentIndex < items.count else {
            throw decoder.decoding.error(decoder.node, decoder.path, "has too few items", value: nil)
        }
        defer { currentIndex += 1 }
        return NodeDecoder(
            decoding: decoder.decoding, node: items[currentIndex], path: decoder.path + ["[\(currentIndex)]"])
    }

    mutating func decodeNil() throws -> Bool {
        guard currentIndex < items.count, items[currentIndex].isNull else { return false }
        currentIndex += 1
        return true
    }
    mutating func decode<T: Decodable>(_ type: T.Type) throws -> T {
        let item = try next()
        return try item.decoding.decode(type, from: item.node, at: item.path)
    }
    mutating func nestedContainer<Key: CodingKey>(keyedBy type: Key.Type) throws -> KeyedDecodingContainer<Key> {
        try next().container(keyedBy: type)
    }
    mutating func nestedUnkeyedContainer() throws -> any UnkeyedDecodingContainer { try next().unkeyedContainer() }
    mutating func superDecoder() throws -> any Decoder { try next() }
}

private struct SingleContainer: SingleValueDecodingContainer {
    let decoder: NodeDecoder

    var codingPath: [any CodingKey] { decoder.codingPath }
    private var decoding: YAMLDecoding { decoder.decoding }

    func decodeNil() -> Bool { decoder.node.isNull }
    func decode(_ type: Bool.Type) throws -> Bool { try decoding.bool(decoder.node, decoder.path) }
    func decode(_ type: String.Type) throws -> String { try decoding.string(decoder.node, decoder.path) }
    func decode(_ type: Double.Type) throws -> Double { try decoding.number(decoder.node, decoder.path) }
    func decode(_ type: Float.Type) throws -> Float { Float(try decode(Double.self)) }
    func decode(_ type: Int.Type) throws -> Int { try integer(type) }
    func decode(_ type: Int8.Type) throws -> Int8 { try integer(type) }
    func decode(_ type: Int16.Type) throws -> Int16 { try integer(type) }
    func decode(_ type: Int32.Type) throws -> Int32 { try integer(type) }
    func decode(_ type: Int64.Type) throws -> Int64 { try integer(type) }
    func decode(_ type: UInt.Type) throws -> UInt { try integer(type) }
    func decode(_ type: UInt8.Type) throws -> UInt8 { try integer(type) }
    func decode(_ type: UInt16.Type) throws -> UInt16 { try integer(type) }
    func decode(_ type: UInt32.Type) throws -> UInt32 { try integer(type) }
    func decode(_ type: UInt64.Type) throws -> UInt64 { try integer(type) }

    private func integer<I: FixedWidthInteger>(_ type: I.Type) throws -> I {
        try decoding.integer(type, decoder.node, decoder.path)
    }
    func decode<T: Decodable>(_ type: T.Type) throws -> T {
        try decoding.decode(type, from: decoder.node, at: decoder.path)
    }
}
