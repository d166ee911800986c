#include "conv.h"

#include <stdlib.h>
#include <string.h>

int32_t ck_weight_code(const ck_conv *conv, const void *weights, int64_t index) {
    const uint8_t *bytes = weights;
    if (conv->q.weight_four_bit) return (((bytes[index / 2] >> (index % 2 * 4)) & 15) ^ 8) - 8;
    return (conv->q.weight_unsigned ? (int32_t)bytes[index] : (int32_t)(int8_t)bytes[index]) - conv->q.weight_zero;
}

void ck_store_code(const ck_conv *conv, void *packed, size_t index, int32_t code) {
    if (conv->q.weight_four_bit) ((uint8_t *)packed)[index / 2] |= (uint8_t)((code & 15) << (index % 2 * 4));
    else ((int16_t *)packed)[index] = (int16_t)code;
}

size_t ck_packed_bytes(const ck_conv *conv, size_t elements) {
    if (conv->kind == CK_FLOAT) return elements * 4;
    return conv->q.weight_four_bit ? elements / 2 : elements * 2;
}

int32_t ck_pack_phase(
    const ck_conv *conv, ck_phase *phase, const ck_tap *taps, const int32_t *order, int32_t runs,
    const void *weights) {
    const ck_conv_shape *s = &conv->shape;
    int32_t even = conv->kind != CK_FLOAT, depth = conv->group_in;
    // Vector loads may read a little behind the last element.
    size_t bytes = (ck_packed_bytes(conv, phase->group_elements * (size_t)s->groups) + 127) & ~(size_t)63;
    phase->packed = aligned_alloc(64, bytes);
    if (!phase->packed) return 0;
    memset(phase->packed, 0, bytes);
    int64_t channel_stride = (int64_t)s->kernel_h * s->kernel_w * depth;
    for (int32_t g = 0; g < s->groups; g++)
        for (int32_t p = 0; p < conv->panels; p++) {
            const ck_panel *panel = &conv->panel[p];
            size_t width = (size_t)panel->width;
            for (int32_t j = 0; j < panel->columns; j++) {
                int64_t channel = (int64_t)g * conv->group_out + panel->start + j;
                size_t k = 0, base = (size_t)g * phase->group_elements + (size_t)phase->depth * (size_t)panel->start;
                for (int32_t r = 0; r < runs; r++) {
                    for (int32_t t = order[2 * r]; t < order[2 * r] + order[2 * r + 1]; t++) {
                        int64_t from = channel * channel_stride
                            + ((int64_t)taps[t].ky * s->kernel_w + taps[t].kx) * depth;
                        for (int32_t c = 0; c < depth; c++, k++) {
                            if (!even) {
                                ((float *)phase->packed)[base + k * width + (size_t)j] =
                                    ((const float *)weights)[from + c];
                                continue;
                            }
                            size_t to = base + (k / 2) * 2 * width + 2 * (size_t)j + k % 2;
                            ck_store_code(conv, phase->packed, to, ck_weight_code(conv, weights, from + c));
                        }
                    }
                    if (even && k % 2) k++;
                }
            }
        }
    return 1;
}

void ck_product_pack(
    const ck_conv *conv, const void *right, int32_t transposed, void *packed, int32_t panel_begin,
    int32_t panel_end) {
    const ck_phase *phase = &conv->phase[0];
    int64_t depth = conv->group_in, columns = conv->shape.out_c;
    int64_t step_k = transposed ? 1 : columns, step_j = transposed ? depth : 1;
    for (int32_t p = panel_begin; p < panel_end; p++) {
        const ck_panel *panel = &conv->panel[p];
        int64_t width = panel->width, used = panel->columns, base = (int64_t)phase->depth * panel->start;
        if (conv->kind == CK_FLOAT) {
            float *to = (float *)packed + base;
            const float *from = (const float *)right + panel->start * step_j;
            if (used < width) memset(to, 0, (size_t)(depth * width) * 4);
            for (int64_t k = 0; k < depth; k++)
                for (int64_t j = 0; j < used; j++) to[k * width + j] = from[k * step_k + j * step_j];
            continue;
        }
        int16_t *to = (int16_t *)packed + base;
        const uint8_t *from = (const uint8_t *)right + panel->start * step_j;
        if (used < width || depth % 2) memset(to, 0, (size_t)(phase->depth * width) * 2);
        for (int64_t k = 0; k < depth; k++)
            for (int64_t j = 0; j < used; j++) {
                uint8_t code = from[k * step_k + j * step_j];
                int32_t value = conv->q.weight_unsigned ? (int32_t)code : (int32_t)(int8_t)code;
                to[(k / 2) * 2 * width + 2 * j + k % 2] = (int16_t)(value - conv->q.weight_zero);
            }
    }
}
