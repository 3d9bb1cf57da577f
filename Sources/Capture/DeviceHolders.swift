import Glibc
import Reactor

/// Which other processes have a device open, as far as /proc shows it to us: all of them to root, our own user's to
/// others, and none but ours where the service's /proc hides them.
public struct DeviceHolders: Sendable, Hashable {
    /// A process that has the device open.
    public struct Holder: Sendable, Hashable {
        /// The process's number.
        public var pid: Int
        /// The process's short name.
        public var name: String

        /// For tests; `of(nodes:)` reads /proc.
        public init(pid: Int, name: String) {
            self.pid = pid
            self.name = name
        }
    }

    /// Each process once.
    public var holders: [Holder]
    /// Processes whose descriptors this one must not see.
    public var hidden: Int

    /// For tests; `of(nodes:)` reads /proc.
    public init(holders: [Holder], hidden: Int) {
        self.holders = holders
        self.hidden = hidden
    }

    /// `cheese (1234), obs (99)`; nil when none can be seen.
    public var text: String? {
        holders.isEmpty ? nil : holders.map { "\($0.name) (\($0.pid))" }.joined(separator: ", ")
    }

    /// The processes that have one of these character devices open, by any name of it.
    public static func of(nodes: [String]) -> DeviceHolders {
        var result = DeviceHolders(holders: [], hidden: 0)
        let wanted = Set(nodes.compactMap(device))
        guard !wanted.isEmpty else { return result }
        for entry in SystemFile.list("/proc") {
            guard let pid = Int(entry), pid != Int(getpid()) else { continue }
            guard let descriptors = opendir("/proc/\(entry)/fd") else {
                // A process that has just ended hides nothing.
                if errno == EACCES || errno == EPERM { result.hidden += 1 }
                continue
            }
            closedir(descriptors)
            let isHolder = SystemFile.list("/proc/\(entry)/fd").contains { name in
                device("/proc/\(entry)/fd/\(name)").map(wanted.contains) ?? false
            }
            if isHolder { result.holders.append(holder(pid)) }
        }
        return result
    }

    /// The processes that capture from the sound card that an ALSA name means, or from any when the name does not tell.
    public static func of(sound name: String) -> DeviceHolders {
        let card = soundCard(name)
        var result = DeviceHolders(holders: [], hidden: 0)
        for directory in SystemFile.list("/proc/asound") where directory.hasPrefix("card") {
            let path = "/proc/asound/\(directory)"
            if let card, directory != "card\(card)", SystemFile.line("\(path)/id") != card { continue }
            for pcm in SystemFile.list(path) where pcm.hasPrefix("pcm") && pcm.hasSuffix("c") {
                for substream in SystemFile.list("\(path)/\(pcm)") where substream.hasPrefix("sub") {
                    guard let status = SystemFile.text("\(path)/\(pcm)/\(substream)/status"),
                        let line = status.split(separator: "\n").first(where: { $0.hasPrefix("owner_pid") }),
                        let pid = line.split(separator: " ").last.flatMap({ Int($0) }), pid != Int(getpid())
                    else { continue }
                    result.holders.append(holder(pid))
                }
            }
        }
        return result
    }

    /// `1` of `hw:1,0`, `KioskMic` of `plughw:CARD=KioskMic,DEV=0`; nil for names like `default`.
    static func soundCard(_ name: String) -> String? {
        guard let colon = name.firstIndex(of: ":"), name[..<colon].hasSuffix("hw") else { return nil }
        let first = name[name.index(after: colon)...].split(separator: ",").first.map(String.init) ?? ""
        let card = first.hasPrefix("CARD=") ? String(first.dropFirst(5)) : first
        return card.isEmpty ? nil : card
    }

    private static func holder(_ pid: Int) -> Holder {
        Holder(pid: pid, name: SystemFile.line("/proc/\(pid)/comm") ?? "process")
    }

    /// The number of the character device behind a path.
    private static func device(_ path: String) -> UInt? {
        var status = stat()
        guard stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFCHR else { return nil }
        return status.st_rdev
    }
}
