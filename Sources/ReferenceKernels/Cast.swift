import Operators
import TensorCore

extension ReferenceKernels {
    /// CAST. Float to integer truncates towards zero and saturates, NaN becomes 0; integer to integer keeps the low bits;
    /// anything to bool is "not 0"; to float rounds once.
    static func cast(to target: ElementType, _ call: Invocation) throws -> Tensor {
        let source = try call.input(0)
        if source.elementType == target { return source.retyped(try call.output()) }
        let halved = Invocation(name: call.name, inputs: [source.widened()], outputs: call.outputs)
        let type = source.elementType == .bool ? .uint8 : try halved.input(0).elementType
        guard let result = try withNumber(type, CastKernel(target: target, call: halved)) else {
            throw call.unsupported()
        }
        return result
    }

    /// The same bytes as another type (`Inference.bitcast`).
    static func bitcast(_ call: Invocation) throws -> Tensor {
        let (input, type) = (try call.input(0), try call.output())
        guard let result = input.withUnsafeBytes({ Tensor(type, bytes: $0) }) else { throw call.unsupported() }
        return result
    }

    private struct CastKernel: NumberKernel {
        let target: ElementType
        let call: Invocation

        func run<T: Number>(_: T.Type) throws -> Tensor {
            switch target {
            case .bool: try ReferenceKernels.mapped(call, T.self, UInt8.self) { $0 == T(Int32(0)) ? 0 : 1 }
            case .float16: try ReferenceKernels.mapped(call, T.self, UInt16.self) { $0.half }
            case .float32: try ReferenceKernels.mapped(call, T.self, Float.self) { $0.single }
            case .float64: try ReferenceKernels.mapped(call, T.self, Double.self) { $0.wide }
            case .int4:
                try ReferenceKernels.mapped(call, T.self, Int8.self) { $0.nibble }
            case .int8: try integer(T.self, Int8.self)
            case .int16: try integer(T.self, Int16.self)
            case .int32: try integer(T.self, Int32.self)
            case .int64: try integer(T.self, Int64.self)
            case .uint8: try integer(T.self, UInt8.self)
            case .uint16: try integer(T.self, UInt16.self)
            case .uint32: try integer(T.self, UInt32.self)
            case .uint64: try integer(T.self, UInt64.self)
            }
        }

        private func integer<T: Number, R: WholeNumber>(_: T.Type, _: R.Type) throws -> Tensor {
            try ReferenceKernels.mapped(call, T.self, R.self) { $0.integer(R.self) }
        }
    }
}
