extension Pass {
    /// Removes nodes and constants that no output needs.
    package static let deadCode = Pass("dead-code") { $0.removeUnused() }
}
