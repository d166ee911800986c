#include "include/CKernels.h"

#include <string.h>

static void exchange(ck_movement *m, int32_t i, int32_t j) {
    int64_t e = m->extent[i], a = m->stride_in[i], b = m->stride_out[i];
    m->extent[i] = m->extent[j];
    m->stride_in[i] = m->stride_in[j];
    m->stride_out[i] = m->stride_out[j];
    m->extent[j] = e;
    m->stride_in[j] = a;
    m->stride_out[j] = b;
}

static int64_t magnitude(int64_t x) { return x < 0 ? -x : x; }

void ck_movement_prepare(ck_movement *m) {
    int32_t kept = 0;
    for (int32_t d = 0; d < m->rank; d++)
        if (m->extent[d] != 1) exchange(m, kept++, d);
    m->rank = kept;
    // Outermost the largest output stride, so that output is written in order.
    for (int32_t i = 1; i < m->rank; i++)
        for (int32_t j = i; j > 0 && magnitude(m->stride_out[j - 1]) < magnitude(m->stride_out[j]); j--)
            exchange(m, j - 1, j);
    // Neighbours that are one run in both tensors become one dimension.
    for (int32_t d = m->rank - 1; d > 0; d--) {
        if (m->stride_in[d - 1] == m->stride_in[d] * m->extent[d]
            && m->stride_out[d - 1] == m->stride_out[d] * m->extent[d]) {
            m->extent[d - 1] *= m->extent[d];
            m->stride_in[d - 1] = m->stride_in[d];
            m->stride_out[d - 1] = m->stride_out[d];
            for (int32_t k = d; k + 1 < m->rank; k++) exchange(m, k, k + 1);
            m->rank--;
        }
    }
    // A dense innermost run becomes the element.
    int32_t last = m->rank - 1;
    if (last >= 0 && m->stride_in[last] == m->element && m->stride_out[last] == m->element
        && m->element * m->extent[last] <= INT32_MAX && (m->rank > 1 || m->extent[last] == 0)) {
        m->element *= (int32_t)m->extent[last];
        m->rank--;
    }
    if (m->rank == 0) {
        m->rank = 1;
        m->extent[0] = 1;
        m->stride_in[0] = m->stride_out[0] = 0;
    }
}

typedef struct {
    int64_t n, si, so;
} loop;

#define COPY_LOOP(TYPE)                                                                                               \
    for (int64_t i = 0; i < n; i++) {                                                                                \
        TYPE x;                                                                                                      \
        memcpy(&x, in + i * si, sizeof x);                                                                           \
        memcpy(out + i * so, &x, sizeof x);                                                                          \
    }                                                                                                                \
    break
typedef struct {
    uint8_t bytes[3];
} three;
typedef struct {
    uint8_t bytes[12];
} twelve;
typedef struct {
    uint8_t bytes[16];
} sixteen;
typedef struct {
    uint8_t bytes[32];
} thirty_two;

static void copy_run(const uint8_t *in, uint8_t *out, int32_t element, int64_t n, int64_t si, int64_t so) {
    if (si == element && so == element) {
        memcpy(out, in, (size_t)(n * element));
        return;
    }
    switch (element) {
    case 1: COPY_LOOP(uint8_t);
    case 2: COPY_LOOP(uint16_t);
    case 3: COPY_LOOP(three);
    case 4: COPY_LOOP(uint32_t);
    case 8: COPY_LOOP(uint64_t);
    case 12: COPY_LOOP(twelve);
    case 16: COPY_LOOP(sixteen);
    case 32: COPY_LOOP(thirty_two);
    default:
        for (int64_t i = 0; i < n; i++) memcpy(out + i * so, in + i * si, (size_t)element);
    }
}

/// The two innermost loops, in blocks when the input runs across them.
static void copy_plane(const uint8_t *in, uint8_t *out, int32_t element, loop outer, loop inner) {
    enum { BLOCK = 16 };
    if (element > 8 || magnitude(inner.si) <= magnitude(outer.si)) {
        for (int64_t i = 0; i < outer.n; i++)
            copy_run(in + i * outer.si, out + i * outer.so, element, inner.n, inner.si, inner.so);
        return;
    }
    for (int64_t j = 0; j < inner.n; j += BLOCK) {
        int64_t width = inner.n - j < BLOCK ? inner.n - j : BLOCK;
        for (int64_t i = 0; i < outer.n; i++)
            copy_run(
                in + i * outer.si + j * inner.si, out + i * outer.so + j * inner.so, element, width, inner.si,
                inner.so);
    }
}

static void move(
    const ck_movement *m, int32_t d, const uint8_t *in, uint8_t *out, int64_t begin, int64_t end) {
    int32_t left = m->rank - d;
    in += begin * m->stride_in[d];
    out += begin * m->stride_out[d];
    if (left == 1) {
        copy_run(in, out, m->element, end - begin, m->stride_in[d], m->stride_out[d]);
    } else if (left == 2) {
        copy_plane(
            in, out, m->element, (loop){end - begin, m->stride_in[d], m->stride_out[d]},
            (loop){m->extent[d + 1], m->stride_in[d + 1], m->stride_out[d + 1]});
    } else {
        for (int64_t i = begin; i < end; i++, in += m->stride_in[d], out += m->stride_out[d])
            move(m, d + 1, in, out, 0, m->extent[d + 1]);
    }
}

void ck_move(const ck_movement *m, const void *in, void *out, int64_t begin, int64_t end) {
    for (int32_t d = 0; d < m->rank; d++)
        if (m->extent[d] <= 0) return;
    if (begin < end) move(m, 0, in, out, begin, end);
}

int32_t ck_gather_rows(
    const void *in, const int64_t *index, void *out, int64_t bytes, int64_t limit, int64_t begin, int64_t end) {
    const uint8_t *from = in;
    uint8_t *to = out;
    for (int64_t i = begin; i < end; i++) {
        if (index[i] < 0 || index[i] >= limit) return 0;
        if (bytes == 4) memcpy(to + i * 4, from + index[i] * 4, 4);
        else memcpy(to + i * bytes, from + index[i] * bytes, (size_t)bytes);
    }
    return 1;
}
