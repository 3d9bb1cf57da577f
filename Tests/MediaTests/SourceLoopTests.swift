import Capture
import Primitives
import Reactor
import Service
import Testing

@testable import Media

/// A gate that closes and opens again while nobody looks: for whoever it opened, everything begins anew.
@Suite struct SourceLoopTests {
    private let gate = try! MediaGate()
    private let events = try! Mailbox<MediaEvent>()
    private let mailbox: Mailbox<SourceLoop.Message>

    init() throws { mailbox = try Mailbox(wake: gate.wake) }

    private var told: [MediaEvent] {
        var all: [MediaEvent] = []
        while let event = events.next() { all.append(event) }
        return all
    }

    /// Runs until `attempts` have been made; `attempt` gets their number from 1 on.
    private func run(_ attempts: Int, _ attempt: (Int, inout SourceLoop) throws(CaptureError) -> Void) {
        var loop = SourceLoop(
            .video, gate: gate, progress: ThreadProgress(), events: events, log: Log("test"))
        var made = 0
        loop.run(mailbox) { loop throws(CaptureError) in
            made += 1
            if made == attempts { mailbox.post(.stop) }
            try attempt(made, &loop)
            return true
        }
    }

    @Test func aCameraThatFlowsIsSaidToRunForEachOpening() {
        gate.open()
        var openings: [UInt32?] = []
        run(2) { number, loop in
            openings.append(loop.opening)
            loop.delivered("camera", now: MonotonicClock.now())
            loop.delivered("camera", now: MonotonicClock.now())
            gate.close()
            if number == 1 { gate.open() }
        }
        #expect(openings == [1, 2])
        #expect(told == [.running(.video, source: "camera"), .running(.video, source: "camera"), .stopped(.video)])
    }

    @Test func aFaultThatStaysIsToldToEachMonitor() {
        gate.open()
        let fault = CaptureError.missing(device: "/dev/video0")
        run(3) { number, _ throws(CaptureError) in
            // Twice for the first monitor, who hears it once; then for the second.
            if number == 2 {
                gate.deviceChanged()
                gate.close()
                gate.open()
            }
            if number == 1 { gate.deviceChanged() }
            throw fault
        }
        #expect(told == [.trouble(.video, MediaTrouble(.video, fault)), .trouble(.video, MediaTrouble(.video, fault))])
    }

    @Test func theSameOpeningIsToldOnce() {
        gate.open()
        let fault = CaptureError.missing(device: "/dev/video0")
        run(2) { _, _ throws(CaptureError) in
            gate.deviceChanged()
            throw fault
        }
        #expect(told == [.trouble(.video, MediaTrouble(.video, fault))])
    }
}
