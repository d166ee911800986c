import GraphIR

/// Why an operator does not run on the DSP. Rules are judged in this order; the first that fails gives the code.
package enum ReasonCode: String, Sendable, Hashable, CaseIterable {
    case rank = "E_RANK"
    case version = "E_VERSION"
    case operatorKind = "E_OPERATOR"
    case disabled = "E_DISABLED"
    case elementType = "E_DTYPE"
    case activation = "E_ACTIVATION"
    case stride = "E_STRIDE"
    case dilation = "E_DILATION"
    case multiplier = "E_MULTIPLIER"
    case filter = "E_FILTER"
    case notConstant = "E_NONCONST"
    case perChannel = "E_PER_CHANNEL"
    case keepDimensions = "E_KEEP_DIMS"
    case poolSize = "E_POOL_SIZE"
    case operands = "E_OPERANDS"
    case attribute = "E_ATTRIBUTE"
    /// The delegate takes it, the public library does not.
    case library = "E_LIBRARY"
}

/// Why one operator stays on the CPU.
package struct Refusal: Sendable, Hashable {
    package var code: ReasonCode
    /// What of this operator breaks the rule.
    package var detail: String
    /// The rule in one sentence.
    package var rule: String
    /// Where the rule stands: file and function.
    package var source: String
}

/// One condition that a delegate puts on operators.
package struct AdmissionRule: Sendable {
    package var code: ReasonCode
    /// The rule in one sentence.
    package var explanation: String
    /// Where it stands: file and function.
    package var source: String
    /// What of the operator breaks the rule; nil when nothing does, also for operators that the rule does not speak of.
    let objection: @Sendable (ListedOperator, OperatorListing) -> String?

    init(
        _ code: ReasonCode, _ explanation: String, source: String,
        objection: @escaping @Sendable (ListedOperator, OperatorListing) -> String?
    ) {
        self.code = code
        self.explanation = explanation
        self.source = source
        self.objection = objection
    }
}

extension DSPProfile {
    /// Every rule that `entry` breaks, the deciding one first; empty when the delegate takes it.
    package func refusals(of entry: ListedOperator, in listing: OperatorListing) -> [Refusal] {
        rules.compactMap { rule in
            rule.objection(entry, listing).map {
                Refusal(code: rule.code, detail: $0, rule: rule.explanation, source: rule.source)
            }
        }
    }
}
