import ImageIO
import TensorCore
import Testing

@Suite struct ResizeTests {
    static func image(_ name: String) throws -> Image {
        let tensor = try NPY.read(Goldens.path("resize/\(name).npy"))
        let channels = tensor.shape.rank == 3 ? tensor.shape[2] : 1
        return Image(
            width: tensor.shape[1], height: tensor.shape[0], channels: channels,
            pixels: tensor.elements(of: UInt8.self))
    }

    @Test(arguments: ResizeFilter.allCases, ["16x12", "64x48", "31x9", "7x23", "45x20", "29x5"])
    func equalsPillow(filter: ResizeFilter, size: String) throws {
        let expected = try Self.image("\(filter.rawValue)_\(size)")
        let result = try Self.image("source")
            .resized(width: expected.width, height: expected.height, filter: filter)
        #expect(result == expected, "differs")
    }

    @Test func greyEqualsPillow() throws {
        #expect(try Self.image("source").grey() == Self.image("grey"))
    }

    @Test func valuesAreNormalisedPerChannel() {
        let image = Image(width: 2, height: 1, channels: 3, pixels: [10, 20, 30, 40, 50, 60])
        let preprocessing = ImagePreprocessing(
            color: .bgr, width: 2, height: 1, mean: [1, 2, 3], scale: [0.5, 0.25, 0.125])
        #expect(preprocessing.values(image, layout: .hwc) == [14.5, 4.5, 0.875, 29.5, 12, 4.625])
        #expect(preprocessing.values(image, layout: .chw) == [14.5, 29.5, 4.5, 12, 0.875, 4.625])
    }

    @Test func theMiddleIsCutOut() {
        let image = Image(width: 6, height: 2, channels: 1, pixels: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12])
        let square = ImagePreprocessing(color: .grey, width: 2, height: 2, fit: .crop)
        #expect(square.fitted(image).pixels == [3, 4, 9, 10])
    }

    @Test func colorsRiseEvenlyInLightness() {
        let greys = Image(
            width: 256, height: 1, channels: 3, pixels: ColorMap.table.flatMap { [$0.red, $0.green, $0.blue] }
        ).grey().pixels
        #expect(zip(greys, greys.dropFirst(6)).allSatisfy { $0 < $1 }, "\(greys)")
        #expect(greys[255] > 220 && greys[0] < 40)
        let image = ColorMap.image(width: 3, height: 1, values: [1, .nan, 3])
        let (low, high) = (ColorMap.table[0], ColorMap.table[255])
        #expect(image.pixels == [low.red, low.green, low.blue, 0, 0, 0, high.red, high.green, high.blue])
    }
}
