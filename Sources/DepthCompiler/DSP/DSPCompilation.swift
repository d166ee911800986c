import DSPEmulator
import GraphIR
import Runtime
import TFLiteCodec
import TensorCore

/// A model made ready for the DSP: where every operator of its file runs, and the library's graph of every partition that
/// the delegate takes.
package struct DSPCompilation: Sendable {
    /// One partition on the DSP.
    package struct Part: Sendable {
        package var partition: Partition
        /// What the delegate builds.
        package var built: HexagonGraph
        /// What the library makes of that before it runs.
        package var prepared: HexagonGraph
    }

    package let graph: Graph
    package let listing: OperatorListing
    package let profile: DSPProfile
    package let placement: DSPPlacement
    /// In execution order; empty for profiles whose kernels are not public.
    package let parts: [Part]

    /// - Throws: `Diagnostic` when the delegate takes an operator that its builder or the library then refuses, as on a
    ///   device, where preparation fails there.
    package init(_ model: Model, delegate: DSPDelegate) throws {
        profile = delegate.profile
        if let listing = model.listing {
            graph = model.graph
            self.listing = listing
        } else {
            graph = try Converter.canonical(model.graph, keepLayout: true, approximate: false)
            listing = TFLiteCodec.listing(of: graph)
        }
        placement = DSPPlacement(listing, profile: profile)
        guard profile.usesLibrary else {
            parts = []
            return
        }
        let listing = listing
        parts = try placement.delegated.map { partition in
            let built = try HexagonLowering.graph(of: partition, in: listing)
            return Part(partition: partition, built: built, prepared: try HexagonPreparation.prepare(built))
        }
    }

    /// The nodes that run on the DSP, partition by partition.
    package var delegatedNodes: [NodeID] { placement.delegated.flatMap { nodes(of: $0) } }

    /// The graph with the DSP's partitions run by their kernels and the rest by the engine.
    ///
    /// - Parameter rounding: what profiles whose kernels are not public are taken to do.
    package func plan(options: RunOptions, rounding: AssumedRounding = .halfUp) throws -> DelegatedPlan {
        let delegated =
            profile.usesLibrary
            ? try parts.compactMap { try delegatedPart($0) }
            : placement.delegated.compactMap { partition in
                let nodes = nodes(of: partition)
                guard !nodes.isEmpty else { return nil }
                return DelegatedPart(nodes: nodes, kernel: AssumedKernel(graph.part(nodes), rounding: rounding))
            }
        return try DelegatedPlan(graph, parts: delegated, options: options)
    }

    /// The partition's operators that an output needs, in execution order.
    private func nodes(of partition: Partition) -> [NodeID] {
        let members = Set(partition.operators.compactMap { listing.operators[$0].node })
        return graph.order.filter(members.contains)
    }

    /// nil when no output needs any of the partition's operators.
    private func delegatedPart(_ part: Part) throws -> DelegatedPart? {
        let nodes = nodes(of: part.partition)
        guard !nodes.isEmpty else { return nil }
        return DelegatedPart(nodes: nodes, kernel: try DSPKernel(part, of: self, nodes: graph.part(nodes)))
    }
}

/// Runs one partition with the library's integers.
struct DSPKernel: DelegateKernel {
    private let interpreter: HexagonInterpreter
    /// For every tensor that the partition takes: which of the graph part's inputs it is.
    private let inputs: [Int]
    /// For every output of the graph part: which of the partition's results it is, and its type.
    private let outputs: [(index: Int, type: TensorType)]
    /// Values by the node of the library that computes them.
    private let values: [Int: [(output: Int, value: ValueID, type: TensorType)]]

    init(_ part: DSPCompilation.Part, of compilation: DSPCompilation, nodes: Graph) throws {
        let listing = compilation.listing
        let boundary = listing.boundary(of: part.partition)
        func value(_ tensor: Int) throws -> ValueID {
            guard let value = listing[tensor: tensor].value else {
                throw Diagnostic(.internalError, at: listing[tensor: tensor].name, "is not in the graph")
            }
            return value
        }
        let given = nodes.inputs.map(\.value)
        inputs = try boundary.inputs.map { tensor in
            let value = try value(tensor)
            guard let index = given.firstIndex(of: value) else {
                throw Diagnostic(.internalError, at: listing[tensor: tensor].name, "does not enter the partition")
            }
            return index
        }
        let results = try boundary.outputs.map(value)
        outputs = try nodes.outputs.map { port in
            guard let index = results.firstIndex(of: port.value) else {
                throw Diagnostic(.internalError, at: port.sourceName, "does not leave the partition")
            }
            return (index, compilation.graph.type(of: port.value))
        }
        interpreter = try HexagonInterpreter(part.prepared, architecture: compilation.profile.architecture)
        let computed = Set(nodes.nodes.flatMap(\.outputs))
        var values: [Int: [(output: Int, value: ValueID, type: TensorType)]] = [:]
        for (value, reference) in part.prepared.values where computed.contains(value) {
            values[reference.node, default: []].append(
                (reference.output, value, compilation.graph.type(of: value)))
        }
        self.values = values
    }

    func run(_ inputs: [Tensor], observe: ValueObserver?) throws -> [Tensor] {
        let results = try interpreter.run(self.inputs.map { inputs[$0].retyped(inputs[$0].type.withoutQuantization) }) {
            node, tensors in
            guard let observe else { return }
            for entry in values[node.id] ?? [] where entry.output < tensors.count {
                let codes = tensors[entry.output]
                guard codes.type.byteCount == entry.type.byteCount else { continue }
                try observe(
                    entry.value,
                    (entry.type.elementType == .int8 && codes.elementType == .uint8 ? codes.withFlippedSigns : codes)
                        .retyped(entry.type))
            }
        }
        return try outputs.map { output in
            let result = results[output.index]
            guard result.type.byteCount == output.type.byteCount else {
                throw Diagnostic(
                    .unsupported, at: "result \(output.index) of a partition",
                    "the library computes \(result.type), which the delegate copies into \(output.type) as it is")
            }
            return result.retyped(output.type)
        }
    }
}

extension TensorType {
    fileprivate var withoutQuantization: TensorType { TensorType(elementType, shape) }
}

extension Tensor {
    /// 8-bit codes with their highest bit flipped.
    fileprivate var withFlippedSigns: Tensor {
        var result = self
        result.withUnsafeMutableBytes { bytes in for index in bytes.indices { bytes[index] ^= 0x80 } }
        return result
    }
}
