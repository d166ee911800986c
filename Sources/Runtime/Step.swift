import Operators
import TensorCore

/// One operand or result of a node: its type and where its elements lie while the plan exists.
struct Site {
    var type: TensorType
    var address: UnsafeMutableRawPointer
    /// The tensor when it is constant.
    var constant: Tensor?

    var shape: Shape { type.shape }
    var count: Int { type.shape.elementCount }

    func elements<T>(_: T.Type) -> UnsafeMutablePointer<T> { address.assumingMemoryBound(to: T.self) }
    var integers: [Int]? { constant?.integers() }
}

/// A node as the fast kernels see it.
struct KernelSite {
    var op: Operator
    var inputs: [Site?]
    var outputs: [Site]
    /// Whether float sums must be those of the reference kernels to the bit; see ``OrderedSums``.
    var ordered = false

    func input(_ index: Int) -> Site? { index < inputs.count ? inputs[index] : nil }
    /// The element type that all of `sites` share.
    func isFloat(_ sites: Site?...) -> Bool { sites.allSatisfy { $0?.type.elementType == .float32 } }
}

/// A piece of work that can be cut into ranges of units, whose results do not depend on the cuts.
struct Step {
    /// What ranges count.
    var units: Int
    /// Smallest sensible part.
    var grain: Int
    /// About how many simple operations the whole step takes; small steps stay on one thread.
    var cost: Int
    /// Bytes of scratch memory for each thread.
    var scratch: Int
    /// Bytes of packed weights that the step keeps.
    var weightBytes = 0
    /// Does the units of a range. False means that an index read from a tensor was out of range.
    var body: (Range<Int>, UnsafeMutableRawPointer) -> Bool

    init(
        units: Int, grain: Int = 1, cost: Int, scratch: Int = 0,
        body: @escaping (Range<Int>, UnsafeMutableRawPointer) -> Void
    ) {
        self.units = units
        self.grain = grain
        self.cost = cost
        self.scratch = scratch
        self.body = { range, scratch in
            body(range, scratch)
            return true
        }
    }

    /// A step whose body tells whether all indices were in range.
    static func checked(
        units: Int, grain: Int, cost: Int, body: @escaping (Range<Int>, UnsafeMutableRawPointer) -> Bool
    ) -> Step {
        var step = Step(units: units, grain: grain, cost: cost) { _, _ in }
        step.body = body
        return step
    }

    /// How many parts `threads` threads share.
    func parts(threads: Int) -> Int {
        if threads == 1 || cost < 16_384 { return 1 }
        return max(1, min(units / max(grain, 1), threads * 4))
    }
}

/// Fast kernels by operator. Every function returns nil for a combination it does not cover; the reference kernel runs
/// there.
enum FastKernels {
    static func steps(for site: KernelSite) -> [Step]? {
        guard site.outputs.allSatisfy({ $0.count > 0 }), site.inputs.allSatisfy({ $0.map { $0.count > 0 } ?? true })
        else { return nil }
        switch site.op {
        case .conv2D(let op): return convolution(op, site)
        case .depthwiseConv2D(let op): return depthwise(op, site).map { [$0] }
        case .transposeConv(let op): return transposed(op, site)
        case .fullyConnected(let op): return fullyConnected(op, site).map { [$0] }
        case .batchMatMul(let op): return batchMatMul(op, site)
        case .binary(let op): return binary(op, site).map { [$0] }
        case .unary, .leakyRelu, .gelu: return unary(site).map { [$0] }
        case .prelu: return prelu(site).map { [$0] }
        case .cast: return cast(site).map { [$0] }
        case .quantize, .dequantize: return quantize(site).map { [$0] }
        case .averagePool2D(let op): return pool(op, average: true, site).map { [$0] }
        case .maxPool2D(let op): return pool(op, average: false, site).map { [$0] }
        case .softmax(let beta): return softmax(beta, site).map { [$0] }
        case .reduce(let op): return reduce(op, site).map { [$0] }
        case .argument(let op): return argument(op, site).map { [$0] }
        case .resizeBilinear(let options): return bilinear(options, site).map { [$0] }
        case .resizeNearestNeighbor(let options): return nearest(options, site).map { [$0] }
        case .gather(let axis, let batch): return gather(axis: axis, batch: batch, site).map { [$0] }
        case .gatherND: return gatherND(site).map { [$0] }
        default: return movement(site)
        }
    }
}
