import CKernels
import Operators
import TensorCore

/// Part of one tensor copied to part of another: extents, and for both sides a first element and strides in elements.
private struct Region {
    var extents: [Int]
    var from: Int
    var stridesIn: [Int]
    var to: Int
    var stridesOut: [Int]
}

extension FastKernels {
    /// Operators that only move elements; nil for any other.
    static func movement(_ site: KernelSite) -> [Step]? {
        guard let output = site.outputs.first else { return nil }
        switch site.op {
        case .reshape, .expandDims, .squeeze:
            return site.input(0).flatMap { whole($0, output) }
        case .transpose:
            guard let input = site.input(0), let axes = site.input(1)?.integers else { return nil }
            let strides = input.shape.strides
            return copies([
                (
                    input, output,
                    Region(
                        extents: output.shape.dimensions, from: 0,
                        stridesIn: axes.map { strides[$0 < 0 ? $0 + strides.count : $0] }, to: 0,
                        stridesOut: output.shape.strides)
                )
            ])
        case .concatenation(let axis, let activation):
            guard activation == .none, let axis = output.shape.normalizedAxis(axis) else { return nil }
            return joined(site.inputs, output, axis: axis)
        case .pack(let axis, _):
            return joined(
                site.inputs.map { input in
                    input.map { input in
                        var dimensions = input.shape.dimensions
                        dimensions.insert(1, at: axis < 0 ? axis + output.shape.rank : axis)
                        return Site(
                            type: input.type.with(shape: Shape(dimensions)), address: input.address,
                            constant: input.constant)
                    }
                }, output, axis: axis < 0 ? axis + output.shape.rank : axis)
        case .split:
            guard let input = site.input(1), let axis = site.input(0)?.integers?.first else { return nil }
            return parted(input, site.outputs, axis: axis)
        case .splitV:
            guard let input = site.input(0), let axis = site.input(2)?.integers?.first else { return nil }
            return parted(input, site.outputs, axis: axis)
        case .unpack(let axis, _):
            guard let input = site.input(0), let axis = input.shape.normalizedAxis(axis) else { return nil }
            return parted(
                input,
                site.outputs.map { output in
                    var dimensions = output.shape.dimensions
                    dimensions.insert(1, at: axis)
                    return Site(type: output.type.with(shape: Shape(dimensions)), address: output.address)
                }, axis: axis)
        case .slice:
            guard let input = site.input(0), let begin = site.input(1)?.integers else { return nil }
            return sliced(input, output, begin: begin, step: begin.map { _ in 1 }, count: output.shape.dimensions)
        case .stridedSlice(let op):
            guard let input = site.input(0), let begin = site.input(1)?.integers, let end = site.input(2)?.integers,
                let strides = site.input(3)?.integers,
                let resolved = ResolvedSlice(op, input: input.shape, begin: begin, end: end, strides: strides)
            else { return nil }
            return sliced(input, output, begin: resolved.begin, step: resolved.step, count: resolved.count)
        case .reverse:
            guard let input = site.input(0), let axes = site.input(1)?.integers else { return nil }
            let reversed = Set(axes.compactMap(input.shape.normalizedAxis))
            let all = input.shape.dimensions.indices
            return sliced(
                input, output, begin: all.map { reversed.contains($0) ? input.shape[$0] - 1 : 0 },
                step: all.map { reversed.contains($0) ? -1 : 1 }, count: input.shape.dimensions)
        case .broadcastTo:
            guard let input = site.input(0) else { return nil }
            return copies([
                (
                    input, output,
                    Region(
                        extents: output.shape.dimensions, from: 0,
                        stridesIn: broadcastStrides(input.shape, to: output.shape), to: 0,
                        stridesOut: output.shape.strides)
                )
            ])
        case .tile: return tiled(site, output)
        case .pad, .padV2: return padded(site, output)
        case .depthToSpace(let block):
            guard let input = site.input(0) else { return nil }
            return blocks(deep: input, wide: output, block: block, toWide: true)
        case .spaceToDepth(let block):
            guard let input = site.input(0) else { return nil }
            return blocks(deep: output, wide: input, block: block, toWide: false)
        default: return nil
        }
    }

    private static func whole(_ input: Site, _ output: Site) -> [Step]? {
        guard input.type.byteCount == output.type.byteCount else { return nil }
        return copies([
            (
                input, output,
                Region(extents: [input.count], from: 0, stridesIn: [1], to: 0, stridesOut: [1])
            )
        ])
    }

    private static func joined(_ inputs: [Site?], _ output: Site, axis: Int) -> [Step]? {
        var start = 0
        var list: [(Site, Site, Region)] = []
        for case let input? in inputs {
            guard input.type.quantization == output.type.quantization else { return nil }
            list.append(
                (
                    input, output,
                    Region(
                        extents: input.shape.dimensions, from: 0, stridesIn: input.shape.strides,
                        to: start * output.shape.strides[axis], stridesOut: output.shape.strides)
                ))
            start += input.shape[axis]
        }
        return list.count == inputs.count ? copies(list) : nil
    }

    private static func parted(_ input: Site, _ outputs: [Site], axis: Int) -> [Step]? {
        guard let axis = input.shape.normalizedAxis(axis) else { return nil }
        var start = 0
        var list: [(Site, Site, Region)] = []
        for output in outputs {
            list.append(
                (
                    input, output,
                    Region(
                        extents: output.shape.dimensions, from: start * input.shape.strides[axis],
                        stridesIn: input.shape.strides, to: 0, stridesOut: output.shape.strides)
                ))
            start += output.shape[axis]
        }
        return copies(list)
    }

