import CTFLite
import GraphIR
import Operators
import TensorCore

/// Builds the graph of a file's first subgraph.
struct Decoder {
    private let file: TFLiteFile
    private let subgraph: CTFLSubgraph
    private let limits: DecodingLimits
    private var inputShapes: [String: Shape]
    private var fixedInputs: [String: Tensor]
    private var tensors: TensorDecoding
    private var graph: Graph
    private var assumptions: [String] = []
    /// Graph values by tensor index.
    private var values: [Int: ValueID] = [:]
    private var listed: [ListedOperator] = []
    private var listedTensors: [Int: ListedTensor] = [:]
    private var totalBytes = 0
    /// True when shapes in the file may differ from those that follow from the inputs.
    private var hasOpenShapes: Bool

    init(
        file: TFLiteFile, inputShapes: [String: Shape], fixedInputs: [String: Tensor], limits: DecodingLimits
    ) throws {
        self.file = file
        self.inputShapes = inputShapes
        self.fixedInputs = fixedInputs
        self.limits = limits
        guard file.info.version == 3 else {
            throw Diagnostic(.badModel, at: "", "schema version \(file.info.version) instead of 3")
        }
        guard file.info.subgraphCount > 0 else { throw Diagnostic(.badModel, at: "", "the file has no graph") }
        subgraph = try file.subgraph(0)
        tensors = TensorDecoding(file: file, limits: limits)
        graph = Graph(name: subgraph.name.count == 0 ? "main" : subgraph.name.string)
        hasOpenShapes = !inputShapes.isEmpty
    }

    mutating func decode() throws -> DecodedModel {
        let names = try operatorNames()
        guard file.info.subgraphCount == 1 else {
            throw Diagnostic(
                .unsupported, at: "", "\(file.info.subgraphCount) subgraphs; files with one are supported")
        }
        try addInputs()
        for index in 0..<subgraph.operatorCount {
            let raw = try file.operation(index)
            let name = names[Int(raw.codeIndex)] ?? "operator"
            do {
                try add(raw, named: name)
            } catch let diagnostic as Diagnostic {
                throw diagnostic.located(in: "operator \(index) \(name)")
            }
        }
        try addOutputs()
        let inputs = try subgraph.inputs.integers.map { try list($0) }
        let outputs = try subgraph.outputs.integers.map { try list($0) }
        graph.removeUnused()
        return DecodedModel(
            graph: graph, listing: listing(inputs: inputs, outputs: outputs), assumptions: assumptions,
            metadata: try file.metadata(), description: file.info.description.string)
    }

    // MARK: Operators

    /// Names by operator code, of the codes in use. All that depthc does not have are reported together.
    private func operatorNames() throws -> [Int: String] {
        var names: [Int: String] = [:]
        var refused: [String] = []
        for index in 0..<subgraph.operatorCount {
            let code = Int(try file.operation(index).codeIndex)
            guard names[code] == nil else { continue }
            let raw = try file.operatorCode(code)
            let builtin = Builtin.name(raw.builtin)
            if builtin == "CUSTOM" {
                let custom = raw.customCode.string
                refused.append(custom.hasPrefix("Flex") ? "TensorFlow operator \(custom)" : "custom operator \(custom)")
            } else if !OperatorCoding.supports(builtin) {
                refused.append(builtin)
            }
            names[code] = builtin
        }
        guard refused.isEmpty else {
            throw Diagnostic(
                .unsupported, at: "",
                "operators that depthc does not have: \(Set(refused).sorted().joined(separator: ", "))")
        }
        return names
    }

    private mutating func add(_ raw: CTFLOperator, named builtin: String) throws {
        let outputs = try raw.outputs.integers.map { try fileTensor($0) }
        guard !outputs.isEmpty, outputs.count <= 1 << 16 else {
            throw Diagnostic(.badModel, at: "", "\(outputs.count) results")
        }
        var inputs = try raw.inputs.integers.map { try operand($0) }
        while let last = inputs.last, last == nil { inputs.removeLast() }
        if let table = Builtin.optionsTable(of: builtin) {
            guard raw.options.type == 0 || raw.options.type == Builtin.optionsTypes[table], raw.optionsKnown else {
                throw Diagnostic(.badModel, at: "", "the options are not \(table)")
            }
        }
        if builtin == "RESHAPE" { addShapeOperand(raw.options, outputs[0].name, &inputs) }
        let types = CodedTypes(
            inputs: inputs.map { $0.map { graph.type(of: $0) } }, outputs: outputs.map(\.type))
        guard let op = try OperatorCoding.decode(builtin, raw.options, types) else {
            throw Diagnostic(.unsupported, at: "", "depthc does not have this form of \(builtin)")
        }
        try checkCount(op, inputs: inputs, outputs: outputs.count)
        for index in op.constantOperands where index < inputs.count {
            guard let value = inputs[index], graph.constant(value) == nil else { continue }
            if let tensor = try constantValue(of: value) {
                inputs[index] = graph.addConstant(tensor, name: graph[value].name)
            }
        }
        let results = try graph.addNode(
            op, inputs, names: outputs.map(\.name), location: outputs[0].name,
            quantization: outputs.map(\.type.quantization), elementTypes: types.resultTypesAskedFor)
        for ((index, declared), result) in zip(zip(raw.outputs.integers, outputs), results) {
            try check(graph.type(of: result), against: declared)
            guard values.updateValue(result, forKey: index) == nil else {
                throw Diagnostic(.badModel, at: "tensor \(declared.name)", "two operators write it")
            }
        }
        try checkSameScale(op, types)
        listed.append(
            ListedOperator(
                builtin: builtin, version: Int(try file.operatorCode(Int(raw.codeIndex)).version), op: op,
                inputs: try raw.inputs.integers.map { $0 == -1 ? nil : try list($0) },
                outputs: try raw.outputs.integers.map { try list($0) }, node: graph[results[0]].producer))
    }

