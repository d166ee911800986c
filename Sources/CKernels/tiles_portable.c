#include "fixedpoint.h"
#include "isa.h"

#include <string.h>

// Products are rounded before they are added, so that one tile serves both orders.
#pragma STDC FP_CONTRACT OFF

static inline __attribute__((always_inline)) void tile_f32(
    const int width, const float *const *a, const ck_segment *segments, int32_t count, const float *b, float *tile,
    int32_t accumulate) {
    float sum[2][CK_MAX_WIDTH] = {{0}};
    for (int32_t s = 0; s < count; s++) {
        const float *p = a[0] + segments[s].offset, *q = a[1] + segments[s].offset;
        for (int32_t k = 0; k < segments[s].length; k++, b += width)
            for (int j = 0; j < width; j++) {
                sum[0][j] += p[k] * b[j];
                sum[1][j] += q[k] * b[j];
            }
    }
    for (int i = 0; i < 2; i++)
        for (int j = 0; j < width; j++)
            tile[i * width + j] = accumulate ? tile[i * width + j] + sum[i][j] : sum[i][j];
}

static inline __attribute__((always_inline)) void tile_i16(
    const int width, const int16_t *const *a, const ck_segment *segments, int32_t count, const int16_t *b,
    int32_t *tile) {
    uint32_t sum[2][CK_MAX_WIDTH] = {{0}};
    for (int32_t s = 0; s < count; s++) {
        const int16_t *p = a[0] + segments[s].offset, *q = a[1] + segments[s].offset;
        for (int32_t k = 0; k < segments[s].length; k += 2, b += 2 * width)
            for (int j = 0; j < width; j++) {
                sum[0][j] += (uint32_t)(p[k] * b[2 * j]) + (uint32_t)(p[k + 1] * b[2 * j + 1]);
                sum[1][j] += (uint32_t)(q[k] * b[2 * j]) + (uint32_t)(q[k + 1] * b[2 * j + 1]);
            }
    }
    memcpy(tile, sum[0], sizeof(int32_t) * (size_t)width);
    memcpy(tile + width, sum[1], sizeof(int32_t) * (size_t)width);
}

static inline int32_t low_half(uint8_t pair) { return ((pair & 15) ^ 8) - 8; }
static inline int32_t high_half(uint8_t pair) { return ((pair >> 4) ^ 8) - 8; }

static inline __attribute__((always_inline)) void tile_i4(
    const int width, const int16_t *const *a, const ck_segment *segments, int32_t count, const uint8_t *b,
    int32_t *tile) {
    uint32_t sum[2][CK_MAX_WIDTH] = {{0}};
    for (int32_t s = 0; s < count; s++) {
        const int16_t *p = a[0] + segments[s].offset, *q = a[1] + segments[s].offset;
        for (int32_t k = 0; k < segments[s].length; k += 2, b += width)
            for (int j = 0; j < width; j++) {
                int32_t low = low_half(b[j]), high = high_half(b[j]);
                sum[0][j] += (uint32_t)(p[k] * low) + (uint32_t)(p[k + 1] * high);
                sum[1][j] += (uint32_t)(q[k] * low) + (uint32_t)(q[k + 1] * high);
            }
    }
    memcpy(tile, sum[0], sizeof(int32_t) * (size_t)width);
    memcpy(tile + width, sum[1], sizeof(int32_t) * (size_t)width);
}

static void unpack_i4(const uint8_t *in, int64_t n, int16_t *out) {
    for (int64_t i = 0; i < n; i++) {
        out[2 * i] = (int16_t)low_half(in[i]);
        out[2 * i + 1] = (int16_t)high_half(in[i]);
    }
}

#define TILES(WIDTH)                                                                                                  \
    static void tile_f32_##WIDTH(                                                                                    \
        const float *const *a, const ck_segment *segments, int32_t count, const float *b, float *tile,               \
        int32_t accumulate) {                                                                                        \
        tile_f32(WIDTH, a, segments, count, b, tile, accumulate);                                                    \
    }                                                                                                                \
    static void tile_i16_##WIDTH(                                                                                    \
        const int16_t *const *a, const ck_segment *segments, int32_t count, const int16_t *b, int32_t *tile) {       \
        tile_i16(WIDTH, a, segments, count, b, tile);                                                                \
    }                                                                                                                \
    static void tile_i4_##WIDTH(                                                                                     \
        const int16_t *const *a, const ck_segment *segments, int32_t count, const uint8_t *b, int32_t *tile) {       \
        tile_i4(WIDTH, a, segments, count, b, tile);                                                                 \
    }
TILES(8)
TILES(16)
TILES(24)

static inline float activate(float x, const ck_activation *act) {
    if (act->leaky && x < 0) x *= act->slope;
    x = act->lowest > x ? act->lowest : x;
    return act->highest < x ? act->highest : x;
}

