#pragma once
#include "include/CKernels.h"

/// Row kernels that the compiler vectorises for each instruction set from one source (`elementwise_impl.h`).
typedef struct {
    void (*binary_f32)(
        int32_t kind, const float *a, int64_t step_a, const float *b, int64_t step_b, float *out, int64_t n,
        float lowest, float highest);
    void (*binary_codes)(
        int32_t kind, int32_t code, const void *a, int64_t step_a, const void *b, int64_t step_b, void *out, int64_t n,
        const ck_binary_quantization *q);
    void (*unary_f32)(int32_t kind, float slope, const float *in, float *out, int64_t n);
    void (*lookup_u8)(const uint8_t *table, const uint8_t *in, uint8_t *out, int64_t n);
    void (*quantize_u8)(
        float scale, int32_t zero, int32_t is_unsigned, const float *in, uint8_t *out, int64_t n);
    void (*prelu_f32)(const float *slopes, const float *in, float *out, int64_t n);
    void (*max_f32)(float *out, const float *in, int64_t n);
    void (*min_f32)(float *out, const float *in, int64_t n);
    void (*sum_f32)(float *out, const float *in, int64_t n);
    void (*finish_f32)(float *out, int64_t n, float divisor, float lowest, float highest);
    void (*max_u8)(uint8_t *out, const uint8_t *in, int64_t n);
    void (*max_i8)(int8_t *out, const int8_t *in, int64_t n);
    void (*sum_u8)(int32_t *out, const uint8_t *in, int64_t n);
    void (*sum_i8)(int32_t *out, const int8_t *in, int64_t n);
    float (*total_f32)(const float *in, int64_t n);
    float (*highest_f32)(const float *in, int64_t n);
    float (*lowest_f32)(const float *in, int64_t n);
    float (*exp_f32)(const float *in, float *out, float highest, float beta, int64_t n);
    void (*scale_f32)(float *out, float divisor, int64_t n);
    void (*blend_f32)(
        const float *a, const float *b, const float *c, const float *d, float w_a, float w_b, float w_c, float w_d,
        float *out, int64_t n);
    void (*blend_codes)(
        int32_t is_unsigned, const uint8_t *a, const uint8_t *b, const uint8_t *c, const uint8_t *d,
        const int32_t *weights, uint8_t *out, int64_t n);
    void (*quantize_dynamic)(float inverse, float zero, float lowest, const float *in, int8_t *out, int64_t n);
    void (*binary_i32)(
        int32_t kind, const int32_t *a, int64_t step_a, const int32_t *b, int64_t step_b, int32_t *out, int64_t n);
    void (*sum_rows_f32)(const float *in, float *out, int64_t count, int64_t rows);
    void (*cast_f32_to_i32)(const float *in, int32_t *out, int64_t n);
    void (*cast_i32_to_f32)(const int32_t *in, float *out, int64_t n);
    void (*cast_i32_to_i64)(const int32_t *in, int64_t *out, int64_t n);
    void (*cast_i64_to_i32)(const int64_t *in, int32_t *out, int64_t n);
    void (*cast_i64_to_f32)(const int64_t *in, float *out, int64_t n);
    void (*dequantize_u8)(
        float scale, int32_t zero, int32_t is_unsigned, const uint8_t *in, float *out, int64_t n);
} ck_rows;

extern const ck_rows ck_rows_portable;
#if defined(__x86_64__)
extern const ck_rows ck_rows_avx2;
#endif
const ck_rows *ck_current_rows(void);
