import GraphIR
import TensorCore

extension DelegateGraphBuilder {
    /// Product in 32 bits, bias in 32 bits, requantisation. Fused activations have no node.
    ///
    /// Source: hexagon/builders/matmul_builder.cc.
    mutating func lowerFullyConnected(_ item: OperatorLowering) throws {
        let (data, weights, output) = (try item.input(0), try item.input(1), try item.output())
        let outputShape = shape(of: output)
        let isConstant = listing[tensor: weights].constant != nil
        let first = reserve(isConstant ? .matMul : .transpose, source: item.index)
        let (product, transposed) =
            isConstant
            ? (first, try constantWeights(weights)) : try transposedWeights(weights, node: first, source: item.index)
        let dataEnds = try rangeConstants(of: data)
        let operands = [try home(of: data), transposed[0]] + dataEnds + transposed[1...]
        var result = complete(product, operands, shape: outputShape, elementSize: 4)

        if item.entry.inputs.count > 2, let bias = item.entry.inputs[2] {
            let range = rangeOrZero(of: bias)
            let ends = [number(range.min), number(range.max)]
            let node = reserve(.biasAdd, source: item.index)
            result = complete(
                node, [result[0], try home(of: bias), result[1], result[2]] + ends, shape: outputShape, elementSize: 4)
        }
        let range = rangeOrZero(of: output)
        let ends = [number(range.min), number(range.max)]
        let requantized = requantize(result, to: ends, shape: outputShape, op: .requantize32To8, source: item.index)
        register(output, at: requantized)
    }

    /// Weights of the file as unsigned codes with rows and columns exchanged, and their range.
    private mutating func constantWeights(_ tensor: Int) throws -> [HexagonReference] {
        let shape = shape(of: tensor)
        let codes = try unsignedCodes(of: tensor)
        let (rows, columns) = (shape[2], shape[3])
        var exchanged = [UInt8](repeating: 0, count: codes.count)
        for matrix in 0..<shape[0] * shape[1] {
            for row in 0..<rows {
                for column in 0..<columns {
                    exchanged[(matrix * columns + column) * rows + row] =
                        codes[(matrix * rows + row) * columns + column]
                }
            }
        }
        let data = constant(Tensor(exchanged, shape: [shape[0], shape[1], columns, rows]))
        move(tensor, to: data)
        let range = rangeOrZero(of: tensor)
        return [data, number(range.min), number(range.max)]
    }

    /// Computed weights, exchanged by a node; returns the node of the product too.
    private mutating func transposedWeights(
        _ tensor: Int, node: Int, source: Int
    ) throws -> (product: Int, weights: [HexagonReference]) {
        let shape = shape(of: tensor)
        let order = integers([0, 1, 3, 2], shape: [1, 1, 1, 4])
        let range = rangeOrZero(of: tensor)
        let ends = [number(range.min), number(range.max)]
        let exchanged = complete(
            node, [try home(of: tensor), order] + ends, shape: [shape[0], shape[1], shape[3], shape[2]])
        return (reserve(.matMul, source: source), exchanged)
    }

    /// The codes of constant 8-bit weights; signed ones with the highest bit flipped.
    func unsignedCodes(of tensor: Int) throws -> [UInt8] {
        guard let constant = listing[tensor: tensor].constant else {
            throw buildFailure("the weights \(listing[tensor: tensor].name) are not a constant")
        }
        let flip: UInt8 = constant.elementType == .int8 ? 0x80 : 0
        return constant.withUnsafeBytes { $0.map { $0 ^ flip } }
    }
}
