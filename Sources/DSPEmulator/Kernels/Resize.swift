import TensorCore

/// What a resize is asked for: the output's extents, and where samples lie.
struct ResizeRequest {
    var height: Int
    var width: Int
    /// The centres of the corners' elements fall together.
    var alignsCorners: Bool
    /// Samples lie at half of an element: not in the public library. The delegate's newer binary takes a sixth input for
    /// it; that its arithmetic is the public one with a shifted origin is assumed.
    var usesHalfPixels: Bool

    init(_ operands: KernelInputs, _ input: Shape) throws {
        let extents = try operands.integers(1)
        guard extents.count >= 2 else { throw operands.refused("the output's extents are \(extents)") }
        alignsCorners = try operands.tensors.count > 4 && operands.integer(4) != 0
        usesHalfPixels = try operands.tensors.count > 5 && operands.integer(5) != 0
        (height, width) = (extents[0], extents[1])
        _ = try operands.checked([input[0], height, width, input[3]])
    }
}

extension HexagonKernels {
    /// Changes of height and width by interpolation.
    ///
    /// Inputs: codes, the output's height and width, the codes' range, and perhaps whether corners are aligned, and
    /// whether samples lie at half of an element. The range stays.
    static func resize(_ node: HexagonNode, _ inputs: [Tensor], leftPadding: Int) throws -> [Tensor] {
        let operands = try KernelInputs(node, inputs, count: 4...6)
        let codes = try operands.codes(0)
        let range = try operands.range(2)
        let request = try ResizeRequest(operands, codes.shape)
        if request.alignsCorners, request.usesHalfPixels {
            throw operands.refused("has no form with aligned corners and half-pixel centres at once")
        }
        var result = Tensor(
            zeros: TensorType(.uint8, [codes.shape[0], request.height, request.width, codes.shape[3]]))
        if node.op == .resizeNearestNeighbor {
            resizeNearest(codes, request, &result)
        } else if request.height == codes.shape[1], request.width == codes.shape[2] {
            result = codes
        } else if node.op == .resizeBilinear {
            try resizeFlat(operands, codes, request, &result)
        } else {
            resizeDepth32(codes, request, leftPadding: leftPadding, &result)
        }
        return results(result, range)
    }

    /// Copies of the nearest elements: rounded down, or to the nearest with aligned corners.
    ///
    /// Source: nnlib hexagon/ops/src/op_resizenear.c.
    private static func resizeNearest(_ codes: Tensor, _ request: ResizeRequest, _ result: inout Tensor) {
        let aligns = request.alignsCorners && request.height > 1 && request.width > 1
        func places(_ extent: Int, _ count: Int) -> [Int] {
            let scale = aligns ? Float(extent - 1) / (Float(count) - 1) : Float(extent) / Float(count)
            return (0..<count).map {
                let place = (request.usesHalfPixels ? Float($0) + 0.5 : Float($0)) * scale
                return min(Int(request.alignsCorners ? place.rounded(.toNearestOrAwayFromZero) : place), extent - 1)
            }
        }
        let rows = places(codes.shape[1], request.height)
        let columns = places(codes.shape[2], request.width)
        let (width, depth) = (codes.shape[2], codes.shape[3])
        codes.withUnsafeBytes { source in
            result.withUnsafeMutableBytes { target in
                var to = 0
                for n in 0..<codes.shape[0] {
                    for y in rows {
                        for x in columns {
                            let from = ((n * codes.shape[1] + y) * width + x) * depth
                            for k in 0..<depth { target[to + k] = source[from + k] }
                            to += depth
                        }
                    }
                }
            }
        }
    }
}

/// For each of the output's places along one axis: the element before it, and how far it is on the way to the next.
struct ResizeSteps {
    var before: [Int]
    var fraction: [Int32]

    /// - Parameters:
    ///   - bits: Of the fraction; a half of its unit is added first.
    ///   - extent: Of the input.
    ///   - count: Of the output.
    /// - Complexity: The places are a sum of steps with 32 fractional bits (`obtain_scaling_plan`).
    init(extent: Int, count: Int, bits: Int, _ request: ResizeRequest) {
        let aligns = request.alignsCorners && count > 1
        let (span, steps) = aligns ? (extent - 1, count - 1) : (extent, count)
        let step = (span << 32 + steps >> 1) / steps
        var place = 1 << (31 - bits) + (request.usesHalfPixels ? step >> 1 - 1 << 31 : 0)
        before = []
        fraction = []
        for _ in 0..<count {
            let whole = place >> 32
            let isInside = whole >= 0 && whole < extent - 1
            before.append(min(max(whole, 0), extent - 1))
            fraction.append(isInside ? Int32((place & 0xffff_ffff) >> (32 - bits)) : 0)
            place += step
        }
    }
}
