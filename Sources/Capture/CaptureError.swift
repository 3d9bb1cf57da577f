import Primitives
public import Reactor

/// How waiting for media ended when nothing went wrong.
public enum CaptureOutcome: Hashable, Sendable {
    /// The frame has been filled.
    case captured
    /// The interrupting `WakeFD` was signaled. The frame is as it was, or spent by a damaged picture, with `.zero` for its
    /// capture time.
    case interrupted
}

/// Why a camera or a microphone cannot be used. Each case is a different remedy.
public enum CaptureError: Error, Hashable, Sendable {
    /// There is no such device, or with `auto` none at all.
    case missing(device: String)
    /// Another program has it; `holder` names it, "cheese (1234)", where /proc lets us see.
    case busy(device: String, holder: String?)
    /// The device node may not be opened.
    case permissionDenied(device: String)
    /// It was there and has gone in the middle: unplugged, or its USB port reset. Open again when it is back.
    case lost(device: String)
    /// It is there but has delivered nothing for so long.
    case frozen(device: String, after: Duration)
    /// It delivers the same picture again and again, and is to be opened anew.
    case repeats(device: String)
    /// It delivers, but for so long nothing that is a picture.
    case garbage(device: String, after: Duration)
    /// It has no format that can be used; `found` tells which it has.
    case unsupported(device: String, found: String)
    /// A file that is not what its name says; the rule it breaks.
    case badFile(path: String, rule: String)
    /// Anything else the system said.
    case system(device: String, SystemError)

    /// A short fixed word for statistics and messages: `missing`, `busy` …
    public var reason: String {
        switch self {
        case .missing: "missing"
        case .busy: "busy"
        case .permissionDenied: "permission-denied"
        case .lost: "lost"
        case .frozen: "stalled"
        case .repeats: "frozen"
        case .garbage: "garbage"
        case .unsupported: "unsupported"
        case .badFile: "bad-file"
        case .system: "failed"
        }
    }

    /// The device or file.
    public var device: String {
        switch self {
        case .missing(let device), .busy(let device, _), .permissionDenied(let device), .lost(let device),
            .frozen(let device, _), .repeats(let device), .garbage(let device, _), .unsupported(let device, _),
            .badFile(let device, _),
            .system(let device, _):
            device
        }
    }

    /// What a technician can do about it, as a sentence without capital and full stop.
    public var remedy: String {
        switch self {
        case .missing: "check the cable, and the device's name in the configuration"
        case .busy(_, let holder):
            holder == nil
                ? "end the other program; kiosk-agent doctor, run as root, names who has a camera open (camera-users)"
                : "end that program, or give it another device"
        case .permissionDenied: "the agent's user needs the groups video and audio, and its service the device"
        case .lost: "check the cable and the USB port; it is opened again when it is back"
        case .repeats: "if it does not come back by itself, unplug it and plug it in again"
        case .frozen: "unplug it and plug it in again, or use another USB port"
        case .garbage: "use a shorter cable or another USB port; a lower camera size needs less of the bus"
        case .unsupported: "use another device"
        case .badFile: "use another file"
        case .system: "read the kernel's messages (journalctl -k), use another USB port"
        }
    }
}

extension CaptureError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .missing(let device): "\(device): no such device"
        case .busy(let device, let holder): "\(device): used by \(holder ?? "another program")"
        case .permissionDenied(let device): "\(device): permission denied"
        case .lost(let device): "\(device): gone"
        case .frozen(let device, let time): "\(device): nothing for \(Int(time.seconds * 1000)) ms"
        case .repeats(let device): "\(device): the same picture again and again; it is opened anew"
        case .garbage(let device, let time):
            "\(device): nothing that is a picture for \(Int(time.seconds * 1000)) ms"
        case .unsupported(let device, let found): "\(device): no usable format (\(found))"
        case .badFile(let path, let rule): "\(path): \(rule)"
        case .system(let device, let error): "\(device): \(error)"
        }
    }
}