    private static func sliced(_ input: Site, _ output: Site, begin: [Int], step: [Int], count: [Int]) -> [Step]? {
        let strides = input.shape.strides
        guard begin.count == strides.count, count.reduce(1, *) == output.count else { return nil }
        return copies([
            (
                input, output,
                Region(
                    extents: count, from: zip(begin, strides).reduce(0) { $0 + $1.0 * $1.1 },
                    stridesIn: zip(strides, step).map { $0 * $1 }, to: 0, stridesOut: Shape(count).strides)
            )
        ])
    }

    private static func tiled(_ site: KernelSite, _ output: Site) -> [Step]? {
        guard let input = site.input(0), let multiples = site.input(1)?.integers,
            multiples.count == input.shape.rank
        else { return nil }
        var extents: [Int] = []
        var stridesIn: [Int] = []
        for axis in 0..<input.shape.rank {
            extents += [multiples[axis], input.shape[axis]]
            stridesIn += [0, input.shape.strides[axis]]
        }
        return copies([
            (
                input, output,
                Region(
                    extents: extents, from: 0, stridesIn: stridesIn, to: 0, stridesOut: Shape(extents).strides)
            )
        ])
    }

    private static func padded(_ site: KernelSite, _ output: Site) -> [Step]? {
        guard let input = site.input(0), let paddings = site.input(1)?.integers,
            paddings.count == 2 * input.shape.rank
        else { return nil }
        var value = [UInt8](repeating: 0, count: input.type.elementType.byteCount)
        if case .padV2 = site.op {
            guard let constant = site.input(2)?.constant, constant.count == 1 else { return nil }
            value = constant.withUnsafeBytes { Array($0) }
        } else if let q = input.type.quantization {
            guard Requantization.isCode(input.type) else { return nil }
            value = [UInt8(truncatingIfNeeded: q.zeroPoint)]
        }
        let strides = output.shape.strides
        let region = Region(
            extents: input.shape.dimensions, from: 0, stridesIn: input.shape.strides,
            to: strides.indices.reduce(0) { $0 + paddings[2 * $1] * strides[$1] }, stridesOut: strides)
        guard let copy = copies([(input, output, region)]) else { return nil }
        let first = value.first ?? 0
        let width = value.count
        if value.allSatisfy({ $0 == first }) {
            let fill = Step(units: output.type.byteCount, grain: 1 << 16, cost: output.type.byteCount / 8) { range, _ in
                (output.address + range.lowerBound).initializeMemory(
                    as: UInt8.self, repeating: first, count: range.count)
            }
            return [fill] + copy
        }
        let fill = Step(units: output.count, grain: 1 << 14, cost: output.count) { range, _ in
            for index in range {
                for byte in 0..<width { output.elements(UInt8.self)[index * width + byte] = value[byte] }
            }
        }
        return [fill] + copy
    }

    /// DEPTH_TO_SPACE and its inverse: channel `(y * block + x) * C + c` of the deep tensor is pixel (y, x) of a block.
    private static func blocks(deep: Site, wide: Site, block: Int, toWide: Bool) -> [Step]? {
        let (n, h, w, c) = (deep.shape[0], deep.shape[1], deep.shape[2], wide.shape[3])
        let extents = [n, h, block, w, block, c]
        let deepStrides = [
            h * w * block * block * c, w * block * block * c, block * c, block * block * c, c, 1,
        ]
        let wideStrides = [h * block * w * block * c, block * w * block * c, w * block * c, block * c, c, 1]
        return copies([
            (
                toWide ? deep : wide, toWide ? wide : deep,
                Region(
                    extents: extents, from: 0, stridesIn: toWide ? deepStrides : wideStrides, to: 0,
                    stridesOut: toWide ? wideStrides : deepStrides)
            )
        ])
    }

    /// One step for every region; nil when one has too many axes.
    private static func copies(_ list: [(Site, Site, Region)]) -> [Step]? {
        var steps: [Step] = []
        for (input, output, region) in list {
            let size = input.type.elementType.byteCount
            guard size == output.type.elementType.byteCount else { return nil }
            let kept = region.extents.indices.filter { region.extents[$0] != 1 }
            guard kept.count <= Int(CK_MAX_RANK) else { return nil }
            var plan = ck_movement()
            plan.rank = Int32(kept.count)
            plan.element = Int32(size)
            fill(&plan.extent, kept.map { region.extents[$0] })
            fill(&plan.stride_in, kept.map { region.stridesIn[$0] * size })
            fill(&plan.stride_out, kept.map { region.stridesOut[$0] * size })
            ck_movement_prepare(&plan)
            let bytes = region.extents.reduce(1, *) * size
            let units = Int(plan.extent.0)
            let from = input.address + region.from * size
            let to = output.address + region.to * size
            if plan.rank == 1, plan.stride_in.0 == 0, units == 1 {
                // One dense run: cut it into bytes.
                steps.append(
                    Step(units: bytes, grain: 1 << 16, cost: bytes / 8) { range, _ in
                        (to + range.lowerBound).copyMemory(from: from + range.lowerBound, byteCount: range.count)
                    })
                continue
            }
            let prepared = plan
            let dense = Int(plan.element)
            steps.append(
                Step(units: units, grain: max(1, units * 16384 / bytes), cost: bytes / 8 + bytes / dense * 2) {
                    range, _ in
                    var plan = prepared
                    ck_move(&plan, from, to, Int64(range.lowerBound), Int64(range.upperBound))
                })
        }
        return steps
    }

    private static func fill(
        _ tuple: inout (Int64, Int64, Int64, Int64, Int64, Int64, Int64, Int64), _ values: [Int]
    ) {
        withUnsafeMutableBytes(of: &tuple) { bytes in
            let numbers = bytes.bindMemory(to: Int64.self)
            for (index, value) in values.enumerated() { numbers[index] = Int64(value) }
        }
    }
}
