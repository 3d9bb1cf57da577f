internal import Glibc

/// What the machine calls itself.
public enum HostName {
    /// gethostname(2), at most 255 bytes; nil where the kernel has none.
    public static var current: String? {
        var buffer = [CChar](repeating: 0, count: 256)
        guard gethostname(&buffer, buffer.count - 1) == 0 else { return nil }
        return String(decoding: buffer.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }
}
