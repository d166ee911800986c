import TensorCore

/// How a picture becomes numbers for a network: colour, size, scale and layout.
public struct ImagePreprocessing: Sendable, Hashable {
    public enum Color: String, Sendable, Hashable, CaseIterable {
        case rgb, bgr, grey

        public var channels: Int { self == .grey ? 1 : 3 }
    }

    public enum Layout: String, Sendable, Hashable, CaseIterable {
        /// Height, width, channels.
        case hwc
        /// Channels, height, width.
        case chw
    }

    /// How a picture of another shape is fitted to the size.
    public enum Fit: String, Sendable, Hashable, CaseIterable {
        /// Width and height are scaled each on its own.
        case stretch
        /// The largest middle part of the wanted shape is cut out first.
        case crop
    }

    public var color: Color
    public var width: Int
    public var height: Int
    public var filter: ResizeFilter
    public var fit: Fit
    /// `(code - mean) * scale`, computed in binary64 and rounded once to binary32. One mean and scale per channel in the
    /// order of `color`, or a single one for all; none is 0 and 1.
    public var mean: [Double]
    public var scale: [Double]

    public init(
        color: Color, width: Int, height: Int, filter: ResizeFilter = .bilinear, fit: Fit = .stretch,
        mean: [Double] = [], scale: [Double] = []
    ) {
        self.color = color
        self.width = width
        self.height = height
        self.filter = filter
        self.fit = fit
        self.mean = mean
        self.scale = scale
    }

    /// The picture in the wanted colour and size. Grey is made before the size is changed.
    public func fitted(_ image: Image) -> Image {
        var picture = color == .grey ? image.grey() : image.color()
        if fit == .crop { picture = picture.middle(ratioWidth: width, ratioHeight: height) }
        picture = picture.resized(width: width, height: height, filter: filter)
        if color == .bgr {
            for pixel in 0..<width * height { picture.pixels.swapAt(3 * pixel, 3 * pixel + 2) }
        }
        return picture
    }

    /// The numbers of a picture, `width * height * channels` of them.
    public func values(_ image: Image, layout: Layout) -> [Float] {
        let picture = fitted(image)
        let channels = picture.channels
        let count = width * height
        var result = [Float](repeating: 0, count: count * channels)
        for channel in 0..<channels {
            let table = (0...255).map { code in
                let mean = self.mean.isEmpty ? 0 : self.mean[min(channel, self.mean.count - 1)]
                let scale = self.scale.isEmpty ? 1 : self.scale[min(channel, self.scale.count - 1)]
                return Float((Double(code) - mean) * scale)
            }
            for pixel in 0..<count {
                let value = table[Int(picture.pixels[pixel * channels + channel])]
                result[layout == .hwc ? pixel * channels + channel : channel * count + pixel] = value
            }
        }
        return result
    }
}

extension Image {
    /// The largest middle part whose sides are as `ratioWidth` to `ratioHeight`, rounded down to whole pixels.
    func middle(ratioWidth: Int, ratioHeight: Int) -> Image {
        var newWidth = width
        var newHeight = height
        if width * ratioHeight > height * ratioWidth {
            newWidth = max(1, height * ratioWidth / ratioHeight)
        } else {
            newHeight = max(1, width * ratioHeight / ratioWidth)
        }
        if newWidth == width, newHeight == height { return self }
        let left = (width - newWidth) / 2
        let top = (height - newHeight) / 2
        var result: [UInt8] = []
        result.reserveCapacity(newWidth * newHeight * channels)
        for y in top..<(top + newHeight) {
            let row = (y * width + left) * channels
            result += pixels[row..<(row + newWidth * channels)]
        }
        return Image(width: newWidth, height: newHeight, channels: channels, pixels: result)
    }
}
