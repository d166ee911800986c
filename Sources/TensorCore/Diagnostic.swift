/// A problem told to the user in one line: `error[CODE] where: what; what would work`.
public struct Diagnostic: Error, Sendable, Hashable, CustomStringConvertible {
    /// What kind of problem it is; decides the process's exit code (sysexits).
    public enum Code: String, Sendable, Hashable, CaseIterable {
        /// The command line is wrong (64).
        case usage
        /// The bytes are not what the format says (65).
        case badModel
        /// The input data does not fit (65).
        case badData
        /// An operator, type or shape that depthc does not support (65).
        case unsupported
        /// A file is missing (66).
        case missingFile
        /// A program or library is missing (69).
        case unavailable
        /// A bug of depthc (70).
        case internalError
        /// A file cannot be written (73).
        case cannotWrite
        /// A check failed (1).
        case checkFailed

        public var exitCode: Int32 {
            switch self {
            case .usage: 64
            case .badModel, .badData, .unsupported: 65
            case .missingFile: 66
            case .unavailable: 69
            case .internalError: 70
            case .cannotWrite: 73
            case .checkFailed: 1
            }
        }
    }

    public var code: Code
    /// File, byte offset, node or tensor; from the general to the special.
    public var location: String
    public var message: String
    /// What would work instead, when that is known.
    public var suggestion: String?

    public init(_ code: Code, at location: String, _ message: String, suggestion: String? = nil) {
        self.code = code
        self.location = location
        self.message = message
        self.suggestion = suggestion
    }

    /// The same problem seen from further outside: `location` is put in front.
    public func located(in outer: String) -> Diagnostic {
        Diagnostic(code, at: location.isEmpty ? outer : "\(outer): \(location)", message, suggestion: suggestion)
    }

    public var description: String {
        let text = "error[\(code.rawValue)] \(location.isEmpty ? "depthc" : location): \(message)"
        let whole = suggestion.map { "\(text); \($0)" } ?? text
        return String(whole.map { $0.isNewline ? " " : $0 })
    }
}
