import DSPEmulator
import Testing

@Suite struct MachineCycleTests {
    static func convolution(
        _ input: WorkExtents, filters: Int, window: Int, stride: Int, kind: MachineWork.Kind = .convolution
    ) -> MachineWork {
        let output = WorkExtents(
            input.batch, (input.height + stride - 1) / stride, (input.width + stride - 1) / stride,
            kind == .depthwise ? input.depth : filters)
        var work = MachineWork(
            kind, kind == .depthwise ? .depthwiseSupernodeDepth32 : .supernodeDepth32, id: 1, input: input,
            output: output)
        (work.filterHeight, work.filterWidth) = (window, window)
        (work.strideHeight, work.strideWidth) = (stride, stride)
        return work
    }

    /// Extents that leave remainders on every axis, and ones that leave none.
    static let convolutions: [MachineWork] = [
        convolution(WorkExtents(1, 8, 8, 32), filters: 32, window: 1, stride: 1),
        convolution(WorkExtents(2, 7, 9, 33), filters: 65, window: 3, stride: 1),
        convolution(WorkExtents(1, 15, 13, 100), filters: 5, window: 5, stride: 2),
        convolution(WorkExtents(1, 12, 12, 64), filters: 64, window: 3, stride: 3),
        convolution(WorkExtents(1, 17, 19, 3), filters: 24, window: 3, stride: 2, kind: .shallowConvolution),
        convolution(WorkExtents(1, 9, 11, 40), filters: 0, window: 3, stride: 1, kind: .depthwise),
        convolution(WorkExtents(1, 9, 11, 40), filters: 0, window: 5, stride: 2, kind: .depthwise),
        convolution(WorkExtents(1, 21, 10, 96), filters: 0, window: 7, stride: 1, kind: .depthwise),
    ]

    @Test(arguments: convolutions, HexagonArchitecture.allCases)
    func aWalkThroughTheLoopsOfAConvolutionCountsWhatTheFormulaSays(
        work: MachineWork, architecture: HexagonArchitecture
    ) throws {
        let loops = try #require(ConvolutionPackets(work, architecture))
        #expect(loops.counted(work) == loops.packets(work))
        #expect(loops.packets(work) > 0)
        #expect(NodeCost.countedMatrixTiles(work) == NodeCost.matrixTiles(work))
    }

    @Test(arguments: HexagonOperator.allCases)
    func aWalkFromVectorToVectorCountsWhatTheFormulaSays(operation: HexagonOperator) throws {
        for (input, output) in [(7, 7), (5, 10), (9, 4)] {
            for kind in [MachineWork.Kind.stream, .window, .none] {
                let work = MachineWork(
                    kind, operation, id: 1, input: WorkExtents(1, input, input, 21),
                    output: WorkExtents(1, output, output, 21)
                )
                let loops = try #require(StreamPackets(work))
                #expect(loops.counted(work) == loops.packets(work))
            }
        }
    }

    /// 4 pixels, 32 channels in and out take 8 packets of v66 and 16 of v60 for each tap, and what the epilogue adds.
    @Test func packetsOfOneGroupAreThoseOfTheAssembly() throws {
        let work = Self.convolution(WorkExtents(1, 1, 4, 32), filters: 32, window: 1, stride: 1)
        #expect(try #require(ConvolutionPackets(work, .v66)).packets(work) == 8 + 14 + 7 + 8)
        #expect(try #require(ConvolutionPackets(work, .v60)).packets(work) == 16 + 1 + 15 + 4 + 24)
    }

    /// The larger a layer, the closer the loops come to the multiplications that their packets can do.
    @Test(arguments: [(MachineDescription.hexagon680, 256.0), (.hexagon685, 341.4), (.qcs8250, 512.0)])
    func deepConvolutionsComeCloseToThePeak(machine: MachineDescription, peak: Double) throws {
        let work = Self.convolution(WorkExtents(1, 32, 64, 512), filters: 512, window: 3, stride: 1)
        let packets = try #require(ConvolutionPackets(work, machine.architecture.value)).packets(work)
        let reached = Double(work.macs) / Double(packets)
        #expect(reached <= peak)
        #expect(reached > 0.95 * peak)
        #expect(abs(Double(machine.macsPerPacket.value) - peak) < 1)
    }

    @Test func theMatrixUnitTakesADenseConvolutionAndNothingElse() throws {
        let dense = Self.convolution(WorkExtents(1, 64, 64, 64), filters: 64, window: 3, stride: 1)
        let plan = MachinePlan([dense], results: [0], inputBytes: 1, on: .snapdragon8Gen2)
        let cost = NodeCost(plan.nodes[0], on: .snapdragon8Gen2)
        #expect(cost.unit == .matrix)
        #expect(cost.cycles == Double(dense.macs) / 16384)
        let depthwise = Self.convolution(WorkExtents(1, 64, 64, 64), filters: 0, window: 3, stride: 1, kind: .depthwise)
        let vector = MachinePlan([depthwise], results: [0], inputBytes: 1, on: .snapdragon8Gen2)
        #expect(NodeCost(vector.nodes[0], on: .snapdragon8Gen2).unit == .vector)
    }
}
