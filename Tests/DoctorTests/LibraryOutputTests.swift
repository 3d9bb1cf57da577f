import Glibc
import Reactor
import Testing

@testable import Doctor

@Suite struct LibraryOutputTests {
    @Test func whatLibrariesPrintIsKeptAway() throws {
        let path = "/tmp/kiosk-agent-terminal-\(getpid())"
        defer { unlink(path) }
        let terminal = open(path, O_RDWR | O_CREAT | O_TRUNC, 0o600)
        defer { close(terminal) }
        func say(_ text: String) {
            _ = Array(text.utf8).withUnsafeBytes { write(terminal, $0.baseAddress, $0.count) }
        }
        let output = try #require(LibraryOutput(instead: terminal))
        say("jack: cannot connect\n")
        #expect(output.end() == "jack: cannot connect\n")
        say("FAILED\n")
        #expect(SystemFile.text(path) == "FAILED\n")
    }
}
