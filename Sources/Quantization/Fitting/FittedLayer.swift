import GraphIR
import TensorCore

/// One weighted layer of the quantised graph, and how its weights are fitted.
struct FittedLayer {
    let operands: LayerOperands
    private let name: String
    private let location: String
    private let geometry: LayerGeometry
    private let choice: RowChoice
    /// Float weights, one row per output.
    private let floatWeights: [Float]
    private let weights: Tensor
    private let bias: Tensor?
    private let inputScale: Float
    private let isWide: Bool
    private let resolution: Double
    /// One row and column for every output of all groups; nil when they count alike.
    private let curvature: Matrix?
    private let groupSize: Int?

    struct Result {
        var weights: Tensor
        var bias: Tensor
        var summary: LayerFit
    }

    /// Nil when the float graph has no layer of the same shape, or the layer is wider than the options allow.
    init?(_ node: Node, _ graph: Graph, _ targets: FloatTargets, samples: Int, options: FittingOptions) {
        guard let operands = LayerOperands(node, in: graph), let geometry = LayerGeometry(node, in: graph),
            let weights = graph.constant(operands.weights), weights.type.quantization != nil,
            let input = graph.type(of: operands.data).quantization, input.scale > 0,
            let output = graph.type(of: node.outputs[0]).quantization
        else { return nil }
        name = graph[node.outputs[0]].name
        guard let layer = targets.layer(name), layer.geometry == geometry, layer.weights.count == weights.count,
            geometry.width <= options.largestWidth
        else { return nil }
        self.operands = operands
        self.geometry = geometry
        self.weights = weights
        location = node.location
        floatWeights = layer.weights
        bias = graph.constant(operands.bias)
        if operands.bias != nil, bias == nil { return nil }
        inputScale = input.scale
        isWide = graph.type(of: operands.data).elementType == .int16
        choice = RowChoice(options: options, samples: samples)
        let outputs = geometry.groups * geometry.outputs
        curvature =
            options.rounding == .kfac ? options.curvature[name].flatMap { $0.isCurvature(of: outputs) ? $0 : nil } : nil
        groupSize = options.groupSize.flatMap {
            weights.elementType == .int4 && $0 > 0 && $0 < geometry.width ? $0 : nil
        }
        // The range of the output codes is 2^20 steps.
        let levels = graph.type(of: node.outputs[0]).elementType == .int16 ? 0x1p16 : 0x1p8
        resolution = Double(output.scale) * levels / 0x1p20
    }

    /// Fits the layer to `targets` on the inputs that `flow` has. Nil when there is nothing to fit to.
    func fit(_ flow: SampleFlow, _ targets: inout FloatTargets) -> Result? {
        guard let inputs = flow.tensors(operands.data) else { return nil }
        var statistics = (0..<geometry.groups).map { _ in
            GramStatistics(inputs: geometry.width, outputs: geometry.outputs, resolution: resolution)
        }
        var heldOut = [(rows: [Float], targets: [Float])](repeating: ([], []), count: geometry.groups)
        for (sample, tensor) in inputs.enumerated() {
            let positions = choice.positions(of: name, geometry, sample: sample)
            guard let wanted = targets.take(name, sample: sample),
                let fitted = geometry.patches(tensor, at: positions.fitted),
                let held = geometry.patches(tensor, at: positions.heldOut)
            else { return nil }
            for group in 0..<geometry.groups {
                statistics[group].add(
                    geometry.group(group, of: fitted), targets: geometry.outputs(of: group, in: wanted.fitted))
                heldOut[group].rows += geometry.group(group, of: held)
                heldOut[group].targets += geometry.outputs(of: group, in: wanted.heldOut)
            }
        }
        return solve(&statistics, heldOut)
    }

