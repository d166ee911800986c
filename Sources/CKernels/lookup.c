#include "include/CKernels.h"

#if defined(__x86_64__)
#include <immintrin.h>

__attribute__((target("avx2"))) static int64_t lookup16_avx2(
    const uint8_t table[16], const uint8_t *in, uint8_t *out, int64_t n) {
    const __m256i entries = _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)table));
    const __m256i low = _mm256_set1_epi8(15);
    int64_t i = 0;
    for (; i + 32 <= n; i += 32) {
        __m256i x = _mm256_and_si256(_mm256_loadu_si256((const __m256i *)(in + i)), low);
        _mm256_storeu_si256((__m256i *)(out + i), _mm256_shuffle_epi8(entries, x));
    }
    return i;
}
#endif

void ck_lookup16_u8(const uint8_t table[16], const uint8_t *in, uint8_t *out, int64_t n) {
    int64_t i = 0;
#if defined(__x86_64__)
    if (ck_isa() >= CK_ISA_AVX2) i = lookup16_avx2(table, in, out, n);
#endif
    for (; i < n; i++) out[i] = table[in[i] & 15];
}

void ck_lookup_channels_u8(
    const uint8_t *tables, int32_t entries, int64_t channels, const uint8_t *in, uint8_t *out, int64_t rows) {
    const uint8_t mask = (uint8_t)(entries - 1);
    for (int64_t row = 0; row < rows; row++, in += channels, out += channels)
        for (int64_t c = 0; c < channels; c++) out[c] = tables[c * entries + (in[c] & mask)];
}

int32_t ck_codes_within(
    const int8_t *lowest, const int8_t *highest, int64_t channels, const int8_t *in, int64_t rows) {
    uint8_t outside = 0;
    for (int64_t row = 0; row < rows; row++, in += channels)
        for (int64_t c = 0; c < channels; c++) outside |= (uint8_t)((in[c] < lowest[c]) | (in[c] > highest[c]));
    return !outside;
}
