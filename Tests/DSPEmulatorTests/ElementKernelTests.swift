import DSPEmulator
import TensorCore
import Testing

/// What the recorded cases cannot hold: forms that are refused, and forms of the newer binary whose arithmetic is assumed.
@Suite struct ElementKernelTests {
    private static func codes(_ shape: Shape, seed: UInt32 = 1) -> Tensor {
        var state = seed
        return Tensor(
            (0..<shape.elementCount).map { _ in
                state = state &* 1_664_525 &+ 1_013_904_223
                return UInt8(state >> 24)
            }, shape: shape)
    }

    private static func number(_ value: Float) -> Tensor { Tensor([value], shape: [1, 1, 1, 1]) }

    private static func integers(_ values: Int32...) -> Tensor { Tensor(values, shape: [1, 1, 1, values.count]) }

    private static func run(
        _ op: HexagonOperator, _ inputs: [Tensor], padding: HexagonPadding = .none, declared: [Int] = []
    ) throws -> [Tensor] {
        let outputs = declared.isEmpty ? [] : [HexagonOutput(declared, elementSize: 1)]
        return try HexagonKernels.evaluate(
            HexagonNode(id: 1, op: op, padding: padding, outputs: outputs), inputs, architecture: .v66)
    }

    /// Steps of 1/64, zero at 100.
    private static let range = [number(-100 / 64), number(155 / 64)]

    struct Refusal: Sendable, CustomTestStringConvertible {
        var op: HexagonOperator
        var inputs: [Tensor]
        var reason: String
        var padding = HexagonPadding.none
        var declared: [Int] = []

        var testDescription: String { "\(op.rawValue): \(reason)" }
    }

    static let refusals: [Refusal] = {
        let image = codes([1, 4, 5, 6])
        let narrow = [number(0), number(0.0001)]
        let window = Tensor(zeros: TensorType(.float32, [1, 9, 9, 1]))
        return [
            Refusal(op: .subtract, inputs: [image, image] + range + range, reason: "outside the depth-32 layout"),
            Refusal(op: .addDepth32, inputs: [image, image] + range + range + narrow, reason: "scaling failed"),
            Refusal(op: .addDepth32, inputs: [image, codes([1, 4, 4, 6])] + range + range, reason: "broadcast"),
            Refusal(op: .add, inputs: [image] + range, reason: "instead of 6 to 8"),
            Refusal(op: .multiply, inputs: [image, image] + range + range + range, reason: "instead of 6"),
            Refusal(
                op: .divide, inputs: [image, codes([1, 1, 5, 1])] + range + range, reason: "a row along the depth"),
            Refusal(
                op: .divide, inputs: [image, Tensor([100 as UInt8], shape: [1, 1, 1, 1])] + range + range,
                reason: "division by zero"),
            Refusal(op: .squareRoot, inputs: [image] + range, reason: "negative numbers"),
            Refusal(
                op: .maximum, inputs: [image, Tensor([0 as UInt8], shape: [1, 1, 1, 1])] + range + range,
                reason: "unset memory"),
            Refusal(
                op: .requantize8To8, inputs: [image] + range + [number(-1), number(1)], reason: "integer zero point"),
            Refusal(op: .requantize8To8, inputs: [image] + range + narrow, reason: "is too small"),
            Refusal(
                op: .concat, inputs: [integers(1), image, image, range[0], range[0], range[1], range[1]],
                reason: "along the depth only"),
            Refusal(
                op: .concatDepth32,
                inputs: [integers(3), image, codes([1, 3, 5, 6]), range[0], range[0], range[1], range[1]],
                reason: "along axis 3"),
            Refusal(op: .maxPool, inputs: [image] + range + [window, window], reason: "SAME or VALID"),
            Refusal(
                op: .averagePoolDepth32, inputs: [image] + range + [window, window], reason: "too small",
                padding: .valid),
            Refusal(
                op: .resizeBilinear, inputs: [codes([1, 3, 1, 1]), integers(12, 4)] + range,
                reason: "reads past the end"),
            Refusal(op: .resizeBilinearDepth32, inputs: [image, integers(0, 4)] + range, reason: "extents"),
            Refusal(
                op: .resizeNearestNeighbor, inputs: [image, integers(8, 10)] + range + [integers(1), integers(1)],
                reason: "at once"),
            Refusal(op: .softmaxDepth32, inputs: [image] + range + [number(100_000)], reason: "too large"),
            Refusal(op: .mean, inputs: [image] + range + [integers(4)], reason: "axes"),
            Refusal(op: .mean, inputs: [image] + range + [integers(1)], reason: "declared", declared: [1, 2, 5, 6]),
            Refusal(op: .argMax, inputs: [image, integers(4)] + range, reason: "no axis 4"),
        ]
    }()

