/// How values are polished: how the 16 meanings of 4-bit codes are laid out.
public enum PolishingMethod: String, Sendable, Hashable, CaseIterable, Codable {
    /// In even steps, a range for every channel.
    case channel
    /// In even steps of the logarithm of LogNP, ``LogPolishing``.
    case lognp
    /// Where the squared error is least.
    case codebook
}
