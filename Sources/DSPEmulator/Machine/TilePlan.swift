/// How a node's work is cut so that operands and results fit into the vector memory.
package struct TilePlan: Sendable, Hashable {
    /// Which loop is outside.
    package enum Order: String, Sendable, Hashable {
        /// A strip of the operand stays while all chunks of weights pass.
        case strips
        /// A chunk of weights stays while all strips pass.
        case chunks
    }

    /// Horizontal strips of the result, in each image of the batch.
    package var strips: Int
    /// Chunks of the result's channels.
    package var chunks: Int
    /// Rows of a strip, the last one may have fewer.
    package var stripRows: Int
    /// Channels of a chunk, a multiple of 32; the last one may have fewer.
    package var chunkDepth: Int
    package var order: Order
    /// Rows of the operand that are read twice, as a share of its rows.
    package var halo: Double
    /// What one tile takes: twice the strip of each operand and of the result that is not in the vector memory anyway,
    /// and a chunk of weights.
    package var tileBytes: Int
    /// False when even the finest cut is larger than the budget: data then streams through the caches.
    package var fits: Bool
    /// Bytes from outside, weights included.
    package var bytesIn: Int
    package var weightBytesIn: Int
    package var bytesOut: Int

    package var tiles: Int { strips * chunks }
    package var traffic: Int { bytesIn + bytesOut }
}

/// Where the tensors of a node are.
package struct TensorPlaces: Sendable, Hashable {
    package var isInputResident = false
    package var isOutputResident = false
    /// Of the other operands' bytes, those outside of the vector memory.
    package var otherInputBytes: Int

    package init(_ work: MachineWork) {
        otherInputBytes = work.otherInputBytes
    }
}

extension TilePlan {
    /// The cut with the least traffic among those that fit into `budget` bytes: fewer tiles where equal. Cuts that read
    /// more than a quarter of the operand twice are taken only when there is no other.
    package static func best(_ work: MachineWork, budget: Int, places: TensorPlaces) -> TilePlan {
        var best: TilePlan?
        for chunkDepth in chunkDepths(work) {
            guard
                let plan = coarsest(work, chunkDepth: chunkDepth, budget: budget, places: places)
            else { continue }
            if best.map({ plan.isBetter(than: $0) }) ?? true { best = plan }
        }
        if let best { return best }
        return make(work, rows: 1, chunkDepth: chunkDepths(work).last ?? 32, budget: budget, places: places)
    }

    private static let largestHalo = 0.25

    private func isBetter(than other: TilePlan) -> Bool {
        let (a, b) = (halo > Self.largestHalo, other.halo > Self.largestHalo)
        if a != b { return b }
        return (traffic, tiles) < (other.traffic, other.tiles)
    }

    /// From all channels downwards, each number of chunks once.
    private static func chunkDepths(_ work: MachineWork) -> [Int] {
        let slices = work.output.depth.dividedUp(by: 32)
        guard work.weightBytes > 0 || work.keepsChannelsApart, slices > 1 else { return [slices * 32] }
        var depths: [Int] = []
        for chunks in 1...slices {
            let depth = slices.dividedUp(by: chunks) * 32
            if depths.last != depth { depths.append(depth) }
        }
        return depths
    }

    /// The highest strips that fit: bytes of a tile only fall, and traffic only grows, with their number.
    private static func coarsest(
        _ work: MachineWork, chunkDepth: Int, budget: Int, places: TensorPlaces
    ) -> TilePlan? {
        func plan(_ rows: Int) -> TilePlan {
            make(work, rows: rows, chunkDepth: chunkDepth, budget: budget, places: places)
        }
        guard plan(1).fits else { return nil }
        var (low, high) = (1, max(work.output.height, 1))
        while low < high {
            let middle = (low + high + 1) / 2
            if plan(middle).fits { low = middle } else { high = middle - 1 }
        }
        // Equally many strips of equal height.
        let strips = max(work.output.height, 1).dividedUp(by: low)
        return plan(max(work.output.height, 1).dividedUp(by: strips))
    }

    /// The cut into strips of `rows` rows and chunks of `chunkDepth` channels.
    package static func make(
        _ work: MachineWork, rows: Int, chunkDepth: Int, budget: Int, places: TensorPlaces
    ) -> TilePlan {
        guard work.kind != .none else {
            return TilePlan(
                strips: 1, chunks: 1, stripRows: rows, chunkDepth: chunkDepth, order: .strips, halo: 0, tileBytes: 0,
                fits: true, bytesIn: 0, weightBytesIn: 0, bytesOut: 0)
        }
        let strips = max(work.output.height, 1).dividedUp(by: rows)
        let chunks = max(work.output.depth.dividedUp(by: chunkDepth), 1)
        let inputRows = work.inputRows(for: rows)
        let readRows = stripStarts(work, rows: rows).reduce(0) { $0 + work.inputRows(for: $1) }
        let halo = strips == 1 ? 0 : max(0, Double(readRows) / Double(max(work.input.height, 1)) - 1)

        let inputRowBytes =
            work.keepsChannelsApart ? work.input.width.rounded(upTo: 4) * chunkDepth : work.input.rowBytes
        let outputRowBytes = work.output.width.rounded(upTo: 4) * min(chunkDepth, work.output.depth.rounded(upTo: 32))
        let weightChunk = work.weightBytes(outputDepth: min(chunkDepth, work.output.depth.rounded(upTo: 32)))
        let other = (places.otherInputBytes * rows).dividedUp(by: max(work.output.height * work.output.batch, 1))
        var tileBytes = weightChunk + 2 * other
        if !places.isInputResident { tileBytes += 2 * inputRows * inputRowBytes }
        if !places.isOutputResident { tileBytes += 2 * rows * outputRowBytes }

        let batch = work.input.batch
        let allInput = places.isInputResident ? 0 : batch * readRows * work.input.rowBytes
        let allWeights = work.weightBytes
        let allOther = places.otherInputBytes
        let passes = batch * strips
        let outsideStrips = (input: allInput, weights: allWeights * (chunks > 1 ? passes : 1))
        let outsideChunks = (
            input: allInput * (work.keepsChannelsApart || passes == 1 ? 1 : chunks), weights: allWeights
        )
        let takesStrips = outsideStrips.input + outsideStrips.weights <= outsideChunks.input + outsideChunks.weights
        let chosen = takesStrips ? outsideStrips : outsideChunks
        return TilePlan(
            strips: strips, chunks: chunks, stripRows: rows, chunkDepth: chunkDepth,
            order: takesStrips ? .strips : .chunks, halo: halo, tileBytes: tileBytes, fits: tileBytes <= budget,
            bytesIn: chosen.input + chosen.weights + allOther, weightBytesIn: chosen.weights,
            bytesOut: places.isOutputResident ? 0 : work.output.bytes)
    }

    /// The rows of each strip.
    private static func stripStarts(_ work: MachineWork, rows: Int) -> [Int] {
        let height = max(work.output.height, 1)
        return stride(from: 0, to: height, by: rows).map { min(rows, height - $0) }
    }
}
