#pragma once
// Fast kernels on channels-last tensors: packed matrix multiplication, convolution, and the operators around them.
// Every function is safe to call from several threads on disjoint ranges, and a result never depends on how the
// ranges were cut. Integer results are exact: the accumulator wraps and requantisation is that of `ck_requantize`.

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// ---------------------------------------------------------------------------------------------- instruction sets

/// Instruction sets in order of preference.
enum { CK_ISA_PORTABLE = 0, CK_ISA_AVX2 = 1, CK_ISA_AVX512_VNNI = 2 };

/// The instruction set in use: the best the processor has and whose kernels pass a check at start-up, or what DEPTHC_ISA
/// ("portable", "avx2", "avx512") asks for.
int32_t ck_isa(void);
/// Chooses an instruction set; returns the one now in use (a set the processor lacks is not chosen).
int32_t ck_set_isa(int32_t isa);

// ------------------------------------------------------------------------------------------------- convolution

/// Sizes of a convolution. A depthwise convolution has `groups == in_c`; a fully connected layer is a 1x1 convolution.
typedef struct {
    int32_t batch, in_h, in_w, in_c;
    int32_t kernel_h, kernel_w, stride_h, stride_w, dilation_h, dilation_w;
    int32_t pad_top, pad_left;
    int32_t out_h, out_w, out_c, groups;
} ck_conv_shape;

/// What happens to a float result after the bias: clamp to [lowest, highest]; before it, when `leaky` is not 0, values
/// below zero are multiplied by `slope`.
typedef struct {
    float lowest, highest, slope;
    int32_t leaky;
} ck_activation;

/// How an 8-bit product is read and written: `in_zero`, `weight_zero` and `out_zero` are zero points; multipliers and shifts per output
/// channel as in `ck_requantize`.
typedef struct {
    int32_t in_zero, weight_zero, out_zero;
    int32_t lowest, highest;
    int32_t in_unsigned, out_unsigned, weight_unsigned;
    /// Not 0 when weights are signed four-bit codes with zero point 0, given two to a byte, the earlier in the low half,
    /// and kept so: kernels unpack what they need into scratch memory or registers.
    int32_t weight_four_bit;
    const int32_t *multiplier, *shift;
    /// When not null, results are accumulator * real[channel] in binary64, rounded once (halves away from zero,
    /// saturating), instead of `multiplier` and `shift`.
    const double *real;
} ck_quantization;

/// Packed weights and plan of one convolution.
typedef struct ck_conv ck_conv;

/// Weights are [out_c][kernel_h][kernel_w][in_c / groups] (for depthwise [kernel_h][kernel_w][out_c]); `bias` may be
/// null. Returns null when memory runs out. When `ordered`, float sums run over kernel rows, kernel columns and input
/// channels (transposed: input rows, columns and channels), every product and every sum rounded, then the bias: the
/// bits are those of plain loops. Otherwise products and sums are fused and long sums cut into blocks.
ck_conv *ck_conv_f32_create(
    const ck_conv_shape *shape, const float *weights, const float *bias, ck_activation act, int32_t ordered);
ck_conv *ck_conv_i8_create(
    const ck_conv_shape *shape, const void *weights, const int32_t *bias, const ck_quantization *quantization);
/// Transposed convolution: weights [out_c][kernel_h][kernel_w][in_c]; `shape.pad_*` crop the output.
ck_conv *ck_deconv_f32_create(
    const ck_conv_shape *shape, const float *weights, const float *bias, ck_activation act, int32_t ordered);
ck_conv *ck_deconv_i8_create(
    const ck_conv_shape *shape, const void *weights, const int32_t *bias, const ck_quantization *quantization);
/// Integer product with float result: out = scale[row group] * weight_scale[channel] * accumulator + bias, for int8
/// input quantised per batch with `in_zero[batch]` and `in_scale[batch]` given at run time. Weights are int8, or, when
/// `four_bit` is not 0, as `weight_four_bit` of ck_quantization says.
ck_conv *ck_conv_hybrid_create(
    const ck_conv_shape *shape, const void *weights, int32_t four_bit, const float *weight_scale, const float *bias,
    ck_activation act);
ck_conv *ck_deconv_hybrid_create(
    const ck_conv_shape *shape, const void *weights, int32_t four_bit, const float *weight_scale, const float *bias,
    ck_activation act);
