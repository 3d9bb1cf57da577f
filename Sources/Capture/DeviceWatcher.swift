import CUdev
import Glibc
public import Reactor

/// A camera or sound device that came or went.
public struct DeviceEvent: Hashable, Sendable {
    /// udev's word for what happened.
    public enum Action: String, Hashable, Sendable { case add, remove, change, bind, unbind }
    /// The kernel subsystems of cameras and sound.
    public enum Subsystem: String, Hashable, Sendable { case video = "video4linux", sound }

    /// What happened.
    public var action: Action
    /// Which kind of device it was.
    public var subsystem: Subsystem
    /// `/dev/video0`; nil for devices without a node, such as a sound card as a whole.
    public var node: String?
}

/// Hears from udev when cameras and microphones come and go. Its descriptor belongs into an event loop.
///
/// Events come after udev has made the links and set the permissions, so that a device can be opened at once.
public struct DeviceWatcher: ~Copyable {
    private let context: OpaquePointer
    private let monitor: OpaquePointer

    /// Subscribes to udev's events of both subsystems.
    public init() throws(SystemError) {
        guard let context = udev_new() else { throw SystemError("udev_new", ENOMEM) }
        guard let monitor = udev_monitor_new_from_netlink(context, "udev") else {
            udev_unref(context)
            throw SystemError("udev_monitor_new_from_netlink", ENOMEM)
        }
        var status: Int32 = 0
        for subsystem in [DeviceEvent.Subsystem.video, .sound] where status >= 0 {
            status = udev_monitor_filter_add_match_subsystem_devtype(monitor, subsystem.rawValue, nil)
        }
        if status >= 0 { status = udev_monitor_enable_receiving(monitor) }
        guard status >= 0 else {
            udev_monitor_unref(monitor)
            udev_unref(context)
            throw SystemError("udev_monitor_enable_receiving", -status)
        }
        self.context = context
        self.monitor = monitor
    }

    deinit {
        udev_monitor_unref(monitor)
        udev_unref(context)
    }

    /// Readable when `next` has something.
    public var descriptor: Int32 { udev_monitor_get_fd(monitor) }

    /// The next event, or nil when there is none. Events of no interest are passed over.
    public mutating func next() -> DeviceEvent? {
        while let device = udev_monitor_receive_device(monitor) {
            defer { udev_device_unref(device) }
            guard
                let action = udev_device_get_action(device).flatMap({
                    DeviceEvent.Action(rawValue: String(cString: $0))
                }),
                let subsystem = udev_device_get_subsystem(device)
                    .flatMap({ DeviceEvent.Subsystem(rawValue: String(cString: $0)) })
            else { continue }
            return DeviceEvent(
                action: action, subsystem: subsystem, node: udev_device_get_devnode(device).map { String(cString: $0) })
        }
        return nil
    }
}
