extension CalibrationNetwork {
    /// Built once: some have a hundred layers.
    package static let all = [midas, deepLab, ffnet40S, ffnet78S]

    /// EfficientNet-Lite3 up to its last stage, four fusion blocks, and a head of three convolutions.
    package static let midas: CalibrationNetwork = {
        var network = CalibrationNetwork(
            "MiDaS-V2", source: "isl-org/MiDaS midas_net_custom.py (MidasNet_small), EfficientNet-Lite3",
            parameters: (16.6e6, 1e5))
        var x = network.convolution(network.input(256, 256, 3), 32, window: 3, stride: 2)
        var levels: [Value] = []
        let stages = [
            (24, 3, 1, 1, 1), (32, 3, 2, 3, 6), (48, 5, 2, 3, 6), (96, 3, 2, 5, 6), (136, 5, 1, 5, 6),
            (232, 5, 2, 6, 6),
            (384, 3, 1, 1, 6),
        ]
        for (index, (depth, window, stride, count, expansion)) in stages.enumerated() {
            for block in 0..<count {
                x = network.inverted(
                    x, depth, window: window, stride: block == 0 ? stride : 1, expansion: expansion)
            }
            if [1, 2, 4, 6].contains(index) { levels.append(x) }
        }
        let lateral = zip(levels, [64, 128, 256, 512]).map { network.convolution($0, $1, window: 3) }
        var path = lateral[3]
        for (index, skip) in [lateral[3], lateral[2], lateral[1], lateral[0]].enumerated() {
            if index > 0 { path = network.add(path, network.residual(skip)) }
            path = network.residual(path)
            path = network.resize(path, 2 * path.extents.height, 2 * path.extents.width)
            path = network.convolution(path, index == 3 ? 64 : path.extents.depth / 2)
        }
        path = network.convolution(path, 32, window: 3)
        path = network.resize(path, 256, 256)
        path = network.convolution(network.convolution(path, 32, window: 3), 1)
        network.output(path)
        return network
    }()

    /// MobileNetV2 at stride 16, pyramid of dilated convolutions, decoder of two, and the largest class of each pixel.
    package static let deepLab: CalibrationNetwork = {
        var network = CalibrationNetwork(
            "DeepLabV3+-MobileNet", source: "jfzhang95/pytorch-deeplab-xception, mobilenet, 513 x 513",
            parameters: (5.80e6, 1e4))
        var x = network.convolution(network.input(513, 513, 3), 32, window: 3, stride: 2)
        var low = x
        let stages = [
            (16, 1, 1, 1), (24, 2, 2, 6), (32, 2, 3, 6), (64, 2, 4, 6), (96, 1, 3, 6), (160, 1, 3, 6), (320, 1, 1, 6),
        ]
        for (index, (depth, stride, count, expansion)) in stages.enumerated() {
            for block in 0..<count {
                x = network.inverted(x, depth, window: 3, stride: block == 0 ? stride : 1, expansion: expansion)
            }
            if index == 1 { low = x }
        }
        var branches = [network.convolution(x, 256)]
        for _ in 0..<3 { branches.append(network.convolution(x, 256, window: 3)) }
        let pooled = network.convolution(network.mean(x), 256)
        branches.append(network.resize(pooled, x.extents.height, x.extents.width))
        x = network.convolution(network.concat(branches), 256)
        x = network.resize(x, low.extents.height, low.extents.width)
        x = network.concat([x, network.convolution(low, 48)])
        x = network.convolution(network.convolution(x, 256, window: 3), 256, window: 3)
        x = network.resize(network.convolution(x, 21), 513, 513)
        network.output(network.places(x))
        return network
    }()

    package static let ffnet40S = ffnet("FFNet-40S", blocks: [4, 5, 6, 4], parameters: (13.9e6, 1e5))
    package static let ffnet78S = ffnet("FFNet-78S", blocks: [6, 12, 12, 8], parameters: (27.5e6, 1e5))

    /// A slim residual network of basic blocks, an upward path and a head of two convolutions.
    private static func ffnet(_ name: String, blocks: [Int], parameters: (Double, Double)) -> CalibrationNetwork {
        var network = CalibrationNetwork(
            name, source: "Qualcomm-AI-research/FFNet models/resnet.py, ffnet_blocks.py, dBBB_mobile, 1024 x 2048",
            parameters: parameters)
        var x = network.convolution(network.input(1024, 2048, 3), 32, window: 3, stride: 2)
        x = network.convolution(x, 64, window: 3, stride: 2)
        var levels: [Value] = []
        for (depth, count) in zip([64, 128, 192, 320], blocks) {
            for block in 0..<count {
                let y = network.convolution(x, depth, window: 3, stride: block == 0 ? 2 : 1)
                let shortcut = block == 0 ? network.convolution(x, depth, stride: 2) : x
                x = network.add(network.convolution(y, depth, window: 3), shortcut)
            }
            levels.append(x)
        }
        let base = zip(levels, [64, 128, 128, 256]).map { network.convolution($0, $1) }
        let smooth = [96, 96, 64, 32]
        var results: [Value] = []
        var up = base[3]
        for level in [3, 2, 1, 0] {
            if level < 3 {
                let (height, width) = (base[level].extents.height, base[level].extents.width)
                up = network.add(network.resize(up, height, width, nearest: true), base[level])
            }
            results.insert(network.convolution(up, smooth[level], window: 3), at: 0)
            if level > 0 { up = network.convolution(up, base[level - 1].extents.depth) }
        }
        let (height, width) = (results[0].extents.height, results[0].extents.width)
        let joined = network.concat(
            [results[0]] + results.dropFirst().map { network.resize($0, height, width, nearest: true) })
        network.output(
            network.convolution(network.convolution(joined, 256, window: 3), 19, window: 3))
        return network
    }

    /// Expansion, depthwise convolution, projection, and the operand added where extents allow.
    private mutating func inverted(
        _ value: Value, _ depth: Int, window: Int, stride: Int, expansion: Int
    ) -> Value {
        let wide = expansion == 1 ? value : convolution(value, value.extents.depth * expansion)
        let result = convolution(depthwise(wide, window: window, stride: stride), depth)
        return stride == 1 && value.extents == result.extents ? add(result, value) : result
    }

    /// A clamp, two convolutions, and the operand added.
    private mutating func residual(_ value: Value) -> Value {
        let depth = value.extents.depth
        let inner = convolution(convolution(relu(value), depth, window: 3), depth, window: 3)
        return add(inner, value)
    }
}
