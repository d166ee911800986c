import CONNX
import TensorCore

/// Copies protobuf-c's structures into ``ONNXModel`` values.
enum ModelReader {
    /// Parses the bytes of an ONNX file; throws `.badModel` with a byte offset where they break the format.
    static func read(_ bytes: UnsafeRawBufferPointer) throws -> ONNXModel {
        guard !bytes.isEmpty else { throw Diagnostic(.badModel, at: "byte 0", "the file is empty") }
        try WireScan.check(bytes)
        let start = bytes.baseAddress?.assumingMemoryBound(to: UInt8.self)
        guard let message = onnx__model_proto__unpack(nil, bytes.count, start) else {
            throw Diagnostic(.badModel, at: "byte 0", "the file is not an ONNX model")
        }
        defer { onnx__model_proto__free_unpacked(message, nil) }
        return try model(message.pointee)
    }

    private static func model(_ proto: Onnx__ModelProto) throws -> ONNXModel {
        guard let graphProto = proto.graph else {
            throw Diagnostic(.badModel, at: "byte 0", "the file holds no graph", suggestion: "is it an ONNX model?")
        }
        let operatorSets = list(proto.opset_import, proto.n_opset_import).map {
            ONNXModel.OperatorSet(domain: text($0.domain), version: Int($0.version))
        }
        let functions = list(proto.functions, proto.n_functions).map {
            ONNXModel.Function(domain: text($0.domain), name: text($0.name))
        }
        return ONNXModel(
            irVersion: Int(proto.ir_version), producerName: text(proto.producer_name),
            producerVersion: text(proto.producer_version), graph: try graph(graphProto.pointee),
            operatorSets: operatorSets, functions: functions,
            metadata: dictionary(proto.metadata_props, proto.n_metadata_props))
    }

    private static func graph(_ proto: Onnx__GraphProto) throws -> ONNXGraph {
        ONNXGraph(
            name: text(proto.name),
            nodes: try list(proto.node, proto.n_node).map(node),
            initializers: try list(proto.initializer, proto.n_initializer).map(TensorReader.tensor),
            inputs: list(proto.input, proto.n_input).map(valueInfo),
            outputs: list(proto.output, proto.n_output).map(valueInfo),
            valueInfo: list(proto.value_info, proto.n_value_info).map(valueInfo),
            sparseInitializers: list(proto.sparse_initializer, proto.n_sparse_initializer).map {
                $0.values.map { text($0.pointee.name) } ?? ""
            })
    }

    private static func node(_ proto: Onnx__NodeProto) throws -> ONNXNode {
        var attributes: [String: ONNXAttribute] = [:]
        for item in list(proto.attribute, proto.n_attribute) {
            attributes[text(item.name)] = try attribute(item)
        }
        return ONNXNode(
            name: text(proto.name), operatorType: text(proto.op_type), domain: text(proto.domain),
            inputs: strings(proto.input, proto.n_input), outputs: strings(proto.output, proto.n_output),
            attributes: attributes)
    }

    private static func attribute(_ proto: Onnx__AttributeProto) throws -> ONNXAttribute {
        if let reference = proto.ref_attr_name, reference.pointee != 0 {
            return .other("reference to the function attribute \(text(reference))")
        }
        switch proto.type == 0 ? inferredType(proto) : proto.type {
        case 1: return .float(proto.f)
        case 2: return .int(Int(proto.i))
        case 3: return .string(text(proto.s))
        case 4: return try proto.t.map { .tensor(try TensorReader.tensor($0.pointee)) } ?? .other("empty tensor")
        case 5: return try proto.g.map { .graph(try graph($0.pointee)) } ?? .other("empty graph")
        case 6: return .floats(Array(UnsafeBufferPointer(start: proto.floats, count: proto.n_floats)))
        case 7: return .ints(UnsafeBufferPointer(start: proto.ints, count: proto.n_ints).map(Int.init))
        case 8:
            return .strings(UnsafeBufferPointer(start: proto.strings, count: proto.n_strings).map(text))
        case 9: return .other("list of tensors")
        case 10: return .other("list of graphs")
        case 11, 12: return .other("sparse tensor")
        case 13, 14: return .other("type")
        default: return .other("attribute of kind \(proto.type)")
        }
    }

    /// Files of the first ONNX versions leave the kind out.
    private static func inferredType(_ proto: Onnx__AttributeProto) -> Int32 {
        if proto.has_f != 0 { return 1 }
        if proto.has_i != 0 { return 2 }
        if proto.has_s != 0 { return 3 }
        if proto.t != nil { return 4 }
        if proto.g != nil { return 5 }
        if proto.n_floats > 0 { return 6 }
        if proto.n_strings > 0 { return 8 }
        if proto.n_tensors > 0 { return 9 }
        if proto.n_graphs > 0 { return 10 }
        return 7
    }

    private static func valueInfo(_ proto: Onnx__ValueInfoProto) -> ONNXValueInfo {
        ONNXValueInfo(name: text(proto.name), kind: proto.type.map { kind($0.pointee) } ?? .undeclared)
    }

    private static func kind(_ proto: Onnx__TypeProto) -> ONNXValueInfo.Kind {
        if proto.sequence_type != nil { return .other("sequence") }
        if proto.map_type != nil { return .other("map") }
        if proto.optional_type != nil { return .other("optional") }
        if proto.sparse_tensor_type != nil { return .other("sparse tensor") }
        guard let tensor = proto.tensor_type?.pointee else { return .undeclared }
        guard let elementType = ONNXElementType(rawValue: tensor.elem_type) else {
            return tensor.elem_type == 0 ? .undeclared : .unknownElementType(tensor.elem_type)
        }
        let shape = tensor.shape.map { shape in
            list(shape.pointee.dim, shape.pointee.n_dim).map { dimension -> ONNXValueInfo.Dimension in
                if dimension.has_dim_value != 0 { return .fixed(Int(dimension.dim_value)) }
                let symbol = text(dimension.dim_param)
                return symbol.isEmpty ? .unknown : .symbol(symbol)
            }
        }
        return .tensor(elementType, shape: shape)
    }

    // MARK: protobuf-c's arrays and strings

    /// The pointed-to messages of a repeated field; null entries are left out.
    static func list<T>(_ start: UnsafeMutablePointer<UnsafeMutablePointer<T>?>?, _ count: Int) -> [T] {
        UnsafeBufferPointer(start: start, count: start == nil ? 0 : count).compactMap { $0?.pointee }
    }

    private static func strings(_ start: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?, _ count: Int) -> [String]
    {
        UnsafeBufferPointer(start: start, count: start == nil ? 0 : count).map(text)
    }

    static func dictionary(
        _ start: UnsafeMutablePointer<UnsafeMutablePointer<Onnx__StringStringEntryProto>?>?, _ count: Int
    ) -> [String: String] {
        Dictionary(list(start, count).map { (text($0.key), text($0.value)) }) { _, last in last }
    }

    /// A string of the file; bytes that are not UTF-8 become replacement characters.
    static func text(_ pointer: UnsafeMutablePointer<CChar>?) -> String {
        pointer.map { String(cString: $0) } ?? ""
    }

    private static func text(_ data: ProtobufCBinaryData) -> String {
        String(decoding: UnsafeBufferPointer(start: data.data, count: data.data == nil ? 0 : data.len), as: UTF8.self)
    }
}
