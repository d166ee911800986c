#include "include/CKernels.h"
#include "fixedpoint.h"

#include <string.h>

// Softmax of 8-bit codes in the fixed-point arithmetic of the TFLite reference kernel (gemmlowp).

static int32_t saturating_shift_left(int32_t x, int32_t bits) {
    int32_t limit = INT32_MAX >> bits;
    if (x > limit) return INT32_MAX;
    if (x < -limit - 1) return INT32_MIN;
    return (int32_t)((uint32_t)x << bits);
}

/// e^a for a in [-1/4, 0), both with no integer bits.
static int32_t exp_of_quarter(int32_t a) {
    const int32_t exp_of_minus_eighth = 1895147668, third = 715827883;
    int32_t x = ck_add_wrapping(a, 1 << 28);
    int32_t x2 = ck_high_mul(x, x), x3 = ck_high_mul(x2, x), x4 = ck_high_mul(x2, x2);
    int32_t sum = ck_add_wrapping(ck_rounding_shift(x4, 2), x3);
    sum = ck_rounding_shift(ck_add_wrapping(ck_high_mul(sum, third), x2), 1);
    return ck_add_wrapping(exp_of_minus_eighth, ck_high_mul(exp_of_minus_eighth, ck_add_wrapping(x, sum)));
}

/// e^a for a <= 0 with 5 integer bits; the result has none.
static int32_t exp_of_negative(int32_t a) {
    static const int32_t factors[] = {1672461947, 1302514674, 790015084, 290630308, 39332535, 720401, 242};
    const int32_t quarter = 1 << 24;
    int32_t part = (a & (quarter - 1)) - quarter;
    int32_t result = exp_of_quarter(saturating_shift_left(part, 5));
    int32_t remainder = (int32_t)((uint32_t)part - (uint32_t)a);
    for (int32_t i = 0; i < 7; i++)
        if (remainder & (1 << (24 + i))) result = ck_high_mul(result, factors[i]);
    return a == 0 ? INT32_MAX : result;
}

/// 1 / (1 + a) for a in [0, 1), both with no integer bits.
static int32_t reciprocal_of_one_plus(int32_t a) {
    int64_t sum = (int64_t)a + INT32_MAX;
    int32_t half = (int32_t)((sum + (sum >= 0 ? 1 : -1)) / 2);
    int32_t x = ck_add_wrapping(1515870810, ck_high_mul(half, -1010580540));
    for (int i = 0; i < 3; i++) {
        int32_t rest = (int32_t)((uint32_t)(1 << 29) - (uint32_t)ck_high_mul(half, x));
        x = ck_add_wrapping(x, saturating_shift_left(ck_high_mul(x, rest), 2));
    }
    return saturating_shift_left(x, 1);
}

void ck_softmax_table(
    int32_t multiplier, int32_t shift, int32_t smallest, int32_t exponential[256], int32_t term[256]) {
    for (int32_t i = 0; i < 256; i++) {
        exponential[i] = term[i] = 0;
        if (-i < smallest) continue;
        exponential[i] = exp_of_negative(ck_rescale(-i, multiplier, shift > 0 ? shift : 0, shift > 0 ? 0 : -shift));
        term[i] = ck_rounding_shift(exponential[i], 12);
    }
}

void ck_softmax_codes(
    const int32_t exponential[256], const int32_t term[256], int32_t is_unsigned, const uint8_t *in, uint8_t *out,
    int64_t depth, int64_t row_begin, int64_t row_end) {
    int32_t flip = is_unsigned ? 0 : 128;
    for (int64_t r = row_begin; r < row_end; r++) {
        const uint8_t *from = in + r * depth;
        uint8_t *to = out + r * depth;
        // Codes are compared as unsigned numbers: signed ones with their top bit changed.
        int32_t largest = 0;
        for (int64_t i = 0; i < depth; i++) {
            int32_t code = from[i] ^ flip;
            largest = code > largest ? code : largest;
        }
        int32_t sum = 0;
        for (int64_t i = 0; i < depth; i++) sum = ck_add_wrapping(sum, term[largest - (from[i] ^ flip)]);
        int32_t zeros = sum == 0 ? 32 : __builtin_clz((uint32_t)sum);
        uint32_t shifted = zeros > 31 ? 0 : (uint32_t)sum << zeros;
        int32_t factor = reciprocal_of_one_plus((int32_t)(shifted - ((uint32_t)1 << 31)));
        int32_t exponent = 12 - zeros + 31 - 8;
        if (depth < 256 && exponent >= 0 && exponent <= 31) {
            for (int64_t i = 0; i < depth; i++) {
                int32_t x = ck_rounding_shift(ck_high_mul(factor, exponential[largest - (from[i] ^ flip)]), exponent);
                to[i] = (uint8_t)((x < 0 ? 0 : x < 255 ? x : 255) ^ flip);
            }
            continue;
        }
        // Results by difference fall to 0 and stay there.
        uint8_t table[256];
        memset(table, flip, sizeof table);
        if (exponent >= 0 && exponent <= 31)
            for (int32_t d = 0; d < 256; d++) {
                int32_t x = ck_rounding_shift(ck_high_mul(factor, exponential[d]), exponent);
                if (x <= 0) break;
                table[d] = (uint8_t)((x < 255 ? x : 255) ^ flip);
            }
        for (int64_t i = 0; i < depth; i++) to[i] = table[largest - (from[i] ^ flip)];
    }
}
