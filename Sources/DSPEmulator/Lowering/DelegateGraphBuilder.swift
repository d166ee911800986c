import GraphIR
import TensorCore

/// Makes the nodes of the library in the order and with the ids that the delegate gives them.
///
/// Source: hexagon/builders/op_builder.cc and .h, GraphBuilder and OpBuilder.
struct DelegateGraphBuilder {
    let listing: OperatorListing
    /// Node `id` stands at `id - 1`.
    private var nodes: [HexagonNode] = []
    /// Where tensors of the file are, in the form in which the next builder finds them.
    private var homes: [Int: HexagonReference] = [:]
    private var values: [ValueID: HexagonReference] = [:]
    private var constants: [ConstantKey: HexagonReference] = [:]
    /// Constants that the delegate shares with one of another type, numbered from -1 downwards until the end.
    private var copies: [HexagonNode] = []
    private var copyKeys: [ConstantKey: HexagonReference] = [:]

    /// Constants of equal extents and bytes are one node, those from tensors apart from computed ones.
    private struct ConstantKey: Hashable {
        enum Origin: Hashable { case computed, tensor, castTensor, copy(ElementType) }
        var shape: [Int]
        var bytes: [UInt8]
        var origin: Origin
    }

    static let scalar = [1, 1, 1, 1]

    init(listing: OperatorListing) { self.listing = listing }

    /// The graph: constants go to the library at once, all other nodes at the end.
    ///
    /// Where the delegate shares a constant between types, zeros mostly, the second type has a constant of its own, with an
    /// id behind all others.
    func finished() -> HexagonGraph {
        let isConstant = { (node: HexagonNode) in node.op == .constant }
        var all = nodes.filter(isConstant) + copies + nodes.filter { !isConstant($0) }
        let count = nodes.count
        func final(_ id: Int) -> Int { id < 0 ? count - id : id }
        for index in all.indices {
            all[index].id = final(all[index].id)
            for input in all[index].inputs.indices {
                all[index].inputs[input].node = final(all[index].inputs[input].node)
            }
        }
        return HexagonGraph(nodes: all, values: values)
    }

    // MARK: Nodes

    /// Gives out the next id for a node that ``complete(_:_:_:)`` fills in.
    mutating func reserve(_ op: HexagonOperator, source: Int?) -> Int {
        nodes.append(HexagonNode(id: nodes.count + 1, op: op, source: source))
        return nodes.count
    }

    mutating func setOperator(_ id: Int, _ op: HexagonOperator) { nodes[id - 1].op = op }
    mutating func setPadding(_ id: Int, _ padding: HexagonPadding) { nodes[id - 1].padding = padding }

    /// Fills in a reserved node and returns its results.
    mutating func complete(
        _ id: Int, _ inputs: [HexagonReference], _ outputs: [HexagonOutput]
    ) -> [HexagonReference] {
        nodes[id - 1].inputs = inputs
        nodes[id - 1].outputs = outputs
        return outputs.indices.map { HexagonReference(id, $0) }
    }

    /// As ``complete(_:_:_:)`` for a node with one result of `shape` and the ends of its range.
    mutating func complete(
        _ id: Int, _ inputs: [HexagonReference], shape: [Int], elementSize: Int = 1
    ) -> [HexagonReference] {
        let end = HexagonOutput(Self.scalar, elementSize: 4)
        return complete(id, inputs, [HexagonOutput(shape, elementSize: elementSize), end, end])
    }

    // MARK: Tensors

    /// The extents of a tensor, with ones in front.
    func shape(of tensor: Int) -> [Int] { Self.padded(listing[tensor: tensor].type.shape.dimensions) }

    private static func padded(_ shape: [Int]) -> [Int] { [Int](repeating: 1, count: max(0, 4 - shape.count)) + shape }

    /// Where a tensor is computed.
    func home(of tensor: Int) throws -> HexagonReference {
        guard let home = homes[tensor] else {
            throw buildFailure("\(listing[tensor: tensor].name) is not in the graph")
        }
        return home
    }

    /// Notes where an operator's result is; what has a place keeps it.
    mutating func register(_ tensor: Int, at reference: HexagonReference) {
        if homes[tensor] == nil { homes[tensor] = reference }
        if let value = listing[tensor: tensor].value { values[value] = reference }
    }

    /// Lets later builders find a constant in another form.
    mutating func move(_ tensor: Int, to reference: HexagonReference) { homes[tensor] = reference }

    /// The integers of a constant operand.
    func integers(_ tensor: Int) throws -> [Int] {
        guard let values = listing[tensor: tensor].constant?.integers() else {
            throw buildFailure("\(listing[tensor: tensor].name) is not a constant of integers")
        }
        return values
    }

    // MARK: Constants

