#include "conv.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { LONGEST_SUM = 512, BAND_BYTES = 192 * 1024, PANEL_BYTES = 1024 * 1024 };

void *ck_zeroed(size_t count, size_t size) { return calloc(count ? count : 1, size); }

int32_t ck_split_panels(int32_t columns, ck_panel *panel) {
    int32_t eighths = (columns + 7) / 8, start = 0, count = 0;
    while (eighths > 0) {
        int32_t take = eighths == 4 ? 2 : (eighths >= 3 ? 3 : eighths);
        int32_t width = take * 8, used = columns - start < width ? columns - start : width;
        if (panel) panel[count] = (ck_panel){start, width, used};
        start += width;
        eighths -= take;
        count++;
    }
    return count;
}

void ck_conv_free(ck_conv *conv) {
    if (!conv) return;
    for (int32_t i = 0; conv->phase && i < conv->phases; i++) {
        free(conv->phase[i].segment);
        free(conv->phase[i].block);
        free(conv->phase[i].packed);
    }
    free(conv->phase);
    free(conv->panel);
    free(conv->bias_f32);
    free(conv->weight_scale);
    free(conv->bias_i32);
    free(conv->multiplier);
    free(conv->left);
    free(conv->right);
    free(conv->real);
    free(conv->tap_offset);
    free(conv->depthwise_weights);
    free(conv);
}

static int32_t padded_index(const ck_conv *conv, int32_t channel) {
    if (conv->depthwise) return channel;
    return channel / conv->group_out * conv->padded_out + channel % conv->group_out;
}

int32_t ck_conv_channels(ck_conv *conv, const void *bias, const float *weight_scale) {
    int32_t channels = conv->shape.out_c;
    // 16 spare elements, because depthwise kernels read whole blocks of 16 channels.
    size_t n = (size_t)(conv->depthwise ? channels : conv->padded_out * conv->shape.groups) + 16;
    if (conv->kind == CK_INTEGER) {
        conv->bias_i32 = ck_zeroed(n, 4);
        conv->multiplier = ck_zeroed(n, 4);
        conv->left = ck_zeroed(n, 4);
        conv->right = ck_zeroed(n, 4);
        if (conv->q.real) conv->real = ck_zeroed(n, sizeof(double));
        if (!conv->bias_i32 || !conv->multiplier || !conv->left || !conv->right) return 0;
        if (conv->q.real && !conv->real) return 0;
        for (int32_t c = 0; c < channels; c++) {
            int32_t i = padded_index(conv, c);
            if (bias) conv->bias_i32[i] = ((const int32_t *)bias)[c];
            if (conv->real) {
                conv->real[i] = conv->q.real[c];
                continue;
            }
            int32_t shift = conv->q.shift[c];
            conv->multiplier[i] = conv->q.multiplier[c];
            conv->left[i] = shift > 0 ? shift : 0;
            conv->right[i] = shift > 0 ? 0 : -shift;
        }
        conv->q.multiplier = conv->q.shift = NULL;
        conv->q.real = NULL;
        return 1;
    }
    conv->bias_f32 = ck_zeroed(n, 4);
    conv->weight_scale = ck_zeroed(n, 4);
    if (!conv->bias_f32 || !conv->weight_scale) return 0;
    for (int32_t c = 0; c < channels; c++) {
        int32_t i = padded_index(conv, c);
        if (bias) conv->bias_f32[i] = ((const float *)bias)[c];
        if (weight_scale) conv->weight_scale[i] = weight_scale[c];
    }
    return 1;
}

