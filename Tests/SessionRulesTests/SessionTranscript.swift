import JSON
import Primitives
import Signaling
import SocketIO

@testable import SessionRules

let start = Moment(instant: .zero, wall: WallClock(secondsSince1970: 1_767_225_600))
let startText = "2026-01-01T00:00:00.000Z"

func after(_ duration: Duration) -> Moment {
    Moment(instant: start.instant + duration, wall: start.wall + duration)
}

func socket(_ number: UInt64) -> SocketID { SocketID(rawValue: number) }
func address(_ number: UInt64) -> Address { .here(socket(number)) }

func account(_ id: String, _ role: Role = .kiosk, _ organization: String = "west") -> Account {
    Account(
        id: id, role: role, organization: organization, displayName: "The \(id)", createdAt: start.wall,
        tokensValidFrom: start.wall, generation: 7)
}

/// The people of the transcripts: two monitors and a kiosk of one railway, a monitor of another.
let m1 = Party(id: "M1", organization: "west", address: address(1))
let m2 = Party(id: "M2", organization: "west", address: address(2))
/// One of a monitor's clients: a page, which says which it is, or another program, which does not.
func page(_ monitor: String, _ address: Address, _ clientId: String? = nil) -> Party {
    Party(id: monitor, organization: "west", address: address, clientId: clientId)
}
let stranger = Party(id: "M9", organization: "east", address: address(9))
let kioskAddress = address(5)
let kiosk = MonitoringSessions.Kiosk(id: "K1", organization: "west", address: kioskAddress)
let offline = MonitoringSessions.Kiosk(id: "K1", organization: "west", address: nil)

let offer = RelayedMessage.offer(DescriptionPayload(type: .offer, sdp: "offer"))
let answer = RelayedMessage.answer(DescriptionPayload(type: .answer, sdp: "answer"))
let candidate = RelayedMessage.iceCandidate(CandidatePayload(candidate: "candidate:1", sdpMid: "0"))

/// One line of a transcript: what a decision does, short enough to compare.
func line(_ action: MonitoringSessions.Action) -> String {
    switch action {
    case .send(.monitoringStopped(_, let session, let reason), let address):
        "\(text(address)) ← stopped \(session) \(reason.rawValue)"
    case .send(let event, let address): "\(text(address)) ← \(event.name)"
    case .moved(let session, let client): "moved \(session) to \(client ?? "-")"
    case .tellMonitorStarted(let session, _, _, let address): "\(text(address)) ← started \(session)"
    case .tellKioskStarted(let session, _, let monitor, let address):
        "\(text(address)) ← started \(session) by \(monitor)"
    case .began(let session): "began \(session.id)"
    case .negotiated(let session): "negotiated \(session)"
    case .ended(let session, let reason): "ended \(session.id) \(reason.rawValue)"
    }
}

/// `5` for a socket of this node, `B.5` for one of another.
func text(_ address: Address) -> String {
    switch address {
    case .here(let socket): "\(socket.rawValue)"
    case .node(let node, let socket): "\(node).\(socket.rawValue)"
    }
}

func lines(_ actions: [MonitoringSessions.Action]) -> [String] { actions.map(line) }

/// The code of a refusal, or what was done instead.
func code(_ body: () throws(Refusal) -> [MonitoringSessions.Action]) -> String {
    do throws(Refusal) { return lines(try body()).joined(separator: ", ") } catch { return error.error.code.rawValue }
}

extension MonitoringSessions {
    /// With a session S1 of M1 and K1 that has passed offer and answer.
    static func negotiated(_ rules: Rules = Rules(), by monitor: Party = m1) throws -> MonitoringSessions {
        var machine = MonitoringSessions(rules)
        _ = try machine.startRequested(by: monitor, kiosk: kiosk, newId: "S1", now: start)
        _ = try machine.relayed(offer, fromMonitor: monitor, targetId: "K1", sessionId: nil)
        _ = try machine.relayed(answer, fromKiosk: "K1", targetId: "M1", sessionId: nil)
        return machine
    }
}
