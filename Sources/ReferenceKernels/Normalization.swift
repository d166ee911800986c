import Operators
import TensorCore

extension ReferenceKernels {
    /// SOFTMAX over the last axis: the maximum is subtracted first, the sum runs from front to back.
    static func softmax(beta: Float, _ call: Invocation) throws -> Tensor {
        try real(call) { SoftmaxKernel(call: $0, beta: beta) }
    }

    private struct SoftmaxKernel: RealKernel {
        let call: Invocation
        let beta: Float

        func run<T: RealNumber>(_: T.Type) throws -> Tensor {
            let beta = T(Double(beta))
            return try ReferenceKernels.mapRows(call, T.self) { input, output in
                let maximum = input.reduce(-T.infinity) { $0 > $1 ? $0 : $1 }
                var sum: T = 0
                for index in input.indices {
                    output[index] = ((input[index] - maximum) * beta).exponential
                    sum += output[index]
                }
                for index in input.indices { output[index] = output[index] / sum }
            }
        }
    }

    /// LOG_SOFTMAX over the last axis.
    static func logSoftmax(_ call: Invocation) throws -> Tensor { try real(call, LogSoftmaxKernel.init) }

    private struct LogSoftmaxKernel: RealKernel {
        let call: Invocation

        func run<T: RealNumber>(_: T.Type) throws -> Tensor {
            try ReferenceKernels.mapRows(call, T.self) { input, output in
                let maximum = input.reduce(-T.infinity) { $0 > $1 ? $0 : $1 }
                let logarithm = input.reduce(0) { $0 + ($1 - maximum).exponential }.logarithm
                for index in input.indices { output[index] = input[index] - maximum - logarithm }
            }
        }
    }

    /// Calls `body` with every row of the last axis and the row of the result that it fills.
    private static func mapRows<T: TensorElement>(
        _ call: Invocation, _: T.Type,
        _ body: (UnsafeBufferPointer<T>, UnsafeMutableBufferPointer<T>) -> Void
    ) throws -> Tensor {
        let input = try call.input(0)
        var result = Tensor(zeros: try call.output())
        guard let depth = input.shape.dimensions.last, result.count == input.count else { throw call.unsupported() }
        guard input.count > 0 else { return result }
        input.withElements(of: T.self) { source in
            result.withMutableElements(of: T.self) { output in
                for start in stride(from: 0, to: source.count, by: depth) {
                    body(
                        UnsafeBufferPointer(rebasing: source[start..<start + depth]),
                        UnsafeMutableBufferPointer(rebasing: output[start..<start + depth]))
                }
            }
        }
        return result
    }
}