    // MARK: Listing

    /// Notes what the file says of a tensor that the graph has by now; returns its index.
    private mutating func list(_ index: Int) throws -> Int {
        guard listedTensors[index] == nil, let value = values[index] else { return index }
        let isConstant = try fileTensor(index).constant != nil
        listedTensors[index] = ListedTensor(
            name: graph[value].name, type: graph.type(of: value),
            constant: isConstant ? graph.constant(value) : nil, value: value)
        return index
    }

    /// The listing, with the identifiers of what is left of the graph.
    private func listing(inputs: [Int], outputs: [Int]) -> OperatorListing {
        let existing = Set(graph.valueIDs)
        return OperatorListing(
            operators: listed.map { entry in
                var entry = entry
                if let node = entry.node, !graph.contains(node) { entry.node = nil }
                return entry
            },
            tensors: listedTensors.mapValues { tensor in
                var tensor = tensor
                if let value = tensor.value, !existing.contains(value) { tensor.value = nil }
                return tensor
            }, inputs: inputs, outputs: outputs)
    }

    /// Old files give the new shape as an option instead of an operand.
    private mutating func addShapeOperand(_ options: CTFLOptions, _ name: String, _ inputs: inout [ValueID?]) {
        guard inputs.count == 1, inputs[0] != nil else { return }
        let extents = options.dimensions.elements(Int32.self)
        // The oldest files write [0] for a scalar.
        let shape = extents == [0] ? [] : extents
        inputs.append(graph.addConstant(Tensor(shape, shape: [shape.count]), name: "\(name)/shape"))
    }

    private func checkCount(_ op: Operator, inputs: [ValueID?], outputs: Int) throws {
        let expected: Int
        switch op {
        case .split(let count), .splitV(let count), .unpack(_, let count): expected = count
        case .topK: expected = 2
        default: expected = 1
        }
        guard outputs == expected else {
            throw Diagnostic(.badModel, at: "", "\(outputs) results instead of \(expected)")
        }
        if case .pack(_, let count) = op, count != inputs.count {
            throw Diagnostic(.badModel, at: "", "\(inputs.count) operands instead of \(count)")
        }
    }

    /// The integers of a value that shape arithmetic computes; nil when it is data.
    private func constantValue(of value: ValueID) throws -> Tensor? {
        var known: [ValueID: Tensor?] = [:]
        var stack = [value]
        while let current = stack.last {
            if known[current] != nil {
                stack.removeLast()
                continue
            }
            if let constant = graph.constant(current) {
                known[current] = .some(constant)
                continue
            }
            guard let node = graph.producer(of: current) else {
                known[current] = .some(nil)
                continue
            }
            // SHAPE needs the type of its operand only.
            var isShape = false
            if case .shape = node.op { isShape = true }
            let waiting = isShape ? [] : node.inputs.compactMap { $0 }.filter { known[$0] == nil }
            if !waiting.isEmpty {
                guard node.inputs.count <= 64, known.count < 4096 else { return nil }
                stack.append(contentsOf: waiting)
                continue
            }
            var operands = graph.operands(node.inputs)
            for (i, input) in node.inputs.enumerated() {
                if let input, let computed = known[input] { operands.constants[i] = computed }
            }
            let results = try ShapeArithmetic.results(of: node.op, operands)
            for (i, output) in node.outputs.enumerated() { known[output] = .some(results?[i]) }
        }
        return known[value] ?? nil
    }

    // MARK: Values

    private func fileTensor(_ index: Int) throws -> FileTensor {
        guard index >= 0, index < subgraph.tensorCount else {
            throw Diagnostic(
                .badModel, at: "", "refers to tensor \(index) of \(subgraph.tensorCount)")
        }
        return try tensors.tensor(index)
    }

