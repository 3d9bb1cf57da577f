import Glibc
public import Peer
public import Primitives
import RTP
public import SDP

/// A peer session on a host of the simulated network, with everything it reported kept for the test.
public final class SimulatedPeer: SimulatedNode {
    /// A frame that arrived whole.
    public struct Frame: Hashable, Sendable {
        public var number: UInt32
        public var isKeyframe: Bool
        public var at: Instant
        public var size: Int
        /// Whether every byte is the one that was sent.
        public var isIntact: Bool
    }

    /// A call of the session that carries media.
    public enum Entry: Hashable, Sendable, CaseIterable { case send, handle, timeout, poll }

    public var session: PeerSession
    public private(set) var events: [PeerSessionEvent]
    /// What happened on data channels.
    public private(set) var channelEvents: [PeerChannelEvent]
    public private(set) var video: [Frame]
    public private(set) var audio: [Frame]
    /// What is to be carried to the other side by signaling; the owner takes it.
    var candidates: [String]
    public private(set) var keyframeRequests: Int
    /// What the video encoder was told last.
    public private(set) var videoBitrate: Bitrate?
    /// Called before and after each call of the session that carries media: what one costs is read in between.
    public var measure: (_ entry: Entry, _ isBegin: Bool) -> Void
    private var buffer: [UInt8]
    private var packet: PacketBuffer

    public init(
        role: PeerRole, addresses: [SocketAddress], bitrates: PeerBitrates = PeerBitrates(),
        data: DataCapability? = nil,
        random: RandomSource, now: Instant
    ) throws {
        var capabilities =
            role == .answerer
            ? LocalCapabilities.kiosk
            : LocalCapabilities(audio: .opus(direction: .recvonly), video: .video(direction: .recvonly))
        capabilities.data = data
        session = try PeerSession(
            PeerConfiguration(role: role, capabilities: capabilities, bitrates: bitrates),
            wallClock: WallClock(secondsSince1970: 1_790_000_000), random: random, now: now)
        events = []
        channelEvents = []
        video = []
        audio = []
        candidates = []
        keyframeRequests = 0
        videoBitrate = nil
        measure = { _, _ in }
        buffer = []
        packet = PacketBuffer(capacity: PacketPool.slotSize)
        for address in addresses { session.addLocalAddress(address, now: now) }
        session.finishLocalAddresses(now: now)
    }

    /// Whether the other side gets media of this kind.
    public func sends(_ kind: MediaKind) -> Bool { session.sends(kind) }

    public var isConnected: Bool { session.phase == .connected }

    public var closeReason: PeerCloseReason? {
        for event in events { if case .closed(let reason) = event { return reason } }
        return nil
    }

    public func receive(_ datagram: Datagram, now: Instant) {
        var packet = PacketBuffer(datagram.bytes)
        measure(.handle, true)
        session.handle(&packet, from: datagram.source, local: datagram.destination, now: now)
        measure(.handle, false)
    }

    public func handleTimeout(now: Instant) {
        measure(.timeout, true)
        session.handleTimeout(now: now)
        measure(.timeout, false)
    }

    func send(_ frame: borrowing EncodedFrame, now: Instant) {
        measure(.send, true)
        session.send(frame, now: now)
        measure(.send, false)
    }

    public func pollTransmit(now: Instant) -> Datagram? {
        packet.removeAll()
        measure(.poll, true)
        let transmit = session.pollTransmit(into: &packet, now: now)
        measure(.poll, false)
        guard let transmit else { return nil }
        let count = packet.count
        let bytes = packet.withUnsafeMutableMemory { Array(UnsafeRawBufferPointer(start: $0, count: count)) }
        return Datagram(source: transmit.source, destination: transmit.destination, bytes: bytes)
    }

    public var nextTimeout: Wake? { session.nextTimeout }

    public func settle(now: Instant) {
        while let event = session.pollEvent() {
            events.append(event)
            switch event {
            case .localCandidate(let text, _, _): candidates.append(text)
            case .endOfLocalCandidates: candidates.append("")
            case .keyframeRequested: keyframeRequests += 1
            case .videoBitrateChanged(let rate): videoBitrate = rate
            case .channel(let event): channelEvents.append(event)
            default: break
            }
        }
        while let frame = session.nextFrame(.video, into: &buffer, now: now) {
            video.append(SyntheticFrame.read(buffer, isKeyframe: frame.isKeyframe, at: now))
        }
        while let frame = session.nextFrame(.audio, into: &buffer, now: now) {
            audio.append(SyntheticFrame.read(buffer, isKeyframe: frame.isKeyframe, at: now))
        }
    }
}

/// Frames with the outer shape of VP8 and a content that tells whether it came through whole.
enum SyntheticFrame {
    private static let headerSize = 14

    static func write(
        _ number: UInt32, kind: MediaKind, isKeyframe: Bool, size: Int, captureTime: Instant,
        into frame: inout EncodedFrame
    ) {
        let size = max(size, headerSize)
        frame.isKeyframe = isKeyframe
        frame.captureTime = captureTime
        frame.withUnsafeMutableMemory(resizedTo: size) { bytes in
            // A keyframe's first bytes: frame tag, start code, 640 by 480 (RFC 6386 section 9.1).
            let header: [UInt8] = [
                isKeyframe ? 0x10 : 0x11, 0, 0, 0x9D, 0x01, 0x2A, 0x80, 0x02, 0xE0, 0x01,
                UInt8(truncatingIfNeeded: number >> 24), UInt8(truncatingIfNeeded: number >> 16),
                UInt8(truncatingIfNeeded: number >> 8), UInt8(truncatingIfNeeded: number),
            ]
            for index in 0..<headerSize { bytes[index] = header[index] }
            forEachChunk(of: number, size: size) { offset, chunk in
                (bytes + offset).update(from: chunk.baseAddress!, count: chunk.count)
            }
        }
    }

    static func read(_ bytes: [UInt8], isKeyframe: Bool, at now: Instant) -> SimulatedPeer.Frame {
        guard bytes.count >= headerSize else {
            return SimulatedPeer.Frame(
                number: .max, isKeyframe: isKeyframe, at: now, size: bytes.count, isIntact: false)
        }
        let number = bytes[10..<headerSize].reduce(0) { $0 << 8 | UInt32($1) }
        var isIntact = true
        bytes.withUnsafeBytes { bytes in
            forEachChunk(of: number, size: bytes.count) { offset, chunk in
                if memcmp(bytes.baseAddress! + offset, chunk.baseAddress!, chunk.count) != 0 { isIntact = false }
            }
        }
        return SimulatedPeer.Frame(
            number: number, isKeyframe: isKeyframe, at: now, size: bytes.count, isIntact: isIntact)
    }

    /// No whole number of packets is as long, so that one in another's place shows.
    private static let period = 8191
    /// Random bytes, twice the same.
    private static let noise: [UInt8] = {
        var random = RandomSource.seeded(8191)
        let once = (0..<period).map { _ in UInt8.random(in: 0...255, using: &random) }
        return once + once
    }()

    /// What stands behind the header of a frame, piece by piece: frames are many, and byte by byte would take the longest.
    private static func forEachChunk(
        of number: UInt32, size: Int, _ body: (_ offset: Int, _ chunk: UnsafeBufferPointer<UInt8>) -> Void
    ) {
        let start = Int(number &* 0x9E37_79B9) % period
        noise.withUnsafeBufferPointer { noise in
            for offset in stride(from: headerSize, to: size, by: period) {
                body(offset, UnsafeBufferPointer(rebasing: noise[start..<start + min(period, size - offset)]))
            }
        }
    }
}
