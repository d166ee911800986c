import TensorCore

extension KernelInputs {
    /// The first integer of an input.
    func integer(_ index: Int) throws -> Int {
        guard let first = try integers(index).first else { throw refused("input \(index) is empty") }
        return first
    }

    /// The range in two inputs, one after the other.
    func range(_ index: Int) throws -> HexagonRange {
        HexagonRange(min: try scalar(index), max: try scalar(index + 1))
    }
}

extension HexagonKernels {
    /// Codes and the two ends of their range.
    static func results(_ codes: Tensor, _ range: HexagonRange) -> [Tensor] {
        [codes, KernelInputs.scalarTensor(range.min), KernelInputs.scalarTensor(range.max)]
    }

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
        _ operands: KernelInputs, _ a: Tensor, _ b: Tensor, _ function: (Int32, Int32) -> R
    ) throws -> Tensor {
        guard let shape = Shape.broadcast(a.shape, b.shape) else {
            throw operands.refused("operands of \(a.shape) and \(b.shape) do not broadcast")
        }
        _ = try operands.checked(shape.dimensions)
        var result = Tensor(zeros: TensorType(R.elementType, shape))
        let rows = RowPairs(a.shape, b.shape, shape)
        a.withElements(of: UInt8.self) { a in
            b.withElements(of: UInt8.self) { b in
                result.withMutableElements(of: R.self) { target in
                    rows.forEach { from, i, j in
                        if rows.strideA == 1, rows.strideB == 1 {
                            for k in 0..<rows.length {
                                target[from &+ k] = function(Int32(a[i &+ k]), Int32(b[j &+ k]))
                            }
                            return
                        }
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
