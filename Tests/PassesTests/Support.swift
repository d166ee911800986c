import GraphIR
import Operators
import Passes
import ReferenceKernels
import TensorCore
import Testing

/// A seeded source of numbers (SplitMix64), so that a failure can be repeated.
struct Numbers: RandomNumberGenerator {
    private var state: UInt64
    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }

    mutating func float(_ range: ClosedRange<Float> = -1...1) -> Float { Float.random(in: range, using: &self) }
    mutating func int(_ range: Range<Int>) -> Int { Int.random(in: range, using: &self) }
    mutating func chance(_ share: Double) -> Bool { Double.random(in: 0..<1, using: &self) < share }

    mutating func tensor(_ shape: Shape, _ range: ClosedRange<Float> = -1...1) -> Tensor {
        Tensor((0..<shape.elementCount).map { _ in float(range) }, shape: shape)
    }

    /// Random values for every input of `graph`.
    mutating func inputs(of graph: Graph) -> [Tensor] {
        graph.inputs.map { port in
            let type = graph.type(of: port.value)
            if type.elementType.isFloat { return tensor(type.shape, -2...2) }
            var result = Tensor(zeros: type)
            result.withUnsafeMutableBytes { bytes in
                for i in bytes.indices where i % type.elementType.byteCount == 0 { bytes[i] = UInt8(int(0..<4)) }
            }
            return result
        }
    }
}

/// Runs a graph on the reference kernels, one tensor for every output.
func evaluate(_ graph: Graph, _ inputs: [Tensor]) throws -> [Tensor] {
    var values: [ValueID: Tensor] = [:]
    for (port, tensor) in zip(graph.inputs, inputs) { values[port.value] = tensor }
    for node in graph.nodes {
        let operands = node.inputs.map { $0.flatMap { values[$0] ?? graph.constant($0) } }
        let results = try ReferenceKernels.evaluate(
            node.op, inputs: operands, outputTypes: graph.outputTypes(of: node))
        for (output, result) in zip(node.outputs, results) { values[output] = result }
    }
    return try graph.outputs.map { try #require(values[$0.value] ?? graph.constant($0.value)) }
}

/// How far results may be apart, as a share of the largest magnitude among the expected ones.
enum Tolerance {
    /// The same bits, except that NaN equals NaN.
    case exact
    /// Rounding of sums that are added up in another order: some tens of units in the last place.
    case rounding

    var share: Double { self == .exact ? 0 : 1e-5 }
}

/// Runs `before` and `after` on the same data, whatever order of axes `after` has at its borders, and expects the same
/// results; on failure it prints both graphs.
func expectSameResults(
    _ before: Graph, _ after: Graph, _ tolerance: Tolerance, seed: UInt64 = 1,
    sourceLocation: SourceLocation = #_sourceLocation
) throws {
    var numbers = Numbers(seed: seed)
    let inputs = numbers.inputs(of: before)
    let permuted = zip(inputs, after.inputs).map { tensor, port in permute(tensor, port.sourcePermutation) }
    let expected = try evaluate(before, inputs)
    let found = try evaluate(after, permuted)
    try #require(expected.count == found.count)
    for (i, tensor) in expected.enumerated() {
        let wanted = permute(tensor, after.outputs[i].sourcePermutation)
        let text = "output \(i)\n\(before)\n\(after)"
        #expect(wanted.shape == found[i].shape, "\(text)", sourceLocation: sourceLocation)
        guard wanted.shape == found[i].shape else { continue }
        let (a, b) = (wanted.doubles(), found[i].doubles())
        let scale = a.map { $0.isFinite ? abs($0) : 0 }.max() ?? 0
        let worst = zip(a, b).map { $0 == $1 || ($0.isNaN && $1.isNaN) ? 0 : abs($0 - $1) }.max() ?? 0
        #expect(
            worst <= tolerance.share * scale, "off by \(worst) at \(scale): \(text)", sourceLocation: sourceLocation)
    }
}

private func permute(_ tensor: Tensor, _ permutation: [Int]?) -> Tensor {
    guard let permutation else { return tensor }
    let axes = Tensor(permutation.map { Int32($0) }, shape: [permutation.count])
    let shape = Shape(permutation.map { tensor.shape[$0] })
    let result = try? ReferenceKernels.evaluate(
        .transpose, inputs: [tensor, axes], outputTypes: [tensor.type.with(shape: shape)])
    return result?.first ?? tensor
}

extension Graph {
    /// How many nodes of the operator there are.
    func count(_ name: String) -> Int { nodes.filter { $0.op.name == name }.count }
    var operatorNames: [String] { nodes.map(\.op.name) }

    mutating func vector(_ values: [Int]) -> ValueID {
        addConstant(Tensor(values.map { Int32($0) }, shape: [values.count]), name: "vector\(valueIDs.count)")
    }

    mutating func scalar(_ value: Int) -> ValueID {
        addConstant(Tensor(scalar: Int32(value)), name: "scalar\(valueIDs.count)")
    }

    mutating func floats(_ values: [Float], _ shape: Shape) -> ValueID {
        addConstant(Tensor(values, shape: shape), name: "floats\(valueIDs.count)")
    }

    mutating func constant(_ tensor: Tensor) -> ValueID { addConstant(tensor, name: "constant\(valueIDs.count)") }

    /// Appends a node and returns its first result.
    mutating func node(_ op: Operator, _ inputs: ValueID?...) throws -> ValueID {
        try addNode(op, inputs, names: ["\(op.name.lowercased())\(valueIDs.count)"], location: "n\(nodes.count)")[0]
    }

    mutating func transposed(_ value: ValueID, _ permutation: [Int]) throws -> ValueID {
        try node(.transpose, value, vector(permutation))
    }

    mutating func reshaped(_ value: ValueID, _ shape: [Int]) throws -> ValueID {
        try node(.reshape, value, vector(shape))
    }

    /// A convolution of an NCHW value, wrapped in transposes as importers do.
    mutating func wrappedConvolution(
        _ value: ValueID, channels: Int, window: Int = 3, stride: Int = 1, _ numbers: inout Numbers
    ) throws -> ValueID {
        let depth = type(of: value).shape[1]
        let input = try transposed(value, [0, 2, 3, 1])
        let weights = constant(numbers.tensor([channels, window, window, depth], -0.4...0.4))
        let bias = constant(numbers.tensor([channels]))
        let result = try node(
            .conv2D(Conv2D(stride: Extent2D(stride), padding: .same)), input, weights, bias)
        return try transposed(result, [0, 3, 1, 2])
    }
}
