#include "fixedpoint.h"
#include "isa.h"

#if defined(__x86_64__)
#include <immintrin.h>
#include <string.h>

#pragma STDC FP_CONTRACT OFF
#define TARGET __attribute__((target("avx2,fma")))
#define INLINE static inline __attribute__((always_inline, target("avx2,fma")))
#include "halves_avx2.h"

// ------------------------------------------------------------------------------------------------- float tiles

/// x * y + sum, rounded once, or twice when `ordered`.
INLINE __m256 add_product(const int ordered, __m256 x, __m256 y, __m256 sum) {
    return ordered ? _mm256_add_ps(sum, _mm256_mul_ps(x, y)) : _mm256_fmadd_ps(x, y, sum);
}

INLINE void tile_f32(
    const int ordered, const int rows, const int vectors, const float *const *a, const ck_segment *segments, int32_t count,
    const float *b, float *tile, int32_t accumulate) {
    __m256 sum[CK_MAX_ROWS][3];
#pragma clang loop unroll(full)
    for (int i = 0; i < rows; i++)
#pragma clang loop unroll(full)
        for (int j = 0; j < vectors; j++) sum[i][j] = _mm256_setzero_ps();
    for (int32_t s = 0; s < count; s++) {
        const float *p[CK_MAX_ROWS];
#pragma clang loop unroll(full)
        for (int i = 0; i < rows; i++) p[i] = a[i] + segments[s].offset;
        int64_t length = segments[s].length;
        for (int64_t k = 0; k < length; k++) {
            __m256 v[3];
#pragma clang loop unroll(full)
            for (int j = 0; j < vectors; j++) v[j] = _mm256_loadu_ps(b + 8 * j);
            b += 8 * vectors;
#pragma clang loop unroll(full)
            for (int i = 0; i < rows; i++) {
                __m256 x = _mm256_broadcast_ss(p[i] + k);
#pragma clang loop unroll(full)
                for (int j = 0; j < vectors; j++) sum[i][j] = add_product(ordered, x, v[j], sum[i][j]);
            }
        }
    }
#pragma clang loop unroll(full)
    for (int i = 0; i < rows; i++)
#pragma clang loop unroll(full)
        for (int j = 0; j < vectors; j++) {
            float *t = tile + (i * vectors + j) * 8;
            _mm256_storeu_ps(t, accumulate ? _mm256_add_ps(_mm256_loadu_ps(t), sum[i][j]) : sum[i][j]);
        }
}

#define FLOAT_TILE(ROWS, VECTORS)                                                                                     \
    TARGET static void tile_f32_##ROWS##x##VECTORS(                                                                  \
        const float *const *a, const ck_segment *segments, int32_t count, const float *b, float *tile,               \
        int32_t accumulate) {                                                                                        \
        tile_f32(0, ROWS, VECTORS, a, segments, count, b, tile, accumulate);                                         \
    }                                                                                                                \
    TARGET static void ordered_f32_##ROWS##x##VECTORS(                                                               \
        const float *const *a, const ck_segment *segments, int32_t count, const float *b, float *tile,               \
        int32_t accumulate) {                                                                                        \
        tile_f32(1, ROWS, VECTORS, a, segments, count, b, tile, accumulate);                                         \
    }
FLOAT_TILE(8, 1)
FLOAT_TILE(6, 2)
FLOAT_TILE(3, 3)

INLINE __m256 activate(__m256 x, const ck_activation *act) {
    if (act->leaky) {
        __m256 scaled = _mm256_mul_ps(x, _mm256_set1_ps(act->slope));
        x = _mm256_blendv_ps(x, scaled, _mm256_cmp_ps(x, _mm256_setzero_ps(), _CMP_LT_OQ));
    }
    x = _mm256_max_ps(_mm256_set1_ps(act->lowest), x);
    return _mm256_min_ps(_mm256_set1_ps(act->highest), x);
}

