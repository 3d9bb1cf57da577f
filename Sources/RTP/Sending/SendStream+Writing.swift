public import Primitives

/// Why a packet is sent.
public enum PacketKind: UInt8, Hashable, Sendable, CaseIterable {
    case media
    /// Asked for by a NACK.
    case retransmission
    /// Sent again, or filled with zeros, only to fill the link.
    case padding
}

/// What stands in a packet's header extensions only because of when it is sent.
public struct SendTimeExtensions: Hashable, Sendable {
    /// The next transport-wide sequence number; used when its extension was agreed.
    public var transportSequence: SequenceNumber?

    /// Nil where no feedback is agreed.
    public init(transportSequence: SequenceNumber? = nil) {
        self.transportSequence = transportSequence
    }
}

extension SendStream {
    /// The size of a stored packet as `write` will make it, without SRTP's trailer; nil when it is gone.
    public func size(of sequence: SequenceNumber, as kind: PacketKind) -> DataSize? {
        guard let entry = history[sequence] else { return nil }
        let repair = kind != .media && configuration.retransmissionType != nil ? 2 : 0
        let extensions = OutgoingExtensions.maximumSize(configuration.extensionIDs, midLength: mid.count)
        return DataSize(bytes: RTPHeader.size + extensions + repair + entry.size)
    }

    /// Whether the packets we send carry a transport-wide sequence number.
    public var usesTransportSequence: Bool { configuration.extensionIDs.transportSequence != nil }

    /// Writes a stored packet into an empty buffer as it goes to SRTP now. False, counted as `sendExpired`, when the
    /// history has lost it. Without an agreed retransmission type a retransmission is the same packet again.
    public mutating func write(
        _ sequence: SequenceNumber, as kind: PacketKind, extensions: SendTimeExtensions,
        into packet: inout PacketBuffer,
        now: Instant
    ) -> Bool {
        precondition(packet.count == 0, "send stream: packets are written into an empty buffer")
        guard var entry = history[sequence] else {
            dropped.add(.sendExpired)
            return false
        }
        let isRepair = kind != .media
        var header = RTPHeader(
            hasMarker: entry.hasMarker, payloadType: configuration.payloadType, sequenceNumber: sequence,
            timestamp: entry.timestamp, ssrc: ssrc)
        if isRepair, let type = configuration.retransmissionType, let repairSSRC = retransmissionSSRC {
            header.payloadType = type
            header.ssrc = repairSSRC
            header.sequenceNumber = retransmissionSequence
            retransmissionSequence = retransmissionSequence.next
        }
        let outgoing = outgoingExtensions(extensions, for: entry, isRepair: isRepair, now: now)
        packet.write { writer in
            header.write(into: &writer, hasExtensions: !outgoing.isEmpty, hasPadding: false)
            outgoing.write(into: &writer)
            // The original sequence number (RFC 4588 section 4).
            if header.ssrc != ssrc { writer.write(sequence.rawValue) }
        }
        let headerBytes = packet.count
        packet.append(history.payload(of: entry))

        if entry.firstSent == nil {
            entry.firstSent = now
            statistics.totalSendDelay += now - entry.packetizedAt
            if entry.endsFrame { statistics.frames += 1 }
        }
        entry.lastSent = now
        if isRepair { entry.retransmissionGranted = nil }
        if kind == .retransmission { entry.retransmissions += 1 }
        history.update(entry)
        count(kind, onMediaSource: header.ssrc == ssrc, payload: entry.size, header: headerBytes)
        return true
    }

    /// Writes a packet of padding alone, on the retransmission source, 1 to 255 bytes of it. False without such a
    /// source: padding on the media source would look like media to a receiver that counts frames.
    public mutating func writePadding(
        _ size: Int, extensions: SendTimeExtensions, into packet: inout PacketBuffer, now: Instant
    ) -> Bool {
        precondition(packet.count == 0, "send stream: packets are written into an empty buffer")
        guard let type = configuration.retransmissionType, let repairSSRC = retransmissionSSRC else { return false }
        let size = max(1, min(255, size))
        let header = RTPHeader(
            hasMarker: false, payloadType: type, sequenceNumber: retransmissionSequence, timestamp: timestamp(at: now),
            ssrc: repairSSRC)
        retransmissionSequence = retransmissionSequence.next
        let outgoing = outgoingExtensions(extensions, for: nil, isRepair: true, now: now)
        packet.write { writer in
            header.write(into: &writer, hasExtensions: !outgoing.isEmpty, hasPadding: true)
            outgoing.write(into: &writer)
            writer.write(zeros: size - 1)
            writer.write(UInt8(size))
        }
        count(.padding, onMediaSource: false, payload: 0, header: packet.count)
        return true
    }

    /// A stored packet worth sending again to fill the link: the newest one already sent; nil when there is none or no
    /// retransmission source.
    public var paddingCandidate: SequenceNumber? {
        guard configuration.retransmissionType != nil else { return nil }
        var sequence = nextSequence
        for _ in 0..<min(history.capacity, 64) {
            sequence = SequenceNumber(sequence.rawValue &- 1)
            guard let entry = history[sequence] else { return nil }
            if entry.firstSent != nil, entry.retransmissionGranted == nil { return sequence }
        }
        return nil
    }

    private mutating func outgoingExtensions(
        _ extensions: SendTimeExtensions, for entry: PacketHistory.Entry?, isRepair: Bool, now: Instant
    ) -> OutgoingExtensions {
        let ids = configuration.extensionIDs
        var outgoing = OutgoingExtensions(ids: ids)
        outgoing.transportSequence = extensions.transportSequence
        if ids.absoluteSendTime != nil { outgoing.absoluteSendTime = ntp.absoluteSendTime(at: now) }
        // Until the peer reports on this stream, every packet says which section it belongs to (RFC 9143 section 15.1)
        // and what playout delay is wished.
        if !isAcknowledged {
            outgoing.mid = mid.isEmpty ? nil : mid
            outgoing.playoutDelay = configuration.playoutDelay
        }
        if ids.absoluteCaptureTime != nil, !isRepair, let entry, entry.startsFrame {
            // The definition lets receivers interpolate: once a second is enough.
            if lastCaptureTimeSent.map({ now - $0 >= .seconds(1) }) ?? true {
                lastCaptureTimeSent = now
                outgoing.absoluteCaptureTime = ntp.ntp(at: entry.captureTime)
            }
        }
        return outgoing
    }

    private mutating func count(_ kind: PacketKind, onMediaSource: Bool, payload: Int, header: Int) {
        statistics.packets &+= 1
        statistics.bytes &+= UInt64(payload)
        statistics.headerBytes &+= UInt64(header)
        if onMediaSource {
            statistics.reportedPackets &+= 1
            statistics.reportedBytes &+= UInt32(payload)
        }
        switch kind {
        case .media: break
        case .retransmission:
            statistics.retransmittedPackets &+= 1
            statistics.retransmittedBytes &+= UInt64(payload)
        case .padding: statistics.paddingPackets &+= 1
        }
    }
}
