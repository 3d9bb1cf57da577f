public import JSON
public import Primitives

/// What the agent says of itself to local programs: rendered by the agent, told by the control socket (docs/control-socket.md).
public struct StatusSheet: Sendable, Equatable {
    private let fields: JSONObject
    private let startedAt: Instant
    private let liveSince: Instant?

    /// - Parameters:
    ///   - fields: the status as it was when it last changed.
    ///   - startedAt: what `uptimeSeconds` counts from.
    ///   - liveSince: what `session.liveSeconds` counts from; nil while no session is live.
    public init(_ fields: JSONObject, startedAt: Instant, liveSince: Instant?) {
        self.fields = fields
        self.startedAt = startedAt
        self.liveSince = liveSince
    }

    /// With its seconds counted up to `now`.
    public func json(now: Instant) -> JSONValue {
        var fields = fields
        fields["uptimeSeconds"] = .integer(Int((now - startedAt).seconds))
        if let liveSince, case .object(var session)? = fields["session"] {
            session["liveSeconds"] = .integer(Int((now - liveSince).seconds))
            fields["session"] = .object(session)
        }
        return .object(fields)
    }

    /// Whether a status, as the control socket told it, is that of a kiosk with a session that may get media.
    public static func isWatched(_ status: JSONValue?) -> Bool {
        status?["session"].map { !$0.isNull && $0["phase"]?.string != "failed" } ?? false
    }
}
