import GraphIR
import Operators
import TensorCore

/// Neighbouring operators whose layers act together on one value that the rest of the network reads.
///
/// A block is a stretch of the execution order, as long as it can be, with few weighted layers, of whose values exactly one
/// is read by later nodes or leaves the graph: chains between values through which everything passes, residual units,
/// attention, the steps of an encoder between its skip connections.
package struct GraphBlock: Sendable, Hashable {
    /// In execution order.
    package var nodes: [NodeID]
    /// What the rest reads; one value, except where a stretch of one node has several results.
    package var outputs: [ValueID]

    /// Weighted layers in a block.
    static let largestLayers = 4

    /// The nodes of `graph` in blocks, in execution order.
    package static func blocks(of graph: Graph) -> [GraphBlock] {
        let nodes = graph.nodes
        var place: [NodeID: Int] = [:]
        for (index, node) in nodes.enumerated() { place[node.id] = index }
        /// Behind which node a value is no longer read.
        func end(_ value: ValueID) -> Int {
            graph.isOutput(value) ? nodes.count : graph.users(of: value).compactMap { place[$0] }.max() ?? -1
        }
        var result: [GraphBlock] = []
        var first = 0
        while first < nodes.count {
            var live: [(value: ValueID, end: Int)] = []
            var layers = 0
            var best: (last: Int, outputs: [ValueID])?
            for last in first..<nodes.count {
                if LayerOperands(nodes[last], in: graph) != nil { layers += 1 }
                if layers > largestLayers { break }
                live += nodes[last].outputs.map { ($0, end($0)) }
                live.removeAll { $0.end <= last }
                if live.count == 1 || best == nil { best = (last, live.map(\.value)) }
            }
            let found = best ?? (first, nodes[first].outputs)
            result.append(GraphBlock(nodes: nodes[first...found.last].map(\.id), outputs: found.outputs))
            first = found.last + 1
        }
        return result
    }
}
