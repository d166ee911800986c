// Included once per instruction set with ROWS naming the table and FUNCTION putting the target on each function.
// Plain loops: the compiler makes the vectors, so every instruction set computes the same expression.

#include "elementwise.h"
#include "fixedpoint.h"

#include <math.h>
#include <string.h>

#pragma STDC FP_CONTRACT OFF

#define INLINE static inline __attribute__((always_inline))

INLINE float bits_to_float(int32_t bits) {
    float x;
    memcpy(&x, &bits, 4);
    return x;
}
INLINE int32_t float_to_bits(float x) {
    int32_t bits;
    memcpy(&bits, &x, 4);
    return bits;
}

/// e^x within 2 ulp; under- and overflow as the function's.
INLINE float fast_exp(float x) {
    float c = x < -104.0f ? -104.0f : x;
    c = c > 89.0f ? 89.0f : c;
    float t = c * 1.44269504f + 12582912.0f;
    int32_t n = float_to_bits(t) - 0x4B400000;
    float k = t - 12582912.0f;
    float r = (c - k * 0.693359375f) - k * -2.12194440e-4f;
    float p = 1.394105185e-3f;
    p = p * r + 8.363142268e-3f;
    p = p * r + 4.166637562e-2f;
    p = p * r + 1.666657711e-1f;
    p = p * r + 5.000000027e-1f;
    p = p * (r * r) + r + 1.0f;
    int32_t half = n >> 1;
    return p * bits_to_float((half + 127) << 23) * bits_to_float((n - half + 127) << 23);
}

INLINE float fast_logistic(float x) {
    float e = fast_exp(-fabsf(x));
    float y = 1.0f / (1.0f + e);
    return x < 0 ? e * y : y;
}

INLINE float fast_tanh(float x) {
    float u = x * x, a = fabsf(x);
    float p = 2.275910941e-3f;
    p = p * u - 8.329608349e-3f;
    p = p * u + 2.176475582e-2f;
    p = p * u - 5.395878452e-2f;
    p = p * u + 1.333330177e-1f;
    p = p * u - 3.333333316e-1f;
    float small = x + x * u * p;
    float large = 1.0f - 2.0f / (fast_exp(2.0f * a) + 1.0f);
    large = x < 0 ? -large : large;
    return a < 0.63f ? small : large;
}

INLINE float fast_erf(float x) {
    float a = fabsf(x), u = x * x;
    float p = 8.397287827e-5f;
    p = p * u - 8.149687534e-4f;
    p = p * u + 5.201705803e-3f;
    p = p * u - 2.685969820e-2f;
    p = p * u + 1.128370155e-1f;
    p = p * u - 3.761263418e-1f;
    p = p * u + 1.128379167f;
    float small = x * p, c = a < 4.1f ? a : 4.1f;
    float q = -6.628225024e-7f;
    q = q * c - 1.232986335e-5f;
    q = q * c + 3.847848470e-4f;
    q = q * c - 4.013394474e-3f;
    q = q * c + 2.481279121e-2f;
    q = q * c - 1.079057008e-1f;
    q = q * c - 6.336273171e-1f;
    q = q * c - 1.129397063f;
    q = q * c + 1.533821421e-4f;
    float large = 1.0f - fast_exp(q);
    large = x < 0 ? -large : large;
    return a < 0.91f ? small : (a == a ? large : x);
}

#define EACH(EXPRESSION)                                                                                              \
    for (int64_t i = 0; i < n; i++) {                                                                                \
        float x = in[i];                                                                                             \
        out[i] = (EXPRESSION);                                                                                       \
    }                                                                                                                \
    break

