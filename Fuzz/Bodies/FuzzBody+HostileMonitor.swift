import Crypto
import ICE
import Peer
import Primitives
import SDP
import SRTP
import STUN
import TestSupport

/// A monitor that keeps to the standards until the keys are there, and then says what the input makes it say: reports,
/// requests and feedback that are authentic and hostile, while the kiosk sends. Steps are led by a byte that says what, and
/// one that says how many words follow.
func fuzzHostileMonitor(_ input: [UInt8]) {
    guard var pair = HostilePair(), pair.connect() else { preconditionFailure("hostile monitor: no connection") }
    var offset = 0
    while offset + 1 < input.count {
        let size = min(Int(input[offset + 1]) * 4, input.count - offset - 2)
        pair.step(input[offset], Array(input[offset + 2..<offset + 2 + size]))
        offset += 2 + size
    }
}

private struct HostilePair: ~Copyable {
    private static let here = SocketAddress("10.0.1.1:5000")!
    private static let there = SocketAddress("10.0.2.1:5000")!
    private static let bitrates = PeerBitrates()

    private var kiosk: PeerSession
    private var ice: ICEAgent
    private var dtls: DTLSEndpoint
    private var sender: SRTPSender?
    private var now: Instant
    private var picture: EncodedFrame
    private var sound: EncodedFrame
    /// What the kiosk has sent so far: packets with a transport-wide number, and the last of each source.
    private var packetsSent: UInt16
    private var sources: [(ssrc: [UInt8], sequence: UInt16)]

    init?() {
        let now = Instant(nanoseconds: 1_000_000_000)
        let wallClock = WallClock(secondsSince1970: 1_790_000_000)
        var ice = ICEAgent(role: .controlling, authenticator: .openSSL, random: .seeded(2))
        ice.addLocalAddress(Self.there, now: now)
        ice.finishLocalAddresses(now: now)
        let monitor = LocalCapabilities(audio: .opus(direction: .recvonly), video: .video(direction: .recvonly))
        var offerer = Offerer(capabilities: monitor, random: .seeded(3))
        guard
            var kiosk = try? PeerSession(
                .init(bitrates: Self.bitrates), wallClock: wallClock, random: .seeded(1), now: now),
            let certificate = try? Certificate(now: wallClock)
        else { return nil }
        kiosk.addLocalAddress(Self.here, now: now)
        kiosk.finishLocalAddresses(now: now)
        let transport = LocalTransport(
            credentials: SDP.ICECredentials(
                usernameFragment: ice.localCredentials.usernameFragment, password: ice.localCredentials.password),
            fingerprints: [certificate.fingerprint()], candidates: ice.localCandidates.map(\.attribute))
        guard let answer = try? kiosk.accept(offer: offerer.offer(with: transport).text, now: now),
            let description = try? SessionDescription(parsing: answer),
            let session = try? offerer.negotiate(description),
            let dtls = try? DTLSEndpoint(role: session.dtlsRole, borrowing: certificate),
            let credentials = ICE.ICECredentials(
                usernameFragment: session.remoteICE.credentials.usernameFragment,
                password: session.remoteICE.credentials.password.unredacted)
        else { return nil }
        ice.setRemoteCredentials(credentials, now: now)
        for candidate in session.remoteICE.candidates {
            if let read = try? Candidate(candidate.text) { ice.addRemoteCandidate(read, now: now) }
        }
        self.kiosk = kiosk
        self.ice = ice
        self.dtls = dtls
        self.now = now
        sender = nil
        (packetsSent, sources) = (0, [])
        picture = EncodedFrame(kind: .video, capacity: 4096)
        sound = EncodedFrame(kind: .audio, capacity: 200)
    }

