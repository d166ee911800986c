// Included by elementwise_avx2.c: addition, subtraction and multiplication of 8-bit codes, eight at a time.

typedef struct {
    __m256i multiplier, mask, half;
    __m128i left, right;
} scalar_factor;

CODES_INLINE scalar_factor load_factor(int32_t multiplier, int32_t shift) {
    int32_t left = shift > 0 ? shift : 0, right = shift > 0 ? 0 : -shift;
    int32_t mask = (int32_t)(((int64_t)1 << right) - 1);
    scalar_factor f;
    f.multiplier = _mm256_set1_epi32(multiplier);
    f.mask = _mm256_set1_epi32(mask);
    f.half = _mm256_set1_epi32(mask >> 1);
    f.left = _mm_cvtsi32_si128(left);
    f.right = _mm_cvtsi32_si128(right);
    return f;
}

CODES_INLINE __m256i apply_factor(__m256i x, const scalar_factor *f) {
    const __m256i nudge = _mm256_set1_epi64x((int64_t)1 << 30);
    x = _mm256_sll_epi32(x, f->left);
    __m256i even = _mm256_add_epi64(_mm256_mul_epi32(x, f->multiplier), nudge);
    __m256i odd = _mm256_add_epi64(_mm256_mul_epi32(_mm256_srli_epi64(x, 32), f->multiplier), nudge);
    x = _mm256_blend_epi32(_mm256_srli_epi64(even, 31), _mm256_add_epi64(odd, odd), 0xAA);
    __m256i remainder = _mm256_and_si256(x, f->mask);
    __m256i threshold = _mm256_sub_epi32(f->half, _mm256_srai_epi32(x, 31));
    return _mm256_sub_epi32(_mm256_sra_epi32(x, f->right), _mm256_cmpgt_epi32(remainder, threshold));
}

CODES_INLINE __m256i widen_codes(const uint8_t *in, const int is_unsigned, __m256i zero) {
    __m128i bytes = _mm_loadl_epi64((const __m128i *)in);
    return _mm256_sub_epi32(is_unsigned ? _mm256_cvtepu8_epi32(bytes) : _mm256_cvtepi8_epi32(bytes), zero);
}

CODES_INLINE void binary_bytes(
    const int product, const int is_unsigned, int32_t kind, const uint8_t *a, int64_t step_a, const uint8_t *b,
    int64_t step_b, uint8_t *out, int64_t n, const ck_binary_quantization *q) {
    scalar_factor fa = load_factor(q->a_multiplier, q->a_shift), fb = load_factor(q->b_multiplier, q->b_shift);
    scalar_factor fo = load_factor(q->out_multiplier, q->out_shift);
    __m256i za = _mm256_set1_epi32(q->a_zero), zb = _mm256_set1_epi32(q->b_zero);
    __m128i left = _mm_cvtsi32_si128(q->left);
    int32_t flip = is_unsigned ? 128 : 0;
    __m256i zero = _mm256_set1_epi32(q->out_zero - flip), lowest = _mm256_set1_epi32(q->lowest - flip);
    __m256i highest = _mm256_set1_epi32(q->highest - flip);
    __m256i sign = _mm256_set1_epi32(kind == CK_SUB ? -1 : 0);
    __m128i flips = _mm_set1_epi8((char)flip);
    uint8_t buffer_a[8], buffer_b[8], buffer_out[8];
    __m256i x = _mm256_setzero_si256(), y = _mm256_setzero_si256();
    // An operand that repeats is rescaled once.
    if (!step_a) {
        memset(buffer_a, a[0], 8);
        x = widen_codes(buffer_a, is_unsigned, za);
        if (!product) x = apply_factor(_mm256_sll_epi32(x, left), &fa);
    }
    if (!step_b) {
        memset(buffer_b, b[0], 8);
        y = widen_codes(buffer_b, is_unsigned, zb);
        if (!product) y = apply_factor(_mm256_sll_epi32(y, left), &fb);
    }
    for (int64_t i = 0; i < n; i += 8) {
        const uint8_t *pa = a + i, *pb = b + i;
        int64_t rest = n - i;
        if (rest < 8) {
            if (step_a) pa = memcpy(buffer_a, pa, (size_t)rest);
            if (step_b) pb = memcpy(buffer_b, pb, (size_t)rest);
        }
        if (step_a) {
            x = widen_codes(pa, is_unsigned, za);
            if (!product) x = apply_factor(_mm256_sll_epi32(x, left), &fa);
        }
        if (step_b) {
            y = widen_codes(pb, is_unsigned, zb);
            if (!product) y = apply_factor(_mm256_sll_epi32(y, left), &fb);
        }
        __m256i r = product ? _mm256_mullo_epi32(x, y)
                            : _mm256_add_epi32(x, _mm256_sub_epi32(_mm256_xor_si256(y, sign), sign));
        r = _mm256_add_epi32(apply_factor(r, &fo), zero);
        r = _mm256_min_epi32(_mm256_max_epi32(r, lowest), highest);
        __m128i half = _mm_packs_epi32(_mm256_castsi256_si128(r), _mm256_extracti128_si256(r, 1));
        half = _mm_xor_si128(_mm_packs_epi16(half, half), flips);
        if (rest >= 8) {
            _mm_storel_epi64((__m128i *)(out + i), half);
        } else {
            _mm_storel_epi64((__m128i *)buffer_out, half);
            memcpy(out + i, buffer_out, (size_t)rest);
        }
    }
}

__attribute__((target("avx2"))) static void binary_codes(
    int32_t kind, int32_t code, const void *a, int64_t step_a, const void *b, int64_t step_b, void *out, int64_t n,
    const ck_binary_quantization *q) {
    if (code == CK_CODE_UINT8) {
        if (kind == CK_MUL) binary_bytes(1, 1, kind, a, step_a, b, step_b, out, n, q);
        else binary_bytes(0, 1, kind, a, step_a, b, step_b, out, n, q);
    } else {
        if (kind == CK_MUL) binary_bytes(1, 0, kind, a, step_a, b, step_b, out, n, q);
        else binary_bytes(0, 0, kind, a, step_a, b, step_b, out, n, q);
    }
}
