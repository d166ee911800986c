/// Packets that operators other than convolutions take for 128 bytes, counted in the loops of the library.
///
/// Loops in assembly are counted as they stand. Of loops in intrinsics the packets are not public: the count is the least
/// that the busiest unit allows (two multiplications, one shift, one permutation, one load and one store in a packet).
package struct StreamPackets: Sendable, Hashable {
    package enum Basis: String, Sendable { case input, output }

    /// Packets for two vectors, so that halves stay whole numbers.
    package var perTwoVectors: Int
    package var basis: Basis
    package var evidence: Evidence
    package var source: String

    private init(_ perTwoVectors: Int, _ evidence: Evidence, _ source: String, basis: Basis = .output) {
        self.perTwoVectors = perTwoVectors
        self.basis = basis
        self.evidence = evidence
        self.source = source.hasPrefix("no ") ? source : "nnlib hexagon/\(source)"
    }

    /// Vectors of 128 bytes that are counted.
    package func vectors(_ work: MachineWork) -> Int {
        (basis == .input ? work.input : work.output).bytes.dividedUp(by: 128)
    }

    package func packets(_ work: MachineWork) -> Int { (vectors(work) * perTwoVectors).dividedUp(by: 2) }

    /// The same by walking from vector to vector.
    package func counted(_ work: MachineWork) -> Int {
        var halves = 0
        for _ in 0..<vectors(work) { halves += perTwoVectors }
        return (halves + 1) / 2
    }

    /// Of nodes that are no convolution; nil for those.
    package init?(_ work: MachineWork) {
        switch work.kind {
        case .convolution, .shallowConvolution, .depthwise, .matrix: return nil
        case .none: self.init(0, .fact, "no work: the result is the operand")
        case .window: self = .pool(work)
        case .stream: self = .of(work)
        }
    }

    private static func pool(_ work: MachineWork) -> StreamPackets {
        let window = (work.filterHeight, work.filterWidth, work.strideWidth)
        if [.maxPool, .maxPoolDepth32].contains(work.operation) {
            switch window {
            case (3, 3, 1): return StreamPackets(6, .fact, "asm_src/maxpool_d32.S, maxpool_slice_hvx_3x3_stride1")
            case (3, 3, 2): return StreamPackets(10, .fact, "asm_src/maxpool_3x3s2_d32.S: 10 packets write 2 vectors")
            case (2, 2, 2): return StreamPackets(8, .fact, "asm_src/maxpool_d32.S, maxpool_slice_hvx_2x2_stride2")
            default: break
            }
        } else if window == (3, 3, 1) {
            return StreamPackets(22, .fact, "asm_src/avgpool_d32.S, avgpool_slice_hvx_3x3_stride1")
        }
        // Four columns more need another pass over the height and up to seven packets to fold it.
        let passes = 1 + work.filterWidth.dividedUp(by: 4)
        return StreamPackets(
            2 * (3 + work.filterHeight * passes + (passes - 1) * 8 + 3), .inferred,
            "asm_src/avgpool_d32.S, avgpool_hvx_d32: window height packets for each four columns")
    }

    private static func of(_ work: MachineWork) -> StreamPackets {
        switch work.operation {
        case .add, .addDepth32, .subtract, .subtractDepth32:
            return StreamPackets(6, .inferred, "ops/src/op_add_d32.c, first_stage and second_stage: three shifts")
        case .multiply, .multiplyDepth32, .multiplyTo32:
            return StreamPackets(8, .inferred, "ops/src/op_mul_d32.c: four packets with both multipliers")
        case .requantize8To8, .requantize8To8Depth32, .concat, .concatDepth32:
            return StreamPackets(6, .fact, "asm_src/scalemem_d32.S, scalemem_d32_hvx: three packets a vector")
        case .convertToDepth32: return StreamPackets(6, .fact, "asm_src/to_d32_h.S: 12 packets for 4 vectors")
        case .convertFromDepth32:
            return StreamPackets(5, .fact, "asm_src/from_d32_h.S: 10 packets for 4 vectors", basis: .input)
        case .tanh, .tanhDepth32, .sigmoid, .sigmoidDepth32, .hardSwish:
            return StreamPackets(
                16, work.operation == .hardSwish ? .assumed : .inferred,
                "ops/src/op_tanh_d32.c: a table of 256 codes takes eight permutations of 32 entries")
        case .resizeBilinear, .resizeBilinearDepth32: return resize(work)
        case .softmax, .softmaxDepth32:
            return StreamPackets(48, .inferred, "ops/src/op_softmax_d32.c: twelve shifts and permutations, two passes")
        case .castInt8ToUInt8, .castUInt8ToInt8, .relu, .reluX, .minimum, .maximum, .negate, .negateDepth32:
            return StreamPackets(2, .inferred, "ops/src/op_relu.c, op_neg.c: one load, one operation, one store")
        case .requantize32To8, .quantizeDownAndShrinkRange:
            return StreamPackets(16, .inferred, "ops/src/op_requantize.c: eight multiplications of words for 128 codes")
        case .mean, .sum, .argMax, .argMaxDepth32, .argMin, .argMinDepth32:
            return StreamPackets(
                8, .assumed, "ops/src/op_reduce_8.c: four packets for 128 codes read", basis: .input)
        default:
            return StreamPackets(4, .assumed, "ops/src: moving data takes a load, a permutation and a store")
        }
    }

    private static func resize(_ work: MachineWork) -> StreamPackets {
        if work.output.height == 2 * work.input.height, work.output.width == 2 * work.input.width {
            return StreamPackets(
                2, .fact, "asm_src/resizebilinear_d32_h.S, lpx: eight packets write eight vectors")
        }
        return StreamPackets(
            16, .inferred,
            "ops/src/op_resizebilinear_d32.c: four vectors take 16 packets down and 16 across, by their permutations")
    }
}
