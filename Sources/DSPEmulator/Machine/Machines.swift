import TensorCore

extension MachineDescription {
    package static let all = [
        hexagon680, hexagon685, snapdragon855, qcs8250, snapdragon888, snapdragon8Gen1, snapdragon8Gen2,
        snapdragon8Gen3,
        snapdragon8Elite,
    ]

    /// The machine of a name on the command line.
    ///
    /// - Throws: `Diagnostic` (.usage) for an unknown name.
    package static func named(_ name: String) throws -> MachineDescription {
        guard let machine = all.first(where: { $0.name == name }) else {
            throw Diagnostic(
                .usage, at: "machine \(name)", "there is no such machine",
                suggestion: "the machines are \(all.map(\.name).joined(separator: ", "))")
        }
        return machine
    }

    /// The machine that a profile stands for when none is named.
    package static func standard(for profile: DSPProfile) -> MachineDescription {
        profile.usesLibrary ? qcs8250 : snapdragon8Gen2
    }

    package static let hexagon680 = vector(
        "snapdragon-835", "Snapdragon 835 (Hexagon 682)", .v60, contexts: 2,
        memory: .assumed(512 * 1024, "no vector memory before v65: the second-level cache stands in for it"))
    package static let hexagon685 = vector(
        "snapdragon-845", "Snapdragon 845 (Hexagon 685)", .v65, contexts: 2, memory: libraryMemory)
    package static let snapdragon855 = vector(
        "snapdragon-855", "Snapdragon 855 (Hexagon 690)", .v66, contexts: 4, memory: libraryMemory)
    package static let qcs8250 = vector(
        "qcs8250", "QCS8250, sibling of Snapdragon 865 (Hexagon 698)", .v66, contexts: 4, memory: libraryMemory)

    package static let snapdragon888 = matrix(
        "snapdragon-888", "Snapdragon 888", "v68", contexts: .fact(4, "QEMU hw/hexagon machine_cfg, v68"),
        memory: .inferred(4 << 20, "ExecuTorch qc_schema.py gives parts with v68 2 to 8 MB"),
        rate: .inferred(8192, "tile 64 x 32 x 32 at rate 4 in quic/qbox hex_cfgtables.lua, SA8540"))
    package static let snapdragon8Gen1 = matrix(
        "snapdragon-8-gen-1", "Snapdragon 8 Gen 1", "v69", contexts: .assumed(4, "as v68 and v73"),
        memory: .fact(8 << 20, "ExecuTorch qc_schema.py"),
        rate: .assumed(16384, "as v73"))
    package static let snapdragon8Gen2 = matrix(
        "snapdragon-8-gen-2", "Snapdragon 8 Gen 2", "v73", contexts: .fact(4, "QEMU hw/hexagon machine_cfg, v73"),
        memory: .fact(8 << 20, "ExecuTorch qc_schema.py"),
        rate: .inferred(16384, "tile 64 x 32 x 32 at rate 8 in quic/qbox hex_cfgtables.lua, SA8775"))
    package static let snapdragon8Gen3 = matrix(
        "snapdragon-8-gen-3", "Snapdragon 8 Gen 3", "v75", contexts: .assumed(4, "as v73"),
        memory: .fact(8 << 20, "ExecuTorch qc_schema.py"), rate: .assumed(16384, "as v73"))
    package static let snapdragon8Elite = matrix(
        "snapdragon-8-elite", "Snapdragon 8 Elite", "v79",
        contexts: .fact(6, "device query printed in ggml-org/llama.cpp #26373"),
        memory: .fact(8 << 20, "ExecuTorch qc_schema.py"), rate: .assumed(16384, "as v73"))

    private static let libraryMemory = Sourced.fact(256 * 1024, "nnlib hexagon/src/nn_os.c asks for 256 KB")
    private static let packet = Sourced.assumed(
        1.0, "one packet a cycle; 2.05 was observed on v79 (ggml-org/llama.cpp #18139)")
    private static let vectors = Sourced.fact(128, "HVX programmer's reference manuals 80-N2040-30 to -61")

    private static func vector(
        _ name: String, _ title: String, _ architecture: HexagonArchitecture, contexts: Int, memory: Sourced<Int>
    ) -> MachineDescription {
        let macs = [.v60: 256, .v65: 341, .v66: 512][architecture] ?? 256
        var machine = MachineDescription(
            name: name, title: title, generation: .fact(architecture.rawValue, "delegate README and vendor pages"),
            architecture: .fact(architecture, "the library has loops of its own for it"), vectorBytes: vectors,
            contexts: .fact(contexts, "QEMU machine tables, Hot Chips reporting"),
            macsPerPacket: .fact(macs, "inner loops of nnlib hexagon/asm_src/gvconv2dbbb_*.S"), cyclesPerPacket: packet,
            vectorMemory: memory,
            secondLevelCache: architecture == .v60
                ? .assumed(512 * 1024, "not published") : .fact(1 << 20, "QEMU machine tables, v66"),
            matrixRate: nil)
        machine.topBandwidth = .assumed(44e9, "four channels of LPDDR5 at the rate of that time")
        return machine
    }

    private static func matrix(
        _ name: String, _ title: String, _ generation: String, contexts: Sourced<Int>, memory: Sourced<Int>,
        rate: Sourced<Int>
    ) -> MachineDescription {
        MachineDescription(
            name: name, title: title, generation: .fact(generation, "ExecuTorch qc_schema.py"),
            architecture: .assumed(.v66, "loops of the vector unit as in the last public library"),
            vectorBytes: vectors,
            contexts: contexts, macsPerPacket: .assumed(512, "as v66"), cyclesPerPacket: packet, vectorMemory: memory,
            secondLevelCache: .fact(1 << 20, "QEMU machine tables, v68; SA8775 table"), matrixRate: rate)
    }
}
