import DSPEmulator
import TensorCore
import Testing

/// A small case of a layout operator, worked out by hand. Codes of the data count up from 0 in row-major order.
struct LayoutCase: Sendable, CustomTestStringConvertible {
    var op: HexagonOperator
    var padding = HexagonPadding.none
    var shape: [Int]
    /// The other inputs in their order, without the two ends of the range and the data.
    var parameters: [Tensor]
    /// Where data and range stand among the inputs.
    var dataIndex = 0
    var rangeIndex: Int
    var low: Float = 0
    var results = 1
    var expected: [[Int]]

    var testDescription: String { "\(op.rawValue) \(shape)" }

    func evaluate() throws -> [Tensor] {
        let count = shape.reduce(1, *)
        var inputs = parameters
        let data = Tensor((0..<count).map { UInt8($0) }, shape: Shape(shape))
        inputs.insert(data, at: dataIndex)
        inputs.insert(contentsOf: [layoutScalar(low), layoutScalar(low + 255)], at: rangeIndex)
        let node = HexagonNode(
            id: 7, op: op, padding: padding,
            outputs: [HexagonOutput](repeating: HexagonOutput(shape, elementSize: 1), count: results + 2))
        return try HexagonKernels.evaluate(node, inputs, architecture: .v66)
    }
}

func layoutScalar(_ value: Float) -> Tensor { Tensor([value], shape: [1, 1, 1, 1]) }

func layoutIntegers(_ values: [Int32], _ shape: [Int]? = nil) -> Tensor {
    Tensor(values, shape: Shape(shape ?? [1, 1, 1, values.count]))
}

@Suite struct LayoutKernelTests {
    static let cases: [LayoutCase] = [
        LayoutCase(
            op: .pad, shape: [1, 2, 1, 2], parameters: [layoutIntegers([1, 0, 0, 0, 0, 1], [1, 1, 3, 2])],
            rangeIndex: 1,
            low: -9, expected: [[9, 9, 9, 0, 1, 9, 2, 3, 9]]),
        LayoutCase(
            op: .padDepth32, shape: [1, 1, 2, 2], parameters: [layoutIntegers([0, 0, 0, 1, 0, 0], [1, 1, 3, 2])],
            rangeIndex: 1, low: -3, expected: [[0, 1, 2, 3, 3, 3]]),
        LayoutCase(
            op: .mirrorPad, padding: .mirrorReflect, shape: [1, 1, 3, 1],
            parameters: [layoutIntegers([0, 0, 0, 0, 2, 1, 0, 0], [1, 1, 4, 2])], rangeIndex: 2,
            expected: [[2, 1, 0, 1, 2, 1]]),
        LayoutCase(
            op: .mirrorPad, padding: .mirrorSymmetric, shape: [1, 1, 3, 1],
            parameters: [layoutIntegers([0, 0, 0, 0, 2, 1, 0, 0], [1, 1, 4, 2])], rangeIndex: 2,
            expected: [[1, 0, 0, 1, 2, 2]]),
        LayoutCase(
            op: .split, shape: [1, 1, 2, 4], parameters: [layoutIntegers([3])], dataIndex: 1, rangeIndex: 2, results: 2,
            expected: [[0, 1, 4, 5], [2, 3, 6, 7]]),
        LayoutCase(
            op: .split, shape: [1, 2, 1, 2], parameters: [layoutIntegers([-3])], dataIndex: 1, rangeIndex: 2,
            results: 2,
            expected: [[0, 1], [2, 3]]),
        LayoutCase(
            op: .slice, shape: [1, 2, 3, 2], parameters: [layoutIntegers([1, 0]), layoutIntegers([2, 1])],
            rangeIndex: 3,
            expected: [[2, 4, 8, 10]]),
        LayoutCase(
            op: .stridedSlice, shape: [1, 1, 4, 2],
            parameters: [
                layoutIntegers([0, 0, -1, 0]), layoutIntegers([1, 1, -4, 1]), layoutIntegers([1, 1, -2, 1]),
                layoutIntegers([0]), layoutIntegers([8]), layoutIntegers([0]),
            ], rangeIndex: 7, expected: [[6, 7, 2, 3]]),
        LayoutCase(
            op: .transpose, shape: [1, 2, 1, 3], parameters: [layoutIntegers([2, 1, 0])], rangeIndex: 2,
            expected: [[0, 3, 1, 4, 2, 5]]),
        LayoutCase(
            op: .spaceToDepth, shape: [1, 2, 4, 1], parameters: [layoutIntegers([2])], rangeIndex: 2,
            expected: [[0, 1, 4, 5, 2, 3, 6, 7]]),
        LayoutCase(
            op: .depthToSpace, shape: [1, 1, 2, 4], parameters: [layoutIntegers([2])], rangeIndex: 2,
            expected: [[0, 1, 4, 5, 2, 3, 6, 7]]),
        LayoutCase(
            op: .depthToSpace, shape: [1, 1, 2, 4], parameters: [layoutIntegers([2]), layoutIntegers([1, 0, 1, 2])],
            rangeIndex: 2, expected: [[3]]),
        LayoutCase(
            op: .spaceToBatch, shape: [1, 2, 2, 1],
            parameters: [layoutIntegers([2, 2]), layoutIntegers([0, 0, 1, 1], [1, 1, 2, 2])], rangeIndex: 3, low: -5,
            expected: [[5, 1, 0, 5, 5, 3, 2, 5]]),
        LayoutCase(
            op: .batchToSpaceDepth32, shape: [4, 1, 2, 1],
            parameters: [layoutIntegers([2, 2]), layoutIntegers([0, 0, 1, 1], [1, 1, 2, 2])], rangeIndex: 3,
            expected: [[2, 1, 6, 5]]),
    ]

