#include "conv.h"

#include <string.h>

static int32_t at_most(int32_t a, int32_t b) { return a < b ? a : b; }

/// Weights are [kernel_h][kernel_w][channels].
ck_conv *ck_depthwise_create(ck_conv *conv, const void *weights) {
    ck_conv_shape *s = &conv->shape;
    conv->taps = s->kernel_h * s->kernel_w;
    conv->rows_per_image = s->out_h;
    conv->step_h = s->stride_h;
    conv->step_w = s->stride_w;
    conv->origin_y = -s->pad_top;
    conv->origin_x = -s->pad_left;
    conv->span_h = (s->kernel_h - 1) * s->dilation_h + 1;
    conv->band_w = (s->out_w - 1) * s->stride_w + (s->kernel_w - 1) * s->dilation_w + 1;
    size_t channels = (size_t)s->out_c;
    if (conv->kind == CK_FLOAT) {
        conv->depthwise_weights = ck_zeroed((size_t)conv->taps * channels, 4);
        if (conv->depthwise_weights) {
            memcpy(conv->depthwise_weights, weights, (size_t)conv->taps * channels * 4);
            return conv;
        }
        ck_conv_free(conv);
        return NULL;
    }
    int32_t pairs = (conv->taps + 1) / 2, blocks = (s->out_c + 15) / 16;
    conv->tap_offset = ck_zeroed((size_t)pairs * 2, 4);
    // Vector loads may read a little behind the last element.
    conv->depthwise_weights = ck_zeroed(ck_packed_bytes(conv, (size_t)blocks * 32 * (size_t)pairs) + 32, 1);
    if (!conv->tap_offset || !conv->depthwise_weights) {
        ck_conv_free(conv);
        return NULL;
    }
    for (int32_t t = 0; t < 2 * pairs; t++) {
        int32_t tap = at_most(t, conv->taps - 1), ky = tap / s->kernel_w, kx = tap % s->kernel_w;
        conv->tap_offset[t] = (ky * s->dilation_h * conv->band_w + kx * s->dilation_w) * s->in_c;
    }
    for (int32_t c = 0; c < s->out_c; c++) {
        int32_t lane = c % 16, slot = (lane & 3) | ((lane & 4) << 1) | ((lane & 8) >> 1);
        for (int32_t t = 0; t < conv->taps; t++) {
            int32_t code = ck_weight_code(conv, weights, (int64_t)t * s->out_c + c);
            size_t to = ((size_t)(c / 16) * (size_t)pairs + (size_t)(t / 2)) * 32 + (size_t)(2 * slot + t % 2);
            ck_store_code(conv, conv->depthwise_weights, to, code);
        }
    }
    return conv;
}

enum { BAND_BYTES = 64 * 1024 };

static int32_t rows_per_band(const ck_conv *conv) {
    int64_t row = (int64_t)conv->band_w * conv->shape.in_c * 2;
    int64_t fit = (BAND_BYTES / (row > 0 ? row : 1) - conv->span_h) / conv->step_h + 1;
    int64_t least = (conv->span_h - conv->step_h) * 3 / conv->step_h + 1;
    if (fit < least) fit = least;
    return fit < 1 ? 1 : (fit > conv->rows_per_image ? conv->rows_per_image : (int32_t)fit);
}

size_t ck_depthwise_packed_bytes(const ck_conv *conv) {
    size_t taps = (size_t)conv->taps, channels = (size_t)conv->shape.out_c;
    if (conv->kind == CK_FLOAT) return taps * channels * 4;
    return ck_packed_bytes(conv, (channels + 15) / 16 * 32 * ((taps + 1) / 2));
}

/// Bytes of the weights of 16 channels as 16-bit integers, when weights have four bits.
static size_t block_bytes(const ck_conv *conv) {
    return conv->q.weight_four_bit ? (size_t)((conv->taps + 1) / 2) * 32 * sizeof(int16_t) : 0;
}

size_t ck_depthwise_scratch(const ck_conv *conv) {
    size_t channels = (size_t)conv->shape.in_c;
    if (conv->kind == CK_FLOAT) return channels * 4 + (size_t)conv->taps * sizeof(void *) + 128;
    size_t rows = (size_t)(rows_per_band(conv) - 1) * (size_t)conv->step_h + (size_t)conv->span_h;
    return ((rows * (size_t)conv->band_w * channels * 2 + 256 + 63) & ~(size_t)63) + block_bytes(conv);
}