    /// A computed constant.
    mutating func constant(_ tensor: Tensor) -> HexagonReference {
        let key = ConstantKey(
            shape: tensor.shape.dimensions, bytes: tensor.withUnsafeBytes { Array($0) }, origin: .computed)
        guard let known = constants[key] else { return append(tensor, key) }
        if nodes[known.node - 1].constant?.elementType == tensor.elementType { return known }
        var copyKey = key
        copyKey.origin = .copy(tensor.elementType)
        if let copy = copyKeys[copyKey] { return copy }
        let copy = HexagonReference(-1 - copies.count)
        copies.append(
            HexagonNode(id: copy.node, op: .constant, outputs: nodes[known.node - 1].outputs, constant: tensor))
        copyKeys[copyKey] = copy
        return copy
    }

    mutating func number(_ value: Float) -> HexagonReference { constant(Tensor([value], shape: [1, 1, 1, 1])) }
    mutating func integer(_ value: Int) -> HexagonReference { integers([value], shape: Self.scalar) }

    /// int32 numbers; those that do not fit wrap, as in C.
    mutating func integers(_ values: [Int], shape: [Int]) -> HexagonReference {
        constant(Tensor(values.map { Int32(truncatingIfNeeded: $0) }, shape: Shape(shape)))
    }

    /// A stride or a window: the library looks at the extents of the constant, whose data are four bytes of zero.
    mutating func extents(height: Int, width: Int) -> HexagonReference {
        let key = ConstantKey(shape: [1, height, width, 1], bytes: [0, 0, 0, 0], origin: .computed)
        if let known = constants[key] { return known }
        // One element of four bytes, or as many of one byte as the extents say.
        return append(Tensor(zeros: TensorType(height * width == 1 ? .int32 : .uint8, Shape(key.shape))), key)
    }

    /// A constant of the file; int8 codes get a cast to uint8 behind it.
    @discardableResult
    mutating func addConstant(_ tensor: Int) throws -> HexagonReference {
        guard let constant = listing[tensor: tensor].constant else {
            throw buildFailure("\(listing[tensor: tensor].name) is not a constant")
        }
        let isSigned = constant.elementType == .int8
        let shape = shape(of: tensor)
        let key = ConstantKey(
            shape: shape, bytes: constant.withUnsafeBytes { Array($0) }, origin: isSigned ? .castTensor : .tensor)
        if let known = constants[key] {
            if homes[tensor] == nil { homes[tensor] = known }
            return known
        }
        var reference = append(constant.retyped(TensorType(constant.elementType, Shape(shape))), key)
        if homes[tensor] == nil { homes[tensor] = reference }
        if isSigned {
            reference = try addCast(.castInt8ToUInt8, tensor)
            constants[key] = reference
        }
        return reference
    }

    private mutating func append(_ constant: Tensor, _ key: ConstantKey) -> HexagonReference {
        let id = reserve(.constant, source: nil)
        nodes[id - 1].constant = constant
        let output = HexagonOutput(constant.shape.dimensions, elementSize: constant.elementType.byteCount)
        let reference = complete(id, [], [output])[0]
        constants[key] = reference
        return reference
    }

    // MARK: Ends

    /// INPUT and the casts of signed inputs.
    mutating func addInputs(_ tensors: [Int]) throws {
        let node = reserve(.input, source: nil)
        var outputs: [HexagonOutput] = []
        for (index, tensor) in tensors.enumerated() {
            let type = listing[tensor: tensor].type.elementType
            outputs.append(
                HexagonOutput(shape(of: tensor), elementSize: [.float32, .int32].contains(type) ? 4 : 1))
            register(tensor, at: HexagonReference(node, index))
            if type == .int8 {
                let cast = try addCast(.castInt8ToUInt8, tensor)
                if let value = listing[tensor: tensor].value { values[value] = cast }
            }
        }
        _ = complete(node, [], outputs)
    }

    /// The casts of signed outputs and OUTPUT.
    mutating func addOutputs(_ tensors: [Int]) throws {
        var results: [HexagonReference] = []
        for tensor in tensors {
            if listing[tensor: tensor].type.elementType == .int8 { try addCast(.castUInt8ToInt8, tensor) }
            results.append(try home(of: tensor))
        }
        _ = complete(reserve(.output, source: nil), results, [])
    }

    /// Puts a cast behind a tensor. Source: hexagon/builders/cast_builder.cc.
    @discardableResult
    private mutating func addCast(_ op: HexagonOperator, _ tensor: Int) throws -> HexagonReference {
        let node = reserve(op, source: nil)
        var range: (min: Float, max: Float) = (0, 0)
        if listing[tensor: tensor].type.quantization != nil { range = try self.range(of: tensor) }
        let ends = [number(range.min), number(range.max)]
        let result = complete(node, [try home(of: tensor)] + ends, shape: shape(of: tensor))[0]
        homes[tensor] = result
        return result
    }
}
