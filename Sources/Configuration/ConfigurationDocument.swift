import Glibc

/// A YAML configuration file and the drop-ins beside it, read into `Decodable` types, with the line of everything that is wrong.
///
/// Strict on purpose: an unknown key, a key given twice and a value of another type are errors, so that
/// a typing mistake never silently becomes a default. A `Decodable` type needs nothing special; keys are known
/// to be legal because the type's decoding asked for them.
///
/// The drop-ins of `/etc/x.yaml` are the files `/etc/x.yaml.d/*.yaml`, taken in the order of their names, each over what
/// came before it: what a package, an installation or one machine adds needs no change of the file itself.
public final class ConfigurationDocument {
    /// As it is named in errors that mean no place in any file.
    public let file: String
    /// What was read, in the order in which it was merged.
    public let files: [String]
    let root: YAMLNode

    /// The largest file that is read; a configuration is far smaller.
    static let maximumSize = 1 << 20

    /// More drop-ins than any machine has.
    static let maximumDropIns = 100

    /// Reads a file and its drop-ins. A missing, unreadable, oversize or malformed one is an error; the file itself may be
    /// missing where there is a drop-in.
    public init(contentsOf path: String) throws(ConfigurationError) {
        file = path
        var files = try ConfigurationDocument.dropIns(of: path)
        if files.isEmpty || access(path, F_OK) == 0 { files.insert(path, at: 0) }
        var merged = YAMLNode(file: path, line: 1, content: .mapping([]))
        for name in files {
            let node = try YAMLNode.parse(ConfigurationDocument.read(name), file: name)
            if node.isNull { continue }
            guard case .mapping = node.content else {
                throw ConfigurationError(
                    file: name, line: node.line, rule: "must be a mapping of keys", value: node.shown)
            }
            merged = merged.merged(with: node)
        }
        self.files = files
        root = merged
    }

    /// Parses `text` as if it stood in `file`, without drop-ins.
    public init(text: String, file: String) throws(ConfigurationError) {
        self.file = file
        files = [file]
        root = try YAMLNode.parse(Array(text.utf8), file: file)
    }

    /// The drop-ins of a file in the order of their names, compared byte by byte. Names that begin with a dot are editors'
    /// and package managers'.
    private static func dropIns(of path: String) throws(ConfigurationError) -> [String] {
        let folder = "\(path).d"
        guard let directory = opendir(folder) else {
            guard errno == ENOENT || errno == ENOTDIR else {
                throw ConfigurationError(file: folder, rule: "cannot be read: \(errorText(errno))")
            }
            return []
        }
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            guard name.hasSuffix(".yaml"), !name.hasPrefix(".") else { continue }
            names.append(name)
            guard names.count <= maximumDropIns else {
                throw ConfigurationError(file: folder, rule: "holds more than \(maximumDropIns) files")
            }
        }
        return names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }.map { "\(folder)/\($0)" }
    }

    /// Decodes the whole document, and refuses keys that the type did not ask for.
    public func decode<T: Decodable>(_ type: T.Type) throws(ConfigurationError) -> T {
        root.forgetAskedKeys()
        let value: T
        do {
            value = try YAMLDecoding().decode(type, from: root, at: [])
        } catch let error as ConfigurationError {
            throw error
        } catch {
            throw ConfigurationError(file: file, rule: "\(error)")
        }
        if let error = root.firstUnknownKey(path: []) { throw error }
        return value
    }

    /// An error at a key, for rules that only hold after decoding: a file that must exist, two keys that exclude
    /// each other. The line is that of the nearest enclosing key that is written down.
    public func violation(at path: [String], _ rule: String, value: String? = nil) -> ConfigurationError {
        var node = root
        var (file, line) = (root.file, root.line)
        for key in path {
            guard case .mapping(let entries) = node.content, let entry = entries.first(where: { $0.key == key }) else {
                break
            }
            node = entry.value
            (file, line) = (entry.file, entry.line)
        }
        return ConfigurationError(file: file, line: line, key: path.joined(separator: "."), rule: rule, value: value)
    }

    /// Whether the key is written down in one of the files.
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

    private static func read(_ file: String) throws(ConfigurationError) -> [UInt8] {
        let descriptor = open(file, O_RDONLY | O_CLOEXEC)
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
