import CurveHead
import Foundation
import Testing

/// What NumPy gave (tools/record_curves.py).
struct RecordedCurves: Decodable {
    struct Hilbert: Decodable, Sendable, CustomTestStringConvertible {
        var order: Int
        var first: [[Int]]
        var last: [Int]
        var points: [[Double]]
        var q: [Double]
        var testDescription: String { "order \(order)" }
    }
    struct Phase: Decodable, Sendable, CustomTestStringConvertible {
        var turns: Int
        var values: [[Double]]
        var q: [Double]
        var testDescription: String { "\(turns) turns" }
    }
    var producer: String
    var hilbert: [Hilbert]
    var phase: [Phase]

    static let all: RecordedCurves = {
        let path = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("Recorded/numpy.json")
        guard let data = try? Data(contentsOf: path), let read = try? JSONDecoder().decode(Self.self, from: data)
        else { fatalError("\(path.path) cannot be read") }
        return read
    }()
}

/// Binary64 in both implementations, with different orders of operations.
private let rounding = 1e-12

@Suite struct HilbertCurveTests {
    @Test(arguments: RecordedCurves.all.hilbert)
    func nearestPointsAreNumPys(_ recorded: RecordedCurves.Hilbert) throws {
        let curve = HilbertCurve(order: recorded.order)
        let pitch = 0.8 / Double((1 << recorded.order) - 1)
        for (node, wanted) in zip(curve.nodes, recorded.first) {
            #expect(abs(node.x - 0.1 - pitch * Double(wanted[0])) < rounding)
            #expect(abs(node.y - 0.1 - pitch * Double(wanted[1])) < rounding)
        }
        let last = try #require(curve.nodes.last)
        #expect(abs(last.x - 0.1 - pitch * Double(recorded.last[0])) < rounding)
        #expect(recorded.points.count > 150)
        for (point, q) in zip(recorded.points, recorded.q) {
            #expect(abs(curve.nearest(to: SIMD2(point[0], point[1])) - q) < rounding)
        }
    }

    @Test(arguments: HilbertCurve.orders)
    func isOnePathOfEqualEdges(order: Int) {
        let curve = HilbertCurve(order: order)
        #expect(curve.nodes.count == 1 << (2 * order))
        let pitch = 0.8 / Double((1 << order) - 1)
        for (a, b) in zip(curve.nodes, curve.nodes.dropFirst()) {
            let step = b - a
            #expect(abs(abs(step.x) + abs(step.y) - pitch) < rounding && abs(step.x * step.y) < rounding)
        }
        #expect(abs(curve.length - pitch * Double(curve.edgeCount)) < rounding)
    }

    @Test(arguments: HilbertCurve.orders)
    func decodesItsOwnPoints(order: Int) {
        let curve = HilbertCurve(order: order)
        for step in 0...1000 {
            let q = Double(step) / 1000
            #expect(abs(curve.nearest(to: curve.point(at: q)) - q) < rounding)
        }
    }
}

@Suite struct PhaseCurveTests {
    @Test(arguments: RecordedCurves.all.phase)
    func unwrapsAsNumPy(_ recorded: RecordedCurves.Phase) {
        let curve = PhaseCurve(turns: recorded.turns)
        #expect(recorded.values.count > 50)
        for (value, q) in zip(recorded.values, recorded.q) {
            let phase = curve.phase(of: SIMD2(value[1], value[2]))
            #expect(abs(curve.unwrapped(phase: phase, coarse: value[0]) - q) < rounding)
        }
    }

    /// Any change of the coarse value moves the result by at most 4/3 of it, through all turns.
    @Test func jumpsNowhere() {
        let curve = PhaseCurve(turns: 4)
        let step = 1.0 / 4096
        for phaseIndex in 0..<256 {
            let phase = Double(phaseIndex) / 256 - 0.5
            var last = curve.unwrapped(phase: phase, coarse: 0)
            for index in 1...4096 {
                let next = curve.unwrapped(phase: phase, coarse: Double(index) * step)
                #expect(abs(next - last) < 4 * step / 3 + rounding)
                last = next
            }
        }
    }
}
