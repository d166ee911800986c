#pragma once
#include "include/CKernels.h"

// Register tiles are 8, 16 or 24 columns wide; index = width / 8 - 1.
enum { CK_WIDTHS = 3, CK_MAX_ROWS = 12, CK_MAX_WIDTH = 24 };

typedef struct {
    int32_t offset, length;
} ck_segment;

typedef void (*ck_tile_f32)(
    const float *const *rows, const ck_segment *segments, int32_t count, const float *b, float *tile,
    int32_t accumulate);
typedef void (*ck_tile_i16)(
    const int16_t *const *rows, const ck_segment *segments, int32_t count, const int16_t *b, int32_t *tile);
/// The same sums with four-bit weights: every byte is a pair, the earlier in its low half.
typedef void (*ck_tile_i4)(
    const int16_t *const *rows, const ck_segment *segments, int32_t count, const uint8_t *b, int32_t *tile);

typedef struct {
    const float *bias;
    ck_activation act;
} ck_finish_f32;

typedef struct {
    const int32_t *bias, *multiplier, *left, *right;
    int32_t zero, lowest, highest, flip;
    const double *real;
} ck_finish_i8;

typedef struct {
    const float *weight_scale, *bias;
    ck_activation act;
} ck_finish_hybrid;

/// Kernels that differ by instruction set.
typedef struct {
    int32_t rows_f32[CK_WIDTHS], rows_i16[CK_WIDTHS];
    /// Tiles that sum as they like, then those that round every product and every sum, in the order of the segments.
    ck_tile_f32 tile_f32[2][CK_WIDTHS];
    ck_tile_i16 tile_i16[CK_WIDTHS];
    /// Tiles of as many rows as `tile_i16`, then tiles of which only the first row counts.
    ck_tile_i4 tile_i4[2][CK_WIDTHS];
    /// out[2i] and out[2i + 1] are the low and the high half of in[i], signed; n is a multiple of 8.
    void (*unpack_i4)(const uint8_t *in, int64_t n, int16_t *out);
    void (*store_f32)(
        const float *tile, int32_t width, int32_t rows, int32_t columns, float *const *out, const ck_finish_f32 *f);
    void (*store_i8)(
        const int32_t *tile, int32_t width, int32_t rows, int32_t columns, int8_t *const *out, const ck_finish_i8 *f);
    void (*store_hybrid)(
        const int32_t *tile, int32_t width, int32_t rows, int32_t columns, float *const *out, const float *row_scale,
        const ck_finish_hybrid *f);
    /// out[i] = in[i] - zero, with `flip` 0x80 when the codes are unsigned
    void (*widen)(const uint8_t *in, int32_t n, int32_t is_unsigned, int32_t zero, int16_t *out);
    /// One output pixel of a depthwise convolution, float: taps[t] points at `channels` values. The second rounds every
    /// product and every sum, tap by tap.
    void (*depthwise_f32[2])(
        const float *const *taps, int32_t count, int32_t channels, const float *w, float *out,
        const ck_finish_f32 *f);
    /// A run of output pixels of a depthwise convolution on widened input: weights packed in pairs of taps, 16 bits each,
    /// or, when `block` is not null, two to a byte; `block` has room for those of 16 channels, unpacked.
    void (*depthwise_i16)(
        const int16_t *base, int32_t pixels, int32_t step, const int32_t *offsets, int32_t pairs, int32_t channels,
        const void *w, int16_t *block, int8_t *out, const ck_finish_i8 *f);
} ck_table;

extern const ck_table ck_table_portable;
#if defined(__x86_64__)
extern const ck_table ck_table_avx2;
/// Fills `table` with the AVX-512 VNNI kernels.
void ck_use_avx512(ck_table *table);
#endif

/// True when the tiles of `table` give the results of the portable ones on a small case.
int32_t ck_agrees_with_portable(const ck_table *table);

const ck_table *ck_current(void);
