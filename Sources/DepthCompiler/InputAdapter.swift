import GraphIR
import ImageIO
import TensorCore

/// Brings arrays and pictures to the layout and element type that an input of a graph takes.
struct InputAdapter {
    let port: GraphIR.Port
    let type: TensorType

    init(_ port: GraphIR.Port, of graph: Graph) {
        self.port = port
        type = graph.type(of: port.value)
    }

    /// `array` as the input takes it: in its own layout or in that of the source it was converted from; codes where the
    /// element types agree, else floats, which are quantised by the input's parameters.
    ///
    /// - Parameter inSourceLayout: which layout is meant where the shape fits both.
    /// - Throws: `.badData` when neither fits.
    func adapt(_ array: Tensor, inSourceLayout: Bool) throws(Diagnostic) -> Tensor {
        var tensor = array
        if let permutation = port.sourcePermutation, permutation.count == array.shape.rank {
            let permuted = Shape(permutation.map { array.shape.dimensions[$0] })
            if permuted == type.shape, inSourceLayout || array.shape != type.shape {
                tensor = array.permuted(permutation)
            }
        }
        guard tensor.shape == type.shape else {
            throw Diagnostic(
                .badData, at: "input \(port.sourceName)", "the array is \(array.type), the model takes \(type)",
                suggestion: "reshape the array, or give the model another shape with --shape")
        }
        return try converted(tensor)
    }

    private func converted(_ tensor: Tensor) throws(Diagnostic) -> Tensor {
        if tensor.elementType == type.elementType { return tensor.retyped(type) }
        guard tensor.elementType.isFloat else {
            throw Diagnostic(
                .badData, at: "input \(port.sourceName)", "the array is \(tensor.type), the model takes \(type)",
                suggestion: "give \(type.elementType.rawValue) or float32")
        }
        let values = tensor.elementType == .float32 ? tensor.elements(of: Float.self) : tensor.doubles().map(Float.init)
        return try encode(values, isPicture: false)
    }

    /// `values`, in the order of the input's elements, as its element type: quantised where the input is quantised.
    func encode(_ values: [Float], isPicture: Bool) throws(Diagnostic) -> Tensor {
        if type.elementType == .float32 { return Tensor(values, shape: type.shape) }
        if type.elementType == .float16 {
            return Tensor(values.map(Float16Bits.fromFloat), shape: type.shape, as: .float16)
        }
        guard let range = type.elementType.integerRange, type.quantization != nil || isPicture else {
            throw Diagnostic(
                .badData, at: "input \(port.sourceName)", "floats do not fit, the model takes \(type)",
                suggestion: "give \(type.elementType.rawValue)")
        }
        let parameters = type.quantization ?? QuantizationParameters(scale: 1, zeroPoint: 0)
        let codes = values.map { value -> Int64 in
            let quotient = Double((value / parameters.scale).rounded(.toNearestOrAwayFromZero))
            let code = saturatingInteger(quotient, as: Int32.self)
            return min(max(Int64(code) + Int64(parameters.zeroPoint), range.lowerBound), range.upperBound)
        }
        switch type.elementType {
        case .int8: return tensor(codes.map { Int8(truncatingIfNeeded: $0) })
        case .uint8: return tensor(codes.map { UInt8(truncatingIfNeeded: $0) })
        case .int16: return tensor(codes.map { Int16(truncatingIfNeeded: $0) })
        case .int32: return tensor(codes.map { Int32(truncatingIfNeeded: $0) })
        default:
            throw Diagnostic(.unsupported, at: "input \(port.sourceName)", "floats cannot be quantised to \(type)")
        }
    }

    private func tensor<T: TensorElement>(_ values: [T]) -> Tensor {
        Tensor(values, shape: type.shape, quantization: type.quantization)
    }

    /// Pictures, stacked along the channels, as the recipe's input asks. The layout is the one that the shape shows.
    ///
    /// - Throws: `.badData` when size and channels do not fit the shape.
    func pictures(_ images: [Image], _ preprocessing: ImagePreprocessing) throws(Diagnostic) -> Tensor {
        let channels = preprocessing.color.channels
        let (height, width) = (preprocessing.height, preprocessing.width)
        let extents = Array(type.shape.dimensions.drop { $0 == 1 })
        let all = channels * images.count
        let pixels = height * width
        var values = [Float](repeating: 0, count: pixels * all)
        if extents == Self.squeezed([height, width, all]) {
            for (number, image) in images.enumerated() {
                let part = preprocessing.values(image, layout: .hwc)
                for pixel in 0..<pixels {
                    for channel in 0..<channels {
                        values[pixel * all + number * channels + channel] = part[pixel * channels + channel]
                    }
                }
            }
        } else if extents == Self.squeezed([all, height, width]) {
            values = images.flatMap { preprocessing.values($0, layout: .chw) }
        } else {
            throw Diagnostic(
                .badData, at: "input \(port.sourceName)",
                "the recipe makes \(height)x\(width) pixels of \(all) channels, the model takes \(type)",
                suggestion: "correct the recipe's size and channels, or choose another recipe")
        }
        return try encode(values, isPicture: true)
    }

    private static func squeezed(_ extents: [Int]) -> [Int] { Array(extents.drop { $0 == 1 }) }
}
