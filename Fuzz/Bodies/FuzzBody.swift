import HTTP
import Primitives

/// The parsers and machines that are fuzzed, by the name `make fuzz` knows them by. Each body takes arbitrary bytes
/// and must neither trap nor hang; a property that must hold is a `precondition` in the body.
public enum FuzzBody: String, CaseIterable, Sendable {
    case sdp, rtp, congestion, sctp, sctpChannels
    case stun, candidate, turn, mdns, ice, peerSession, hostileMonitor
    case dtlsServer, dtlsClient, srtp, vp8, opus
    case json, socketIO, signaling
    case httpServer, httpClient, webSocketServer, webSocketClient

    public func run(_ input: [UInt8]) {
        switch self {
        case .sdp: fuzzSDP(input)
        case .rtp: fuzzRTP(input)
        case .congestion: fuzzCongestion(input)
        case .sctp: fuzzSCTP(input)
        case .sctpChannels: fuzzSCTPChannels(input)
        case .stun: fuzzSTUN(input)
        case .candidate: fuzzCandidate(input)
        case .turn: fuzzTURN(input)
        case .mdns: fuzzMDNS(input)
        case .ice: fuzzICE(input)
        case .peerSession: fuzzPeerSession(input)
        case .hostileMonitor: fuzzHostileMonitor(input)
        case .dtlsServer: fuzzDTLS(input, role: .server)
        case .dtlsClient: fuzzDTLS(input, role: .client)
        case .srtp: fuzzSRTP(input)
        case .vp8: fuzzVP8(input)
        case .opus: fuzzOpus(input)
        case .json: fuzzJSON(input)
        case .socketIO: fuzzSocketIO(input)
        case .signaling: fuzzSignaling(input)
        case .httpServer: fuzzHTTPServer(input)
        case .httpClient: fuzzHTTPClient(input)
        case .webSocketServer: fuzzWebSocket(input, role: .server)
        case .webSocketClient: fuzzWebSocket(input, role: .client)
        }
    }
}
