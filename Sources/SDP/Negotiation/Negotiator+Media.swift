import Primitives

extension Negotiator {
    /// What becomes of each section of the offer.
    mutating func negotiate(_ offer: SessionDescription, over remote: RemoteTransport) -> [NegotiatedMedia] {
        let senders = selectSenders(of: offer, over: remote)
        var media: [NegotiatedMedia] = []
        for (index, section) in offer.media.enumerated() {
            var rejection = remote.rejections[index]
            if rejection == nil, !remote.bundle.contains(index) { rejection = .notBundled }
            if rejection == nil, let kind = section.kind, let sender = senders[kind], sender != index,
                offer.direction(of: section) != .inactive
            {
                rejection = .noSource
            }
            if rejection == nil, let data = section.dataParameters {
                // One association carries all channels (RFC 8831 section 6.2).
                if media.contains(where: { $0.isAccepted && $0.data != nil }) {
                    media.append(.rejected(section, at: index, because: .noSource))
                } else {
                    media.append(.data(data, of: section, at: index))
                }
                continue
            }
            guard rejection == nil, let kind = section.kind, let capability = capabilities[kind] else {
                media.append(.rejected(section, at: index, because: rejection ?? .unsupportedMedia))
                continue
            }
            media.append(accept(section, at: index, of: offer, kind: kind, capability: capability))
        }
        return media
    }

    /// For each kind the one section that gets our media: there is one camera and one microphone. The section that has
    /// it already keeps it as long as it wants it.
    private func selectSenders(of offer: SessionDescription, over remote: RemoteTransport) -> [MediaKind: Int] {
        var senders: [MediaKind: Int] = [:]
        for kind in MediaKind.allCases {
            let able = offer.media.indices.filter { index in
                offer.media[index].kind == kind && remote.rejections[index] == nil && remote.bundle.contains(index)
                    && offer.direction(of: offer.media[index]).receives
            }
            let previous = able.first { index in
                guard let before = session?.sending(kind) else { return false }
                return before.index == index && before.mid == offer.media[index].mid ?? ""
            }
            senders[kind] = previous ?? able.first
        }
        return senders
    }

    private mutating func accept(
        _ section: MediaDescription, at index: Int, of offer: SessionDescription, kind: MediaKind,
        capability: MediaCapability
    ) -> NegotiatedMedia {
        var direction = offer.direction(of: section).reversed.intersection(capability.direction)
        // Zero "indicates that no media should be sent" (RFC 3264 section 5).
        let limit = BandwidthLimit.media(of: section.bandwidth)
        if limit == .zero || BandwidthLimit.media(of: offer.bandwidth) == .zero {
            direction = direction.intersection(.recvonly)
        }
        let allowsMixed = offer.allowsMixedExtensions(section)
        var media = NegotiatedMedia(
            index: index, mid: section.mid ?? "", kind: kind, rejection: nil, direction: direction,
            codecs: agree(section.codecs, capability, previous: previous(index: index, mid: section.mid ?? "")),
            headerExtensions: agree(
                section.headerExtensions, capability, direction: direction, allowsMixed: allowsMixed),
            allowsMixedExtensions: allowsMixed, usesReducedSizeRTCP: section.hasReducedSizeRTCP, local: nil,
            remoteSources: section.sources, remoteRetransmissionSources: section.retransmissionSources)
        media.maximumBitrate = limit
        media.maximumPacketTime = section.attributes.first("maxptime").flatMap { Int($0) }.flatMap { $0 > 0 ? $0 : nil }
        // It may have a fraction: "29.97".
        media.maximumFrameRate = section.attributes.first("framerate").flatMap { Double($0) }.flatMap {
            $0 > 0 && $0 < 1000 ? max(1, Int($0.rounded())) : nil
        }
        if direction.sends { media.local = localStream(for: media, kind: kind) }
        return media
    }

    private func previous(index: Int, mid: String) -> NegotiatedMedia? {
        guard let media = session?.media, index < media.count, media[index].mid == mid, media[index].isAccepted else {
            return nil
        }
        return media[index]
    }

