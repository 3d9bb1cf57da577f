import Primitives

// Why a device is open, and what may be done with what it gives: the leases and their truth table.
//
// A device is open exactly while somebody holds a lease on it. A lease's phase follows from two things that different
// threads decide: the supervisor permits (the indicator is lit, or nobody asked for one), and the one who takes the media
// is there (the peer is connected and takes this kind).
//
//              held            taken               permitted
//    none ───────────▶ warming ──────▶ connected ───────────▶ live
//                         │   permitted              taken     ▲
//                         └───────────▶ permitted ─────────────┘
//
// Each arrow has one back, and a release leads to none from everywhere. No clock, no thread: `MediaHub` does what the
// table says.

/// What a device is open for.
public enum Lease: Hashable, Sendable {
    /// A monitoring session: a peer gets the media.
    case session(String)
    /// A recording on this kiosk.
    case recording(String)
    /// One picture, not encoded.
    case snapshot
    /// Doctor's call to this machine itself.
    case doctor

    /// How far it has come, for one kind of media.
    enum Phase: Hashable, Sendable, CaseIterable {
        /// It does not want this kind, or is not held at all.
        case none
        /// The device warms up.
        case warming
        /// The one who takes the media is there, and the indicator is not lit.
        case connected
        /// The indicator is lit, and nobody takes the media.
        case permitted
        /// Both.
        case live
    }

    /// What holds in a phase.
    struct Rights: Hashable, Sendable {
        var isDeviceOpen: Bool
        var isEncoded: Bool
        /// To the one who takes the media.
        var mayLeave: Bool

        fileprivate init(_ isDeviceOpen: Bool, _ isEncoded: Bool, _ mayLeave: Bool) {
            self.isDeviceOpen = isDeviceOpen
            self.isEncoded = isEncoded
            self.mayLeave = mayLeave
        }
    }

    /// The truth table.
    func rights(in phase: Phase) -> Rights {
        switch (self, phase) {
        //                                       device open, encoded, may leave
        case (.session, .none): /*      */ Rights(false, false, false)
        case (.session, .warming): /*   */ Rights(true, false, false)
        case (.session, .connected): /* */ Rights(true, false, false)
        case (.session, .permitted): /* */ Rights(true, false, false)
        case (.session, .live): /*      */ Rights(true, true, true)

        case (.recording, .none): /*      */ Rights(false, false, false)
        case (.recording, .warming): /*   */ Rights(true, false, false)
        case (.recording, .connected): /* */ Rights(true, false, false)
        case (.recording, .permitted): /* */ Rights(true, false, false)
        case (.recording, .live): /*      */ Rights(true, true, true)

        case (.snapshot, .none): /*      */ Rights(false, false, false)
        case (.snapshot, .warming): /*   */ Rights(true, false, false)
        case (.snapshot, .connected): /* */ Rights(true, false, false)
        case (.snapshot, .permitted): /* */ Rights(true, false, true)
        case (.snapshot, .live): /*      */ Rights(true, false, true)

        // What doctor sees does not leave the machine: no indicator is waited for.
        case (.doctor, .none): /*      */ Rights(false, false, false)
        case (.doctor, .warming): /*   */ Rights(true, false, false)
        case (.doctor, .connected): /* */ Rights(true, true, true)
        case (.doctor, .permitted): /* */ Rights(true, false, false)
        case (.doctor, .live): /*      */ Rights(true, true, true)
        }
    }
}

/// Who holds which lease, and how far each has come.
struct LeaseBook: Sendable {
    private struct Entry {
        let lease: Lease
        var held: Set<MediaKind>
        var taken: Set<MediaKind>
        var isPermitted: Bool
    }

    private var entries: [Entry]

    init() { entries = [] }

    /// These kinds are wanted, beside those that were.
    mutating func hold(_ lease: Lease, _ kinds: Set<MediaKind>) { change(lease) { $0.held.formUnion(kinds) } }

    /// These kinds are not wanted any more. With the last one the permission ends.
    mutating func release(_ lease: Lease, _ kinds: Set<MediaKind>) {
        change(lease) { entry in
            entry.held.subtract(kinds)
            if entry.held.isEmpty { entry.isPermitted = false }
        }
    }

    /// The indicator is lit, or is not any more. Nothing is permitted to a lease that is not held.
    mutating func permit(_ lease: Lease, _ isPermitted: Bool) {
        change(lease) { $0.isPermitted = isPermitted && !$0.held.isEmpty }
    }

    /// The one who gets the media takes these kinds and no others.
    mutating func take(_ lease: Lease, _ kinds: Set<MediaKind>) { change(lease) { $0.taken = kinds } }

    private mutating func change(_ lease: Lease, _ body: (inout Entry) -> Void) {
        var entry = entries.first { $0.lease == lease } ?? Entry(lease: lease, held: [], taken: [], isPermitted: false)
        entries.removeAll { $0.lease == lease }
        body(&entry)
        if !entry.held.isEmpty || !entry.taken.isEmpty { entries.append(entry) }
    }

    func phase(of lease: Lease, _ kind: MediaKind) -> Lease.Phase {
        guard let entry = entries.first(where: { $0.lease == lease }), entry.held.contains(kind) else { return .none }
        return switch (entry.taken.contains(kind), entry.isPermitted) {
        case (false, false): .warming
        case (true, false): .connected
        case (false, true): .permitted
        case (true, true): .live
        }
    }

    func rights(of lease: Lease, _ kind: MediaKind) -> Lease.Rights { lease.rights(in: phase(of: lease, kind)) }

    /// Whether some lease has the device of this kind open.
    func isDeviceOpen(_ kind: MediaKind) -> Bool { entries.contains { rights(of: $0.lease, kind).isDeviceOpen } }
}