    private func solve(
        _ statistics: inout [GramStatistics], _ heldOut: [(rows: [Float], targets: [Float])]
    ) -> Result? {
        var codes: [Int8] = []
        var scales: [Float] = []
        var biases: [Float] = []
        var damping: Double?
        var rows = 0
        var conditions: [CovarianceCondition] = []
        for group in statistics.indices {
            let problem = WeightProblem(
                weights: start(of: group), heldOut: heldOut[group], options: choice.options,
                limit: RoundedWeights.limit(weights.elementType), curvature: curvature(of: group),
                groupSize: groupSize)
            let learnt = statistics[group]
            statistics[group] = GramStatistics(inputs: 0, outputs: 0, resolution: 1)
            rows = learnt.count
            guard let solution = problem.solve(learnt) else { return nil }
            codes += solution.weights.codes
            scales += solution.weights.scales.map { $0 / inputScale }
            biases += solution.bias.map(Float.init)
            damping = solution.damping ?? damping
            conditions.append(solution.condition)
        }
        guard scales.allSatisfy({ $0.isFinite && $0 > 0 }), biases.allSatisfy(\.isFinite),
            let axis = weights.type.quantization?.axis
        else { return nil }
        let parameters = QuantizationParameters(
            scales: scales, zeroPoints: [Int32](repeating: 0, count: scales.count), axis: axis)
        let newWeights = Tensor(
            geometry.layout(codes), shape: weights.shape, as: groupSize == nil ? weights.elementType : .int8,
            quantization: parameters)
        let newBias = WeightQuantization.bias(
            Tensor(biases, shape: [biases.count]), inputScale: inputScale, weights: parameters, wide: isWide)
        let energy = heldOut.indices.reduce(0) { $0 + variance(heldOut[$1].targets, curvature(of: $1)) }
        let before = error(weights, bias, heldOut) / max(energy, 1e-300)
        let after = error(newWeights, newBias, heldOut) / max(energy, 1e-300)
        return Result(
            weights: newWeights, bias: newBias,
            summary: LayerFit(
                location: location, width: geometry.width, outputs: geometry.outputs * geometry.groups, rows: rows,
                before: before, after: after, damping: damping, groupSize: groupSize,
                warning: CovarianceCondition.warning(conditions), isKept: after < before))
    }

    /// The float weights of a group in results per input code.
    private func start(of group: Int) -> Matrix {
        let size = geometry.outputs * geometry.width
        return Matrix(
            rows: geometry.outputs, columns: geometry.width,
            floatWeights[group * size..<(group + 1) * size].map { Double($0) * Double(inputScale) })
    }

    /// Sum over groups of the squared difference to the wanted results, with integer weights and bias.
    private func error(
        _ weights: Tensor, _ bias: Tensor?, _ heldOut: [(rows: [Float], targets: [Float])]
    ) -> Double {
        let total = geometry.groups * geometry.outputs
        let scales = weights.type.quantization?.scales ?? []
        func scale(_ channel: Int) -> Double { Double(inputScale) * Double(scales[scales.count == 1 ? 0 : channel]) }
        let codes = geometry.rows(weights.elements(of: Int8.self))
        let biases = bias?.doubles() ?? [Double](repeating: 0, count: total)
        let biasScales = bias?.type.quantization?.scales ?? [1]
        var sum = 0.0
        for group in heldOut.indices {
            let channels = group * geometry.outputs..<(group + 1) * geometry.outputs
            sum += WeightProblem.squaredError(
                weights: channels.flatMap { channel in
                    codes[channel * geometry.width..<(channel + 1) * geometry.width].map {
                        Double($0) * scale(channel)
                    }
                },
                bias: channels.map { biases[$0] * Double(biasScales[biasScales.count == 1 ? 0 : $0]) },
                heldOut[group], curvature: curvature(of: group))
        }
        return sum
    }

    /// The block of G that a group's outputs have among themselves.
    private func curvature(of group: Int) -> Matrix? {
        curvature?.block(from: group * geometry.outputs, count: geometry.outputs)
    }

    /// Sum over rows of dᵀ G d, where d are the outputs' deviations from their means.
    private func variance(_ targets: [Float], _ curvature: Matrix?) -> Double {
        let outputs = geometry.outputs
        var means = [Double](repeating: 0, count: outputs)
        for (i, y) in targets.enumerated() { means[i % outputs] += Double(y) }
        let rows = Double(max(targets.count / outputs, 1))
        let deviations = targets.enumerated().map { Double($1) - means[$0 % outputs] / rows }
        return WeightProblem.energy(deviations, outputs: outputs, curvature: curvature)
    }
}

extension Matrix {
    /// Square, of this many outputs, and with something on the diagonal that weighs.
    fileprivate func isCurvature(of outputs: Int) -> Bool {
        rows == outputs && columns == outputs && elements.allSatisfy(\.isFinite) && meanOfDiagonal > 0
    }

    /// `count` rows and columns from one of each on.
    fileprivate func block(from first: Int, count: Int) -> Matrix {
        var result = Matrix(rows: count, columns: count)
        for row in 0..<count {
            for column in 0..<count { result[row, column] = self[first + row, first + column] }
        }
        return result
    }
}