    /// The codecs both sides have, in the offer's order, with the one in use first as long as it is offered: a payload
    /// type must not change under a running encoder for a mere change of order.
    private func agree(
        _ offered: [Codec], _ capability: MediaCapability, previous: NegotiatedMedia?
    ) -> [NegotiatedCodec] {
        var agreed: [NegotiatedCodec] = []
        for codec in offered {
            guard let ours = capability.codecs.first(where: { $0.matches(codec) }) else { continue }
            var codec = codec
            codec.feedback.formIntersection(ours.feedback)
            let retransmission = MediaDescription.retransmissionType(of: codec.payloadType, among: offered)
            agreed.append(NegotiatedCodec(codec: codec, retransmissionType: retransmission))
        }
        if let inUse = previous?.codecs.first?.codec,
            let place = agreed.firstIndex(where: {
                $0.codec.payloadType == inUse.payloadType && $0.codec.isNamed(inUse.name)
            })
        {
            agreed.insert(agreed.remove(at: place), at: 0)
        }
        return agreed
    }

    private func agree(
        _ offered: [HeaderExtensionMapping], _ capability: MediaCapability, direction: Direction, allowsMixed: Bool
    ) -> [HeaderExtensionMapping] {
        var seen: Set<HeaderExtensionKind> = []
        return offered.compactMap { mapping in
            guard let kind = mapping.kind, capability.headerExtensions.contains(kind) else { return nil }
            // RFC 8285 section 4.2: identifiers of the one-byte form are 1 to 14.
            guard mapping.id <= 14 || (allowsMixed && mapping.id != 15) else { return nil }
            let agreed = mapping.direction.reversed.intersection(direction)
            guard agreed != .inactive, seen.insert(kind).inserted else { return nil }
            return HeaderExtensionMapping(id: mapping.id, uri: mapping.uri, direction: agreed)
        }
    }

    /// The identifiers of what we send in a section: those declared before, or new ones that nobody here uses, or, when
    /// there are enough, those of the section that was declared longest ago, whose numbers go on.
    private mutating func localStream(for media: NegotiatedMedia, kind: MediaKind) -> LocalStream {
        let section = sectionName(media)
        var declared: DeclaredStream
        if let known = streams.firstIndex(where: { $0.kind == kind && $0.section == section }) {
            declared = streams.remove(at: known)
        } else {
            var stream = LocalStream(
                ssrc: SSRC(0), retransmissionSSRC: nil, cname: cname, streamID: streamID,
                trackID: Negotiator.token(using: &random))
            if streams.count(where: { $0.kind == kind }) >= Negotiator.streamsPerKind,
                let oldest = streams.firstIndex(where: { $0.kind == kind })
            {
                let taken = streams.remove(at: oldest).stream
                stream.ssrc = taken.ssrc
                stream.retransmissionSSRC = taken.retransmissionSSRC
            } else {
                stream.ssrc = unusedSSRC(besides: media.remoteSources)
            }
            declared = DeclaredStream(section: section, kind: kind, stream: stream)
        }
        let repairs = media.codecs.first?.retransmissionType != nil
        if repairs, declared.stream.retransmissionSSRC == nil {
            declared.stream.retransmissionSSRC = unusedSSRC(besides: media.remoteSources + [declared.stream.ssrc])
        }
        streams.append(declared)
        if !repairs { declared.stream.retransmissionSSRC = nil }
        return declared.stream
    }

    private mutating func unusedSSRC(besides remote: [SSRC]) -> SSRC {
        while true {
            let ssrc = SSRC.random(using: &random)
            let isUsed = streams.contains { $0.stream.ssrc == ssrc || $0.stream.retransmissionSSRC == ssrc }
            if !isUsed, !remote.contains(ssrc) { return ssrc }
        }
    }
}

extension NegotiatedMedia {
    /// An accepted section for data channels: it carries no media in any direction.
    static func data(_ data: DataParameters, of section: MediaDescription, at index: Int) -> NegotiatedMedia {
        var media = NegotiatedMedia.rejected(section, at: index, because: .unsupportedMedia)
        media.rejection = nil
        media.data = data
        return media
    }

    static func rejected(_ section: MediaDescription, at index: Int, because rejection: Rejection) -> NegotiatedMedia {
        NegotiatedMedia(
            index: index, mid: section.mid ?? "", kind: section.kind, rejection: rejection, direction: .inactive,
            codecs: [],
            headerExtensions: [], allowsMixedExtensions: false, usesReducedSizeRTCP: false, local: nil,
            remoteSources: [],
            remoteRetransmissionSources: [:])
    }
}
