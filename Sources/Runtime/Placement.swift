import GraphIR
import Operators
import TensorCore

/// Where the values of a graph lie in one block of memory: values whose lives overlap never share bytes.
struct Placement {
    /// Offset of every graph input and node result; results of reshapes share their operand's.
    private(set) var offsets: [ValueID: Int] = [:]
    private(set) var byteCount = 0

    private struct Block {
        var bytes: Int
        var first: Int
        var last: Int
        var offset = 0
    }

    init(_ graph: Graph) {
        var blockOf: [ValueID: Int] = [:]
        var blocks: [Block] = []
        func add(_ value: ValueID, at time: Int) {
            blockOf[value] = blocks.count
            blocks.append(Block(bytes: (graph.type(of: value).byteCount + 127) & ~63, first: time, last: time))
        }
        for port in graph.inputs { add(port.value, at: -1) }
        let nodes = graph.nodes
        for (time, node) in nodes.enumerated() {
            for case let input? in node.inputs {
                if let block = blockOf[input] { blocks[block].last = time }
            }
            let fused = DecodeFusion(node, in: graph)?.words ?? LookupFusion(node, in: graph)?.codes
            if let fused, let block = blockOf[fused] { blocks[block].last = time }
            for output in node.outputs {
                if Placement.isView(node.op), let source = node.inputs.first.flatMap({ $0 }),
                    let block = blockOf[source]
                {
                    blockOf[output] = block
                } else {
                    add(output, at: time)
                }
            }
        }
        for port in graph.outputs { if let block = blockOf[port.value] { blocks[block].last = nodes.count } }

        // Largest first, each at the lowest free offset.
        var placed: [Int] = []
        for index in blocks.indices.sorted(by: { (blocks[$0].bytes, $1) > (blocks[$1].bytes, $0) }) {
            let block = blocks[index]
            var offset = 0
            // Absurd sizes, which broken files have, are not placed; whoever allocates sees the count and refuses.
            guard block.bytes < 1 << 40, byteCount < 1 << 40 else {
                byteCount = 1 << 40
                continue
            }
            for other in placed.sorted(by: { blocks[$0].offset < blocks[$1].offset }) {
                let taken = blocks[other]
                guard taken.first <= block.last, block.first <= taken.last else { continue }
                if taken.offset >= offset + block.bytes { break }
                offset = max(offset, taken.offset + taken.bytes)
            }
            blocks[index].offset = offset
            byteCount = max(byteCount, offset + block.bytes)
            placed.append(index)
        }
        for (value, block) in blockOf { offsets[value] = blocks[block].offset }
    }

    /// True when the result has its first operand's bytes.
    static func isView(_ op: Operator) -> Bool {
        switch op {
        case .reshape, .expandDims, .squeeze, .bitcast: true
        default: false
        }
    }
}
