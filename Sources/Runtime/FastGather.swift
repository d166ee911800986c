import CKernels
import Operators
import TensorCore

extension FastKernels {
    /// Reads element `index` of an int32 or int64 tensor.
    private static func reader(_ site: Site) -> ((Int) -> Int)? {
        switch site.type.elementType {
        case .int32:
            let base = site.elements(Int32.self)
            return { Int(base[$0]) }
        case .int64:
            let base = site.elements(Int64.self)
            return { Int(base[$0]) }
        default: return nil
        }
    }

    static func gather(axis: Int, batch: Int, _ site: KernelSite) -> Step? {
        guard let input = site.input(0), let indices = site.input(1), let output = site.outputs.first, batch == 0,
            let axis = input.shape.normalizedAxis(axis), let index = reader(indices)
        else { return nil }
        let size = input.type.elementType.byteCount
        let extent = input.shape[axis]
        let row = input.shape.dimensions[(axis + 1)...].reduce(1, *) * size
        let count = indices.count
        if row == 4, extent * 4 == input.type.byteCount, indices.type.elementType == .int32 {
            return lookup(input.elements(UInt32.self), extent, indices.elements(Int32.self), output)
        }
        return Step.checked(
            units: output.type.byteCount / row, grain: max(1, 16384 / row), cost: output.type.byteCount / 4,
            body: { range, _ in
                for unit in range {
                    let (outer, position) = unit.quotientAndRemainder(dividingBy: count)
                    let chosen = index(position)
                    guard chosen >= 0, chosen < extent else { return false }
                    (output.address + unit * row).copyMemory(
                        from: input.address + (outer * extent + chosen) * row, byteCount: row)
                }
                return true
            })
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
                        if row == 4 {
                            output.elements(UInt32.self)[unit] = (input.address + offset).load(as: UInt32.self)
                        } else {
                            (output.address + unit * row).copyMemory(from: input.address + offset, byteCount: row)
                        }
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
