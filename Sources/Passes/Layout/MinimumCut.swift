/// A minimum cut between a source and a sink, by Dinic's algorithm (E. A. Dinic, 1970).
struct MinimumCut {
    static let source = 0
    static let sink = 1
    static let unlimited = Int.max / 4

    private struct Edge {
        let to: Int
        var capacity: Int
    }

    private var edges: [Edge] = []
    private var outgoing: [[Int]] = [[], []]

    mutating func addVertex() -> Int {
        outgoing.append([])
        return outgoing.count - 1
    }

    /// Cutting `from` (on the source's side) off `to` (on the sink's side) costs `capacity`.
    mutating func addEdge(_ from: Int, _ to: Int, _ capacity: Int) {
        guard capacity > 0 else { return }
        outgoing[from].append(edges.count)
        edges.append(Edge(to: to, capacity: capacity))
        outgoing[to].append(edges.count)
        edges.append(Edge(to: from, capacity: 0))
    }

    /// For every vertex, whether it is on the sink's side of the minimum cut nearest to the sink.
    mutating func sinkSide() -> [Bool] {
        while true {
            let levels = levels()
            if levels[MinimumCut.sink] < 0 { break }
            var next = [Int](repeating: 0, count: outgoing.count)
            while push(levels, &next) {}
        }
        var reaches = [Bool](repeating: false, count: outgoing.count)
        reaches[MinimumCut.sink] = true
        var stack = [MinimumCut.sink]
        while let vertex = stack.popLast() {
            for index in outgoing[vertex] where edges[index ^ 1].capacity > 0 && !reaches[edges[index].to] {
                reaches[edges[index].to] = true
                stack.append(edges[index].to)
            }
        }
        return reaches
    }

    private func levels() -> [Int] {
        var level = [Int](repeating: -1, count: outgoing.count)
        level[MinimumCut.source] = 0
        var queue = [MinimumCut.source]
        var head = 0
        while head < queue.count {
            let vertex = queue[head]
            head += 1
            for index in outgoing[vertex] where edges[index].capacity > 0 && level[edges[index].to] < 0 {
                level[edges[index].to] = level[vertex] + 1
                queue.append(edges[index].to)
            }
        }
        return level
    }

    /// Sends flow along one path of rising levels; false when there is none left.
    private mutating func push(_ levels: [Int], _ next: inout [Int]) -> Bool {
        var path: [Int] = []
        var vertex = MinimumCut.source
        while vertex != MinimumCut.sink {
            var advanced = false
            while next[vertex] < outgoing[vertex].count {
                let index = outgoing[vertex][next[vertex]]
                if edges[index].capacity > 0, levels[edges[index].to] == levels[vertex] + 1 {
                    path.append(index)
                    vertex = edges[index].to
                    advanced = true
                    break
                }
                next[vertex] += 1
            }
            if advanced { continue }
            guard let last = path.popLast() else { return false }
            vertex = edges[last ^ 1].to
            next[vertex] += 1
        }
        let flow = path.map { edges[$0].capacity }.min() ?? 0
        for index in path {
            edges[index].capacity -= flow
            edges[index ^ 1].capacity += flow
        }
        return flow > 0
    }
}
