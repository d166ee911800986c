#include "cimageio.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>
#include <jerror.h>

typedef struct {
    struct jpeg_error_mgr base;
    struct jpeg_progress_mgr progress;
    jmp_buf jump;
    char *error;
    size_t error_size;
} state;

static void on_error(j_common_ptr info) {
    state *s = (state *)info->err;
    char text[JMSG_LENGTH_MAX];
    info->err->format_message(info, text);
    if (s->error_size > 0) snprintf(s->error, s->error_size, "%s", text);
    longjmp(s->jump, 1);
}

/// libjpeg fills damaged parts with grey and warns: such a picture is refused, harmless remarks are let pass.
static void on_message(j_common_ptr info, int level) {
    if (level >= 0) return;
    switch (info->err->msg_code) {
    case JWRN_EXTRANEOUS_DATA:
    case JWRN_ADOBE_XFORM:
    case JWRN_JFIF_MAJOR: return;
    default: on_error(info);
    }
}

/// A progressive file can ask for thousands of scans over a large picture in a few bytes.
static void on_progress(j_common_ptr info) {
    if (!info->is_decompressor) return;
    const j_decompress_ptr decompress = (j_decompress_ptr)info;
    if (decompress->input_scan_number > 100) {
        info->err->msg_code = JERR_BAD_PROGRESSION;
        on_error(info);
    }
}

int cimageio_jpeg_decode(
    const uint8_t *bytes, size_t count, uint64_t max_pixels, cimageio_image *image, char *error, size_t error_size) {
    struct jpeg_decompress_struct info;
    state s;
    memset(image, 0, sizeof *image);
    memset(&info, 0, sizeof info);
    memset(&s, 0, sizeof s);
    s.error = error;
    s.error_size = error_size;
    info.err = jpeg_std_error(&s.base);
    s.base.error_exit = on_error;
    s.base.emit_message = on_message;
    s.progress.progress_monitor = on_progress;
    uint8_t *volatile pixels = NULL;
    if (setjmp(s.jump)) {
        free(pixels);
        jpeg_destroy_decompress(&info);
        return 1;
    }
    jpeg_create_decompress(&info);
    info.progress = &s.progress;
    jpeg_mem_src(&info, bytes, (unsigned long)count);
    jpeg_read_header(&info, TRUE);
    if ((uint64_t)info.image_width * info.image_height > max_pixels) {
        snprintf(error, error_size, "the picture is too large");
        jpeg_destroy_decompress(&info);
        return 1;
    }
    if (info.num_components != 1 && info.num_components != 3) {
        snprintf(error, error_size, "%d colour components (CMYK) are not supported", info.num_components);
        jpeg_destroy_decompress(&info);
        return 1;
    }
    info.out_color_space = info.num_components == 1 ? JCS_GRAYSCALE : JCS_RGB;
    jpeg_start_decompress(&info);
    const size_t row = (size_t)info.output_width * info.output_components;
    pixels = malloc(row * info.output_height);
    if (!pixels) {
        snprintf(error, error_size, "not enough memory");
        jpeg_destroy_decompress(&info);
        return 1;
    }
    while (info.output_scanline < info.output_height) {
        JSAMPROW line = pixels + row * info.output_scanline;
        jpeg_read_scanlines(&info, &line, 1);
    }
    image->width = info.output_width;
    image->height = info.output_height;
    image->channels = (uint32_t)info.output_components;
    image->bits = 8;
    image->pixels = pixels;
    image->byte_count = row * info.output_height;
    jpeg_finish_decompress(&info);
    jpeg_destroy_decompress(&info);
    return 0;
}
