import CKernels
import Operators
import TensorCore

extension FastKernels {
    static func gather(axis: Int, batch: Int, _ site: KernelSite) -> Step? {
        guard let input = site.input(0), let indices = site.input(1), let output = site.outputs.first,
            let axis = input.shape.normalizedAxis(axis),
            let batch = batch < 0 ? indices.shape.normalizedAxis(batch) : batch, batch <= axis,
            batch <= indices.shape.rank
        else { return nil }
        let size = input.type.elementType.byteCount
        let extent = input.shape[axis]
        let row = input.shape.dimensions[(axis + 1)...].reduce(1, *) * size
        if row == 4, extent * 4 == input.type.byteCount, indices.type.elementType == .int32 {
            return lookup(input.elements(UInt32.self), extent, indices.elements(Int32.self), output)
        }
        // Blocks share their indices among the axes between the batch and the gathered one.
        let shared = input.shape.dimensions[batch..<axis].reduce(1, *)
        let count = indices.shape.dimensions[batch...].reduce(1, *)
        guard count > 0, row > 0, output.type.byteCount % (row * count) == 0 else { return nil }
        func step<I: FixedWidthInteger>(_: I.Type) -> Step {
            let places = indices.elements(I.self)
            return Step.checked(
                units: output.type.byteCount / row, grain: max(1, 16384 / row), cost: output.type.byteCount / 4,
                body: { range, _ in
                    var unit = range.lowerBound
                    while unit < range.upperBound {
                        let (block, first) = unit.quotientAndRemainder(dividingBy: count)
                        let used = min(count - first, range.upperBound - unit)
                        let source = input.address + block * extent * row
                        let chosen = places + (block / shared * count + first)
                        for position in 0..<used {
                            let index = Int(chosen[position])
                            guard index >= 0, index < extent else { return false }
                            copyRow(source + index * row, output.address + (unit + position) * row, row)
                        }
                        unit += used
                    }
                    return true
                })
        }
        switch indices.type.elementType {
        case .int32: return step(Int32.self)
        case .int64: return step(Int64.self)
        default: return nil
        }
    }

    @inline(__always)
    private static func copyRow(_ from: UnsafeMutableRawPointer, _ to: UnsafeMutableRawPointer, _ bytes: Int) {
        if bytes == 4 {
            to.storeBytes(of: from.load(as: UInt32.self), as: UInt32.self)
        } else {
            to.copyMemory(from: from, byteCount: bytes)
        }
    }

    /// Elements of 4 bytes from a table of one axis: a decode table.
    private static func lookup(
        _ table: UnsafeMutablePointer<UInt32>, _ extent: Int, _ indices: UnsafeMutablePointer<Int32>, _ output: Site
    ) -> Step {
        let result = output.elements(UInt32.self)
        return Step.checked(
            units: output.count, grain: 4096, cost: output.count,
            body: { range, _ in
                for unit in range {
                    let index = Int(indices[unit])
                    guard index >= 0, index < extent else { return false }
                    result[unit] = table[index]
                }
                return true
            })
    }

    static func gatherND(_ site: KernelSite) -> Step? {
        guard let input = site.input(0), let indices = site.input(1), let output = site.outputs.first,
            let depth = indices.shape.dimensions.last, depth > 0
        else { return nil }
        let size = input.type.elementType.byteCount
        let row = input.shape.dimensions[depth...].reduce(1, *) * size
        let extents = Array(input.shape.dimensions[..<depth])
        let strides = input.shape.strides[..<depth].map { $0 * size }
        let units = indices.count / depth
        func step<I: FixedWidthInteger>(_: I.Type) -> Step {
            let base = indices.elements(I.self)
            return Step.checked(
                units: units, grain: max(1, 16384 / (row + 8 * depth)), cost: units * (depth + row / 8),
                body: { range, _ in
                    for unit in range {
                        var offset = 0
                        for axis in 0..<depth {
                            let index = Int(base[unit * depth + axis])
                            guard index >= 0, index < extents[axis] else { return false }
                            offset += index * strides[axis]
                        }
                        copyRow(input.address + offset, output.address + unit * row, row)
                    }
                    return true
                })
        }
        switch indices.type.elementType {
        case .int32: return step(Int32.self)
        case .int64: return step(Int64.self)
        default: return nil
        }
    }
}
