import TensorCore

/// Which output positions of which samples statistics are made of, and which decide. The same for the same layer, sample
/// and options, whatever else is looked at.
struct RowChoice: Sendable {
    let options: FittingOptions
    let samples: Int

    /// Every fourth sample is held out; when there are fewer than four, every fourth row of each.
    private static let part = 4

    struct Positions: Sendable {
        var fitted: [Int] = []
        var heldOut: [Int] = []
    }

    func positions(of layer: String, _ geometry: LayerGeometry, sample: Int) -> Positions {
        let wanted = max(options.rowsPerInput * geometry.width, options.leastRows)
        let divides = samples >= Self.part
        let heldSamples = samples / Self.part
        var random = SplitMix64(seed: options.seed ^ layer.utf8.fnv1a &+ UInt64(sample) &* 0x9E37_79B9_7F4A_7C15)
        func spread(_ rows: Int, over samples: Int) -> [Int] {
            let count = min((rows + samples - 1) / max(samples, 1), geometry.positions)
            return (0..<count).map { i in
                let begin = i * geometry.positions / count
                let end = (i + 1) * geometry.positions / count
                return begin + Int(random.next() % UInt64(max(end - begin, 1)))
            }
        }
        var result = Positions()
        if divides {
            if sample % Self.part == Self.part - 1 {
                result.heldOut = spread(options.heldOutRows, over: heldSamples)
            } else {
                result.fitted = spread(wanted, over: samples - heldSamples)
            }
            return result
        }
        for (i, position) in spread(wanted * Self.part / (Self.part - 1), over: samples).enumerated() {
            if i % Self.part == Self.part - 1 {
                result.heldOut.append(position)
            } else {
                result.fitted.append(position)
            }
        }
        return result
    }
}

/// A sequence of well mixed numbers.
///
/// Source: Steele, Lea, Flood: Fast splittable pseudorandom number generators (2014).
struct SplitMix64: Sendable {
    private var state: UInt64
    init(seed: UInt64) { state = seed }
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
