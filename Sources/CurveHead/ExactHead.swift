import GraphIR
import Operators
import TensorCore

/// Gives a scalar 8-bit depth output more levels without retraining: the last linear operator is replaced by hinges that
/// share its integer weights and differ in bias, so that the points of a curve carry the accumulator's resolution through
/// 8-bit tensors.
public enum ExactHead {
    /// What ``attach(_:to:output:components:)`` did.
    public struct Result: Sendable {
        /// One sentence.
        public var note: String
        /// The decode table when the output is the components.
        public var table: [Float]?
    }

    /// The value whose range the head covers: the result of the last linear operator of a graph that is not quantised
    /// yet.
    ///
    /// - Throws: `Diagnostic` (.unsupported) naming the operator that stands in the way.
    public static func rangeValue(of output: ValueID, in graph: Graph) throws -> ValueID {
        graph[try DepthTail(of: output, in: graph).head].outputs[0]
    }

    /// Replaces output `index` of the quantised `graph` by the same depth with the levels of `curve`, float32; with
    /// `components` by the curve's two components, 0...1 (codes -128...127): int8 when the output was codes, else float32.
    ///
    /// Nothing else of the graph changes. Tails that are computed element by element become part of the decode table as
    /// far as the first resampling; behind it they are computed in float.
    ///
    /// - Throws: `Diagnostic` (.unsupported) naming the operator that stands in the way.
    public static func attach(
        _ curve: ExactCurve, to graph: inout Graph, output index: Int, components: Bool = false
    ) throws -> Result {
        let port = graph.outputs[index]
        let tail = try DepthTail(of: port.value, in: graph)
        let node = graph[tail.head]
        let accumulator = try HeadAccumulator(node, in: graph)
        let plan = HingePlan(curve, on: accumulator)
        var writer = ExactHeadWriter(
            builder: HeadBuilder(graph: graph, name: graph[port.value].name), plan: plan, accumulator: accumulator,
            tail: tail, isFloat: graph.type(of: port.value).elementType.isFloat)
        let result = try components ? writer.components() : (value: writer.depth(), table: nil)
        graph = writer.builder.graph
        graph.outputs[index] = Port(
            value: result.value, sourceName: port.sourceName, sourcePermutation: port.sourcePermutation)
        graph.rename(result.value, graph[port.value].name)
        graph.removeUnused()
        return Result(note: writer.note, table: result.table)
    }
}
