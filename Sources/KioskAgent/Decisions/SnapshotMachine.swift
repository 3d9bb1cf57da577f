import Media
import Primitives
import Signaling

/// A snapshot that a program on this machine asked for: one at a time, with the camera open and the sign lit for as long as it takes.
///
/// ```
///          asked            permitted            taken, failed
///   idle ────────▶ opening ───────────▶ permitted ─────────▶ idle
///                     └────────── failed ───────────────────▶ idle
/// ```
struct SnapshotMachine: Sendable {
    enum Action: Hashable, Sendable {
        /// The camera is to be open for it.
        case open
        /// The sign is to be lit. `permitted` or `failed` answers.
        case light
        /// The video thread takes it, or is not to take it any more.
        case take(SnapshotRequest?)
        /// The camera is not needed any more, nor the sign.
        case close
        case answer(UInt64, Result<Snapshot, SnapshotFailure>)
    }

    private struct Order: Sendable {
        let request: SnapshotRequest
        let until: Instant
    }

    private enum Phase: Sendable {
        /// → opening
        case idle
        /// → permitted, idle
        case opening(Order)
        /// → idle
        case permitted(Order)
    }

    private var phase: Phase

    /// More than a driver may take to open a device, and the time in which a camera finds its exposure.
    static let timeout = Duration.seconds(12)

    init() { phase = .idle }

    /// - Parameter trouble: what is wrong with the camera that sessions have open already; nothing new would be heard of it.
    mutating func asked(_ request: SnapshotRequest, _ trouble: MediaTrouble?, now: Instant) -> [Action] {
        guard order == nil else { return [.answer(request.id, .failure(.busy))] }
        if let trouble { return [.answer(request.id, .failure(SnapshotFailure(trouble)))] }
        phase = .opening(Order(request: request, until: now + SnapshotMachine.timeout))
        return [.open, .light]
    }

    /// The sign is lit, or nobody asked for one.
    mutating func permitted() -> [Action] {
        guard case .opening(let order) = phase else { return [] }
        phase = .permitted(order)
        return [.take(order.request)]
    }

    mutating func taken(_ id: UInt64, _ result: Result<Snapshot, SnapshotFailure>) -> [Action] {
        // One that was given up is late.
        guard case .permitted(let order) = phase, order.request.id == id else { return [] }
        phase = .idle
        return [.close, .answer(id, result)]
    }

    mutating func failed(_ failure: SnapshotFailure) -> [Action] {
        guard let order else { return [] }
        phase = .idle
        return [.take(nil), .close, .answer(order.request.id, .failure(failure))]
    }

    /// When it is given up.
    var nextTimeout: Instant? { order?.until }

    mutating func timeoutReached(now: Instant) -> [Action] {
        guard let order, order.until <= now else { return [] }
        return failed(.timeout)
    }

    /// Whether the camera is open for it, with the sign lit.
    var isLit: Bool { order != nil }

    private var order: Order? {
        switch phase {
        case .idle: nil
        case .opening(let order), .permitted(let order): order
        }
    }
}
