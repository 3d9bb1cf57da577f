import Primitives

extension Negotiator {
    /// The answer's text form for what was negotiated (RFC 9429 section 5.3.1).
    func writeAnswer(
        to offer: SessionDescription, _ session: NegotiatedSession, over remote: RemoteTransport,
        with transport: LocalTransport
    ) -> SessionDescription {
        var answer = SessionDescription(
            origin: SessionDescription.Origin(sessionID: sessionID, sessionVersion: String(version)))
        let accepted = remote.bundle.filter { session.media[$0].isAccepted }
        if remote.isBundled {
            // The first accepted section of the offer's group is the tagged one (RFC 9143 section 7.3.2).
            let mids = accepted.map { session.media[$0].mid }
            answer.attributes.append(Attribute("group", (["BUNDLE"] + mids).joined(separator: " ")))
        }
        if offer.attributes.has("extmap-allow-mixed") { answer.attributes.append(Attribute("extmap-allow-mixed")) }
        answer.attributes.append(Attribute("msid-semantic", "WMS *"))

        for (media, section) in zip(session.media, offer.media) {
            guard media.isAccepted else {
                answer.media.append(rejection(of: section, transport, role: session.dtlsRole))
                continue
            }
            var description = MediaDescription(
                media: section.media, port: 9, transport: section.transport,
                formats: media.data == nil ? formats(of: media) : section.formats)
            if media.data == nil { description.attributes.append(Attribute("rtcp", "9 IN IP4 0.0.0.0")) }
            description.attributes +=
                transportAttributes(transport, role: session.dtlsRole, withCandidates: media.index == accepted.first)
            if media.data == nil {
                description.attributes +=
                    mediaAttributes(media, offered: section, offer: offer) + streamAttributes(media)
            } else {
                description.attributes += dataAttributes(media)
            }
            answer.media.append(description)
        }
        return answer
    }

    /// A rejected section keeps its kind, profile and formats, so that the sections of offer and answer correspond
    /// (RFC 3264 section 6). It has the transport's credentials too: GStreamer's webrtcbin takes no description in which
    /// a section lacks them.
    private func rejection(
        of section: MediaDescription, _ transport: LocalTransport, role: DTLSRole
    ) -> MediaDescription {
        var description = MediaDescription(
            media: section.media, port: 0, transport: section.transport, formats: section.formats)
        if let mid = section.mid { description.attributes.append(Attribute("mid", mid)) }
        description.attributes.append(Attribute(Direction.inactive.rawValue))
        description.attributes += credentials(transport, role: role)
        return description
    }

    private func formats(of media: NegotiatedMedia) -> [String] {
        media.codecs.flatMap { codec in
            [codec.codec.payloadType, codec.retransmissionType].compactMap { $0.map(String.init(describing:)) }
        }
    }

    // Every section states the transport, as the browsers' own answers do, though the tagged one would be enough.
    private func transportAttributes(
        _ transport: LocalTransport, role: DTLSRole, withCandidates: Bool
    ) -> [Attribute] {
        var attributes: [Attribute] = []
        if withCandidates {
            attributes += transport.candidates.map { candidate in
                Attribute("candidate", candidate.hasPrefix("candidate:") ? String(candidate.dropFirst(10)) : candidate)
            }
            if transport.isEndOfCandidates { attributes.append(Attribute("end-of-candidates")) }
        }
        return attributes + credentials(transport, role: role)
    }

    private func credentials(_ transport: LocalTransport, role: DTLSRole) -> [Attribute] {
        var attributes: [Attribute] = []
        attributes.append(Attribute("ice-ufrag", transport.credentials.usernameFragment))
        attributes.append(Attribute("ice-pwd", transport.credentials.password.unredacted))
        attributes.append(Attribute("ice-options", "trickle ice2"))
        attributes += transport.fingerprints.map { Attribute("fingerprint", $0.text) }
        switch role {
        case .client: attributes.append(Attribute("setup", "active"))
        case .server: attributes.append(Attribute("setup", "passive"))
        }
        return attributes
    }

    private func mediaAttributes(
        _ media: NegotiatedMedia, offered section: MediaDescription, offer: SessionDescription
    ) -> [Attribute] {
        var attributes: [Attribute] = []
        if !media.mid.isEmpty { attributes.append(Attribute("mid", media.mid)) }
        if section.attributes.has("extmap-allow-mixed") { attributes.append(Attribute("extmap-allow-mixed")) }
        let offeredDirections = section.headerExtensions
        for mapping in media.headerExtensions {
            // Without a direction an extension follows the media; only an offer that states one gets one back.
            let stated = offeredDirections.first { $0.id == mapping.id }?.direction ?? .sendrecv
            let suffix = stated == .sendrecv ? "" : "/\(mapping.direction.rawValue)"
            attributes.append(Attribute("extmap", "\(mapping.id)\(suffix) \(mapping.uri)"))
        }
        attributes.append(Attribute(media.direction.rawValue))
        attributes.append(Attribute("rtcp-mux"))
        if media.usesReducedSizeRTCP { attributes.append(Attribute("rtcp-rsize")) }
        for agreed in media.codecs {
            let codec = agreed.codec
            attributes.append(Attribute("rtpmap", codec.rtpmap))
            for feedback in Feedback.allCases where codec.feedback.contains(feedback) {
                attributes.append(Attribute("rtcp-fb", "\(codec.payloadType) \(feedback.rawValue)"))
            }
            let parameters = media.kind.flatMap { capabilities[$0]?.codecs.first { $0.matches(codec) }?.parameters }
            if let parameters, !parameters.isEmpty {
                attributes.append(Attribute("fmtp", "\(codec.payloadType) \(parameters.text)"))
            }
            if let retransmission = agreed.retransmissionType {
                attributes.append(Attribute("rtpmap", "\(retransmission) rtx/\(codec.clockRate)"))
                attributes.append(Attribute("fmtp", "\(retransmission) apt=\(codec.payloadType)"))
            }
        }
        return attributes
    }

    /// Of the association that carries the data channels (RFC 8841 section 10.2).
    private func dataAttributes(_ media: NegotiatedMedia) -> [Attribute] {
        var attributes: [Attribute] = []
        if !media.mid.isEmpty { attributes.append(Attribute("mid", media.mid)) }
        guard let capability = capabilities.data else { return attributes }
        attributes.append(Attribute("sctp-port", String(capability.port)))
        attributes.append(Attribute("max-message-size", String(capability.maximumMessageSize)))
        return attributes
    }

    private func streamAttributes(_ media: NegotiatedMedia) -> [Attribute] {
        guard let local = media.local else { return [] }
        let msid = "\(local.streamID) \(local.trackID)"
        var attributes = [Attribute("msid", msid)]
        if let retransmission = local.retransmissionSSRC {
            attributes.append(Attribute("ssrc-group", "FID \(local.ssrc) \(retransmission)"))
        }
        for ssrc in [local.ssrc, local.retransmissionSSRC].compactMap({ $0 }) {
            attributes.append(Attribute("ssrc", "\(ssrc) cname:\(local.cname)"))
            attributes.append(Attribute("ssrc", "\(ssrc) msid:\(msid)"))
        }
        return attributes
    }
}
