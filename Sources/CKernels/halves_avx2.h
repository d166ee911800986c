// Bytes of two four-bit codes as 16-bit integers. Included by the tiles, which define TARGET and INLINE.

/// The 16 signed halves of eight bytes, each byte's low half first; the bytes are repeated in both lanes of `x`.
INLINE __m256i halves(__m256i x, __m256i places) {
    // A byte becomes the high byte of two integers; the half that is wanted moves to the top.
    const __m256i shifts = _mm256_set1_epi32(0x00010010);
    return _mm256_srai_epi16(_mm256_mullo_epi16(_mm256_shuffle_epi8(x, places), shifts), 12);
}

/// For `halves`: bytes 4 * `part` ... 4 * `part` + 3 of the first lane and the next four of the second.
INLINE __m256i places(const int part) {
    __m256i first = _mm256_setr_epi8(
        -1, 0, -1, 0, -1, 1, -1, 1, -1, 2, -1, 2, -1, 3, -1, 3, -1, 4, -1, 4, -1, 5, -1, 5, -1, 6, -1, 6, -1, 7, -1, 7);
    return part ? _mm256_add_epi8(first, _mm256_set1_epi16(0x0800)) : first;
}

TARGET static void unpack_i4(const uint8_t *in, int64_t n, int16_t *out) {
    const __m256i first = places(0), second = places(1);
    int64_t i = 0;
    for (; i + 16 <= n; i += 16) {
        __m256i x = _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)(in + i)));
        _mm256_storeu_si256((__m256i *)(out + 2 * i), halves(x, first));
        _mm256_storeu_si256((__m256i *)(out + 2 * i + 16), halves(x, second));
    }
    if (i < n) {
        __m256i x = _mm256_broadcastq_epi64(_mm_loadl_epi64((const __m128i *)(in + i)));
        _mm256_storeu_si256((__m256i *)(out + 2 * i), halves(x, first));
    }
}
