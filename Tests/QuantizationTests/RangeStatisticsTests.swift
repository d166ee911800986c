import Quantization
import TensorCore
import Testing

/// Deterministic numbers with a heavy tail, enough to fill many bins.
private func samples(_ count: Int, seed: UInt64) -> [Float] {
    var state = seed
    return (0..<count).map { _ in
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        let uniform = Float(state >> 40) / Float(1 << 24) - 0.5
        return uniform * uniform * uniform * 100
    }
}

private func statistics(of values: [Float]) -> RangeStatistics {
    var result = RangeStatistics()
    result.add(Tensor(values, shape: [values.count]))
    return result
}

@Suite struct RangeStatisticsTests {
    /// 15 samples in 1 to 8 shards, merged backwards.
    @Test(arguments: [1, 2, 3, 5, 8])
    func shardsMergeToTheSameStatistic(shards: Int) {
        let tensors = (0..<15).map { index in
            let values = samples(300, seed: UInt64(index)).map { $0 * Float(1 << (index % 6)) }
            return Tensor(values, shape: [100, 3])
        }
        var whole = RangeStatistics()
        var channels = ChannelStatistics()
        for tensor in tensors {
            whole.add(tensor)
            channels.add(tensor)
        }
        var merged = RangeStatistics()
        var mergedChannels = ChannelStatistics()
        for shard in (0..<shards).reversed() {
            var part = RangeStatistics()
            var partChannels = ChannelStatistics()
            for index in stride(from: shard, to: tensors.count, by: shards) {
                part.add(tensors[index])
                partChannels.add(tensors[index])
            }
            merged.merge(part)
            mergedChannels.merge(partChannels)
        }
        let isSame = merged == whole && mergedChannels == channels
        #expect(isSame)
    }

    @Test func leavesOutWhatIsNotFinite() {
        let result = statistics(of: [1, -2, .nan, .infinity, -.infinity, 0.5])
        #expect(result.nonFiniteCount == 3)
        #expect(result.count == 3)
        #expect(result.minimum == -2)
        #expect(result.maximum == 1)
    }

    @Test(arguments: [RangeMethod.minMax, .percentile(99.9), .meanSquaredError])
    func rangesContainZeroAndStayInsideTheExtremes(method: RangeMethod) {
        let result = statistics(of: samples(5000, seed: 3).map { $0 + 2 })
        let range = result.range(by: method, levels: 256)
        #expect(range.contains(0))
        #expect(range.upperBound <= max(result.maximum, 0))
        #expect(range.lowerBound >= min(result.minimum, 0))
    }

    @Test func meanSquaredErrorClipsALoneOutlier() {
        let values = samples(100_000, seed: 5).map { $0 / 100 } + [1000]
        let range = statistics(of: values).range(by: .meanSquaredError, levels: 256)
        let errors = [range, statistics(of: values).range(by: .minMax, levels: 256)].map { range in
            let parameters = QuantizationParameters.covering(range, .int8)
            return values.reduce(0.0) { sum, x in
                let code = min(max((x / parameters.scale).rounded() + Float(parameters.zeroPoint), -128), 127)
                let error = Double(x - (code - Float(parameters.zeroPoint)) * parameters.scale)
                return sum + error * error
            }
        }
        #expect(errors[0] <= errors[1])
    }
}