static int32_t plan_phase(ck_conv *conv, ck_phase *phase, const ck_tap *taps, int32_t count, const void *weights) {
    const ck_conv_shape *s = &conv->shape;
    int32_t row = conv->band_w * s->in_c, depth = conv->group_in, even = conv->kind != CK_FLOAT;
    int32_t unbroken = even || conv->ordered;
    // Taps that are neighbours in memory and in the kernel make one segment.
    int32_t mergeable = s->groups == 1;
    phase->segment = ck_zeroed((size_t)count * (size_t)(1 + depth / LONGEST_SUM) + (size_t)count, sizeof(ck_segment));
    phase->block = ck_zeroed((size_t)count * (size_t)(2 + depth / LONGEST_SUM) + 2, sizeof(int32_t));
    int32_t *order = ck_zeroed((size_t)count * 2 + 2, sizeof(int32_t));
    if (!phase->segment || !phase->block || !order) {
        free(order);
        return 0;
    }
    int32_t runs = 0;  // order[2i], order[2i+1]: first tap and number of taps of a run
    for (int32_t t = 0; t < count; t++) {
        int32_t joined = runs > 0 && mergeable && taps[t].y == taps[t - 1].y && taps[t].x == taps[t - 1].x + 1;
        if (joined) {
            order[2 * runs - 1]++;
        } else {
            order[2 * runs] = t;
            order[2 * runs + 1] = 1;
            runs++;
        }
    }
    int32_t segments = 0, blocks = 0, sum = 0, padded_depth = 0;
    phase->block[0] = 0;
    for (int32_t r = 0; r < runs; r++) {
        const ck_tap *first = &taps[order[2 * r]];
        int32_t offset = first->y * row + first->x * s->in_c, length = depth * order[2 * r + 1];
        while (length > 0) {
            int32_t take = unbroken || length <= LONGEST_SUM ? length : LONGEST_SUM;
            if (!unbroken && sum > 0 && sum + take > LONGEST_SUM) {
                phase->block[++blocks] = segments;
                sum = 0;
            }
            phase->segment[segments++] = (ck_segment){offset, even ? (take + 1) & ~1 : take};
            padded_depth += even ? (take + 1) & ~1 : take;
            sum += take;
            offset += take;
            length -= take;
        }
    }
    phase->block[++blocks] = segments;
    phase->blocks = blocks;
    phase->segments = segments;
    phase->depth = padded_depth;

    phase->group_elements = (size_t)padded_depth * (size_t)conv->padded_out;
    int32_t good = !weights || ck_pack_phase(conv, phase, taps, order, runs, weights);
    free(order);
    return good;
}

static ck_conv *start(
    ck_kind kind, const ck_conv_shape *shape, ck_activation act, const ck_quantization *quantization) {
    ck_conv *conv = ck_zeroed(1, sizeof(ck_conv));
    if (!conv) return NULL;
    conv->kind = kind;
    conv->shape = *shape;
    conv->act = act;
    if (quantization) conv->q = *quantization;
    return conv;
}

static ck_conv *start_float(const ck_conv_shape *shape, ck_activation act, int32_t ordered) {
    ck_conv *conv = start(CK_FLOAT, shape, act, NULL);
    if (conv) conv->ordered = ordered != 0;
    return conv;
}

static int32_t plan_panels(ck_conv *conv) {
    ck_conv_shape *s = &conv->shape;
    conv->group_in = s->in_c / s->groups;
    conv->group_out = s->out_c / s->groups;
    conv->padded_out = (conv->group_out + 7) & ~7;
    conv->panels = ck_split_panels(conv->group_out, NULL);
    conv->panel = ck_zeroed((size_t)conv->panels, sizeof(ck_panel));
    if (!conv->panel) return 0;
    ck_split_panels(conv->group_out, conv->panel);
    return 1;
}

static void plan_bands(ck_conv *conv) {
    size_t element = conv->kind == CK_FLOAT ? 4 : 2;
    size_t row = (size_t)conv->band_w * (size_t)conv->shape.in_c * element;
    size_t rows = row ? BAND_BYTES / row : 1;
    int64_t fit = ((int64_t)rows - conv->span_h) / conv->step_h + 1;
    // At least as many rows as make the repeated halo a quarter of the band, and enough pixels to reuse the weights.
    int64_t least = (conv->span_h - conv->step_h) * 3 / conv->step_h + 1;
    int64_t columns = conv->phase ? conv->phase[0].columns : 1;
    if (least * columns < 48) least = (48 + columns - 1) / (columns > 0 ? columns : 1);
    if (fit < least) fit = least;
    if (fit > conv->rows_per_image) fit = conv->rows_per_image;
    conv->rows_per_band = fit < 1 ? 1 : (int32_t)fit;
}