INLINE __m256i column_mask(int32_t columns) {
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(columns), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

TARGET static void store_f32(
    const float *tile, int32_t width, int32_t rows, int32_t columns, float *const *out, const ck_finish_f32 *f) {
    for (int32_t j = 0; j < columns; j += 8) {
        __m256 bias = _mm256_loadu_ps(f->bias + j);
        if (j + 8 <= columns) {
            for (int32_t i = 0; i < rows; i++) {
                __m256 x = _mm256_add_ps(_mm256_loadu_ps(tile + i * width + j), bias);
                _mm256_storeu_ps(out[i] + j, activate(x, &f->act));
            }
        } else {
            __m256i mask = column_mask(columns - j);
            for (int32_t i = 0; i < rows; i++) {
                __m256 x = _mm256_add_ps(_mm256_loadu_ps(tile + i * width + j), bias);
                _mm256_maskstore_ps(out[i] + j, mask, activate(x, &f->act));
            }
        }
    }
}

// ----------------------------------------------------------------------------------------------- integer tiles

INLINE int32_t load_pair(const int16_t *p) {
    int32_t pair;
    memcpy(&pair, p, 4);
    return pair;
}

/// `weights` are 16-bit integers, or, when `four_bit`, halves of bytes.
INLINE void tile_i16(
    const int four_bit, const int rows, const int vectors, const int16_t *const *a, const ck_segment *segments,
    int32_t count, const void *weights, int32_t *tile) {
    const uint8_t *b = weights;
    const __m256i order = places(0);
    __m256i sum[CK_MAX_ROWS][3];
#pragma clang loop unroll(full)
    for (int i = 0; i < rows; i++)
#pragma clang loop unroll(full)
        for (int j = 0; j < vectors; j++) sum[i][j] = _mm256_setzero_si256();
    for (int32_t s = 0; s < count; s++) {
        const int16_t *p[CK_MAX_ROWS];
#pragma clang loop unroll(full)
        for (int i = 0; i < rows; i++) p[i] = a[i] + segments[s].offset;
        int64_t length = segments[s].length;
        for (int64_t k = 0; k < length; k += 2) {
            __m256i v[3];
#pragma clang loop unroll(full)
            for (int j = 0; j < vectors; j++)
                v[j] = four_bit
                    ? halves(_mm256_broadcastq_epi64(_mm_loadl_epi64((const __m128i *)(b + 8 * j))), order)
                    : _mm256_loadu_si256((const __m256i *)(b + 32 * j));
            b += (four_bit ? 8 : 32) * vectors;
#pragma clang loop unroll(full)
            for (int i = 0; i < rows; i++) {
                __m256i x = _mm256_set1_epi32(load_pair(p[i] + k));
#pragma clang loop unroll(full)
                for (int j = 0; j < vectors; j++)
                    sum[i][j] = _mm256_add_epi32(sum[i][j], _mm256_madd_epi16(x, v[j]));
            }
        }
    }
#pragma clang loop unroll(full)
    for (int i = 0; i < rows; i++)
#pragma clang loop unroll(full)
        for (int j = 0; j < vectors; j++)
            _mm256_storeu_si256((__m256i *)(tile + (i * vectors + j) * 8), sum[i][j]);
}

#define INTEGER_TILE(ROWS, VECTORS)                                                                                   \
    TARGET static void tile_i16_##ROWS##x##VECTORS(                                                                  \
        const int16_t *const *a, const ck_segment *segments, int32_t count, const int16_t *b, int32_t *tile) {       \
        tile_i16(0, ROWS, VECTORS, a, segments, count, b, tile);                                                     \
    }                                                                                                                \
    TARGET static void tile_i4_##ROWS##x##VECTORS(                                                                   \
        const int16_t *const *a, const ck_segment *segments, int32_t count, const uint8_t *b, int32_t *tile) {       \
        tile_i16(1, ROWS, VECTORS, a, segments, count, b, tile);                                                     \
    }
#define ONE_ROW(VECTORS)                                                                                              \
    TARGET static void tile_i4_1x##VECTORS(                                                                          \
        const int16_t *const *a, const ck_segment *segments, int32_t count, const uint8_t *b, int32_t *tile) {       \
        tile_i16(1, 1, VECTORS, a, segments, count, b, tile);                                                        \
    }
ONE_ROW(1)
ONE_ROW(2)
ONE_ROW(3)
INTEGER_TILE(8, 1)
INTEGER_TILE(6, 2)
INTEGER_TILE(3, 3)

typedef struct {
    __m256i bias, multiplier, left, right, mask, half;
} column_finish;

