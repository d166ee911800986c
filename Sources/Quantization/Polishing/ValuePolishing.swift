import TensorCore

/// What the polishing of values may do.
public struct PolishingOptions: Sendable, Hashable {
    /// The layouts of meanings that are tried; what is expected to leave the least error is taken.
    public var methods: [PolishingMethod]
    /// A value is polished when its expected squared error falls below this share of what even 4-bit steps leave.
    public var gate: Double

    public init(methods: [PolishingMethod] = PolishingMethod.allCases, gate: Double = 0.8) {
        self.methods = methods
        self.gate = gate
    }
}

/// How one value is stored with 4 bits an element and expanded to int8 before it is multiplied.
struct ValuePolishing: Sendable {
    var method: PolishingMethod
    /// One for all channels, or some that channels (last axis) share.
    var codebooks: [PolishingCodebook]
    /// The codebook of every channel; empty when there is one for all.
    var places: [Int]
    /// The int8 form on both sides.
    var parameters: QuantizationParameters
    private var importance: [Double]?
    /// Expected squared error as a share of the elements' energy: of 16 even steps, and of this.
    var plainError: Double
    var error: Double

    /// One codebook for all channels is preferred while its error is at most this many times that of several.
    private static let sharingMargin = 1.1

    /// The codebooks with the least expected error; nil without distributions.
    ///
    /// - Parameters:
    ///   - channels: the distributions of the channels.
    ///   - parameters: the int8 form.
    ///   - plain: 4-bit parameters, int8 codes from ``NarrowCodes/lowest``, that the value has otherwise.
    ///   - importance: what a squared error in a channel counts; nil for all the same.
    init?(
        channels: [RangeStatistics], parameters: QuantizationParameters, plain: QuantizationParameters,
        importance: [Double]?, methods: [PolishingMethod]
    ) {
        let distributions = channels.map { CodeDistribution($0, parameters) }
        let weights = importance?.count == channels.count ? importance ?? [] : channels.map { _ in 1 }
        var whole = CodeDistribution(parameters)
        for (distribution, weight) in zip(distributions, weights) { whole.merge(distribution, weight: weight) }
        guard whole.squares > 0, !methods.isEmpty else { return nil }
        self.parameters = parameters
        self.importance = importance
        plainError = whole.squaredError(Self.evenSteps(plain, parameters)) / whole.squares
        var best: (method: PolishingMethod, sharing: TableSharing)?
        for method in methods {
            let candidates = zip(distributions, channels).map { CodebookChoice.codebook(method, $0, $1) }
            let sharing = TableSharing(candidates, distributions, weights: weights) { members in
                var joined = CodeDistribution(parameters)
                for member in members { joined.merge(distributions[member], weight: weights[member]) }
                return CodebookChoice.codebook(method, joined, RangeStatistics.joining(members.map { channels[$0] }))
            }
            if sharing.error < best?.sharing.error ?? .infinity { best = (method, sharing) }
        }
        guard let best else { return nil }
        method = best.method
        codebooks = best.sharing.codebooks
        places = best.sharing.places
        var least = best.sharing.error
        if best.method != .channel {
            let shared = CodebookChoice.codebook(best.method, whole, RangeStatistics.joining(channels))
            let error = whole.squaredError(shared)
            if error <= least * Self.sharingMargin { (codebooks, places, least) = ([shared], [], error) }
        }
        if codebooks.count == 1 { places = [] }
        error = least / whole.squares
    }

    /// The same layout for another int8 form.
    func with(_ parameters: QuantizationParameters, channels: [RangeStatistics]) -> ValuePolishing {
        guard parameters != self.parameters else { return self }
        return ValuePolishing(
            channels: channels, parameters: parameters, plain: parameters, importance: importance, methods: [method])
            ?? self
    }

    /// What 16 even steps make of every int8 code: reals by `code + 128`.
    private static func evenSteps(_ plain: QuantizationParameters, _ parameters: QuantizationParameters) -> [Double] {
        (-128...127).map { code in
            let real = Double(parameters.scale) * (Double(code) - Double(parameters.zeroPoint))
            let narrow = (real / Double(plain.scale)).rounded() + Double(plain.zeroPoint)
            return Double(plain.scale) * (min(max(narrow, 112), 127) - Double(plain.zeroPoint))
        }
    }

    /// The int8 code of every int8 code: one table of 256 entries for every codebook, one behind the other.
    var table: Tensor {
        Tensor(codebooks.flatMap(\.composed), shape: [256 * codebooks.count], quantization: parameters)
    }
}
