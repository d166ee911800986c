import TensorCore

extension CurveDecoding {
    /// What (x, y) stand for, by their codes: depth for a Hilbert curve, the phase in turns for a phase curve. 65,536
    /// numbers; the number of the codes (x, y) is at index `UInt8(bitPattern: x) + 256 * UInt8(bitPattern: y)`: the two
    /// bytes, x first, read as one little-endian number.
    package func table(_ parameters: QuantizationParameters) -> [Float] {
        let scale = Double(parameters.scale)
        let zeroPoint = Double(parameters.zeroPoint)
        func real(_ index: Int) -> Double { scale * (Double(Int8(truncatingIfNeeded: index)) - zeroPoint) }
        let hilbert = kind == .hilbert ? HilbertCurve(order: order) : nil
        let phase = PhaseCurve(turns: kind == .phase ? order : 1)
        return (0..<65536).map { index in
            let point = SIMD2(real(index & 255), real(index >> 8))
            return Float(hilbert.map { depth(at: $0.nearest(to: point)) } ?? phase.phase(of: point))
        }
    }
}
