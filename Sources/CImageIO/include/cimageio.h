#ifndef CIMAGEIO_H
#define CIMAGEIO_H

#include <stddef.h>
#include <stdint.h>

/// A decoded picture: rows from the top, no padding, channels interleaved, 16-bit samples in the machine's byte order.
typedef struct {
    uint32_t width;
    uint32_t height;
    uint32_t channels;  // 1 grey, 2 grey and alpha, 3 RGB, 4 RGBA
    uint32_t bits;      // 8 or 16
    uint8_t *pixels;    // freed with cimageio_free
    size_t byte_count;
} cimageio_image;

/// Decodes a whole PNG or JPEG file in memory. Palettes become RGB (or RGBA), 1, 2 and 4-bit grey becomes 8-bit grey.
/// Pictures of more than `max_pixels` are refused before memory is allocated for them, and damaged or cut files are
/// refused rather than filled with grey. Returns 0, or nonzero with a text in `error`; never leaves memory behind then.
int cimageio_png_decode(
    const uint8_t *bytes, size_t count, uint64_t max_pixels, cimageio_image *image, char *error, size_t error_size);
int cimageio_jpeg_decode(
    const uint8_t *bytes, size_t count, uint64_t max_pixels, cimageio_image *image, char *error, size_t error_size);

/// Encodes a picture as PNG, with the same bytes for the same picture. `*bytes` is freed with cimageio_free.
int cimageio_png_encode(
    const cimageio_image *image, uint8_t **bytes, size_t *count, char *error, size_t error_size);

void cimageio_free(void *memory);

#endif
