// swift-tools-version: 6.2
import PackageDescription

/// Swift targets in import order: a target may import only targets above it, and `Tests/ArchitectureTests` holds each
/// one to the list given here.
let package = Package(
    name: "depthc",
    platforms: [.macOS(.v15)],
    products: [
        .library(name: "DepthCompiler", targets: ["DepthCompiler"]),
        .executable(name: "depthc", targets: ["depthc"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", exact: "1.8.2"),
        .package(url: "https://github.com/jpsim/Yams", exact: "6.2.2"),
    ],
    targets: [
        .systemLibrary(name: "CProtobufC", pkgConfig: "libprotobuf-c", providers: [.apt(["libprotobuf-c-dev"])]),
        .systemLibrary(name: "CPNG", pkgConfig: "libpng", providers: [.apt(["libpng-dev"])]),
        .systemLibrary(name: "CJPEG", pkgConfig: "libjpeg", providers: [.apt(["libjpeg-dev"])]),
        .systemLibrary(name: "CLAPACK", pkgConfig: "openblas", providers: [.apt(["libopenblas-serial-dev"])]),
        .target(name: "CONNX", dependencies: ["CProtobufC"]),
        .target(name: "CTFLite"),
        .target(name: "CKernels"),
        .target(name: "CImageIO", dependencies: ["CPNG", "CJPEG"]),

        .target(name: "TensorCore"),
        .target(name: "ImageIO", dependencies: ["TensorCore", "CImageIO"]),
        .target(name: "Operators", dependencies: ["TensorCore"]),
        .target(name: "ReferenceKernels", dependencies: ["TensorCore", "Operators"]),
        .target(name: "GraphIR", dependencies: ["TensorCore", "Operators"]),
        .target(
            name: "ONNXImporter",
            dependencies: ["TensorCore", "Operators", "ReferenceKernels", "GraphIR", "CONNX"]),
        .target(name: "TFLiteCodec", dependencies: ["TensorCore", "Operators", "GraphIR", "CTFLite"]),
        .target(
            name: "Runtime", dependencies: ["TensorCore", "Operators", "ReferenceKernels", "GraphIR", "CKernels"]),
        .target(name: "Passes", dependencies: ["TensorCore", "Operators", "ReferenceKernels", "GraphIR"]),
        .target(
            name: "Quantization",
            dependencies: ["TensorCore", "Operators", "GraphIR", "Runtime", "Passes", "CKernels", "CLAPACK"]),
        .target(name: "CurveHead", dependencies: ["TensorCore", "Operators", "GraphIR"]),
        .target(name: "DSPEmulator", dependencies: ["TensorCore", "Operators", "GraphIR"]),
        .target(name: "Evaluation", dependencies: ["TensorCore", "ImageIO", "Operators", "GraphIR", "Runtime"]),
        .target(
            name: "DepthCompiler",
            dependencies: [
                "TensorCore", "ImageIO", "Operators", "ReferenceKernels", "GraphIR", "ONNXImporter", "TFLiteCodec",
                "Runtime", "Passes", "Quantization", "CurveHead", "DSPEmulator", "Evaluation",
                .product(name: "Yams", package: "Yams"),
            ]),
        .executableTarget(
            name: "depthc",
            dependencies: ["DepthCompiler", .product(name: "ArgumentParser", package: "swift-argument-parser")]),

        .executableTarget(
            name: "conformance",
            dependencies: [
                "TensorCore", "ImageIO", "GraphIR", "ONNXImporter", "TFLiteCodec", "Runtime", "Passes",
            ],
            path: "Tests/Conformance", exclude: ["refused.txt"]),

        .testTarget(name: "ArchitectureTests"),
        .testTarget(name: "TensorCoreTests", dependencies: ["TensorCore"]),
        .testTarget(
            name: "ReferenceKernelsTests",
            dependencies: ["TensorCore", "Operators", "GraphIR", "ReferenceKernels", "Runtime"],
            exclude: ["Recorded"]),
        .testTarget(
            name: "TFLiteCodecTests", dependencies: ["TensorCore", "Operators", "GraphIR", "TFLiteCodec"],
            exclude: ["refused.txt"]),
        .testTarget(
            name: "ONNXImporterTests", dependencies: ["TensorCore", "Operators", "GraphIR", "ONNXImporter"]),
        .testTarget(
            name: "QuantizationTests",
            dependencies: ["TensorCore", "Operators", "GraphIR", "Runtime", "Quantization"], exclude: ["Recorded"]),
        .testTarget(
            name: "PassesTests",
            dependencies: [
                "TensorCore", "Operators", "ReferenceKernels", "GraphIR", "ONNXImporter", "Runtime", "Passes",
            ]),
        .testTarget(
            name: "CurveHeadTests", dependencies: ["TensorCore", "Operators", "GraphIR", "Runtime", "CurveHead"],
            exclude: ["Recorded"]),
        .testTarget(
            name: "DSPEmulatorTests", dependencies: ["TensorCore", "Operators", "GraphIR", "DSPEmulator"],
            exclude: ["Recorded"]),
        .testTarget(
            name: "RuntimeTests", dependencies: ["CKernels", "TensorCore", "Operators", "GraphIR", "Runtime"]),
        .testTarget(name: "ImageIOTests", dependencies: ["TensorCore", "ImageIO"], exclude: ["Goldens"]),
        .testTarget(
            name: "DepthCompilerTests", dependencies: ["DepthCompiler", "Operators", "TFLiteCodec", "DSPEmulator"],
            exclude: ["Recorded"]),
        .testTarget(name: "CommandLineTests", dependencies: ["depthc"]),
        .testTarget(name: "EvaluationTests", dependencies: ["TensorCore", "Evaluation"], exclude: ["Recorded"]),
    ],
    swiftLanguageModes: [.v6],
    cLanguageStandard: .c11,
    cxxLanguageStandard: .cxx17
)
