import DSPEmulator
import DepthCompiler
import Foundation
import TFLiteCodec
import Testing

/// Operators on the DSP against the CPU's kernels, within what the delegate's own tests allow.
@Suite struct DSPToleranceTests {
    /// Admitted operators that no case covers, with the reason.
    static let uncovered = [
        "HARD_SWISH": "the public library has no kernel",
        "NEG": "the CPU's kernel has no codes to hold it against",
    ]

    /// Cases beyond their tolerance, each with its largest difference in codes.
    static let excesses: [(reason: String, cases: [String: Int])] = [
        (
            // activation_builder.cc reads no range of the result.
            "the delegate leaves the operand's codes as they are where the result has another range",
            [
                "RELU6 uint8 1x3 of its own range": 127, "RELU6 uint8 1x4x4x8 of its own range": 127,
                "RELU6 uint8 1x5x7x33 of its own range": 127, "RELU6 int8 1x3 of its own range": 127,
                "RELU6 int8 1x4x4x8 of its own range": 127, "RELU6 int8 1x5x7x33 of its own range": 127,
                "RELU int8 1x3 of its own range": 127, "RELU int8 1x4x4x8 of its own range": 127,
                "RELU int8 1x5x7x33 of its own range": 127,
            ]
        ),
        (
            // matmul_builder.cc adds no node for it.
            "the delegate drops the activation that is fused into a FULLY_CONNECTED",
            ["FULLY_CONNECTED uint8 1x24 with RELU": 69, "FULLY_CONNECTED int8 1x24 with RELU": 41]
        ),
        (
            "halves are rounded up, in int8 kernels away from zero; means of whole pictures are rounded twice",
            [
                "AVERAGE_POOL_2D uint8 1x8x8x32 8x8 by 1 valid": 1, "AVERAGE_POOL_2D int8 1x16x8x1 2x2 by 2 same": 1,
                "AVERAGE_POOL_2D int8 1x16x8x1 3x3 by 1 same": 1, "AVERAGE_POOL_2D int8 1x8x8x32 8x8 by 1 valid": 1,
                "AVERAGE_POOL_2D int8 1x8x8x32 2x2 by 2 same": 1, "AVERAGE_POOL_2D int8 1x8x8x32 3x3 by 1 same": 1,
                "AVERAGE_POOL_2D int8 1x9x11x40 8x8 by 1 valid": 1, "AVERAGE_POOL_2D int8 1x9x11x40 2x2 by 2 same": 1,
                "AVERAGE_POOL_2D int8 1x9x11x40 3x3 by 1 same": 1,
            ]
        ),
        (
            "the difference is rounded to 8 bits before it is squared",
            [
                "SQUARED_DIFFERENCE int8 1x4x4x8+1x4x4x8": 2, "SQUARED_DIFFERENCE int8 1x5x7x33+1x5x7x33": 2,
                "SQUARED_DIFFERENCE int8 1x6x5x64+1x6x5x64": 2,
            ]
        ),
        (
            "sums are not rounded as in LiteRT; the published cases have results that need no rounding",
            [
                "TRANSPOSE_CONV uint8 1x4x6x16": 1, "TRANSPOSE_CONV uint8 1x4x6x16 without bias": 1,
                "TRANSPOSE_CONV int8 1x4x6x16": 1, "TRANSPOSE_CONV int8 1x4x6x16 without bias": 1,
            ]
        ),
    ]

    @Test func everyOperatorIsCoveredOrNamed() {
        let covered = Set(DSPToleranceCase.all.map(\.op.name))
        #expect(covered.union(Self.uncovered.keys) == DSPProfile.delegateOperators)
        #expect(covered.isDisjoint(with: Self.uncovered.keys))
    }

    @Test func namesOfCasesAndExcessesFit() {
        let names = DSPToleranceCase.all.map(\.name)
        #expect(Set(names).count == names.count)
        #expect(Set(Self.excesses.flatMap(\.cases.keys)).subtracting(names).isEmpty)
    }

    @Test(arguments: DSPToleranceCase.all)
    func resultsAreWithinThePublishedTolerance(_ entry: DSPToleranceCase) throws {
        let (cpu, dsp) = try Self.results(of: entry)
        var largest = 0
        for (wanted, got) in zip(cpu, dsp) {
            let pair = (try #require(wanted.integers()), try #require(got.integers()))
            #expect(pair.0.count == pair.1.count && wanted.type == got.type)
            largest = max(largest, zip(pair.0, pair.1).map { abs($0 - $1) }.max() ?? 0)
        }
        if let (reason, cases) = Self.excesses.first(where: { $0.cases[entry.name] != nil }) {
            #expect(largest == cases[entry.name] && largest > entry.tolerance.codes, "\(reason)")
        } else {
            #expect(largest <= entry.tolerance.codes, "\(entry.tolerance.file)")
        }
    }

    /// The library refuses to divide by the root of zero; LiteRT's kernel returns its largest code.
    @Test func aRootOfZeroIsRefused() throws {
        let entry = try #require(DSPToleranceCase.all.first { $0.op == .unary(.rsqrt) })
        #expect(throws: Diagnostic.self) { try Self.results(of: entry, codes: [-128, 0, 1]) }
    }

    /// What the CPU and the DSP make of the same operands.
    private static func results(
        of entry: DSPToleranceCase, codes: [Int8]? = nil
    ) throws -> (cpu: [Tensor], dsp: [Tensor]) {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("dsp-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let path = folder.appendingPathComponent("m.tflite").path
        try AtomicFile.write(try TFLiteCodec.encode(entry.graph()), to: path)
        let model = try Model.load(path)
        let delegate = try DSPDelegate().limited(toPartitions: 4, ofAtLeast: 1)
        let inspection = try DSPInspection(model, delegate: delegate)
        #expect(inspection.delegatedOperators == 1, "\(inspection.operators.flatMap(\.refusals))")
        var numbers = SeededNumbers(entry.name)
        let inputs = entry.inputs.map { type in
            codes.map { Tensor($0, shape: type.shape, quantization: type.quantization) }
                ?? numbers.codes(type, least: entry.leastCode)
        }
        return (
            try Session(model, options: RunOptions(engine: .reference)).run(inputs),
            try Session(model, delegate: delegate).run(inputs)
        )
    }
}
