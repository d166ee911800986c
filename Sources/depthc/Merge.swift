import ArgumentParser
import DepthCompiler

struct Merge: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Merges statistics files of one model.",
        discussion: """
            The result does not depend on the order of the files or on how the samples were divided among them:

              depthc merge first.stats second.stats -o model.stats
            """)

    @Argument(help: "Files that depthc calibrate or depthc merge wrote.")
    var files: [String]

    @Option(name: .shortAndLong, help: ArgumentHelp("The file to write.", valueName: "STATS"))
    var output: String

    func run() throws {
        var merged: StatisticsFile?
        for file in files {
            let next = try StatisticsFile.load(file)
            guard merged != nil else {
                merged = next
                continue
            }
            do {
                try merged?.merge(next)
            } catch {
                throw error.located(in: file)
            }
        }
        guard let merged else { throw ValidationError("name at least one file") }
        let bytes = merged.bytes
        try AtomicFile.write(bytes, to: output)
        print("\(output): \(size(bytes.count)), \(merged.sampleCount) samples of \(files.count) files")
    }
}