void ck_conv_free(ck_conv *conv);

/// The unit of work: rows are cut freely between threads.
int32_t ck_conv_rows(const ck_conv *conv);
/// Bytes of scratch memory each thread needs.
size_t ck_conv_scratch(const ck_conv *conv);
/// Bytes of packed weights.
size_t ck_conv_packed_bytes(const ck_conv *conv);
void ck_conv_run(
    const ck_conv *conv, const void *input, void *output, int32_t row_begin, int32_t row_end, void *scratch);
void ck_conv_hybrid_run(
    const ck_conv *conv, const int8_t *input, const int32_t *in_zero, const float *in_scale, float *output,
    int32_t row_begin, int32_t row_end, void *scratch);

/// A matrix product [rows][depth] x [depth][columns] whose right operand is packed at run time, panel by panel, into
/// `ck_conv_packed_bytes` bytes.
ck_conv *ck_product_f32_create(int32_t rows, int32_t depth, int32_t columns, int32_t ordered);
ck_conv *ck_product_i8_create(int32_t rows, int32_t depth, int32_t columns, const ck_quantization *quantization);
int32_t ck_product_panels(const ck_conv *conv);
/// `right` is [depth][columns], or [columns][depth] when `transposed`.
void ck_product_pack(
    const ck_conv *conv, const void *right, int32_t transposed, void *packed, int32_t panel_begin, int32_t panel_end);
void ck_product_run(
    const ck_conv *conv, const void *left, const void *packed, void *output, int32_t row_begin, int32_t row_end,
    void *scratch);

// ------------------------------------------------------------------------------------------------ thread pool

typedef struct ck_pool ck_pool;
/// Does part `index` of `count`; `thread` is below the pool's number of threads.
typedef void (*ck_task)(void *context, int32_t index, int32_t thread);

/// A pool of `threads` threads, the caller's included. Returns null when threads cannot be made.
ck_pool *ck_pool_create(int32_t threads);
void ck_pool_free(ck_pool *pool);
/// Runs parts 0..<count and returns when all are done. Not reentrant.
void ck_pool_run(ck_pool *pool, int32_t count, ck_task task, void *context);

// --------------------------------------------------------------------------------------- elementwise operators

enum { CK_ADD, CK_SUB, CK_MUL, CK_DIV, CK_MAXIMUM, CK_MINIMUM, CK_SQUARED_DIFFERENCE };

/// Operands of a broadcasting operator: extents outermost first and, for each operand, its stride in elements (0 where
/// it repeats). The result is dense.
enum { CK_MAX_RANK = 8 };
typedef struct {
    int32_t rank;
    int64_t extent[CK_MAX_RANK], stride_a[CK_MAX_RANK], stride_b[CK_MAX_RANK];
} ck_broadcast;

/// Number of innermost rows (what ranges count) and elements in each.
int64_t ck_broadcast_rows(const ck_broadcast *shape);

void ck_binary_f32(
    int32_t kind, const ck_broadcast *shape, const float *a, const float *b, float *out, float lowest, float highest,
    int64_t row_begin, int64_t row_end);

/// Wrapping int32 arithmetic: ADD, SUB, MUL, MAXIMUM, MINIMUM.
void ck_binary_i32(
    int32_t kind, const ck_broadcast *shape, const int32_t *a, const int32_t *b, int32_t *out, int64_t row_begin,
    int64_t row_end);

/// 8-bit addition and subtraction:
/// out = rescale((a - a_zero) << left, a_*) +- rescale((b - b_zero) << left, b_*) rescaled by out_* plus out_zero.
/// Multiplication uses `out_*` alone. Shifts are right shifts when negative.
typedef struct {
    int32_t a_zero, b_zero, out_zero, left;
    int32_t a_multiplier, a_shift, b_multiplier, b_shift, out_multiplier, out_shift;
    int32_t lowest, highest;
} ck_binary_quantization;
enum { CK_CODE_INT8, CK_CODE_UINT8 };
void ck_binary_codes(
    int32_t kind, int32_t code, const ck_broadcast *shape, const void *a, const void *b, void *out,
    const ck_binary_quantization *q, int64_t row_begin, int64_t row_end);

