#ifndef MSEG_TESTS_STORED_VALUES_H
#define MSEG_TESTS_STORED_VALUES_H

/* A model's tensors and input rule against a file of what went in: per tensor name[64], rank, shape[4] (int32), values (float32);
 * "input" is scale and offset. */

#include <math.h>

#include "weights/model_files.h"

enum { RECORD = 64 + 5 * 4 };

/* A byte becomes byte * scale + offset; computed in double, rounded once. */
static void check_input(const char *name, mseg_input input, const float rule[6])
{
    for (int c = 0; c < 3; c++)
        if (fabsf(input.scale[c] - rule[c]) > 1e-6f * fabsf(rule[c]) || fabsf(input.offset[c] - rule[3 + c]) > 1e-6f)
            fail_msg("%s: byte * %g + %g in channel %d, not byte * %g + %g", name, (double)input.scale[c],
                     (double)input.offset[c], c, (double)rule[c], (double)rule[3 + c]);
}

/* One record of a .values file, its values at values. */
static void check_tensor(const char *file_name, const mseg_weights *weights, const char *name, const int32_t *shape,
                         size_t elements, const float *values)
{
    const mseg_tensor *t = mseg_weights_find(weights, name);
    if (!t)
        fail_msg("%s: %s is missing", file_name, name);
    assert_memory_equal(t->shape, shape, (size_t)t->rank * sizeof *shape);
    assert_int_equal(mseg_tensor_elements(t), elements);
    float *got = malloc(elements * sizeof *got);
    assert_non_null(got);
    mseg_tensor_to_f32(t, got);
    for (size_t i = 0; i < elements; i++)
        if (got[i] != values[i]) /* -0 is 0 */
            fail_msg("%s: %s [%zu] is %.9g, not %.9g", file_name, name, i, (double)got[i], (double)values[i]);
    free(got);
}

static int check_values(const char *name, const mseg_weights *weights)
{
    file f = load_data(name, ".values");
    int count = 0;
    for (size_t at = 0; at < f.size; count++) {
        assert_true(f.size - at > RECORD);
        const char *tensor = (const char *)f.bytes + at;
        int32_t head[5];
        memcpy(head, f.bytes + at + 64, sizeof head);
        size_t elements = 1;
        for (int i = 0; i < head[0]; i++)
            elements *= (size_t)head[1 + i];
        assert_true((f.size - at - RECORD) / sizeof(float) >= elements);
        float *values = malloc(elements * sizeof *values);
        assert_non_null(values);
        memcpy(values, f.bytes + at + RECORD, elements * sizeof *values);
        if (strcmp(tensor, "input") == 0)
            check_input(name, mseg_weights_input(weights), values);
        else
            check_tensor(name, weights, tensor, head + 1, elements, values);
        free(values);
        at += RECORD + elements * sizeof *values;
    }
    free(f.bytes);
    return count - 1;
}

#endif
