import TensorCore

extension Tensor {
    /// float16 elements as float32 (exact); any other tensor as it is.
    func widened() -> Tensor {
        guard elementType == .float16 else { return self }
        var result = Tensor(zeros: TensorType(.float32, shape))
        withElements(of: UInt16.self) { halves in
            result.withMutableElements(of: Float.self) { floats in
                for index in floats.indices { floats[index] = Float16Bits.toFloat(halves[index]) }
            }
        }
        return result
    }

    /// float32 elements rounded to float16, ties to even.
    func narrowed() -> Tensor {
        var result = Tensor(zeros: TensorType(.float16, shape))
        withElements(of: Float.self) { floats in
            result.withMutableElements(of: UInt16.self) { halves in
                for index in halves.indices { halves[index] = Float16Bits.fromFloat(floats[index]) }
            }
        }
        return result
    }
}

extension Invocation {
    /// Calls `kernel` with every float16 operand and result widened to float32, and rounds the results once.
    func inSinglePrecision(_ kernel: (Invocation) throws -> Tensor) throws -> Tensor {
        let results = try inSinglePrecision { [try kernel($0)] }
        guard let result = results.first else { throw unsupported() }
        return result
    }

    func inSinglePrecision(_ kernel: (Invocation) throws -> [Tensor]) throws -> [Tensor] {
        guard inputs.contains(where: { $0?.elementType == .float16 }) else { return try kernel(self) }
        let wide = Invocation(
            name: name, inputs: inputs.map { $0?.widened() },
            outputs: outputs.map { $0.elementType == .float16 ? TensorType(.float32, $0.shape) : $0 })
        return try zip(outputs, kernel(wide)).map { type, result in
            type.elementType == .float16 ? result.narrowed() : result
        }
    }
}
