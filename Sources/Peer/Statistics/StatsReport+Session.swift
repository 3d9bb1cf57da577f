import Congestion
import ICE
import Primitives
import RTP
import SDP

extension StatsReport {
    /// What the machines of a session know now, under the W3C's names.
    init(
        _ phase: PeerSession.Phase, _ ice: ICEAgent, _ keys: borrowing KeyAgreement, _ media: borrowing MediaPath,
        _ negotiated: NegotiatedSession?, _ journal: Journal
    ) {
        self.init()
        for kind in [MediaKind.audio, .video] {
            guard let stream = media.sendStream(of: kind) else { continue }
            let section = negotiated?.sending(kind)
            entries.append(.codec(kind, section))
            entries.append(.outbound(kind, section, stream, target: media.videoTarget))
            if stream.statistics.remoteReports > 0 { entries.append(.remote(kind, stream)) }
        }
        var transport = Entry.transport(ice, journal.traffic)
        transport.setSecurity(
            keys.security, state: StatsReport.dtlsState(phase, hasPath: journal.timeline.pathFoundAt != nil),
            role: negotiated?.dtlsRole)
        transport.setPairs(ice)
        entries.append(transport)
        if let pair = ice.selectedPair {
            entries.append(
                .pair(pair, journal.traffic, clock: media.clock, available: media.congestionStatistics?.target))
            entries.append(.candidate("local-\(pair.id)", .localCandidate, pair.local))
            entries.append(.candidate("remote-\(pair.id)", .remoteCandidate, pair.remote))
        }
    }

    /// `RTCDtlsTransportState`.
    private static func dtlsState(_ phase: PeerSession.Phase, hasPath: Bool) -> String {
        switch phase {
        case .new: "new"
        case .connecting: hasPath ? "connecting" : "new"
        case .connected: "connected"
        case .closed(let reason):
            switch reason {
            case .dtlsFailed, .fingerprintMismatch: "failed"
            case .closedLocally, .closedByPeer, .iceFailed, .consentExpired: "closed"
            }
        }
    }
}

extension StatsReport.Entry {
    fileprivate static func codec(_ kind: MediaKind, _ section: NegotiatedMedia?) -> StatsReport.Entry {
        var entry = StatsReport.Entry("codec-\(kind.rawValue)", .codec)
        let codec = section?.codecs.first?.codec
        entry.set("payloadType", codec.map { UInt64($0.payloadType.rawValue) })
        entry.set("transportId", "transport")
        entry.set("mimeType", codec.map { "\(kind.rawValue)/\($0.name)" })
        entry.set("clockRate", codec.map { UInt64($0.clockRate) })
        if kind == .audio { entry.set("channels", codec.map { UInt64($0.channels) }) }
        entry.set("sdpFmtpLine", codec.flatMap { $0.parameters.isEmpty ? nil : $0.parameters.text })
        return entry
    }

    /// - Parameter target: what the video encoder was told to make.
    fileprivate static func outbound(
        _ kind: MediaKind, _ section: NegotiatedMedia?, _ stream: SendStream, target: Bitrate
    ) -> StatsReport.Entry {
        let sent = stream.statistics
        var entry = StatsReport.Entry("outbound-\(kind.rawValue)", .outboundRTP)
        entry.set("kind", kind.rawValue)
        entry.set("ssrc", UInt64(stream.ssrc.rawValue))
        entry.set("rtxSsrc", stream.retransmissionSSRC.map { UInt64($0.rawValue) })
        entry.set("mid", section?.mid)
        entry.set("codecId", "codec-\(kind.rawValue)")
        entry.set("transportId", "transport")
        entry.set("mediaSourceId", "source-\(kind.rawValue)")
        if sent.remoteReports > 0 { entry.set("remoteId", "remote-\(kind.rawValue)") }
        entry.set("packetsSent", sent.packets)
        entry.set("bytesSent", sent.bytes)
        entry.set("headerBytesSent", sent.headerBytes)
        entry.set("retransmittedPacketsSent", sent.retransmittedPackets)
        entry.set("retransmittedBytesSent", sent.retransmittedBytes)
        entry.set("totalPacketSendDelay", sent.totalSendDelay)
        entry.set("nackCount", sent.nacks)
        if kind == .video {
            entry.set("framesSent", sent.frames)
            entry.set("pliCount", sent.pictureLossIndications)
            entry.set("firCount", sent.fullIntraRequests)
            entry.set("targetBitrate", target)
        }
        return entry
    }

    fileprivate static func remote(_ kind: MediaKind, _ stream: SendStream) -> StatsReport.Entry {
        let sent = stream.statistics
        var entry = StatsReport.Entry("remote-\(kind.rawValue)", .remoteInboundRTP)
        entry.set("kind", kind.rawValue)
        entry.set("ssrc", UInt64(stream.ssrc.rawValue))
        entry.set("localId", "outbound-\(kind.rawValue)")
        entry.set("codecId", "codec-\(kind.rawValue)")
        entry.set("transportId", "transport")
        entry.set("packetsLost", Double(sent.remotePacketsLost))
        entry.set("fractionLost", sent.remoteFractionLost)
        entry.set("jitter", sent.remoteJitter)
        entry.set("roundTripTime", sent.roundTripTime)
        entry.set("totalRoundTripTime", sent.totalRoundTripTime)
        entry.set("roundTripTimeMeasurements", sent.roundTripTimeMeasurements)
        return entry
    }

