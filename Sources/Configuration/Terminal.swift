import Glibc

/// The standard streams, and who sits before them.
public enum Terminal {
    /// Writes to standard output.
    public static func print(_ text: String, terminator: String = "\n") { write(text + terminator, STDOUT_FILENO) }

    /// Writes a line to standard error.
    public static func complain(_ text: String) { write(text + "\n", STDERR_FILENO) }

    /// Writes all of it, or as much as a reader that has gone took.
    private static func write(_ text: String, _ descriptor: Int32) {
        var bytes = Array(text.utf8)[...]
        while !bytes.isEmpty {
            let count = bytes.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            guard count > 0 else {
                if errno == EINTR { continue }
                return
            }
            bytes = bytes.dropFirst(count)
        }
    }

    /// The first line of standard input.
    public static func readLine() -> String { Swift.readLine(strippingNewline: true) ?? "" }

    /// Asks on the terminal without showing what is typed; nil when there is none.
    public static func askSecretly(_ prompt: String) -> String? {
        guard isatty(STDIN_FILENO) == 1 else { return nil }
        var settings = termios()
        guard tcgetattr(STDIN_FILENO, &settings) == 0 else { return nil }
        let before = settings
        settings.c_lflag &= ~tcflag_t(ECHO)
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &settings)
        defer {
            var before = before
            tcsetattr(STDIN_FILENO, TCSAFLUSH, &before)
            write("\n", STDERR_FILENO)
        }
        write(prompt, STDERR_FILENO)
        return readLine()
    }

    /// Rows of cells in columns as wide as their widest cell, two blanks apart. All rows have as many cells as the first.
    public static func table(_ rows: [[String]]) -> String {
        let widths = (rows.first ?? []).indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
        return rows.map { row in
            row.enumerated().map { column, cell in
                column == row.count - 1
                    ? cell : cell + String(repeating: " ", count: widths[column] - cell.count + 2)
            }.joined()
        }.joined(separator: "\n") + "\n"
    }
}
