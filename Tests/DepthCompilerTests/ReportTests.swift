import DepthCompiler
import Foundation
import Testing

/// The page and its figures, for the bundled U-Net.
@Suite struct ReportTests {
    struct Made {
        let graph: Graph
        let report: AccuracyReport
        let maps: [OutputMaps]
        let page: String
    }

    static let shared = Result {
        let network = try QuantizedNetwork.shared.get()
        let made = try network.report(of: network.conversion.graph, samples: 2)
        return Made(
            graph: network.conversion.graph, report: made.report, maps: made.maps,
            page: try ReportPage(made.report, maps: made.maps).html())
    }

    /// The rows of a table of the page, each the cells' texts and full figures.
    static func rows(_ id: String, of page: String) throws -> [[(text: String, value: Double?)]] {
        let table = try #require(page.components(separatedBy: "<table id=\"\(id)\"").dropFirst().first)
        let body = try #require(table.components(separatedBy: "<tbody>").dropFirst().first)
            .components(separatedBy: "</tbody>")[0]
        return body.components(separatedBy: "<tr>").dropFirst().map { row in
            row.components(separatedBy: "<td").dropFirst().map { cell in
                let text = cell.drop { $0 != ">" }.dropFirst().prefix { $0 != "<" }
                let value = cell.components(separatedBy: "data-v=\"").dropFirst().first
                return (String(text), value.flatMap { Double($0.prefix { $0 != "\"" }) })
            }
        }
    }

    @Test func everyOperatorIsListedOnceWithTheFiguresOfTheJSON() throws {
        let made = try Self.shared.get()
        let json = try JSONDecoder().decode(AccuracyReport.self, from: JSONEncoder().encode(made.report))
        let rows = try Self.rows("operators", of: made.page)
        #expect(rows.count == made.graph.nodes.count && json.operators.count == rows.count)
        let listed = rows.map { "\($0[2].text) \($0[1].text)" }
        #expect(Set(listed).count == rows.count)
        let nodes = made.graph.nodes.map { "\($0.op.name) \(made.graph[$0.outputs[0]].name)" }
        #expect(Set(listed) == Set(nodes))
        for (row, entry) in zip(rows, json.operators) {
            #expect(row[1].text == entry.name)
            let figures = [entry.outputError, entry.outputShare, entry.ownSQNR, entry.accumulatedSQNR, entry.clipped]
            #expect(row[3...7].map(\.value) == figures, "\(entry.name)")
        }
        let errors = try Self.rows("errors", of: made.page)
        #expect(errors.count == 3 && json.errors.count == 3)
        for (row, entry) in zip(errors, json.errors) {
            let figures = [entry.rmse, entry.mae, entry.percentile99, entry.maximum, entry.acSQNR, entry.absRel]
            #expect(row[1...6].map(\.value) == figures, "\(entry.sample)")
        }
        #expect(try Self.rows("methods", of: made.page).count == made.report.methods.count)
    }

    /// What each operator's noise does alone adds up to the error, as it does when errors are small and independent.
    @Test func theWholeErrorIsAccountedFor() throws {
        let report = try Self.shared.get().report
        let sum = report.operators.reduce(0) { $0 + ($1.outputShare ?? 0) }
        #expect(sum > 0.7 && sum < 1.5, "\(sum)")
        #expect(report.usesFloatWeights && report.unit == "px" && report.kind == "disparity")
    }

    @Test func picturesShowTheMaps() throws {
        let made = try Self.shared.get()
        let found = made.page.components(separatedBy: "data:image/png;base64,").dropFirst().map { part in
            Data(base64Encoded: String(part.prefix { $0 != "\"" })) ?? Data()
        }
        #expect(found.count == 3 * made.maps.count && made.maps.count == 2)
        let range = made.maps.flatMap(\.float)
        let low = try #require(range.min())
        let high = try #require(range.max())
        for (index, data) in found.enumerated() where index % 3 < 2 {
            let image = try ImageFile.decode([UInt8](data)).eightBit()
            let map = made.maps[index / 3]
            #expect(image.width == map.width && image.height == map.height && image.channels == 3)
            let values = index % 3 == 0 ? map.float : map.quantized
            #expect(image == ColorMap.image(width: map.width, height: map.height, values: values, range: low...high))
        }
    }

    @Test func thePageNeedsNothingElse() throws {
        let made = try Self.shared.get()
        for word in ["http:", "https:", "<link", "@import", "src=\"/", "<iframe"] {
            #expect(!made.page.contains(word), "\(word)")
        }
        #expect(made.page.utf8.count < 5_000_000)
        #expect(
            made.page.components(separatedBy: "aria-label=\"histogram of").count - 1 == made.report.histograms.count)
        #expect(made.report.histograms.contains { $0.name == "disparity" })
        for histogram in made.report.histograms { #expect(histogram.counts.reduce(0, +) > 0) }
    }
}
