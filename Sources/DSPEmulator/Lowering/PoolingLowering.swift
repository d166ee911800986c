import GraphIR
import Operators
import TensorCore

extension HexagonPadding {
    init(_ padding: Padding) { self = padding == .same ? .same : .valid }
}

extension DelegateGraphBuilder {
    /// Averages keep the operand's range and are requantised. Source: hexagon/builders/pool_2d_builder.cc.
    mutating func lowerAveragePool(_ item: OperatorLowering, _ op: Pool2D) throws {
        let output = try item.output()
        let pooled = try pool(item, .averagePool, op)
        let ends = try rangeConstants(of: output)
        register(output, at: requantize(pooled, to: ends, shape: shape(of: output), source: item.index))
    }

    /// Source: hexagon/builders/pool_2d_builder.cc.
    mutating func lowerMaxPool(_ item: OperatorLowering, _ op: Pool2D) throws {
        register(try item.output(), at: try pool(item, .maxPool, op)[0])
    }

    private mutating func pool(
        _ item: OperatorLowering, _ kind: HexagonOperator, _ op: Pool2D
    ) throws -> [HexagonReference] {
        let input = try item.input(0)
        let node = reserve(kind, source: item.index)
        var operands = [try home(of: input)]
        operands += try rangeConstants(of: input)
        setPadding(node, HexagonPadding(op.padding))
        operands.append(extents(height: op.window.height, width: op.window.width))
        operands.append(extents(height: op.stride.height, width: op.stride.width))
        return complete(node, operands, shape: shape(of: try item.output()))
    }

    /// The library does not keep to the range it is given, so that a requantisation follows. Axes of tensors with fewer than
    /// four extents are shifted as they stand, negative ones too.
    ///
    /// Source: hexagon/builders/reduce_builder.cc.
    mutating func lowerMean(_ item: OperatorLowering) throws {
        let (input, axes, output) = (try item.input(0), try item.input(1), try item.output())
        let node = reserve(.mean, source: item.index)
        var operands = [try home(of: input)]
        operands += try rangeConstants(of: input)
        let rank = listing[tensor: input].type.shape.rank
        var axisConstant = try addConstant(axes)
        if rank < 4 {
            let shifted = try integers(axes).map { $0 + 4 - rank }
            axisConstant = integers(shifted, shape: [1, 1, 1, shifted.count])
        }
        operands.append(axisConstant)
        let range = rangeOrZero(of: output)
        let ends = [number(range.min), number(range.max)]
        let size = listing[tensor: output].type.elementType.byteCount
        let end = HexagonOutput(Self.scalar, elementSize: size)
        let mean = complete(
            node, operands + ends, [HexagonOutput(shape(of: output), elementSize: size), end, end])
        register(output, at: requantize(mean, to: ends, shape: shape(of: output), source: item.index))
    }

    /// The axis is not shifted for tensors with fewer than four extents.
    ///
    /// Source: hexagon/builders/arg_min_max_builder.cc.
    mutating func lowerArgument(_ item: OperatorLowering, _ kind: ArgumentReduction.Kind) throws {
        let (input, output) = (try item.input(0), try item.output())
        let node = reserve(kind == .max ? .argMax : .argMin, source: item.index)
        let data = try home(of: input)
        guard var axis = try integers(try item.input(1)).first else { throw buildFailure("there is no axis") }
        if axis < 0 { axis += listing[tensor: input].type.shape.rank }
        let axisConstant = integer(axis)
        let ends = try rangeConstants(of: input)
        let size = listing[tensor: output].type.elementType.byteCount
        let result = complete(
            node, [data, axisConstant] + ends, [HexagonOutput(shape(of: output), elementSize: size)])
        register(output, at: result[0])
    }

    /// Data, size, range and both flags. Source: hexagon/builders/resize_bilinear_builder.cc,
    /// resize_nearest_neighbor_builder.cc.
    mutating func lowerResize(_ item: OperatorLowering, _ op: HexagonOperator, _ options: ResizeOptions) throws {
        let (input, size, output) = (try item.input(0), try item.input(1), try item.output())
        let node = reserve(op, source: item.index)
        let data = try home(of: input)
        let sizeConstant =
            op == .resizeBilinear ? integers(try integers(size), shape: [1, 1, 1, 2]) : try addConstant(size)
        var operands = [data, sizeConstant]
        operands += try rangeConstants(of: input)
        operands.append(integer(options.alignCorners ? 1 : 0))
        operands.append(integer(options.halfPixelCenters ? 1 : 0))
        register(output, at: complete(node, operands, shape: shape(of: output))[0])
    }
}
