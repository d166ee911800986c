import Operators
import TensorCore

extension ReferenceKernels {
    /// Float to codes, or codes to codes with other parameters.
    ///
    /// Source: LiteRT `AffineQuantize`, `PerChannelQuantize` and `Requantize` (kernels/quantize.cc).
    static func quantize(_ call: Invocation) throws -> Tensor {
        let (input, output) = (try call.input(0), try call.output())
        guard output.shape.elementCount == input.count else { throw call.badShape() }
        if input.elementType == .float32 {
            switch output.elementType {
            case .int8: return try quantizeReals(input, output, Int8.self, limits: -128...127, call)
            case .uint8: return try quantizeReals(input, output, UInt8.self, limits: 0...255, call)
            case .int16: return try quantizeReals(input, output, Int16.self, limits: -32768...32767, call)
            default: throw call.unsupported("codes of \(output.elementType.rawValue)")
            }
        }
        let codes: [Int32]
        switch (input.elementType, output.elementType) {
        case (.int8, .int8), (.int8, .uint8), (.int8, .int16): codes = input.elements(of: Int8.self).map(Int32.init)
        case (.uint8, .int8), (.uint8, .uint8), (.uint8, .int16): codes = input.elements(of: UInt8.self).map(Int32.init)
        case (.int16, .int8), (.int16, .int16), (.int16, .int32): codes = input.elements(of: Int16.self).map(Int32.init)
        case (.int32, .int8), (.int32, .int16): codes = input.elements(of: Int32.self)
        default: throw call.unsupported("codes of \(output.elementType.rawValue)")
        }
        let (from, to) = (try call.affine(input), try call.affine(output))
        let factor = QuantizedMultiplier(Double(from.scale) / Double(to.scale))
        let results = codes.map {
            FixedPoint.multiply($0 &- from.zeroPoint, by: factor) &+ to.zeroPoint
        }
        func narrowed<T: FixedWidthInteger & TensorElement>(_: T.Type) -> Tensor {
            Tensor(results.map(T.init(clamping:)), shape: output.shape).retyped(output)
        }
        switch output.elementType {
        case .int8: return narrowed(Int8.self)
        case .uint8: return narrowed(UInt8.self)
        case .int16: return narrowed(Int16.self)
        default: return narrowed(Int32.self)
        }
    }

    private static func quantizeReals<C: Code>(
        _ input: Tensor, _ output: TensorType, _: C.Type, limits: ClosedRange<Int32>, _ call: Invocation
    ) throws -> Tensor {
        let channels = try ChannelParameters(output, call)
        var result = Tensor(zeros: output)
        result.withMutableElements(of: C.self) { codes in
            input.withElements(of: Float.self) { reals in
                for i in codes.indices {
                    let (scale, zeroPoint) = channels[i]
                    codes[i] = limits.clamp(roundedInteger(reals[i] / scale).addingSaturated(zeroPoint), as: C.self)
                }
            }
        }
        return result
    }

    /// Codes or float16 to float32.
    ///
    /// Source: LiteRT `Dequantize` and `PerChannelDequantize` (kernels/dequantize.h).
    static func dequantize(_ call: Invocation) throws -> Tensor {
        let (input, output) = (try call.input(0), try call.output())
        guard output.elementType == .float32, output.shape.elementCount == input.count else { throw call.badShape() }
        if input.elementType == .float16 {
            return Tensor(input.elements(of: UInt16.self).map(Float16Bits.toFloat), shape: output.shape)
        }
        let channels = try ChannelParameters(input.type, call)
        func reals<C: Code>(_: C.Type) -> Tensor {
            let values = input.elements(of: C.self).enumerated().map { index, code in
                let (scale, zeroPoint) = channels[index]
                return scale * Float(Int32(code) &- zeroPoint)
            }
            return Tensor(values, shape: output.shape)
        }
        switch input.elementType {
        case .int8: return reals(Int8.self)
        case .uint8: return reals(UInt8.self)
        case .int16: return reals(Int16.self)
        default: throw call.unsupported()
        }
    }
}

/// Scale and zero point of every element of a tensor that is quantised per tensor or per channel.
private struct ChannelParameters {
    private let scales: [Float]
    private let zeroPoints: [Int32]
    /// Elements of one slice of the channel axis.
    private let stride: Int

    init(_ type: TensorType, _ call: Invocation) throws {
        guard let parameters = type.quantization,
            let count = parameters.scales.first.map({ _ in parameters.scales.count }),
            parameters.scales.allSatisfy({ $0 > 0 && $0.isFinite }),
            parameters.zeroPoints.count == count || parameters.zeroPoints.count == 1
        else { throw Diagnostic(.badModel, at: call.name, "\(type) needs positive scales") }
        scales = parameters.scales
        zeroPoints = parameters.zeroPoints
        let axis = parameters.axis ?? 0
        guard axis >= 0, count == 1 || axis < type.shape.rank && type.shape[axis] == count else {
            throw Diagnostic(.badModel, at: call.name, "\(count) scales do not fit \(type.shape)")
        }
        stride = type.shape.dimensions.dropFirst(axis + 1).reduce(1, *)
    }

    subscript(index: Int) -> (scale: Float, zeroPoint: Int32) {
        if scales.count == 1 { return (scales[0], zeroPoints[0]) }
        let channel = index / stride % scales.count
        return (scales[channel], zeroPoints[zeroPoints.count == 1 ? 0 : channel])
    }
}

extension Int32 {
    fileprivate func addingSaturated(_ other: Int32) -> Int32 {
        let (sum, overflow) = addingReportingOverflow(other)
        return overflow ? (other < 0 ? .min : .max) : sum
    }
}
