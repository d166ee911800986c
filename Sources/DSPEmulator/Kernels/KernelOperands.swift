import TensorCore

/// What a kernel reads of its node's inputs, checked.
struct KernelOperands {
    let node: HexagonNode
    let inputs: [Tensor]

    init(_ node: HexagonNode, _ inputs: [Tensor], count: ClosedRange<Int>) throws {
        self.node = node
        self.inputs = inputs
        guard count.contains(inputs.count) else {
            throw refusal("takes \(count.count == 1 ? "\(count.lowerBound)" : "\(count)") inputs, not \(inputs.count)")
        }
    }

    /// What the node cannot do.
    func refusal(_ message: String) -> Diagnostic { Diagnostic(.unsupported, at: node.op.rawValue, message) }

    /// An input of 8-bit codes with four extents, at least one element in it.
    func codes(_ index: Int) throws -> Tensor {
        let tensor = inputs[index]
        guard tensor.elementType == .uint8, tensor.shape.rank == 4, tensor.count > 0 else {
            throw refusal("input \(index) is \(tensor.type), not codes of four extents")
        }
        return tensor
    }

    /// The first element of an input of binary32.
    func float(_ index: Int) throws -> Float {
        guard inputs[index].elementType == .float32, inputs[index].count > 0 else {
            throw refusal("input \(index) is \(inputs[index].type), not binary32")
        }
        return inputs[index].withElements(of: Float.self) { $0[0] }
    }

    /// The elements of an input of 32-bit integers, at least `count` of them.
    func integers(_ index: Int, atLeast count: Int = 1) throws -> [Int] {
        guard inputs[index].elementType == .int32, inputs[index].count >= count else {
            throw refusal("input \(index) is \(inputs[index].type), not \(count) 32-bit integers")
        }
        return inputs[index].elements(of: Int32.self).map(Int.init)
    }

    /// The range in two inputs, one after the other.
    func range(_ index: Int) throws -> HexagonRange {
        HexagonRange(min: try float(index), max: try float(index + 1))
    }
}

extension HexagonKernels {
    /// Codes and the two ends of their range.
    static func results(_ codes: Tensor, _ range: HexagonRange) -> [Tensor] {
        [codes, scalar(range.min), scalar(range.max)]
    }

    /// A binary32 number as the library passes it: four extents of 1.
    static func scalar(_ value: Float) -> Tensor { Tensor([value], shape: [1, 1, 1, 1]) }

    /// A function of a code, for all codes, applied to all elements.
    static func lookUp(_ table: [UInt8], _ codes: Tensor) -> Tensor {
        precondition(table.count == 256)
        var result = Tensor(zeros: TensorType(.uint8, codes.shape))
        codes.withElements(of: UInt8.self) { source in
            result.withMutableElements(of: UInt8.self) { target in
                table.withUnsafeBufferPointer { table in
                    for i in 0..<source.count { target[i] = table[Int(source[i])] }
                }
            }
        }
        return result
    }

    /// The table of a function from codes to codes.
    static func table(_ function: (Int32) -> Int32) -> [UInt8] {
        (0..<256).map { UInt8(truncatingIfNeeded: function(Int32($0))) }
    }

    /// A function of two operands of four extents that broadcast to each other, row after row.
    ///
    /// - Throws: `Diagnostic` (.unsupported) when they do not broadcast.
    @inline(__always)
    static func combine<R: TensorElement>(
        _ operands: KernelOperands, _ a: Tensor, _ b: Tensor, _ function: (Int32, Int32) -> R
    ) throws -> Tensor {
        guard let shape = Shape.broadcast(a.shape, b.shape) else {
            throw operands.refusal("operands of \(a.shape) and \(b.shape) do not broadcast")
        }
        var result = Tensor(zeros: TensorType(R.elementType, shape))
        let rows = RowPairs(a.shape, b.shape, shape)
        a.withElements(of: UInt8.self) { a in
            b.withElements(of: UInt8.self) { b in
                result.withMutableElements(of: R.self) { target in
                    rows.forEach { from, i, j in
                        for k in 0..<rows.length {
                            target[from + k] = function(
                                Int32(a[i &+ k &* rows.strideA]), Int32(b[j &+ k &* rows.strideB]))
                        }
                    }
                }
            }
        }
        return result
    }
}

/// Where the rows of two operands start that are broadcast to each other: rows are as long as possible.
struct RowPairs {
    private let shape: [Int]
    private let stridesA: [Int]
    private let stridesB: [Int]
    /// Elements of a row.
    let length: Int
    let strideA: Int
    let strideB: Int

    init(_ a: Shape, _ b: Shape, _ shape: Shape) {
        let whole = a == b || a.elementCount == 1 || b.elementCount == 1
        func strides(_ operand: Shape) -> [Int] {
            zip(operand.strides, operand.dimensions).map { $1 == 1 ? 0 : $0 }
        }
        length = whole ? shape.elementCount : shape[3]
        strideA = (whole ? a.elementCount : a[3]) == 1 ? 0 : 1
        strideB = (whole ? b.elementCount : b[3]) == 1 ? 0 : 1
        self.shape = whole ? [1, 1, 1] : Array(shape.dimensions.prefix(3))
        stridesA = strides(a)
        stridesB = strides(b)
    }

    /// Calls `body` with the first element of each row: of the result, of the first and of the second operand.
    @inline(__always)
    func forEach(_ body: (Int, Int, Int) -> Void) {
        var row = 0
        for n in 0..<shape[0] {
            for y in 0..<shape[1] {
                for x in 0..<shape[2] {
                    body(
                        row, n * stridesA[0] + y * stridesA[1] + x * stridesA[2],
                        n * stridesB[0] + y * stridesB[1] + x * stridesB[2])
                    row += length
                }
            }
        }
    }
}
