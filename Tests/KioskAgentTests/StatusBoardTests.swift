import Crew
import Media
import Primitives
import ServerLink
import Signaling
import Testing

@testable import KioskAgent
@testable import Reactor

@Suite struct StatusBoardTests {
    private let now = Instant.zero + .seconds(1000)
    private let machine = MachineWatch(MemoryState(), ThermalState(throttleCount: 0), now: .zero)

    private func board(_ supervisor: Supervisor) -> StatusBoard {
        StatusBoard(kioskId: "KIOSK_01", server: "https://signaling.example", supervisor, machine, now: now)
    }

    private func figures(packetsInUse: Int = 0) -> StatusBoard.Figures {
        StatusBoard.Figures(video: MediaCounters(), audio: MediaCounters(), packetsInUse: packetsInUse)
    }

    /// Every second while a session is open, until its packets have come back after it, and then no more.
    @Test func itIsToldWhileSomethingMoves() {
        var supervisor = Supervisor(hasMicrophone: true)
        var board = board(supervisor)
        #expect(board.nextTimeout == nil)
        board.renew(supervisor, indicator: nil, figures(), machine, now: now)
        #expect(board.nextTimeout == nil)
        _ = supervisor.serverSent(
            .monitoringStartedForKiosk(monitorId: "MONITOR_01", sessionId: "S1", iceServers: []), now: now)
        board.renew(supervisor, indicator: "", figures(packetsInUse: 3), machine, now: now)
        #expect(board.nextTimeout == now + .seconds(1))
        #expect(board.status.sessions.map(\.id) == ["S1"])
        #expect(board.status.indicator == "" && board.status.packetsInUse == 3 && board.status.sessionsServed == 1)
        _ = supervisor.stop(now: now)
        board.renew(supervisor, indicator: "", figures(packetsInUse: 3), machine, now: now)
        #expect(board.nextTimeout == now + .milliseconds(50))
        board.renew(supervisor, indicator: "", figures(), machine, now: now)
        #expect(board.nextTimeout == nil && board.status.sessions.isEmpty)
    }

    @Test func theLinkIsLostOnce() {
        var board = board(Supervisor(hasMicrophone: true))
        let phases: [LinkPhase] = [.connecting, .registered, .registered, .connecting, .stopped]
        let lost = phases.map { board.linkIs($0) }
        #expect(lost == [false, false, false, true, false])
        #expect(board.status.link == .stopped)
    }

    @Test func whatWasReportedStays() {
        let supervisor = Supervisor(hasMicrophone: true)
        var board = board(supervisor)
        var crew = CrewState()
        crew.waiting = 2
        board.crewIs(crew)
        board.clockIsOff(by: .seconds(40))
        board.renew(supervisor, indicator: nil, figures(), machine, now: now)
        #expect(board.status.crew.waiting == 2 && board.status.clockIsOff)
    }
}
