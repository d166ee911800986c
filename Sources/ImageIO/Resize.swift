#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// How a resized pixel is made from its neighbours; the names and results are those of Pillow.
public enum ResizeFilter: String, Sendable, Hashable, CaseIterable {
    case nearest, box, bilinear, bicubic, lanczos

    /// Half the width of the kernel in source pixels, before it is widened for shrinking; nil for `nearest`.
    var support: Double? {
        switch self {
        case .nearest: nil
        case .box: 0.5
        case .bilinear: 1
        case .bicubic: 2
        case .lanczos: 3
        }
    }

    /// The kernel at distance `x`.
    func weight(_ x: Double) -> Double {
        let distance = abs(x)
        switch self {
        case .nearest: return 0
        case .box: return x > -0.5 && x <= 0.5 ? 1 : 0
        case .bilinear: return max(0, 1 - distance)
        case .bicubic:
            let a = -0.5
            if distance < 1 { return ((a + 2) * distance - (a + 3)) * distance * distance + 1 }
            if distance < 2 { return (((distance - 5) * distance + 8) * distance - 4) * a }
            return 0
        case .lanczos:
            if distance >= 3 { return 0 }
            if distance == 0 { return 1 }
            let angle = x * Double.pi
            return sin(angle) / angle * (sin(angle / 3) / (angle / 3))
        }
    }
}

extension Image {
    /// The picture at another size, equal to Pillow's `Image.resize`: one pass per axis, kernels widened by the scale
    /// when shrinking, weights rounded to 22 bits, each pass rounded to 8 bits. Rows are resampled before columns when
    /// that is less work, by Pillow 13's rule: more than two rows fall away for every column that does.
    public func resized(width newWidth: Int, height newHeight: Int, filter: ResizeFilter) -> Image {
        precondition(newWidth > 0 && newHeight > 0 && width > 0 && height > 0)
        if newWidth == width, newHeight == height { return self }
        guard filter != .nearest else { return nearest(newWidth, newHeight) }
        if newHeight < height, height - newHeight > 2 * (width - newWidth) {
            return resampledRows(newHeight, filter).resampledColumns(newWidth, filter)
        }
        return resampledColumns(newWidth, filter).resampledRows(newHeight, filter)
    }

    private func nearest(_ newWidth: Int, _ newHeight: Int) -> Image {
        let scaleX = Double(width) / Double(newWidth)
        let scaleY = Double(height) / Double(newHeight)
        var result: [UInt8] = []
        result.reserveCapacity(newWidth * newHeight * channels)
        for y in 0..<newHeight {
            let row = min(height - 1, Int((Double(y) + 0.5) * scaleY)) * width
            for x in 0..<newWidth {
                let pixel = row + min(width - 1, Int((Double(x) + 0.5) * scaleX))
                for channel in 0..<channels { result.append(pixels[pixel * channels + channel]) }
            }
        }
        return Image(width: newWidth, height: newHeight, channels: channels, pixels: result)
    }

    /// Every row resampled along x.
    private func resampledColumns(_ newWidth: Int, _ filter: ResizeFilter) -> Image {
        guard newWidth != width else { return self }
        let taps = ResizeTaps(from: width, to: newWidth, filter: filter)
        var result = [UInt8](repeating: 0, count: newWidth * height * channels)
        pixels.withUnsafeBufferPointer { from in
            for y in 0..<height {
                for x in 0..<newWidth {
                    for channel in 0..<channels {
                        var sum = ResizeTaps.half
                        var source = (y * width + taps.first[x]) * channels + channel
                        for weight in taps.weights[x] {
                            sum &+= Int(from[source]) &* weight
                            source += channels
                        }
                        result[(y * newWidth + x) * channels + channel] = ResizeTaps.code(sum)
                    }
                }
            }
        }
        return Image(width: newWidth, height: height, channels: channels, pixels: result)
    }

    /// Every column resampled along y.
    private func resampledRows(_ newHeight: Int, _ filter: ResizeFilter) -> Image {
        guard newHeight != height else { return self }
        let taps = ResizeTaps(from: height, to: newHeight, filter: filter)
        let rowStep = width * channels
        var result = [UInt8](repeating: 0, count: newHeight * rowStep)
        var sums = [Int](repeating: 0, count: rowStep)
        pixels.withUnsafeBufferPointer { from in
            for y in 0..<newHeight {
                for column in 0..<rowStep { sums[column] = ResizeTaps.half }
                for (tap, weight) in taps.weights[y].enumerated() {
                    let row = (taps.first[y] + tap) * rowStep
                    for column in 0..<rowStep { sums[column] &+= Int(from[row + column]) &* weight }
                }
                for column in 0..<rowStep { result[y * rowStep + column] = ResizeTaps.code(sums[column]) }
            }
        }
        return Image(width: width, height: newHeight, channels: channels, pixels: result)
    }
}

/// For every output position the first source position and the weights from there, in units of 2^-22.
struct ResizeTaps {
    static let bits = 22
    static let half = 1 << (bits - 1)

    var first: [Int] = []
    var weights: [[Int]] = []

    init(from sourceSize: Int, to size: Int, filter: ResizeFilter) {
        let scale = Double(sourceSize) / Double(size)
        let widening = max(scale, 1)
        let support = (filter.support ?? 0.5) * widening
        for position in 0..<size {
            let center = (Double(position) + 0.5) * scale
            let lower = max(0, Int(center - support + 0.5))
            let upper = min(sourceSize, Int(center + support + 0.5))
            var row = (lower..<max(lower, upper)).map {
                filter.weight((Double($0) - center + 0.5) * (1 / widening))
            }
            let sum = row.reduce(0, +)
            if sum != 0 { row = row.map { $0 * (1 / sum) } }
            first.append(lower)
            weights.append(row.map { Int(($0 * Double(1 << Self.bits)).rounded(.toNearestOrAwayFromZero)) })
        }
    }

    static func code(_ sum: Int) -> UInt8 { UInt8(clamping: sum >> bits) }
}
