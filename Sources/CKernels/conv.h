#pragma once
#include "isa.h"

typedef enum { CK_FLOAT, CK_INTEGER, CK_HYBRID } ck_kind;

/// A strip of output columns computed by one register tile.
typedef struct {
    int32_t start, width, columns;
} ck_panel;

/// One plain convolution that fills every (out_step_h, out_step_w)-th output pixel. An ordinary convolution has one
/// phase; a transposed one has stride_h * stride_w.
typedef struct {
    int32_t out_y, out_x, rows, columns;
    int32_t segments, depth;
    ck_segment *segment;
    /// Segments are summed in blocks [block[i], block[i + 1]), which bounds the rounding error of long sums.
    int32_t blocks;
    int32_t *block;
    void *packed;
    size_t group_elements;
} ck_phase;

struct ck_conv {
    ck_kind kind;
    ck_conv_shape shape;
    int32_t depthwise, flat;
    /// Float sums run in the order of the weights, every product and every sum rounded.
    int32_t ordered;
    /// Input step of a row (column) of a phase, the input row that phase row 0 starts at, and how many it spans.
    int32_t step_h, step_w, origin_y, origin_x, span_h;
    /// Input is copied, padded, into bands of `band_w` pixels a row, unless `direct`.
    int32_t direct, band_w, rows_per_band;
    int32_t out_step_h, out_step_w, rows_per_image;
    int32_t group_in, group_out, panels;
    ck_panel *panel;
    int32_t phases;
    ck_phase *phase;
    // Per-channel vectors, padded per group to a multiple of 8.
    int32_t padded_out;
    float *bias_f32, *weight_scale;
    int32_t *bias_i32, *multiplier, *left, *right;
    double *real;
    ck_activation act;
    ck_quantization q;
    // depthwise
    int32_t taps, *tap_offset;
    void *depthwise_weights;
};

/// A kernel position of a phase and its input offset from the band's first pixel.
typedef struct {
    int32_t ky, kx, y, x;
} ck_tap;

void *ck_zeroed(size_t count, size_t size);
/// Element `index` of weights as they were given, minus their zero point.
int32_t ck_weight_code(const ck_conv *conv, const void *weights, int64_t index);
/// Puts a code in its place among zeroed packed weights: 16 bits each, or, of four-bit weights, two to a byte, the earlier
/// in the low half.
void ck_store_code(const ck_conv *conv, void *packed, size_t index, int32_t code);
/// Bytes that `elements` packed weights take; of integers an even number.
size_t ck_packed_bytes(const ck_conv *conv, size_t elements);
/// Packs the weights of a phase, for each group and panel [depth][width] floats or [depth / 2][width][2] codes.
/// `order[2i]`, `order[2i + 1]` are first tap and number of taps of run i. Returns 0 when memory runs out.
int32_t ck_pack_phase(
    const ck_conv *conv, ck_phase *phase, const ck_tap *taps, const int32_t *order, int32_t runs,
    const void *weights);
/// Bytes at the end of the scratch memory for one panel of four-bit weights as 16-bit integers; 0 when weights have
/// eight bits, or when the panel is too large to stay in a cache.
size_t ck_panel_bytes(const ck_conv *conv);
/// Splits `columns` into panels of 8, 16 and 24; `panel` may be null to count.
int32_t ck_split_panels(int32_t columns, ck_panel *panel);
/// Allocates the per-channel vectors and fills them. Returns 0 when memory runs out.
int32_t ck_conv_channels(ck_conv *conv, const void *bias, const float *weight_scale);

ck_conv *ck_depthwise_create(ck_conv *conv, const void *weights);
size_t ck_depthwise_scratch(const ck_conv *conv);
size_t ck_depthwise_packed_bytes(const ck_conv *conv);
void ck_depthwise_run(
    const ck_conv *conv, const void *input, void *output, int32_t row_begin, int32_t row_end, void *scratch);
