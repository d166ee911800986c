import Foundation
import ImageIO
import TensorCore

/// The files that tools/record_image_goldens.py wrote.
enum Goldens {
    static let folder = (#filePath as NSString).deletingLastPathComponent + "/Goldens"

    static func path(_ name: String) -> String { "\(folder)/\(name)" }

    /// Names in the folder `part`, sorted.
    static func names(_ part: String) -> [String] {
        ((try? FileManager.default.contentsOfDirectory(atPath: path(part))) ?? []).sorted()
    }

    static func temporaryFolder() throws -> String {
        let path = NSTemporaryDirectory() + "depthc-image-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        return path
    }
}
