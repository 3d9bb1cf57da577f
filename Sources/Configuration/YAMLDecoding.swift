import Primitives

/// Decodes values out of a node tree; the context that all containers share.
struct YAMLDecoding {
    static func dotted(_ path: [String]) -> String {
        path.reduce(into: "") { text, part in
            text += text.isEmpty || part.hasPrefix("[") ? part : ".\(part)"
        }
    }

    func error(_ node: YAMLNode, _ path: [String], _ rule: String, value: String?) -> ConfigurationError {
        ConfigurationError(
            file: node.file, line: node.line, key: path.isEmpty ? nil : YAMLDecoding.dotted(path), rule: rule,
            value: value)
    }

    func wrongType(_ node: YAMLNode, _ path: [String], _ wanted: String) -> ConfigurationError {
        error(node, path, "must be \(wanted)", value: node.shown)
    }

    func decode<T: Decodable>(_ type: T.Type, from node: YAMLNode, at path: [String]) throws -> T {
        if type == Duration.self, let value = try duration(node, path) as? T { return value }
        do {
            return try T(from: NodeDecoder(decoding: self, node: node, path: path))
        } catch var error as ConfigurationError {
            if type is any SecretValue.Type { error.value = nil }
            throw error
        } catch let violation as RuleViolation {
            throw error(
                node, path, violation.rule,
                value: type is any SecretValue.Type ? nil : violation.value ?? node.shown)
        } catch let decodingError as DecodingError {
            throw translate(decodingError, type, node, path)
        }
    }

    /// What types' own decoding throws, in our words.
    private func translate<T>(_ decodingError: DecodingError, _ type: T.Type, _ node: YAMLNode, _ path: [String])
        -> ConfigurationError
    {
        switch decodingError {
        case .dataCorrupted(let context):
            if let violation = context.underlyingError as? RuleViolation {
                let place = context.codingPath.map(\.stringValue)
                let target = place.dropFirst(path.count).reduce(node) { node, key in
                    node.entries.first { $0.key == key }?.value ?? node
                }
                return error(target, place, violation.rule, value: target.shown)
            }
            let choices =
                if let type = type as? any CaseIterable.Type { YAMLDecoding.choices(type) } else { [String]() }
            guard choices.isEmpty else {
                return error(node, path, "must be one of \(choices.joined(separator: ", "))", value: node.shown)
            }
            return error(node, path, context.debugDescription, value: nil)
        case .keyNotFound(let key, _):
            return error(node, path + [key.stringValue], "missing", value: nil)
        case .typeMismatch(_, let context), .valueNotFound(_, let context):
            return error(node, path, context.debugDescription, value: nil)
        @unknown default:
            return error(node, path, "cannot be used", value: nil)
        }
    }

    private static func choices<T: CaseIterable>(_ type: T.Type) -> [String] {
        type.allCases.compactMap { ($0 as? any RawRepresentable)?.rawValue as? String }
    }

    func string(_ node: YAMLNode, _ path: [String]) throws(ConfigurationError) -> String {
        guard case .scalar(let text, _) = node.content, !node.isNull else { throw wrongType(node, path, "a text") }
        return text
    }

    func bool(_ node: YAMLNode, _ path: [String]) throws(ConfigurationError) -> Bool {
        guard case .scalar(let text, plain: true) = node.content else {
            throw wrongType(node, path, "true or false")
        }
        switch text {
        case "true", "True", "TRUE": return true
        case "false", "False", "FALSE": return false
        default: throw wrongType(node, path, "true or false")
        }
    }

    func integer<I: FixedWidthInteger>(_ type: I.Type, _ node: YAMLNode, _ path: [String])
        throws(ConfigurationError) -> I
    {
        guard case .scalar(let text, plain: true) = node.content else {
            throw wrongType(node, path, "a whole number")
        }
        // Digits may be grouped, as 1_500_000.
        let digits = text.replacing("_")
        if let value = I(digits) { return value }
        if Double(digits) != nil, !digits.contains("."), !digits.lowercased().contains("n") {
            throw error(node, path, "must be between \(I.min) and \(I.max)", value: node.shown)
        }
        throw wrongType(node, path, "a whole number")
    }

    func number(_ node: YAMLNode, _ path: [String]) throws(ConfigurationError) -> Double {
        guard case .scalar(let text, plain: true) = node.content, let value = Double(text.replacing("_")),
            value.isFinite
        else { throw wrongType(node, path, "a number") }
        return value
    }

    func duration(_ node: YAMLNode, _ path: [String]) throws(ConfigurationError) -> Duration {
        guard case .scalar(let text, _) = node.content, let value = Duration(configured: text) else {
            throw wrongType(node, path, "a duration like 10s, 500ms, 5m, 24h or 90d")
        }
        return value
    }
}

extension String {
    fileprivate func replacing(_ character: Character) -> String { filter { $0 != character } }
}
