#include "conv.h"

#include <string.h>

/// Up to this many tiles, four-bit weights are unpacked again for every tile, beyond it once into memory.
enum { UNPACKED_TILES = 2 };

static int32_t at_most(int32_t a, int32_t b) { return a < b ? a : b; }

/// Copies input rows [first, first + rows) of one image into the band, zero outside the image.
static void fill_band(
    const ck_conv *conv, const ck_table *table, const uint8_t *image, int32_t zero, int32_t first, int32_t rows,
    uint8_t *band) {
    const ck_conv_shape *s = &conv->shape;
    size_t element = conv->kind == CK_FLOAT ? 4 : 2, source = conv->kind == CK_FLOAT ? 4 : 1;
    size_t pixel = (size_t)s->in_c * element, row = (size_t)conv->band_w * pixel;
    int32_t left = conv->origin_x < 0 ? at_most(-conv->origin_x, conv->band_w) : 0;
    int32_t skip = conv->origin_x > 0 ? conv->origin_x : 0;
    int32_t inside = at_most(conv->band_w - left, s->in_w - skip);
    if (inside < 0) inside = 0;
    int32_t dense = left == 0 && skip == 0 && inside == s->in_w && conv->band_w == s->in_w;
    if (dense && first >= 0 && first + rows <= s->in_h) {
        // Whole rows without padding are one run.
        const uint8_t *from = image + (size_t)first * (size_t)s->in_w * (size_t)s->in_c * source;
        int32_t n = rows * s->in_w * s->in_c;
        if (source == 4) memcpy(band, from, (size_t)n * 4);
        else table->widen(from, n, conv->q.in_unsigned, zero, (int16_t *)band);
        return;
    }
    for (int32_t i = 0; i < rows; i++, band += row) {
        int32_t y = first + i;
        if (y < 0 || y >= s->in_h) {
            memset(band, 0, row);
            continue;
        }
        const uint8_t *from = image + ((size_t)y * (size_t)s->in_w + (size_t)skip) * (size_t)s->in_c * source;
        uint8_t *to = band + (size_t)left * pixel;
        memset(band, 0, (size_t)left * pixel);
        if (source == 4) memcpy(to, from, (size_t)inside * pixel);
        else table->widen(from, inside * s->in_c, conv->q.in_unsigned, zero, (int16_t *)to);
        memset(to + (size_t)inside * pixel, 0, row - (size_t)(left + inside) * pixel);
    }
}

typedef struct {
    const ck_conv *conv;
    const ck_table *table;
    /// First element of the band (or of the image, when direct) and the input row it stands for.
    const uint8_t *source;
    int32_t source_row;
    uint8_t *out_image;
    float row_scale;
    /// Replaces the plan's packed weights when not null.
    const void *packed;
    /// Where a panel of four-bit weights is unpacked, or null.
    int16_t *panel;
} work;

