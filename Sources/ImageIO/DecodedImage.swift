import TensorCore

/// A picture as its file holds it: samples of up to 16 bits, rows from the top, channels interleaved.
public struct DecodedImage: Sendable, Hashable {
    public var width: Int
    public var height: Int
    /// 1 grey, 2 grey and alpha, 3 RGB, 4 RGBA.
    public var channels: Int
    /// The sample that means white: 255, 65535, or what a PGM file states.
    public var maximum: Int
    /// `width * height * channels` samples.
    public var samples: [UInt16]

    public init(width: Int, height: Int, channels: Int, maximum: Int, samples: [UInt16]) {
        precondition(samples.count == width * height * channels, "\(samples.count) samples")
        self.width = width
        self.height = height
        self.channels = channels
        self.maximum = maximum
        self.samples = samples
    }

    /// The picture in 8 bits without alpha. 16-bit samples keep their high byte, as Pillow reads 16-bit RGB; other
    /// maxima are scaled to 255, rounding half up.
    public func eightBit() -> Image {
        let kept = channels > 2 ? 3 : 1
        var pixels: [UInt8] = []
        pixels.reserveCapacity(width * height * kept)
        for pixel in 0..<width * height {
            for channel in 0..<kept {
                let sample = Int(samples[pixel * channels + channel])
                let code: Int =
                    switch maximum {
                    case 255: sample
                    case 65535: sample >> 8
                    default: (min(sample, maximum) * 510 + maximum) / (2 * maximum)
                    }
                pixels.append(UInt8(clamping: code))
            }
        }
        return Image(width: width, height: height, channels: kept, pixels: pixels)
    }
}

/// A picture of 8-bit samples: grey (1 channel) or colour (3 channels, red first), rows from the top.
public struct Image: Sendable, Hashable {
    public var width: Int
    public var height: Int
    public var channels: Int
    /// `width * height * channels` samples, channels interleaved.
    public var pixels: [UInt8]

    public init(width: Int, height: Int, channels: Int, pixels: [UInt8]) {
        precondition(pixels.count == width * height * channels, "\(pixels.count) samples")
        self.width = width
        self.height = height
        self.channels = channels
        self.pixels = pixels
    }

    /// Luma by ITU-R 601 in integers: `(19595 R + 38470 G + 7471 B + 32768) >> 16`, which is Pillow's mode L.
    public func grey() -> Image {
        guard channels == 3 else { return self }
        var result = [UInt8](repeating: 0, count: width * height)
        for pixel in 0..<width * height {
            let red = Int(pixels[3 * pixel])
            let green = Int(pixels[3 * pixel + 1])
            let blue = Int(pixels[3 * pixel + 2])
            result[pixel] = UInt8(truncatingIfNeeded: (19595 * red + 38470 * green + 7471 * blue + 32768) >> 16)
        }
        return Image(width: width, height: height, channels: 1, pixels: result)
    }

    /// Three channels: grey is repeated.
    public func color() -> Image {
        guard channels == 1 else { return self }
        return Image(width: width, height: height, channels: 3, pixels: pixels.flatMap { [$0, $0, $0] })
    }
}

extension DecodedImage {
    /// The picture turned upright by its EXIF orientation (1...8; anything else changes nothing).
    func oriented(_ orientation: Int) -> DecodedImage {
        guard (2...8).contains(orientation) else { return self }
        let swapsAxes = orientation >= 5
        let newWidth = swapsAxes ? height : width
        let newHeight = swapsAxes ? width : height
        var result = [UInt16](repeating: 0, count: samples.count)
        for y in 0..<newHeight {
            for x in 0..<newWidth {
                let (sourceX, sourceY): (Int, Int) =
                    switch orientation {
                    case 2: (width - 1 - x, y)
                    case 3: (width - 1 - x, height - 1 - y)
                    case 4: (x, height - 1 - y)
                    case 5: (y, x)
                    case 6: (y, height - 1 - x)
                    case 7: (width - 1 - y, height - 1 - x)
                    default: (width - 1 - y, x)
                    }
                for channel in 0..<channels {
                    result[(y * newWidth + x) * channels + channel] =
                        samples[(sourceY * width + sourceX) * channels + channel]
                }
            }
        }
        return DecodedImage(
            width: newWidth, height: newHeight, channels: channels, maximum: maximum, samples: result)
    }
}
