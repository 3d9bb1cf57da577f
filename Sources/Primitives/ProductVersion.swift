/// The only place of the version: of both programs, of what they send to each other, and of the Debian packages.
public enum ProductVersion {
    /// As Debian's packages have it, without revision.
    public static let text = "0.1.0"
}
