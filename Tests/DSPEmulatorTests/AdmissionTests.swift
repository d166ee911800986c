import DSPEmulator
import GraphIR
import Operators
import TensorCore
import Testing

/// One operator and what the profiles say of it.
struct AdmissionCase: Sendable, CustomTestStringConvertible {
    var name: String
    var listing: OperatorListing
    /// Deciding rules under `hexagon-delegate` and `hexagon-nnlib`; nil where the operator is taken.
    var delegate: ReasonCode?
    var library: ReasonCode?

    var testDescription: String { name }

    init(
        _ name: String, _ delegate: ReasonCode?, library: ReasonCode? = nil, _ build: (inout ListingBuilder) -> Void
    ) {
        var builder = ListingBuilder()
        build(&builder)
        self.name = name
        listing = builder.listing(outputs: [])
        self.delegate = delegate
        self.library = library ?? delegate
    }
}

@Suite("Admission to the delegate")
struct AdmissionTests {
    @Test("codes", arguments: AdmissionCase.all)
    func codes(_ item: AdmissionCase) throws {
        let entry = item.listing.operators[0]
        #expect(DSPProfile.hexagonDelegate.refusals(of: entry, in: item.listing).first?.code == item.delegate)
        #expect(DSPProfile.hexagonLibrary.refusals(of: entry, in: item.listing).first?.code == item.library)
    }

    @Test("every code of the delegate occurs in a case")
    func coverage() {
        let seen = Set(AdmissionCase.all.flatMap { [$0.delegate, $0.library] }.compactMap { $0 })
        #expect(seen == Set(ReasonCode.allCases))
    }

    @Test("rules stand in the order of their codes", arguments: DSPProfile.all.map(\.name))
    func order(name: String) throws {
        let codes = try DSPProfile.named(name).rules.map(\.code)
        let all = ReasonCode.allCases
        #expect(codes == all.filter(codes.contains))
    }

    @Test("the tensor processor takes what the older delegate refuses")
    func tensorProcessor() throws {
        let profile = DSPProfile.htp
        func code(_ build: (inout ListingBuilder) -> Void) -> ReasonCode? {
            let item = AdmissionCase("", nil, build)
            return profile.refusals(of: item.listing.operators[0], in: item.listing).first?.code
        }
        #expect(code { _ = $0.refused($0.input()) } == nil)
        #expect(code { _ = $0.refused($0.input([1, 2, 2, 2, 2])) } == nil)
        #expect(code { _ = $0.refused($0.input([1, 1, 2, 2, 2, 2])) } == .rank)
        #expect(code { _ = $0.refused($0.input([1, 2], .float32, quantization: nil)) } == .elementType)
        #expect(code { $0.add(.range, [$0.input()], results: [$0.tensor()]) } == .operatorKind)
    }

    @Test("an unknown profile is refused with the known ones")
    func unknownProfile() {
        let error = #expect(throws: Diagnostic.self) { _ = try DSPProfile.named("v9") }
        #expect(error?.suggestion?.contains("hexagon-nnlib") == true)
    }
}

extension AdmissionCase {
    private static let conv = Conv2D(padding: .same)

    private static func convolution(
        _ name: String, _ code: ReasonCode?, _ op: Conv2D = conv, version: Int = 3, weights: ElementType = .int8,
        bias: Bool = true
    ) -> AdmissionCase {
        AdmissionCase(name, code) { builder in
            let operands = [
                builder.input(), builder.tensor([8, 3, 3, 8], weights), builder.tensor([8], .int32),
            ]
            builder.add(
                .conv2D(op), bias ? operands : Array(operands.dropLast()), version: version, results: [builder.tensor()]
            )
        }
    }

    private static func depthwise(
        _ name: String, _ code: ReasonCode?, _ op: DepthwiseConv2D, window: Int = 3, input: Shape = [1, 4, 4, 8]
    ) -> AdmissionCase {
        AdmissionCase(name, code) { builder in
            builder.add(
                .depthwiseConv2D(op),
                [builder.input(input), builder.tensor([1, window, 3, 8]), builder.tensor([8], .int32)],
                version: 3, results: [builder.tensor()])
        }
    }

    private static func dense(
        _ name: String, _ code: ReasonCode?, keep: Bool = false, weights: QuantizationParameters = ListingBuilder.code,
        constantBias: Bool = true, bias: Bool = true
    ) -> AdmissionCase {
        AdmissionCase(name, code) { builder in
            let last =
                !bias
                ? nil
                : constantBias
                    ? builder.constant(Tensor(zeros: TensorType(.int32, [4]))) : builder.tensor([4], .int32)
            builder.add(
                .fullyConnected(FullyConnected(keepDimensions: keep)),
                [builder.input([1, 8]), builder.tensor([4, 8], quantization: weights), last], version: 4,
                results: [builder.tensor([1, 4])])
        }
    }

    private static func resize(
        _ name: String, _ code: ReasonCode?, library: ReasonCode? = nil, halfPixel: Bool = false,
        constantSize: Bool = true, nearest: Bool = false
    ) -> AdmissionCase {
        AdmissionCase(name, code, library: library) { builder in
            let options = ResizeOptions(alignCorners: false, halfPixelCenters: halfPixel)
            let size =
                constantSize
                ? builder.constant(Tensor([Int32(8), 8], shape: [2])) : builder.tensor([2], .int32, quantization: nil)
            builder.add(
                nearest ? .resizeNearestNeighbor(options) : .resizeBilinear(options), [builder.input(), size],
                version: 3, results: [builder.tensor([1, 8, 8, 8])])
        }
    }

    private static func pool(_ name: String, _ code: ReasonCode?, _ op: Operator) -> AdmissionCase {
        AdmissionCase(name, code) { $0.add(op, [$0.input()], version: 2, results: [$0.tensor()]) }
    }

