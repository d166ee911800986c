#include "isa.h"

// AVX-512 tiles on the packing of the AVX2 kernels: pairs of 16-bit integers for VPDPWSSD, floats for FMA. Everything
// around the tiles is the AVX2 code.

#if defined(__x86_64__)
#include <immintrin.h>
#include <string.h>

#pragma STDC FP_CONTRACT OFF
#define INLINE static inline __attribute__((always_inline, target("avx512f,avx512vl,avx512bw,avx512vnni,avx2,fma")))
#define TARGET __attribute__((target("avx512f,avx512vl,avx512bw,avx512vnni,avx2,fma")))

/// x * y + sum, rounded once, or twice when `ordered`.
INLINE __m512 add_wide(const int ordered, __m512 x, __m512 y, __m512 sum) {
    return ordered ? _mm512_add_ps(sum, _mm512_mul_ps(x, y)) : _mm512_fmadd_ps(x, y, sum);
}
INLINE __m256 add_narrow(const int ordered, __m256 x, __m256 y, __m256 sum) {
    return ordered ? _mm256_add_ps(sum, _mm256_mul_ps(x, y)) : _mm256_fmadd_ps(x, y, sum);
}

/// `wide` registers of 16 columns, then `narrow` registers of 8.
INLINE void tile_f32(
    const int ordered, const int rows, const int wide, const int narrow, const float *const *a, const ck_segment *segments,
    int32_t count, const float *b, float *tile, int32_t accumulate) {
    const int width = 16 * wide + 8 * narrow;
    __m512 sum[CK_MAX_ROWS];
    __m256 rest[CK_MAX_ROWS];
#pragma clang loop unroll(full)
    for (int i = 0; i < rows; i++) {
        sum[i] = _mm512_setzero_ps();
        rest[i] = _mm256_setzero_ps();
    }
    for (int32_t s = 0; s < count; s++) {
        const float *p[CK_MAX_ROWS];
#pragma clang loop unroll(full)
        for (int i = 0; i < rows; i++) p[i] = a[i] + segments[s].offset;
        int64_t length = segments[s].length;
        for (int64_t k = 0; k < length; k++, b += width) {
            __m512 v = wide ? _mm512_loadu_ps(b) : _mm512_setzero_ps();
            __m256 w = narrow ? _mm256_loadu_ps(b + 16 * wide) : _mm256_setzero_ps();
#pragma clang loop unroll(full)
            for (int i = 0; i < rows; i++) {
                if (wide) sum[i] = add_wide(ordered, _mm512_set1_ps(p[i][k]), v, sum[i]);
                if (narrow) rest[i] = add_narrow(ordered, _mm256_set1_ps(p[i][k]), w, rest[i]);
            }
        }
    }
#pragma clang loop unroll(full)
    for (int i = 0; i < rows; i++) {
        float *t = tile + i * width;
        if (wide) _mm512_storeu_ps(t, accumulate ? _mm512_add_ps(_mm512_loadu_ps(t), sum[i]) : sum[i]);
        t += 16 * wide;
        if (narrow) _mm256_storeu_ps(t, accumulate ? _mm256_add_ps(_mm256_loadu_ps(t), rest[i]) : rest[i]);
    }
}

INLINE int32_t load_pair(const int16_t *p) {
    int32_t pair;
    memcpy(&pair, p, 4);
    return pair;
}

/// The 32 signed halves of 16 bytes, each byte's low half first.
INLINE __m512i wide_halves(const uint8_t *b) {
    __m512i x = _mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)b));
    // Every byte as the high byte of two integers; the half that is wanted moves to the top.
    x = _mm512_mullo_epi16(_mm512_or_si512(_mm512_slli_epi32(x, 8), _mm512_slli_epi32(x, 24)),
                           _mm512_set1_epi32(0x00010010));
    return _mm512_srai_epi16(x, 12);
}

/// The 16 signed halves of eight bytes.
INLINE __m256i narrow_halves(const uint8_t *b) {
    __m256i x = _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)b));
    x = _mm256_mullo_epi16(_mm256_or_si256(_mm256_slli_epi32(x, 8), _mm256_slli_epi32(x, 24)),
                           _mm256_set1_epi32(0x00010010));
    return _mm256_srai_epi16(x, 12);
}

TARGET static void unpack_i4(const uint8_t *in, int64_t n, int16_t *out) {
    int64_t i = 0;
    for (; i + 16 <= n; i += 16) _mm512_storeu_si512(out + 2 * i, wide_halves(in + i));
    if (i < n) _mm256_storeu_si256((__m256i *)(out + 2 * i), narrow_halves(in + i));
}

