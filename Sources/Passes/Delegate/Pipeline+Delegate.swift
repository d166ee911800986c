/// Ways to write operators in forms that a DSP delegate admits.
package enum DelegateForm: String, Sendable, CaseIterable {
    /// Bilinear resizes with half-pixel centers: ``Pass/admittedResizes``.
    case resizes
    /// Leaky and parametric rectifiers and magnitudes: ``Pass/admittedActivations``.
    case activations
    /// GELU by the sigmoid, an approximation: ``Pass/logisticGELU``.
    case gelu
    /// Matrix products of any rank and batch as flat ones, movements of many axes on four: ``Pass/flatMatrices``,
    /// ``Pass/matricesOneByOne``, ``Pass/fourAxes``.
    case matrices
}

extension Pipeline {
    /// Brings float graphs in canonical form into the forms that a delegate admits.
    package static func delegateForms(_ forms: [DelegateForm]) -> Pipeline {
        let passes = forms.flatMap { form -> [Pass] in
            switch form {
            case .resizes: [.admittedResizes]
            case .activations: [.admittedActivations]
            case .gelu: [.logisticGELU]
            case .matrices: [.matricesOneByOne, .flatMatrices, .fourAxes]
            }
        }
        return Pipeline(steps: [.repeated(passes), .repeated([.reshapes, .transposes, .identities, .deadCode])])
    }
}
