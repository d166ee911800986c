import GraphIR
import Runtime
import TensorCore

/// What the float graph gives before fused activations, at the chosen positions of every weighted layer.
struct FloatTargets {
    private struct Layer {
        var name: String
        var geometry: LayerGeometry
        var weights: [Float]
        var bias: [Float]
    }

    private let plan: Plan
    private let choice: RowChoice
    private var readers: [ValueID: [Layer]] = [:]
    private var rows: [String: [Int: (fitted: [Float], heldOut: [Float])]] = [:]
    private var layers: [String: Layer] = [:]

    /// - Parameter names: the results of the layers that matter.
    init(_ reference: Graph, names: Set<String>, choice: RowChoice, run: RunOptions) throws {
        plan = try Plan(reference, options: run)
        self.choice = choice
        for node in reference.nodes {
            guard let name = node.outputs.first.map({ reference[$0].name }), names.contains(name),
                let operands = LayerOperands(node, in: reference), let geometry = LayerGeometry(node, in: reference),
                reference.type(of: operands.data).elementType == .float32,
                let weights = reference.constant(operands.weights), weights.elementType == .float32
            else { continue }
            let total = geometry.groups * geometry.outputs
            var bias = [Float](repeating: 0, count: total)
            if let operand = operands.bias {
                guard let constant = reference.constant(operand), constant.elementType == .float32,
                    constant.count == total
                else { continue }
                bias = constant.elements(of: Float.self)
            }
            let layer = Layer(
                name: name, geometry: geometry, weights: geometry.rows(weights.elements(of: Float.self)), bias: bias)
            readers[operands.data, default: []].append(layer)
            layers[name] = layer
        }
    }

    /// Runs the float graph on sample number `index`.
    mutating func collect(_ sample: [Tensor], index: Int) throws {
        let collector = Collector()
        let (readers, choice) = (readers, choice)
        _ = try plan.run(sample) { value, tensor in
            for layer in readers[value] ?? [] {
                let positions = choice.positions(of: layer.name, layer.geometry, sample: index)
                func results(_ positions: [Int]) -> [Float] {
                    guard let patches = layer.geometry.patches(tensor, at: positions) else { return [] }
                    return layer.geometry.results(patches, weights: layer.weights, bias: layer.bias)
                }
                collector.rows[layer.name] = (results(positions.fitted), results(positions.heldOut))
            }
        }
        for (name, found) in collector.rows { rows[name, default: [:]][index] = found }
    }

    private final class Collector {
        var rows: [String: (fitted: [Float], heldOut: [Float])] = [:]
    }

    /// Geometry and weights (one row per output) of the float layer with result `name`.
    func layer(_ name: String) -> (geometry: LayerGeometry, weights: [Float])? {
        layers[name].map { ($0.geometry, $0.weights) }
    }

    /// The results wanted at the chosen positions of sample `index`; they are given up.
    mutating func take(_ name: String, sample index: Int) -> (fitted: [Float], heldOut: [Float])? {
        rows[name]?.removeValue(forKey: index)
    }
}
