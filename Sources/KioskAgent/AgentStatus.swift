import Primitives
import Signaling
import SocketIO

/// Everything the agent knows about itself, for `kiosk-agent status`, the service manager and the heartbeat.
struct AgentStatus: Sendable, Equatable {
    struct Device: Sendable, Equatable {
        /// `idle`, `live`, `missing`, `busy`, `failed`, `none` …
        var state: String
        /// What delivers, or nil.
        var source: String?
        /// What is wrong, or nil.
        var message: String?

        init(_ device: Supervisor.DeviceState) {
            state = device.word
            (source, message) = (nil, nil)
            switch device {
            case .none, .idle, .opening: break
            case .running(let name): source = name
            case .trouble(let trouble): message = trouble.message
            }
        }
    }

    struct Session: Sendable, Equatable {
        var id: String
        var monitorId: String
        var phase: Supervisor.Phase
        var liveSince: Instant?
        var firstFrameMilliseconds: Int?
        var reason: String?
    }

    var kioskId: String
    var server: String
    var startedAt: Instant
    var link: LinkPhase
    var session: Session?
    var camera: Device
    var microphone: Device
    var video: MediaCounters
    var audio: MediaCounters
    var peer: PeerStatistics?
    /// Packet slots of the network thread in use; none when no session is open.
    var packetsInUse: Int
    var outboxWaiting: Int
    var outboxRejected: Int
    var sessionsServed: Int
    /// The server's clock minus ours, once measured.
    var clockOffset: Duration?

    /// What one media thread did since the agent started.
    struct MediaCounters: Sendable, Equatable {
        var captured: UInt64 = 0
        var encoded: UInt64 = 0
        var keyframes: UInt64 = 0
        var bytes: UInt64 = 0
        /// Left out by the encoder's rate control or by pacing.
        var skipped: UInt64 = 0
        /// Not delivered because the network thread was late.
        var dropped: UInt64 = 0
        var width: Int = 0
        var height: Int = 0
        var framesPerSecond: Double = 0
        var targetBitrate: Int = 0
    }

    /// One word for the whole: `starting`, `offline`, `idle`, `negotiating`, `live`.
    var state: String {
        switch session?.phase {
        case .live: return "live"
        case .granted, .negotiating: return "negotiating"
        case .failed, nil: break
        }
        switch link {
        case .registered: return "idle"
        case .connecting: return "connecting"
        case .waiting: return "offline"
        case .stopped: return "stopped"
        }
    }

    /// One line for `systemctl status` and the head of `kiosk-agent status`.
    var summary: String {
        if let session, session.phase == .live {
            var text = "live to \(session.monitorId)"
            if camera.message == nil, video.width > 0 {
                text += ", \(video.width)x\(video.height) at \(Int(video.framesPerSecond.rounded()))"
            }
            if let peer { text += ", \(peer.sentBitsPerSecond / 1000) kbit/s" }
            if let message = camera.message { text += "; no picture: \(message)" }
            return text
        }
        if let session, session.phase != .failed { return "connecting to \(session.monitorId)" }
        switch link {
        case .registered: return "registered with \(server), nobody watches"
        case .connecting: return "connecting to \(server)"
        case .waiting(let trouble, _): return "no server: \(trouble.message)"
        case .stopped: return "stopping"
        }
    }

    /// The contents of a heartbeat.
    var heartbeat: KioskStatus {
        var fields = JSONObject()
        fields["camera"] = .string(camera.state)
        fields["microphone"] = .string(microphone.state)
        fields["outbox"] = .integer(outboxWaiting)
        fields["live"] = .bool(session?.phase == .live)
        return KioskStatus(fields: fields)
    }
}

