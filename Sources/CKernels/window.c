#include "elementwise.h"
#include "fixedpoint.h"

#include <math.h>
#include <string.h>

typedef struct {
    int32_t y_begin, y_end, x_begin, x_end;
} window;

static int32_t at_most(int32_t a, int32_t b) { return a < b ? a : b; }
static int32_t at_least(int32_t a, int32_t b) { return a > b ? a : b; }

/// The part of a window that lies inside the image.
static window inside(const ck_pool_shape *s, int32_t y, int32_t x) {
    int32_t top = y * s->stride_h - s->pad_top, left = x * s->stride_w - s->pad_left;
    return (window){
        at_least(top, 0), at_most(top + s->window_h, s->in_h), at_least(left, 0),
        at_most(left + s->window_w, s->in_w)};
}

static int64_t position(const ck_pool_shape *s, int32_t image, int32_t y, int32_t x) {
    return (((int64_t)image * s->in_h + y) * s->in_w + x) * s->channels;
}

void ck_max_pool_f32(
    const ck_pool_shape *s, const float *in, float *out, float lowest, float highest, int32_t row_begin,
    int32_t row_end) {
    const ck_rows *rows = ck_current_rows();
    for (int32_t r = row_begin; r < row_end; r++)
        for (int32_t x = 0; x < s->out_w; x++) {
            float *o = out + ((int64_t)r * s->out_w + x) * s->channels;
            window w = inside(s, r % s->out_h, x);
            int32_t first = 1;
            for (int32_t y = w.y_begin; y < w.y_end; y++)
                for (int32_t c = w.x_begin; c < w.x_end; c++) {
                    const float *from = in + position(s, r / s->out_h, y, c);
                    if (first) memcpy(o, from, (size_t)s->channels * 4);
                    else rows->max_f32(o, from, s->channels);
                    first = 0;
                }
            if (first)
                for (int32_t c = 0; c < s->channels; c++) o[c] = -INFINITY;
            if (lowest > -INFINITY || highest < INFINITY) rows->finish_f32(o, s->channels, 1, lowest, highest);
        }
}

void ck_average_pool_f32(
    const ck_pool_shape *s, const float *in, float *out, float lowest, float highest, int32_t row_begin,
    int32_t row_end) {
    const ck_rows *rows = ck_current_rows();
    for (int32_t r = row_begin; r < row_end; r++)
        for (int32_t x = 0; x < s->out_w; x++) {
            float *o = out + ((int64_t)r * s->out_w + x) * s->channels;
            window w = inside(s, r % s->out_h, x);
            memset(o, 0, (size_t)s->channels * 4);
            for (int32_t y = w.y_begin; y < w.y_end; y++)
                for (int32_t c = w.x_begin; c < w.x_end; c++)
                    rows->sum_f32(o, in + position(s, r / s->out_h, y, c), s->channels);
            int32_t count = (w.y_end - w.y_begin) * (w.x_end - w.x_begin);
            rows->finish_f32(o, s->channels, (float)count, lowest, highest);
        }
}

void ck_max_pool_codes(
    const ck_pool_shape *s, int32_t is_unsigned, const uint8_t *in, uint8_t *out, int32_t lowest, int32_t highest,
    int32_t row_begin, int32_t row_end) {
    const ck_rows *rows = ck_current_rows();
    int32_t bottom = is_unsigned ? 0 : -128, top = is_unsigned ? 255 : 127;
    for (int32_t r = row_begin; r < row_end; r++)
        for (int32_t x = 0; x < s->out_w; x++) {
            uint8_t *o = out + ((int64_t)r * s->out_w + x) * s->channels;
            window w = inside(s, r % s->out_h, x);
            memset(o, is_unsigned ? 0 : 0x80, (size_t)s->channels);
            for (int32_t y = w.y_begin; y < w.y_end; y++)
                for (int32_t c = w.x_begin; c < w.x_end; c++) {
                    const uint8_t *from = in + position(s, r / s->out_h, y, c);
                    if (is_unsigned) rows->max_u8(o, from, s->channels);
                    else rows->max_i8((int8_t *)o, (const int8_t *)from, s->channels);
                }
            if (lowest > bottom || highest < top)
                for (int32_t c = 0; c < s->channels; c++) {
                    int32_t v = is_unsigned ? o[c] : (int8_t)o[c];
                    v = v > lowest ? v : lowest;
                    o[c] = (uint8_t)(v < highest ? v : highest);
                }
        }
}

