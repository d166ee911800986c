#include "isa.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

// Plain loops, once for every processor and once with AVX2: the same operations in the same order, so the same results.
#define INLINE static inline __attribute__((always_inline))

INLINE int is_finite(float x) { return fabsf(x) <= FLT_MAX; }

INLINE ck_extrema extrema(const float *x, int64_t n) {
    enum { LANES = 32 };
    float low[LANES], high[LANES];
    int32_t odd[LANES] = {0};
    for (int l = 0; l < LANES; l++) low[l] = INFINITY, high[l] = -INFINITY;
    ck_extrema result = {INFINITY, -INFINITY, n};
    int64_t i = 0;
    while (i + LANES <= n) {
        // Counters of 32 bits, emptied before they can overflow.
        int64_t end = i + (int64_t)LANES * (1 << 30);
        end = end < n ? end : n;
        for (; i + LANES <= end; i += LANES)
            for (int l = 0; l < LANES; l++) {
                float y = x[i + l];
                int finite = is_finite(y);
                float below = finite ? y : INFINITY, above = finite ? y : -INFINITY;
                low[l] = below < low[l] ? below : low[l];
                high[l] = above > high[l] ? above : high[l];
                odd[l] += !finite;
            }
        for (int l = 0; l < LANES; l++) result.finite -= odd[l], odd[l] = 0;
    }
    for (int l = 0; l < LANES; l++) {
        result.low = low[l] < result.low ? low[l] : result.low;
        result.high = high[l] > result.high ? high[l] : result.high;
    }
    for (; i < n; i++) {
        if (!is_finite(x[i])) result.finite--;
        else {
            result.low = x[i] < result.low ? x[i] : result.low;
            result.high = x[i] > result.high ? x[i] : result.high;
        }
    }
    // No negative zero, so that the bits do not depend on which zero came first.
    result.low += 0.0f;
    result.high += 0.0f;
    return result;
}

enum { BLOCK = 512, TABLES = 4, SMALL = 16384 };

INLINE void positions(const float *x, int32_t n, double inverse, int32_t half, int32_t *out) {
    for (int32_t i = 0; i < n; i++) out[i] = (int32_t)floor((double)x[i] * inverse) + half;
}

INLINE void histogram(
    const float *x, int64_t n, int32_t all_finite, double inverse, int32_t half, uint64_t *bins, uint32_t *tables) {
    int32_t index[BLOCK];
    if (!all_finite) {
        for (int64_t i = 0; i < n; i++)
            if (is_finite(x[i])) bins[(int32_t)floor((double)x[i] * inverse) + half]++;
        return;
    }
    if (tables == NULL) {
        for (int64_t i = 0; i < n; i += BLOCK) {
            int32_t count = n - i < BLOCK ? (int32_t)(n - i) : BLOCK;
            positions(x + i, count, inverse, half, index);
            for (int32_t k = 0; k < count; k++) bins[index[k]]++;
        }
        return;
    }
    // Neighbours often fall into the same bin; several tables keep one increment from waiting for the last.
    int32_t size = 2 * half;
    for (int64_t begin = 0; begin < n; begin += (int64_t)1 << 30) {
        int64_t end = n - begin < (int64_t)1 << 30 ? n : begin + ((int64_t)1 << 30);
        memset(tables, 0, sizeof(uint32_t) * TABLES * (size_t)size);
        for (int64_t i = begin; i < end; i += BLOCK) {
            int32_t count = end - i < BLOCK ? (int32_t)(end - i) : BLOCK;
            positions(x + i, count, inverse, half, index);
            int32_t k = 0;
            for (; k + TABLES <= count; k += TABLES)
                for (int t = 0; t < TABLES; t++) tables[t * size + index[k + t]]++;
            for (; k < count; k++) tables[index[k]]++;
        }
        for (int32_t b = 0; b < size; b++)
            bins[b] += (uint64_t)tables[b] + tables[size + b] + tables[2 * size + b] + tables[3 * size + b];
    }
}

INLINE void channel_statistics(
    const float *x, int64_t rows, int64_t channels, float *restrict low, float *restrict high, double *restrict sum) {
    for (int64_t r = 0; r < rows; r++) {
        const float *row = x + r * channels;
        for (int64_t c = 0; c < channels; c++) {
            float y = row[c];
            int finite = is_finite(y);
            float below = finite ? y : INFINITY, above = finite ? y : -INFINITY;
            low[c] = below < low[c] ? below : low[c];
            high[c] = above > high[c] ? above : high[c];
            sum[c] += (double)(finite ? y : 0.0f);
        }
    }
    for (int64_t c = 0; c < channels; c++) {
        low[c] += 0.0f;
        high[c] += 0.0f;
    }
}

INLINE void channel_histograms(
    const float *x, int64_t rows, int64_t channels, const double *inverse, int32_t half, uint64_t *bins) {
    for (int64_t r = 0; r < rows; r++)
        for (int64_t c = 0; c < channels; c++) {
            float y = x[r * channels + c];
            if (is_finite(y)) bins[2 * half * c + (int32_t)floor((double)y * inverse[c]) + half]++;
        }
}

#if defined(__x86_64__)
#define DISPATCH(RESULT, NAME, BODY, PARAMETERS, ARGUMENTS)                                                           \
    __attribute__((target("avx2"))) static RESULT NAME##_avx2 PARAMETERS { return BODY ARGUMENTS; }                  \
    static RESULT NAME##_portable PARAMETERS { return BODY ARGUMENTS; }                                              \
    RESULT NAME PARAMETERS { return ck_isa() >= CK_ISA_AVX2 ? NAME##_avx2 ARGUMENTS : NAME##_portable ARGUMENTS; }
#else
#define DISPATCH(RESULT, NAME, BODY, PARAMETERS, ARGUMENTS)                                                           \
    RESULT NAME PARAMETERS { return BODY ARGUMENTS; }
#endif

DISPATCH(ck_extrema, ck_extrema_f32, extrema, (const float *x, int64_t n), (x, n))

void ck_histogram_tables_f32(
    const float *x, int64_t n, int32_t all_finite, double inverse, int32_t half, uint64_t *bins, uint32_t *tables);

DISPATCH(
    void, ck_histogram_tables_f32, histogram,
    (const float *x, int64_t n, int32_t all_finite, double inverse, int32_t half, uint64_t *bins, uint32_t *tables),
    (x, n, all_finite, inverse, half, bins, tables))

void ck_histogram_f32(
    const float *x, int64_t n, int32_t all_finite, int32_t exponent, int32_t half, uint64_t *bins) {
    // Without memory for the tables it is only slower.
    uint32_t *tables = n < SMALL ? NULL : malloc(sizeof(uint32_t) * TABLES * 2 * (size_t)half);
    ck_histogram_tables_f32(x, n, all_finite, ldexp(1.0, -exponent), half, bins, tables);
    free(tables);
}

DISPATCH(
    void, ck_channel_statistics_f32, channel_statistics,
    (const float *x, int64_t rows, int64_t channels, float *low, float *high, double *sum),
    (x, rows, channels, low, high, sum))

DISPATCH(
    void, ck_channel_histograms_f32, channel_histograms,
    (const float *x, int64_t rows, int64_t channels, const double *inverse, int32_t half, uint64_t *bins),
    (x, rows, channels, inverse, half, bins))
