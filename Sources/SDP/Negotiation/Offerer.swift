public import Primitives

// The offering half of JSEP, as small as a receiver of a kiosk's media needs it: one bundled offer with recvonly
// sections, and the meaning of its answer (RFC 9429 sections 5.2 and 5.11). The kiosk itself only answers; tests and
// doctor, which check a kiosk end to end without a browser, offer.

/// Makes the offer of a session that receives, and reads the answer.
public struct Offerer: Sendable {
    /// What every offer of the session is made from.
    public let capabilities: LocalCapabilities
    private let sessionID: String
    private var version: UInt64
    private var random: RandomSource

    /// `capabilities` name what is to be received; their directions must be `recvonly`.
    public init(capabilities: LocalCapabilities, random: RandomSource) {
        var random = random
        self.capabilities = capabilities
        sessionID = String(UInt64.random(in: 1...UInt64(Int64.max), using: &random))
        version = 0
        self.random = random
    }

    /// An offer with one section per kind of media, and one for data channels; call it again with new credentials for an ICE restart.
    public mutating func offer(with transport: LocalTransport) -> SessionDescription {
        version += 1
        var offer = SessionDescription(
            origin: SessionDescription.Origin(sessionID: sessionID, sessionVersion: String(version)))
        offer.attributes.append(
            Attribute("group", (["BUNDLE"] + (0..<sectionCount).map(String.init)).joined(separator: " ")))
        for (index, kind) in kinds.enumerated() {
            guard let capability = capabilities[kind] else { continue }
            offer.media.append(section(kind, capability, index: index, transport: transport))
        }
        if let data = capabilities.data {
            offer.media.append(section(data, index: kinds.count, transport: transport))
        }
        return offer
    }

    /// What an answer to the last offer means, from this side.
    ///
    /// - Throws: `NegotiationError` when nothing was accepted or the transport is incomplete.
    public func negotiate(
        _ answer: SessionDescription, previous: NegotiatedSession? = nil
    ) throws(NegotiationError) -> NegotiatedSession {
        guard answer.media.count == sectionCount else { throw .sectionsRemoved }
        guard let tagged = answer.media.first(where: { $0.port != 0 }) else { throw .nothingToServe }
        guard let credentials = tagged.iceCredentials ?? answer.attributes.iceCredentials, credentials.isWellFormed
        else {
            throw .iceCredentialsMissing
        }
        let fingerprints = tagged.fingerprints.isEmpty ? answer.attributes.fingerprints : tagged.fingerprints
        guard !fingerprints.isEmpty else { throw .fingerprintMissing }
        let setup = tagged.attributes.first("setup") ?? answer.attributes.first("setup") ?? "active"
        guard setup == "active" || setup == "passive" else { throw .unsupportedSetup(setup) }

        var candidates: [RemoteCandidate] = []
        for (index, section) in answer.media.enumerated() {
            candidates += section.candidates.map {
                RemoteCandidate(mid: section.mid ?? "", sectionIndex: index, text: $0)
            }
        }
        let ice = RemoteICE(
            credentials: credentials, isLite: answer.isICELite,
            options: tagged.attributes.iceOptions.union(answer.attributes.iceOptions), candidates: candidates,
            isEndOfCandidates: answer.media.contains { $0.hasEndOfCandidates })
        var media = zip(kinds, answer.media).enumerated().map { index, pair in
            receiving(pair.0, pair.1, of: answer, at: index)
        }
        if capabilities.data != nil, let section = answer.media.last {
            let data = section.port == 0 ? nil : section.dataParameters
            media.append(
                data.map { .data($0, of: section, at: kinds.count) }
                    ?? .rejected(section, at: kinds.count, because: .unsupportedMedia))
        }
        return NegotiatedSession(
            media: media, remoteICE: ice, cname: "monitor", remoteFingerprints: fingerprints,
            dtlsRole: setup == "active" ? .server : .client,
            isICERestart: previous.map { $0.remoteICE.credentials != credentials } ?? false,
            isNewDTLSAssociation: previous.map { Set($0.remoteFingerprints) != Set(fingerprints) } ?? false)
    }

    private var kinds: [MediaKind] { [.video, .audio].filter { capabilities[$0] != nil } }

    private var sectionCount: Int { kinds.count + (capabilities.data == nil ? 0 : 1) }

