#include "cimageio.h"

#include <png.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    char *error;
    size_t error_size;
} failure;

static void report(failure *to, const char *text) {
    if (to->error_size > 0) snprintf(to->error, to->error_size, "%s", text);
}

static void on_error(png_structp png, png_const_charp text) {
    report((failure *)png_get_error_ptr(png), text);
    png_longjmp(png, 1);
}

static void on_warning(png_structp png, png_const_charp text) {
    (void)png;
    (void)text;
}

typedef struct {
    const uint8_t *bytes;
    size_t count;
    size_t position;
} source;

static void read_bytes(png_structp png, png_bytep to, size_t count) {
    source *from = (source *)png_get_io_ptr(png);
    if (count > from->count - from->position) png_error(png, "the file ends early");
    memcpy(to, from->bytes + from->position, count);
    from->position += count;
}

static int is_little_endian(void) {
    const uint16_t one = 1;
    uint8_t first;
    memcpy(&first, &one, 1);
    return first == 1;
}

int cimageio_png_decode(
    const uint8_t *bytes, size_t count, uint64_t max_pixels, cimageio_image *image, char *error, size_t error_size) {
    failure fail = {error, error_size};
    source from = {bytes, count, 0};
    memset(image, 0, sizeof *image);
    png_structp png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &fail, on_error, on_warning);
    if (!png) {
        report(&fail, "libpng does not start");
        return 1;
    }
    png_infop info = png_create_info_struct(png);
    uint8_t *volatile pixels = NULL;
    png_bytep *volatile rows = NULL;
    if (!info || setjmp(png_jmpbuf(png))) {
        free(pixels);
        free(rows);
        png_destroy_read_struct(&png, &info, NULL);
        return 1;
    }
    png_set_read_fn(png, &from, read_bytes);
    png_set_chunk_cache_max(png, 128);
    png_set_chunk_malloc_max(png, 8u << 20);
    png_set_keep_unknown_chunks(png, PNG_HANDLE_CHUNK_NEVER, NULL, 0);
    png_read_info(png, info);

    const uint32_t width = png_get_image_width(png, info), height = png_get_image_height(png, info);
    if (width == 0 || height == 0 || (uint64_t)width * height > max_pixels) png_error(png, "the picture is too large");
    if (png_get_bit_depth(png, info) < 8) png_set_packing(png);
    png_set_expand(png);
    if (png_get_bit_depth(png, info) == 16 && is_little_endian()) png_set_swap(png);
    png_set_interlace_handling(png);
    png_read_update_info(png, info);

    const size_t row = png_get_rowbytes(png, info);
    const uint32_t channels = png_get_channels(png, info), bits = png_get_bit_depth(png, info);
    if (row != (size_t)width * channels * (bits / 8) || (bits != 8 && bits != 16)) png_error(png, "odd pixel format");
    pixels = malloc(row * height);
    rows = malloc(height * sizeof(png_bytep));
    if (!pixels || !rows) png_error(png, "not enough memory");
    for (uint32_t y = 0; y < height; y++) rows[y] = pixels + row * y;
    png_read_image(png, rows);
    png_read_end(png, NULL);

    image->width = width;
    image->height = height;
    image->channels = channels;
    image->bits = bits;
    image->pixels = pixels;
    image->byte_count = row * height;
    free(rows);
    png_destroy_read_struct(&png, &info, NULL);
    return 0;
}

typedef struct {
    uint8_t *bytes;
    size_t count;
    size_t capacity;
} sink;

static void write_bytes(png_structp png, png_bytep from, size_t count) {
    sink *to = (sink *)png_get_io_ptr(png);
    if (to->count + count > to->capacity) {
        size_t capacity = to->capacity * 2 + count + 4096;
        uint8_t *grown = realloc(to->bytes, capacity);
        if (!grown) png_error(png, "not enough memory");
        to->bytes = grown;
        to->capacity = capacity;
    }
    memcpy(to->bytes + to->count, from, count);
    to->count += count;
}

static void flush_bytes(png_structp png) { (void)png; }

int cimageio_png_encode(
    const cimageio_image *image, uint8_t **bytes, size_t *count, char *error, size_t error_size) {
    static const int color_types[] = {
        PNG_COLOR_TYPE_GRAY, PNG_COLOR_TYPE_GRAY_ALPHA, PNG_COLOR_TYPE_RGB, PNG_COLOR_TYPE_RGB_ALPHA};
    failure fail = {error, error_size};
    sink to = {NULL, 0, 0};
    const size_t row = (size_t)image->width * image->channels * (image->bits / 8);
    if (image->channels < 1 || image->channels > 4 || (image->bits != 8 && image->bits != 16)
        || row * image->height != image->byte_count) {
        report(&fail, "odd pixel format");
        return 1;
    }
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, &fail, on_error, on_warning);
    if (!png) {
        report(&fail, "libpng does not start");
        return 1;
    }
    png_infop info = png_create_info_struct(png);
    if (!info || setjmp(png_jmpbuf(png))) {
        free(to.bytes);
        png_destroy_write_struct(&png, &info);
        return 1;
    }
    png_set_write_fn(png, &to, write_bytes, flush_bytes);
    png_set_IHDR(
        png, info, image->width, image->height, (int)image->bits, color_types[image->channels - 1],
        PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    png_write_info(png, info);
    if (image->bits == 16 && is_little_endian()) png_set_swap(png);
    for (uint32_t y = 0; y < image->height; y++) png_write_row(png, image->pixels + row * y);
    png_write_end(png, info);
    png_destroy_write_struct(&png, &info);
    *bytes = to.bytes;
    *count = to.count;
    return 0;
}

void cimageio_free(void *memory) { free(memory); }
