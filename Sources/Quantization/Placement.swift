import GraphIR
import Operators
import TensorCore

/// Where a node of a quantised graph computes.
public enum NodePlacement: Sendable, Hashable {
    /// On integer codes.
    case integer
    /// In float, bridged by QUANTIZE and DEQUANTIZE, for this reason.
    case float(FloatReason)
    /// It computes shapes, indices or conditions and is not touched.
    case untouched

    public enum FloatReason: String, Sendable, Hashable, CaseIterable {
        case noIntegerKernel = "LiteRT has no integer kernel for it"
        case feedsFloatOperator = "feeds an operator that has no integer kernel"
        case decidesIndices = "its values decide indices"
        case accumulatesOutput = "accumulates an output without passing a convolution"
        case floatOperands = "its operands are float"
        case wideRange = "its results span more than 8 bits hold"
        case weightsNotConstant = "its weights are not constant"
        case pinned = "pinned by the user"
        case withinBudget = "chosen by the mixed-precision search"
    }
}

extension Operator {
    /// Convolutions and matrix products, where the arithmetic is.
    var multipliesAndAccumulates: Bool {
        switch self {
        case .conv2D, .depthwiseConv2D, .transposeConv, .fullyConnected, .batchMatMul: true
        default: false
        }
    }

    /// Moves elements without computing any.
    var movesData: Bool {
        switch self {
        case .reshape, .transpose, .concatenation, .split, .splitV, .slice, .stridedSlice, .pad, .mirrorPad, .pack,
            .unpack, .expandDims, .squeeze, .tile, .broadcastTo, .reverse, .depthToSpace, .spaceToDepth, .gather,
            .gatherND, .batchToSpaceND, .spaceToBatchND:
            true
        default: false
        }
    }

    /// Operators each of whose results is one of its operands' elements: on codes they round nothing.
    var passesCodes: Bool {
        if movesData { return true }
        switch self {
        case .maxPool2D, .resizeNearestNeighbor: return true
        default: return false
        }
    }
}

/// Decides which nodes compute on integers.
///
/// Convolutions and matrix products do. Values that decide indices, feed an operator without integer kernel, or join up
/// to an output without passing a convolution keep their float precision back to the convolutions they come from: there
/// rounding is not attenuated by anything that follows.
struct PlacementAnalysis {
    let graph: Graph
    let pinned: Set<String>
    let chosen: Set<String>
    /// Share of all multiply-accumulates that may stay float because both their operand and results are float.
    let floatShare: Double
    private var sensitive: [NodeID: NodePlacement.FloatReason] = [:]

    init(_ graph: Graph, pinned: Set<String> = [], chosen: Set<String> = [], floatShare: Double = 0.03) {
        self.graph = graph
        self.pinned = pinned
        self.chosen = chosen
        self.floatShare = floatShare
    }

    mutating func placements(activationType: ElementType) -> [NodeID: NodePlacement] {
        var kept = Set<NodeID>()
        while true {
            markSensitive(activationType, keptFloat: kept)
            let result = placeAll(activationType)
            let more = sandwiched(result, kept)
            if more.isEmpty { return result }
            kept.formUnion(more)
        }
    }

    private func placeAll(_ activationType: ElementType) -> [NodeID: NodePlacement] {
        var result: [NodeID: NodePlacement] = [:]
        var integerValues = Set(graph.inputs.map(\.value).filter(isFloat))
        for node in graph.nodes {
            let placement = place(node, integerValues, activationType)
            result[node.id] = placement
            if placement == .integer { integerValues.formUnion(node.outputs.filter(isFloat)) }
        }
        return result
    }

    private func isFloat(_ value: ValueID) -> Bool { graph.type(of: value).elementType == .float32 }

    private func activations(of node: Node) -> [ValueID] {
        let contract = node.op.quantizationContract
        return node.inputs.enumerated().compactMap { index, input in
            guard let input, graph.constant(input) == nil, isFloat(input),
                contract.role(of: index, isConstant: false) == .activation
            else { return nil }
            return input
        }
    }

    private func place(_ node: Node, _ integerValues: Set<ValueID>, _ type: ElementType) -> NodePlacement {
        guard node.outputs.contains(where: isFloat) else {
            return activations(of: node).isEmpty ? .untouched : .float(.decidesIndices)
        }
        let operands = activations(of: node)
        if operands.isEmpty { return .untouched }
        if let reason = sensitive[node.id] { return .float(reason) }
        if node.op.multipliesAndAccumulates { return .integer }
        let available = operands.filter(integerValues.contains).count
        if case .concatenation = node.op { return available > 0 ? .integer : .float(.floatOperands) }
        return available == operands.count ? .integer : .float(.floatOperands)
    }

