import GraphIR
import Operators
import TensorCore

/// Einsum of one or two operands without repeated letters: sums, transposes and one matrix product.
enum Einsum {
    static let mapping: Mapping = { node, builder in
        let equation = try node.string("equation", default: "").filter { !$0.isWhitespace }
        let parts = equation.split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false)
        var terms = parts[0].split(separator: ",", omittingEmptySubsequences: false).map { Array($0) }
        let values = try node.allInputs()
        guard terms.count == values.count else { throw node.bad("the equation '\(equation)' has other operands") }
        try expandEllipses(&terms, values, builder, node)
        var letters: [Character: Int] = [:]
        for (term, value) in zip(terms, values) {
            guard Set(term).count == term.count, term.count == builder.shape(value).rank else {
                throw node.unsupported("the equation '\(equation)' is not supported")
            }
            for (letter, extent) in zip(term, builder.shape(value).dimensions) {
                guard letters[letter].map({ $0 == extent || $0 == 1 || extent == 1 }) ?? true else {
                    throw node.bad("'\(letter)' has two extents")
                }
                letters[letter] = max(letters[letter] ?? extent, extent)
            }
        }
        let result = try output(parts, terms, node, equation)
        guard result.allSatisfy({ letters[$0] != nil }), Set(result).count == result.count else {
            throw node.bad("the equation '\(equation)' has letters that no operand has")
        }
        switch values.count {
        case 1: return [try reduce(values[0], terms[0], to: result, builder)]
        case 2: return [try contract(values, terms, to: result, letters, builder)]
        default: throw node.unsupported("an equation of \(values.count) operands is not supported")
        }
    }

    /// Letters of an ellipsis become digits, the last axis "9".
    private static func expandEllipses(
        _ terms: inout [[Character]], _ values: [ValueID], _ builder: GraphBuilder, _ node: NodeContext
    ) throws {
        for i in terms.indices {
            guard let dots = terms[i].firstIndex(of: ".") else { continue }
            let hidden = builder.shape(values[i]).rank - (terms[i].count - 3)
            guard 0...9 ~= hidden, terms[i].count >= dots + 3 else { throw node.bad("its equation does not fit") }
            terms[i].replaceSubrange(dots..<dots + 3, with: Array("0123456789".suffix(hidden)))
        }
    }

    private static func output(
        _ parts: [Substring], _ terms: [[Character]], _ node: NodeContext, _ equation: String
    ) throws -> [Character] {
        let hidden = Set(terms.flatMap { $0 }.filter(\.isNumber)).sorted()
        guard parts.count == 2 else {
            let counts = terms.flatMap { $0 }.reduce(into: [:]) { $0[$1, default: 0] += 1 }
            return hidden + counts.filter { $0.value == 1 && !$0.key.isNumber }.keys.sorted()
        }
        guard parts[1].first == ">" else { throw node.bad("the equation '\(equation)' is not one") }
        var result = Array(parts[1].dropFirst())
        if let dots = result.firstIndex(of: "."), result.count >= dots + 3 {
            result.replaceSubrange(dots..<dots + 3, with: hidden)
        }
        return result
    }

    private static func reduce(
        _ value: ValueID, _ term: [Character], to result: [Character], _ builder: GraphBuilder
    ) throws -> ValueID {
        let summed = term.indices.filter { !result.contains(term[$0]) }
        let total = try builder.reduce(.sum, value, summed, keep: false)
        let rest = term.filter { result.contains($0) }
        return try builder.transpose(total, result.compactMap { rest.firstIndex(of: $0) })
    }

    private static func contract(
        _ values: [ValueID], _ terms: [[Character]], to result: [Character], _ letters: [Character: Int],
        _ builder: GraphBuilder
    ) throws -> ValueID {
        let (a, b) = (terms[0], terms[1])
        let batch = result.filter { a.contains($0) && b.contains($0) }
        let rows = result.filter { a.contains($0) && !b.contains($0) }
        let columns = result.filter { !a.contains($0) && b.contains($0) }
        let summed = a.filter { b.contains($0) && !result.contains($0) }
        func extents(_ group: [Character]) -> [Int] { group.map { letters[$0] ?? 1 } }
        func arranged(_ index: Int, _ groups: [[Character]], _ shape: [Int]) throws -> ValueID {
            let kept = groups.flatMap { $0 }
            let plain = try reduce(values[index], terms[index], to: kept, builder)
            let whole = try builder.broadcast(plain, to: Shape(extents(kept)))
            return try builder.reshape(whole, shape)
        }
        let (m, k, n) = (
            extents(rows).reduce(1, *), extents(summed).reduce(1, *), extents(columns).reduce(1, *)
        )
        let left = try arranged(0, [batch, rows, summed], extents(batch) + [m, k])
        let right = try arranged(1, [batch, summed, columns], extents(batch) + [k, n])
        let product = try MatrixProducts.product(left, right, builder)
        let whole = try builder.reshape(product, extents(batch + rows + columns))
        return try builder.transpose(whole, result.compactMap { (batch + rows + columns).firstIndex(of: $0) })
    }
}