static ck_conv *plan_conv(ck_conv *conv, const void *weights, const void *bias, const float *weight_scale) {
    if (!conv) return NULL;
    ck_conv_shape *s = &conv->shape;
    conv->depthwise = s->groups > 1 && s->groups == s->in_c && s->out_c == s->in_c && conv->kind != CK_HYBRID;
    conv->out_step_h = conv->out_step_w = 1;
    if (conv->depthwise) {
        if (!ck_conv_channels(conv, bias, weight_scale)) {
            ck_conv_free(conv);
            return NULL;
        }
        return ck_depthwise_create(conv, weights);
    }
    int32_t unit = s->kernel_h == 1 && s->kernel_w == 1 && s->stride_h == 1 && s->stride_w == 1 && !s->pad_top
        && !s->pad_left && s->out_h == s->in_h && s->out_w == s->in_w;
    if (unit && conv->kind != CK_HYBRID) {
        // Every pixel is a row of its own, so that work can be cut anywhere.
        s->in_h = s->out_h = s->batch * s->in_h * s->in_w;
        s->batch = s->in_w = s->out_w = 1;
        conv->flat = 1;
    }
    conv->step_h = s->stride_h;
    conv->step_w = s->stride_w;
    conv->origin_y = -s->pad_top;
    conv->origin_x = -s->pad_left;
    conv->span_h = (s->kernel_h - 1) * s->dilation_h + 1;
    int32_t reach = (s->out_w - 1) * s->stride_w + (s->kernel_w - 1) * s->dilation_w + 1;
    int32_t bottom = (s->out_h - 1) * s->stride_h + conv->span_h - s->pad_top;
    conv->direct = conv->kind == CK_FLOAT && !s->pad_top && !s->pad_left && bottom <= s->in_h && reach <= s->in_w;
    conv->band_w = conv->direct ? s->in_w : reach;
    conv->rows_per_image = s->out_h;
    conv->phases = 1;
    conv->phase = ck_zeroed(1, sizeof(ck_phase));
    ck_tap *taps = ck_zeroed((size_t)s->kernel_h * (size_t)s->kernel_w, sizeof(ck_tap));
    int32_t good = conv->phase && taps && plan_panels(conv);
    if (good) {
        int32_t n = 0;
        for (int32_t ky = 0; ky < s->kernel_h; ky++)
            for (int32_t kx = 0; kx < s->kernel_w; kx++)
                taps[n++] = (ck_tap){ky, kx, ky * s->dilation_h, kx * s->dilation_w};
        conv->phase[0].rows = s->out_h;
        conv->phase[0].columns = s->out_w;
        good = plan_phase(conv, &conv->phase[0], taps, n, weights) && ck_conv_channels(conv, bias, weight_scale);
        plan_bands(conv);
    }
    free(taps);
    if (good) return conv;
    ck_conv_free(conv);
    return NULL;
}

static ck_conv *plan_deconv(ck_conv *conv, const void *weights, const void *bias, const float *weight_scale) {
    if (!conv) return NULL;
    ck_conv_shape *s = &conv->shape;
    s->groups = 1;
    conv->step_h = conv->step_w = 1;
    conv->out_step_h = s->stride_h;
    conv->out_step_w = s->stride_w;
    conv->rows_per_image = (s->out_h + s->stride_h - 1) / s->stride_h;
    conv->phases = s->stride_h * s->stride_w;
    conv->phase = ck_zeroed((size_t)conv->phases, sizeof(ck_phase));
    ck_tap *taps = ck_zeroed((size_t)s->kernel_h * (size_t)s->kernel_w, sizeof(ck_tap));
    int32_t good = conv->phase && taps && plan_panels(conv);
    // Output y takes kernel row ky from input row (y + pad - ky) / stride; bounds of that offset from y / stride:
    int32_t low_y = -((s->kernel_h - 1) / s->stride_h + 1), high_y = (s->stride_h - 1 + s->pad_top) / s->stride_h;
    int32_t low_x = -((s->kernel_w - 1) / s->stride_w + 1), high_x = (s->stride_w - 1 + s->pad_left) / s->stride_w;
    conv->origin_y = low_y;
    conv->origin_x = low_x;
    conv->span_h = high_y - low_y + 1;
    conv->band_w = (s->out_w + s->stride_w - 1) / s->stride_w + high_x - low_x;
    for (int32_t p = 0; good && p < conv->phases; p++) {
        ck_phase *phase = &conv->phase[p];
        int32_t py = p / s->stride_w, px = p % s->stride_w, n = 0;
        phase->out_y = py;
        phase->out_x = px;
        phase->rows = s->out_h > py ? (s->out_h - py + s->stride_h - 1) / s->stride_h : 0;
        phase->columns = s->out_w > px ? (s->out_w - px + s->stride_w - 1) / s->stride_w : 0;
        // Falling kernel positions are rising input positions.
        for (int32_t ky = s->kernel_h - 1; ky >= 0; ky--)
            for (int32_t kx = s->kernel_w - 1; kx >= 0; kx--) {
                int32_t y = py + s->pad_top - ky, x = px + s->pad_left - kx;
                if (y % s->stride_h || x % s->stride_w) continue;
                taps[n++] = (ck_tap){ky, kx, y / s->stride_h - low_y, x / s->stride_w - low_x};
            }
        good = plan_phase(conv, phase, taps, n, weights);
    }
    good = good && ck_conv_channels(conv, bias, weight_scale);
    free(taps);
    if (good) {
        plan_bands(conv);
        return conv;
    }
    ck_conv_free(conv);
    return NULL;
}