    private static func window(_ size: Int, _ padding: Padding = .same, _ activation: Activation = .none) -> Pool2D {
        Pool2D(window: Extent2D(size), stride: Extent2D(1), padding: padding, activation: activation)
    }

    static let all: [AdmissionCase] = [
        convolution("convolution", nil),
        convolution("convolution with a fused activation", nil, Conv2D(padding: .same, activation: .relu6)),
        convolution("stride 3", nil, Conv2D(stride: Extent2D(3), padding: .valid)),
        convolution("stride 4", .stride, Conv2D(stride: Extent2D(height: 1, width: 4), padding: .valid)),
        convolution("dilated convolution", .dilation, Conv2D(dilation: Extent2D(2), padding: .same)),
        convolution("four-bit weights", .version, version: 7, weights: .int4),
        convolution("weights of another type", .elementType, weights: .int16),
        convolution("convolution without a third operand", .operands, bias: false),
        depthwise("depthwise", nil, DepthwiseConv2D(padding: .same)),
        depthwise(
            "dilated depthwise", nil, DepthwiseConv2D(dilation: Extent2D(2), padding: .same)),
        depthwise(
            "dilated depthwise with stride", .dilation,
            DepthwiseConv2D(stride: Extent2D(2), dilation: Extent2D(2), padding: .same)),
        depthwise(
            "multiplier 2", .multiplier, DepthwiseConv2D(padding: .same, depthMultiplier: 2), input: [1, 4, 4, 4]),
        depthwise(
            "multiplier 8 on one channel", nil, DepthwiseConv2D(padding: .same, depthMultiplier: 8),
            input: [1, 4, 4, 1]),
        depthwise(
            "dilated multiplier 8 on one channel", .multiplier,
            DepthwiseConv2D(dilation: Extent2D(2), padding: .same, depthMultiplier: 8), input: [1, 4, 4, 1]),
        depthwise("filter of one row", .filter, DepthwiseConv2D(padding: .same), window: 1),
        dense("fully connected", nil),
        dense("fully connected with an absent bias", nil, bias: false),
        dense("kept dimensions", .keepDimensions, keep: true),
        dense(
            "weights with a scale for every row", .perChannel,
            weights: QuantizationParameters(scales: [1, 1, 1, 1], zeroPoints: [0, 0, 0, 0], axis: 0)),
        dense("computed bias", .notConstant, constantBias: false),
        resize("resize", nil),
        resize("half-pixel resize", nil, library: .library, halfPixel: true),
        resize("half-pixel nearest neighbour", nil, library: .library, halfPixel: true, nearest: true),
        resize("computed size", .notConstant, constantSize: false),
        pool("largest window", nil, .maxPool2D(window(12))),
        pool("too large a window", .poolSize, .maxPool2D(window(13))),
        pool("large window without padding", nil, .maxPool2D(window(13, .valid))),
        pool("large average", nil, .averagePool2D(window(13))),
        pool("average with an activation", .activation, .averagePool2D(window(2, .same, .relu))),
        AdmissionCase("five extents", .rank) { builder in
            builder.add(.unary(.relu), [builder.input([1, 1, 2, 2, 2])], results: [builder.tensor()])
        },
        AdmissionCase("relu of version 1", .version) { builder in
            builder.add(.unary(.relu), [builder.input()], version: 1, results: [builder.tensor()])
        },
        AdmissionCase("dequantize of version 2", .version) { builder in
            builder.add(.dequantize, [builder.input()], version: 2, results: [builder.tensor()])
        },
        AdmissionCase("dequantize of version 1", .operatorKind) { builder in
            builder.add(.dequantize, [builder.input()], version: 1, results: [builder.tensor()])
        },
        AdmissionCase("hard swish", nil, library: .library) { builder in
            builder.add(.unary(.hardSwish), [builder.input()], results: [builder.tensor()])
        },
        AdmissionCase("sum", .disabled) { builder in
            let axes = builder.constant(Tensor([Int32(1)], shape: [1]))
            builder.add(
                .reduce(Reduction(.sum, keepDimensions: true)), [builder.input(), axes], results: [builder.tensor()])
        },
        AdmissionCase("square root of unsigned codes", .elementType) { builder in
            builder.add(.unary(.rsqrt), [builder.input([1, 4], .uint8)], results: [builder.tensor()])
        },
        AdmissionCase("slice with wide indices", nil) { builder in
            let begin = builder.constant(Tensor([Int64(0)], shape: [1]))
            builder.add(.slice, [builder.input([4]), begin, begin], results: [builder.tensor([4])])
        },
        AdmissionCase("strided slice with a new axis", .attribute) { builder in
            let entries = builder.constant(Tensor([Int32(0)], shape: [1]))
            builder.add(
                .stridedSlice(StridedSlice(newAxisMask: 1)), [builder.input([4]), entries, entries, entries],
                results: [builder.tensor([1, 4])])
        },
        AdmissionCase("concatenation with a float", .elementType) { builder in
            builder.add(
                .concatenation(axis: 3, activation: .none),
                [builder.input(), builder.input([1, 4, 4, 8], .float32, quantization: nil)],
                results: [builder.tensor()])
        },
        AdmissionCase("transposed convolution with an absent bias", nil) { builder in
            builder.add(
                .transposeConv(TransposeConv(stride: Extent2D(2), padding: .same)),
                [
                    builder.constant(Tensor([Int32(1), 8, 8, 8], shape: [4])), builder.tensor([8, 3, 3, 8]),
                    builder.input(), nil,
                ], version: 3, results: [builder.tensor([1, 8, 8, 8])])
        },
    ]
}