    @Test(arguments: cases)
    func movesAsWorkedOutByHand(layout: LayoutCase) throws {
        let results = try layout.evaluate()
        try #require(results.count == layout.results + 2)
        for (result, expected) in zip(results, layout.expected) { #expect(result.integers() == expected) }
        #expect(results[layout.results].doubles() == [Double(layout.low)])
        #expect(results[layout.results + 1].doubles() == [Double(layout.low) + 255])
    }

    @Test func padsByTheConvolutionsBorder() throws {
        let node = HexagonNode(
            id: 1, op: .padForConvolutionDepth32, padding: .same,
            outputs: [HexagonOutput([1, 5, 9, 1], elementSize: 1)])
        let results = try HexagonKernels.evaluate(
            node,
            [
                Tensor([UInt8](repeating: 1, count: 6), shape: [1, 2, 3, 1]), layoutScalar(-2), layoutScalar(253),
                Tensor([UInt8](repeating: 0, count: 28), shape: [4, 7, 1, 1]),
                Tensor([UInt8](repeating: 0, count: 2), shape: [1, 1, 2, 1]),
            ], architecture: .v66)
        // Height: 2 steps of 1 over 4, 1 before and 2 after. Width: 2 steps of 2 over 7, 3 before and 3 after.
        #expect(results[0].shape == [1, 5, 9, 1])
        #expect(results[0].integers()?.prefix(18) == [2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 1, 1, 1, 2, 2, 2])
    }

    @Test func reshapesWithOneOpenExtent() throws {
        let node = HexagonNode(id: 1, op: .reshape, outputs: [HexagonOutput([1, 1, 3, 4], elementSize: 1)])
        let source = Tensor((0..<12).map { UInt8($0) }, shape: [1, 2, 2, 3])
        let results = try HexagonKernels.evaluate(node, [source, layoutIntegers([-1, 4])], architecture: .v66)
        #expect(results[0].shape == [1, 1, 3, 4])
        #expect(results[0].integers() == source.integers())
    }

    static let refused: [LayoutCase] = [
        LayoutCase(
            op: .padDepth32, shape: [1, 1, 1, 2], parameters: [layoutIntegers([0, 1], [1, 1, 1, 2])], rangeIndex: 1,
            expected: []),
        LayoutCase(
            op: .mirrorPad, padding: .mirrorSymmetric, shape: [1, 1, 2, 1],
            parameters: [layoutIntegers([0, 0, 0, 0, 2, 0, 0, 0], [1, 1, 4, 2])], rangeIndex: 2, expected: []),
        LayoutCase(
            op: .slice, shape: [2, 3, 3, 3],
            parameters: [layoutIntegers([0, 0, 0, 0]), layoutIntegers([2, 1, 2, 1])], rangeIndex: 3, expected: []),
        LayoutCase(
            op: .depthToSpaceDepth32, shape: [1, 1, 1, 8], parameters: [layoutIntegers([2])], rangeIndex: 2,
            expected: []),
        LayoutCase(
            op: .stridedSlice, shape: [1, 1, 1, 2],
            parameters: [
                layoutIntegers([0]), layoutIntegers([.max]), layoutIntegers([1]), layoutIntegers([0]),
                layoutIntegers([0]), layoutIntegers([0]),
            ], rangeIndex: 7, expected: []),
    ]

    @Test(arguments: refused)
    func refusesWhatTheLibraryRefuses(layout: LayoutCase) {
        #expect { try layout.evaluate() } throws: { ($0 as? Diagnostic)?.code == .unsupported }
    }
}