FUNCTION static void unary_f32(int32_t kind, float slope, const float *in, float *out, int64_t n) {
    switch (kind) {
    case CK_ABS: EACH(fabsf(x));
    case CK_NEG: EACH(-x);
    case CK_SQUARE: EACH(x * x);
    case CK_SQRT: EACH(__builtin_elementwise_sqrt(x));
    case CK_RSQRT: EACH(1.0f / __builtin_elementwise_sqrt(x));
    case CK_FLOOR: EACH(__builtin_elementwise_floor(x));
    case CK_CEIL: EACH(__builtin_elementwise_ceil(x));
    case CK_ROUND: EACH(__builtin_elementwise_roundeven(x));
    case CK_EXP: EACH(fast_exp(x));
    case CK_LOGISTIC: EACH(fast_logistic(x));
    case CK_TANH: EACH(fast_tanh(x));
    case CK_GELU: EACH(0.5f * x * (1.0f + fast_erf(x * 0.707106781f)));
    case CK_GELU_TANH: EACH(0.5f * x * (1.0f + fast_tanh(0.797884561f * (x + 0.044715f * x * x * x))));
    case CK_RELU: EACH(x < 0.0f ? 0.0f : x);
    case CK_RELU6: EACH(x < 0.0f ? 0.0f : (x > 6.0f ? 6.0f : x));
    case CK_RELU_N1_TO_1: EACH(x < -1.0f ? -1.0f : (x > 1.0f ? 1.0f : x));
    case CK_RELU_0_TO_1: EACH(x < 0.0f ? 0.0f : (x > 1.0f ? 1.0f : x));
    case CK_LEAKY_RELU: EACH(x > 0.0f ? x : x * slope);
    case CK_ELU:
        for (int64_t i = 0; i < n; i++) {
            // exp(x) - 1 = 2 tanh(x / 2) / (1 - tanh(x / 2)), exact also where exp(x) is close to 1
            float x = in[i], t = fast_tanh(0.5f * x);
            out[i] = x < 0.0f ? 2.0f * t / (1.0f - t) : x;
        }
        break;
    case CK_HARD_SWISH:
        for (int64_t i = 0; i < n; i++) {
            float x = in[i], t = x + 3.0f;
            t = t < 0.0f ? 0.0f : (t > 6.0f ? 6.0f : t);
            out[i] = x * t / 6.0f;
        }
        break;
    }
}
#undef EACH

INLINE float clamp(float x, float lowest, float highest) {
    x = x < lowest ? lowest : x;
    return highest < x ? highest : x;
}

#define BINARY(EXPRESSION)                                                                                            \
    if (step_a && step_b) {                                                                                          \
        for (int64_t i = 0; i < n; i++) {                                                                            \
            float x = a[i], y = b[i];                                                                                \
            out[i] = clamp((EXPRESSION), lowest, highest);                                                           \
        }                                                                                                            \
    } else if (step_a) {                                                                                             \
        float y = b[0];                                                                                              \
        for (int64_t i = 0; i < n; i++) {                                                                            \
            float x = a[i];                                                                                          \
            out[i] = clamp((EXPRESSION), lowest, highest);                                                           \
        }                                                                                                            \
    } else {                                                                                                         \
        float x = a[0];                                                                                              \
        for (int64_t i = 0; i < n; i++) {                                                                            \
            float y = b[step_b ? i : 0];                                                                             \
            out[i] = clamp((EXPRESSION), lowest, highest);                                                           \
        }                                                                                                            \
    }                                                                                                                \
    break

FUNCTION static void binary_f32(
    int32_t kind, const float *a, int64_t step_a, const float *b, int64_t step_b, float *out, int64_t n, float lowest,
    float highest) {
    switch (kind) {
    case CK_ADD: BINARY(x + y);
    case CK_SUB: BINARY(x - y);
    case CK_MUL: BINARY(x *y);
    case CK_DIV: BINARY(x / y);
    case CK_MAXIMUM: BINARY(x > y ? x : y);
    case CK_MINIMUM: BINARY(x < y ? x : y);
    case CK_SQUARED_DIFFERENCE: BINARY((x - y) * (x - y));
    }
}
#undef BINARY

#define BINARY(EXPRESSION)                                                                                            \
    for (int64_t i = 0; i < n; i++) {                                                                                \
        int32_t x = a[step_a ? i : 0], y = b[step_b ? i : 0];                                                        \
        out[i] = (EXPRESSION);                                                                                       \
    }                                                                                                                \
    break
#define WRAPPED(OPERATION) (int32_t)((uint32_t)x OPERATION (uint32_t)y)

INLINE void binary_i32_steps(
    int32_t kind, const int32_t *a, const int step_a, const int32_t *b, const int step_b, int32_t *out, int64_t n) {
    switch (kind) {
    case CK_ADD: BINARY(WRAPPED(+));
    case CK_SUB: BINARY(WRAPPED(-));
    case CK_MUL: BINARY(WRAPPED(*));
    case CK_MAXIMUM: BINARY(x > y ? x : y);
    case CK_MINIMUM: BINARY(x < y ? x : y);
    }
}
#undef BINARY
#undef WRAPPED

