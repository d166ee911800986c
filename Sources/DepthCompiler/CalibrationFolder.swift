import Foundation
import GraphIR
import ImageIO
import TensorCore

/// Calibration samples in a folder: `NAME.npy` for models of one input, or a folder a sample with `INPUT.npy`.
public struct CalibrationFolder: Sendable {
    public let path: String
    private let entries: [String]

    /// - Throws: `Diagnostic` (.missingFile) when there is no such folder.
    public init(_ path: String) throws {
        self.path = path
        guard let found = try? FileManager.default.contentsOfDirectory(atPath: path) else {
            throw Diagnostic(.missingFile, at: path, "is no folder that can be read")
        }
        entries = found.sorted()
    }

    /// The samples in order of name, each with one tensor for every input of `graph`. Arrays are in the source's layout
    /// and are permuted to the graph's. A single array may hold several samples along its first axis.
    public func samples(for graph: Graph) throws -> AnySequence<[Tensor]> {
        var samples: [() throws -> [Tensor]] = []
        for entry in entries {
            let full = "\(path)/\(entry)"
            var isFolder: ObjCBool = false
            guard FileManager.default.fileExists(atPath: full, isDirectory: &isFolder) else { continue }
            if isFolder.boolValue {
                samples.append {
                    try graph.inputs.map { port in
                        try fit(NPY.read("\(full)/\(Session.fileName(port.sourceName)).npy"), port, graph)
                    }
                }
            } else if entry.hasSuffix(".npy"), graph.inputs.count == 1 {
                samples.append { [try fit(NPY.read(full), graph.inputs[0], graph)] }
            }
        }
        let loaded = try samples.map { try $0() }
        return AnySequence(loaded)
    }

    private func fit(_ tensor: Tensor, _ port: GraphIR.Port, _ graph: Graph) throws -> Tensor {
        let type = graph.type(of: port.value)
        var result = tensor
        if let permutation = port.sourcePermutation, tensor.shape.rank == permutation.count {
            result = tensor.permuted(permutation)
        }
        guard result.shape == type.shape else {
            throw Diagnostic(
                .badData, at: "input \(port.sourceName)",
                "a calibration sample is \(tensor.shape), the model takes \(type.shape)")
        }
        return result
    }
}

extension Tensor {
    /// Axis i of the result is axis `permutation[i]` of this tensor.
    public func permuted(_ permutation: [Int]) -> Tensor {
        let shape = Shape(permutation.map { self.shape[$0] })
        var result = Tensor(zeros: type.with(shape: shape))
        let size = elementType.byteCount
        let strides = permutation.map { self.shape.strides[$0] }
        withUnsafeBytes { source in
            result.withUnsafeMutableBytes { target in
                var index = [Int](repeating: 0, count: shape.rank)
                var offset = 0
                for position in 0..<shape.elementCount {
                    for byte in 0..<size { target[position * size + byte] = source[offset * size + byte] }
                    var axis = shape.rank - 1
                    while axis >= 0 {
                        index[axis] += 1
                        offset += strides[axis]
                        if index[axis] < shape[axis] { break }
                        offset -= strides[axis] * shape[axis]
                        index[axis] = 0
                        axis -= 1
                    }
                }
            }
        }
        return result
    }
}
