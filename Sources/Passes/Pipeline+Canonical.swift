/// What the canonical pipeline may do.
package struct CanonicalOptions: Sendable, Hashable {
    /// Which results a rewrite must keep.
    package enum Arithmetic: String, Sendable, Hashable {
        /// The same bits of every finite number: for quantised sources, and to run a file as it is.
        case exact
        /// The same up to rounding of floats: for float sources that are to be converted.
        case approximate
    }

    /// Inputs and outputs keep their order of axes.
    package var keepLayout: Bool
    package var arithmetic: Arithmetic

    package init(keepLayout: Bool, arithmetic: Arithmetic) {
        self.keepLayout = keepLayout
        self.arithmetic = arithmetic
    }
}

extension Pipeline {
    /// Brings an imported graph into its normal form; a second run changes nothing.
    package static func canonical(_ options: CanonicalOptions) -> Pipeline {
        let clean: [Pass] = [
            .deadCode, .constantFolding, .reshapes, .transposes, .slices, .gathers, .identities,
            .commonSubexpressions,
        ]
        let rounding: [Pass] =
            options.arithmetic == .exact
            ? []
            : [
                .functions, .softmax, .clips, .constantProducts, .affineAfterLinear, .affineBeforeLinear,
            ]
        let fusions: [Pass] = [.padding, .activations, .quantizedMovement]
        return Pipeline(steps: [
            .repeated(clean),
            .repeated(clean + rounding + fusions + [.layout(keepLayout: options.keepLayout)]),
            .repeated(clean + [.memoryOrder, .ranks]),
        ])
    }

    /// The canonical pipeline for float sources.
    package static func canonical(keepLayout: Bool) -> Pipeline {
        canonical(CanonicalOptions(keepLayout: keepLayout, arithmetic: .approximate))
    }
}