FUNCTION static void binary_i32(
    int32_t kind, const int32_t *a, int64_t step_a, const int32_t *b, int64_t step_b, int32_t *out, int64_t n) {
    if (step_a && step_b) binary_i32_steps(kind, a, 1, b, 1, out, n);
    else if (step_a) binary_i32_steps(kind, a, 1, b, 0, out, n);
    else if (step_b) binary_i32_steps(kind, a, 0, b, 1, out, n);
    else binary_i32_steps(kind, a, 0, b, 0, out, n);
}

FUNCTION static void cast_f32_to_i32(const float *in, int32_t *out, int64_t n) {
    for (int64_t i = 0; i < n; i++) {
        float x = in[i] == in[i] ? in[i] : 0.0f;
        float inside = x > -2147483648.0f ? x : -2147483648.0f;
        inside = inside < 2147483520.0f ? inside : 2147483520.0f;
        out[i] = x >= 2147483648.0f ? INT32_MAX : (int32_t)inside;
    }
}
FUNCTION static void cast_i32_to_f32(const int32_t *in, float *out, int64_t n) {
    for (int64_t i = 0; i < n; i++) out[i] = (float)in[i];
}
FUNCTION static void cast_i32_to_i64(const int32_t *in, int64_t *out, int64_t n) {
    for (int64_t i = 0; i < n; i++) out[i] = in[i];
}
FUNCTION static void cast_i64_to_i32(const int64_t *in, int32_t *out, int64_t n) {
    for (int64_t i = 0; i < n; i++) out[i] = (int32_t)in[i];
}
FUNCTION static void cast_i64_to_f32(const int64_t *in, float *out, int64_t n) {
    for (int64_t i = 0; i < n; i++) out[i] = (float)in[i];
}

INLINE int32_t rescale_shift(int32_t x, int32_t multiplier, int32_t shift) {
    return ck_rescale(x, multiplier, shift > 0 ? shift : 0, shift > 0 ? 0 : -shift);
}

#ifndef BINARY_CODES
#define CODES(TYPE)                                                                                                   \
    {                                                                                                                \
        const TYPE *pa = a, *pb = b;                                                                                 \
        TYPE *po = out;                                                                                              \
        if (kind == CK_MUL) {                                                                                        \
            for (int64_t i = 0; i < n; i++) {                                                                        \
                int32_t x = pa[step_a ? i : 0] - q->a_zero, y = pb[step_b ? i : 0] - q->b_zero;                      \
                x = ck_add_wrapping(rescale_shift(x * y, q->out_multiplier, q->out_shift), q->out_zero);             \
                x = x > q->lowest ? x : q->lowest;                                                                   \
                po[i] = (TYPE)(x < q->highest ? x : q->highest);                                                     \
            }                                                                                                        \
        } else {                                                                                                     \
            int32_t sign = kind == CK_SUB ? -1 : 1;                                                                  \
            for (int64_t i = 0; i < n; i++) {                                                                        \
                int32_t x = (int32_t)((uint32_t)(pa[step_a ? i : 0] - q->a_zero) << q->left);                        \
                int32_t y = (int32_t)((uint32_t)(pb[step_b ? i : 0] - q->b_zero) << q->left);                        \
                x = rescale_shift(x, q->a_multiplier, q->a_shift);                                                   \
                y = rescale_shift(y, q->b_multiplier, q->b_shift);                                                   \
                x = (int32_t)((uint32_t)x + (uint32_t)y * (uint32_t)sign);                                           \
                x = ck_add_wrapping(rescale_shift(x, q->out_multiplier, q->out_shift), q->out_zero);                 \
                x = x > q->lowest ? x : q->lowest;                                                                   \
                po[i] = (TYPE)(x < q->highest ? x : q->highest);                                                     \
            }                                                                                                        \
        }                                                                                                            \
        break;                                                                                                       \
    }

FUNCTION static void binary_codes(
    int32_t kind, int32_t code, const void *a, int64_t step_a, const void *b, int64_t step_b, void *out, int64_t n,
    const ck_binary_quantization *quantization) {
    const ck_binary_quantization local = *quantization, *q = &local;
    switch (code) {
    case CK_CODE_INT8: CODES(int8_t)
    case CK_CODE_UINT8: CODES(uint8_t)
    }
}
#undef CODES
#endif

