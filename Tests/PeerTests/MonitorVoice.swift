import ICE
import Primitives
import RTP
import SRTP
import TestSupport

@testable import Peer

/// Speaks RTCP in the monitor's name: both sides of a connected pair get keys that the test knows.
final class MonitorVoice {
    /// SRTCP counts each source's packets, so the voice must not share one with the monitor's own reports.
    static let source = SSRC(0x7777_7777)

    private let pair: Pair
    private var sender: SRTPSender

    init(_ pair: Pair) throws {
        func key(_ seed: UInt8) -> SRTPMasterKey {
            SRTPMasterKey(
                profile: .aeadAES128GCM, key: (0..<16).map { $0 &* 7 &+ seed }, salt: (0..<12).map { $0 &* 5 &+ seed })
        }
        self.pair = pair
        try pair.kiosk.session.media.start(local: key(1), remote: key(2))
        try pair.monitor.session.media.start(local: key(2), remote: key(1))
        sender = try SRTPSender(key: key(2))
    }

    var videoSource: SSRC? { pair.kiosk.session.media.sendStream(of: .video)?.ssrc }

    /// One RTCP datagram, which goes to the kiosk as the monitor's own do.
    func say(_ write: (inout ByteWriter) -> Void) throws {
        guard let path = pair.kiosk.session.selectedPath else { return }
        var packet = PacketBuffer(capacity: PacketPool.slotSize)
        packet.write { write(&$0) }
        try sender.protectControl(&packet)
        let datagram = Datagram(source: path.remote, destination: path.base, bytes: packet.bytes.copied())
        pair.simulation.network.send(datagram, from: pair.monitorHost, now: pair.simulation.now)
    }
}
