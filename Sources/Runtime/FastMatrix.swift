import CKernels
import Operators
import TensorCore

extension FastKernels {
    static func fullyConnected(_ op: FullyConnected, _ site: KernelSite) -> Step? {
        guard let input = site.input(0), let weights = site.input(1)?.constant, let output = site.outputs.first else {
            return nil
        }
        let (columns, depth) = (weights.shape[0], weights.shape[1])
        let rows = input.count / depth
        guard let shape = productShape(rows: rows, depth: depth, columns: columns) else { return nil }
        return packed(
            shape, input, weights, scales: weights.type.quantization, site.input(2), output, op.activation,
            roundedOnce: true, ordered: site.ordered)?.step(input: input, output: output, cost: rows * depth * columns)
    }

    private static func productShape(rows: Int, depth: Int, columns: Int) -> ck_conv_shape? {
        let limit = 1 << 28
        guard rows < 1 << 24, depth < 1 << 24, columns < 1 << 24, rows * depth < limit, depth * columns < limit,
            rows * columns < limit
        else { return nil }
        return ck_conv_shape(
            batch: 1, in_h: Int32(rows), in_w: 1, in_c: Int32(depth), kernel_h: 1, kernel_w: 1, stride_h: 1,
            stride_w: 1, dilation_h: 1, dilation_w: 1, pad_top: 0, pad_left: 0, out_h: Int32(rows), out_w: 1,
            out_c: Int32(columns), groups: 1)
    }

    /// Two steps: pack every right operand, then multiply.
    static func batchMatMul(_ op: BatchMatMul, _ site: KernelSite) -> [Step]? {
        if op.adjointLeft { return transposedLeft(op, site) }
        guard let left = site.input(0), let right = site.input(1), let output = site.outputs.first else { return nil }
        let (rows, depth, columns) = (left.shape[-2], left.shape[-1], output.shape[-1])
        guard productShape(rows: rows, depth: depth, columns: columns) != nil, output.count < 1 << 28 else {
            return nil
        }
        // Matrix indices of both operands for every result matrix; extents of 1 repeat.
        let outer = Shape(Array(output.shape.dimensions.dropLast(2)))
        let leftIndex = broadcastIndices(Shape(Array(left.shape.dimensions.dropLast(2))), to: outer)
        let rightIndex = broadcastIndices(Shape(Array(right.shape.dimensions.dropLast(2))), to: outer)
        let matrices = right.count / (depth * columns)

        let handle: OpaquePointer?
        let element: Int
        if site.isFloat(left, right, output) {
            handle = ck_product_f32_create(Int32(rows), Int32(depth), Int32(columns), site.ordered ? 1 : 0)
            element = 4
        } else {
            guard let leftQ = left.type.quantization, let rightQ = right.type.quantization,
                let outputQ = output.type.quantization, Requantization.isCode(left.type),
                Requantization.isCode(right.type), Requantization.isCode(output.type),
                let range = Requantization.range(.none, output.type),
                let factor = Requantization.perTensor(input: leftQ, weights: rightQ, output: outputQ)
            else { return nil }
            let multiplier = [Int32](repeating: factor.multiplier, count: columns)
            let shift = [Int32](repeating: factor.shift, count: columns)
            handle = multiplier.withUnsafeBufferPointer { multiplier in
                shift.withUnsafeBufferPointer { shift in
                    var quantization = ck_quantization(
                        in_zero: leftQ.zeroPoint, weight_zero: rightQ.zeroPoint, out_zero: outputQ.zeroPoint,
                        lowest: range.lowerBound, highest: range.upperBound,
                        in_unsigned: left.type.elementType == .uint8 ? 1 : 0,
                        out_unsigned: output.type.elementType == .uint8 ? 1 : 0,
                        weight_unsigned: right.type.elementType == .uint8 ? 1 : 0, weight_four_bit: 0,
                        multiplier: multiplier.baseAddress, shift: shift.baseAddress, real: nil)
                    return ck_product_i8_create(Int32(rows), Int32(depth), Int32(columns), &quantization)
                }
            }
            element = 1
        }
        guard let product = PackedConvolution(handle) else { return nil }
        let bytes = ck_conv_packed_bytes(product.handle)
        guard matrices < 1 << 20, matrices * bytes < 1 << 31 else { return nil }
        let memory = OwnedMemory(byteCount: matrices * bytes)
        let panels = Int(ck_product_panels(product.handle))
        let pack = Step(units: matrices * panels, cost: right.count * 2) { range, _ in
            for unit in range {
                let (matrix, panel) = unit.quotientAndRemainder(dividingBy: panels)
                ck_product_pack(
                    product.handle, right.address + matrix * depth * columns * element, op.adjointRight ? 1 : 0,
                    memory.address + matrix * bytes, Int32(panel), Int32(panel) + 1)
            }
        }
        let multiply = Step(
            units: outer.elementCount * rows, grain: 24, cost: output.count * depth / 8,
            scratch: ck_conv_scratch(product.handle)
        ) { range, scratch in
            var unit = range.lowerBound
            while unit < range.upperBound {
                let (matrix, row) = unit.quotientAndRemainder(dividingBy: rows)
                let end = min(rows, row + range.upperBound - unit)
                ck_product_run(
                    product.handle, left.address + leftIndex[matrix] * rows * depth * element,
                    memory.address + rightIndex[matrix] * bytes, output.address + matrix * rows * columns * element,
                    Int32(row), Int32(end), scratch)
                unit += end - row
            }
        }
        return [pack, multiply]
    }

