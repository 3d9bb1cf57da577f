import Glibc

/// A YAML configuration file, read into `Decodable` types, with the line of everything that is wrong.
///
/// Strict on purpose: a key nobody asked for, a key given twice and a value of another type are errors, so that
/// a typing mistake never silently becomes a default. A `Decodable` type needs nothing special; keys are known
/// to be legal because the type's decoding asked for them.
public final class ConfigurationDocument {
    /// As it is named in errors.
    public let file: String
    let root: YAMLNode

    /// The largest file that is read; a configuration is far smaller.
    static let maximumSize = 1 << 20

    /// Reads a file. A missing, unreadable, oversize or malformed one is an error.
    public convenience init(contentsOf path: String) throws(ConfigurationError) {
        try self.init(text: ConfigurationDocument.read(path, named: path), file: path)
    }

    /// Parses `text` as if it stood in `file`.
    public convenience init(text: String, file: String) throws(ConfigurationError) {
        try self.init(text: Array(text.utf8), file: file)
    }

    private init(text: [UInt8], file: String) throws(ConfigurationError) {
        self.file = file
        root = try YAMLNode.parse(text, file: file)
    }

    /// Decodes the whole document, and refuses keys that the type did not ask for.
    public func decode<T: Decodable>(_ type: T.Type) throws(ConfigurationError) -> T {
        root.forgetAskedKeys()
        let value: T
        do {
            value = try YAMLDecoding(file: file).decode(type, from: root, at: [])
        } catch let error as ConfigurationError {
            throw error
        } catch {
            throw ConfigurationError(file: file, rule: "\(error)")
        }
        if let error = root.firstUnknownKey(path: [], file: file) { throw error }
        return value
    }

    /// An error at a key, for rules that only hold after decoding: a file that must exist, two keys that exclude
    /// each other. The line is that of the nearest enclosing key that is written down.
    public func violation(at path: [String], _ rule: String, value: String? = nil) -> ConfigurationError {
        var node = root
        var line = root.line
        for key in path {
            guard case .mapping(let entries) = node.content, let entry = entries.first(where: { $0.key == key }) else {
                break
            }
            node = entry.value
            line = entry.line
        }
        return ConfigurationError(file: file, line: line, key: path.joined(separator: "."), rule: rule, value: value)
    }

    /// Whether the key is written down in the file.
    public func contains(_ path: [String]) -> Bool {
        var node = root
        for key in path {
            guard case .mapping(let entries) = node.content, let entry = entries.first(where: { $0.key == key }) else {
                return false
            }
            node = entry.value
        }
        return true
    }

    private static func read(_ path: String, named file: String) throws(ConfigurationError) -> [UInt8] {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            throw ConfigurationError(file: file, rule: "cannot be read: \(errorText(errno))")
        }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 16384)
        while true {
            let count = Glibc.read(descriptor, &chunk, chunk.count)
            if count < 0 {
                let code = errno
                if code == EINTR { continue }
                throw ConfigurationError(file: file, rule: "cannot be read: \(errorText(code))")
            }
            if count == 0 { return bytes }
            bytes += chunk[..<count]
            guard bytes.count <= maximumSize else {
                throw ConfigurationError(file: file, rule: "is larger than \(maximumSize) bytes")
            }
        }
    }
}

/// The system's words for an error number, lower case.
func errorText(_ code: Int32) -> String {
    guard let text = strerror(code) else { return "error \(code)" }
    return String(cString: text).lowercased()
}