    /// Why a node cannot compute on integers at all, nil when it can.
    private func obstacle(_ node: Node, _ type: ElementType) -> NodePlacement.FloatReason? {
        if pinned.contains(node.location) || node.outputs.contains(where: { pinned.contains(graph[$0].name) }) {
            return .pinned
        }
        if chosen.contains(node.location) { return .withinBudget }
        let contract = node.op.quantizationContract
        guard contract.activationTypes.contains(type) else { return .noIntegerKernel }
        if node.op == .unary(.rsqrt) { return .wideRange }
        for (index, input) in node.inputs.enumerated() {
            guard let input else { continue }
            guard case .weight = contract.role(of: index), graph.constant(input) == nil else { continue }
            // The int8 kernel of FULLY_CONNECTED takes weights that are computed.
            if case .fullyConnected = node.op, type == .int8 { continue }
            return .weightsNotConstant
        }
        return nil
    }

    private mutating func markSensitive(_ type: ElementType, keptFloat: Set<NodeID>) {
        sensitive = [:]
        for node in keptFloat { sensitive[node] = .floatOperands }
        let accumulating = accumulatingOutputs()
        for node in graph.nodes.reversed() {
            let isUntouched = activations(of: node).isEmpty
            guard !isUntouched else { continue }
            if let reason = obstacle(node, type) {
                if node.outputs.contains(where: isFloat) { sensitive[node.id] = reason }
                continue
            }
            if node.op.multipliesAndAccumulates, !keptFloat.contains(node.id) { continue }
            for output in node.outputs where isFloat(output) {
                if accumulating.contains(output) { sensitive[node.id] = .accumulatesOutput }
                for user in graph.users(of: output) {
                    let consumer = graph[user]
                    if !consumer.outputs.contains(where: isFloat) {
                        sensitive[node.id] = .decidesIndices
                    } else if let reason = sensitive[user], isActivation(output, of: consumer) {
                        let spreads = reason == .decidesIndices || reason == .accumulatesOutput
                        sensitive[node.id] = spreads ? reason : .feedsFloatOperator
                    }
                }
            }
        }
    }

    private func isActivation(_ value: ValueID, of node: Node) -> Bool {
        let contract = node.op.quantizationContract
        let isConstant = graph.constant(value) != nil
        return node.inputs.indices.contains {
            node.inputs[$0] == value && contract.role(of: $0, isConstant: isConstant) == .activation
        }
    }

    /// Outputs that are joined from several computed values without a convolution behind the join.
    private func accumulatingOutputs() -> Set<ValueID> {
        var result = Set<ValueID>()
        for port in graph.outputs where isFloat(port.value) {
            var stack = [port.value]
            var seen = Set<ValueID>()
            var joins = false
            while let value = stack.popLast(), !joins {
                guard seen.insert(value).inserted, let node = graph.producer(of: value),
                    !node.op.multipliesAndAccumulates
                else { continue }
                let operands = activations(of: node)
                if case .binary = node.op, operands.count > 1 { joins = true }
                if case .select = node.op { joins = true }
                stack.append(contentsOf: operands)
            }
            if joins { result.insert(port.value) }
        }
        return result
    }

    /// Small products from float values to float values, which stay float: quantising them would put rounding where none
    /// else is. The cheapest come first, as many as ``floatShare`` allows.
    private func sandwiched(_ placements: [NodeID: NodePlacement], _ kept: Set<NodeID>) -> [NodeID] {
        func cost(_ node: Node) -> Int {
            Cost.multiplyAccumulates(
                of: node.op, inputs: graph.inputTypes(of: node), outputs: graph.outputTypes(of: node))
        }
        func isFloatNode(_ id: NodeID?) -> Bool {
            guard let id else { return false }
            if case .float = placements[id] { return true }
            return placements[id] == .untouched
        }
        let budget = Double(graph.nodes.reduce(0) { $0 + cost($1) }) * floatShare
        var spent = Double(kept.reduce(0) { $0 + cost(graph[$1]) })
        let candidates = graph.nodes.filter { $0.op.multipliesAndAccumulates && placements[$0.id] == .integer }
            .sorted { cost($0) < cost($1) }
        var result: [NodeID] = []
        for node in candidates {
            let users = node.outputs.flatMap(graph.users(of:))
            let operands = activations(of: node)
            guard !users.isEmpty, users.allSatisfy(isFloatNode), !operands.isEmpty,
                operands.allSatisfy({ isFloatNode(graph[$0].producer) }), spent + Double(cost(node)) <= budget
            else { continue }
            spent += Double(cost(node))
            result.append(node.id)
        }
        return result
    }
}
