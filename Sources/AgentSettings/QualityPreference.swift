/// What is given up first when the network or the processor does not carry everything.
public enum QualityPreference: String, Sendable, Hashable, CaseIterable, Decodable {
    /// Size and frame rate in turn.
    case balanced
    /// The frame rate first: small print on a document stays readable.
    case keepResolution
    /// The size first: movement stays smooth.
    case keepFrameRate
}
