/// A network whose latency is published: its layers, written down from public definitions.
///
/// Activations are fused into the convolutions before them, batch normalisation is folded.
package struct CalibrationNetwork: Sendable {
    package var name: String
    /// Where its layers are defined.
    package var source: String
    /// Parameters that the publisher counts, in units of the last digit.
    package var publishedParameters: (value: Double, unit: Double)
    package private(set) var works: [MachineWork] = []
    package private(set) var inputBytes = 0
    package private(set) var results: Set<Int> = []
    private var shapes: [WorkExtents] = []

    package var macs: Int { works.reduce(0) { $0 + $1.macs } }

    /// Weights and one bias for each output channel.
    package var parameters: Int {
        works.reduce(0) { sum, work in
            let taps = work.filterHeight * work.filterWidth
            return switch work.kind {
            case .convolution, .shallowConvolution:
                sum + taps * work.input.depth * work.output.depth + work.output.depth
            case .depthwise: sum + taps * work.output.depth + work.output.depth
            default: sum
            }
        }
    }

    /// Its plan and costs on a machine.
    package func cost(on machine: MachineDescription) -> PartitionCost {
        PartitionCost(MachinePlan(works, results: results, inputBytes: inputBytes, on: machine), on: machine)
    }

    // MARK: - Building

    init(_ name: String, source: String, parameters: (Double, Double)) {
        self.name = name
        self.source = source
        publishedParameters = parameters
    }

    /// A tensor of the network: the input, or the result of a layer.
    struct Value {
        fileprivate var position: Int?
        var extents: WorkExtents
    }

    mutating func input(_ height: Int, _ width: Int, _ depth: Int) -> Value {
        let value = Value(position: nil, extents: WorkExtents(1, height, width, depth))
        inputBytes += value.extents.count
        return value
    }

    mutating func output(_ value: Value) {
        if let position = value.position { results.insert(position) }
    }

    private mutating func append(_ work: MachineWork, reads: [Value]) -> Value {
        var work = work
        work.id = works.count + 1
        work.reads = reads.map(\.position)
        work.otherInputBytes = reads.dropFirst().reduce(0) { $0 + $1.extents.bytes }
        works.append(work)
        return Value(position: works.count - 1, extents: work.output)
    }

    /// Padded so that the result has the operand's extents divided by the stride, rounded up.
    mutating func convolution(_ value: Value, _ filters: Int, window: Int = 1, stride: Int = 1) -> Value {
        let kind: MachineWork.Kind = value.extents.depth <= 4 ? .shallowConvolution : .convolution
        return windowed(
            kind, kind == .convolution ? .supernodeDepth32 : .inputSupernode, value, filters, window, stride)
    }

    mutating func depthwise(_ value: Value, window: Int, stride: Int = 1) -> Value {
        windowed(.depthwise, .depthwiseSupernodeDepth32, value, value.extents.depth, window, stride)
    }

    private mutating func windowed(
        _ kind: MachineWork.Kind, _ op: HexagonOperator, _ value: Value, _ depth: Int, _ window: Int, _ stride: Int
    ) -> Value {
        let from = value.extents
        let to = WorkExtents(1, from.height.dividedUp(by: stride), from.width.dividedUp(by: stride), depth)
        var work = MachineWork(kind, op, id: 0, input: from, output: to)
        (work.filterHeight, work.filterWidth) = (window, window)
        (work.strideHeight, work.strideWidth) = (stride, stride)
        return append(work, reads: [value])
    }

    mutating func add(_ a: Value, _ b: Value) -> Value { stream(.addDepth32, [a, b], to: a.extents) }
    mutating func relu(_ value: Value) -> Value { stream(.relu, [value], to: value.extents) }
    mutating func resize(_ value: Value, _ height: Int, _ width: Int, nearest: Bool = false) -> Value {
        stream(
            nearest ? .resizeNearestNeighbor : .resizeBilinearDepth32, [value],
            to: WorkExtents(1, height, width, value.extents.depth))
    }
    mutating func concat(_ values: [Value]) -> Value {
        let first = values[0].extents
        let depth = values.reduce(0) { $0 + $1.extents.depth }
        return stream(.concatDepth32, values, to: WorkExtents(1, first.height, first.width, depth))
    }
    mutating func mean(_ value: Value) -> Value {
        stream(.mean, [value], to: WorkExtents(1, 1, 1, value.extents.depth))
    }
    mutating func places(_ value: Value) -> Value {
        stream(.argMaxDepth32, [value], to: WorkExtents(1, value.extents.height, value.extents.width, 1))
    }

    private mutating func stream(_ op: HexagonOperator, _ values: [Value], to extents: WorkExtents) -> Value {
        append(MachineWork(.stream, op, id: 0, input: values[0].extents, output: extents), reads: values)
    }
}