INLINE column_finish load_finish(const ck_finish_i8 *f, int32_t j) {
    column_finish c;
    c.bias = _mm256_loadu_si256((const __m256i *)(f->bias + j));
    c.multiplier = _mm256_loadu_si256((const __m256i *)(f->multiplier + j));
    c.left = _mm256_loadu_si256((const __m256i *)(f->left + j));
    c.right = _mm256_loadu_si256((const __m256i *)(f->right + j));
    c.mask = _mm256_sub_epi32(_mm256_sllv_epi32(_mm256_set1_epi32(1), c.right), _mm256_set1_epi32(1));
    c.half = _mm256_srli_epi32(c.mask, 1);
    return c;
}

INLINE __m256i rescale(__m256i x, const column_finish *c) {
    x = _mm256_sllv_epi32(x, c->left);
    const __m256i nudge = _mm256_set1_epi64x((int64_t)1 << 30);
    __m256i even = _mm256_add_epi64(_mm256_mul_epi32(x, c->multiplier), nudge);
    __m256i odd = _mm256_mul_epi32(_mm256_srli_epi64(x, 32), _mm256_srli_epi64(c->multiplier, 32));
    odd = _mm256_add_epi64(odd, nudge);
    x = _mm256_blend_epi32(_mm256_srli_epi64(even, 31), _mm256_add_epi64(odd, odd), 0xAA);
    __m256i remainder = _mm256_and_si256(x, c->mask);
    __m256i threshold = _mm256_sub_epi32(c->half, _mm256_srai_epi32(x, 31));
    return _mm256_sub_epi32(_mm256_srav_epi32(x, c->right), _mm256_cmpgt_epi32(remainder, threshold));
}

/// Eight accumulators to eight codes in the low half.
INLINE __m128i finish(__m256i sum, const column_finish *c, const ck_finish_i8 *f) {
    __m256i x = rescale(_mm256_add_epi32(sum, c->bias), c);
    x = _mm256_add_epi32(x, _mm256_set1_epi32(f->zero));
    x = _mm256_max_epi32(x, _mm256_set1_epi32(f->lowest));
    x = _mm256_min_epi32(x, _mm256_set1_epi32(f->highest));
    __m128i half = _mm_packs_epi32(_mm256_castsi256_si128(x), _mm256_extracti128_si256(x, 1));
    return _mm_xor_si128(_mm_packs_epi16(half, half), _mm_set1_epi8((char)f->flip));
}

/// Four accumulators times four factors, rounded once.
INLINE __m128i round_real(__m128i sum, const double *factor) {
    __m256d x = _mm256_mul_pd(_mm256_cvtepi32_pd(sum), _mm256_loadu_pd(factor));
    x = _mm256_and_pd(x, _mm256_cmp_pd(x, x, _CMP_ORD_Q));
    x = _mm256_max_pd(_mm256_min_pd(x, _mm256_set1_pd(2147483647.0)), _mm256_set1_pd(-2147483648.0));
    __m256d whole = _mm256_round_pd(x, _MM_FROUND_TO_ZERO | _MM_FROUND_NO_EXC), rest = _mm256_sub_pd(x, whole);
    __m256d up = _mm256_and_pd(_mm256_cmp_pd(rest, _mm256_set1_pd(0.5), _CMP_GE_OQ), _mm256_set1_pd(1.0));
    __m256d down = _mm256_and_pd(_mm256_cmp_pd(rest, _mm256_set1_pd(-0.5), _CMP_LE_OQ), _mm256_set1_pd(1.0));
    return _mm256_cvttpd_epi32(_mm256_sub_pd(_mm256_add_pd(whole, up), down));
}

INLINE __m128i finish_real(__m256i sum, int32_t j, const ck_finish_i8 *f) {
    sum = _mm256_add_epi32(sum, _mm256_loadu_si256((const __m256i *)(f->bias + j)));
    __m128i low = round_real(_mm256_castsi256_si128(sum), f->real + j);
    __m128i high = round_real(_mm256_extracti128_si256(sum, 1), f->real + j + 4);
    __m256i x = _mm256_add_epi32(_mm256_set_m128i(high, low), _mm256_set1_epi32(f->zero));
    x = _mm256_max_epi32(x, _mm256_set1_epi32(f->lowest));
    x = _mm256_min_epi32(x, _mm256_set1_epi32(f->highest));
    __m128i half = _mm_packs_epi32(_mm256_castsi256_si128(x), _mm256_extracti128_si256(x, 1));
    return _mm_xor_si128(_mm_packs_epi16(half, half), _mm_set1_epi8((char)f->flip));
}

