import GraphIR
import Operators
import TensorCore

extension CurveDecoding {
    /// Components in 0...1 as codes.
    package static let componentParameters = QuantizationParameters(scale: 1.0 / 255, zeroPoint: -128)

    /// Replaces output `index` of `graph`, the components of the curve, by depth named `name`, float32, computed with
    /// builtin operators only.
    ///
    /// Codes come from the output as it is when it is int8 or a dequantised int8 value, else they are rounded to 8 bits
    /// here. BITCAST reads the two codes of a pixel as one number, GATHER looks it up in the decode table.
    ///
    /// - Throws: `Diagnostic` (.usage) when the output has not four axes, or not the curve's number of channels.
    package func attach(to graph: inout Graph, output index: Int, name: String) throws {
        let port = graph.outputs[index]
        let channelAxis = try channelAxis(of: port, in: graph)
        var builder = HeadBuilder(graph: graph, name: name)
        var codes = try builder.codes(of: port.value)
        if channelAxis == 1 { codes = try builder.node("channels", .transpose, [codes, builder.int32([0, 2, 3, 1])]) }
        let pixels = builder.graph.type(of: codes).shape.dimensions.dropLast() + [1]
        let parameters = builder.graph.type(of: codes).quantization ?? Self.componentParameters
        let depth: ValueID
        switch kind {
        case .hilbert:
            depth = try builder.lookUp(codes, in: table(parameters), as: Array(pixels))
        case .phase:
            depth = try phaseDepth(codes, Array(pixels), parameters, &builder)
        }
        let extents = channelAxis == 3 ? Array(pixels) : [pixels[0], 1, pixels[1], pixels[2]]
        let result = try builder.reshaped(depth, extents)
        graph = builder.graph
        graph.rename(result, name)
        graph.outputs[index] = Port(value: result, sourceName: name, sourcePermutation: port.sourcePermutation)
        graph.removeUnused()
    }

    private func channelAxis(of port: Port, in graph: Graph) throws -> Int {
        let shape = graph.type(of: port.value).shape
        guard let axis = channelAxis(of: shape) else {
            throw Diagnostic(
                .usage, at: "output \(port.sourceName)",
                "is \(shape); a network with a \(kind.rawValue) head emits \(components) channels on one of four axes",
                suggestion: "--head keep, or hilbert, serpentine or thermometer for a scalar output")
        }
        return axis
    }

    /// The decode table for the codes of an output, 65,536 little-endian float32 (see ``table(_:)``), for whoever decodes
    /// outside of the graph.
    ///
    /// - Throws: `Diagnostic` (.usage) when the output is not the curve's components.
    package func tableBytes(of port: Port, in graph: Graph) throws -> [UInt8] {
        _ = try channelAxis(of: port, in: graph)
        let codes = graph.type(of: graph.codes(behind: port.value))
        let parameters = codes.elementType == .int8 ? codes.quantization : nil
        return table(parameters ?? Self.componentParameters).flatMap { value in
            withUnsafeBytes(of: value.bitPattern.littleEndian, Array.init)
        }
    }

    /// `PhaseCurve.unwrapped`, in float32, with depth's range folded into the constants.
    private func phaseDepth(
        _ codes: ValueID, _ pixels: [Int], _ parameters: QuantizationParameters, _ builder: inout HeadBuilder
    ) throws -> ValueID {
        let parts = try builder.nodes(
            "parts", .splitV(count: 2), [codes, builder.int32([1, 2]), builder.int32([3], scalar: true)],
            [parameters, parameters])
        let phase = try builder.lookUp(parts[1], in: table(parameters), as: pixels)
        let coarse = try builder.node("coarse", .dequantize, [parts[0]])
        let turns = Float(order)
        let turned = try builder.binary("turned", .mul, coarse, builder.float(turns))
        let away = try builder.binary("away", .sub, phase, turned)
        let shifted = try builder.binary("shifted", .add, away, builder.float(0.5))
        let whole = try builder.node("whole", .unary(.floor), [shifted])
        let difference = try builder.binary("difference", .sub, away, whole)
        let third = try builder.binary("third", .mul, difference, builder.float(1.0 / 3))
        let above = try builder.binary("above", .sub, builder.float(0.5 / 3), third)
        let below = try builder.binary("below", .sub, builder.float(-0.5 / 3), third)
        let lowered = try builder.binary("lowered", .minimum, difference, above)
        let folded = try builder.binary("folded", .maximum, lowered, below)
        let extent = upper - lower
        let correction = try builder.binary("correction", .mul, folded, builder.float(Float(extent / Double(order))))
        let base = try builder.binary("base", .mul, coarse, builder.float(Float(extent)))
        let depth = try builder.binary("depth", .add, base, correction)
        return lower == 0 ? depth : try builder.binary("raised depth", .add, depth, builder.float(Float(lower)))
    }
}
