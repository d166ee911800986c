import TensorCore

/// Tensor data that a model keeps in files beside it.
final class ExternalData {
    private let folder: String
    private let allowMissing: Bool
    private(set) var warnings: [String] = []
    /// Bytes of zeros that stand in for missing data.
    private var stoodIn = 0
    private static let standInLimit = 1 << 28

    init(folder: String, allowMissing: Bool) {
        self.folder = folder
        self.allowMissing = allowMissing
    }

    /// The elements of `tensor`, read from its file.
    ///
    /// - Throws: `Diagnostic` (.missingFile naming the file, .badModel for a path outside the model's folder or a range
    ///   outside the file).
    func load(_ tensor: ONNXTensor, record: [String: String]) throws -> Tensor {
        let location = "tensor '\(tensor.name)'"
        guard let name = record["location"], !name.isEmpty else {
            throw Diagnostic(.badModel, at: location, "its external data names no file")
        }
        guard !name.hasPrefix("/"), !name.contains("\\"), !name.split(separator: "/").contains("..") else {
            throw Diagnostic(
                .badModel, at: location, "its external data '\(name)' lies outside the model's folder",
                suggestion: "keep data files beside the model")
        }
        let offset = try number(record, "offset", at: location) ?? 0
        let declared = try number(record, "length", at: location)
        guard let elements = tensor.shape.checkedElementCount(), let type = tensor.elementType.storageType else {
            throw Diagnostic(.badModel, at: location, "its shape \(tensor.shape) is too large")
        }
        let needed = (elements * tensor.elementType.bitsInFile + 7) / 8
        if let declared, declared != needed {
            throw Diagnostic(
                .badModel, at: location, "its external data has \(declared) bytes, its shape needs \(needed)")
        }
        do {
            return try ModelFile.withBytes(of: "\(folder)/\(name)", offset: offset, count: needed) { bytes in
                guard let result = TensorReader.decode(bytes, as: tensor.elementType, shape: tensor.shape) else {
                    throw Diagnostic(.badModel, at: location, "its external data does not fit its shape")
                }
                return result
            }
        } catch let diagnostic as Diagnostic where diagnostic.code == .missingFile {
            let missing = Diagnostic(
                .missingFile, at: location, "its data file '\(name)' is missing",
                suggestion: "put \(name) beside the model")
            stoodIn += elements * type.byteCount
            guard allowMissing, stoodIn <= Self.standInLimit else { throw missing }
            let warning = "the data file '\(name)' is missing; zeros stand in for its tensors"
            if !warnings.contains(warning) { warnings.append(warning) }
            return Tensor(zeros: TensorType(type, tensor.shape))
        }
    }

    private func number(_ record: [String: String], _ key: String, at location: String) throws -> Int? {
        guard let text = record[key], !text.isEmpty else { return nil }
        guard let value = Int(text), value >= 0 else {
            throw Diagnostic(.badModel, at: location, "its external data has the \(key) '\(text)'")
        }
        return value
    }
}