INLINE void store_codes(__m128i codes, int8_t *out, int32_t columns) {
    if (columns >= 8) {
        _mm_storel_epi64((__m128i *)out, codes);
    } else {
        int64_t bytes = _mm_cvtsi128_si64(codes);
        memcpy(out, &bytes, (size_t)columns);
    }
}

TARGET static void store_i8(
    const int32_t *tile, int32_t width, int32_t rows, int32_t columns, int8_t *const *out, const ck_finish_i8 *f) {
    if (f->real) {
        for (int32_t j = 0; j < columns; j += 8)
            for (int32_t i = 0; i < rows; i++) {
                __m256i sum = _mm256_loadu_si256((const __m256i *)(tile + i * width + j));
                store_codes(finish_real(sum, j, f), out[i] + j, columns - j);
            }
        return;
    }
    for (int32_t j = 0; j < columns; j += 8) {
        column_finish c = load_finish(f, j);
        for (int32_t i = 0; i < rows; i++) {
            __m256i sum = _mm256_loadu_si256((const __m256i *)(tile + i * width + j));
            store_codes(finish(sum, &c, f), out[i] + j, columns - j);
        }
    }
}

TARGET static void store_hybrid(
    const int32_t *tile, int32_t width, int32_t rows, int32_t columns, float *const *out, const float *row_scale,
    const ck_finish_hybrid *f) {
    for (int32_t j = 0; j < columns; j += 8) {
        __m256 scale = _mm256_loadu_ps(f->weight_scale + j), bias = _mm256_loadu_ps(f->bias + j);
        __m256i mask = column_mask(columns - j);
        for (int32_t i = 0; i < rows; i++) {
            __m256 x = _mm256_cvtepi32_ps(_mm256_loadu_si256((const __m256i *)(tile + i * width + j)));
            x = _mm256_mul_ps(x, _mm256_mul_ps(_mm256_set1_ps(row_scale[i]), scale));
            _mm256_maskstore_ps(out[i] + j, mask, activate(_mm256_add_ps(x, bias), &f->act));
        }
    }
}

TARGET static void widen(const uint8_t *in, int32_t n, int32_t is_unsigned, int32_t zero, int16_t *out) {
    __m256i z = _mm256_set1_epi16((int16_t)zero);
    int32_t i = 0;
    if (is_unsigned) {
        for (; i + 16 <= n; i += 16) {
            __m256i x = _mm256_cvtepu8_epi16(_mm_loadu_si128((const __m128i *)(in + i)));
            _mm256_storeu_si256((__m256i *)(out + i), _mm256_sub_epi16(x, z));
        }
        for (; i < n; i++) out[i] = (int16_t)(in[i] - zero);
    } else {
        for (; i + 16 <= n; i += 16) {
            __m256i x = _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)(in + i)));
            _mm256_storeu_si256((__m256i *)(out + i), _mm256_sub_epi16(x, z));
        }
        for (; i < n; i++) out[i] = (int16_t)((int8_t)in[i] - zero);
    }
}

// --------------------------------------------------------------------------------------------------- depthwise

INLINE void depthwise_f32_taps(
    const int ordered, const float *const *taps, const int count, int32_t channels, const float *w, float *out, const ck_finish_f32 *f) {
    int32_t c = 0;
    for (; c + 8 <= channels; c += 8) {
        __m256 sum = _mm256_setzero_ps();
        for (int t = 0; t < count; t++)
            sum = add_product(
                ordered, _mm256_loadu_ps(taps[t] + c), _mm256_loadu_ps(w + (int64_t)t * channels + c), sum);
        _mm256_storeu_ps(out + c, activate(_mm256_add_ps(sum, _mm256_loadu_ps(f->bias + c)), &f->act));
    }
    if (c < channels) {
        __m256i mask = column_mask(channels - c);
        __m256 sum = _mm256_setzero_ps();
        for (int t = 0; t < count; t++)
            sum = add_product(
                ordered, _mm256_maskload_ps(taps[t] + c, mask), _mm256_maskload_ps(w + (int64_t)t * channels + c, mask),
                sum);
        sum = _mm256_add_ps(sum, _mm256_maskload_ps(f->bias + c, mask));
        _mm256_maskstore_ps(out + c, mask, activate(sum, &f->act));
    }
}

