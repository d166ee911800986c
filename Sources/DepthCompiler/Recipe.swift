import CurveHead
import ImageIO
import Quantization
import TensorCore

/// How a family of models is fed and what its output means: a file in `converters/`.
public struct Recipe: Sendable, Hashable {
    /// What an input takes.
    public enum InputKind: String, Sendable, Hashable, CaseIterable {
        /// One picture.
        case image
        /// The left, then the right picture, along the channels of one input.
        case stereoStacked = "stereo-stacked"
        /// One picture of a pair, each on an input of its own.
        case stereoLeft = "stereo-left"
        case stereoRight = "stereo-right"
        /// An array that is no picture.
        case tensor
    }

    public struct Input: Sendable, Hashable {
        /// The tensor's name in the source model.
        public var name: String
        public var kind: InputKind
        /// How pictures become numbers; nil for `tensor`.
        public var preprocessing: ImagePreprocessing?

        public init(name: String, kind: InputKind, preprocessing: ImagePreprocessing?) {
            self.name = name
            self.kind = kind
            self.preprocessing = preprocessing
        }
    }

    /// What a depth output measures.
    public enum DepthKind: String, Sendable, Hashable, CaseIterable {
        case disparity
        case inverseDepth = "inverse-depth"
        case depth
    }

    public struct Output: Sendable, Hashable {
        /// The tensor's name in the source model.
        public var name: String
        public var kind: DepthKind
        /// `px`, `m`, or `relative` when the scale is not known.
        public var unit: String
        /// What the output's real values are multiplied by to be in `unit`.
        public var scale: Double

        public init(name: String, kind: DepthKind, unit: String, scale: Double) {
            self.name = name
            self.kind = kind
            self.unit = unit
            self.scale = scale
        }
    }

    /// The components of a curve, which stand for the recipe's output.
    public struct Head: Sendable, Hashable {
        /// The tensor with the components in the source model.
        public var components: String
        public var decoding: CurveDecoding

        public init(components: String, decoding: CurveDecoding) {
            self.components = components
            self.decoding = decoding
        }
    }

    /// The exact head that a scalar output gets.
    public struct ScalarHead: Sendable, Hashable {
        /// Nil: what the noise in the head's accumulator makes worth while.
        public var curve: ExactCurve?

        public init(curve: ExactCurve?) { self.curve = curve }
    }

    /// Defaults of the calibration.
    public struct Calibration: Sendable, Hashable {
        public var method: RangeMethod?
        /// The most samples that are read.
        public var samples: Int?

        public init(method: RangeMethod?, samples: Int?) {
            self.method = method
            self.samples = samples
        }
    }

    /// Defaults of the quantisation; nil where the recipe leaves them open. Every method that can be switched has its
    /// key here and in RecipeFile.swift, and Convert.swift lets the command line overrule it.
    public struct Quantization: Sendable, Hashable {
        public var range: RangeMethod?
        public var equalization: Bool?
        public var biasCorrection: Bool?
        public var channelBalancing: Bool?
        public var weights: WeightRounding?
        public var compensation: Bool?
        /// What mixed precision may add to the latency, as a share.
        public var budget: Double?

        public init() {}
    }

    public var name: String
    public var description: String
    /// File name patterns of the models it is for; `*` matches anything.
    public var models: [String]
    public var inputs: [Input]
    public var output: Output?
    public var calibration: Calibration
    public var quantization: Quantization
    /// The curve head that the network was trained with; nil for a scalar output.
    public var head: Head?
    /// The head that INT8 files of a network with a scalar output get; nil for none.
    public var scalarHead: ScalarHead?

    /// The pictures of one sample.
    public var pictures: Pictures {
        let kinds = Set(inputs.map(\.kind))
        if kinds.contains(.stereoStacked) || kinds.contains(.stereoLeft) || kinds.contains(.stereoRight) {
            return .pair
        }
        return kinds.contains(.image) ? .single : .none
    }

    public enum Pictures: Sendable, Hashable { case none, single, pair }

    public func input(_ name: String) -> Input? { inputs.first { $0.name == name } }
}