    @Test(arguments: refusals)
    func refusesWithAReason(refusal: Refusal) throws {
        let error = #expect(throws: Diagnostic.self) {
            try Self.run(refusal.op, refusal.inputs, padding: refusal.padding, declared: refusal.declared)
        }
        #expect(error?.code == .unsupported)
        #expect(error?.message.contains(refusal.reason) == true, "\(error?.message ?? "")")
    }

    /// Broadcast operands give what repeated ones give.
    @Test(arguments: [
        Shape([1, 1, 1, 1]), [1, 1, 1, 7], [1, 1, 6, 1], [1, 5, 1, 1], [1, 5, 6, 1], [1, 1, 6, 7], [1, 5, 1, 7],
    ])
    func broadcastsAsIfRepeated(shape: Shape) throws {
        let whole: Shape = [1, 5, 6, 7]
        let a = Self.codes(whole)
        let b = Self.codes(shape, seed: 2)
        let values = b.elements(of: UInt8.self)
        let strides = zip(shape.strides, shape.dimensions).map { $1 == 1 ? 0 : $0 }
        let repeated = Tensor(
            (0..<whole.elementCount).map { i in
                values[i / 42 * strides[1] + i / 7 % 6 * strides[2] + i % 7 * strides[3]]
            }, shape: whole)
        let rest = Self.range + Self.range + [Self.number(-200 / 64), Self.number(310 / 64)]
        for operands in [[b, a], [a, b]] {
            let wanted = operands.map { $0.shape == shape ? repeated : $0 }
            let result = try Self.run(.addDepth32, operands + rest)
            #expect(result[0].isIdentical(to: try Self.run(.addDepth32, wanted + rest)[0]))
        }
    }

    /// Assumed arithmetic: the nearest code to the exact function, half a code for the last rounding and some for binary32.
    @Test func hardSwishIsTheNearestCode() throws {
        let codes = Tensor((0..<256).map { UInt8($0) }, shape: [1, 1, 1, 256])
        let output = [Self.number(-0.375), Self.number(-0.375 + 255 * 0.02)]
        let ends = [Self.number(-128 / 32), Self.number(127 / 32)]
        let results = try Self.run(.hardSwish, [codes] + ends + output)
        for (code, result) in results[0].elements(of: UInt8.self).enumerated() {
            let x = Double(code - 128) / 32
            let exact = x * min(max(x + 3, 0), 6) / 6
            let wanted = min(max((exact + 0.375) / 0.02, 0), 255)
            #expect(abs(Double(result) - wanted) <= 0.501, "code \(code)")
        }
    }

    /// Assumed arithmetic: a given range is used as it is. Within a code of the exact product: half for the last rounding,
    /// the rest for the 15-bit scale.
    @Test func productTakesItsRangeWhereItIsGiven() throws {
        let a = Self.codes([1, 4, 8, 40])
        let b = Self.codes([1, 4, 8, 40], seed: 7)
        let output = [Self.number(-2), Self.number(-2 + 255 / 64)]
        let results = try Self.run(.multiplyDepth32, [a, b] + Self.range + Self.range + output)
        #expect(results[1].elements(of: Float.self) == [-2])
        #expect(results[2].elements(of: Float.self) == [-2 + 255 / 64])
        let pairs = zip(a.elements(of: UInt8.self), b.elements(of: UInt8.self))
        for ((x, y), result) in zip(pairs, results[0].elements(of: UInt8.self)) {
            let exact = Double(Int(x) - 100) * Double(Int(y) - 100) / 64 + 128
            #expect(abs(Double(result) - min(max(exact, 0), 255)) <= 1)
        }
    }

    /// Assumed arithmetic of half-pixel centres. Within two codes of exact interpolation: weights of 7 bits are off by up to
    /// 1/256 of a difference of up to 255 along each axis, and the last rounding is half a code.
    @Test(arguments: [HexagonOperator.resizeBilinear, .resizeBilinearDepth32], [[8, 12], [9, 7], [4, 6], [3, 20]])
    func halfPixelCentresInterpolate(op: HexagonOperator, size: [Int]) throws {
        let source = Self.codes([2, 4, 6, 3])
        let extents = Self.integers(Int32(size[0]), Int32(size[1]))
        let results = try Self.run(op, [source, extents] + Self.range + [Self.integers(0), Self.integers(1)])
        let codes = source.elements(of: UInt8.self)
        func place(_ i: Int, _ count: Int, _ extent: Int) -> (Int, Int, Double) {
            let exact = max(0, (Double(i) + 0.5) * Double(extent) / Double(count) - 0.5)
            let whole = min(Int(exact), extent - 1)
            return (whole, min(whole + 1, extent - 1), exact - Double(whole))
        }
        for (index, result) in results[0].elements(of: UInt8.self).enumerated() {
            let (k, x, y, n) = (
                index % 3, index / 3 % size[1], index / 3 / size[1] % size[0], index / 3 / size[1] / size[0]
            )
            let (top, bottom, down) = place(y, size[0], 4)
            let (left, right, across) = place(x, size[1], 6)
            func code(_ y: Int, _ x: Int) -> Double { Double(codes[((n * 4 + y) * 6 + x) * 3 + k]) }
            let above = code(top, left) * (1 - across) + code(top, right) * across
            let below = code(bottom, left) * (1 - across) + code(bottom, right) * across
            #expect(abs(Double(result) - (above * (1 - down) + below * down)) <= 2, "element \(index)")
        }
    }
}
