#if defined(__x86_64__)
#include <immintrin.h>
#include <stdint.h>
#include <string.h>

#include "elementwise.h"

#define BINARY_CODES
#define CODES_INLINE static inline __attribute__((always_inline, target("avx2")))
#include "codes_avx2.h"

#define LOOKUP
/// 32 lookups at a time: sixteen 16-byte shuffles, each kept where the high nibble picks it.
__attribute__((target("avx2"))) static void lookup_u8(
    const uint8_t *table, const uint8_t *in, uint8_t *out, int64_t n) {
    int64_t i = 0;
    if (n >= 256) {
        __m256i part[16];
        for (int k = 0; k < 16; k++)
            part[k] = _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)(table + 16 * k)));
        // Differences let each step be one shuffle and one exclusive or: a byte below 16k stays in all earlier terms.
        __m256i step[16];
        step[0] = part[0];
        for (int k = 1; k < 16; k++) step[k] = _mm256_xor_si256(part[k], part[k - 1]);
        const __m256i sixteen = _mm256_set1_epi8(16);
        for (; i + 32 <= n; i += 32) {
            __m256i x = _mm256_loadu_si256((const __m256i *)(in + i));
            // The upper half of the codes is looked up separately, so that subtraction can mark what is done.
            __m256i low = _mm256_setzero_si256(), high = _mm256_setzero_si256();
            __m256i upper = _mm256_add_epi8(x, _mm256_set1_epi8((char)128)), rest = x;
            __m256i result = _mm256_shuffle_epi8(step[0], rest);
            low = result;
            for (int k = 1; k < 8; k++) {
                rest = _mm256_sub_epi8(rest, sixteen);
                low = _mm256_xor_si256(low, _mm256_shuffle_epi8(step[k], rest));
            }
            rest = upper;
            high = _mm256_shuffle_epi8(part[8], rest);
            for (int k = 9; k < 16; k++) {
                rest = _mm256_sub_epi8(rest, sixteen);
                high = _mm256_xor_si256(high, _mm256_shuffle_epi8(step[k], rest));
            }
            _mm256_storeu_si256((__m256i *)(out + i), _mm256_blendv_epi8(low, high, x));
        }
    }
    for (; i < n; i++) out[i] = table[in[i]];
}

#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#define ROWS ck_rows_avx2
#define FUNCTION
#include "elementwise_impl.h"
#pragma clang attribute pop
#endif
