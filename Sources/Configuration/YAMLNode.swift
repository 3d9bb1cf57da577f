import CYAML

/// One value of a YAML document with the file and line it begins in. A class, because decoding marks the keys it asks for.
final class YAMLNode {
    enum Content {
        /// `plain` tells an unquoted scalar, which may be a number, a truth value or null, from a quoted one.
        case scalar(String, plain: Bool)
        case sequence([YAMLNode])
        case mapping([Entry])
    }

    struct Entry {
        var key: String
        var file: String
        /// The key's line, from 1.
        var line: Int
        var value: YAMLNode
    }

    let file: String
    let line: Int
    let content: Content
    private(set) var askedKeys: Set<String>
    /// Whether anybody decoded this node as a mapping: only then are its keys judged.
    private(set) var wasOpened: Bool

    init(file: String, line: Int, content: Content) {
        self.file = file
        self.line = line
        self.content = content
        askedKeys = []
        wasOpened = false
    }

    func ask(_ key: String) { askedKeys.insert(key) }
    func open() { wasOpened = true }

    func forgetAskedKeys() {
        askedKeys = []
        wasOpened = false
        switch content {
        case .scalar: break
        case .sequence(let items): for item in items { item.forgetAskedKeys() }
        case .mapping(let entries): for entry in entries { entry.value.forgetAskedKeys() }
        }
    }

    /// What the file holds here, for an error message.
    var shown: String {
        switch content {
        case .scalar(let text, let plain): text.isEmpty ? (plain ? "nothing" : "\"\"") : text
        case .sequence: "a list"
        case .mapping: "a mapping"
        }
    }

    var isNull: Bool {
        if case .scalar(let text, plain: true) = content { return ["", "~", "null", "Null", "NULL"].contains(text) }
        return false
    }

    func firstUnknownKey(path: [String]) -> ConfigurationError? {
        switch content {
        case .scalar:
            return nil
        case .sequence(let items):
            for (index, item) in items.enumerated() {
                if let error = item.firstUnknownKey(path: path + ["[\(index)]"]) { return error }
            }
            return nil
        case .mapping(let entries):
            guard wasOpened else { return nil }
            for entry in entries {
                guard askedKeys.contains(entry.key) else {
                    return unknownKey(entry, path: path)
                }
                if let error = entry.value.firstUnknownKey(path: path + [entry.key]) { return error }
            }
            return nil
        }
    }

    func unknownKey(_ entry: Entry, path: [String]) -> ConfigurationError {
        let written = Set(entries.map(\.key))
        let nearest = Similarity.nearest(to: entry.key, among: askedKeys.subtracting(written))
        return ConfigurationError(
            file: entry.file, line: entry.line, key: YAMLDecoding.dotted(path + [entry.key]),
            rule: nearest.map { "unknown key, did you mean \($0)?" } ?? "unknown key")
    }

    var entries: [Entry] {
        if case .mapping(let entries) = content { entries } else { [] }
    }

    /// This value with that of a later file over it: mappings are merged key by key, everything else is replaced, lists as
    /// a whole. A section whose keys are all commented out changes nothing; `~` takes a section away.
    func merged(with later: YAMLNode) -> YAMLNode {
        guard case .mapping(var merged) = content else { return later }
        guard case .mapping(let added) = later.content else {
            if case .scalar("", plain: true) = later.content { return self }
            return later
        }
        for entry in added {
            if let index = merged.firstIndex(where: { $0.key == entry.key }) {
                let value = merged[index].value.merged(with: entry.value)
                // Two mappings stay where the first is written; a replaced value is the later file's.
                if value === entry.value { merged[index] = entry } else { merged[index].value = value }
            } else {
                merged.append(entry)
            }
        }
        return YAMLNode(file: file, line: line, content: .mapping(merged))
    }
}

extension YAMLNode {
    /// Deeper nesting and more nodes than any configuration has; aliases could otherwise blow a small file up.
    private static let maximumDepth = 32
    private static let maximumNodes = 20_000

