import Primitives

/// The peer's transport that everything is carried by.
struct RemoteTransport {
    /// Indices of the sections that share it, in the bundle group's order: the first accepted one is the tagged one.
    var bundle: [Int]
    /// Whether the sections are bundled, rather than one standing alone.
    var isBundled: Bool
    /// For each section of the offer why it cannot be served by itself, if so.
    var rejections: [Rejection?]
    var ice: RemoteICE
    var fingerprints: [Fingerprint]
    var setup: OfferedSetup
}

extension Negotiator {
    /// Finds the sections to serve and the transport they share.
    func selectTransport(of offer: SessionDescription) throws(NegotiationError) -> RemoteTransport {
        let rejections = judge(offer)
        let (bundle, isBundled) = try selectBundle(of: offer, rejections: rejections)

        // RFC 9143 section 7.3.2: the first section of the group that is not rejected carries the transport. Where it
        // has none, as when it is bundle-only behind a rejected one, the group's first section that has some does.
        let accepted = bundle.filter { rejections[$0] == nil }
        let order = accepted + bundle.filter { rejections[$0] != nil }
        let tagged = order.first { offer.media[$0].iceCredentials != nil } ?? bundle[0]
        let section = offer.media[tagged]

        guard let credentials = section.iceCredentials ?? offer.attributes.iceCredentials, credentials.isWellFormed
        else {
            throw .iceCredentialsMissing
        }
        var fingerprints = section.fingerprints
        if fingerprints.isEmpty { fingerprints = offer.attributes.fingerprints }
        if fingerprints.isEmpty { throw .fingerprintMissing }
        // RFC 4145 section 4.1: an offer that states nothing is active.
        let setupText = section.attributes.first("setup") ?? offer.attributes.first("setup") ?? "active"
        guard let setup = OfferedSetup(rawValue: setupText.lowercased()) else {
            throw .unsupportedSetup(setupText)
        }
        return RemoteTransport(
            bundle: bundle, isBundled: isBundled, rejections: rejections,
            ice: RemoteICE(
                credentials: credentials, isLite: offer.isICELite,
                options: offer.attributes.iceOptions.union(section.attributes.iceOptions),
                candidates: candidates(of: offer, bundle: bundle, credentials: credentials),
                isEndOfCandidates: section.hasEndOfCandidates || offer.attributes.has("end-of-candidates")),
            fingerprints: fingerprints, setup: setup)
    }

    /// Why each section cannot be served by itself; nil where it can.
    private func judge(_ offer: SessionDescription) -> [Rejection?] {
        offer.media.map { section in
            if section.port == 0, !section.isBundleOnly { return .rejectedByOffer }
            if section.isData {
                guard capabilities.data != nil else { return .unsupportedMedia }
                return section.dataParameters == nil ? .unsupportedTransport : nil
            }
            guard let kind = section.kind, let capability = capabilities[kind] else { return .unsupportedMedia }
            guard section.isRTP, section.hasRTCPMux else { return .unsupportedTransport }
            let codecs = section.codecs
            let isCommon = codecs.contains { codec in capability.codecs.contains { $0.matches(codec) } }
            return isCommon ? nil : .noCommonCodec
        }
    }

    /// The indices of the sections that share the transport, in the group's order, which starts with the tagged one.
    private func selectBundle(
        of offer: SessionDescription, rejections: [Rejection?]
    ) throws(NegotiationError) -> (sections: [Int], isBundled: Bool) {
        var places: [String: Int] = [:]
        for (index, section) in offer.media.enumerated() {
            if let mid = section.mid, places[mid] == nil { places[mid] = index }
        }
        var grouped: Set<Int> = []
        for group in offer.bundleGroups.prefix(SessionDescription.maximumMediaSections) {
            var members: [Int] = []
            for mid in group {
                if let index = places[mid], grouped.insert(index).inserted { members.append(index) }
            }
            if members.contains(where: { rejections[$0] == nil }) { return (members, true) }
        }
        // A bundle-only section outside every group has no address at all.
        let able = offer.media.indices.filter { rejections[$0] == nil && offer.media[$0].port != 0 }
        // Of several transports one is served: the one that is in use, or the picture's, which is what a monitor is for.
        let inUse = session?.media.first(where: \.isAccepted)?.index
        let picture = able.first { offer.media[$0].kind == .video && offer.direction(of: offer.media[$0]).receives }
        if let alone = able.first(where: { $0 == inUse }) ?? picture ?? able.first { return ([alone], false) }
        throw rejections.contains(.noCommonCodec) ? .noCommonCodec : .nothingToServe
    }

    /// The candidates of the shared transport. Sections of a bundle repeat them, each has a part, or only the first has
    /// any; a section with other credentials speaks of another transport.
    private func candidates(
        of offer: SessionDescription, bundle: [Int], credentials: ICECredentials
    ) -> [RemoteCandidate] {
        var seen: Set<String> = []
        var candidates: [RemoteCandidate] = []
        func collect(_ texts: [String], mid: String, index: Int) {
            for text in texts where seen.insert(text).inserted {
                candidates.append(RemoteCandidate(mid: mid, sectionIndex: index, text: text))
            }
        }
        for index in bundle {
            let section = offer.media[index]
            if let own = section.iceCredentials, own != credentials { continue }
            collect(section.candidates, mid: section.mid ?? "", index: index)
        }
        let first = bundle[0]
        collect(
            offer.attributes.all("candidate").map { "candidate:" + $0 }, mid: offer.media[first].mid ?? "", index: first
        )
        return candidates
    }

    /// Whether the peer's side of the DTLS association changed (RFC 8842 section 5.5).
    func isNewAssociation(_ remote: RemoteTransport) -> Bool {
        guard let session else { return true }
        if Set(session.remoteFingerprints) != Set(remote.fingerprints) { return true }
        switch remote.setup {
        case .actpass: return false
        case .active: return session.dtlsRole != .server
        case .passive: return session.dtlsRole != .client
        }
    }

    func dtlsRole(for remote: RemoteTransport, isNewAssociation: Bool) -> DTLSRole {
        if !isNewAssociation, let session { return session.dtlsRole }
        switch remote.setup {
        // Answering `active` starts the handshake with our first check that succeeds, half a round trip earlier
        // (RFC 8842 section 5.3 recommends it).
        case .actpass, .passive: return .client
        case .active: return .server
        }
    }
}