FUNCTION static void quantize_u8(
    float scale, int32_t zero, int32_t is_unsigned, const float *in, uint8_t *out, int64_t n) {
    float lowest = (float)((is_unsigned ? 0 : -128) - zero), highest = (float)((is_unsigned ? 255 : 127) - zero);
    for (int64_t i = 0; i < n; i++) {
        float x = in[i] / scale, whole = __builtin_elementwise_trunc(x), rest = x - whole;
        whole += rest >= 0.5f ? 1.0f : (rest <= -0.5f ? -1.0f : 0.0f);
        whole = whole > lowest ? whole : lowest;
        whole = whole < highest ? whole : highest;
        out[i] = (uint8_t)((int32_t)whole + zero);
    }
}

FUNCTION static void dequantize_u8(
    float scale, int32_t zero, int32_t is_unsigned, const uint8_t *in, float *out, int64_t n) {
    if (is_unsigned)
        for (int64_t i = 0; i < n; i++) out[i] = scale * (float)((int32_t)in[i] - zero);
    else
        for (int64_t i = 0; i < n; i++) out[i] = scale * (float)((int32_t)(int8_t)in[i] - zero);
}

FUNCTION static void quantize_dynamic(
    float inverse, float zero, float lowest, const float *in, int8_t *out, int64_t n) {
    for (int64_t i = 0; i < n; i++) {
        float x = zero + in[i] * inverse;
        x = x == x ? x : zero;
        float whole = __builtin_elementwise_trunc(x), rest = x - whole;
        whole += rest >= 0.5f ? 1.0f : (rest <= -0.5f ? -1.0f : 0.0f);
        whole = whole > lowest ? whole : lowest;
        whole = whole < 127.0f ? whole : 127.0f;
        out[i] = (int8_t)(int32_t)whole;
    }
}

FUNCTION static void prelu_f32(const float *slopes, const float *in, float *out, int64_t n) {
    for (int64_t i = 0; i < n; i++) out[i] = in[i] >= 0.0f ? in[i] : in[i] * slopes[i];
}

FUNCTION static void max_f32(float *restrict out, const float *restrict in, int64_t n) {
    for (int64_t i = 0; i < n; i++) out[i] = out[i] > in[i] ? out[i] : in[i];
}
FUNCTION static void min_f32(float *restrict out, const float *restrict in, int64_t n) {
    for (int64_t i = 0; i < n; i++) out[i] = out[i] < in[i] ? out[i] : in[i];
}
FUNCTION static void sum_f32(float *restrict out, const float *restrict in, int64_t n) {
    for (int64_t i = 0; i < n; i++) out[i] += in[i];
}
FUNCTION static void finish_f32(float *out, int64_t n, float divisor, float lowest, float highest) {
    for (int64_t i = 0; i < n; i++) out[i] = clamp(out[i] / divisor, lowest, highest);
}
FUNCTION static void max_u8(uint8_t *restrict out, const uint8_t *restrict in, int64_t n) {
    for (int64_t i = 0; i < n; i++) out[i] = out[i] > in[i] ? out[i] : in[i];
}
FUNCTION static void max_i8(int8_t *restrict out, const int8_t *restrict in, int64_t n) {
    for (int64_t i = 0; i < n; i++) out[i] = out[i] > in[i] ? out[i] : in[i];
}
FUNCTION static void sum_u8(int32_t *restrict out, const uint8_t *restrict in, int64_t n) {
    for (int64_t i = 0; i < n; i++) out[i] += in[i];
}
FUNCTION static void sum_i8(int32_t *restrict out, const int8_t *restrict in, int64_t n) {
    for (int64_t i = 0; i < n; i++) out[i] += in[i];
}

enum { LANES = 32, PIECE = 2048 };

