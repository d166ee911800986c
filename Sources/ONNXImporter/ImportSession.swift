import GraphIR
import Operators
import TensorCore

/// One walk over a model's graph.
struct ImportSession {
    let model: ONNXModel
    let opset: Int
    let options: ONNXImporter.Options
    let data: ExternalData
    private var assumptions: [String] = []
    private var warnings: [String] = []
    private var sourceOperators: [String: Int] = [:]

    init(model: ONNXModel, opset: Int, options: ONNXImporter.Options, data: ExternalData) {
        self.model = model
        self.opset = opset
        self.options = options
        self.data = data
    }

    mutating func run() throws -> ONNXImporter.Result {
        let name = model.graph.name
        let builder = GraphBuilder(name: name.isEmpty ? "main" : name)
        var scope = Scope()
        try addInitializers(model.graph, builder, &scope)
        try addInputs(builder, &scope)
        try importNodes(of: model.graph, builder, &scope)
        try addOutputs(builder, scope)
        builder.graph.removeUnused()
        return ONNXImporter.Result(
            graph: builder.graph, opset: opset,
            producer: [model.producerName, model.producerVersion].filter { !$0.isEmpty }.joined(separator: " "),
            assumptions: assumptions + builder.assumptions, warnings: data.warnings + warnings,
            fixedInputs: options.fixedInputs.keys.sorted(), sourceOperators: sourceOperators)
    }

    // MARK: Initialisers and inputs

    private func addInitializers(_ graph: ONNXGraph, _ builder: GraphBuilder, _ scope: inout Scope) throws {
        for name in graph.sparseInitializers {
            throw Diagnostic(.unsupported, at: "tensor '\(name)'", "sparse tensors are not supported")
        }
        for tensor in graph.initializers {
            scope.lazy[tensor.name] = tensor
            scope.values[tensor.name] = nil
        }
    }

    private mutating func addInputs(_ builder: GraphBuilder, _ scope: inout Scope) throws {
        let inputs = model.graph.inputs.filter { scope.lazy[$0.name] == nil }
        let names = Set(inputs.map(\.name))
        for name in (Array(options.shapes.keys) + options.fixedInputs.keys).sorted() where !names.contains(name) {
            throw Diagnostic(
                .usage, at: "input \(name)", "the model has no such input",
                suggestion: "its inputs are \(inputs.map(\.name).joined(separator: ", "))")
        }
        guard names.count == inputs.count else {
            throw Diagnostic(.badModel, at: "inputs", "two inputs have the same name")
        }
        for input in inputs {
            let elementType = try tensorElementType(input)
            scope.elementTypes[input.name] = elementType
            if let fixed = options.fixedInputs[input.name] {
                scope.values[input.name] = try fix(input, to: fixed, elementType, builder)
                continue
            }
            guard let storage = elementType.storageType, elementType != .bfloat16, elementType != .int4,
                elementType != .uint4, elementType != .int2, elementType != .uint2
            else {
                throw Diagnostic(
                    .unsupported, at: "input \(input.name)", "inputs of type \(elementType.name) are not supported")
            }
            let shape = try resolvedShape(input)
            guard shape.elementCount < GraphBuilder.byteLimit / storage.byteCount else {
                throw Diagnostic(.unsupported, at: "input \(input.name)", "a tensor of \(shape) is too large")
            }
            let value = builder.graph.addInput(input.name, TensorType(storage, shape))
            scope.values[input.name] = try builder.compute(value)
        }
    }

    private func fix(
        _ input: ONNXValueInfo, to tensor: Tensor, _ elementType: ONNXElementType, _ builder: GraphBuilder
    ) throws -> ValueID {
        let location = "input \(input.name)"
        guard tensor.elementType == elementType.storageType else {
            throw Diagnostic(
                .badData, at: location, "the given data is \(tensor.elementType.rawValue)",
                suggestion: "the model takes \(elementType.name)")
        }
        if case .tensor(_, let dimensions?) = input.kind {
            let fits =
                dimensions.count == tensor.shape.rank
                && zip(dimensions, tensor.shape.dimensions).allSatisfy { declared, given in
                    if case .fixed(let extent) = declared, extent >= 0 { return extent == given }
                    return true
                }
            guard fits else {
                throw Diagnostic(.badData, at: location, "the given data has the shape \(tensor.shape)")
            }
        }
        return try builder.compute(builder.constant(tensor, name: input.name))
    }

    private func tensorElementType(_ input: ONNXValueInfo) throws -> ONNXElementType {
        let location = "input \(input.name)"
        switch input.kind {
        case .tensor(let type, _):
            guard type.storageType != nil else {
                throw Diagnostic(.unsupported, at: location, "tensors of type \(type.name) are not supported")
            }
            return type
        case .unknownElementType(let code):
            throw Diagnostic(.badModel, at: location, "element type \(code) is not one of the format")
        case .other(let kind):
            throw Diagnostic(.unsupported, at: location, "values of kind \(kind) are not supported")
        case .undeclared:
            throw Diagnostic(.badModel, at: location, "its type is not declared")
        }
    }

