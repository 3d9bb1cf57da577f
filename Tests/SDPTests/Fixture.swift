import Foundation
import Primitives
import SDP

/// An offer of a real peer; see Fixtures/README.md.
enum Fixture: String, CaseIterable {
    case aiortc = "aiortc-1.16"
    case chrome70 = "chrome-70"
    case chromium = "chromium-156"
    case chromiumMDNS = "chromium-156-mdns"
    case edge = "edge-120"
    case firefox = "firefox-153"
    case flutter = "flutter-webrtc-max-bundle"
    case safari = "safari-17"

    var text: String {
        let path = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Fixtures/\(rawValue).sdp")
        guard let data = try? Data(contentsOf: path) else { fatalError("fixture missing: \(path.path())") }
        return String(decoding: data, as: UTF8.self)
    }

    var offer: SessionDescription {
        get throws { try SessionDescription(parsing: text) }
    }
}

extension LocalTransport {
    static func test(_ name: String = "first") -> LocalTransport {
        LocalTransport(
            credentials: ICECredentials(usernameFragment: "abcd\(name)", password: "0123456789abcdefghijkl\(name)"),
            fingerprints: [Fingerprint(algorithm: .sha256, digest: (0..<32).map { UInt8($0) })],
            candidates: ["candidate:1 1 udp 2130706431 192.0.2.1 5000 typ host"])
    }
}

/// A minimal offer that tests change one thing of.
struct TestOffer {
    struct Section {
        var media = "video"
        var mid: String? = "0"
        var port = 9
        var formats = "96 97"
        var lines = ["a=rtpmap:96 VP8/90000", "a=rtpmap:97 rtx/90000", "a=fmtp:97 apt=96"]
        var direction: String? = "recvonly"
        var transport = true
        var mux = true
        var profile = "UDP/TLS/RTP/SAVPF"

        static func audio(mid: String? = "1") -> Section {
            Section(media: "audio", mid: mid, formats: "111", lines: ["a=rtpmap:111 opus/48000/2"])
        }
    }

    var session: [String] = []
    var group: String? = "BUNDLE 0 1"
    var fragment = "WXYZ"
    var password = "aaaaaaaaaaaaaaaaaaaaaa"
    var fingerprint = "sha-256 " + Array(repeating: "AB", count: 32).joined(separator: ":")
    var setup = "actpass"
    var sections = [Section(), Section.audio()]

    var text: String {
        var lines = ["v=0", "o=- 1 1 IN IP4 127.0.0.1", "s=-", "t=0 0"] + session
        if let group { lines.append("a=group:\(group)") }
        for section in sections {
            lines.append("m=\(section.media) \(section.port) \(section.profile) \(section.formats)")
            lines.append("c=IN IP4 0.0.0.0")
            if let mid = section.mid { lines.append("a=mid:\(mid)") }
            if section.transport {
                lines += ["a=ice-ufrag:\(fragment)", "a=ice-pwd:\(password)", "a=fingerprint:\(fingerprint)"]
                if !setup.isEmpty { lines.append("a=setup:\(setup)") }
            }
            if let direction = section.direction { lines.append("a=\(direction)") }
            if section.mux { lines.append("a=rtcp-mux") }
            lines += section.lines
        }
        return lines.joined(separator: "\r\n") + "\r\n"
    }

    var offer: SessionDescription {
        get throws { try SessionDescription(parsing: text) }
    }
}
