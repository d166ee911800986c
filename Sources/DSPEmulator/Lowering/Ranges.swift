import TensorCore

extension DelegateGraphBuilder {
    /// The real numbers that the lowest and the highest code of a tensor stand for, in binary32.
    ///
    /// Source: hexagon/builders/op_builder.h, ComputeMinAndMaxQuantValues.
    ///
    /// - Throws: `Diagnostic` for tensors without scale or of other types than uint8, int8 and int32.
    func range(of tensor: Int) throws -> (min: Float, max: Float) {
        let listed = listing[tensor: tensor]
        guard let quantization = listed.type.quantization else {
            throw buildFailure("\(listed.name) has no scale")
        }
        let ends: (Float, Float)
        switch listed.type.elementType {
        case .uint8: ends = (0, 255)
        case .int8: ends = (-128, 127)
        // The upper end is rounded to 2^31.
        case .int32: ends = (-0x1p31, 0x1p31)
        default: throw buildFailure("\(listed.name) is \(listed.type.elementType.rawValue)")
        }
        let zeroPoint = Float(quantization.zeroPoint)
        return (quantization.scale * (ends.0 - zeroPoint), quantization.scale * (ends.1 - zeroPoint))
    }

    /// As ``range(of:)``, zeros where there is none: builders that do not look at the status go on with these.
    func rangeOrZero(of tensor: Int) -> (min: Float, max: Float) {
        do { return try range(of: tensor) } catch { return (0, 0) }
    }

    /// Constants for the ends of a tensor's range.
    mutating func rangeConstants(of tensor: Int) throws -> [HexagonReference] {
        let range = try range(of: tensor)
        return [number(range.min), number(range.max)]
    }

    /// A requantisation of `result` (codes and range) to a range. Returns the codes.
    mutating func requantize(
        _ result: [HexagonReference], to range: [HexagonReference], shape: [Int], op: HexagonOperator = .requantize8To8,
        source: Int
    ) -> HexagonReference {
        complete(reserve(op, source: source), result + range, shape: shape)[0]
    }
}