    /// `RTCTransportStats`, what ICE and the counts of both directions say.
    fileprivate static func transport(_ ice: ICEAgent, _ traffic: PathTraffic) -> StatsReport.Entry {
        var entry = StatsReport.Entry("transport", .transport)
        entry.set("packetsSent", traffic.packetsSent)
        entry.set("packetsReceived", traffic.packetsReceived)
        entry.set("bytesSent", traffic.bytesSent)
        entry.set("bytesReceived", traffic.bytesReceived)
        entry.set("iceRole", ice.role == .controlled ? "controlled" : "controlling")
        entry.set("iceLocalUsernameFragment", ice.localCredentials.usernameFragment)
        entry.set("iceState", ice.state.rawValue)
        return entry
    }

    fileprivate mutating func setSecurity(_ security: PeerSecurity?, state: String, role: DTLSRole?) {
        set("dtlsState", state)
        set("tlsVersion", security == nil ? nil : "FEFD")
        set("dtlsCipher", security?.cipher)
        set("srtpCipher", security?.profile.registeredName)
        set("dtlsRole", role?.rawValue ?? "unknown")
    }

    fileprivate mutating func setPairs(_ ice: ICEAgent) {
        set("selectedCandidatePairId", ice.selectedPair.map { "pair-\($0.id)" })
        set("selectedCandidatePairChanges", ice.selectedPairChanges)
    }

    /// Another pair is another entry: its counts do not follow from those of the one before.
    ///
    /// - Parameter all: DTLS and media over all pairs.
    fileprivate static func pair(
        _ pair: SelectedPair, _ all: PathTraffic, clock: NTPClock, available: Bitrate?
    ) -> StatsReport.Entry {
        var entry = StatsReport.Entry("pair-\(pair.id)", .candidatePair)
        let (checks, traffic) = (pair.statistics, pair.statistics.traffic)
        entry.set("transportId", "transport")
        entry.set("localCandidateId", "local-\(pair.id)")
        entry.set("remoteCandidateId", "remote-\(pair.id)")
        entry.set("state", "succeeded")
        entry.set("nominated", pair.isNominated)
        entry.set("packetsSent", all.packetsSent)
        entry.set("packetsReceived", all.packetsReceived)
        entry.set("bytesSent", all.bytesSent)
        entry.set("bytesReceived", all.bytesReceived)
        entry.set("lastPacketSentTimestamp", clock.milliseconds(traffic.lastSentAt))
        entry.set("lastPacketReceivedTimestamp", clock.milliseconds(traffic.lastReceivedAt))
        entry.set("requestsSent", checks.requestsSent)
        entry.set("requestsReceived", checks.requestsReceived)
        entry.set("responsesSent", checks.responsesSent)
        entry.set("responsesReceived", checks.responsesReceived)
        entry.set("consentRequestsSent", checks.consentRequestsSent)
        entry.set("totalRoundTripTime", checks.totalRoundTripTime)
        entry.set("currentRoundTripTime", checks.currentRoundTripTime)
        entry.set("availableOutgoingBitrate", available)
        return entry
    }

    /// `RTCIceCandidateStats`. The address that was asked stands for the name of its server.
    static func candidate(
        _ id: String, _ kind: StatsReport.Kind, _ end: SelectedPair.End
    ) -> StatsReport.Entry {
        var entry = StatsReport.Entry(id, kind)
        entry.set("transportId", "transport")
        entry.set("address", "\(end.address.address)")
        entry.set("port", UInt64(end.address.port))
        entry.set("protocol", "udp")
        entry.set("candidateType", end.type.rawValue)
        entry.set("priority", UInt64(end.priority))
        entry.set("relatedAddress", end.relatedAddress.map { "\($0.address)" })
        entry.set("relatedPort", end.relatedAddress.map { UInt64($0.port) })
        entry.set("relayProtocol", end.relayProtocol?.rawValue)
        entry.set("url", end.server.map { url(of: $0, over: end.relayProtocol) })
        return entry
    }

    /// As RFC 7064 and RFC 7065 write it.
    private static func url(of server: SocketAddress, over relayProtocol: TransportProtocol?) -> String {
        switch relayProtocol {
        case .udp: "turn:\(server)?transport=udp"
        case .tcp: "turn:\(server)?transport=tcp"
        case .tls: "turns:\(server)?transport=tcp"
        case nil: "stun:\(server)"
        }
    }
}

extension NTPClock {
    /// `DOMHighResTimeStamp`: milliseconds since 1970.
    fileprivate func milliseconds(_ instant: Instant?) -> Double? {
        instant.map { Double((wallClock + ($0 - self.instant)).nanosecondsSince1970 / 1000) / 1000 }
    }
}
