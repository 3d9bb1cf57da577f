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
        if let path = ice.selectedPath { report.entries += pathEntries(path) }
        return report
    }

    private var negotiated: NegotiatedSession? {
        switch negotiation {
        case .answering(let negotiator): negotiator.session
        case .offering(_, let session): session
        }
    }

    private func codecEntry(_ kind: MediaKind, _ section: NegotiatedMedia?, _ stream: SendStream) -> StatsReport.Entry {
        var entry = StatsReport.Entry("codec-\(kind.rawValue)", .codec)
        let codec = section?.codecs.first?.codec
        entry.set("payloadType", codec.map { UInt64($0.payloadType.rawValue) })
        entry.set("transportId", "transport")
        entry.set("mimeType", codec.map { "\(kind.rawValue)/\($0.name)" })
        entry.set("clockRate", codec.map { UInt64($0.clockRate) })
        if kind == .audio { entry.set("channels", codec.map { UInt64($0.channels) }) }
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
            entry.set("keyFramesSent", sent.keyframes)
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
        entry.set("roundTripTime", stream.roundTripTime)
        return entry
    }

    private var transportEntry: StatsReport.Entry {
        var entry = StatsReport.Entry("transport", .transport)
        entry.set("iceRole", ice.role == .controlled ? "controlled" : "controlling")
        entry.set("iceLocalUsernameFragment", ice.localCredentials.usernameFragment)
        entry.set("iceState", ice.state.rawValue)
        entry.set("dtlsState", dtlsState)
        entry.set("tlsVersion", security == nil ? nil : "FEFD")
        entry.set("dtlsCipher", security?.cipher)
        entry.set("srtpCipher", security?.profile.registeredName)
        if ice.selectedPath != nil { entry.set("selectedCandidatePairId", "pair") }
        return entry
    }

    /// `RTCDtlsTransportState`.
    private var dtlsState: String {
        switch phase {
        case .new: "new"
        case .connecting: timeline.pathFoundAt == nil ? "new" : "connecting"
        case .connected: "connected"
        case .closed: "closed"
        }
    }

    private func pathEntries(_ path: SelectedPath) -> [StatsReport.Entry] {
        var pair = StatsReport.Entry("pair", .candidatePair)
        pair.set("transportId", "transport")
        pair.set("localCandidateId", "local")
        pair.set("remoteCandidateId", "remote")
        pair.set("state", "succeeded")
        pair.set("nominated", path.isNominated)
        if let checks = ice.selectedPairStatistics {
            pair.set("requestsSent", checks.requestsSent)
            pair.set("requestsReceived", checks.requestsReceived)
            pair.set("responsesSent", checks.responsesSent)
            pair.set("responsesReceived", checks.responsesReceived)
            pair.set("consentRequestsSent", checks.consentRequestsSent)
            pair.set("totalRoundTripTime", checks.totalRoundTripTime)
            pair.set("currentRoundTripTime", checks.currentRoundTripTime)
        }
        pair.set("availableOutgoingBitrate", media.congestion?.statistics.target)

        var local = StatsReport.Entry("local", .localCandidate)
        let own = path.relay ?? path.base
        local.set("transportId", "transport")
        local.set("address", "\(own.address)")
        local.set("port", UInt64(own.port))
        local.set("protocol", "udp")
        local.set("candidateType", path.localType.rawValue)

        var remote = StatsReport.Entry("remote", .remoteCandidate)
        remote.set("transportId", "transport")
        remote.set("address", "\(path.remote.address)")
        remote.set("port", UInt64(path.remote.port))
        remote.set("protocol", "udp")
        remote.set("candidateType", path.remoteType.rawValue)
        return [pair, local, remote]
    }
}
