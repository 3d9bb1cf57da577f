import Congestion
import ICE
import Primitives
import RTP
import SDP

extension PeerSession {
    /// All that is known of the session now, under the W3C's names.
    public var statsReport: StatsReport {
        var report = StatsReport()
        for kind in [MediaKind.audio, .video] {
            guard let stream = media.sendStream(of: kind) else { continue }
            let section = negotiated?.sending(kind)
            report.entries.append(codecEntry(kind, section, stream))
            report.entries.append(outboundEntry(kind, section, stream))
            if stream.statistics.remoteReports > 0 { report.entries.append(remoteEntry(kind, stream)) }
        }
        report.entries.append(transportEntry)
        if let pair = ice.value.selectedPair {
            report.entries.append(pairEntry(pair))
            report.entries.append(.candidate("local-\(pair.id)", .localCandidate, pair.local))
            report.entries.append(.candidate("remote-\(pair.id)", .remoteCandidate, pair.remote))
        }
        return report
    }

    private func codecEntry(_ kind: MediaKind, _ section: NegotiatedMedia?, _ stream: SendStream) -> StatsReport.Entry {
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

    private func outboundEntry(
        _ kind: MediaKind, _ section: NegotiatedMedia?, _ stream: SendStream
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
            entry.set("targetBitrate", media.videoTarget)
        }
        return entry
    }

    private func remoteEntry(_ kind: MediaKind, _ stream: SendStream) -> StatsReport.Entry {
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

    private var transportEntry: StatsReport.Entry {
        var entry = StatsReport.Entry("transport", .transport)
        entry.set("packetsSent", journal.traffic.packetsSent)
        entry.set("packetsReceived", journal.traffic.packetsReceived)
        entry.set("bytesSent", journal.traffic.bytesSent)
        entry.set("bytesReceived", journal.traffic.bytesReceived)
        entry.set("iceRole", ice.value.role == .controlled ? "controlled" : "controlling")
        entry.set("iceLocalUsernameFragment", ice.value.localCredentials.usernameFragment)
        entry.set("iceState", ice.value.state.rawValue)
        entry.set("dtlsState", dtlsState)
        entry.set("tlsVersion", security == nil ? nil : "FEFD")
        entry.set("dtlsCipher", security?.cipher)
        entry.set("srtpCipher", security?.profile.registeredName)
        entry.set("dtlsRole", negotiated?.dtlsRole.rawValue ?? "unknown")
        entry.set("selectedCandidatePairId", ice.value.selectedPair.map { "pair-\($0.id)" })
        entry.set("selectedCandidatePairChanges", ice.value.selectedPairChanges)
        return entry
    }

    /// `RTCDtlsTransportState`.
    private var dtlsState: String {
        switch phase {
        case .new: "new"
        case .connecting: journal.timeline.pathFoundAt == nil ? "new" : "connecting"
        case .connected: "connected"
        case .closed:
            switch closeReason {
            case .dtlsFailed, .fingerprintMismatch: "failed"
            case .closedLocally, .closedByPeer, .iceFailed, .consentExpired, nil: "closed"
            }
        }
    }

    /// Another pair is another entry: its counts do not follow from those of the one before.
    private func pairEntry(_ pair: SelectedPair) -> StatsReport.Entry {
        var entry = StatsReport.Entry("pair-\(pair.id)", .candidatePair)
        let (checks, traffic) = (pair.statistics, pair.statistics.traffic)
        entry.set("transportId", "transport")
        entry.set("localCandidateId", "local-\(pair.id)")
        entry.set("remoteCandidateId", "remote-\(pair.id)")
        entry.set("state", "succeeded")
        entry.set("nominated", pair.isNominated)
        entry.set("packetsSent", journal.traffic.packetsSent)
        entry.set("packetsReceived", journal.traffic.packetsReceived)
        entry.set("bytesSent", journal.traffic.bytesSent)
        entry.set("bytesReceived", journal.traffic.bytesReceived)
        entry.set("lastPacketSentTimestamp", timestamp(traffic.lastSentAt))
        entry.set("lastPacketReceivedTimestamp", timestamp(traffic.lastReceivedAt))
        entry.set("requestsSent", checks.requestsSent)
        entry.set("requestsReceived", checks.requestsReceived)
        entry.set("responsesSent", checks.responsesSent)
        entry.set("responsesReceived", checks.responsesReceived)
        entry.set("consentRequestsSent", checks.consentRequestsSent)
        entry.set("totalRoundTripTime", checks.totalRoundTripTime)
        entry.set("currentRoundTripTime", checks.currentRoundTripTime)
        entry.set("availableOutgoingBitrate", media.congestionStatistics?.target)
        return entry
    }

    /// `DOMHighResTimeStamp`: milliseconds since 1970.
    private func timestamp(_ instant: Instant?) -> Double? {
        instant.map { Double((media.clock.wallClock + ($0 - media.clock.instant)).nanosecondsSince1970 / 1000) / 1000 }
    }
}

extension StatsReport.Entry {
    /// `RTCIceCandidateStats`. The address that was asked stands for the name of its server.
    static func candidate(_ id: String, _ kind: StatsReport.Kind, _ end: SelectedPair.End) -> StatsReport.Entry {
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
