import GraphIR

/// Turns one source node into operators of the graph and returns a value for every result that is supported.
typealias Mapping = @Sendable (NodeContext, GraphBuilder) throws -> [ValueID?]

/// Which source operators are read, by family.
enum OperatorTable {
    static let mappings: [String: Mapping] = [
        Elementwise.mappings, Activations.mappings, Casts.mappings, Reductions.mappings, Layouts.mappings,
        Slicing.mappings, Constants.mappings, Gathering.mappings, Scattering.mappings, MatrixProducts.mappings,
        Convolutions.mappings, Pooling.mappings, Normalizations.mappings, Resizing.mappings, Quantization.mappings,
    ].reduce(into: [:]) { $0.merge($1) { first, _ in first } }

    /// Operators of ONNX Runtime's own domain.
    static let runtimeMappings: [String: Mapping] = Quantization.runtimeMappings

    static func mapping(of node: ONNXNode) -> Mapping? {
        if node.isDefaultDomain { return mappings[node.operatorType] }
        return node.domain == "com.microsoft" ? runtimeMappings[node.operatorType] : nil
    }
}