static const ck_activation no_activation = {0, 0, 0, 0};

ck_conv *ck_conv_f32_create(
    const ck_conv_shape *s, const float *weights, const float *bias, ck_activation act, int32_t ordered) {
    return plan_conv(start_float(s, act, ordered), weights, bias, NULL);
}
ck_conv *ck_conv_i8_create(
    const ck_conv_shape *s, const void *weights, const int32_t *bias, const ck_quantization *quantization) {
    return plan_conv(start(CK_INTEGER, s, no_activation, quantization), weights, bias, NULL);
}
static ck_conv *start_hybrid(const ck_conv_shape *shape, int32_t four_bit, ck_activation act) {
    ck_conv *conv = start(CK_HYBRID, shape, act, NULL);
    if (conv) conv->q.weight_four_bit = four_bit;
    return conv;
}

ck_conv *ck_conv_hybrid_create(
    const ck_conv_shape *s, const void *weights, int32_t four_bit, const float *weight_scale, const float *bias,
    ck_activation act) {
    return plan_conv(start_hybrid(s, four_bit, act), weights, bias, weight_scale);
}
ck_conv *ck_deconv_f32_create(
    const ck_conv_shape *s, const float *weights, const float *bias, ck_activation act, int32_t ordered) {
    return plan_deconv(start_float(s, act, ordered), weights, bias, NULL);
}
ck_conv *ck_deconv_i8_create(
    const ck_conv_shape *s, const void *weights, const int32_t *bias, const ck_quantization *quantization) {
    return plan_deconv(start(CK_INTEGER, s, no_activation, quantization), weights, bias, NULL);
}

ck_conv *ck_deconv_hybrid_create(
    const ck_conv_shape *s, const void *weights, int32_t four_bit, const float *weight_scale, const float *bias,
    ck_activation act) {
    return plan_deconv(start_hybrid(s, four_bit, act), weights, bias, weight_scale);
}

/// A product whose right operand is packed at run time.
static ck_conv *plan_product(ck_conv *conv, int32_t rows, int32_t depth, int32_t columns) {
    if (!conv) return NULL;
    conv->shape = (ck_conv_shape){1, rows, 1, depth, 1, 1, 1, 1, 1, 1, 0, 0, rows, 1, columns, 1};
    return plan_conv(conv, NULL, NULL, NULL);
}
ck_conv *ck_product_f32_create(int32_t rows, int32_t depth, int32_t columns, int32_t ordered) {
    ck_activation none = {-INFINITY, INFINITY, 0, 0};
    ck_conv_shape shape = {0};
    return plan_product(start_float(&shape, none, ordered), rows, depth, columns);
}
ck_conv *ck_product_i8_create(int32_t rows, int32_t depth, int32_t columns, const ck_quantization *quantization) {
    ck_conv_shape shape = {0};
    return plan_product(start(CK_INTEGER, &shape, no_activation, quantization), rows, depth, columns);
}
int32_t ck_product_panels(const ck_conv *conv) { return conv->panels; }

int32_t ck_conv_rows(const ck_conv *conv) { return conv->shape.batch * conv->rows_per_image; }

size_t ck_conv_packed_bytes(const ck_conv *conv) {
    if (conv->depthwise) return ck_depthwise_packed_bytes(conv);
    size_t bytes = 0;
    for (int32_t p = 0; p < conv->phases; p++)
        bytes += ck_packed_bytes(conv, conv->phase[p].group_elements * (size_t)conv->shape.groups);
    return bytes;
}

size_t ck_panel_bytes(const ck_conv *conv) {
    if (!conv->q.weight_four_bit) return 0;
    size_t bytes = 0;
    for (int32_t p = 0; p < conv->phases; p++) {
        // The first panel is the widest.
        size_t panel = (size_t)conv->phase[p].depth * (size_t)conv->panel[0].width * sizeof(int16_t);
        if (panel > bytes) bytes = panel;
    }
    return bytes > PANEL_BYTES ? 0 : bytes;
}

size_t ck_conv_scratch(const ck_conv *conv) {
    if (conv->depthwise) return ck_depthwise_scratch(conv);
    if (conv->direct) return 0;
    size_t rows = (size_t)(conv->rows_per_band - 1) * (size_t)conv->step_h + (size_t)conv->span_h;
    size_t element = conv->kind == CK_FLOAT ? 4 : 2;
    size_t band = (rows * (size_t)conv->band_w * (size_t)conv->shape.in_c * element + 256 + 63) & ~(size_t)63;
    return band + ck_panel_bytes(conv);
}
