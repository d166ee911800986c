import GraphIR
import Operators
import TensorCore

extension DelegateGraphBuilder {
    /// Source: hexagon/builders/slice_builder.cc.
    mutating func lowerSlice(_ item: OperatorLowering) throws {
        let (input, output) = (try item.input(0), try item.output())
        let node = reserve(.slice, source: item.index)
        let rank = listing[tensor: input].type.shape.rank
        let begins = try integers(try item.input(1))
        let sizes = try integers(try item.input(2))
        guard begins.count == rank, sizes.count == rank else { throw buildFailure("the slice does not fit its data") }
        var operands = [
            try home(of: input), integers(begins, shape: [1, 1, 1, rank]), integers(sizes, shape: [1, 1, 1, rank]),
        ]
        operands += try rangeConstants(of: input)
        register(output, at: complete(node, operands, shape: shape(of: output))[0])
    }

    /// Masks are shifted for tensors with fewer than four extents, begins, ends and steps are not.
    ///
    /// Source: hexagon/builders/strided_slice_builder.cc.
    mutating func lowerStridedSlice(_ item: OperatorLowering, _ op: StridedSlice) throws {
        let (input, output) = (try item.input(0), try item.output())
        let node = reserve(.stridedSlice, source: item.index)
        var operands = [try home(of: input)]
        for index in 1...3 { operands.append(try addConstant(try item.input(index))) }
        let shift = 4 - listing[tensor: input].type.shape.rank
        for mask in [op.beginMask, op.endMask, op.shrinkAxisMask] { operands.append(integer(mask << shift)) }
        operands += try rangeConstants(of: input)
        register(output, at: complete(node, operands, shape: shape(of: output))[0])
    }

    /// Source: hexagon/builders/pad_builder.cc.
    mutating func lowerPad(_ item: OperatorLowering) throws {
        let (input, output) = (try item.input(0), try item.output())
        let node = reserve(.pad, source: item.index)
        var operands = [try home(of: input)]
        operands += try rangeConstants(of: input)
        operands.append(try addConstant(try item.input(1)))
        register(output, at: complete(node, operands, shape: shape(of: output))[0])
    }

    /// Source: hexagon/builders/mirror_pad_builder.cc.
    mutating func lowerMirrorPad(_ item: OperatorLowering, _ mode: MirrorPadMode) throws {
        let (input, paddings, output) = (try item.input(0), try item.input(1), try item.output())
        let node = reserve(.mirrorPad, source: item.index)
        let data = try home(of: input)
        let shape = listing[tensor: paddings].type.shape
        guard shape.rank == 2, shape[0] <= 4, shape[1] == 2 else {
            throw buildFailure("paddings of the shape \(shape)")
        }
        let values = try integers(paddings)
        let padded = [Int](repeating: 0, count: max(0, 8 - values.count)) + values
        var operands = [data, integers(padded, shape: [1, 1, 4, 2])]
        setPadding(node, mode == .reflect ? .mirrorReflect : .mirrorSymmetric)
        operands += try rangeConstants(of: input)
        register(output, at: complete(node, operands, shape: self.shape(of: output))[0])
    }

    /// A shape that is not int32 in one row, or not there at all, is that of the result: the source then takes it from the
    /// operator's options, which may leave one extent to be worked out.
    ///
    /// Source: hexagon/builders/reshape_builder.cc.
    mutating func lowerReshape(_ item: OperatorLowering) throws {
        let (input, output) = (try item.input(0), try item.output())
        let node = reserve(.reshape, source: item.index)
        var operands = [try home(of: input)]
        var extents = listing[tensor: output].type.shape.dimensions
        if item.entry.inputs.count == 2 {
            let tensor = try item.input(1)
            let type = listing[tensor: tensor].type
            if type.elementType == .int32, type.shape.rank == 1 {
                guard listing[tensor: tensor].constant != nil else {
                    throw Diagnostic(
                        .unsupported, at: "", "a shape that is computed at run time is not built for the DSP")
                }
                extents = try integers(tensor)
            }
        }
        operands.append(integers(extents, shape: [1, 1, 1, extents.count]))
        register(output, at: complete(node, operands, [HexagonOutput(shape(of: output), elementSize: 1)])[0])
    }

    /// The order is not extended for tensors with fewer than four extents. Source: hexagon/builders/transpose_builder.cc.
    mutating func lowerTranspose(_ item: OperatorLowering) throws {
        let (input, output) = (try item.input(0), try item.output())
        let node = reserve(.transpose, source: item.index)
        var operands = [try home(of: input), try home(of: try item.input(1))]
        operands += try rangeConstants(of: input)
        register(output, at: complete(node, operands, shape: shape(of: output))[0])
    }

    /// SPACE_TO_DEPTH and DEPTH_TO_SPACE. Source: hexagon/builders/space_to_depth_builder.cc.
    mutating func lowerBlocks(_ item: OperatorLowering, _ op: HexagonOperator, blockSize: Int) throws {
        let (input, output) = (try item.input(0), try item.output())
        let node = reserve(op, source: item.index)
        let size = integer(blockSize)
        var operands = [try home(of: input), size]
        operands += try rangeConstants(of: input)
        register(output, at: complete(node, operands, shape: shape(of: output))[0])
    }
}
