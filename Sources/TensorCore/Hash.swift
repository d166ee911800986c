extension Sequence<UInt8> {
    /// FNV-1a, 64 bits: the same on every machine, for recognising bytes, not for protecting them.
    package var fnv1a: UInt64 {
        reduce(0xcbf2_9ce4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
    }
}
