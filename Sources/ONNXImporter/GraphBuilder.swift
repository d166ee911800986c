import GraphIR
import Operators
import ReferenceKernels
import TensorCore

/// Appends operators to a graph, evaluating at once what depends on constants only.
final class GraphBuilder {
    var graph: Graph
    private(set) var assumptions: [String] = []
    private var location = ""
    private var prefix = ""
    private var counter = 0
    private var firstNew = 0
    private var created: Set<ValueID> = []
    private var integerConstants: [IntegerConstant: ValueID] = [:]

    private struct IntegerConstant: Hashable {
        var values: [Int]
        var shape: [Int]
        var type: ElementType
    }

    /// Larger results are not folded unless they are no larger than the operands.
    static let foldingLimit = 4096
    /// Values of this size and above are refused: no `.tflite` file or runtime could hold them.
    static let byteLimit = 1 << 31

    /// Tables of indices or weights that a lowering makes have at most this many entries.
    static let tableLimit = 1 << 24
    /// Graphs of more operators than this are refused.
    static let nodeLimit = 1 << 20

    init(name: String) { graph = Graph(name: name) }

    /// Starts a source node: `location` is where its operators come from, `prefix` starts the names of its values.
    func begin(location: String, prefix: String) {
        self.location = location
        self.prefix = prefix
        counter = 0
        created = []
    }

    /// True for values that the current source node made.
    func isNew(_ value: ValueID) -> Bool { created.contains(value) }

    func assume(_ text: String) { if !assumptions.contains(text) { assumptions.append(text) } }

    // MARK: Reading

    func type(_ value: ValueID) -> TensorType { graph.type(of: value) }
    func shape(_ value: ValueID) -> Shape { graph.type(of: value).shape }
    func elementType(_ value: ValueID) -> ElementType { graph.type(of: value).elementType }
    func constant(of value: ValueID?) -> Tensor? { graph.constant(value) }

    /// Refuses tables that would take far more memory than the model.
    func checkTable(_ count: Int, _ what: String) throws {
        guard count <= Self.tableLimit else {
            throw Diagnostic(.unsupported, at: "", "\(what) would need a table of \(count) entries")
        }
    }

    /// The bytes of a constant operand.
    ///
    /// - Throws: ``ConstantNeeded`` naming the graph inputs it depends on.
    func constantTensor(_ value: ValueID, _ what: String) throws -> Tensor {
        if let tensor = graph.constant(value) { return tensor }
        let inputs = sourceInputs(of: value)
        let names = inputs.joined(separator: ", ")
        throw ConstantNeeded(
            inputs: inputs,
            diagnostic: Diagnostic(
                .unsupported, at: "", "\(what) depends on the input \(names)",
                suggestion: "fix it with \(inputs.map { "--fix \($0)=FILE" }.joined(separator: " "))"))
    }

    func constantIntegers(_ value: ValueID, _ what: String) throws -> [Int] {
        guard let integers = try constantTensor(value, what).integers() else {
            throw Diagnostic(.badModel, at: "", "\(what) must hold integers")
        }
        return integers
    }

    func constantInteger(_ value: ValueID, _ what: String) throws -> Int {
        let values = try constantIntegers(value, what)
        guard values.count == 1 else { throw Diagnostic(.badModel, at: "", "\(what) must be one number") }
        return values[0]
    }

    private func sourceInputs(of value: ValueID) -> [String] {
        var seen: Set<ValueID> = []
        var stack = [value]
        while let next = stack.popLast() {
            guard seen.insert(next).inserted, let node = graph.producer(of: next) else { continue }
            stack.append(contentsOf: node.inputs.compactMap { $0 })
        }
        return graph.inputs.filter { seen.contains($0.value) }.map(\.sourceName)
    }

    // MARK: Constants

    func constant(_ tensor: Tensor, name: String? = nil) -> ValueID {
        let value = graph.addConstant(tensor, name: name ?? nextName("constant"))
        created.insert(value)
        return value
    }

    /// int32 values, one axis.
    func int32s(_ values: [Int]) throws -> ValueID { try integers(values, shape: [values.count], .int32) }

    /// An int32 scalar.
    func int32(_ value: Int) throws -> ValueID { try integers([value], shape: [], .int32) }

    /// Integer values of any integer type; equal ones are shared.
    func integers(_ values: [Int], shape: Shape, _ type: ElementType) throws -> ValueID {
        let key = IntegerConstant(values: values, shape: shape.dimensions, type: type)
        if let known = integerConstants[key] { return known }
        let tensor = try Self.integerTensor(values, shape: shape, type)
        let value = graph.addConstant(tensor, name: nextName("constant"))
        integerConstants[key] = value
        return value
    }

