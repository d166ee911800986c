#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Colours for numbers in [0, 1].
public enum ColorMap {
    public typealias Color = (red: UInt8, green: UInt8, blue: UInt8)

    /// The colours to choose from.
    public enum Scale: Sendable {
        /// Lightness rises evenly from dark blue over green to light yellow, so that the picture reads the same in grey
        /// and for colour-blind eyes.
        case sequential
        /// Blue below the middle, near white in the middle, red above; as dark on either side.
        case diverging

        /// 256 colours, from 0 to 1.
        public var table: [Color] {
            switch self {
            case .sequential: ColorMap.table
            case .diverging: ColorMap.divergingTable
            }
        }
    }

    /// ``Scale/diverging`` along straight lines through OKLab.
    private static let divergingTable: [Color] = (0..<256).map { index in
        let position = Double(index) / 127.5 - 1
        let strength = abs(position)
        let hue = (position < 0 ? 255.0 : 28.0) * Double.pi / 180
        return encoded(
            linear(
                lightness: 0.97 - 0.52 * strength, greenRed: 0.16 * strength * cos(hue),
                blueYellow: 0.16 * strength * sin(hue)))
    }

    /// ``Scale/sequential``. Computed in the OKLab colour space (Ottosson 2020): a colour keeps its lightness and hue
    /// and gives up saturation until sRGB can show it; neighbours are averaged so that no edge stands out.
    public static let table: [Color] = {
        let colors = (0..<256).map { saturated(at: Double($0) / 255) }
        return (0..<256).map { index in
            let neighbours = colors[max(0, index - 12)...min(255, index + 12)]
            return encoded(
                (0..<3).map { channel in
                    neighbours.reduce(0) { $0 + $1[channel] } / Double(neighbours.count)
                })
        }
    }()

    /// The most saturated linear sRGB colour up to 0.17 at `position` of the path through OKLab.
    private static func saturated(at position: Double) -> [Double] {
        let lightness = 0.22 + 0.74 * position
        let hue = (310 - 205 * position) * Double.pi / 180
        for step in 0..<340 {
            let saturation = 0.17 - 0.0005 * Double(step)
            let color = linear(
                lightness: lightness, greenRed: saturation * cos(hue), blueYellow: saturation * sin(hue))
            if color.allSatisfy({ $0 >= 0 && $0 <= 1 }) { return color }
        }
        return linear(lightness: lightness, greenRed: 0, blueYellow: 0)
    }

    /// The picture of `height * width` values, rows from the top: the lowest finite value is dark, the highest light.
    /// Values that are not finite are black. `range` replaces the lowest and highest value.
    public static func image(
        width: Int, height: Int, values: [Float], range: ClosedRange<Float>? = nil, scale: Scale = .sequential
    ) -> Image {
        let table = scale.table
        precondition(values.count == width * height, "\(values.count) values")
        let finite = values.lazy.filter(\.isFinite)
        let lowest = range?.lowerBound ?? finite.min() ?? 0
        let highest = range?.upperBound ?? finite.max() ?? 1
        let span = Double(highest) - Double(lowest)
        var pixels: [UInt8] = []
        pixels.reserveCapacity(3 * values.count)
        for value in values {
            guard value.isFinite else {
                pixels += [0, 0, 0]
                continue
            }
            let position = span > 0 ? (Double(value) - Double(lowest)) / span : 0
            let color = table[Int(min(max(position, 0), 1) * 255 + 0.5)]
            pixels += [color.red, color.green, color.blue]
        }
        return Image(width: width, height: height, channels: 3, pixels: pixels)
    }

    private static func linear(lightness: Double, greenRed: Double, blueYellow: Double) -> [Double] {
        let long = lightness + 0.3963377774 * greenRed + 0.2158037573 * blueYellow
        let medium = lightness - 0.1055613458 * greenRed - 0.0638541728 * blueYellow
        let short = lightness - 0.0894841775 * greenRed - 1.2914855480 * blueYellow
        let (l, m, s) = (long * long * long, medium * medium * medium, short * short * short)
        return [
            4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s,
            -1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s,
            -0.0041960863 * l - 0.7034186147 * m + 1.7076147010 * s,
        ]
    }

    private static func encoded(_ color: [Double]) -> Color {
        let codes = color.map { value -> UInt8 in
            let clipped = min(max(value, 0), 1)
            let curve = clipped <= 0.0031308 ? 12.92 * clipped : 1.055 * pow(clipped, 1 / 2.4) - 0.055
            return UInt8(curve * 255 + 0.5)
        }
        return (codes[0], codes[1], codes[2])
    }
}
