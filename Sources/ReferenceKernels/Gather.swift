import Operators
import TensorCore

extension ReferenceKernels {
    /// GATHER: slices along `axis`. Negative indices are out of range, as in LiteRT.
    static func gather(axis: Int, batchDimensions: Int, _ call: Invocation) throws -> Tensor {
        let (source, indices) = (try call.input(0), try call.input(1))
        var result = Tensor(zeros: try call.output())
        let shape = source.shape.dimensions
        guard let axis = source.shape.normalizedAxis(axis),
            let batch = batchDimensions < 0 ? indices.shape.normalizedAxis(batchDimensions) : batchDimensions,
            batch <= axis, batch <= indices.shape.rank
        else { throw call.unsupported("axis \(axis)") }
        let places = try checkedIndices(indices, below: shape[axis], call)
        let batches = shape[..<batch].reduce(1, *)
        let outer = shape[batch..<axis].reduce(1, *)
        let inner = shape[(axis + 1)...].reduce(1, *)
        let perBatch = indices.shape.dimensions[batch...].reduce(1, *)
        guard result.count == batches * outer * perBatch * inner else { throw call.unsupported("this shape") }
        result.copySlices(from: source, elements: inner) { copy in
            for b in 0..<batches {
                for o in 0..<outer {
                    for i in 0..<perBatch {
                        let to = (b * outer + o) * perBatch + i
                        copy(to, (b * outer + o) * shape[axis] + places[b * perBatch + i])
                    }
                }
            }
        }
        return result
    }

    static func gatherND(_ call: Invocation) throws -> Tensor {
        let (source, indices) = (try call.input(0), try call.input(1))
        var result = Tensor(zeros: try call.output())
        let depth = indices.shape.dimensions.last ?? 0
        let places = try slicePositions(indices, in: source.shape, call)
        let inner = source.shape.dimensions.dropFirst(depth).reduce(1, *)
        guard result.count == places.count * inner else { throw call.unsupported("this shape") }
        result.copySlices(from: source, elements: inner) { copy in
            for (to, from) in places.enumerated() { copy(to, from) }
        }
        return result
    }

    /// SCATTER_ND: updates of one place add up, as in LiteRT; bools are joined by "or".
    static func scatterND(_ call: Invocation) throws -> Tensor {
        try call.inSinglePrecision { call in
            let (indices, updates) = (try call.input(0), try call.input(1))
            let type = try call.output()
            let places = try slicePositions(indices, in: type.shape, call)
            let inner = type.shape.dimensions.dropFirst(indices.shape.dimensions.last ?? 0).reduce(1, *)
            guard updates.elementType == type.elementType, updates.count == places.count * inner else {
                throw call.unsupported()
            }
            if type.elementType == .bool {
                var result = Tensor(zeros: type)
                updates.withElements(of: UInt8.self) { source in
                    result.withMutableElements(of: UInt8.self) { output in
                        for (index, place) in places.enumerated() {
                            for i in 0..<inner where source[index * inner + i] != 0 { output[place * inner + i] = 1 }
                        }
                    }
                }
                return result
            }
            let kernel = ScatterKernel(type: type, places: places, inner: inner, updates: updates)
            guard let result = try withNumber(type.elementType, kernel) else { throw call.unsupported() }
            return result
        }
    }

    private struct ScatterKernel: NumberKernel {
        let type: TensorType
        let places: [Int]
        let inner: Int
        let updates: Tensor

        func run<T: Number>(_: T.Type) throws -> Tensor {
            var result = Tensor(zeros: type)
            updates.withElements(of: T.self) { source in
                result.withMutableElements(of: T.self) { output in
                    for (index, place) in places.enumerated() {
                        for i in 0..<inner {
                            let at = place * inner + i
                            output[at] = output[at].adding(source[index * inner + i])
                        }
                    }
                }
            }
            return result
        }
    }

    /// ONE_HOT: indices outside the depth give a slice of off values.
    static func oneHot(axis: Int, _ call: Invocation) throws -> Tensor {
        let (indices, on, off) = (try call.input(0), try call.input(2), try call.input(3))
        var result = Tensor(zeros: try call.output())
        guard let places = indices.integers(), on.count == 1, off.count == 1, on.elementType == off.elementType else {
            throw call.unsupported()
        }
        let position = axis < 0 ? indices.shape.rank : axis
        guard position < result.shape.rank else { throw call.unsupported("axis \(axis)") }
        let depth = result.shape[position]
        let inner = indices.shape.dimensions[position...].reduce(1, *)
        result.fill(with: off)
        result.copySlices(from: on, elements: 1) { copy in
            for (index, place) in places.enumerated() where place >= 0 && place < depth {
                copy((index / inner * depth + place) * inner + index % inner, 0)
            }
        }
        return result
    }

    /// The indices as integers.
    ///
    /// - Throws: `Diagnostic` (.badData) for one outside `0 ..< extent`.
    private static func checkedIndices(_ indices: Tensor, below extent: Int, _ call: Invocation) throws -> [Int] {
        guard let places = indices.integers() else { throw call.unsupported() }
        if let wrong = places.first(where: { $0 < 0 || $0 >= extent }) {
            throw Diagnostic(.badData, at: call.name, "index \(wrong) of \(extent)")
        }
        return places
    }

    /// The slice, in units of slices, that every index tuple (the last axis of `indices`) speaks of.
    private static func slicePositions(_ indices: Tensor, in shape: Shape, _ call: Invocation) throws -> [Int] {
        guard let values = indices.integers(), let depth = indices.shape.dimensions.last, depth <= shape.rank else {
            throw call.unsupported()
        }
        return try (0..<indices.shape.dimensions.dropLast().reduce(1, *)).map { tuple in
            try (0..<depth).reduce(0) { position, axis in
                let index = values[tuple * depth + axis]
                guard index >= 0, index < shape[axis] else {
                    throw Diagnostic(.badData, at: call.name, "index \(index) of \(shape[axis])")
                }
                return position * shape[axis] + index
            }
        }
    }
}

extension Tensor {
    /// Copies runs of `elements` elements: `body` calls its argument with target and source positions in such runs.
    mutating func copySlices(from source: Tensor, elements: Int, _ body: ((Int, Int) -> Void) -> Void) {
        let size = elements * elementType.byteCount
        guard size > 0 else { return }
        source.withUnsafeBytes { input in
            withUnsafeMutableBytes { output in
                body { to, from in
                    let slice = UnsafeRawBufferPointer(rebasing: input[from * size..<(from + 1) * size])
                    UnsafeMutableRawBufferPointer(rebasing: output[to * size..<(to + 1) * size]).copyMemory(from: slice)
                }
            }
        }
    }
}
