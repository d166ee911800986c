import CTFLite
import Operators
import TensorCore

/// A tensor of the file, checked.
struct FileTensor {
    var name: String
    var type: TensorType
    /// True for extents that the file leaves open.
    var openExtents: [Bool]
    /// The bytes of a constant; nil for everything that is computed or fed.
    var constant: CTFLSpan?
}

/// Reads tensors: types, quantisation, constants. Constants that share a buffer share memory.
struct TensorDecoding {
    private let file: TFLiteFile
    private let limits: DecodingLimits
    private var constants: [ConstantKey: Tensor] = [:]
    private var bytesRead = 0

    private struct ConstantKey: Hashable {
        var address: UnsafeRawPointer
        var byteCount: Int
        var isPacked: Bool
        var isBool: Bool
    }

    init(file: TFLiteFile, limits: DecodingLimits) {
        self.file = file
        self.limits = limits
    }

    /// - Throws: `Diagnostic` located at the tensor.
    func tensor(_ index: Int) throws -> FileTensor {
        let raw = try file.tensor(index)
        let name = raw.name.count == 0 ? "tensor_\(index)" : raw.name.string
        do {
            return try read(raw, name: name)
        } catch let diagnostic as Diagnostic {
            throw diagnostic.located(in: "tensor \(index) \(name)")
        }
    }

    private func read(_ raw: CTFLTensor, name: String) throws -> FileTensor {
        func refuse(_ what: String) -> Diagnostic { Diagnostic(.unsupported, at: "", "\(what) are not supported") }
        if raw.isSparse { throw refuse("sparse tensors") }
        if raw.isVariable { throw refuse("variable tensors, which keep state between runs,") }
        if raw.isExternal { throw refuse("tensors whose data lie in another file") }
        guard let elementType = ElementType(tfliteType: raw.type) else {
            throw refuse("\(Builtin.typeName(raw.type)) tensors")
        }
        let shape = try shape(raw.shape.integers, elementType)
        let signature = raw.shapeSignature.integers
        let open = shape.dimensions.indices.map { signature.count == shape.rank && signature[$0] < 0 }
        let quantization = try quantization(raw, elementType: elementType, shape: shape)
        let buffer = raw.buffer == 0 ? CTFLSpan(data: nil, count: 0) : try file.buffer(Int(raw.buffer))
        let hasData = buffer.count > 0 || (buffer.data != nil && shape.elementCount == 0)
        return FileTensor(
            name: name, type: TensorType(elementType, shape, quantization: quantization), openExtents: open,
            constant: hasData ? buffer : nil)
    }

    private func shape(_ extents: [Int], _ elementType: ElementType) throws -> Shape {
        guard extents.count <= limits.rank else {
            throw Diagnostic(.unsupported, at: "", "\(extents.count) axes are more than \(limits.rank)")
        }
        let shape = Shape(extents)
        guard let count = shape.checkedElementCount(), count <= limits.tensorBytes / elementType.byteCount else {
            throw Diagnostic(.badModel, at: "", "a shape of \(extents) is negative or too large")
        }
        return shape
    }

    /// nil when the tensor has no scale, or when its type is not quantised.
    private func quantization(
        _ raw: CTFLTensor, elementType: ElementType, shape: Shape
    ) throws -> QuantizationParameters? {
        guard raw.hasQuantization, elementType.isInteger else { return nil }
        guard raw.quantizationDetails == 0 else {
            throw Diagnostic(.unsupported, at: "", "blockwise and custom quantisation are not supported")
        }
        let scales = raw.scales.elements(Float.self)
        if scales.isEmpty { return nil }
        let codes = raw.zeroPoints.elements(Int64.self)
        if scales.count == 1, scales[0] == 0, codes.allSatisfy({ $0 == 0 }) { return nil }
        guard scales.allSatisfy({ $0.isFinite && $0 >= 0 }), scales.count > 1 || scales[0] > 0 else {
            throw Diagnostic(.badModel, at: "", "a scale is zero, negative or not finite")
        }
        let range = elementType.integerRange ?? 0...0
        let zeroPoints = try codes.map { code in
            guard range.contains(code), let narrow = Int32(exactly: code) else {
                throw Diagnostic(.badModel, at: "", "the zero point \(code) is outside \(elementType.rawValue)")
            }
            return narrow
        }
        guard zeroPoints.count <= 1 || zeroPoints.count == scales.count else {
            throw Diagnostic(.badModel, at: "", "\(scales.count) scales and \(zeroPoints.count) zero points")
        }
        if scales.count == 1 { return QuantizationParameters(scale: scales[0], zeroPoint: zeroPoints.first ?? 0) }
        // Old files give a bias the axis of its weights.
        let axis = shape.rank == 1 ? 0 : Int(raw.quantizedDimension)
        guard shape.dimensions.indices.contains(axis), shape[axis] == scales.count else {
            throw Diagnostic(.badModel, at: "", "\(scales.count) scales along axis \(axis) of \(shape)")
        }
        let all =
            zeroPoints.count == scales.count
            ? zeroPoints : [Int32](repeating: zeroPoints.first ?? 0, count: scales.count)
        return QuantizationParameters(scales: scales, zeroPoints: all, axis: axis)
    }

    /// The constant that `tensor` is.
    ///
    /// - Throws: `Diagnostic` when the number of bytes is not the type's.
    mutating func constant(_ tensor: FileTensor, _ span: CTFLSpan) throws -> Tensor {
        let type = tensor.type
        let count = type.shape.elementCount
        let (bits, _) = count.multipliedReportingOverflow(by: type.elementType.bitsInFile)
        guard span.count == (bits + 7) / 8 else {
            throw Diagnostic(
                .badModel, at: "tensor \(tensor.name)",
                "\(span.count) bytes of data for \(type), which takes \((bits + 7) / 8)")
        }
        guard let address = span.data, count > 0 else { return Tensor(zeros: type) }
        let key = ConstantKey(
            address: address, byteCount: type.byteCount, isPacked: type.elementType == .int4,
            isBool: type.elementType == .bool)
        if let shared = constants[key] { return shared.retyped(type) }
        bytesRead += type.byteCount
        guard bytesRead <= limits.totalBytes else {
            throw Diagnostic(.badModel, at: "tensor \(tensor.name)", "the constants take too much memory")
        }
        let read = try copy(span.bytes, as: type)
        constants[key] = read
        return read
    }

    /// `value` as the constant that the input `tensor` becomes.
    func fixed(_ tensor: FileTensor, to value: Tensor) throws -> Tensor {
        guard value.elementType == tensor.type.elementType else {
            throw Diagnostic(
                .usage, at: tensor.name,
                "the value is \(value.elementType.rawValue), the input \(tensor.type.elementType.rawValue)")
        }
        let quantization = tensor.type.quantization?.axis == nil ? tensor.type.quantization : nil
        return value.retyped(TensorType(value.elementType, value.shape, quantization: quantization))
    }

    private func copy(_ bytes: UnsafeRawBufferPointer, as type: TensorType) throws -> Tensor {
        if let packed = Tensor(type, packed: bytes) { return packed }
        var tensor = Tensor(zeros: type)
        tensor.withUnsafeMutableBytes { target in
            switch type.elementType {
            case .bool:
                for i in target.indices { target[i] = bytes[i] == 0 ? 0 : 1 }
            default: target.copyMemory(from: bytes)
            }
        }
        return tensor
    }
}
