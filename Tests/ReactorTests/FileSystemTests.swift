import Glibc
import Reactor
import Testing

@Suite struct FileSystemTests {
    private let root = "/tmp/kiosk-agent-paths-\(getpid())"

    @Test func pathsAreMadeAskedAboutAndRenamed() throws {
        defer { for path in ["\(root)/b", root] { rmdir(path) } }
        #expect(FileSystem.refusal(of: .existence, to: root)?.isNotThere == true)
        #expect(throws: SystemError.self) { try FileSystem.status(of: root) }
        try FileSystem.makeDirectory(root, permissions: 0o700)
        // One that is there is as good.
        try FileSystem.makeDirectory(root, permissions: 0o755)
        let status = try FileSystem.status(of: root)
        #expect(status.isDirectory && status.permissions == 0o700)
        #expect(FileSystem.allows(.listing, to: root) && FileSystem.allows(.writing, to: root))
        try FileSystem.makeDirectory("\(root)/a", permissions: 0o700)
        try FileSystem.rename("\(root)/a", to: "\(root)/b")
        #expect(!FileSystem.allows(.existence, to: "\(root)/a") && FileSystem.allows(.existence, to: "\(root)/b"))
        #expect(throws: SystemError.self) { try FileSystem.rename("\(root)/a", to: "\(root)/c") }
        #expect(try FileSystem.volume(of: root).freeBytes > 0)
        #expect(try !FileSystem.status(of: "/dev/null").isDirectory)
    }

    @Test func whatIsDeniedIsNotWhatIsNotThere() {
        #expect(SystemError("open", EACCES).isDenied && !SystemError("open", EACCES).isNotThere)
        #expect(SystemError("open", ENOENT).isNotThere && !SystemError("open", ENOENT).isDenied)
    }

    @Test func variables() {
        #expect(ProcessEnvironment.value("PATH") != nil)
        #expect(ProcessEnvironment.value("NOBODY_SETS_THIS_VARIABLE") == nil)
    }
}