enum {
    CK_ABS, CK_NEG, CK_SQUARE, CK_SQRT, CK_RSQRT, CK_FLOOR, CK_CEIL, CK_EXP, CK_LOGISTIC, CK_TANH, CK_GELU,
    CK_GELU_TANH, CK_RELU, CK_RELU6, CK_RELU_N1_TO_1, CK_RELU_0_TO_1, CK_LEAKY_RELU, CK_ELU, CK_HARD_SWISH,
    CK_ROUND
};
/// `slope` is that of the leaky ReLU.
void ck_unary_f32(int32_t kind, float slope, const float *in, float *out, int64_t n);
/// out[i] = table[in[i]], the table indexed by the unsigned value of the byte.
void ck_lookup_u8(const uint8_t table[256], const uint8_t *in, uint8_t *out, int64_t n);
/// out[i] = table[in[i] & 15]
void ck_lookup16_u8(const uint8_t table[16], const uint8_t *in, uint8_t *out, int64_t n);
/// A table of 16 or 256 `entries` for every channel: out = tables[channel * entries + (in & (entries - 1))].
void ck_lookup_channels_u8(
    const uint8_t *tables, int32_t entries, int64_t channels, const uint8_t *in, uint8_t *out, int64_t rows);
/// 1 when every code is between its channel's limits.
int32_t ck_codes_within(
    const int8_t *lowest, const int8_t *highest, int64_t channels, const int8_t *in, int64_t rows);
void ck_lookup_f32(const float table[256], const uint8_t *in, float *out, int64_t n);
/// out = clamp(round(in / scale) + zero), halves away from zero, saturating, NaN as the lowest code.
void ck_quantize_u8(float scale, int32_t zero, int32_t is_unsigned, const float *in, uint8_t *out, int64_t n);
/// out = scale * (in - zero).
void ck_dequantize_u8(float scale, int32_t zero, int32_t is_unsigned, const uint8_t *in, float *out, int64_t n);
/// Conversions; floats truncate and saturate, NaN becomes 0, wide integers keep their low bits.
enum { CK_F32_TO_I32, CK_I32_TO_F32, CK_I32_TO_I64, CK_I64_TO_I32, CK_I64_TO_F32, CK_U16_TO_I32 };
void ck_cast(int32_t kind, const void *in, void *out, int64_t n);
/// Smallest and largest of n > 0 numbers.
void ck_range_f32(const float *in, int64_t n, float *lowest, float *highest);
/// out = clamp(round(zero + in * inverse), lowest, 127), halves away from zero.
void ck_quantize_dynamic(
    float inverse, float zero, float lowest, const float *in, int8_t *out, int64_t n);
/// Slopes repeat every `channels` elements; n is a multiple of `channels`.
void ck_prelu_f32(const float *slopes, int64_t channels, const float *in, float *out, int64_t n);

// --------------------------------------------------------------------------------------------------- movement

/// A strided copy; strides in bytes, extents outermost first.
typedef struct {
    int32_t rank, element;
    int64_t extent[CK_MAX_RANK], stride_in[CK_MAX_RANK], stride_out[CK_MAX_RANK];
} ck_movement;
/// Merges and reorders dimensions so that `ck_move` runs fast. Call it once.
void ck_movement_prepare(ck_movement *movement);
/// Ranges count steps of the outermost dimension, `extent[0]` after preparation.
void ck_move(const ck_movement *movement, const void *in, void *out, int64_t begin, int64_t end);
/// Rows of `bytes` bytes: out[i] = in[index[i]]; returns 0 when an index is outside 0..<limit.
int32_t ck_gather_rows(
    const void *in, const int64_t *index, void *out, int64_t bytes, int64_t limit, int64_t begin, int64_t end);

// ------------------------------------------------------------------------------- pooling, resizing, reductions

typedef struct {
    int32_t batch, in_h, in_w, channels, window_h, window_w, stride_h, stride_w, pad_top, pad_left, out_h, out_w;
} ck_pool_shape;
/// Ranges count output rows of all images.
void ck_max_pool_f32(
    const ck_pool_shape *s, const float *in, float *out, float lowest, float highest, int32_t row_begin,
    int32_t row_end);
void ck_average_pool_f32(
    const ck_pool_shape *s, const float *in, float *out, float lowest, float highest, int32_t row_begin,
    int32_t row_end);
