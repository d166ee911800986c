import CTFLite
import Operators
import TensorCore

extension OperatorCoding {
    static func decodeMatrixMultiply(_ builtin: String, _ o: CTFLOptions, _ types: CodedTypes) throws -> Operator? {
        switch builtin {
        case "FULLY_CONNECTED":
            guard o.weightsFormat == 0 else { throw unsupported("shuffled weights") }
            if types.input(1)?.elementType != .int16 {
                try checkBiasType(o, input: types.input(0), weights: types.input(1), bias: types.input(2))
            }
            return .fullyConnected(
                FullyConnected(
                    keepDimensions: o.keepDimensions, activation: try Activation(tflite: o.activation),
                    asymmetricQuantizeInputs: o.asymmetricQuantizeInputs))
        case "BATCH_MATMUL":
            return .batchMatMul(
                BatchMatMul(
                    adjointLeft: o.adjointX, adjointRight: o.adjointY,
                    asymmetricQuantizeInputs: o.asymmetricQuantizeInputs))
        default: return nil
        }
    }

    static func encodeMatrixMultiply(_ op: Operator, _ types: CodedTypes, _ o: inout CTFLOptions) throws {
        switch op {
        case .fullyConnected(let op):
            o.keepDimensions = op.keepDimensions
            o.activation = op.activation.tflite
            o.asymmetricQuantizeInputs = op.asymmetricQuantizeInputs
            o.quantizedBiasType = biasType(input: types.input(0), bias: types.input(2))
        case .batchMatMul(let op):
            o.adjointX = op.adjointLeft
            o.adjointY = op.adjointRight
            o.asymmetricQuantizeInputs = op.asymmetricQuantizeInputs
        default: break
        }
    }
}
