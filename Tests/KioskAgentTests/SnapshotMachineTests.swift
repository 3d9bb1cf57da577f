import Media
import PeerIO
import Primitives
import Signaling
import Testing

@testable import KioskAgent

@Suite struct SnapshotMachineTests {
    private let now = Instant.zero + .seconds(1000)
    private let request = SnapshotRequest(id: 7, format: .jpeg)
    private let snapshot = Snapshot(
        bytes: [1, 2], format: .jpeg, size: PictureSize(width: 640, height: 480), takenAt: .zero)
    private let missing = MediaTrouble(
        .cameraMissing, state: "missing", message: "no camera found", remedy: "plug it in")

    @Test func oneIsTakenWithTheSignLit() {
        var machine = SnapshotMachine()
        #expect(!machine.isLit)
        #expect(machine.asked(request, nil, now: now) == [.open, .light])
        #expect(machine.isLit && machine.nextTimeout == now + .seconds(12))
        // Nothing is taken before the sign is lit.
        #expect(machine.taken(7, .success(snapshot)) == [])
        #expect(machine.permitted() == [.take(request)])
        #expect(machine.permitted() == [])
        #expect(machine.taken(6, .success(snapshot)) == [])
        #expect(machine.taken(7, .success(snapshot)) == [.close, .answer(7, .success(snapshot))])
        #expect(!machine.isLit && machine.nextTimeout == nil)
    }

    @Test func anotherHasToWait() {
        var machine = SnapshotMachine()
        _ = machine.asked(request, nil, now: now)
        let second = SnapshotRequest(id: 8, format: .png)
        #expect(machine.asked(second, nil, now: now) == [.answer(8, .failure(.busy))])
        _ = machine.permitted()
        #expect(machine.taken(7, .success(snapshot)) == [.close, .answer(7, .success(snapshot))])
        #expect(machine.asked(second, nil, now: now) == [.open, .light])
    }

    @Test func aCameraThatIsKnownToFailIsNotWaitedFor() {
        var machine = SnapshotMachine()
        #expect(machine.asked(request, missing, now: now) == [.answer(7, .failure(SnapshotFailure(missing)))])
        #expect(!machine.isLit)
    }

    @Test func aSignThatStaysDarkIsARefusal() {
        var machine = SnapshotMachine()
        _ = machine.asked(request, nil, now: now)
        #expect(
            machine.failed(.indicator("led0: gone"))
                == [.take(nil), .close, .answer(7, .failure(.indicator("led0: gone")))])
        #expect(machine.permitted() == [] && machine.failed(.stopping) == [])
    }

    @Test func noPictureInTime() {
        var machine = SnapshotMachine()
        _ = machine.asked(request, nil, now: now)
        _ = machine.permitted()
        #expect(machine.timeoutReached(now: now + .seconds(11)) == [])
        #expect(
            machine.timeoutReached(now: now + .seconds(12)) == [.take(nil), .close, .answer(7, .failure(.timeout))])
        #expect(machine.taken(7, .success(snapshot)) == [])
    }

    // MARK: in the supervisor

    @Test func theCameraIsOpenForItAloneAndTheStatusSaysSo() {
        var supervisor = Supervisor(hasMicrophone: true)
        #expect(
            supervisor.snapshotAsked(request, now: now) == [.snapshot(.open), .snapshot(.light), .status])
        #expect(supervisor.isLit && !supervisor.isOpen && supervisor.takesSnapshot)
        #expect(supervisor.video.state == .opening(until: now + .seconds(8)) && supervisor.audio.state == .idle)
        #expect(supervisor.snapshotPermitted(now: now) == [.snapshot(.take(request))])
        #expect(supervisor.mediaReported(.running(.video, source: "cam"), now: now) == [.status])
        #expect(
            supervisor.mediaReported(.snapshot(7, .success(snapshot)), now: now)
                == [.snapshot(.close), .snapshot(.answer(7, .success(snapshot))), .status])
        #expect(!supervisor.isLit)
        #expect(supervisor.mediaReported(.stopped(.video), now: now) == [.status])
        #expect(supervisor.video.state == .idle)
    }

    @Test func aSessionAndASnapshotShareTheCameraAndTheSign() {
        var supervisor = Supervisor(hasMicrophone: true)
        _ = supervisor.serverSent(
            .monitoringStartedForKiosk(monitorId: "MONITOR_01", sessionId: "S1", iceServers: []), now: now)
        _ = supervisor.mediaReported(.running(.video, source: "cam"), now: now)
        _ = supervisor.snapshotAsked(request, now: now)
        #expect(supervisor.video.state == .running(source: "cam"))
        _ = supervisor.snapshotPermitted(now: now)
        _ = supervisor.serverSent(
            .monitoringStopped(kioskId: "KIOSK_01", sessionId: "S1", reason: .stoppedByMonitor), now: now)
        #expect(supervisor.isLit)
        // Still open: it has not been closed for anybody.
        #expect(supervisor.mediaReported(.running(.video, source: "cam"), now: now) == [.status])
        _ = supervisor.mediaReported(.snapshot(7, .success(snapshot)), now: now)
        #expect(!supervisor.isLit)
    }

    @Test func whatEndsItIsToldToTheProgram() {
        let failures: [(SnapshotFailure, (inout Supervisor) -> [Supervisor.Action])] = [
            (SnapshotFailure(missing), { [now, missing] in $0.mediaReported(.trouble(.video, missing), now: now) }),
            (.indicator("led0: gone"), { [now] in $0.indicatorFailed("led0: gone", now: now) }),
            (.stopping, { [now] in $0.stop(now: now) }),
            (
                .timeout,
                { [now] in
                    _ = $0.mediaReported(.running(.video, source: "cam"), now: now)
                    return $0.timeoutReached(now: now + .seconds(12))
                }
            ),
        ]
        for (failure, happens) in failures {
            var supervisor = Supervisor(hasMicrophone: true)
            _ = supervisor.snapshotAsked(request, now: now)
            let actions = happens(&supervisor)
            #expect(actions.contains(.snapshot(.close)), "\(failure)")
            #expect(actions.contains(.snapshot(.answer(7, .failure(failure)))), "\(failure)")
            #expect(!supervisor.isLit && !supervisor.takesSnapshot)
        }
    }
}
