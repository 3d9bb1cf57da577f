import Glibc

/// Secrets that the service manager or a file hands over.
public enum Credentials {
    /// The file of a credential the service manager loaded (`LoadCredential=`), or nil.
    public static func path(_ name: String) -> String? {
        guard let directory = getenv("CREDENTIALS_DIRECTORY") else { return nil }
        let path = "\(String(cString: directory))/\(name)"
        return access(path, R_OK) == 0 ? path : nil
    }

    /// Why a secret's file is refused.
    public enum ReadError: Error, Equatable, Sendable, CustomStringConvertible {
        case unreadable(String)
        case readableByOthers(mode: UInt32)
        case notAFile
        case empty
        case tooLarge

        /// A rule's text, to follow a file's or a key's name.
        public var description: String {
            switch self {
            case .unreadable(let reason): "cannot be read: \(reason)"
            case .readableByOthers(let mode):
                "must not be readable by others (mode 0\(String(mode, radix: 8)), expected 0600 or 0640)"
            case .notAFile: "must be a regular file"
            case .empty: "must not be empty"
            case .tooLarge: "must be at most 4096 bytes"
            }
        }
    }

    /// The secret in a file, without the line end that editors leave. The file must not be readable by everybody.
    public static func readSecret(at path: String) throws(ReadError) -> String {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { throw .unreadable(lastErrorText()) }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw .unreadable(lastErrorText()) }
        guard status.st_mode & S_IFMT == S_IFREG else { throw .notAFile }
        guard status.st_mode & 0o007 == 0 else { throw .readableByOthers(mode: status.st_mode & 0o777) }
        var bytes = [UInt8](repeating: 0, count: 4097)
        let count = read(descriptor, &bytes, bytes.count)
        guard count >= 0 else { throw .unreadable(lastErrorText()) }
        guard count <= 4096 else { throw .tooLarge }
        let text = String(decoding: bytes[..<count], as: UTF8.self)
        guard let last = text.lastIndex(where: { !$0.isNewline }) else { throw .empty }
        return String(text[...last])
    }

    private static func lastErrorText() -> String {
        guard let text = strerror(errno) else { return "unknown error" }
        return String(cString: text).lowercased()
    }
}
