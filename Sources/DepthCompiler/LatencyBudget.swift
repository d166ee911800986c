/// What may be added to a file's latency, as people write it.
public enum LatencyBudget {
    /// The share that a percentage from 0 to 1000 says, such as 0.07 for `7%` or `7`; nil for anything else.
    public static func share(_ text: String) -> Double? {
        guard let percent = Double(text.hasSuffix("%") ? String(text.dropLast()) : text), (0...1000).contains(percent)
        else {
            return nil
        }
        return percent / 100
    }
}
