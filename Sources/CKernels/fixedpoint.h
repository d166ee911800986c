#pragma once
#include <stdint.h>

// Fixed-point arithmetic of the TFLite quantisation specification, double rounding, wrapping where C would overflow.

static inline int32_t ck_high_mul(int32_t a, int32_t b) {
    if (a == b && a == INT32_MIN) return INT32_MAX;
    return (int32_t)(((int64_t)a * b + ((int64_t)1 << 30)) >> 31);
}

static inline int32_t ck_rounding_shift(int32_t x, int32_t exponent) {
    int32_t mask = (int32_t)(((int64_t)1 << exponent) - 1);
    int32_t remainder = x & mask;
    int32_t threshold = (mask >> 1) + (x < 0);
    return (x >> exponent) + (remainder > threshold);
}

static inline int32_t ck_rescale(int32_t x, int32_t multiplier, int32_t left, int32_t right) {
    int32_t shifted = (int32_t)((uint32_t)x << left);
    return ck_rounding_shift(ck_high_mul(shifted, multiplier), right);
}

static inline int32_t ck_clamp(int32_t x, int32_t lowest, int32_t highest) {
    return x < lowest ? lowest : (x > highest ? highest : x);
}

static inline int32_t ck_add_wrapping(int32_t a, int32_t b) { return (int32_t)((uint32_t)a + (uint32_t)b); }

/// To the nearest integer, halves away from zero, saturating; 0 for NaN.
static inline int32_t ck_round_real(double x) {
    if (x != x) return 0;
    if (x >= 2147483647.0) return INT32_MAX;
    if (x <= -2147483648.0) return INT32_MIN;
    int64_t whole = (int64_t)x;
    double rest = x - (double)whole;
    return (int32_t)(whole + (rest >= 0.5) - (rest <= -0.5));
}
