public import Primitives
internal import Synchronization

/// What the media threads count: since the agent started, and for the present session. The media threads write, any thread
/// reads.
public final class MediaTally: Sendable {
    private struct Counts {
        var total = MediaCounters()
        var session = MediaCounters()
    }

    private let video = Mutex(Counts())
    private let audio = Mutex(Counts())

    /// Nothing counted yet.
    public init() {}

    func count(_ kind: MediaKind, _ body: (inout MediaCounters) -> Void) {
        counts(kind) { counts in
            body(&counts.total)
            body(&counts.session)
        }
    }

    /// Since the agent started.
    func total(_ kind: MediaKind) -> MediaCounters { counts(kind) { $0.total } }

    /// Since the session began: nothing of the one before, not even the size of its last picture.
    public func session(_ kind: MediaKind) -> MediaCounters { counts(kind) { $0.session } }

    /// The network thread opens a session.
    public func beginSession() {
        for kind in MediaKind.allCases { counts(kind) { $0.session = MediaCounters() } }
    }

    private func counts<Result>(_ kind: MediaKind, _ body: (inout Counts) -> Result) -> Result {
        switch kind {
        case .video: video.withLock { body(&$0) }
        case .audio: audio.withLock { body(&$0) }
        }
    }
}