    /// Parses one document. An empty file is an empty mapping.
    static func parse(_ text: [UInt8], file: String) throws(ConfigurationError) -> YAMLNode {
        var parser = yaml_parser_t()
        precondition(yaml_parser_initialize(&parser) == 1, "yaml: no memory for a parser")
        defer { yaml_parser_delete(&parser) }
        return try text.withUnsafeBufferPointer { buffer throws(ConfigurationError) in
            yaml_parser_set_input_string(&parser, buffer.baseAddress, buffer.count)
            var document = yaml_document_t()
            guard yaml_parser_load(&parser, &document) == 1 else { throw syntaxError(parser, text: text, file: file) }
            defer { yaml_document_delete(&document) }
            guard yaml_document_get_root_node(&document) != nil else {
                return YAMLNode(file: file, line: 1, content: .mapping([]))
            }
            var budget = maximumNodes
            let root = try convert(1, of: &document, depth: 0, budget: &budget, file: file)
            var next = yaml_document_t()
            guard yaml_parser_load(&parser, &next) == 1 else { throw syntaxError(parser, text: text, file: file) }
            defer { yaml_document_delete(&next) }
            guard yaml_document_get_root_node(&next) == nil else {
                throw ConfigurationError(
                    file: file, line: Int(next.start_mark.line) + 1, rule: "must be a single YAML document")
            }
            return root
        }
    }

    private static func convert(
        _ index: Int32, of document: inout yaml_document_t, depth: Int, budget: inout Int, file: String
    ) throws(ConfigurationError) -> YAMLNode {
        guard let node = yaml_document_get_node(&document, index)?.pointee else {
            throw ConfigurationError(file: file, rule: "not valid YAML")
        }
        let line = Int(node.start_mark.line) + 1
        budget -= 1
        guard depth < maximumDepth, budget > 0 else {
            throw ConfigurationError(file: file, line: line, rule: "is nested too deeply or refers to itself")
        }
        switch node.type {
        case YAML_SCALAR_NODE:
            return YAMLNode(
                file: file, line: line,
                content: .scalar(
                    text(node), plain: node.data.scalar.style == YAML_PLAIN_SCALAR_STYLE))
        case YAML_SEQUENCE_NODE:
            var items: [YAMLNode] = []
            var item = node.data.sequence.items.start
            while let current = item, current != node.data.sequence.items.top {
                items.append(
                    try convert(current.pointee, of: &document, depth: depth + 1, budget: &budget, file: file))
                item = current + 1
            }
            return YAMLNode(file: file, line: line, content: .sequence(items))
        case YAML_MAPPING_NODE:
            var entries: [Entry] = []
            var seen: Set<String> = []
            var pair = node.data.mapping.pairs.start
            while let current = pair, current != node.data.mapping.pairs.top {
                guard let keyNode = yaml_document_get_node(&document, current.pointee.key)?.pointee,
                    keyNode.type == YAML_SCALAR_NODE
                else {
                    throw ConfigurationError(file: file, line: line, rule: "a key must be a word")
                }
                let key = text(keyNode)
                let keyLine = Int(keyNode.start_mark.line) + 1
                guard seen.insert(key).inserted else {
                    throw ConfigurationError(file: file, line: keyLine, key: key, rule: "given twice")
                }
                let value = try convert(
                    current.pointee.value, of: &document, depth: depth + 1, budget: &budget, file: file)
                entries.append(Entry(key: key, file: file, line: keyLine, value: value))
                pair = current + 1
            }
            return YAMLNode(file: file, line: line, content: .mapping(entries))
        default:
            throw ConfigurationError(file: file, line: line, rule: "not valid YAML")
        }
    }

    private static func text(_ node: yaml_node_t) -> String {
        let scalar = node.data.scalar
        return String(decoding: UnsafeBufferPointer(start: scalar.value, count: scalar.length), as: UTF8.self)
    }

    private static func syntaxError(_ parser: yaml_parser_t, text: [UInt8], file: String) -> ConfigurationError {
        let problem = parser.problem.map { String(cString: $0) } ?? "malformed"
        let line =
            parser.error == YAML_READER_ERROR
            ? text.prefix(Int(parser.problem_offset)).count(where: { $0 == UInt8(ascii: "\n") }) + 1
            : Int(parser.problem_mark.line) + 1
        return ConfigurationError(file: file, line: line, rule: "not valid YAML: \(problem)")
    }
}
