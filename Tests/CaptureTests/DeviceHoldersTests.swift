import Glibc
import Primitives
import Reactor
import Testing

@testable import Capture

@Suite struct DeviceHolderTests {
    /// Runs a program that holds a device open until it is let go.
    private func holding(_ node: String, _ body: () -> Void) throws {
        var pid = pid_t()
        let words = ["/bin/sh", "-c", "exec sleep 60 < \(node)"]
        let arguments: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) } + [nil]
        defer { for argument in arguments { free(argument) } }
        let status = posix_spawn(&pid, "/bin/sh", nil, nil, arguments, environ)
        try #require(status == 0)
        defer {
            kill(pid, SIGKILL)
            waitpid(pid, nil, 0)
        }
        // The shell needs a moment to become what holds it.
        let limit = MonotonicClock.now() + .seconds(10)
        while DeviceHolders.of(nodes: [node]).text?.contains("sleep") != true, MonotonicClock.now() < limit {
            MonotonicClock.sleep(until: MonotonicClock.now() + .milliseconds(10))
        }
        body()
    }

    @Test func whoHasADeviceIsNamed() throws {
        // A device that nobody has open for long.
        #expect(DeviceHolders.of(nodes: ["/dev/full"]).text == nil)
        try holding("/dev/full") {
            let holder = DeviceHolders.of(nodes: ["/dev/full"]).text
            #expect(holder?.hasPrefix("sleep (") == true, "\(holder ?? "nobody")")
            let busy = V4L2Device.error(EBUSY, "VIDIOC_S_FMT", "/dev/full")
            #expect(busy.description == "/dev/full: used by \(holder ?? "")")
            #expect(busy.reason == "busy")
        }
        #expect(DeviceHolders.of(nodes: ["/dev/full"]).text == nil)
        #expect(DeviceHolders.of(nodes: ["/dev/no-such-device"]).text == nil)
        #expect(
            CaptureError.busy(device: "/dev/video0", holder: nil).description == "/dev/video0: used by another program")
    }

    @Test func theCardOfAnALSAName() {
        #expect(DeviceHolders.soundCard("hw:1,0") == "1")
        #expect(DeviceHolders.soundCard("plughw:CARD=KioskMic,DEV=0") == "KioskMic")
        #expect(DeviceHolders.soundCard("hw:CARD=C920") == "C920")
        for name in ["default", "pulse", "dsnoop:1", "hw:"] { #expect(DeviceHolders.soundCard(name) == nil) }
        // No sound card of this machine is called so.
        #expect(DeviceHolders.of(sound: "hw:CARD=NoSuchCard").text == nil)
    }

    /// Each fault has its own word, cause and remedy.
    @Test func faultsAreToldApart() {
        let faults: [CaptureError] = [
            .missing(device: "d"), .busy(device: "d", holder: "obs (7)"), .permissionDenied(device: "d"),
            .lost(device: "d"), .frozen(device: "d", after: .seconds(2)), .garbage(device: "d", after: .seconds(2)),
            .unsupported(device: "d", found: "Z16"), .badFile(path: "d", rule: "y4m: no frame"),
            .system(device: "d", SystemError("ioctl", EIO)),
        ]
        #expect(Set(faults.map(\.reason)).count == faults.count)
        #expect(Set(faults.map(\.description)).count == faults.count)
        #expect(Set(faults.map(\.remedy)).count == faults.count)
    }
}