    private mutating func resolvedShape(_ input: ONNXValueInfo) throws -> Shape {
        let location = "input \(input.name)"
        guard case .tensor(_, let declared) = input.kind else { return [] }
        if let given = options.shapes[input.name] {
            guard declared == nil || declared?.count == given.count else {
                throw Diagnostic(
                    .usage, at: location, "the shape \(Shape(given)) has \(given.count) axes",
                    suggestion: "the model's input has \(declared?.count ?? 0)")
            }
            return try TensorReader.checkedShape(given, at: location)
        }
        if let available = options.availableInputs[input.name], declared == nil || isDynamic(declared) {
            guard declared == nil || declared?.count == available.shape.rank else {
                throw Diagnostic(.badData, at: location, "the given data has the shape \(available.shape)")
            }
            return available.shape
        }
        guard let declared else {
            throw Diagnostic(
                .unsupported, at: location, "its shape is not declared", suggestion: "give --shape \(input.name)=...")
        }
        var dimensions: [Int] = []
        for (axis, dimension) in declared.enumerated() {
            if case .fixed(let extent) = dimension, extent >= 0 {
                dimensions.append(extent)
                continue
            }
            let symbol = if case .symbol(let name) = dimension { "'\(name)'" } else { "unknown" }
            guard axis == 0 else {
                let text = declared.map { dimension -> String in
                    if case .fixed(let extent) = dimension, extent >= 0 { return "\(extent)" }
                    return axis == 0 ? "1" : "N"
                }
                throw Diagnostic(
                    .unsupported, at: location, "dimension \(axis) is \(symbol)",
                    suggestion: "give --shape \(input.name)=\(text.joined(separator: "x")) with numbers for N")
            }
            assumptions.append("input \(input.name): leading dimension (\(symbol)) taken as 1")
            dimensions.append(1)
        }
        return try TensorReader.checkedShape(dimensions, at: location)
    }

    private func isDynamic(_ dimensions: [ONNXValueInfo.Dimension]?) -> Bool {
        dimensions?.contains { if case .fixed(let extent) = $0, extent >= 0 { false } else { true } } ?? true
    }

    // MARK: Nodes

    private mutating func importNodes(of graph: ONNXGraph, _ builder: GraphBuilder, _ scope: inout Scope) throws {
        for node in graph.nodes { sourceOperators[node.operatorType, default: 0] += 1 }
        let nodes = PatternFusion.fuse(graph.nodes, outputs: Set(graph.outputs.map(\.name)), scope: scope)
        let declared = declaredShapes(graph)
        for node in nodes {
            try importNode(node, builder, &scope)
            for name in node.outputs where !name.isEmpty {
                guard let shape = declared[name], let value = scope.values[name] else { continue }
                checkDeclared(name, shape, builder.graph.type(of: value).shape)
            }
        }
    }

    private mutating func importNode(_ node: ONNXNode, _ builder: GraphBuilder, _ scope: inout Scope) throws {
        let location = node.name.isEmpty ? "node of \(node.outputs.first ?? "?")" : "node \(node.name)"
        do {
            let inputs = try node.inputs.map { name -> ValueID? in
                name.isEmpty ? nil : try value(named: name, builder, &scope)
            }
            builder.begin(location: location, prefix: node.outputs.first { !$0.isEmpty } ?? node.name)
            let keeps = Quantization.keepsParameters.contains(node.operatorType)
            let operands = keeps ? inputs : try inputs.map { try $0.map { try Quantization.raw($0, builder) } }
            let context = NodeContext(
                node: node, inputs: operands, opset: opset,
                inputTypes: node.inputs.map { scope.elementTypes[$0] })
            let results: [ValueID?]
            if node.operatorType == "If", node.isDefaultDomain {
                results = try inlineIf(context, builder, scope)
            } else {
                guard let mapping = OperatorTable.mapping(of: node) else {
                    throw Diagnostic(
                        .unsupported, at: "",
                        "the operator \(node.domain.isEmpty ? "" : node.domain + ".")\(node.operatorType) is not supported"
                    )
                }
                results = try mapping(context, builder)
            }
            try bind(node, results, builder, &scope, context)
        } catch var needed as ConstantNeeded {
            needed.diagnostic = needed.diagnostic.located(in: "\(location) (\(node.operatorType))")
            throw needed
        } catch let diagnostic as Diagnostic {
            throw diagnostic.located(in: "\(location) (\(node.operatorType))")
        }
    }

    private func bind(
        _ node: ONNXNode, _ results: [ValueID?], _ builder: GraphBuilder, _ scope: inout Scope, _ context: NodeContext
    ) throws {
        for (i, name) in node.outputs.enumerated() where !name.isEmpty {
            guard i < results.count, let value = results[i] else {
                throw Diagnostic(.unsupported, at: "", "its output \(i) is not supported")
            }
            if builder.isNew(value) { builder.graph.rename(value, name) }
            scope.values[name] = value
            scope.lazy[name] = nil
            let declared = context.resultType(i)
            let isConsistent = declared?.computeType == builder.elementType(value)
            scope.elementTypes[name] = isConsistent ? declared : nil
        }
    }

