import GraphIR
import Operators
import TensorCore

/// Translation of delegated partitions to the library's nodes.
package enum HexagonLowering {
    /// What the delegate's builders make of a partition: constants in the order in which they are made, then INPUT, casts,
    /// operators, casts and OUTPUT.
    ///
    /// INPUT has the tensors of `OperatorListing.boundary(of:)` as results, OUTPUT those as operands, in their order.
    ///
    /// Source: hexagon/hexagon_delegate_kernel.cc, BuildGraph.
    ///
    /// - Throws: `Diagnostic` (.unsupported) at an operator that the delegate takes and its builder then fails on
    ///   (`E_BUILD`): the runtime cannot prepare the model with the delegate at all.
    package static func graph(of partition: Partition, in listing: OperatorListing) throws -> HexagonGraph {
        let (inputs, outputs) = listing.boundary(of: partition)
        var builder = DelegateGraphBuilder(listing: listing)
        try builder.addInputs(inputs)
        for index in partition.operators {
            let entry = listing.operators[index]
            do {
                for case let tensor? in entry.inputs where listing[tensor: tensor].constant != nil {
                    try builder.addConstant(tensor)
                }
                try builder.lower(OperatorLowering(entry: entry, index: index))
            } catch let problem as Diagnostic {
                throw problem.located(in: "operator \(index) \(entry.builtin) \(listing.location(of: entry))")
            }
        }
        try builder.addOutputs(outputs)
        return builder.finished()
    }
}

/// The operator that a builder is at.
struct OperatorLowering {
    var entry: ListedOperator
    /// Its index in the file.
    var index: Int

    /// - Throws: `Diagnostic` when the operand is absent, which builders do not expect.
    func input(_ index: Int) throws -> Int {
        guard index < entry.inputs.count, let tensor = entry.inputs[index] else {
            throw buildFailure("operand \(index) is absent")
        }
        return tensor
    }

    /// - Throws: `Diagnostic` (.badModel) for an operator without results.
    func output() throws -> Int {
        guard let first = entry.outputs.first else { throw Diagnostic(.badModel, at: "", "has no result") }
        return first
    }
}

/// What becomes of an operator that the delegate takes and then cannot build.
func buildFailure(_ reason: String) -> Diagnostic {
    Diagnostic(
        .unsupported, at: "", "E_BUILD: \(reason), and the delegate fails as a whole",
        suggestion: "change the operator, or leave the delegate out")
}

extension DelegateGraphBuilder {
    /// Adds the nodes of one operator. Source: hexagon/builders/op_builder.cc, CreateOpBuilderFromTfLiteOp.
    mutating func lower(_ item: OperatorLowering) throws {
        switch item.entry.op {
        case .conv2D(let op): try lowerConvolution(item, ConvolutionForm(op))
        case .depthwiseConv2D(let op): try lowerConvolution(item, ConvolutionForm(op))
        case .transposeConv(let op): try lowerTransposeConvolution(item, op)
        case .fullyConnected: try lowerFullyConnected(item)
        case .averagePool2D(let op): try lowerAveragePool(item, op)
        case .maxPool2D(let op): try lowerMaxPool(item, op)
        case .binary(let op): try lowerBinary(item, op.kind)
        case .unary(let kind): try lowerUnary(item, kind)
        case .softmax(let beta): try lowerSoftmax(item, beta: beta)
        case .quantize: try lowerQuantize(item)
        case .reduce: try lowerMean(item)
        case .argument(let op): try lowerArgument(item, op.kind)
        case .resizeBilinear(let options): try lowerResize(item, .resizeBilinear, options)
        case .resizeNearestNeighbor(let options): try lowerResize(item, .resizeNearestNeighbor, options)
        case .concatenation(let axis, _): try lowerConcatenation(item, axis: axis)
        case .pack(let axis, _): try lowerPack(item, axis: axis)
        case .split: try lowerSplit(item)
        case .slice: try lowerSlice(item)
        case .stridedSlice(let op): try lowerStridedSlice(item, op)
        case .pad: try lowerPad(item)
        case .mirrorPad(let mode): try lowerMirrorPad(item, mode)
        case .reshape: try lowerReshape(item)
        case .transpose: try lowerTranspose(item)
        case .spaceToDepth(let blockSize): try lowerBlocks(item, .spaceToDepth, blockSize: blockSize)
        case .depthToSpace(let blockSize): try lowerBlocks(item, .depthToSpace, blockSize: blockSize)
        default: throw Diagnostic(.internalError, at: "", "was taken without a builder")
        }
    }
}
