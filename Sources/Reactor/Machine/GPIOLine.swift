import CLinux
import Glibc

/// One line of a GPIO chip, held as an output through the character device (version 2 of the kernel's interface,
/// linux/gpio.h). It belongs to this program while the value lives; what the pin does afterwards is the chip's affair.
public struct GPIOLine: ~Copyable, Sendable {
    private let descriptor: FileDescriptor
    /// "/dev/gpiochip0 line 17".
    public let name: String

    /// Takes the line, off.
    ///
    /// - Parameter line: its offset in the chip, or its name.
    /// - Parameter isActiveLow: whether on means low.
    public init(chip: String, line: String, isActiveLow: Bool, consumer: String) throws(SystemError) {
        let name = "\(chip) line \(line)"
        let opened = try Syscall.call { open(chip, O_RDWR | O_CLOEXEC) }.get("open \(chip)")
        let device = FileDescriptor(takingOwnershipOf: opened)
        let offset = try GPIOLine.offset(of: line, in: device.rawValue, name)
        let requested = try Syscall.call {
            clinux_gpio_request_output(device.rawValue, offset, isActiveLow ? 1 : 0, consumer)
        }.get("request of \(name)")
        descriptor = FileDescriptor(takingOwnershipOf: requested)
        self.name = name
    }

    private static func offset(of line: String, in chip: Int32, _ name: String) throws(SystemError) -> UInt32 {
        if let offset = UInt32(line) { return offset }
        let count = try Syscall.call { clinux_gpio_lines(chip) }.get("lines of \(name)")
        for offset in 0..<UInt32(max(0, count)) {
            if case .success(1) = Syscall.call({ clinux_gpio_is_named(chip, offset, line) }) { return offset }
        }
        throw SystemError("search for \(name)", ENOENT)
    }

    /// Switches it, and reads back what came of it.
    public func set(_ isOn: Bool) throws(SystemError) {
        _ = try Syscall.call { clinux_gpio_set(descriptor.rawValue, isOn ? 1 : 0) }.get("switching \(name)")
        guard try self.isOn == isOn else { throw SystemError("\(name) does not change", EIO) }
    }

    /// Whether it is on, as the chip tells it now; throws when that is gone.
    public var isOn: Bool {
        get throws(SystemError) {
            try Syscall.call { clinux_gpio_get(descriptor.rawValue) }.get("reading \(name)") == 1
        }
    }
}
