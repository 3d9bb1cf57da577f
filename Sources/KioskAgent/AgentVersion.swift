/// The one place that knows the version.
public enum AgentVersion {
    public static let text = "0.1.0"
}
