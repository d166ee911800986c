import CTFLite
import Operators
import TensorCore

extension OperatorCoding {
    static func decodePooling(_ builtin: String, _ o: CTFLOptions, _ types: CodedTypes) throws -> Operator? {
        guard builtin == "AVERAGE_POOL_2D" || builtin == "MAX_POOL_2D" else { return nil }
        let pool = Pool2D(
            window: Extent2D(height: Int(o.filterHeight), width: Int(o.filterWidth)),
            stride: Extent2D(height: Int(o.strideHeight), width: Int(o.strideWidth)),
            padding: try Padding(tflite: o.padding), activation: try Activation(tflite: o.activation))
        return builtin == "AVERAGE_POOL_2D" ? .averagePool2D(pool) : .maxPool2D(pool)
    }

    static func encodePooling(_ op: Operator, _ o: inout CTFLOptions) throws {
        switch op {
        case .averagePool2D(let op), .maxPool2D(let op):
            o.filterHeight = try int32(op.window.height)
            o.filterWidth = try int32(op.window.width)
            o.strideHeight = try int32(op.stride.height)
            o.strideWidth = try int32(op.stride.width)
            o.padding = op.padding.tflite
            o.activation = op.activation.tflite
        default: break
        }
    }
}