    /// Whether the kiosk has keys, and we have.
    mutating func connect() -> Bool {
        for _ in 0..<400 where kiosk.phase != .connected || sender == nil {
            settle()
            let wake = Wake.earliest(kiosk.nextTimeout, ice.nextTimeout)
            now = max(now, min(wake?.at ?? now, now + .milliseconds(20)))
            if ice.selectedPath != nil { dtls.start(now: now) }
        }
        return kiosk.phase == .connected && sender != nil
    }

    mutating func step(_ operation: UInt8, _ bytes: [UInt8]) {
        let argument = Int(operation >> 4)
        switch operation & 15 {
        case 0: say(bytes)
        case 1...3: say(plausible(bytes, argument))
        case 4...6: say(feedback(bytes))
        case 7...8: say(nack(bytes, argument))
        case 9: sendPicture(isKeyframe: argument == 0, size: 100 + argument * 250)
        case 10: sendSound()
        case 11: now += .milliseconds(Int64(argument * argument))
        case 12: now += .milliseconds(Int64(argument) * 100)
        case 13: say(keyframeRequest(bytes, argument))
        case 14: _ = (kiosk.statsReport, kiosk.snapshot.dropped)
        default: for _ in 0..<argument { oneFrame() }
        }
        settle()
        if let target = kiosk.snapshot.target {
            precondition(
                target >= Self.bitrates.minimum && target <= Self.bitrates.maximum,
                "hostile monitor: a target outside its bounds")
        }
    }

    /// A thirtieth of a second as most of them are.
    private mutating func oneFrame() {
        sendPicture(isKeyframe: false, size: 2500)
        sendSound()
        for _ in 0..<3 {
            now += .milliseconds(11)
            settle()
        }
    }

    // MARK: What the monitor says

    private mutating func say(_ bytes: [UInt8]) {
        // In words, as RTCP is; what is not RTCP for the demultiplexer has its own fuzzing.
        guard bytes.count >= 8, bytes.count <= 1200 else { return }
        var packet = PacketBuffer(capacity: PacketPool.slotSize)
        packet.append(bytes.span)
        do throws(SRTPError) { try sender?.protectControl(&packet) } catch { return }
        kiosk.handle(&packet, from: Self.there, local: Self.here, now: now)
    }

    /// A sound header, and a source that the kiosk knows where packets have one.
    private func plausible(_ bytes: [UInt8], _ argument: Int) -> [UInt8] {
        var bytes = bytes
        guard bytes.count >= 12 else { return bytes }
        header(&bytes, type: 200 + bytes[1] % 8, count: bytes[0])
        if !sources.isEmpty {
            let source = sources[argument % sources.count].ssrc
            bytes.replaceSubrange(8..<12, with: source)
            // Behind FIR's and REMB's own fields.
            if argument > 7, bytes.count >= 16 { bytes.replaceSubrange(12..<16, with: source) }
        }
        return bytes
    }

    /// Transport-wide feedback about packets that were sent; the rest of it is the input's.
    private func feedback(_ bytes: [UInt8]) -> [UInt8] {
        guard bytes.count >= 8 else { return [] }
        let base = packetsSent &- UInt16(bytes[0])
        var message: [UInt8] = [0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2, UInt8(base >> 8), UInt8(base & 255), 0]
        message += bytes[1...]
        message += Array(repeating: 0, count: 3 - (message.count + 3) % 4)
        header(&message, type: 205, count: 15)
        return message
    }

    private func nack(_ bytes: [UInt8], _ argument: Int) -> [UInt8] {
        guard !sources.isEmpty else { return [] }
        let source = sources[argument % sources.count]
        var message: [UInt8] = [0, 0, 0, 0, 0, 0, 0, 1] + source.ssrc
        for index in stride(from: 0, to: bytes.count - 3, by: 4) {
            let sequence = source.sequence &- UInt16(bytes[index])
            message += [UInt8(sequence >> 8), UInt8(sequence & 255), bytes[index + 1], bytes[index + 2]]
        }
        header(&message, type: 205, count: 1)
        return message
    }

