internal import Glibc

/// The terminal, or whatever stands in for it.
enum Console {
    static func print(_ text: String) { write(text, STDOUT_FILENO) }
    static func complain(_ text: String) { write(text + "\n", STDERR_FILENO) }

    private static func write(_ text: String, _ descriptor: Int32) {
        var bytes = Array(text.utf8)[...]
        while !bytes.isEmpty {
            let count = bytes.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            guard count > 0 else { return }
            bytes = bytes.dropFirst(count)
        }
    }

    /// The first line of standard input.
    static func readLine() -> String { Swift.readLine(strippingNewline: true) ?? "" }

    /// Asks on the terminal without showing what is typed; nil when there is none.
    static func askSecretly(_ prompt: String) -> String? {
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

    /// Columns as wide as their widest cell.
    static func table(_ rows: [[String]]) -> String {
        let widths = (rows.first ?? []).indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
        return rows.map { row in
            row.enumerated().map { column, cell in
                column == row.count - 1
                    ? cell : cell + String(repeating: " ", count: widths[column] - cell.count + 2)
            }.joined()
        }.joined(separator: "\n") + "\n"
    }
}
