#include "elementwise.h"

#include <string.h>

const ck_rows *ck_current_rows(void) {
#if defined(__x86_64__)
    if (ck_isa() >= CK_ISA_AVX2) return &ck_rows_avx2;
#endif
    return &ck_rows_portable;
}

int64_t ck_broadcast_rows(const ck_broadcast *s) {
    int64_t rows = 1;
    for (int32_t d = 0; d + 1 < s->rank; d++) rows *= s->extent[d];
    return rows;
}

/// Where a row starts in both operands; moves from row to row without divisions.
typedef struct {
    int64_t index[CK_MAX_RANK], a, b;
} cursor;

static cursor cursor_at(const ck_broadcast *s, int64_t row) {
    cursor c = {{0}, 0, 0};
    for (int32_t d = s->rank - 2; d >= 0; d--) {
        c.index[d] = row % s->extent[d];
        row /= s->extent[d];
        c.a += c.index[d] * s->stride_a[d];
        c.b += c.index[d] * s->stride_b[d];
    }
    return c;
}

static void advance(const ck_broadcast *s, cursor *c) {
    for (int32_t d = s->rank - 2; d >= 0; d--) {
        c->a += s->stride_a[d];
        c->b += s->stride_b[d];
        if (++c->index[d] < s->extent[d]) return;
        c->a -= s->extent[d] * s->stride_a[d];
        c->b -= s->extent[d] * s->stride_b[d];
        c->index[d] = 0;
    }
}

static int64_t row_length(const ck_broadcast *s) { return s->rank > 0 ? s->extent[s->rank - 1] : 1; }
static int64_t step_of(const ck_broadcast *s, const int64_t *stride) { return s->rank > 0 ? stride[s->rank - 1] : 0; }

void ck_binary_f32(
    int32_t kind, const ck_broadcast *s, const float *a, const float *b, float *out, float lowest, float highest,
    int64_t row_begin, int64_t row_end) {
    const ck_rows *rows = ck_current_rows();
    int64_t n = row_length(s), step_a = step_of(s, s->stride_a), step_b = step_of(s, s->stride_b);
    cursor c = cursor_at(s, row_begin);
    for (int64_t row = row_begin; row < row_end; row++, advance(s, &c))
        rows->binary_f32(kind, a + c.a, step_a, b + c.b, step_b, out + row * n, n, lowest, highest);
}

void ck_binary_i32(
    int32_t kind, const ck_broadcast *s, const int32_t *a, const int32_t *b, int32_t *out, int64_t row_begin,
    int64_t row_end) {
    const ck_rows *rows = ck_current_rows();
    int64_t n = row_length(s), step_a = step_of(s, s->stride_a), step_b = step_of(s, s->stride_b);
    cursor c = cursor_at(s, row_begin);
    for (int64_t row = row_begin; row < row_end; row++, advance(s, &c))
        rows->binary_i32(kind, a + c.a, step_a, b + c.b, step_b, out + row * n, n);
}

void ck_binary_codes(
    int32_t kind, int32_t code, const ck_broadcast *s, const void *a, const void *b, void *out,
    const ck_binary_quantization *q, int64_t row_begin, int64_t row_end) {
    const ck_rows *rows = ck_current_rows();
    int64_t n = row_length(s), step_a = step_of(s, s->stride_a), step_b = step_of(s, s->stride_b);
    cursor c = cursor_at(s, row_begin);
    for (int64_t row = row_begin; row < row_end; row++, advance(s, &c))
        rows->binary_codes(
            kind, code, (const uint8_t *)a + c.a, step_a, (const uint8_t *)b + c.b, step_b, (uint8_t *)out + row * n,
            n, q);
}

static void cast_u16_to_i32(const uint16_t *in, int32_t *out, int64_t n) {
    for (int64_t i = 0; i < n; i++) out[i] = in[i];
}

void ck_cast(int32_t kind, const void *in, void *out, int64_t n) {
    const ck_rows *rows = ck_current_rows();
    switch (kind) {
    case CK_F32_TO_I32: rows->cast_f32_to_i32(in, out, n); break;
    case CK_I32_TO_F32: rows->cast_i32_to_f32(in, out, n); break;
    case CK_I32_TO_I64: rows->cast_i32_to_i64(in, out, n); break;
    case CK_I64_TO_I32: rows->cast_i64_to_i32(in, out, n); break;
    case CK_I64_TO_F32: rows->cast_i64_to_f32(in, out, n); break;
    case CK_U16_TO_I32: cast_u16_to_i32(in, out, n); break;
    }
}

void ck_unary_f32(int32_t kind, float slope, const float *in, float *out, int64_t n) {
    ck_current_rows()->unary_f32(kind, slope, in, out, n);
}

void ck_lookup_u8(const uint8_t table[256], const uint8_t *in, uint8_t *out, int64_t n) {
    ck_current_rows()->lookup_u8(table, in, out, n);
}

void ck_lookup_f32(const float table[256], const uint8_t *in, float *out, int64_t n) {
    for (int64_t i = 0; i < n; i++) out[i] = table[in[i]];
}

void ck_quantize_u8(float scale, int32_t zero, int32_t is_unsigned, const float *in, uint8_t *out, int64_t n) {
    ck_current_rows()->quantize_u8(scale, zero, is_unsigned, in, out, n);
}

void ck_dequantize_u8(float scale, int32_t zero, int32_t is_unsigned, const uint8_t *in, float *out, int64_t n) {
    ck_current_rows()->dequantize_u8(scale, zero, is_unsigned, in, out, n);
}

void ck_prelu_f32(const float *slopes, int64_t channels, const float *in, float *out, int64_t n) {
    const ck_rows *rows = ck_current_rows();
    for (int64_t i = 0; i + channels <= n; i += channels) rows->prelu_f32(slopes, in + i, out + i, channels);
}

void ck_range_f32(const float *in, int64_t n, float *lowest, float *highest) {
    const ck_rows *rows = ck_current_rows();
    *lowest = rows->lowest_f32(in, n);
    *highest = rows->highest_f32(in, n);
}

void ck_quantize_dynamic(
    float inverse, float zero, float lowest, const float *in, int8_t *out, int64_t n) {
    ck_current_rows()->quantize_dynamic(inverse, zero, lowest, in, out, n);
}
