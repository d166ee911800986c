import TensorCore

extension PreparationGraph {
    /// A depth-32 convolution whose filter needs a larger border than the layout's margins gets QuantizedPadForConv_8_d32 in
    /// front and none of its own: 4 rows above and below, 3 columns at the sides, and fewer than 4 rows below when anything
    /// is needed at the right.
    ///
    /// The integers stay: both pad with the code of zero. Source: nnlib hexagon/src/prepare_utils.c,
    /// `handle_oversize_d32_supernode`.
    mutating func padForLargeFilter(_ id: Int) {
        let node = self[id]
        guard node.op == .supernodeDepth32 || node.op == .depthwiseSupernodeDepth32,
            node.padding == .same || node.padding == .none, let filter = constant(node.inputs[1])?.shape
        else { return }
        var (height, width) = (filter[0], filter[1])
        if node.padding == .none {
            guard let strides = constant(node.inputs[6])?.shape else { return }
            (height, width) = (max(1, height + 1 - strides[1]), max(1, width + 1 - strides[2]))
        }
        let (top, left) = (max(0, (height - 1) / 2), max(0, (width - 1) / 2))
        let (bottom, right) = (height - 1 - top, width - 1 - left)
        guard max(top, bottom) > 4 || max(left, right) > 3 || right > 0 && bottom > 3 else { return }
        var padded = declared(node.inputs[0])
        padded.shape[1] += top + bottom
        padded.shape[2] += left + right
        let scalar = HexagonOutput([1, 1, 1, 1], elementSize: 4)
        let border = HexagonNode(
            id: newID(), op: .padForConvolutionDepth32, padding: node.padding,
            inputs: [0, 2, 3, 1, 6].map { node.inputs[$0] }, outputs: [padded, scalar, scalar], source: node.source)
        var convolution = node
        convolution.padding = .valid
        for (slot, output) in zip([0, 2, 3], 0...) { convolution.inputs[slot] = HexagonReference(border.id, output) }
        replace(id, with: [border, convolution])
    }
}
