import CTFLite
import Operators
import TensorCore

extension OperatorCoding {
    static func decodeResize(_ builtin: String, _ o: CTFLOptions, _ types: CodedTypes) throws -> Operator? {
        let options = ResizeOptions(alignCorners: o.alignCorners, halfPixelCenters: o.halfPixelCenters)
        return switch builtin {
        case "RESIZE_BILINEAR": .resizeBilinear(options)
        case "RESIZE_NEAREST_NEIGHBOR": .resizeNearestNeighbor(options)
        default: nil
        }
    }

    static func encodeResize(_ op: Operator, _ o: inout CTFLOptions) {
        switch op {
        case .resizeBilinear(let options), .resizeNearestNeighbor(let options):
            o.alignCorners = options.alignCorners
            o.halfPixelCenters = options.halfPixelCenters
        default: break
        }
    }
}
