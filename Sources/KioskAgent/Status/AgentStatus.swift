import Crew
import JSON
import Media
import PeerIO
import Primitives
import Reactor
import ServerLink
import Signaling

/// Everything the agent knows about itself, for `kiosk-agent status`, the service manager and the heartbeat.
struct AgentStatus: Sendable, Equatable {
    struct Device: Sendable, Equatable {
        /// `idle`, `live`, `missing`, `busy`, `stalled`, `failed`, `none` …, and while media flows what is wrong with it:
        /// `black`, `frozen`, `slow`, `silent` …
        var state: String
        /// What delivers, or nil.
        var source: String?
        /// What is wrong, or nil.
        var message: String?
        /// What to do about it, or nil.
        var remedy: String?

        /// What was wrong when the device was last tried, or with its media, is told while nobody has the device open too,
        /// and until it delivers.
        init(_ device: DeviceMachine) {
            let (condition, finding) = (device.condition, device.finding)
            state = device.state.word
            (source, message, remedy) = (nil, nil, nil)
            switch device.state {
            case .none: break
            case .idle, .opening:
                guard let word = finding?.state ?? condition?.rawValue else { return }
                state = word
                message = finding?.message ?? condition?.message
                remedy = finding?.remedy ?? condition?.remedy
            case .running(let name):
                source = name
                guard let condition else { return }
                state = condition.rawValue
                message = condition.message
                remedy = condition.remedy
            case .trouble(let trouble):
                message = trouble.message
                remedy = trouble.remedy
            }
        }
    }

    struct Session: Sendable, Equatable {
        enum Phase: String, Sendable, Hashable {
            case granted, negotiating, live, failed
        }

        var id: String
        var monitorId: String
        var phase: Phase
        var liveSince: Instant?
        var firstFrameMilliseconds: Int?
        var reason: String?
        /// Which TURN server gave no relay, and why.
        var relayTrouble: String?
        /// The kinds of media that the monitor takes.
        var sends: Set<MediaKind>
        /// While it is live, and the network thread has told any.
        var statistics: PeerStatistics?

        init(_ session: SessionMachine) {
            (id, monitorId) = (session.id, session.monitorId)
            phase =
                switch session.state {
                case .granted: .granted
                case .negotiating: .negotiating
                case .live: .live
                case .failed: .failed
                }
            reason = session.failure
            liveSince = session.live?.since
            firstFrameMilliseconds = session.live?.firstFrameMilliseconds
            statistics = session.live?.statistics
            relayTrouble = session.relayTrouble
            sends = session.sends
        }

        /// Whether media leaves the kiosk.
        var isLit: Bool { phase == .live && !sends.isEmpty }
    }

    var kioskId: String
    var server: String
    var startedAt: Instant
    var link: LinkPhase
    /// In the order in which they were granted.
    var sessions: [Session]
    var camera: Device
    var microphone: Device
    /// Nil without an indicator, empty when it is as it should be, else why not.
    var indicator: String?
    var video: MediaCounters
    var audio: MediaCounters
    /// Packet slots of the network thread in use; none when no session is open.
    var packetsInUse: Int
    var crew: CrewState
    var memory: MemoryState
    var thermal: ThermalState
    var sessionsServed: Int
    /// The server's clock minus ours, once measured.
    var clockOffset: Duration?
    /// Whether a program on this machine gets a picture now.
    var takesSnapshot = false

    /// The one to tell about: that which is live, else the oldest.
    var session: Session? { sessions.first { $0.phase == .live } ?? sessions.first }

    /// One word for the whole: `connecting`, `offline`, `idle`, `negotiating`, `live`, `stopped`.
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
            if !session.sends.contains(.video) {
                text += ", no picture wanted"
            } else if camera.message == nil, video.width > 0 {
                text += ", \(video.width)x\(video.height) at \(Int(video.framesPerSecond.rounded()))"
            }
            if let peer = session.statistics { text += ", \(peer.sentBitsPerSecond / 1000) kbit/s" }
            if let message = camera.message { text += "; no picture: \(message)" }
            return text
        }
        if let session, session.phase != .failed { return "connecting to \(session.monitorId)" }
        if takesSnapshot { return "takes a snapshot for a program on this machine" }
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
        fields["network"] = .string(video.limitation == .bandwidth && session?.phase == .live ? "narrow" : "ok")
        fields["outbox"] = .integer(crew.waiting)
        fields["memory"] = .string(memory.level.rawValue)
        fields["temperature"] = thermal.celsius.map { .integer(Int($0.rounded())) }
        fields["live"] = .bool(session?.phase == .live)
        // Beside the contract's names. Always there, as what is absent stays as it was.
        fields["storage"] = .string(crew.storage.rawValue)
        fields["clock"] = clockIsOff ? "wrong" : "ok"
        return KioskStatus(fields: fields)
    }
}

