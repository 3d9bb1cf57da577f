import COpenSSL

/// What OpenSSL refused, with the error stack it left: "operation: reason, reason".
public struct CryptoError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The operation in a few lower-case words.
    public var operation: String
    /// OpenSSL's error stack, oldest first; it never holds key material.
    public var reasons: [String]

    public var description: String {
        reasons.isEmpty ? operation : "\(operation): \(reasons.joined(separator: ", "))"
    }

    /// Takes everything off the calling thread's error stack.
    static func drained(_ operation: String) -> CryptoError {
        var reasons: [String] = []
        while reasons.count < 16 {
            let code = ERR_get_error()
            if code == 0 { break }
            reasons.append(
                ERR_reason_error_string(code).map { String(cString: $0) } ?? "error \(String(code, radix: 16))")
        }
        ERR_clear_error()
        return CryptoError(operation: operation, reasons: reasons)
    }
}