void ck_average_pool_codes(
    const ck_pool_shape *s, int32_t is_unsigned, const uint8_t *in, uint8_t *out, int32_t lowest, int32_t highest,
    int32_t row_begin, int32_t row_end) {
    enum { CHUNK = 256 };
    const ck_rows *rows = ck_current_rows();
    for (int32_t r = row_begin; r < row_end; r++)
        for (int32_t x = 0; x < s->out_w; x++) {
            uint8_t *o = out + ((int64_t)r * s->out_w + x) * s->channels;
            window w = inside(s, r % s->out_h, x);
            int32_t count = (w.y_end - w.y_begin) * (w.x_end - w.x_begin);
            for (int32_t start = 0; start < s->channels; start += CHUNK) {
                int32_t n = at_most(CHUNK, s->channels - start), sum[CHUNK] = {0};
                for (int32_t y = w.y_begin; y < w.y_end; y++)
                    for (int32_t c = w.x_begin; c < w.x_end; c++) {
                        const uint8_t *from = in + position(s, r / s->out_h, y, c) + start;
                        if (is_unsigned) rows->sum_u8(sum, from, n);
                        else rows->sum_i8(sum, (const int8_t *)from, n);
                    }
                for (int32_t c = 0; c < n; c++) {
                    int32_t half = count / 2, v = count < 1 ? 0 : (sum[c] > 0 ? sum[c] + half : sum[c] - half) / count;
                    v = v > lowest ? v : lowest;
                    o[start + c] = (uint8_t)(v < highest ? v : highest);
                }
            }
        }
}

void ck_bilinear_f32(const ck_bilinear *s, const float *in, float *out, int32_t row_begin, int32_t row_end) {
    const ck_rows *rows = ck_current_rows();
    for (int32_t r = row_begin; r < row_end; r++) {
        int32_t y = r % s->out_h;
        const float *image = in + (int64_t)(r / s->out_h) * s->in_h * s->in_w * s->channels;
        const float *top = image + (int64_t)s->y_low[y] * s->in_w * s->channels;
        const float *bottom = image + (int64_t)s->y_high[y] * s->in_w * s->channels;
        float fy = s->y_fraction[y];
        float *o = out + (int64_t)r * s->out_w * s->channels;
        for (int32_t x = 0; x < s->out_w; x++, o += s->channels) {
            int64_t left = (int64_t)s->x_low[x] * s->channels, right = (int64_t)s->x_high[x] * s->channels;
            float fx = s->x_fraction[x];
            rows->blend_f32(
                top + left, bottom + left, top + right, bottom + right, (1 - fy) * (1 - fx), fy * (1 - fx),
                (1 - fy) * fx, fy * fx, o, s->channels);
        }
    }
}

void ck_bilinear_codes(
    const ck_bilinear *s, const int32_t *y_fraction, const int32_t *x_fraction, int32_t is_unsigned, const uint8_t *in,
    uint8_t *out, int32_t row_begin, int32_t row_end) {
    const ck_rows *rows = ck_current_rows();
    for (int32_t r = row_begin; r < row_end; r++) {
        int32_t y = r % s->out_h, fy = y_fraction[y];
        const uint8_t *image = in + (int64_t)(r / s->out_h) * s->in_h * s->in_w * s->channels;
        const uint8_t *top = image + (int64_t)s->y_low[y] * s->in_w * s->channels;
        const uint8_t *bottom = image + (int64_t)s->y_high[y] * s->in_w * s->channels;
        uint8_t *o = out + (int64_t)r * s->out_w * s->channels;
        for (int32_t x = 0; x < s->out_w; x++, o += s->channels) {
            int64_t left = (int64_t)s->x_low[x] * s->channels, right = (int64_t)s->x_high[x] * s->channels;
            int32_t fx = x_fraction[x];
            int32_t weights[4] = {(1024 - fy) * (1024 - fx), fy * (1024 - fx), (1024 - fy) * fx, fy * fx};
            rows->blend_codes(
                is_unsigned, top + left, bottom + left, top + right, bottom + right, weights, o, s->channels);
        }
    }
}
