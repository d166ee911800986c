import DepthCompiler
import Foundation
import Testing

private let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().path

@Suite struct RecipeTests {
    static let files = ((try? FileManager.default.contentsOfDirectory(atPath: "\(root)/converters")) ?? [])
        .filter { $0.hasSuffix(".yaml") }

    @Test func everyRecipeIsFound() { #expect(Self.files.count >= 9) }

    @Test(arguments: files)
    func isRead(_ file: String) throws {
        let recipe = try Recipe.load("\(root)/converters/\(file)")
        #expect("\(recipe.name).yaml" == file)
        #expect(!recipe.inputs.isEmpty && recipe.output != nil && !recipe.models.isEmpty)
    }

    @Test func valuesAreTaken() throws {
        let recipe = try Recipe.parse(
            """
            name: pair
            inputs:
              - {name: a, kind: stereo-stacked, channels: grey, size: [2, 3], mean: 127.5, scale: [0.5], resize: box, fit: crop}
              - {name: b, kind: tensor}
            output: {name: d, kind: inverse-depth, scale: 2.5}
            calibration: {method: percentile, percentile: 99.9, samples: 4}
            quantization: {biasCorrection: false, channelBalancing: true, weights: adaround, compensation: true}
            """, path: "r.yaml")
        let preprocessing = ImagePreprocessing(
            color: .grey, width: 3, height: 2, filter: .box, fit: .crop, mean: [127.5], scale: [0.5])
        #expect(recipe.inputs[0] == .init(name: "a", kind: .stereoStacked, preprocessing: preprocessing))
        #expect(recipe.inputs[1] == .init(name: "b", kind: .tensor, preprocessing: nil))
        #expect(recipe.output == .init(name: "d", kind: .inverseDepth, unit: "relative", scale: 2.5))
        #expect(recipe.calibration == .init(method: .percentile(99.9), samples: 4))
        let quantization = recipe.quantization
        #expect(quantization.biasCorrection == false && quantization.channelBalancing == true)
        #expect(quantization.weights == .adaRound && quantization.compensation == true && quantization.range == nil)
        #expect(recipe.pictures == .pair && recipe.head == nil)
    }

    @Test(arguments: [
        ("minmax", RangeMethod.minMax), ("average", .averageMinMax), ("entropy", .entropy), ("mse", .meanSquaredError),
        ("percentile", .percentile(99.99)), ("99.5", .percentile(99.5)),
    ])
    func rangesAreNamed(_ name: String, _ method: RangeMethod) throws {
        let inputs = "name: r\ninputs: []\n"
        #expect(try Recipe.parse("\(inputs)calibration: {method: \(name)}\n", path: "r").calibration.method == method)
        #expect(try Recipe.parse("\(inputs)quantization: {range: \(name)}\n", path: "r").quantization.range == method)
        #expect(throws: Diagnostic.self) {
            try Recipe.parse(
                "\(inputs)calibration: {method: \(name)}\nquantization: {range: \(name)}\n", path: "r")
        }
    }

    @Test func headsOfScalarOutputsAreRead() throws {
        func head(_ text: String) throws -> Recipe.ScalarHead? {
            let recipe = try Recipe.parse(
                "name: r\ninputs: []\noutput: {name: d, kind: depth}\nhead: {\(text)}\n", path: "r")
            #expect(recipe.head == nil)
            return recipe.scalarHead
        }
        #expect(try head("curve: serpentine, order: 3") == .init(curve: ExactCurve(.serpentine, order: 3)))
        #expect(try head("curve: hilbert") == .init(curve: ExactCurve(.hilbert, order: 2)))
        #expect(try head("curve: auto") == .init(curve: nil))
        for wrong in [
            "curve: phase", "curve: hilbert, order: 5", "curve: auto, order: 2", "order: 2", "curve: hilbert, range: 1",
        ] {
            #expect(throws: Diagnostic.self) { try head(wrong) }
        }
    }

    @Test(arguments: ["range: wide", "range: 49", "biasCorrection: maybe", "weights: best", "surprise: true"])
    func quantizationIsReadStrictly(_ entry: String) {
        #expect(throws: Diagnostic.self) {
            try Recipe.parse("name: r\ninputs: []\nquantization: {\(entry)}\n", path: "r")
        }
    }
}
