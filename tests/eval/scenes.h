#ifndef MSEG_TESTS_EVAL_SCENES_H
#define MSEG_TESTS_EVAL_SCENES_H

/* For tests of counts: the scenes that make_golden.py draws, too. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mseg.h"
#include "rules.h"

#include "golden_metrics.h"

enum { IGNORE = 255 };

/* ---- scenes, as scene() of make_golden.py draws them ------------------------------------------------------------------- */

static uint32_t next_random(uint64_t *state, uint32_t n)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*state >> 33) % n;
}

static void draw(mseg_image *ids, uint64_t seed, int width, int height, const uint8_t *choices, uint32_t n)
{
    uint64_t state = seed;
    assert_int_equal(mseg_image_create(ids, width, height, MSEG_GRAY), MSEG_OK);
    memset(ids->data, choices[next_random(&state, n)], ids->stride * (size_t)height);
    for (int i = 0; i < 12; i++) {
        int x0 = (int)next_random(&state, (uint32_t)width), y0 = (int)next_random(&state, (uint32_t)height);
        int w = 1 + (int)next_random(&state, (uint32_t)width), h = 1 + (int)next_random(&state, (uint32_t)height);
        uint8_t id = choices[next_random(&state, n)];
        for (int y = y0; y < y0 + h && y < height; y++)
            for (int x = x0; x < x0 + w && x < width; x++)
                ids->data[(size_t)y * ids->stride + (size_t)x] = id;
    }
}

static void draw_scene(int i, mseg_image *truth, mseg_image *prediction)
{
    static const uint8_t of_truth[] = {0, 1, 2, 3, IGNORE}, of_prediction[] = {0, 1, 2, 3, 5}, of_mixture[] = {0, 1};
    int width = golden_sizes[i][0], height = golden_sizes[i][1];
    mseg_image mixture;
    draw(truth, 100 + (uint64_t)i, width, height, of_truth, 5);
    draw(prediction, 200 + (uint64_t)i, width, height, of_prediction, 5);
    draw(&mixture, 300 + (uint64_t)i, width, height, of_mixture, 2);
    for (size_t k = 0; k < mixture.stride * (size_t)height; k++)
        if (!mixture.data[k] && truth->data[k] != IGNORE)
            prediction->data[k] = truth->data[k];
    mseg_image_free(&mixture);
}

static mseg_counts *open_counts(void)
{
    mseg_mask_rules rules = rules_of(CLASSES, IGNORE);
    mseg_counts *counts;
    assert_int_equal(mseg_counts_open(&counts, &rules, "resize: none\nsize: 513\n", NULL), MSEG_OK);
    return counts;
}

static void add_scene(mseg_counts *counts, int i)
{
    char id[32];
    mseg_image truth, prediction;
    snprintf(id, sizeof id, "scene%d", i);
    draw_scene(i, &truth, &prediction);
    assert_int_equal(mseg_counts_add(counts, id, mseg_view_of(&truth), mseg_view_of(&prediction), NULL), MSEG_OK);
    mseg_image_free(&truth);
    mseg_image_free(&prediction);
}

static char *slurp(const char *path)
{
    FILE *file = fopen(path, "rb");
    char *text = calloc(1, 1 << 16);
    assert_non_null(file);
    assert_true(fread(text, 1, (1 << 16) - 1, file) > 0);
    fclose(file);
    return text;
}

#endif