    private mutating func operand(_ index: Int) throws -> ValueID? {
        if index == -1 { return nil }
        if let known = values[index] { return known }
        let tensor = try fileTensor(index)
        guard let span = tensor.constant else {
            throw Diagnostic(.badModel, at: "tensor \(tensor.name)", "is read before anything computes it")
        }
        let value = graph.addConstant(try tensors.constant(tensor, span), name: tensor.name)
        values[index] = value
        return value
    }

    private mutating func addInputs() throws {
        for index in subgraph.inputs.integers {
            var tensor = try fileTensor(index)
            guard values[index] == nil else {
                throw Diagnostic(.badModel, at: "tensor \(tensor.name)", "is an input twice")
            }
            if let fixed = fixedInputs.removeValue(forKey: tensor.name) {
                values[index] = graph.addConstant(try tensors.fixed(tensor, to: fixed), name: tensor.name)
                hasOpenShapes = true
                continue
            }
            if let shape = inputShapes.removeValue(forKey: tensor.name) {
                guard shape.checkedElementCount() != nil else {
                    throw Diagnostic(.usage, at: tensor.name, "a shape of \(shape.dimensions)")
                }
                tensor.type.shape = shape
                if let axis = tensor.type.quantization?.axis, axis >= shape.rank { tensor.type.quantization = nil }
            } else if tensor.openExtents.contains(true) {
                assumptions.append("input \(tensor.name): open dimensions taken as \(tensor.type.shape)")
            }
            values[index] = graph.addInput(tensor.name, tensor.type)
            try count(tensor.type, name: tensor.name)
        }
        if let unknown = (Array(inputShapes.keys) + fixedInputs.keys).sorted().first {
            throw Diagnostic(.usage, at: unknown, "a shape or value is given for it, but the model has no such input")
        }
    }

    private mutating func addOutputs() throws {
        guard subgraph.outputs.count > 0 else { throw Diagnostic(.badModel, at: "", "the graph has no outputs") }
        for index in subgraph.outputs.integers {
            guard let value = try operand(index) else {
                throw Diagnostic(.badModel, at: "", "an output is left out")
            }
            graph.addOutput(value)
        }
    }

    // MARK: Checks

    /// Inference decides; the file must agree wherever it claims to know.
    private mutating func check(_ type: TensorType, against declared: FileTensor) throws {
        let location = "tensor \(declared.name)"
        guard declared.constant == nil else {
            throw Diagnostic(.badModel, at: location, "an operator writes it, but it has constant data")
        }
        guard type.elementType == declared.type.elementType else {
            throw Diagnostic(
                .unsupported, at: location,
                "is \(declared.type.elementType.rawValue), but its operator gives \(type.elementType.rawValue)")
        }
        if let axis = type.quantization?.axis,
            axis >= type.shape.rank || type.shape[axis] != type.quantization?.scales.count
        {
            throw Diagnostic(.badModel, at: location, "its scales do not fit \(type.shape)")
        }
        try count(type, name: declared.name)
        let shape = declared.type.shape
        guard shape != type.shape else { return }
        // A tensor whose extents the file leaves open has whatever its operator gives.
        if shape.rank == 0 { hasOpenShapes = true }
        let agrees =
            hasOpenShapes
            || (shape.rank == type.shape.rank
                && shape.dimensions.indices.allSatisfy {
                    shape[$0] == type.shape[$0] || declared.openExtents[$0]
                })
        guard agrees else {
            throw Diagnostic(
                .badModel, at: location, "has the shape \(shape) in the file, but its operator gives \(type.shape)")
        }
        if assumptions.last?.hasPrefix("shapes") != true {
            assumptions.append("shapes: computed from the inputs where the file leaves them open")
        }
    }

    private mutating func count(_ type: TensorType, name: String) throws {
        guard let elements = type.shape.checkedElementCount(),
            elements <= limits.tensorBytes / type.elementType.byteCount
        else { throw Diagnostic(.badModel, at: "tensor \(name)", "\(type) is larger than 2 GiB") }
        totalBytes += type.byteCount
        guard totalBytes <= limits.totalBytes else {
            throw Diagnostic(.badModel, at: "tensor \(name)", "all tensors together are larger than 64 GiB")
        }
    }

    /// MAXIMUM and MINIMUM compare codes.
    private func checkSameScale(_ op: Operator, _ types: CodedTypes) throws {
        guard case .binary(let binary) = op, binary.kind == .maximum || binary.kind == .minimum else { return }
        let parameters = (types.inputs.compactMap { $0 } + types.outputs).map(\.quantization)
        guard parameters.allSatisfy({ $0 == parameters[0] }) else {
            throw Diagnostic(.unsupported, at: "", "operands and result have different scales")
        }
    }
}
