/// How many packets a convolution of the library takes: the loops of its assembly, counted.
///
/// A kernel works on `columns` pixels and 32 channels at once:
/// ```
/// for chunk in 32 output channels            { perChunk
///   for line in rows                         {   perLine
///     for group in ceil(width / columns)     {     perGroup
///       for row in filterHeight * depth / 32 {       perFilterRow
///         for tap in filterWidth             {         perTap }}}}}
/// ```
/// Packets of a loop that is peeled once are counted with the loop; what is left of them is in `perGroup`. Calls, prefetch
/// and the data-dependent shift before requantisation are not counted.
package struct ConvolutionPackets: Sendable, Hashable {
    package var columns: Int
    package var perTap: Int
    package var perFilterRow: Int
    package var perGroup: Int
    package var perLine: Int
    package var perChunk: Int
    package var evidence: Evidence
    package var source: String

    /// The closed formula.
    package func packets(_ work: MachineWork) -> Int {
        let rows = work.filterHeight * filterDepth(work)
        let group = perGroup + rows * (perFilterRow + work.filterWidth * perTap)
        let line = perLine + work.output.width.dividedUp(by: columns) * group
        return work.output.batch * work.output.depth.dividedUp(by: 32) * (perChunk + work.output.height * line)
    }

    /// The same by walking through the loops.
    package func counted(_ work: MachineWork) -> Int {
        var packets = 0
        for _ in 0..<work.output.batch {
            for _ in stride(from: 0, to: work.output.depth, by: 32) {
                packets += perChunk
                for _ in 0..<work.output.height {
                    packets += perLine
                    for _ in stride(from: 0, to: work.output.width, by: columns) {
                        packets += perGroup
                        for _ in 0..<work.filterHeight {
                            for _ in 0..<filterDepth(work) {
                                packets += perFilterRow
                                for _ in 0..<work.filterWidth { packets += perTap }
                            }
                        }
                    }
                }
            }
        }
        return packets
    }

    /// Slices of the operand that a filter row walks through.
    private func filterDepth(_ work: MachineWork) -> Int {
        [.convolution, .matrix].contains(work.kind) ? work.input.depth.dividedUp(by: 32) : 1
    }

    /// The kernel that a convolution runs, or nil when it is none.
    package init?(_ work: MachineWork, _ architecture: HexagonArchitecture) {
        switch work.kind {
        case .convolution: self = .dense(work, architecture)
        case .shallowConvolution: self = .shallow
        case .depthwise: self = .depthwise(work)
        case .matrix: self = .matrix
        case .window, .stream, .none: return nil
        }
    }

    private init(
        columns: Int, perTap: Int, perFilterRow: Int, perGroup: Int, perLine: Int, perChunk: Int,
        _ evidence: Evidence, _ source: String
    ) {
        self.columns = columns
        self.perTap = perTap
        self.perFilterRow = perFilterRow
        self.perGroup = perGroup
        self.perLine = perLine
        self.perChunk = perChunk
        self.evidence = evidence
        self.source = "nnlib hexagon/asm_src/\(source)"
    }

    private static func dense(_ work: MachineWork, _ architecture: HexagonArchitecture) -> ConvolutionPackets {
        let isUnsigned = architecture == .v66 && work.strideWidth > 2
        switch architecture {
        case .v65:
            return ConvolutionPackets(
                columns: 8, perTap: 24, perFilterRow: 2, perGroup: 28, perLine: 7, perChunk: 13, .inferred,
                "gvconv2dbbb_circ_d32_v65_h.S; the copy into the circular buffer is not counted")
        case .v66 where !isUnsigned && work.strideWidth == 1:
            return ConvolutionPackets(
                columns: 4, perTap: 8, perFilterRow: 0, perGroup: 14, perLine: 7, perChunk: 8, .fact,
                "gvconv2dbbb_d32_s1f_h_v66.S, gvconv2dbbbs1_v66_asm")
        case .v66 where !isUnsigned:
            return ConvolutionPackets(
                columns: 4, perTap: 8, perFilterRow: 1, perGroup: 25, perLine: 6, perChunk: 10, .inferred,
                "gvconv2dbbb_d32_h_v66.S, gvconv2dbbb_v66_asm")
        case .v60, .v66:
            return ConvolutionPackets(
                columns: 4, perTap: 16, perFilterRow: 1, perGroup: 15, perLine: 4, perChunk: 24, .fact,
                "gvconv2dbbb_d32_v60_h.S, gvconv2dbbb_v60_asm")
        }
    }

    private static let shallow = ConvolutionPackets(
        columns: 4, perTap: 2, perFilterRow: 2, perGroup: 14, perLine: 8, perChunk: 17, .inferred,
        "inconv2dbbb_d32_v60_h.S, inconv2dbbb_v60_asm: two taps of four channels in four packets")

    private static let matrix = ConvolutionPackets(
        columns: 1, perTap: 0, perFilterRow: 8, perGroup: 23, perLine: 0, perChunk: 0, .inferred,
        "fullconnlayerbatch1_h.S, fullconnlayerbatch1_asm: four packets for 16 x 32; rows in pairs take less")

    /// Source of the choice: nnlib hexagon/ops/src/op_dwise_snode_8bit.c, `dwise_supernode_recalculate_strategy`.
    private static func depthwise(_ work: MachineWork) -> ConvolutionPackets {
        let isNarrow = work.strideWidth == 1
        switch (work.filterWidth, work.filterHeight) {
        case (...3, 3):
            // Everything of a group of four pixels stands in one loop of 26 packets, so that a filter row costs nothing.
            return ConvolutionPackets(
                columns: 4, perTap: 0, perFilterRow: 0, perGroup: 26, perLine: isNarrow ? 9 : 11, perChunk: 3,
                .inferred, "dwconv2dbbb_s\(isNarrow ? 1 : 2)_3x3_h.S")
        case (...3, _):
            return isNarrow
                ? ConvolutionPackets(
                    columns: 4, perTap: 0, perFilterRow: 6, perGroup: 11, perLine: 10, perChunk: 2, .inferred,
                    "dwconv2dbbb_s1_3xN_h.S; two filter rows stand outside of the loop")
                : ConvolutionPackets(
                    columns: 4, perTap: 0, perFilterRow: 7, perGroup: 12, perLine: 10, perChunk: 2, .inferred,
                    "dwconv2dbbb_s2_3xN_h.S; two filter rows stand outside of the loop")
        case (...5, _):
            return ConvolutionPackets(
                columns: 4, perTap: 0, perFilterRow: 12, perGroup: isNarrow ? 10 : 11, perLine: 10, perChunk: 1,
                .inferred, "dwconv2dbbb_s\(isNarrow ? 1 : 2)_5xN_h.S; one filter row stands outside of the loop")
        default:
            return ConvolutionPackets(
                columns: 4, perTap: 0, perFilterRow: 12, perGroup: isNarrow ? 9 : 11, perLine: 8, perChunk: 1,
                .inferred, "dwconv2dbbb_s\(isNarrow ? 1 : 2)_7xN_h.S; one filter row stands outside of the loop")
        }
    }
}
