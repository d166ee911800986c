extension Pass {
    /// Removes nodes and constants that no output needs.
    static let deadCode = Pass("dead-code") { $0.removeUnused() }
}
