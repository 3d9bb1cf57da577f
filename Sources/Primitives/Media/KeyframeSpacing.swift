/// How far apart keyframes are that somebody asks for.
public enum KeyframeSpacing {
    /// Requests from a receiver in trouble come in bursts, and keyframes closer to each other than this do not help it: the
    /// first one is still on its way. A peer's requests closer together are one, and the encoder, which merges the requests
    /// of all its receivers, makes no two keyframes closer together.
    public static let least = Duration.milliseconds(250)
}
