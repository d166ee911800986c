import TensorCore

/// What an operator costs, from its types alone.
public enum Cost {
    /// Multiply-accumulates of convolutions and matrix products; 0 for everything else.
    public static func multiplyAccumulates(of op: Operator, inputs: [TensorType?], outputs: [TensorType]) -> Int {
        func shape(_ index: Int) -> Shape { index < inputs.count ? inputs[index]?.shape ?? [] : [] }
        let results = outputs.first?.shape.elementCount ?? 0
        switch op {
        case .conv2D: return results * shape(1).dimensions.dropFirst().reduce(1, *)
        case .depthwiseConv2D: return results * shape(1).dimensions.dropLast().reduce(1, *)
        case .transposeConv:
            return shape(2).elementCount * shape(1).dimensions.dropLast().reduce(1, *)
        case .fullyConnected: return results * (shape(1).dimensions.last ?? 0)
        case .batchMatMul(let op): return results * (op.adjointLeft ? shape(0)[-2] : shape(0)[-1])
        default: return 0
        }
    }
}