void ck_max_pool_codes(
    const ck_pool_shape *s, int32_t is_unsigned, const uint8_t *in, uint8_t *out, int32_t lowest, int32_t highest,
    int32_t row_begin, int32_t row_end);
void ck_average_pool_codes(
    const ck_pool_shape *s, int32_t is_unsigned, const uint8_t *in, uint8_t *out, int32_t lowest, int32_t highest,
    int32_t row_begin, int32_t row_end);

/// Bilinear resize along precomputed positions: row y blends input rows y_low[y] and y_high[y] by y_fraction[y] (column
/// likewise). Ranges count output rows of all images.
typedef struct {
    int32_t batch, in_h, in_w, channels, out_h, out_w;
    const int32_t *y_low, *y_high, *x_low, *x_high;
    const float *y_fraction, *x_fraction;
} ck_bilinear;
void ck_bilinear_f32(const ck_bilinear *r, const float *in, float *out, int32_t row_begin, int32_t row_end);
/// The same on 8-bit codes with fractions in 1/1024, rounded half away from zero; the float fractions are not read.
void ck_bilinear_codes(
    const ck_bilinear *r, const int32_t *y_fraction, const int32_t *x_fraction, int32_t is_unsigned, const uint8_t *in,
    uint8_t *out, int32_t row_begin, int32_t row_end);

/// Reduces the middle of [outer][count][inner]; kinds: sum, mean, maximum, minimum. Ranges count `outer`.
enum { CK_REDUCE_SUM, CK_REDUCE_MEAN, CK_REDUCE_MAX, CK_REDUCE_MIN };
void ck_reduce_f32(
    int32_t kind, const float *in, float *out, int64_t count, int64_t inner, int64_t outer_begin, int64_t outer_end);
/// Sums of codes: out[outer][inner] += in[outer][i][inner].
void ck_reduce_codes(
    int32_t is_unsigned, const uint8_t *in, int32_t *out, int64_t count, int64_t inner, int64_t outer_begin,
    int64_t outer_end);
/// Index of the first extremum of the middle of [outer][count][inner].
void ck_argument_f32(
    int32_t maximum, const float *in, int32_t *out, int64_t count, int64_t inner, int64_t outer_begin,
    int64_t outer_end);
void ck_argument_codes(
    int32_t maximum, int32_t is_unsigned, const uint8_t *in, int32_t *out, int64_t count, int64_t inner,
    int64_t outer_begin, int64_t outer_end);

/// Softmax of 8-bit codes. `ck_softmax_table` fills, for every difference 0...255 below the largest code of a row, the
/// exponential (no integer bits) and its term in the sum; differences below `smallest` (negative) count as minus
/// infinity.
void ck_softmax_table(
    int32_t multiplier, int32_t shift, int32_t smallest, int32_t exponential[256], int32_t term[256]);
void ck_softmax_codes(
    const int32_t exponential[256], const int32_t term[256], int32_t is_unsigned, const uint8_t *in, uint8_t *out,
    int64_t depth, int64_t row_begin, int64_t row_end);

void ck_softmax_f32(float beta, const float *in, float *out, int64_t depth, int64_t row_begin, int64_t row_end);

// -------------------------------------------------------------------------------------------------- statistics

/// The extremes of the finite elements and their number; infinities the wrong way round when there are none. A zero is
/// positive.
typedef struct {
    float low, high;
    int64_t finite;
} ck_extrema;
ck_extrema ck_extrema_f32(const float *x, int64_t n);
/// Adds 1 to `bins[floor(x / 2^exponent) + half]` for every finite element; all of them are in [0, 2 * half).
void ck_histogram_f32(
    const float *x, int64_t n, int32_t all_finite, int32_t exponent, int32_t half, uint64_t *bins);
/// Updates the extremes and sums (in the order of rows) of the finite elements of every channel of [rows][channels].
void ck_channel_statistics_f32(
    const float *x, int64_t rows, int64_t channels, float *low, float *high, double *sum);
/// Adds 1 to `bins[c][floor(x * inverse[c]) + half]` for every finite element of [rows][channels]; bins are
/// [channels][2 * half], `inverse` powers of two.
void ck_channel_histograms_f32(
    const float *x, int64_t rows, int64_t channels, const double *inverse, int32_t half, uint64_t *bins);

#ifdef __cplusplus
}
#endif