extension AgentStatus {
    func json(now: Instant) -> JSONValue {
        var object = JSONObject()
        object["version"] = .string(AgentVersion.text)
        object["kioskId"] = .string(kioskId)
        object["server"] = .string(server)
        object["state"] = .string(state)
        object["summary"] = .string(summary)
        object["uptimeSeconds"] = .integer(Int((now - startedAt).seconds))
        object["link"] = linkJSON
        object["camera"] = deviceJSON(camera)
        object["microphone"] = deviceJSON(microphone)
        object["session"] = session.map { sessionJSON($0, now: now) } ?? .null
        object["video"] = countersJSON(video)
        object["audio"] = countersJSON(audio)
        object["outbox"] = ["waiting": .integer(outboxWaiting), "rejected": .integer(outboxRejected)]
        object["pool"] = ["inUse": .integer(packetsInUse)]
        object["sessionsServed"] = .integer(sessionsServed)
        if let peer { object["peer"] = peerJSON(peer) }
        if let clockOffset { object["clockOffsetSeconds"] = .double(clockOffset.seconds) }
        return .object(object)
    }

    private var linkJSON: JSONValue {
        switch link {
        case .connecting: return ["state": "connecting"]
        case .registered: return ["state": "registered"]
        case .stopped: return ["state": "stopped"]
        case .waiting(let trouble, let delay):
            var object = JSONObject()
            object["state"] = "waiting"
            object["trouble"] = .string(trouble.kind.rawValue)
            object["message"] = .string(trouble.message)
            object["retrySeconds"] = .double((delay.seconds * 10).rounded() / 10)
            object["remedy"] = trouble.remedy.map(JSONValue.string)
            return .object(object)
        }
    }

    private func deviceJSON(_ device: Device) -> JSONValue {
        var object = JSONObject([("state", .string(device.state))])
        object["source"] = device.source.map(JSONValue.string)
        object["message"] = device.message.map(JSONValue.string)
        return .object(object)
    }

    private func sessionJSON(_ session: Session, now: Instant) -> JSONValue {
        var object = JSONObject([
            ("sessionId", .string(session.id)), ("monitorId", .string(session.monitorId)),
            ("phase", .string(session.phase.rawValue)),
        ])
        object["liveSeconds"] = session.liveSince.map { JSONValue.integer(Int((now - $0).seconds)) }
        object["firstFrameMs"] = session.firstFrameMilliseconds.map { JSONValue.integer($0) }
        object["reason"] = session.reason.map(JSONValue.string)
        return .object(object)
    }

    private func countersJSON(_ counters: MediaCounters) -> JSONValue {
        var object = JSONObject()
        object["captured"] = .integer(counters.captured)
        object["encoded"] = .integer(counters.encoded)
        object["bytes"] = .integer(counters.bytes)
        object["skipped"] = .integer(counters.skipped)
        object["dropped"] = .integer(counters.dropped)
        object["targetBitrate"] = .integer(counters.targetBitrate)
        if counters.width > 0 {
            object["keyframes"] = .integer(counters.keyframes)
            object["width"] = .integer(counters.width)
            object["height"] = .integer(counters.height)
            object["framesPerSecond"] = .double((counters.framesPerSecond * 10).rounded() / 10)
        }
        return .object(object)
    }

    private func peerJSON(_ peer: PeerStatistics) -> JSONValue {
        var object = JSONObject()
        object["sentBitrate"] = .integer(peer.sentBitsPerSecond)
        object["packetsSent"] = .integer(peer.packetsSent)
        object["packetsRetransmitted"] = .integer(peer.packetsRetransmitted)
        object["framesSent"] = .integer(peer.framesSent)
        object["keyframeRequests"] = .integer(peer.keyframeRequests)
        object["path"] = peer.path.map(JSONValue.string)
        object["dtlsCipher"] = peer.dtlsCipher.map(JSONValue.string)
        object["roundTripMs"] = peer.roundTripMilliseconds.map { JSONValue.double($0) }
        object["estimatedBitrate"] = peer.estimatedBitsPerSecond.map { JSONValue.integer($0) }
        object["fractionLost"] = peer.fractionLost.map { JSONValue.double($0) }
        let dropped = peer.dropped.sorted { $0.key < $1.key }.map { ($0.key, JSONValue.integer($0.value)) }
        object["dropped"] = .object(JSONObject(dropped))
        return .object(object)
    }
}
