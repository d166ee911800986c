import Foundation
import ImageIO
import TensorCore

/// The true depth of a sample, as a map in rows from the top; unknown where it is not finite or not above 0.
public struct GroundTruth: Sendable {
    public var path: String
    public var width: Int
    public var height: Int
    /// In the unit of the file: px of disparity, or metres.
    public var values: [Double]

    static let extensions = ["png", "npy", "pfm"]

    /// Finds and reads the truth of the sample at `place`: `KIND.png`, `.npy` or `.pfm` in the sample's folder, else
    /// `NAME_KIND.*` beside its files, where KIND is `disparity`, `inverse-depth` or `depth`; with `folder` instead
    /// `folder/NAME.*`, `folder/NAME_KIND.*` or `folder/NAME/KIND.*`.
    ///
    /// PNG files hold 16 bits in steps of 1/256 unit, 0 where the truth is unknown.
    ///
    /// - Throws: `.missingFile` when there is none; `.badData` when the file is damaged or is no map.
    public static func find(
        _ kind: Recipe.DepthKind, of place: SampleFolder.Place, in folder: String?
    ) throws(Diagnostic) -> GroundTruth {
        let stems: [String]
        if let folder {
            stems = [
                "\(folder)/\(place.name)", "\(folder)/\(place.name)_\(kind.rawValue)",
                "\(folder)/\(place.name)/\(kind.rawValue)",
            ]
        } else if place.hasOwnFolder {
            stems = ["\(place.folder)/\(kind.rawValue)"]
        } else {
            stems = ["\(place.folder)/\(place.name)_\(kind.rawValue)"]
        }
        for stem in stems {
            for ending in extensions where FileManager.default.fileExists(atPath: "\(stem).\(ending)") {
                return try read("\(stem).\(ending)")
            }
        }
        throw Diagnostic(
            .missingFile, at: "\(stems[0]).png", "the sample \(place.name) has no truth; .npy and .pfm work too",
            suggestion: folder == nil ? "put it there, or name another folder with --ground-truth DIR" : nil)
    }

    /// Reads a 16-bit PNG, an .npy or a .pfm file; see ``find(_:of:in:)``.
    public static func read(_ path: String) throws(Diagnostic) -> GroundTruth {
        if path.hasSuffix(".png") {
            let image = try ImageFile.read(path)
            guard image.channels == 1, image.maximum > 255 else {
                throw Diagnostic(
                    .badData, at: path,
                    "is no grey picture of 16 bits, \(image.channels) channels up to \(image.maximum)",
                    suggestion: "16-bit PNG in steps of 1/256, .npy or .pfm")
            }
            return GroundTruth(
                path: path, width: image.width, height: image.height, values: image.samples.map { Double($0) / 256 })
        }
        let tensor: Tensor
        do {
            tensor = try path.hasSuffix(".pfm") ? PFM.decode(FileBytes.read(path)) : NPY.read(path)
        } catch {
            throw error.location.hasPrefix(path) ? error : error.located(in: path)
        }
        let sides = tensor.shape.dimensions.drop { $0 == 1 }
        guard tensor.elementType.isFloat, sides.count == 2 || (sides.count == 3 && sides.last == 1),
            let height = sides.first, let width = sides.dropFirst().first, width > 0, height > 0
        else {
            throw Diagnostic(.badData, at: path, "is \(tensor.type), no map of floats", suggestion: "rows x columns")
        }
        return GroundTruth(path: path, width: width, height: height, values: tensor.doubles())
    }
}
