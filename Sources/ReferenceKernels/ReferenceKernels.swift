import Operators
import TensorCore

/// The definition of right: every operator in plain, slow, obvious Swift.
///
/// Float results follow LiteRT's reference kernels in float32; integer results equal them bit for bit.
public enum ReferenceKernels {
    /// Computes `op` on `inputs` (nil where an optional operand is absent). `outputTypes` are the types that inference
    /// gave, with the quantisation parameters of the results.
    ///
    /// - Throws: `Diagnostic` (.unsupported for a combination of element types without a kernel, .badData for an index
    ///   out of range or an integer division by zero).
    public static func evaluate(_ op: Operator, inputs: [Tensor?], outputTypes: [TensorType]) throws -> [Tensor] {
        throw Diagnostic(.unsupported, at: op.name, "no reference kernel")
    }
}
