#include "elementwise.h"

#include <math.h>
#include <string.h>

enum { STRIP = 64 };

void ck_reduce_f32(
    int32_t kind, const float *in, float *out, int64_t count, int64_t inner, int64_t outer_begin, int64_t outer_end) {
    const ck_rows *rows = ck_current_rows();
    float divisor = kind == CK_REDUCE_MEAN ? (float)count : 1;
    if (inner == 1 && count <= 256 && (kind == CK_REDUCE_SUM || kind == CK_REDUCE_MEAN)) {
        rows->sum_rows_f32(in + outer_begin * count, out + outer_begin, count, outer_end - outer_begin);
        if (kind == CK_REDUCE_MEAN)
            for (int64_t o = outer_begin; o < outer_end; o++) out[o] /= divisor;
        return;
    }
    for (int64_t o = outer_begin; o < outer_end; o++) {
        const float *from = in + o * count * inner;
        float *to = out + o * inner;
        if (inner == 1) {
            if (kind == CK_REDUCE_MAX) to[0] = rows->highest_f32(from, count);
            else if (kind == CK_REDUCE_MIN) to[0] = rows->lowest_f32(from, count);
            else to[0] = rows->total_f32(from, count) / divisor;
            continue;
        }
        if (kind == CK_REDUCE_MAX || kind == CK_REDUCE_MIN) {
            for (int64_t c = 0; c < inner; c++) to[c] = kind == CK_REDUCE_MAX ? -INFINITY : INFINITY;
            for (int64_t i = 0; i < count; i++)
                (kind == CK_REDUCE_MAX ? rows->max_f32 : rows->min_f32)(to, from + i * inner, inner);
            continue;
        }
        // Rows are summed in pieces of 512, which bounds the rounding error of long sums.
        memset(to, 0, (size_t)inner * 4);
        for (int64_t start = 0; start < inner; start += STRIP) {
            int64_t n = inner - start < STRIP ? inner - start : STRIP;
            for (int64_t i = 0; i < count;) {
                float piece[STRIP] = {0};
                int64_t end = i + 512 < count ? i + 512 : count;
                for (; i < end; i++) rows->sum_f32(piece, from + i * inner + start, n);
                rows->sum_f32(to + start, piece, n);
            }
        }
        if (kind == CK_REDUCE_MEAN)
            for (int64_t c = 0; c < inner; c++) to[c] /= divisor;
    }
}

void ck_reduce_codes(
    int32_t is_unsigned, const uint8_t *in, int32_t *out, int64_t count, int64_t inner, int64_t outer_begin,
    int64_t outer_end) {
    const ck_rows *rows = ck_current_rows();
    for (int64_t o = outer_begin; o < outer_end; o++) {
        const uint8_t *from = in + o * count * inner;
        int32_t *to = out + o * inner;
        if (inner == 1) {
            int32_t sum = 0;
            if (is_unsigned)
                for (int64_t i = 0; i < count; i++) sum += from[i];
            else
                for (int64_t i = 0; i < count; i++) sum += (int8_t)from[i];
            to[0] = sum;
            continue;
        }
        memset(to, 0, (size_t)inner * 4);
        for (int64_t i = 0; i < count; i++)
            if (is_unsigned) rows->sum_u8(to, from + i * inner, inner);
            else rows->sum_i8(to, (const int8_t *)from + i * inner, inner);
    }
}

#define ARGUMENT(TYPE, BETTER)                                                                                        \
    for (int64_t o = outer_begin; o < outer_end; o++) {                                                              \
        const TYPE *from = (const TYPE *)in + o * count * inner;                                                     \
        int32_t *to = out + o * inner;                                                                               \
        for (int64_t start = 0; start < inner; start += STRIP) {                                                     \
            int64_t n = inner - start < STRIP ? inner - start : STRIP;                                               \
            TYPE best[STRIP];                                                                                        \
            for (int64_t c = 0; c < n; c++) best[c] = from[start + c];                                               \
            for (int64_t c = 0; c < n; c++) to[start + c] = 0;                                                       \
            for (int64_t i = 1; i < count; i++)                                                                      \
                for (int64_t c = 0; c < n; c++) {                                                                    \
                    TYPE x = from[i * inner + start + c];                                                            \
                    int32_t better = BETTER;                                                                         \
                    best[c] = better ? x : best[c];                                                                  \
                    to[start + c] = better ? (int32_t)i : to[start + c];                                             \
                }                                                                                                    \
        }                                                                                                            \
    }

void ck_argument_f32(
    int32_t maximum, const float *in, int32_t *out, int64_t count, int64_t inner, int64_t outer_begin,
    int64_t outer_end) {
    if (maximum) { ARGUMENT(float, x > best[c]) } else { ARGUMENT(float, x < best[c]) }
}

void ck_argument_codes(
    int32_t maximum, int32_t is_unsigned, const uint8_t *in, int32_t *out, int64_t count, int64_t inner,
    int64_t outer_begin, int64_t outer_end) {
    if (is_unsigned) {
        if (maximum) { ARGUMENT(uint8_t, x > best[c]) } else { ARGUMENT(uint8_t, x < best[c]) }
    } else {
        if (maximum) { ARGUMENT(int8_t, x > best[c]) } else { ARGUMENT(int8_t, x < best[c]) }
    }
}

void ck_softmax_f32(float beta, const float *in, float *out, int64_t depth, int64_t row_begin, int64_t row_end) {
    const ck_rows *rows = ck_current_rows();
    for (int64_t r = row_begin; r < row_end; r++) {
        const float *from = in + r * depth;
        float *to = out + r * depth;
        float highest = rows->highest_f32(from, depth);
        float sum = rows->exp_f32(from, to, highest, beta, depth);
        rows->scale_f32(to, sum, depth);
    }
}