/// `weights` are 16-bit integers, or, when `four_bit`, halves of bytes.
INLINE void tile_i16(
    const int four_bit, const int rows, const int wide, const int narrow, const int16_t *const *a,
    const ck_segment *segments, int32_t count, const void *weights, int32_t *tile) {
    const uint8_t *b = weights;
    const int width = 16 * wide + 8 * narrow;
    __m512i sum[CK_MAX_ROWS];
    __m256i rest[CK_MAX_ROWS];
#pragma clang loop unroll(full)
    for (int i = 0; i < rows; i++) {
        sum[i] = _mm512_setzero_si512();
        rest[i] = _mm256_setzero_si256();
    }
    for (int32_t s = 0; s < count; s++) {
        const int16_t *p[CK_MAX_ROWS];
#pragma clang loop unroll(full)
        for (int i = 0; i < rows; i++) p[i] = a[i] + segments[s].offset;
        int64_t length = segments[s].length;
        for (int64_t k = 0; k < length; k += 2, b += (four_bit ? 1 : 4) * width) {
            __m512i v = _mm512_setzero_si512();
            __m256i w = _mm256_setzero_si256();
            if (wide) v = four_bit ? wide_halves(b) : _mm512_loadu_si512(b);
            if (narrow)
                w = four_bit ? narrow_halves(b + 16 * wide) : _mm256_loadu_si256((const __m256i *)(b + 64 * wide));
#pragma clang loop unroll(full)
            for (int i = 0; i < rows; i++) {
                int32_t pair = load_pair(p[i] + k);
                if (wide) sum[i] = _mm512_dpwssd_epi32(sum[i], _mm512_set1_epi32(pair), v);
                if (narrow) rest[i] = _mm256_dpwssd_epi32(rest[i], _mm256_set1_epi32(pair), w);
            }
        }
    }
#pragma clang loop unroll(full)
    for (int i = 0; i < rows; i++) {
        if (wide) _mm512_storeu_si512(tile + i * width, sum[i]);
        if (narrow) _mm256_storeu_si256((__m256i *)(tile + i * width + 16 * wide), rest[i]);
    }
}

#define TILE(NAME, ROWS, WIDE, NARROW)                                                                                \
    TARGET static void tile_f32_##NAME(                                                                              \
        const float *const *a, const ck_segment *segments, int32_t count, const float *b, float *tile,               \
        int32_t accumulate) {                                                                                        \
        tile_f32(0, ROWS, WIDE, NARROW, a, segments, count, b, tile, accumulate);                                    \
    }                                                                                                                \
    TARGET static void ordered_f32_##NAME(                                                                           \
        const float *const *a, const ck_segment *segments, int32_t count, const float *b, float *tile,               \
        int32_t accumulate) {                                                                                        \
        tile_f32(1, ROWS, WIDE, NARROW, a, segments, count, b, tile, accumulate);                                    \
    }                                                                                                                \
    TARGET static void tile_i16_##NAME(                                                                              \
        const int16_t *const *a, const ck_segment *segments, int32_t count, const int16_t *b, int32_t *tile) {       \
        tile_i16(0, ROWS, WIDE, NARROW, a, segments, count, b, tile);                                                \
    }                                                                                                                \
    TARGET static void tile_i4_##NAME(                                                                               \
        const int16_t *const *a, const ck_segment *segments, int32_t count, const uint8_t *b, int32_t *tile) {       \
        tile_i16(1, ROWS, WIDE, NARROW, a, segments, count, b, tile);                                                \
    }                                                                                                                \
    TARGET static void row_i4_##NAME(                                                                                \
        const int16_t *const *a, const ck_segment *segments, int32_t count, const uint8_t *b, int32_t *tile) {       \
        tile_i16(1, 1, WIDE, NARROW, a, segments, count, b, tile);                                                   \
    }
TILE(8, 8, 0, 1)
TILE(16, 12, 1, 0)
TILE(24, 8, 1, 1)

void ck_use_avx512(ck_table *table) {
    *table = ck_table_avx2;
    table->rows_f32[0] = table->rows_i16[0] = 8;
    table->rows_f32[1] = table->rows_i16[1] = 12;
    table->rows_f32[2] = table->rows_i16[2] = 8;
    table->tile_f32[0][0] = tile_f32_8;
    table->tile_f32[0][1] = tile_f32_16;
    table->tile_f32[0][2] = tile_f32_24;
    table->tile_f32[1][0] = ordered_f32_8;
    table->tile_f32[1][1] = ordered_f32_16;
    table->tile_f32[1][2] = ordered_f32_24;
    table->tile_i16[0] = tile_i16_8;
    table->tile_i16[1] = tile_i16_16;
    table->tile_i16[2] = tile_i16_24;
    table->tile_i4[0][0] = tile_i4_8;
    table->tile_i4[0][1] = tile_i4_16;
    table->tile_i4[0][2] = tile_i4_24;
    table->tile_i4[1][0] = row_i4_8;
    table->tile_i4[1][1] = row_i4_16;
    table->tile_i4[1][2] = row_i4_24;
    table->unpack_i4 = unpack_i4;
}
#endif
