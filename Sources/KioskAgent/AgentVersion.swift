import Primitives

/// The agent's version is the product's.
public enum AgentVersion {
    public static let text = ProductVersion.text
}
