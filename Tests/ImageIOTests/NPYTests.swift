import ImageIO
import TensorCore
import Testing

@Suite struct NPYTests {
    static let types = ElementType.allCases.filter { $0 != .int4 }

    /// NumPy's own bytes come back, and Fortran order is the same array as C order.
    @Test(arguments: types)
    func equalsNumPy(_ type: ElementType) throws {
        let path = Goldens.path("arrays/\(type.rawValue).npy")
        let array = try NPY.read(path)
        #expect(array.type == TensorType(type, [2, 3, 5]))
        #expect(try NPY.encode(array) == FileBytes.read(path))
        let fortran = try NPY.read(Goldens.path("arrays/\(type.rawValue)_fortran.npy"))
        #expect(fortran.isIdentical(to: array))
    }

    @Test func otherVersionsAndShapes() throws {
        for version in ["version2", "version3"] {
            #expect(try NPY.read(Goldens.path("arrays/\(version).npy")).elements(of: Int32.self) == Array(0..<7))
        }
        let scalar = try NPY.read(Goldens.path("arrays/scalar.npy"))
        #expect(scalar.shape == [] && scalar.elements(of: Float.self) == [2.5])
        #expect(try NPY.read(Goldens.path("arrays/empty.npy")).shape == [0, 4])
    }

    @Test(arguments: ["big_endian", "complex", "text"])
    func otherTypesAreRefused(_ name: String) {
        #expect {
            _ = try NPY.read(Goldens.path("arrays/refused_\(name).npy"))
        } throws: {
            ($0 as? Diagnostic)?.code == .unsupported
        }
    }

    @Test func damagedFilesAreRefused() throws {
        let bytes = try FileBytes.read(Goldens.path("arrays/float32.npy"))
        for count in 0..<bytes.count {
            #expect(throws: Diagnostic.self) { _ = try NPY.decode(Array(bytes.prefix(count))) }
        }
        #expect(throws: Diagnostic.self) { _ = try NPY.decode(bytes + [0]) }
        for position in 0..<128 {
            for value in UInt8.min...255 {
                var damaged = bytes
                damaged[position] = value
                _ = try? NPY.decode(damaged)
            }
        }
    }

    @Test func impossibleShapesAreRefused() {
        for shape in ["(4294967296, 4294967296, 4294967296)", "(-1,)", "(9223372036854775807,)", "(1, x)"] {
            let header = "{'descr': '<f4', 'fortran_order': False, 'shape': \(shape), }\n"
            let bytes: [UInt8] = [0x93] + Array("NUMPY".utf8) + [1, 0, UInt8(header.utf8.count), 0] + header.utf8
            #expect(throws: Diagnostic.self) { _ = try NPY.decode(bytes) }
        }
    }
}
