import Glibc

/// Command lines in remedies. A kiosk is a small system, and a remedy that names a program that is not there helps nobody.
public enum ToolCommand {
    /// Where a technician's shell finds programs; a service's own PATH says nothing about that.
    private static let folders = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"]

    /// The first of these command lines whose program this machine has, else the last one, which every machine can follow.
    public static func available(_ lines: String...) -> String {
        choice(of: lines) { program in folders.contains { access("\($0)/\(program)", X_OK) == 0 } }
    }

    static func choice(of lines: [String], isThere: (String) -> Bool) -> String {
        lines.first { line in isThere(String(line.prefix { $0 != " " })) } ?? lines.last ?? ""
    }
}