/// A sum over 32 lanes in pieces, which bounds the rounding error of long sums.
FUNCTION static float total_f32(const float *in, int64_t n) {
    float total = 0;
    while (n > 0) {
        int64_t piece = n < PIECE ? n : PIECE, i = 0;
        float lane[LANES] = {0};
        for (; i + LANES <= piece; i += LANES)
            for (int j = 0; j < LANES; j++) lane[j] += in[i + j];
        for (int j = 0; i < piece; i++, j++) lane[j] += in[i];
        for (int width = LANES / 2; width > 0; width /= 2)
            for (int j = 0; j < width; j++) lane[j] += lane[j + width];
        total += lane[0];
        in += piece;
        n -= piece;
    }
    return total;
}
/// Sums of short rows, each in the order of its elements; eight rows at a time keep the adders busy.
FUNCTION static void sum_rows_f32(const float *in, float *restrict out, int64_t count, int64_t rows) {
    int64_t r = 0;
    for (; r + 8 <= rows; r += 8, in += 8 * count) {
        float sum[8] = {0};
        for (int64_t i = 0; i < count; i++)
            for (int j = 0; j < 8; j++) sum[j] += in[j * count + i];
        for (int j = 0; j < 8; j++) out[r + j] = sum[j];
    }
    for (; r < rows; r++, in += count) {
        float sum = 0;
        for (int64_t i = 0; i < count; i++) sum += in[i];
        out[r] = sum;
    }
}
FUNCTION static float highest_f32(const float *in, int64_t n) {
    float lane[LANES];
    for (int j = 0; j < LANES; j++) lane[j] = -INFINITY;
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES)
        for (int j = 0; j < LANES; j++) lane[j] = lane[j] < in[i + j] ? in[i + j] : lane[j];
    for (int j = 0; i < n; i++, j++) lane[j] = lane[j] < in[i] ? in[i] : lane[j];
    float best = -INFINITY;
    for (int j = 0; j < LANES; j++) best = best < lane[j] ? lane[j] : best;
    return best;
}
FUNCTION static float lowest_f32(const float *in, int64_t n) {
    float lane[LANES];
    for (int j = 0; j < LANES; j++) lane[j] = INFINITY;
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES)
        for (int j = 0; j < LANES; j++) lane[j] = in[i + j] < lane[j] ? in[i + j] : lane[j];
    for (int j = 0; i < n; i++, j++) lane[j] = in[i] < lane[j] ? in[i] : lane[j];
    float best = INFINITY;
    for (int j = 0; j < LANES; j++) best = lane[j] < best ? lane[j] : best;
    return best;
}
FUNCTION static float exp_f32(const float *in, float *out, float highest, float beta, int64_t n) {
    for (int64_t i = 0; i < n; i++) out[i] = fast_exp((in[i] - highest) * beta);
    return total_f32(out, n);
}
FUNCTION static void scale_f32(float *out, float divisor, int64_t n) {
    for (int64_t i = 0; i < n; i++) out[i] = out[i] / divisor;
}
FUNCTION static void blend_f32(
    const float *a, const float *b, const float *c, const float *d, float w_a, float w_b, float w_c, float w_d,
    float *restrict out, int64_t n) {
    for (int64_t i = 0; i < n; i++) out[i] = a[i] * w_a + b[i] * w_b + c[i] * w_c + d[i] * w_d;
}

#define BLEND(TYPE)                                                                                                   \
    for (int64_t i = 0; i < n; i++) {                                                                                \
        int32_t sum = ((const TYPE *)a)[i] * w_a + ((const TYPE *)b)[i] * w_b + ((const TYPE *)c)[i] * w_c           \
            + ((const TYPE *)d)[i] * w_d;                                                                            \
        /* Rounds half away from zero: negative sums are one less before the shift. */                               \
        out[i] = (uint8_t)((sum + (1 << 19) + (sum > 0 ? 0 : -1)) >> 20);                                            \
    }
FUNCTION static void blend_codes(
    int32_t is_unsigned, const uint8_t *a, const uint8_t *b, const uint8_t *c, const uint8_t *d,
    const int32_t *weights, uint8_t *restrict out, int64_t n) {
    int32_t w_a = weights[0], w_b = weights[1], w_c = weights[2], w_d = weights[3];
    if (is_unsigned) { BLEND(uint8_t) } else { BLEND(int8_t) }
}
#undef BLEND

#ifndef LOOKUP
FUNCTION static void lookup_u8(const uint8_t *table, const uint8_t *in, uint8_t *out, int64_t n) {
    for (int64_t i = 0; i < n; i++) out[i] = table[in[i]];
}
#endif

const ck_rows ROWS = {
    binary_f32, binary_codes, unary_f32,  lookup_u8, quantize_u8, prelu_f32, max_f32,    min_f32,   sum_f32, finish_f32,
    max_u8,     max_i8,       sum_u8,     sum_i8,    total_f32,   highest_f32, lowest_f32, exp_f32, scale_f32, blend_f32,
    blend_codes, quantize_dynamic, binary_i32, sum_rows_f32, cast_f32_to_i32, cast_i32_to_f32, cast_i32_to_i64,
    cast_i64_to_i32, cast_i64_to_f32, dequantize_u8,
};