static void run_f32(
    const ck_conv *conv, const float *input, float *output, int32_t row_begin, int32_t row_end, void *scratch) {
    const ck_conv_shape *s = &conv->shape;
    const ck_table *table = ck_current();
    const float **taps = scratch;
    float *zeros = (float *)((uint8_t *)scratch + (((size_t)conv->taps * sizeof(void *) + 63) & ~(size_t)63));
    memset(zeros, 0, (size_t)s->in_c * 4);
    ck_finish_f32 finish = {conv->bias_f32, conv->act};
    for (int32_t r = row_begin; r < row_end; r++) {
        const float *image = input + (size_t)(r / s->out_h) * (size_t)s->in_h * (size_t)s->in_w * (size_t)s->in_c;
        int32_t y0 = r % s->out_h * s->stride_h - s->pad_top;
        float *out = output + (size_t)r * (size_t)s->out_w * (size_t)s->out_c;
        for (int32_t x = 0; x < s->out_w; x++, out += s->out_c) {
            int32_t x0 = x * s->stride_w - s->pad_left, t = 0;
            for (int32_t ky = 0; ky < s->kernel_h; ky++) {
                int32_t y = y0 + ky * s->dilation_h, row_inside = y >= 0 && y < s->in_h;
                const float *row = image + (int64_t)y * s->in_w * s->in_c;
                for (int32_t kx = 0; kx < s->kernel_w; kx++, t++) {
                    int32_t column = x0 + kx * s->dilation_w;
                    taps[t] = row_inside && column >= 0 && column < s->in_w ? row + (int64_t)column * s->in_c : zeros;
                }
            }
            table->depthwise_f32[conv->ordered](taps, conv->taps, s->out_c, conv->depthwise_weights, out, &finish);
        }
    }
}

static void run_i8(
    const ck_conv *conv, const uint8_t *input, int8_t *output, int32_t row_begin, int32_t row_end, void *scratch) {
    const ck_conv_shape *s = &conv->shape;
    const ck_table *table = ck_current();
    int32_t flip = conv->q.out_unsigned ? 128 : 0, pairs = (conv->taps + 1) / 2, band_rows = rows_per_band(conv);
    ck_finish_i8 finish = {
        conv->bias_i32, conv->multiplier, conv->left, conv->right, conv->q.out_zero - flip, conv->q.lowest - flip,
        conv->q.highest - flip, flip, NULL};
    int16_t *band = scratch, *block = NULL;
    if (conv->q.weight_four_bit) {
        size_t bytes = block_bytes(conv);
        block = (int16_t *)((uint8_t *)scratch + ck_depthwise_scratch(conv) - bytes);
    }
    size_t row = (size_t)conv->band_w * (size_t)s->in_c;
    int32_t left = s->pad_left < conv->band_w ? s->pad_left : conv->band_w;
    int32_t inside = at_most(conv->band_w - left, s->in_w);
    while (row_begin < row_end) {
        int32_t image = row_begin / s->out_h, first = row_begin % s->out_h;
        int32_t rows = at_most(at_most(row_end - row_begin, s->out_h - first), band_rows);
        int32_t top = first * s->stride_h - s->pad_top, height = (rows - 1) * s->stride_h + conv->span_h;
        for (int32_t i = 0; i < height; i++) {
            int16_t *to = band + (size_t)i * row;
            int32_t y = top + i;
            if (y < 0 || y >= s->in_h) {
                memset(to, 0, row * 2);
                continue;
            }
            const uint8_t *from =
                input + ((size_t)image * (size_t)s->in_h + (size_t)y) * (size_t)s->in_w * (size_t)s->in_c;
            memset(to, 0, (size_t)left * (size_t)s->in_c * 2);
            table->widen(from, inside * s->in_c, conv->q.in_unsigned, conv->q.in_zero, to + left * s->in_c);
            memset(
                to + (size_t)(left + inside) * (size_t)s->in_c, 0,
                (row - (size_t)(left + inside) * (size_t)s->in_c) * 2);
        }
        for (int32_t r = 0; r < rows; r++)
            table->depthwise_i16(
                band + (size_t)r * (size_t)s->stride_h * row, s->out_w, s->stride_w * s->in_c, conv->tap_offset,
                pairs, s->out_c, conv->depthwise_weights, block,
                output + (size_t)(row_begin + r) * (size_t)s->out_w * (size_t)s->out_c, &finish);
        row_begin += rows;
    }
}

void ck_depthwise_run(
    const ck_conv *conv, const void *input, void *output, int32_t row_begin, int32_t row_end, void *scratch) {
    if (conv->kind == CK_FLOAT) run_f32(conv, input, output, row_begin, row_end, scratch);
    else run_i8(conv, input, output, row_begin, row_end, scratch);
}
