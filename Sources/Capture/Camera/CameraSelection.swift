import CV4L2
import Glibc

/// What there is to know about a video node without using it.
public struct CameraFacts: Hashable, Sendable {
    /// `/dev/video0`.
    public var node: String
    /// Links that stay with the device or its port when it is numbered anew: `/dev/v4l/by-id/…` and `by-path`.
    public var stableLinks: [String]
    /// The device's own name; empty where it could not be asked.
    public var name: String
    /// The kernel driver, `uvcvideo`; empty where it could not be asked.
    public var driver: String
    /// Where it is attached; empty where it could not be asked.
    public var bus: String
    /// Whether pictures can be streamed from it. A UVC camera has a second node, for metadata only.
    public var canCapture: Bool
    /// Why it could not be asked.
    public var failure: CaptureError?

    /// What to open: by-id, because it follows the camera from port to port, then by-path, then the node.
    public var preferredPath: String {
        stableLinks.first { $0.contains("/by-id/") } ?? stableLinks.first { $0.contains("/by-path/") } ?? node
    }

    /// The N of `/dev/videoN`.
    var number: Int { Int(node.drop { !$0.isNumber }) ?? .max }
}

/// Which camera `auto` means.
public enum CameraSelection {
    /// The cameras that can capture, the best first: attached hardware before software devices, those with a stable
    /// name before those without, then by number.
    public static func ranked(_ facts: [CameraFacts]) -> [CameraFacts] {
        facts.filter { $0.canCapture || $0.failure != nil }.sorted { a, b in
            rank(a).lexicographicallyPrecedes(rank(b))
        }
    }

    private static func rank(_ facts: CameraFacts) -> [Int] {
        let isSoftware = ["v4l2 loopback", "v4l2loopback", "vivid", "vimc", "vim2m", "vicodec"].contains(facts.driver)
        let hasId = facts.stableLinks.contains { $0.contains("/by-id/") }
        // A node that could not be asked comes last: it may be the camera, and its error is then what to report.
        return [facts.failure == nil ? 0 : 1, isSoftware ? 1 : 0, hasId ? 0 : 1, facts.number]
    }
}

extension CameraFacts {
    /// All video nodes of the machine, by number.
    public static func enumerate() -> [CameraFacts] {
        let links = stableLinks()
        return nodes().map { node in
            CameraFacts(asking: node, stableLinks: links[node, default: []].sorted())
        }.sorted { $0.number < $1.number }
    }

    /// The video nodes of the machine, in no order; none of them is opened.
    static func nodes() -> [String] {
        names(in: "/dev").filter { name in
            name.hasPrefix("video") && name.utf8.count > 5 && name.dropFirst(5).allSatisfy { $0.isASCII && $0.isNumber }
        }.map { "/dev/\($0)" }
    }

    private init(asking node: String, stableLinks: [String]) {
        self.init(
            node: node, stableLinks: stableLinks, name: "", driver: "", bus: "", canCapture: false, failure: nil)
        do {
            let device = try V4L2Device(opening: node, emulating: false)
            var capability = try device.capability()
            canCapture = V4L2Camera.canStream(capability)
            name = withUnsafeBytes(of: &capability.card) { String(nulTerminated: $0) }
            driver = withUnsafeBytes(of: &capability.driver) { String(nulTerminated: $0) }
            bus = withUnsafeBytes(of: &capability.bus_info) { String(nulTerminated: $0) }
        } catch {
            // Not a capture device at all is no failure to report.
            if case .unsupported = error { return }
            failure = error
        }
    }

    /// Links under /dev/v4l by the node they lead to.
    private static func stableLinks() -> [String: [String]] {
        var links: [String: [String]] = [:]
        for directory in ["/dev/v4l/by-id", "/dev/v4l/by-path"] {
            for name in names(in: directory) {
                let link = "\(directory)/\(name)"
                guard let resolved = realpath(link, nil) else { continue }
                links[String(cString: resolved), default: []].append(link)
                free(resolved)
            }
        }
        return links
    }

    private static func names(in directory: String) -> [String] {
        guard let stream = opendir(directory) else { return [] }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { String(nulTerminated: $0) }
            if !name.hasPrefix(".") { names.append(name) }
        }
        return names
    }
}
