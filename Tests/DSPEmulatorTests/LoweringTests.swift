import DSPEmulator
import Foundation
import GraphIR
import Operators
import TensorCore
import Testing

@Suite("Translation to the library's nodes")
struct LoweringTests {
    /// The nodes of every case by its name, found equal to what the delegate's own builders make: ids, operators, borders,
    /// operands, declared results and the bytes of constants.
    private static let recorded: [String: String] = {
        let path = "\(#filePath)".replacing("LoweringTests.swift", with: "Recorded/lowering.txt")
        let text = (try? String(contentsOfFile: path, encoding: .utf8)) ?? ""
        let parts = text.split(separator: "## ").map { $0.split(separator: "\n", maxSplits: 1) }
        return Dictionary(
            parts.filter { $0.count == 2 }.map { (String($0[0]), $0[1].trimmingCharacters(in: .newlines)) },
            uniquingKeysWith: { first, _ in first })
    }()

    @Test("nodes of every operator", arguments: LoweringCase.all)
    func nodes(_ item: LoweringCase) throws {
        let text = try item.lowered().listing
        #expect(text == Self.recorded[item.name], "## \(item.name)\n\(text)")
    }

    @Test(
        "ids count constants and nodes together, and every operand stands before its reader",
        arguments: LoweringCase.all)
    func order(_ item: LoweringCase) throws {
        let nodes = try item.lowered().nodes
        #expect(nodes.map(\.id).sorted() == Array(1...nodes.count))
        var seen: Set<Int> = []
        for node in nodes {
            #expect(node.inputs.allSatisfy { seen.contains($0.node) })
            seen.insert(node.id)
        }
        #expect(nodes.first { $0.op != .constant }?.op == .input && nodes.last?.op == .output)
    }

    @Test("values are noted in the form between the casts")
    func values() throws {
        var graph = Graph(name: "main")
        let type = TensorType(.int8, [1, 4], quantization: ListingBuilder.code)
        let input = graph.addInput("x", type)
        let result = try graph.addNode(
            .unary(.tanh), [input], names: ["y"], location: "n",
            quantization: [QuantizationParameters(scale: 1 / 128, zeroPoint: 0)])[0]
        graph.addOutput(result)
        let listing = OperatorListing(graph) { _ in 2 }
        let partition = DSPPlacement(listing, profile: .htp).partitions[0]
        let lowered = try HexagonLowering.graph(of: partition, in: listing)
        #expect(lowered.values == [input: HexagonReference(2), result: HexagonReference(5)])
    }

    @Test("the library's own print")
    func debugText() throws {
        let item = try #require(LoweringCase.all.first { $0.name == "maximum of a window" })
        #expect(
            try item.lowered().debugText == """
                node @ 0x0: id=0x3 type=0x3(Const) n_inputs=0 n_outputs=1 padding=0(NA)
                node @ 0x0: id=0x4 type=0x3(Const) n_inputs=0 n_outputs=1 padding=0(NA)
                node @ 0x0: id=0x5 type=0x3(Const) n_inputs=0 n_outputs=1 padding=0(NA)
                node @ 0x0: id=0x1 type=0x0(INPUT) n_inputs=0 n_outputs=1 padding=0(NA)
                node @ 0x0: id=0x2 type=0x19(QuantizedMaxPool_8) n_inputs=5 n_outputs=3 padding=1(SAME)
                node @ 0x0: id=0x6 type=0x1(OUTPUT) n_inputs=1 n_outputs=0 padding=0(NA)
                6 nodes total.
                """)
    }

    /// The delegate does not shift the axis of a tensor with fewer than four extents: the library reduces another one. In one
    /// case its result does not fit into the memory declared for it, in the other it has not as many elements.
    @Test("results of other extents than declared are refused", arguments: [[1, 300], [4, 4, 8]])
    func wrongExtents(shape: [Int]) throws {
        let item = LoweringCase("") { builder in
            let data = builder.input(Shape(shape), .uint8, quantization: LoweringCase.perTensor(0.5, 0))
            let axis = builder.constant(Tensor(scalar: Int32(-1)))
            let output = builder.tensor(Shape(shape.dropLast()), .int64, quantization: nil)
            return builder.add(
                .argument(ArgumentReduction(.max, outputType: .int64)), [data, axis], results: [output])
        }
        let interpreter = try HexagonInterpreter(HexagonPreparation.prepare(item.lowered()), architecture: .v66)
        let error = #expect(throws: Diagnostic.self) {
            _ = try interpreter.run([Tensor(zeros: TensorType(.uint8, Shape(shape)))])
        }
        #expect(error?.code == .unsupported)
    }

    @Test("only what the newer library adds has no number")
    func numbers() {
        let unknown = HexagonOperator.allCases.filter { $0.number == nil }
        #expect(unknown == [.castInt8ToUInt8, .castUInt8ToInt8, .hardSwish])
        let numbers = HexagonOperator.allCases.compactMap(\.number)
        #expect(Set(numbers).count == numbers.count)
    }
}

/// One operator as a graph of its own.
struct LoweringCase: Sendable, CustomTestStringConvertible {
    var name: String
    var listing: OperatorListing

    var testDescription: String { name }

    /// - Parameter build: adds operators and returns the outputs.
    init(_ name: String, _ build: (inout ListingBuilder) -> [Int]) {
        var builder = ListingBuilder()
        let outputs = build(&builder)
        self.name = name
        listing = builder.listing(outputs: outputs)
    }

    /// The whole graph as one partition.
    func lowered() throws -> HexagonGraph {
        var profile = DSPProfile.hexagonDelegate
        profile.limits = PartitionLimits(partitions: 1, nodes: 1)
        let placement = DSPPlacement(listing, profile: profile)
        try #require(placement.partitions.map(\.isDelegated) == [true])
        return try HexagonLowering.graph(of: placement.partitions[0], in: listing)
    }
}
