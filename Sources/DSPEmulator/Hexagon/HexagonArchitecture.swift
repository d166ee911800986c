/// Which generation of vector unit the library's kernels were written for.
package enum HexagonArchitecture: String, Sendable, Hashable, CaseIterable {
    /// Weights stay unsigned; their zero point is applied by a row sum.
    case v60
    /// Signed weights; channels whose weights do not fit into 8 signed bits are scaled down.
    case v65
    /// As v65, with the wider multiply instructions.
    case v66
}