static void run_phase(const work *w, const ck_phase *phase, int32_t row_begin, int32_t row_end) {
    const ck_conv *conv = w->conv;
    const ck_conv_shape *s = &conv->shape;
    row_end = at_most(row_end, phase->rows);
    int32_t pixels = (row_end - row_begin) * phase->columns;
    if (pixels <= 0) return;
    int32_t is_float = conv->kind == CK_FLOAT;
    const void *weights = w->packed ? w->packed : phase->packed;
    size_t element = is_float ? 4 : 2, out_element = conv->kind == CK_INTEGER ? 1 : 4;
    size_t source_row = (size_t)conv->band_w * (size_t)s->in_c * element;
    size_t source_step = (size_t)conv->step_w * (size_t)s->in_c * element;
    size_t out_row = (size_t)conv->out_step_h * (size_t)s->out_w * (size_t)s->out_c * out_element;
    size_t out_step = (size_t)conv->out_step_w * (size_t)s->out_c * out_element;
    float scales[CK_MAX_ROWS];
    for (int32_t i = 0; i < CK_MAX_ROWS; i++) scales[i] = w->row_scale;
    for (int32_t g = 0; g < s->groups; g++) {
        const uint8_t *source = w->source + (size_t)g * (size_t)conv->group_in * element;
        for (int32_t p = 0; p < conv->panels; p++) {
            const ck_panel *panel = &conv->panel[p];
            int32_t index = panel->width / 8 - 1;
            int32_t channel = g * conv->group_out + panel->start, padded = g * conv->padded_out + panel->start;
            size_t packed = (size_t)g * phase->group_elements + (size_t)phase->depth * (size_t)panel->start;
            int32_t tile_rows = is_float ? w->table->rows_f32[index] : w->table->rows_i16[index];
            const int16_t *codes = (const int16_t *)weights + packed;
            const uint8_t *nibbles = conv->q.weight_four_bit ? (const uint8_t *)weights + packed / 2 : NULL;
            if (nibbles && w->panel && pixels > UNPACKED_TILES * tile_rows) {
                w->table->unpack_i4(nibbles, (int64_t)phase->depth / 2 * panel->width, w->panel);
                codes = w->panel;
                nibbles = NULL;
            }
            ck_finish_f32 finish_f32 = {NULL, conv->act};
            ck_finish_i8 finish_i8 = {0};
            ck_finish_hybrid finish_hybrid = {NULL, NULL, conv->act};
            if (conv->kind == CK_INTEGER) {
                int32_t flip = conv->q.out_unsigned ? 128 : 0;
                finish_i8 = (ck_finish_i8){
                    conv->bias_i32 + padded, conv->multiplier + padded, conv->left + padded, conv->right + padded,
                    conv->q.out_zero - flip, conv->q.lowest - flip, conv->q.highest - flip, flip,
                    conv->real ? conv->real + padded : NULL};
            } else {
                finish_f32.bias = finish_hybrid.bias = conv->bias_f32 + padded;
                finish_hybrid.weight_scale = conv->weight_scale + padded;
            }
            int32_t row = row_begin, column = 0;
            for (int32_t done = 0; done < pixels;) {
                const void *a[CK_MAX_ROWS];
                void *out[CK_MAX_ROWS];
                int32_t used = at_most(tile_rows, pixels - done);
                for (int32_t i = 0; i < used; i++) {
                    a[i] = source + (size_t)(row * conv->step_h + conv->origin_y - w->source_row) * source_row
                        + (size_t)column * source_step;
                    out[i] = w->out_image + (size_t)row * out_row
                        + ((size_t)phase->out_y * (size_t)s->out_w + (size_t)phase->out_x) * (size_t)s->out_c
                            * out_element
                        + (size_t)column * out_step + (size_t)channel * out_element;
                    if (++column == phase->columns) {
                        column = 0;
                        row++;
                    }
                }
                for (int32_t i = used; i < tile_rows; i++) a[i] = a[used - 1];
                done += used;
                if (is_float) {
                    float tile[CK_MAX_ROWS * CK_MAX_WIDTH];
                    const float *b = (const float *)weights + packed;
                    for (int32_t block = 0; block < phase->blocks; block++) {
                        int32_t from = phase->block[block], to = phase->block[block + 1];
                        w->table->tile_f32[conv->ordered][index](
                            (const float *const *)a, phase->segment + from, to - from, b, tile, block > 0);
                        for (int32_t k = from; k < to; k++) b += phase->segment[k].length * panel->width;
                    }
                    w->table->store_f32(
                        tile, panel->width, used, panel->columns, (float *const *)out, &finish_f32);
                } else {
                    int32_t tile[CK_MAX_ROWS * CK_MAX_WIDTH];
                    if (nibbles)
                        w->table->tile_i4[used == 1][index](
                            (const int16_t *const *)a, phase->segment, phase->segments, nibbles, tile);
                    else
                        w->table->tile_i16[index](
                            (const int16_t *const *)a, phase->segment, phase->segments, codes, tile);
                    if (conv->kind == CK_INTEGER)
                        w->table->store_i8(
                            tile, panel->width, used, panel->columns, (int8_t *const *)out, &finish_i8);
                    else
                        w->table->store_hybrid(
                            tile, panel->width, used, panel->columns, (float *const *)out, scales, &finish_hybrid);
                }
            }
        }
    }
}

static void run(
    const ck_conv *conv, const void *packed, const void *input, const int32_t *in_zero, const float *in_scale,
    void *output, int32_t row_begin, int32_t row_end, void *scratch) {
    const ck_conv_shape *s = &conv->shape;
    size_t source = conv->kind == CK_FLOAT ? 4 : 1, out_element = conv->kind == CK_INTEGER ? 1 : 4;
    size_t in_image = (size_t)s->in_h * (size_t)s->in_w * (size_t)s->in_c * source;
    size_t out_image = (size_t)s->out_h * (size_t)s->out_w * (size_t)s->out_c * out_element;
    work w = {.conv = conv, .table = ck_current(), .row_scale = 1, .packed = packed};
    size_t panel = ck_panel_bytes(conv);
    if (panel) w.panel = (int16_t *)((uint8_t *)scratch + ck_conv_scratch(conv) - panel);
    while (row_begin < row_end) {
        int32_t image = row_begin / conv->rows_per_image, first = row_begin % conv->rows_per_image;
        int32_t rows = at_most(row_end - row_begin, conv->rows_per_image - first);
        rows = at_most(rows, conv->rows_per_band);
        const uint8_t *in = (const uint8_t *)input + (size_t)image * in_image;
        w.out_image = (uint8_t *)output + (size_t)image * out_image;
        if (in_scale) w.row_scale = in_scale[image];
        if (conv->direct) {
            w.source = in;
            w.source_row = 0;
        } else {
            int32_t top = first * conv->step_h + conv->origin_y;
            int32_t height = (rows - 1) * conv->step_h + conv->span_h;
            fill_band(conv, w.table, in, in_zero ? in_zero[image] : conv->q.in_zero, top, height, scratch);
            w.source = scratch;
            w.source_row = top;
        }
        for (int32_t p = 0; p < conv->phases; p++) run_phase(&w, &conv->phase[p], first, first + rows);
        row_begin += rows;
    }
}

void ck_conv_run(
    const ck_conv *conv, const void *input, void *output, int32_t row_begin, int32_t row_end, void *scratch) {
    if (conv->depthwise) ck_depthwise_run(conv, input, output, row_begin, row_end, scratch);
    else run(conv, NULL, input, NULL, NULL, output, row_begin, row_end, scratch);
}

void ck_conv_hybrid_run(
    const ck_conv *conv, const int8_t *input, const int32_t *in_zero, const float *in_scale, float *output,
    int32_t row_begin, int32_t row_end, void *scratch) {
    run(conv, NULL, input, in_zero, in_scale, output, row_begin, row_end, scratch);
}

void ck_product_run(
    const ck_conv *conv, const void *left, const void *packed, void *output, int32_t row_begin, int32_t row_end,
    void *scratch) {
    run(conv, packed, left, NULL, NULL, output, row_begin, row_end, scratch);
}
