public import Primitives
internal import Synchronization

/// What the media threads count: since the agent started, and for each session that is open. The media threads write, any
/// thread reads.
public final class MediaTally: Sendable {
    private struct Counts {
        var total = MediaCounters()
        var sessions: [(id: String, counters: MediaCounters)] = []
    }

    private let video = Mutex(Counts())
    private let audio = Mutex(Counts())

    /// Nothing counted yet, and no session open.
    public init() {}

    /// - Parameter body: applied to the total and to what each session counts.
    func count(_ kind: MediaKind, _ body: (inout MediaCounters) -> Void) {
        counts(kind) { counts in
            body(&counts.total)
            for index in counts.sessions.indices { body(&counts.sessions[index].counters) }
        }
    }

    /// Since the agent started.
    func total(_ kind: MediaKind) -> MediaCounters { counts(kind) { $0.total } }

    /// Since the session began: nothing of the one before, not even the size of its last picture. Nothing at all of a session
    /// that is not open.
    public func session(_ id: String, _ kind: MediaKind) -> MediaCounters {
        counts(kind) { $0.sessions.first { $0.id == id }?.counters ?? MediaCounters() }
    }

    /// The network thread opens a session: from now on it is counted for.
    public func begin(_ id: String) {
        end(id)
        for kind in MediaKind.allCases { counts(kind) { $0.sessions.append((id, MediaCounters())) } }
    }

    /// The session is over; what was counted for it is forgotten.
    public func end(_ id: String) {
        for kind in MediaKind.allCases { counts(kind) { $0.sessions.removeAll { $0.id == id } } }
    }

    private func counts<Result>(_ kind: MediaKind, _ body: (inout Counts) -> Result) -> Result {
        switch kind {
        case .video: video.withLock { body(&$0) }
        case .audio: audio.withLock { body(&$0) }
        }
    }
}
