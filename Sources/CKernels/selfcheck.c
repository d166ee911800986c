#include "isa.h"

#include <string.h>

enum { DEPTH = 14, SEGMENTS = 2, LENGTH = SEGMENTS * DEPTH };

static uint32_t next(uint32_t *state) {
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

int32_t ck_agrees_with_portable(const ck_table *table) {
    uint32_t state = 1;
    float af[CK_MAX_ROWS][LENGTH], bf[LENGTH * CK_MAX_WIDTH];
    float ao[CK_MAX_ROWS][LENGTH], bo[LENGTH * CK_MAX_WIDTH];
    int16_t ai[CK_MAX_ROWS][LENGTH], bi[LENGTH * CK_MAX_WIDTH];
    for (int32_t i = 0; i < CK_MAX_ROWS; i++)
        for (int32_t k = 0; k < LENGTH; k++) {
            af[i][k] = (float)(int32_t)(next(&state) % 257) - 128;
            ao[i][k] = (float)next(&state) / 3 - 2e6f;
            ai[i][k] = (int16_t)((int32_t)(next(&state) % 511) - 255);
        }
    for (int32_t k = 0; k < LENGTH * CK_MAX_WIDTH; k++) {
        bf[k] = (float)(int32_t)(next(&state) % 257) - 128;
        bo[k] = (float)next(&state) / 7 - 1e6f;
        bi[k] = (int16_t)((int32_t)(next(&state) % 511) - 255);
    }
    uint8_t b4[LENGTH / 2 * CK_MAX_WIDTH];
    int16_t wanted_codes[LENGTH * CK_MAX_WIDTH], got_codes[LENGTH * CK_MAX_WIDTH];
    for (int32_t k = 0; k < LENGTH / 2 * CK_MAX_WIDTH; k++) b4[k] = (uint8_t)next(&state);
    // 16 bytes at a time and a rest of 8.
    for (int32_t n = LENGTH / 2 * CK_MAX_WIDTH; n > LENGTH / 2 * CK_MAX_WIDTH - 16; n -= 8) {
        table->unpack_i4(b4, n, got_codes);
        ck_table_portable.unpack_i4(b4, n, wanted_codes);
        if (memcmp(got_codes, wanted_codes, (size_t)n * 2 * sizeof(int16_t)) != 0) return 0;
    }
    const ck_segment segments[SEGMENTS] = {{0, DEPTH}, {DEPTH, DEPTH}};
    for (int32_t index = 0; index < CK_WIDTHS; index++) {
        int32_t width = 8 * (index + 1);
        float wanted_f[2 * CK_MAX_WIDTH], got_f[CK_MAX_ROWS * CK_MAX_WIDTH];
        int32_t wanted_i[2 * CK_MAX_WIDTH], got_i[CK_MAX_ROWS * CK_MAX_WIDTH];
        int32_t wanted_4[2 * CK_MAX_WIDTH], got_4[CK_MAX_ROWS * CK_MAX_WIDTH];
        float wanted_o[2 * CK_MAX_WIDTH], got_o[CK_MAX_ROWS * CK_MAX_WIDTH];
        const float *rows_f[CK_MAX_ROWS], *rows_o[CK_MAX_ROWS];
        const int16_t *rows_i[CK_MAX_ROWS];
        for (int32_t i = 0; i < CK_MAX_ROWS; i++) {
            rows_f[i] = af[i];
            rows_o[i] = ao[i];
            rows_i[i] = ai[i];
        }
        table->tile_f32[0][index](rows_f, segments, SEGMENTS, bf, got_f, 0);
        table->tile_f32[0][index](rows_f, segments, SEGMENTS, bf, got_f, 1);
        table->tile_f32[1][index](rows_o, segments, SEGMENTS, bo, got_o, 0);
        table->tile_i16[index](rows_i, segments, SEGMENTS, bi, got_i);
        int32_t row_4[2 * CK_MAX_WIDTH];
        table->tile_i4[0][index](rows_i, segments, SEGMENTS, b4, got_4);
        table->tile_i4[1][index](rows_i, segments, SEGMENTS, b4, row_4);
        if (memcmp(row_4, got_4, (size_t)width * sizeof(int32_t)) != 0) return 0;
        for (int32_t i = 0; i < table->rows_f32[index]; i++) {
            // Two equal rows, because the portable tile computes two. Small integers make every float sum exact.
            // Ordered sums must agree on numbers that every product and sum rounds.
            const float *pair[2] = {af[i], af[i]}, *pair_o[2] = {ao[i], ao[i]};
            ck_table_portable.tile_f32[0][index](pair, segments, SEGMENTS, bf, wanted_f, 0);
            ck_table_portable.tile_f32[1][index](pair_o, segments, SEGMENTS, bo, wanted_o, 0);
            for (int32_t j = 0; j < width; j++)
                if (got_f[i * width + j] != 2 * wanted_f[j] || got_o[i * width + j] != wanted_o[j]) return 0;
        }
        for (int32_t i = 0; i < table->rows_i16[index]; i++) {
            const int16_t *pair[2] = {ai[i], ai[i]};
            ck_table_portable.tile_i16[index](pair, segments, SEGMENTS, bi, wanted_i);
            ck_table_portable.tile_i4[0][index](pair, segments, SEGMENTS, b4, wanted_4);
            for (int32_t j = 0; j < width; j++)
                if (got_i[i * width + j] != wanted_i[j] || got_4[i * width + j] != wanted_4[j]) return 0;
        }
    }
    return 1;
}