    static func integerTensor(_ values: [Int], shape: Shape, _ type: ElementType) throws -> Tensor {
        func convert<T: FixedWidthInteger & TensorElement>(_: T.Type) throws -> Tensor {
            Tensor(
                try values.map { value in
                    guard let exact = T(exactly: value) else {
                        throw Diagnostic(.unsupported, at: "", "\(value) does not fit \(type.rawValue)")
                    }
                    return exact
                }, shape: shape)
        }
        switch type {
        case .int8: return try convert(Int8.self)
        case .int16: return try convert(Int16.self)
        case .int32: return try convert(Int32.self)
        case .int64: return try convert(Int64.self)
        case .uint8: return try convert(UInt8.self)
        case .uint16: return try convert(UInt16.self)
        case .uint32: return try convert(UInt32.self)
        case .uint64: return try convert(UInt64.self)
        case .bool: return Tensor(values.map { $0 != 0 }, shape: shape)
        default: throw Diagnostic(.internalError, at: "", "\(type.rawValue) is not an integer type")
        }
    }

    func floats(_ values: [Float], shape: Shape) -> ValueID { constant(Tensor(values, shape: shape)) }

    /// A scalar of `value`'s element type. Numbers outside the range of an integer type are clamped to it.
    func number(_ number: Double, like value: ValueID) throws -> ValueID { try self.number(number, elementType(value)) }

    func number(_ number: Double, _ type: ElementType) throws -> ValueID {
        if type == .float32 { return constant(Tensor(scalar: Float(number))) }
        if type == .bool { return constant(Tensor(scalar: number != 0)) }
        guard let range = type.integerRange, !number.isNaN else {
            throw Diagnostic(.unsupported, at: "", "numbers of type \(type.rawValue) are not supported")
        }
        let clamped =
            number <= Double(range.lowerBound)
            ? range.lowerBound : number >= Double(range.upperBound) ? range.upperBound : Int64(number)
        return try integers([Int(clamped)], shape: [], type)
    }

    // MARK: Operators

    /// Appends `op`, or evaluates it when all operands are constant and the result is no inflation.
    func emit(
        _ op: Operator, _ inputs: [ValueID?], quantization: [QuantizationParameters?]? = nil
    ) throws -> [ValueID] {
        let operands = graph.operands(inputs)
        var types: [TensorType]
        do {
            types = try Inference.outputs(of: op, operands)
        } catch let diagnostic as Diagnostic {
            throw diagnostic.located(in: op.name)
        }
        for type in types
        where (type.shape.checkedElementCount() ?? .max) >= Self.byteLimit / type.elementType.byteCount {
            throw Diagnostic(.unsupported, at: op.name, "a result of \(type) is too large")
        }
        if let quantization { for i in types.indices { types[i].quantization = quantization[i] } }
        if let folded = fold(op, operands, types) {
            return folded.map { constant($0, name: nextName(op.name.lowercased())) }
        }
        guard graph.order.count < Self.nodeLimit else {
            throw Diagnostic(.unsupported, at: op.name, "the graph has more than \(Self.nodeLimit) operators")
        }
        let names = types.map { _ in nextName(op.name.lowercased()) }
        let results = try graph.addNode(op, inputs, names: names, location: location, quantization: quantization)
        created.formUnion(results)
        return results
    }

    func emit1(_ op: Operator, _ inputs: [ValueID?], quantization: QuantizationParameters? = nil) throws -> ValueID {
        try emit(op, inputs, quantization: quantization.map { [$0] })[0]
    }

    private func fold(_ op: Operator, _ operands: Operands, _ types: [TensorType]) -> [Tensor]? {
        guard zip(operands.types, operands.constants).allSatisfy({ $0 == nil || $1 != nil }) else { return nil }
        let inputBytes = operands.types.reduce(0) { $0 + ($1?.byteCount ?? 0) }
        let outputBytes = types.reduce(0) { $0 + $1.byteCount }
        guard outputBytes <= max(inputBytes, Self.foldingLimit) else { return nil }
        let work = Cost.multiplyAccumulates(of: op, inputs: operands.types, outputs: types)
        guard work <= 1 << 26 else { return nil }
        return try? ReferenceKernels.evaluate(op, inputs: operands.constants, outputTypes: types)
    }

    private func nextName(_ suffix: String) -> String {
        counter += 1
        return counter == 1 ? "\(prefix)/\(suffix)" : "\(prefix)/\(suffix)_\(counter)"
    }
}
