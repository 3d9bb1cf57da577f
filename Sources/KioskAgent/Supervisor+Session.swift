import Media
import Primitives
import Signaling

extension Supervisor {
    /// The names of the phases, for the status.
    enum Phase: String, Sendable, Hashable {
        case granted, negotiating, live, failed
    }

    /// A monitor's session, from the grant to its end. What only one phase knows lives in that phase: each transition
    /// forgets what the one before knew.
    ///
    /// ```
    ///             answering              connected
    ///  granted ─────────────▶ negotiating ────────▶ live
    ///     │                     ▲   │                │
    ///     │ connected           │   │ fail           │ fail
    ///     └──────────▶ live     │   ▼                │
    ///                  answering└─ failed ◀──────────┘
    /// ```
    struct Session: Sendable {
        enum State: Sendable {
            /// Since the grant. → negotiating, live, failed
            case granted(since: Instant)
            /// Since the newest offer. → negotiating (anew), live, failed
            case negotiating(since: Instant)
            /// → failed
            case live(Live)
            /// Why. → negotiating
            case failed(reason: String)
        }

        /// What is known while media may leave.
        struct Live: Sendable {
            let since: Instant
            var firstFrameMilliseconds: Int?
            var audit: Audit
        }

        /// How far the server's audit is.
        enum Audit: Hashable, Sendable {
            /// The sign that media leaves is not lit yet, or the monitor takes nothing.
            case dark
            /// The sign is lit, or need not be.
            case permitted
            /// The server knows that media left.
            case reported
        }

        let id: String
        let monitorId: String
        var iceServers: [ICEServer]
        private(set) var state: State
        /// The kinds of media that the monitor takes: all of them until that is known.
        private(set) var sends: Set<MediaKind>
        /// Whether an offer was asked for that has not come: the connection that took the question may have been dead by
        /// then, for what takes the path away takes the server away too.
        var awaitsOffer: Bool
        /// What the monitor was told already.
        var reported: Set<SessionErrorCode>
        /// Which TURN server gave no relay, and why.
        var relayTrouble: String?
        var offers: OfferLimit

        init(id: String, monitorId: String, iceServers: [ICEServer], now: Instant) {
            self.id = id
            self.monitorId = monitorId
            self.iceServers = iceServers
            state = .granted(since: now)
            sends = Set(MediaKind.allCases)
            awaitsOffer = false
            reported = []
            relayTrouble = nil
            offers = OfferLimit(now: now)
        }

        // MARK: events

        /// An offer goes to the network thread.
        mutating func answering(now: Instant) {
            switch state {
            case .granted, .negotiating: state = .negotiating(since: now)
            case .live: break
            case .failed:
                state = .negotiating(since: now)
                reported = []
            }
        }

        /// - Returns: false where the phase knows nothing of it.
        mutating func connected(now: Instant) -> Bool {
            switch state {
            case .granted, .negotiating:
                state = .live(Live(since: now, firstFrameMilliseconds: nil, audit: .dark))
                return true
            case .live, .failed: return false
            }
        }

        /// - Returns: false where the phase knows nothing of it.
        mutating func firstFrameSent(_ milliseconds: Int) -> Bool {
            change { $0.firstFrameMilliseconds = milliseconds }
        }

        /// Only these kinds are taken from now on.
        mutating func take(_ kinds: Set<MediaKind>) {
            sends = kinds
            if kinds.isEmpty { _ = change { $0.audit = .dark } }
        }

        /// The sign is lit, or nobody asked for one.
        mutating func permitted() {
            guard isLit else { return }
            _ = change { if $0.audit == .dark { $0.audit = .permitted } }
        }

        /// The server hears that media leaves.
        mutating func mediaReported() { _ = change { $0.audit = .reported } }

        /// The server hears in another way that media leaves no more.
        mutating func mediaStopReported() { _ = change { $0.audit = .dark } }

        mutating func fail(reason: String) {
            state = .failed(reason: reason)
            sends = Set(MediaKind.allCases)
        }

        private mutating func change(_ body: (inout Live) -> Void) -> Bool {
            guard case .live(var live) = state else { return false }
            body(&live)
            state = .live(live)
            return true
        }

        // MARK: views

        var phase: Phase {
            switch state {
            case .granted: .granted
            case .negotiating: .negotiating
            case .live: .live
            case .failed: .failed
            }
        }

        /// Whether it may get media: devices are open.
        var isOpen: Bool {
            switch state {
            case .granted, .negotiating, .live: true
            case .failed: false
            }
        }

        /// Whether media leaves the kiosk, and the sign that tells so is lit.
        var isLit: Bool { live != nil && !sends.isEmpty }

        var liveSince: Instant? { live?.since }

        var firstFrameMilliseconds: Int? { live?.firstFrameMilliseconds }

        /// Why it failed.
        var reason: String? {
            if case .failed(let reason) = state { reason } else { nil }
        }

        private var live: Live? {
            if case .live(let live) = state { live } else { nil }
        }
    }
}