    private func value(named name: String, _ builder: GraphBuilder, _ scope: inout Scope) throws -> ValueID {
        if let value = scope.values[name] { return value }
        guard let tensor = scope.lazy[name] else {
            throw Diagnostic(.badModel, at: "", "its input '\(name)' is not computed before it")
        }
        let value = try builder.compute(builder.constant(load(tensor), name: name))
        scope.values[name] = value
        scope.elementTypes[name] = tensor.elementType
        return value
    }

    private func load(_ tensor: ONNXTensor) throws -> Tensor {
        switch tensor.payload {
        case .tensor(let loaded): return loaded
        case .external(let record): return try data.load(tensor, record: record)
        case .unsupported(let reason):
            throw Diagnostic(.unsupported, at: "tensor '\(tensor.name)'", reason)
        }
    }

    /// An `If` whose condition is known becomes the nodes of the branch it takes.
    private mutating func inlineIf(
        _ context: NodeContext, _ builder: GraphBuilder, _ scope: Scope
    ) throws -> [ValueID?] {
        let condition = try builder.constantTensor(context.input(0), "the condition of a branch")
        let taken = condition.doubles().first == 1
        guard case .graph(let branch)? = context.node.attributes[taken ? "then_branch" : "else_branch"] else {
            throw Diagnostic(.badModel, at: "", "a branch is missing")
        }
        var inner = scope
        try addInitializers(branch, builder, &inner)
        try importNodes(of: branch, builder, &inner)
        return try branch.outputs.map { try value(named: $0.name, builder, &inner) }
    }

    // MARK: Outputs and declared shapes

    private mutating func addOutputs(_ builder: GraphBuilder, _ scope: Scope) throws {
        var scope = scope
        for output in model.graph.outputs {
            if case .other(let kind) = output.kind {
                throw Diagnostic(
                    .unsupported, at: "output \(output.name)", "values of kind \(kind) are not supported")
            }
            builder.begin(location: "output \(output.name)", prefix: output.name)
            var value = try value(named: output.name, builder, &scope)
            let declared: ONNXElementType? = if case .tensor(let type, _) = output.kind { type } else { nil }
            let computed = builder.graph.type(of: value)
            guard declared != .bfloat16 else {
                throw Diagnostic(
                    .unsupported, at: "output \(output.name)", "outputs of type bfloat16 are not supported")
            }
            if let storage = declared?.storageType, declared?.isFloat == true, computed.elementType == .float32,
                storage != .float32
            {
                guard storage == .float16 else {
                    throw Diagnostic(
                        .unsupported, at: "output \(output.name)",
                        "outputs of type \(storage.rawValue) are not supported")
                }
                value = try builder.narrow(value, to: storage)
            }
            if builder.graph[value].constant != nil || builder.graph.producer(of: value) != nil,
                !builder.graph.isOutput(value)
            {
                builder.graph.rename(value, output.name)
            }
            if case .tensor(_, let shape?) = output.kind { checkDeclared(output.name, shape, computed.shape) }
            builder.graph.addOutput(value, sourceName: output.name)
        }
        guard !builder.graph.outputs.isEmpty else {
            throw Diagnostic(.badModel, at: "outputs", "the graph has no outputs")
        }
    }

    private func declaredShapes(_ graph: ONNXGraph) -> [String: [ONNXValueInfo.Dimension]] {
        guard options.shapes.isEmpty else { return [:] }
        var result: [String: [ONNXValueInfo.Dimension]] = [:]
        for info in graph.valueInfo {
            if case .tensor(_, let shape?) = info.kind { result[info.name] = shape }
        }
        return result
    }

    private mutating func checkDeclared(_ name: String, _ declared: [ONNXValueInfo.Dimension], _ inferred: Shape) {
        guard options.shapes.isEmpty, options.availableInputs.isEmpty else { return }
        let agrees =
            declared.count == inferred.rank
            && zip(declared, inferred.dimensions).allSatisfy { declared, extent in
                if case .fixed(let fixed) = declared, fixed > 0 { return fixed == extent }
                return true
            }
        if !agrees {
            let text = declared.map { dimension -> String in
                switch dimension {
                case .fixed(let extent): "\(extent)"
                case .symbol(let name): name
                case .unknown: "?"
                }
            }
            warnings.append("\(name) is declared as \(text.joined(separator: "x")) and is \(inferred)")
        }
    }
}

/// The names that are known at one place of a graph.
struct Scope {
    var values: [String: ValueID] = [:]
    /// Initialisers that nothing has used yet.
    var lazy: [String: ONNXTensor] = [:]
    /// The type a name has in the source, where it is known.
    var elementTypes: [String: ONNXElementType] = [:]
}