    private func keyframeRequest(_ bytes: [UInt8], _ argument: Int) -> [UInt8] {
        guard !sources.isEmpty else { return [] }
        let source = sources[argument % sources.count].ssrc
        var message: [UInt8] = [0, 0, 0, 0, 0, 0, 0, 1] + source
        if argument > 7 { message += source + [bytes.first ?? 0, 0, 0, 0] }
        header(&message, type: 206, count: argument > 7 ? 4 : 1)
        return message
    }

    private func header(_ bytes: inout [UInt8], type: UInt8, count: UInt8) {
        let words = bytes.count / 4 - 1
        bytes.replaceSubrange(0..<4, with: [0x80 | count & 31, type, UInt8(words >> 8), UInt8(words & 255)])
    }

    // MARK: What the kiosk sends

    private mutating func sendPicture(isKeyframe: Bool, size: Int) {
        picture.isKeyframe = isKeyframe
        picture.captureTime = now
        picture.withUnsafeMutableMemory(resizedTo: size) { bytes in
            for index in 0..<size { bytes[index] = UInt8(truncatingIfNeeded: index) }
            bytes[0] = isKeyframe ? 0x10 : 0x11
        }
        kiosk.send(picture, now: now)
    }

    private mutating func sendSound() {
        sound.isKeyframe = true
        sound.captureTime = now
        sound.withUnsafeMutableMemory(resizedTo: 80) { bytes in
            for index in 0..<80 { bytes[index] = UInt8(truncatingIfNeeded: index) }
        }
        kiosk.send(sound, now: now)
    }

    private mutating func note(_ bytes: [UInt8]) {
        guard bytes.count >= 12, DatagramKind(bytes.span) == .rtp else { return }
        packetsSent &+= 1
        let (source, sequence) = (Array(bytes[8..<12]), UInt16(bytes[2]) << 8 | UInt16(bytes[3]))
        if let index = sources.firstIndex(where: { $0.ssrc == source }) {
            sources[index].sequence = sequence
        } else if sources.count < 8 {
            sources.append((source, sequence))
        }
    }

    /// Carries what both have to say, until they are silent.
    private mutating func settle() {
        var packet = PacketBuffer(capacity: PacketPool.slotSize)
        for _ in 0..<200 {
            var isIdle = true
            var count = 0
            while kiosk.pollTransmit(into: &packet, now: now) != nil {
                isIdle = false
                count += 1
                precondition(count < 5000, "hostile monitor: the kiosk never stops sending")
                receive(&packet)
                packet.removeAll()
            }
            while kiosk.pollEvent() != nil {}
            while ice.pollTransmit(into: &packet, now: now) != nil || dtls.pollTransmit(into: &packet) {
                isIdle = false
                kiosk.handle(&packet, from: Self.there, local: Self.here, now: now)
                packet.removeAll()
            }
            while ice.pollEvent() != nil {}
            while let event = dtls.pollEvent() {
                guard case .handshakeCompleted(let result) = event else { continue }
                sender = try? SRTPSender(key: result.localKey)
            }
            if let wake = ice.nextTimeout, wake.at <= now { ice.handleTimeout(now: now) }
            guard let wake = kiosk.nextTimeout, wake.at <= now else {
                if isIdle { return }
                continue
            }
            kiosk.handleTimeout(now: now)
        }
        preconditionFailure(
            "hostile monitor: the kiosk never goes idle (\(kiosk.nextTimeout.map { "\($0.reason)" } ?? "-"))")
    }

    private mutating func receive(_ packet: inout PacketBuffer) {
        switch DatagramKind(packet.bytes) {
        case .stun: _ = ice.handle(packet.bytes, from: Self.here, local: Self.there, now: now)
        case .dtls: dtls.handle(packet.bytes, now: now)
        case .rtp: note(copy(packet.bytes))
        case .rtcp, .turnChannel, nil: break
        }
    }
}
