import CurveHead
import GraphIR
import ImageIO
import TensorCore

/// What an output of a model measures, when a recipe or the metadata of an exported file says so.
public struct DepthOutput: Sendable, Hashable {
    public var kind: Recipe.DepthKind
    /// `px`, `m` or `relative`.
    public var unit: String
    /// What the output's real values are multiplied by to be in `unit`.
    public var scale: Double
    /// The curve that the output's channels are components of; nil when it is depth itself.
    public var curve: CurveDecoding?
    /// What the output's two channels of codes stand for, by code (x + 256 y); nil when it is depth itself.
    public var table: [Float]?

    /// What `recipe` says of the output `port`, else what the file's metadata says; nil when nobody does.
    public init?(_ port: GraphIR.Port, of model: Model, recipe: Recipe?) {
        let entry = model.metadata?.outputs.first { $0.sourceName == port.sourceName }
        let table = entry?.isDecodedByTable == true ? model.decodeTable : nil
        if let recipe {
            guard let output = recipe.output else { return nil }
            let curve = recipe.head.flatMap { $0.components == port.sourceName ? $0.decoding : nil }
            guard output.name == port.sourceName || curve != nil else { return nil }
            self.init(kind: output.kind, unit: output.unit, scale: output.scale, curve: curve, table: table)
            return
        }
        guard let entry, let kind = entry.kind.flatMap(Recipe.DepthKind.init(rawValue:))
        else { return nil }
        self.init(kind: kind, unit: entry.unit ?? "relative", scale: entry.scale ?? 1, curve: entry.curve, table: table)
    }

    public init(
        kind: Recipe.DepthKind, unit: String, scale: Double, curve: CurveDecoding? = nil, table: [Float]? = nil
    ) {
        self.curve = curve
        self.table = table
        self.kind = kind
        self.unit = unit
        self.scale = scale
    }

    /// The first map of `tensor` in `unit`, rows from the top, components decoded; nil when the tensor has more than two
    /// extents above 1 behind the first, channels of a curve not counted.
    public func map(_ tensor: Tensor) -> (width: Int, height: Int, values: [Float])? {
        if let curve { return decoded(tensor, curve) }
        if let table { return decoded(tensor, table) }
        var extents = tensor.shape.dimensions
        if extents.count > 2 { extents.removeFirst() }
        let sides = extents.filter { $0 != 1 }
        guard sides.count == 2, sides[0] > 0, sides[1] > 0 else { return nil }
        let values = tensor.realValues().prefix(sides[0] * sides[1]).map { Float($0 * scale) }
        return (sides[1], sides[0], Array(values))
    }

    private func decoded(_ tensor: Tensor, _ curve: CurveDecoding) -> (width: Int, height: Int, values: [Float])? {
        guard let axis = curve.channelAxis(of: tensor.shape) else { return nil }
        let components = axis == 3 ? tensor : tensor.permuted([0, 2, 3, 1])
        let (height, width) = (components.shape[1], components.shape[2])
        let values = Array(components.realValues().prefix(height * width * curve.components))
        return (width, height, curve.decode(values).map { Float($0 * scale) })
    }

    private func decoded(_ tensor: Tensor, _ table: [Float]) -> (width: Int, height: Int, values: [Float])? {
        guard tensor.shape.rank == 4, tensor.shape[3] == 2, table.count == 65536 else { return nil }
        let (height, width) = (tensor.shape[1], tensor.shape[2])
        let bytes = tensor.realValues().prefix(height * width * 2).map { component in
            Int(min(max((component * 255).rounded(), 0), 255)) ^ 128
        }
        return (
            width, height,
            (0..<height * width).map { Float(Double(table[bytes[2 * $0] | bytes[2 * $0 + 1] << 8]) * scale) }
        )
    }
}
