import Capture
import Primitives
import Reactor
import Service
import Signaling

/// A media thread's life, the same for pictures and sound: the device is open exactly while the gate is, and a device
/// that fails is reported and looked for again as `SourceMachine` says.
struct SourceLoop: ~Copyable {
    /// What the thread is told beside what the gate says.
    enum Message: Sendable { case stop }

    let kind: MediaKind
    private let gate: MediaGate
    private let progress: ThreadProgress
    private let events: Mailbox<MediaEvent>
    private let log: Log
    private var machine: SourceMachine
    private var seenChanges: UInt32
    /// The gate's opening that the device is, or is to be, open for; nil while the gate is closed.
    private(set) var opening: UInt32?
    /// What was told last, so that a fault that stays is told once.
    private var told: CaptureError?

    init(_ kind: MediaKind, gate: MediaGate, progress: ThreadProgress, events: Mailbox<MediaEvent>, log: Log) {
        self.kind = kind
        self.gate = gate
        self.progress = progress
        self.events = events
        self.log = log
        machine = SourceMachine()
        seenChanges = gate.deviceChanges
        opening = nil
        told = nil
    }

    /// Until the message that ends it.
    ///
    /// - Parameter mailbox: woken by the gate's waker.
    /// - Parameter attempt: opens the device and takes frames, telling `delivered` of each, until the gate's opening is no
    ///   longer `opening` or the device fails. Returns false when there is nothing to open.
    mutating func run(
        _ mailbox: Mailbox<Message>, attempt: (inout SourceLoop) throws(CaptureError) -> Bool
    ) {
        while true {
            // Before everything that it tells of is asked: what comes later wakes again.
            gate.wake.clear()
            switch mailbox.next() {
            case .stop: return step(now: MonotonicClock.now())
            case nil: break
            }
            step(now: MonotonicClock.now())
            switch machine.order {
            case .rest:
                progress.rest()
                Pause.wait(for: gate.wake)
            case .wait(let until):
                progress.beat(now: MonotonicClock.now())
                Pause.wait(for: gate.wake, atMost: max(.zero, until - MonotonicClock.now()))
            case .open:
                progress.beat(now: MonotonicClock.now())
                do throws(CaptureError) {
                    if try attempt(&self) { machine.interrupted() } else { machine.isAbsent() }
                } catch {
                    failed(error)
                }
            }
        }
    }

    private mutating func step(now: Instant) {
        let changes = gate.deviceChanges
        if changes != seenChanges {
            seenChanges = changes
            machine.devicesChanged()
        }
        let current = gate.opening
        if opening != nil, current != nil, current != opening {
            // The gate was closed and opened between two checks: for the new opening everything begins anew.
            _ = machine.gateIs(open: false)
            told = nil
        }
        opening = current
        if machine.gateIs(open: current != nil) {
            told = nil
            events.post(.stopped(kind))
            log.info("\(noun) closed")
        }
        machine.handleTimeout(now: now)
    }

    /// A frame came from the device, which `source` names in words.
    mutating func delivered(_ source: @autoclosure () -> String, now: Instant) {
        guard case .opening = machine.phase else { return }
        machine.delivered(now: now)
        told = nil
        let name = source()
        events.post(.running(kind, source: name))
        log.info("\(noun) open: \(name)")
    }

    private mutating func failed(_ error: CaptureError) {
        machine.failed(error.heals, now: MonotonicClock.now())
        // The gate may have changed meanwhile: a fault of a closed gate is not reported, and one of a new opening by the
        // next attempt.
        guard let opening, gate.opening == opening, told != error else { return }
        told = error
        let trouble = MediaTrouble(kind, error)
        log.warning(
            "no \(kind == .video ? "picture" : "sound"): \(trouble.message); \(error.remedy)",
            [LogField("REASON", error.reason)])
        events.post(.trouble(kind, trouble))
    }

    private var noun: String { kind == .video ? "camera" : "microphone" }
}

extension CaptureError {
    var heals: SourceMachine.Fault {
        switch self {
        case .missing, .busy, .lost, .frozen, .repeats, .garbage, .system: .passing
        case .permissionDenied, .unsupported, .badFile: .lasting
        }
    }
}