    /// The section of the data channels (RFC 8841 section 10.1).
    private func section(_ data: DataCapability, index: Int, transport: LocalTransport) -> MediaDescription {
        var section = MediaDescription(
            media: "application", port: 9, transport: "UDP/DTLS/SCTP", formats: ["webrtc-datachannel"])
        section.attributes =
            transportAttributes(transport, index: index) + [
                Attribute("sctp-port", String(data.port)),
                Attribute("max-message-size", String(data.maximumMessageSize)),
            ]
        return section
    }

    /// Every section states the transport; the first has the candidates.
    private func transportAttributes(_ transport: LocalTransport, index: Int) -> [Attribute] {
        var attributes = [
            Attribute("mid", String(index)), Attribute("ice-ufrag", transport.credentials.usernameFragment),
            Attribute("ice-pwd", transport.credentials.password.unredacted), Attribute("ice-options", "trickle ice2"),
        ]
        attributes += transport.fingerprints.map { Attribute("fingerprint", $0.text) }
        attributes.append(Attribute("setup", "actpass"))
        if index == 0 {
            attributes += transport.candidates.map {
                Attribute("candidate", $0.hasPrefix("candidate:") ? String($0.dropFirst(10)) : $0)
            }
            if transport.isEndOfCandidates { attributes.append(Attribute("end-of-candidates")) }
        }
        return attributes
    }

    private func section(
        _ kind: MediaKind, _ capability: MediaCapability, index: Int, transport: LocalTransport
    ) -> MediaDescription {
        // Dynamic payload types, disjoint between the sections because they share a bundle.
        var next: UInt8 = kind == .video ? 96 : 111
        var formats: [String] = []
        var codecs: [Attribute] = []
        for codec in capability.codecs {
            let type = next
            next += 1
            formats.append(String(type))
            let channels = codec.channels > 1 ? "/\(codec.channels)" : ""
            codecs.append(Attribute("rtpmap", "\(type) \(codec.name)/\(codec.clockRate)\(channels)"))
            for feedback in Feedback.allCases where codec.feedback.contains(feedback) {
                codecs.append(Attribute("rtcp-fb", "\(type) \(feedback.rawValue)"))
            }
            if !codec.parameters.isEmpty { codecs.append(Attribute("fmtp", "\(type) \(codec.parameters.text)")) }
            guard kind == .video else { continue }
            formats.append(String(next))
            codecs.append(Attribute("rtpmap", "\(next) rtx/\(codec.clockRate)"))
            codecs.append(Attribute("fmtp", "\(next) apt=\(type)"))
            next += 1
        }
        var section = MediaDescription(
            media: kind.rawValue, port: 9, transport: "UDP/TLS/RTP/SAVPF", formats: formats)
        section.attributes = transportAttributes(transport, index: index)
        let extensions = HeaderExtensionKind.allCases.filter { capability.headerExtensions.contains($0) }
        for (offset, kind) in extensions.enumerated() {
            section.attributes.append(Attribute("extmap", "\(offset + 1) \(kind.rawValue)"))
        }
        section.attributes += [Attribute("recvonly"), Attribute("rtcp-mux"), Attribute("rtcp-rsize")] + codecs
        return section
    }

    private func receiving(
        _ kind: MediaKind, _ section: MediaDescription, of answer: SessionDescription, at index: Int
    ) -> NegotiatedMedia {
        guard section.port != 0, let capability = capabilities[kind] else {
            return .rejected(section, at: index, because: .noCommonCodec)
        }
        let answered = section.codecs
        let codecs = answered.compactMap { codec -> NegotiatedCodec? in
            guard capability.codecs.contains(where: { $0.matches(codec) }) else { return nil }
            return NegotiatedCodec(
                codec: codec,
                retransmissionType: MediaDescription.retransmissionType(of: codec.payloadType, among: answered))
        }
        guard !codecs.isEmpty else { return .rejected(section, at: index, because: .noCommonCodec) }
        let direction = answer.direction(of: section).reversed.intersection(.recvonly)
        return NegotiatedMedia(
            index: index, mid: section.mid ?? String(index), kind: kind, rejection: nil, direction: direction,
            codecs: codecs,
            headerExtensions: section.headerExtensions.map {
                HeaderExtensionMapping(id: $0.id, uri: $0.uri, direction: direction)
            },
            allowsMixedExtensions: answer.allowsMixedExtensions(section),
            usesReducedSizeRTCP: section.hasReducedSizeRTCP, local: nil, remoteSources: section.sources,
            remoteRetransmissionSources: section.retransmissionSources)
    }
}