extension AgentStatus {
    /// So far from the server's that crew members and technicians are misled.
    var clockIsOff: Bool { clockOffset.map { abs($0.seconds) >= 30 } ?? false }

    /// `wallClock` is the time of day at `now`.
    func json(now: Instant, wallClock: WallClock) -> JSONValue { sheet(now: now, wallClock: wallClock).json(now: now) }

    /// For local programs.
    func sheet(now: Instant, wallClock: WallClock) -> StatusSheet {
        StatusSheet(fields(now: now, wallClock: wallClock), startedAt: startedAt, liveSince: session?.liveSince)
    }

    private func fields(now: Instant, wallClock: WallClock) -> JSONObject {
        var object = JSONObject()
        object["version"] = .string(ProductVersion.text)
        object["kioskId"] = .string(kioskId)
        object["server"] = .string(server)
        object["state"] = .string(state)
        object["summary"] = .string(summary)
        object["uptimeSeconds"] = .integer(Int((now - startedAt).seconds))
        object["link"] = linkJSON
        object["camera"] = deviceJSON(camera)
        object["microphone"] = deviceJSON(microphone)
        if let indicator {
            let isLit = takesSnapshot || sessions.contains(where: \.isLit)
            var lamp = JSONObject([("state", indicator.isEmpty ? (isLit ? "lit" : "dark") : "failed")])
            lamp["message"] = indicator.isEmpty ? nil : .string(indicator)
            object["indicator"] = .object(lamp)
        }
        object["snapshot"] = .bool(takesSnapshot)
        object["session"] = session.map { sessionJSON($0, now: now) } ?? .null
        object["video"] = countersJSON(video)
        object["audio"] = countersJSON(audio)
        object["outbox"] = crewJSON
        object["memory"] = memoryJSON
        object["temperature"] = thermal.celsius.map { .double(($0 * 10).rounded() / 10) }
        object["pool"] = ["inUse": .integer(packetsInUse)]
        object["sessionsServed"] = .integer(sessionsServed)
        if let peer = session?.statistics {
            object["peer"] = peer.json
            object["stats"] = peer.report.json(takenAt: wallClock + (peer.takenAt - now))
        }
        if let clockOffset { object["clockOffsetSeconds"] = .double(clockOffset.seconds) }
        return object
    }

    private var crewJSON: JSONValue {
        var object = JSONObject([
            ("waiting", .integer(crew.waiting)), ("rejected", .integer(crew.rejected)),
            ("storage", .string(crew.storage.rawValue)),
        ])
        object["remedy"] = crew.remedy.map(JSONValue.string)
        object["damaged"] = crew.damaged.map(JSONValue.string)
        return .object(object)
    }

    private var memoryJSON: JSONValue {
        var object = JSONObject([("state", .string(memory.level.rawValue))])
        object["availableKiB"] = memory.availableKiB.map { .integer($0) }
        object["pressurePercent"] = memory.pressurePercent.map { .double($0) }
        object["remedy"] = memory.level == .ample ? nil : .string(MemoryState.remedy)
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
        object["remedy"] = device.remedy.map(JSONValue.string)
        return .object(object)
    }

    private func sessionJSON(_ session: Session, now: Instant) -> JSONValue {
        var object = JSONObject([
            ("sessionId", .string(session.id)), ("monitorId", .string(session.monitorId)),
            ("phase", .string(session.phase.rawValue)),
        ])
        if session.phase == .live {
            object["sends"] = .array(MediaKind.allCases.filter(session.sends.contains).map { .string($0.rawValue) })
        }
        object["liveSeconds"] = session.liveSince.map { JSONValue.integer(Int((now - $0).seconds)) }
        object["firstFrameMs"] = session.firstFrameMilliseconds.map { JSONValue.integer($0) }
        object["reason"] = session.reason.map(JSONValue.string)
        object["relayTrouble"] = session.relayTrouble.map(JSONValue.string)
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
            object["qualityLimitationReason"] = .string(counters.limitation.rawValue)
            object["encoderLoad"] = .double((counters.processorLoad * 100).rounded() / 100)
            let reasons = FrameDrop.allCases.filter { counters.skippedBy[$0] > 0 }
            object["skippedBy"] = .object(
                JSONObject(reasons.map { ("\($0)", JSONValue.integer(counters.skippedBy[$0])) }))
        }
        return .object(object)
    }
}