INLINE void depthwise_f32_any(
    const int ordered, const float *const *taps, int32_t count, int32_t channels, const float *w, float *out,
    const ck_finish_f32 *f) {
    if (count == 9)
        depthwise_f32_taps(ordered, taps, 9, channels, w, out, f);
    else if (count == 25)
        depthwise_f32_taps(ordered, taps, 25, channels, w, out, f);
    else
        depthwise_f32_taps(ordered, taps, count, channels, w, out, f);
}

TARGET static void depthwise_f32(
    const float *const *taps, int32_t count, int32_t channels, const float *w, float *out, const ck_finish_f32 *f) {
    depthwise_f32_any(0, taps, count, channels, w, out, f);
}

TARGET static void depthwise_ordered_f32(
    const float *const *taps, int32_t count, int32_t channels, const float *w, float *out, const ck_finish_f32 *f) {
    depthwise_f32_any(1, taps, count, channels, w, out, f);
}

INLINE void depthwise_i16_pairs(
    const int16_t *base, int32_t pixels, int32_t step, const int32_t *offsets, const int pairs, int32_t channels,
    const void *weights, int16_t *block, int8_t *out, const ck_finish_i8 *f) {
    for (int32_t c = 0; c < channels; c += 16) {
        const int16_t *w = block ? block : (const int16_t *)weights + (int64_t)2 * pairs * c;
        if (block) unpack_i4((const uint8_t *)weights + (int64_t)pairs * c, 16 * (int64_t)pairs, block);
        int32_t left = channels - c;
        column_finish first = load_finish(f, c), second = load_finish(f, c + 8);
        const int16_t *x = base + c;
        int8_t *o = out + c;
        for (int32_t p = 0; p < pixels; p++, x += step, o += channels) {
            __m256i low = _mm256_setzero_si256(), high = _mm256_setzero_si256();
            for (int t = 0; t < pairs; t++) {
                __m256i a = _mm256_loadu_si256((const __m256i *)(x + offsets[2 * t]));
                __m256i b = _mm256_loadu_si256((const __m256i *)(x + offsets[2 * t + 1]));
                const __m256i *pw = (const __m256i *)(w + 32 * t);
                low = _mm256_add_epi32(low, _mm256_madd_epi16(_mm256_unpacklo_epi16(a, b), _mm256_loadu_si256(pw)));
                high = _mm256_add_epi32(
                    high, _mm256_madd_epi16(_mm256_unpackhi_epi16(a, b), _mm256_loadu_si256(pw + 1)));
            }
            store_codes(finish(_mm256_permute2x128_si256(low, high, 0x20), &first, f), o, left);
            if (left > 8) store_codes(finish(_mm256_permute2x128_si256(low, high, 0x31), &second, f), o + 8, left - 8);
        }
    }
}

TARGET static void depthwise_i16(
    const int16_t *base, int32_t pixels, int32_t step, const int32_t *offsets, int32_t pairs, int32_t channels,
    const void *w, int16_t *block, int8_t *out, const ck_finish_i8 *f) {
    if (pairs == 5)
        depthwise_i16_pairs(base, pixels, step, offsets, 5, channels, w, block, out, f);
    else
        depthwise_i16_pairs(base, pixels, step, offsets, pairs, channels, w, block, out, f);
}

const ck_table ck_table_avx2 = {
    .rows_f32 = {8, 6, 3},
    .rows_i16 = {8, 6, 3},
    .tile_f32 = {{tile_f32_8x1, tile_f32_6x2, tile_f32_3x3}, {ordered_f32_8x1, ordered_f32_6x2, ordered_f32_3x3}},
    .tile_i16 = {tile_i16_8x1, tile_i16_6x2, tile_i16_3x3},
    .tile_i4 = {{tile_i4_8x1, tile_i4_6x2, tile_i4_3x3}, {tile_i4_1x1, tile_i4_1x2, tile_i4_1x3}},
    .unpack_i4 = unpack_i4,
    .store_f32 = store_f32,
    .store_i8 = store_i8,
    .store_hybrid = store_hybrid,
    .widen = widen,
    .depthwise_f32 = {depthwise_f32, depthwise_ordered_f32},
    .depthwise_i16 = depthwise_i16,
};
#endif
