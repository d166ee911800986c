import TensorCore
import Yams

/// A YAML mapping read strictly: every problem is told with file and line.
struct YAMLMapping {
    private let entries: [(key: String, value: Yams.Node)]
    private let path: String
    private let line: Int?

    /// - Throws: `.badData` when `node` is no mapping, or has a key twice or one that is no text.
    init(_ node: Yams.Node, path: String, place: String) throws(Diagnostic) {
        self.path = path
        line = node.mark?.line
        guard case .mapping(let mapping) = node else {
            throw Self.error(path, node.mark?.line, "\(place) must be a mapping of keys to values")
        }
        var entries: [(key: String, value: Yams.Node)] = []
        for (key, value) in mapping {
            guard case .scalar(let scalar) = key else {
                throw Self.error(path, key.mark?.line, "a key of \(place) is no text")
            }
            guard !entries.contains(where: { $0.key == scalar.string }) else {
                throw Self.error(path, key.mark?.line, "key '\(scalar.string)' is there twice")
            }
            entries.append((scalar.string, value))
        }
        self.entries = entries
    }

    private static func error(_ path: String, _ line: Int?, _ message: String) -> Diagnostic {
        Diagnostic(.badData, at: line.map { "\(path):\($0)" } ?? path, message, suggestion: "see converters/README.md")
    }

    /// A problem with the value of `key`, or with the mapping when it has no such key.
    func error(_ key: String, _ message: String) -> Diagnostic {
        Self.error(path, node(key)?.mark?.line ?? line, message)
    }

    private func node(_ key: String) -> Yams.Node? { entries.first { $0.key == key }?.value }

    func has(_ key: String) -> Bool { node(key) != nil }

    /// - Throws: `.badData` for the first key that is not among `keys`.
    func allow(_ keys: [String]) throws(Diagnostic) {
        for entry in entries where !keys.contains(entry.key) {
            throw error(entry.key, "unknown key '\(entry.key)' (known are \(keys.joined(separator: ", ")))")
        }
    }

    private func required(_ key: String) throws(Diagnostic) -> Yams.Node {
        guard let node = node(key) else { throw error(key, "key '\(key)' is missing") }
        return node
    }

    func string(_ key: String) throws(Diagnostic) -> String {
        guard case .scalar(let scalar) = try required(key) else { throw error(key, "'\(key)' must be text") }
        return scalar.string
    }

    func string(_ key: String, or fallback: String) throws(Diagnostic) -> String {
        try has(key) ? string(key) : fallback
    }

    func strings(_ key: String) throws(Diagnostic) -> [String] {
        guard case .sequence(let sequence) = try required(key) else { throw error(key, "'\(key)' must be a list") }
        var result: [String] = []
        for item in sequence {
            guard case .scalar(let scalar) = item else { throw error(key, "'\(key)' must be a list of texts") }
            result.append(scalar.string)
        }
        return result
    }

    /// A number, or a list of numbers.
    func numbers(_ key: String) throws(Diagnostic) -> [Double] {
        let texts: [String]
        if case .scalar(let scalar) = try required(key) { texts = [scalar.string] } else { texts = try strings(key) }
        var result: [Double] = []
        for text in texts {
            guard let number = Double(text), number.isFinite else { throw error(key, "'\(text)' is no number") }
            result.append(number)
        }
        return result
    }

    /// true or false; nil when there is no such key.
    func flag(_ key: String) throws(Diagnostic) -> Bool? {
        guard has(key) else { return nil }
        switch try string(key) {
        case "true": return true
        case "false": return false
        case let text: throw error(key, "'\(key)' is true or false, not '\(text)'")
        }
    }

    func choice<T: RawRepresentable>(_ key: String, _ all: [T], or fallback: T? = nil) throws(Diagnostic) -> T
    where T.RawValue == String {
        if let fallback, !has(key) { return fallback }
        let text = try string(key)
        guard let found = all.first(where: { $0.rawValue == text }) else {
            let names = all.map(\.rawValue).joined(separator: ", ")
            throw error(key, "'\(text)' is no \(key) (there are \(names))")
        }
        return found
    }

    func mapping(_ key: String) throws(Diagnostic) -> YAMLMapping {
        try YAMLMapping(required(key), path: path, place: "'\(key)'")
    }

    func mappings(_ key: String) throws(Diagnostic) -> [YAMLMapping] {
        guard case .sequence(let sequence) = try required(key) else { throw error(key, "'\(key)' must be a list") }
        var result: [YAMLMapping] = []
        for item in sequence { result.append(try YAMLMapping(item, path: path, place: "an entry of '\(key)'")) }
        return result
    }
}
