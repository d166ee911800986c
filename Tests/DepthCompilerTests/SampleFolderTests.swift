import DepthCompiler
import Foundation
import Testing

@Suite struct SampleFolderTests {
    /// A graph with the given float inputs and no nodes.
    static func graph(_ inputs: [(String, Shape, [Int]?)], _ elementType: ElementType = .float32) -> Graph {
        var graph = Graph(name: "g")
        for (name, shape, permutation) in inputs {
            let quantization = elementType == .float32 ? nil : QuantizationParameters(scale: 1 / 255, zeroPoint: -128)
            graph.addInput(name, TensorType(elementType, shape, quantization: quantization))
            graph.inputs[graph.inputs.count - 1].sourcePermutation = permutation
        }
        return graph
    }

    static func withFolder(_ body: (String) throws -> Void) throws {
        let path = NSTemporaryDirectory() + "depthc-samples-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: path) }
        try body(path)
    }

    static func picture(_ pixels: [UInt8], _ channels: Int) throws -> [UInt8] {
        try ImageFile.png(Image(width: 2, height: 1, channels: channels, pixels: pixels))
    }

    @Test func arraysArePermutedFromTheSourcesLayout() throws {
        try Self.withFolder { folder in
            try NPY.write(Tensor((0..<12).map(Float.init), shape: [1, 3, 2, 2]), to: "\(folder)/x.npy")
            let samples = try SampleFolder(folder)
            let graph = Self.graph([("input", [1, 2, 2, 3], [0, 2, 3, 1])])
            let tensors = try samples.tensors(0, for: graph)
            #expect(tensors[0].elements(of: Float.self) == [0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11])
            #expect(tensors[0].unpermuted([0, 2, 3, 1]).elements(of: Float.self) == (0..<12).map(Float.init))
            #expect(throws: Diagnostic.self) {
                _ = try samples.tensors(0, for: Self.graph([("input", [1, 2, 2, 4], nil)]))
            }
            #expect(throws: Diagnostic.self) {
                _ = try samples.tensors(0, for: Self.graph([("a", [1], nil), ("b", [1], nil)]))
            }
        }
    }

    @Test func folderPerSample() throws {
        try Self.withFolder { folder in
            for sample in ["s1", "s0"] {
                try NPY.write(Tensor([Float(1)], shape: [1]), to: "\(folder)/\(sample)/a_b.npy")
                try NPY.write(Tensor([Double(2)], shape: [1]), to: "\(folder)/\(sample)/c:0.npy")
            }
            let samples = try SampleFolder(folder)
            #expect(samples.count == 2 && samples.name(0) == "s0")
            let tensors = try samples.tensors(1, for: Self.graph([("a/b", [1], nil), ("c:0", [1], nil)]))
            #expect(tensors[1].elements(of: Float.self) == [2])
            #expect(throws: Diagnostic.self) { _ = try samples.tensors(0, for: Self.graph([("missing", [1], nil)])) }
        }
    }

    @Test func pairsAreStackedInEitherLayout() throws {
        let recipe = try Recipe.parse(
            """
            name: r
            inputs:
              - {name: x, kind: stereo-stacked, channels: rgb, size: [1, 2]}
            """, path: "r.yaml")
        try Self.withFolder { folder in
            try AtomicFile.write(Self.picture([1, 2, 3, 4, 5, 6], 3), to: "\(folder)/000/left.png")
            try AtomicFile.write(Self.picture([7, 8], 1), to: "\(folder)/000/right.png")
            let samples = try SampleFolder(folder, recipe: recipe)
            let last = try samples.tensors(0, for: Self.graph([("x", [1, 1, 2, 6], nil)]))
            #expect(last[0].elements(of: Float.self) == [1, 2, 3, 7, 7, 7, 4, 5, 6, 8, 8, 8])
            let first = try samples.tensors(0, for: Self.graph([("x", [1, 6, 1, 2], nil)]))
            #expect(first[0].elements(of: Float.self) == [1, 4, 2, 5, 3, 6, 7, 8, 7, 8, 7, 8])
            #expect(throws: Diagnostic.self) {
                _ = try samples.tensors(0, for: Self.graph([("x", [1, 3, 1, 2], nil)]))
            }
        }
    }

    @Test func picturesAreQuantised() throws {
        let recipe = try Recipe.parse(
            """
            name: r
            inputs:
              - {name: x, kind: image, channels: grey, size: [1, 2], scale: 0.00392156862745098}
            """, path: "r.yaml")
        try Self.withFolder { folder in
            try AtomicFile.write(Self.picture([0, 200], 1), to: "\(folder)/a.png")
            let samples = try SampleFolder(folder, recipe: recipe)
            let tensors = try samples.tensors(0, for: Self.graph([("x", [1, 1, 2, 1], nil)], .int8))
            #expect(tensors[0].elements(of: Int8.self) == [-128, 72])
        }
    }

    @Test func limitSpreadsEvenly() throws {
        try Self.withFolder { folder in
            for index in 0..<10 { try NPY.write(Tensor([Float(index)], shape: [1]), to: "\(folder)/\(index).npy") }
            let samples = try SampleFolder(folder, limit: 4)
            #expect((0..<4).map(samples.name) == ["0.npy", "2.npy", "5.npy", "7.npy"])
        }
    }

    @Test func emptyAndMissingFolders() throws {
        try Self.withFolder { folder in
            #expect(throws: Diagnostic.self) { _ = try SampleFolder(folder) }
            #expect(throws: Diagnostic.self) { _ = try SampleFolder("\(folder)/no") }
        }
    }
}
