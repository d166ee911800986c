import Operators
import TensorCore

/// How one axis is resampled: for every target index its place on the source axis, as the ONNX operator defines it.
struct ResizeSampling {
    enum Interpolation: String { case nearest, linear, cubic }

    /// Everything but the extents that decides the places.
    struct Settings {
        var interpolation: Interpolation
        var coordinates: String
        var nearest: String
        var cubicCoefficient: Double
        var excludesOutside: Bool
        var antialias: Bool
    }

    var input: Int
    var output: Int
    var scale: Double
    /// Places on the source axis, in source elements.
    var positions: [Double]
    private let settings: Settings

    /// `region` is the start and end of the cropped part in normalised coordinates.
    init(input: Int, output: Int, scale: Double, region: (Double, Double), _ settings: Settings) throws {
        self.input = input
        self.output = output
        self.scale = scale
        self.settings = settings
        let exact = scale * Double(input)
        let length = Double(input)
        func place(_ x: Double) throws -> Double {
            switch settings.coordinates {
            case "half_pixel": return (x + 0.5) / scale - 0.5
            case "pytorch_half_pixel": return output == 1 ? 0 : (x + 0.5) / scale - 0.5
            case "half_pixel_symmetric":
                return length / 2 * (1 - Double(output) / exact) + (x + 0.5) / scale - 0.5
            case "asymmetric": return x / scale
            case "tf_half_pixel_for_nn": return (x + 0.5) / scale
            case "align_corners": return exact == 1 || output == 1 ? 0 : x * (length - 1) / (exact - 1)
            case "tf_crop_and_resize":
                let start = region.0 * (length - 1)
                if output == 1 { return start + (region.1 - region.0) * (length - 1) / 2 }
                return start + x * (region.1 - region.0) * (length - 1) / (exact - 1)
            default:
                throw Diagnostic(
                    .unsupported, at: "", "the coordinate mode '\(settings.coordinates)' is not supported")
            }
        }
        positions = try (0..<output).map { try place(Double($0)) }
        guard positions.allSatisfy({ abs($0) < 1e9 }) else {
            throw Diagnostic(.badModel, at: "", "a scale of \(scale) on \(input) elements")
        }
    }

    var isIdentity: Bool {
        input == output && zip(positions, 0..<output).allSatisfy { abs($0 - Double($1)) < 1e-9 }
    }

    /// True for places outside the source, which `tf_crop_and_resize` fills with a number.
    var isOutside: [Bool] { positions.map { $0 < 0 || $0 > Double(input - 1) } }

    private func clamped(_ index: Int) -> Int { min(max(index, 0), input - 1) }

    // MARK: Nearest

    /// The source index of every target index.
    func nearestIndices() throws -> [Int] {
        try positions.map { position in
            let index: Double
            switch settings.nearest {
            case "round_prefer_floor": index = (position - 0.5).rounded(.up)
            case "round_prefer_ceil": index = (position + 0.5).rounded(.down)
            case "floor": index = position.rounded(.down)
            case "ceil": index = position.rounded(.up)
            default:
                throw Diagnostic(.unsupported, at: "", "the rounding '\(settings.nearest)' is not supported")
            }
            return clamped(Int(index))
        }
    }

    /// The source indices of RESIZE_NEAREST_NEIGHBOR.
    ///
    /// Source: LiteRT `GetNearestNeighbor` (internal/reference/resize_nearest_neighbor.h).
    func builtinNearestIndices(_ options: ResizeOptions) -> [Int] {
        let scale = builtinScale(options)
        let offset: Float = options.halfPixelCenters ? 0.5 : 0
        return (0..<output).map { index in
            let place = (Float(index) + offset) * scale
            let rounded = options.alignCorners ? place.rounded(.toNearestOrAwayFromZero) : place.rounded(.down)
            return clamped(Int(rounded))
        }
    }

    private func builtinScale(_ options: ResizeOptions) -> Float {
        options.alignCorners && output > 1
            ? Float(input - 1) / Float(output - 1) : Float(input) / Float(output)
    }

    // MARK: Linear

    /// The two neighbours of every target index and the weight of the second.
    func linearNeighbours() -> (lower: [Int], upper: [Int], weight: [Double]) {
        let lower = positions.map { Int($0.rounded(.down)) }
        let weight = zip(positions, lower).map { $0 - Double($1) }
        return (lower.map(clamped), lower.map { clamped($0 + 1) }, weight)
    }

    /// True when RESIZE_BILINEAR puts every target index at the same place, up to rounding in binary32.
    ///
    /// Source: LiteRT `ComputeInterpolationValues` (internal/reference/resize_bilinear.h).
    func matchesBuiltinLinear(_ options: ResizeOptions) -> Bool {
        let scale = builtinScale(options)
        let last = Double(input - 1)
        return positions.enumerated().allSatisfy { index, position in
            let place = options.halfPixelCenters ? (Float(index) + 0.5) * scale - 0.5 : Float(index) * scale
            let difference = min(max(Double(place), 0), last) - min(max(position, 0), last)
            return abs(difference) <= 1e-6 * max(1, last)
        }
    }

    // MARK: Matrices

    /// One row for every target index: the weights of the source elements.
    func matrix() -> [[Float]] {
        positions.map { position in
            var base = Int(position.rounded(.down))
            var ratio = position - Double(base)
            if ratio == 0 {
                base -= 1
                ratio = 1
            }
            let (first, weights) = coefficients(ratio)
            var kept = weights
            if settings.excludesOutside {
                for i in kept.indices where !(0..<input ~= base + first + i) { kept[i] = 0 }
            }
            let sum = settings.excludesOutside || settings.antialias ? kept.reduce(0, +) : 1
            var row = [Double](repeating: 0, count: input)
            for i in kept.indices { row[clamped(base + first + i)] += kept[i] / sum }
            return row.map { Float($0) }
        }
    }

    /// Weights of the neighbours from `first` (relative to the element below) on.
    private func coefficients(_ ratio: Double) -> (first: Int, weights: [Double]) {
        let shrink = settings.antialias ? min(scale, 1) : 1
        let reach: Double = settings.interpolation == .cubic ? 2 : 1
        let first = Int((-reach / shrink).rounded(.down)) + 1
        return (first, (first..<2 - first).map { kernel((Double($0) - ratio) * shrink) })
    }

    private func kernel(_ distance: Double) -> Double {
        let x = abs(distance)
        guard settings.interpolation == .cubic else { return max(0, 1 - x) }
        let a = settings.cubicCoefficient
        if x <= 1 { return ((a + 2) * x - (a + 3)) * x * x + 1 }
        return x < 2 ? ((a * x - 5 * a) * x + 8 * a) * x - 4 * a : 0
    }
}
