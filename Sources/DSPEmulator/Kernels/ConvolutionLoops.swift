import TensorCore

/// A convolution of codes: exact 32-bit sums that wrap, then requantised.
struct ConvolutionLoops<Codes: SumCodes> {
    let weights: ConvolutionWeights
    let codes: Codes
    let filterHeight: Int
    let filterWidth: Int
    let strideHeight: Int
    let strideWidth: Int
    let inputZero: Int32
    let rows: ConvolutionExtent
    let columns: ConvolutionExtent

    /// Codes `[batch, rows, columns, filters]`.
    func run(_ input: Tensor) -> Tensor {
        let filters = weights.sums.count
        var output = Tensor(zeros: TensorType(.uint8, Shape([input.shape[0], rows.count, columns.count, filters])))
        guard output.count > 0 else { return output }
        let image = CenteredImage(
            input, zero: inputZero, rows: rows, columns: columns, depthMultiple: 1,
            height: (rows.count - 1) * strideHeight + filterHeight,
            width: (columns.count - 1) * strideWidth + filterWidth)
        // Two windows are multiplied at a time: there is room for one more than a row has.
        var windows = [Int16](repeating: 0, count: (columns.count + 1) * weights.stride)
        output.withMutableElements(of: UInt8.self) { output in
            for batch in 0..<input.shape[0] {
                for row in 0..<rows.count {
                    gather(image, batch: batch, row: row, into: &windows)
                    let start = (batch * rows.count + row) * columns.count * filters
                    multiply(
                        windows,
                        into: UnsafeMutableBufferPointer(rebasing: output[start...].prefix(columns.count * filters)))
                }
            }
        }
        return output
    }

    /// Copies the windows of one row of outputs, one after the other.
    private func gather(_ image: CenteredImage, batch: Int, row: Int, into windows: inout [Int16]) {
        let run = filterWidth * image.depth
        image.values.withUnsafeBufferPointer { source in
            windows.withUnsafeMutableBufferPointer { target in
                guard let source = source.baseAddress, let target = target.baseAddress else { return }
                for y in 0..<filterHeight {
                    let line = source + ((batch * image.height) + row * strideHeight + y) * image.width * image.depth
                    for column in 0..<columns.count {
                        (target + column * weights.stride + y * run)
                            .update(from: line + column * strideWidth * image.depth, count: run)
                    }
                }
            }
        }
    }

    private func multiply(_ windows: [Int16], into output: UnsafeMutableBufferPointer<UInt8>) {
        let filters = weights.sums.count
        let bytes = weights.stride * MemoryLayout<Int16>.stride
        windows.withUnsafeBytes { windows in
            weights.values.withUnsafeBytes { values in
                guard let windows = windows.baseAddress, let values = values.baseAddress else { return }
                for filter in stride(from: 0, to: filters, by: 4) {
                    // Beyond the last filter, it is multiplied once more and left out.
                    let last = filters - 1 - filter
                    let lines = (
                        values + filter * bytes, values + (filter + min(1, last)) * bytes,
                        values + (filter + min(2, last)) * bytes, values + (filter + min(3, last)) * bytes
                    )
                    for column in stride(from: 0, to: columns.count, by: 2) {
                        let window = windows + column * bytes
                        let sums = Self.products(window, window + bytes, lines, bytes)
                        for pixel in 0..<min(2, columns.count - column) {
                            for index in 0...min(3, last) {
                                output[(column + pixel) * filters + filter + index] =
                                    codes.code(pixel == 0 ? sums.0[index] : sums.1[index], filter + index)
                            }
                        }
                    }
                }
            }
        }
    }

    /// The sums of two windows with four filters.
    @inline(__always)
    private static func products(
        _ first: UnsafeRawPointer, _ second: UnsafeRawPointer,
        _ filters: (UnsafeRawPointer, UnsafeRawPointer, UnsafeRawPointer, UnsafeRawPointer), _ bytes: Int
    ) -> (SIMD4<Int32>, SIMD4<Int32>) {
        var a0 = SIMD4<Int32>.zero
        var (a1, a2, a3, b0, b1, b2, b3) = (a0, a0, a0, a0, a0, a0, a0)
        var offset = 0
        while offset < bytes {
            let x = first.loadUnaligned(fromByteOffset: offset, as: SIMD8<Int16>.self)
            let y = second.loadUnaligned(fromByteOffset: offset, as: SIMD8<Int16>.self)
            let w0 = filters.0.loadUnaligned(fromByteOffset: offset, as: SIMD8<Int16>.self)
            let w1 = filters.1.loadUnaligned(fromByteOffset: offset, as: SIMD8<Int16>.self)
            let w2 = filters.2.loadUnaligned(fromByteOffset: offset, as: SIMD8<Int16>.self)
            let w3 = filters.3.loadUnaligned(fromByteOffset: offset, as: SIMD8<Int16>.self)
            a0 = add(a0, x, w0)
            a1 = add(a1, x, w1)
            a2 = add(a2, x, w2)
            a3 = add(a3, x, w3)
            b0 = add(b0, y, w0)
            b1 = add(b1, y, w1)
            b2 = add(b2, y, w2)
            b3 = add(b3, y, w3)
            offset += MemoryLayout<SIMD8<Int16>>.stride
        }
        return (
            SIMD4(a0.wrappedSum(), a1.wrappedSum(), a2.wrappedSum(), a3.wrappedSum()),
            SIMD4(b0.wrappedSum(), b1.wrappedSum(), b2.wrappedSum(), b3.wrappedSum())
        )
    }

    /// Adds products of neighbours: what one instruction does on most processors.
    @inline(__always)
    private static func add(_ sums: SIMD4<Int32>, _ x: SIMD8<Int16>, _ w: SIMD8<Int16>) -> SIMD4<Int32> {
        let products = SIMD8<Int32>(truncatingIfNeeded: x) &* SIMD8<Int32>(truncatingIfNeeded: w)
        return sums &+ (products.evenHalf &+ products.oddHalf)
    }
}