static void store_f32(
    const float *tile, int32_t width, int32_t rows, int32_t columns, float *const *out, const ck_finish_f32 *f) {
    for (int32_t i = 0; i < rows; i++)
        for (int32_t j = 0; j < columns; j++) out[i][j] = activate(tile[i * width + j] + f->bias[j], &f->act);
}

static inline int8_t finish(int32_t sum, int32_t j, const ck_finish_i8 *f) {
    sum = ck_add_wrapping(sum, f->bias[j]);
    int32_t x = f->real ? ck_round_real(sum * f->real[j]) : ck_rescale(sum, f->multiplier[j], f->left[j], f->right[j]);
    x = ck_add_wrapping(x, f->zero);
    x = x > f->lowest ? x : f->lowest;
    x = x < f->highest ? x : f->highest;
    return (int8_t)(x ^ f->flip);
}

static void store_i8(
    const int32_t *tile, int32_t width, int32_t rows, int32_t columns, int8_t *const *out, const ck_finish_i8 *f) {
    for (int32_t i = 0; i < rows; i++)
        for (int32_t j = 0; j < columns; j++) out[i][j] = finish(tile[i * width + j], j, f);
}

static void store_hybrid(
    const int32_t *tile, int32_t width, int32_t rows, int32_t columns, float *const *out, const float *row_scale,
    const ck_finish_hybrid *f) {
    for (int32_t i = 0; i < rows; i++)
        for (int32_t j = 0; j < columns; j++) {
            float x = (float)tile[i * width + j] * (row_scale[i] * f->weight_scale[j]);
            out[i][j] = activate(x + f->bias[j], &f->act);
        }
}

static void widen(const uint8_t *in, int32_t n, int32_t is_unsigned, int32_t zero, int16_t *out) {
    if (is_unsigned)
        for (int32_t i = 0; i < n; i++) out[i] = (int16_t)(in[i] - zero);
    else
        for (int32_t i = 0; i < n; i++) out[i] = (int16_t)((int8_t)in[i] - zero);
}

static void depthwise_f32(
    const float *const *taps, int32_t count, int32_t channels, const float *w, float *out, const ck_finish_f32 *f) {
    for (int32_t c = 0; c < channels; c++) out[c] = 0;
    for (int32_t t = 0; t < count; t++, w += channels)
        for (int32_t c = 0; c < channels; c++) out[c] += taps[t][c] * w[c];
    for (int32_t c = 0; c < channels; c++) out[c] = activate(out[c] + f->bias[c], &f->act);
}

static void depthwise_i16(
    const int16_t *base, int32_t pixels, int32_t step, const int32_t *offsets, int32_t pairs, int32_t channels,
    const void *w, int16_t *block, int8_t *out, const ck_finish_i8 *f) {
    for (int32_t c = 0; c < channels; c++) {
        // Pairs of taps are stored for 16 channels at a time, channels 4..7 and 8..11 exchanged.
        int32_t lane = c % 16, slot = (lane & 3) | ((lane & 4) << 1) | ((lane & 8) >> 1);
        int64_t first = (int64_t)(c / 16) * 32 * pairs;
        if (block && lane == 0) unpack_i4((const uint8_t *)w + first / 2, 16 * (int64_t)pairs, block);
        const int16_t *pair = (block ? block : (const int16_t *)w + first) + 2 * slot;
        for (int32_t p = 0; p < pixels; p++) {
            const int16_t *x = base + (int64_t)p * step + c;
            uint32_t sum = 0;
            for (int32_t t = 0; t < pairs; t++)
                sum += (uint32_t)(x[offsets[2 * t]] * pair[32 * t])
                    + (uint32_t)(x[offsets[2 * t + 1]] * pair[32 * t + 1]);
            out[(int64_t)p * channels + c] = finish((int32_t)sum, c, f);
        }
    }
}

const ck_table ck_table_portable = {
    .rows_f32 = {2, 2, 2},
    .rows_i16 = {2, 2, 2},
    .tile_f32 = {{tile_f32_8, tile_f32_16, tile_f32_24}, {tile_f32_8, tile_f32_16, tile_f32_24}},
    .tile_i16 = {tile_i16_8, tile_i16_16, tile_i16_24},
    .tile_i4 = {{tile_i4_8, tile_i4_16, tile_i4_24}, {tile_i4_8, tile_i4_16, tile_i4_24}},
    .unpack_i4 = unpack_i4,
    .store_f32 = store_f32,
    .store_i8 = store_i8,
    .store_hybrid = store_hybrid,
    .widen = widen,
    .depthwise_f32 = {depthwise_f32, depthwise_f32},
    .depthwise_i16 = depthwise_i16,
};