    /// Transposes the left operand into memory of its own first.
    private static func transposedLeft(_ op: BatchMatMul, _ site: KernelSite) -> [Step]? {
        guard let left = site.input(0) else { return nil }
        var dimensions = left.shape.dimensions
        dimensions.swapAt(dimensions.count - 2, dimensions.count - 1)
        let memory = OwnedMemory(byteCount: left.type.byteCount)
        let moved = Site(type: left.type.with(shape: Shape(dimensions)), address: memory.address)
        var order = Array(dimensions.indices)
        order.swapAt(order.count - 2, order.count - 1)
        let axes = Tensor(order.map { Int32($0) }, shape: [order.count])
        let axesSite = Site(type: axes.type, address: memory.address, constant: axes)
        var plain = op
        plain.adjointLeft = false
        var product = site
        product.op = .batchMatMul(plain)
        product.inputs[0] = moved
        guard let move = movement(KernelSite(op: .transpose, inputs: [left, axesSite], outputs: [moved])),
            let multiply = batchMatMul(plain, product)
        else { return nil }
        return (move + multiply).map { step in
            var step = step
            let body = step.body
            // The steps keep the memory alive.
            step.body = { range, scratch in withExtendedLifetime(memory) { body(range, scratch) } }
            return step
        }
    }

    /// For every element of `target` in row-major order, the index of the element of `shape` that broadcasts to it.
    static func broadcastIndices(_ shape: Shape, to target: Shape) -> [Int] {
        let strides = broadcastStrides(shape, to: target)
        return (0..<target.elementCount).map { index in
            var rest = index
            var source = 0
            for axis in stride(from: target.rank - 1, through: 0, by: -1) {
                source += rest % target[axis] * strides[axis]
                rest /= target[axis]
            }
            return source
        }
    }

    /// Strides of `shape` seen as `target`: 0 where an extent of 1 repeats.
    static func broadcastStrides(_ shape: Shape, to target: Shape) -> [Int] {
        let missing = target.rank - shape.rank
        let strides = shape.strides
        return (0..<target.rank).map { axis in
            axis < missing || shape[axis - missing] == 1 ? 0 : strides[axis - missing]
        }
    }
}

/// Memory that lives as long as the steps that use it.
final class OwnedMemory {
    let address: UnsafeMutableRawPointer
    init(byteCount: Int) {
        address = .allocate(byteCount: max(byteCount, 64), alignment: 64)
    }
    deinit { address.deallocate() }
}
