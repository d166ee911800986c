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
enum { CK_ISA_PORTABLE = 0, CK_ISA_AVX2 = 1 };

/// The instruction set in use: the best the processor has, or what DEPTHC_ISA ("portable", "avx2") asks for.
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

/// How an 8-bit product is read and written: element = real zero point + code; multipliers and shifts per output
/// channel as in `ck_requantize`.
typedef struct {
    int32_t in_zero, weight_zero, out_zero;
    int32_t lowest, highest;
    int32_t in_unsigned, out_unsigned, weight_unsigned;
    const int32_t *multiplier, *shift;
} ck_quantization;

/// Packed weights and plan of one convolution.
typedef struct ck_conv ck_conv;

/// Weights are [out_c][kernel_h][kernel_w][in_c / groups] (for depthwise [kernel_h][kernel_w][out_c]); `bias` may be
/// null. Returns null when memory runs out.
ck_conv *ck_conv_f32_create(const ck_conv_shape *shape, const float *weights, const float *bias, ck_activation act);
ck_conv *ck_conv_i8_create(
    const ck_conv_shape *shape, const void *weights, const int32_t *bias, const ck_quantization *quantization);
/// Transposed convolution: weights [out_c][kernel_h][kernel_w][in_c]; `shape.pad_*` crop the output.
ck_conv *ck_deconv_f32_create(const ck_conv_shape *shape, const float *weights, const float *bias, ck_activation act);
ck_conv *ck_deconv_i8_create(
    const ck_conv_shape *shape, const void *weights, const int32_t *bias, const ck_quantization *quantization);
/// Integer product with float result: out = scale[row group] * weight_scale[channel] * accumulator + bias, for int8
/// input quantised per batch with `in_zero[batch]` and `in_scale[batch]` given at run time.
ck_conv *ck_conv_hybrid_create(
    const ck_conv_shape *shape, const int8_t *weights, const float *weight_scale, const float *bias,
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

#ifdef __cplusplus
}
#endif
