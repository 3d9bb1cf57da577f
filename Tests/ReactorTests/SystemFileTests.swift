import Glibc
import Reactor
import Testing

@Suite struct SystemFileTests {
    /// The kernel gives such a file in pages.
    @Test func aFileOfManyPagesIsWhole() throws {
        let text = try #require(SystemFile.text("/proc/self/smaps"))
        #expect(text.utf8.count > 16 * 1024)
        #expect(text.utf8.count == SystemFile.maximumSize || text.hasSuffix("\n"))
    }

    @Test func whatIsNotThereIsNil() {
        #expect(SystemFile.text("/proc/no-such-file") == nil)
        #expect(SystemFile.text("/proc") == nil, "a directory")
        #expect(SystemFile.integer("/proc/version") == nil)
        #expect(SystemFile.list("/no/such/directory") == [])
    }
}
