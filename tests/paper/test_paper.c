#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cpu.h"
#include "kernels/levels.h"
#include "mseg.h"
#include "weights/seeded.h"

/* The paper's networks with seeded weights against PyTorch in float64 (make_goldens.py): every backbone, output stride, head
 * option and kind of size, every kernel set, one and two threads, fused and unfused; labels of the inference strategies.
 *
 * With a folder for an argument (full_size.py's), its cases instead, fused and with two threads only. */

#define TOLERANCE 1e-4 /* of the logits' range */
enum { THREADS = 2, UNSURE = 255 };

/* A line of cases.txt; its values follow those of the line before. */
typedef struct golden {
    char kind[16], name[64];
    int output_stride, width, height;
    int rank, shape[4];                 /* seeded */
    int out_width, out_height, classes; /* forward */
    double range;
    size_t step;
    int side, scales, flip; /* segment */
    size_t count;
    const float *values;
} golden;

typedef struct goldens {
    golden *cases;
    size_t count;
    float *values;
    mseg_pool *pool;
    const char *folder; /* NULL: the committed ones */
} goldens;

static goldens the_goldens;

/* ---- reading ---- */

static double field(const char *line, const char *key)
{
    const char *at = strstr(line, key);
    return at ? strtod(at + strlen(key), NULL) : 0;
}

static bool parse(golden *g, const char *line)
{
    *g = (golden){.count = (size_t)field(line, " count=")};
    int n = sscanf(line, "%15s %63s", g->kind, g->name);
    if (n == 2 && !strcmp(g->kind, "seeded"))
        return sscanf(line, "%*s %*s %d %d,%d,%d,%d", &g->rank, g->shape, g->shape + 1, g->shape + 2, g->shape + 3) == 5;
    const char *out = strstr(line, " out=");
    if (out && sscanf(out, " out=%dx%dx%d", &g->out_width, &g->out_height, &g->classes) != 3)
        return false;
    g->range = field(line, " range=");
    g->step = (size_t)field(line, " step=");
    g->side = (int)field(line, " side=");
    g->scales = (int)field(line, " scales=");
    g->flip = (int)field(line, " flip=");
    return n == 2 && sscanf(line, "%*s %*s %d %dx%d", &g->output_stride, &g->width, &g->height) == 3;
}

static FILE *open_golden(const goldens *all, const char *name)
{
    char path[1024];
    snprintf(path, sizeof path, "%s/%s", all->folder ? all->folder : MSEG_TESTS_DIR "/paper/goldens", name);
    return fopen(path, "rb");
}

static bool read_values(goldens *all, size_t count)
{
    FILE *file = open_golden(all, "values.f32");
    all->values = malloc((count + 1) * sizeof *all->values);
    bool good = file && all->values && fread(all->values, sizeof *all->values, count + 1, file) == count;
    if (file)
        fclose(file);
    size_t used = 0;
    for (size_t i = 0; i < all->count; used += all->cases[i++].count)
        all->cases[i].values = all->values + used;
    return good;
}

static int setup(void **state)
{
    enum { MOST = 1000 };
    char line[256];
    size_t values = 0;
    goldens *all = *state = &the_goldens;
    FILE *file = open_golden(all, "cases.txt");
    all->cases = calloc(MOST, sizeof *all->cases);
    if (!file || !all->cases)
        return 1;
    while (all->count < MOST && fgets(line, sizeof line, file)) {
        if (!parse(&all->cases[all->count], line))
            return 1;
        values += all->cases[all->count++].count;
    }
    fclose(file);
    return !read_values(all, values) || mseg_pool_open(&all->pool, THREADS);
}

static int teardown(void **state)
{
    goldens *all = *state;
    mseg_pool_close(&all->pool);
    free(all->cases);
    free(all->values);
    return 0;
}

/* ---- what both sides compute ---- */

static int triangle(int v, int period)
{
    return abs(v % (2 * period) - period) * 200 / period;
}

/* networks.py's picture(). */
static mseg_image picture(int width, int height)
{
    mseg_image image;
    assert_int_equal(mseg_image_create(&image, width, height, MSEG_RGB), MSEG_OK);
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++) {
            uint8_t *pixel = image.data + (size_t)y * image.stride + (size_t)x * 3;
            const int waves[3] = {triangle(3 * x + 5 * y, 40), triangle(7 * x - 2 * y + 2440, 90),
                                  triangle(x * x / 16 + 4 * y, 60)};
            for (int c = 0; c < 3; c++)
                pixel[c] = (uint8_t)(waves[c] + (x * 31 + y * 17 + x * y * 7 + c * 5) % 56);
        }
    return image;
}

static void test_seeded_values(void **state)
{
    const goldens *all = *state;
    int checked = 0;
    for (size_t i = 0; i < all->count; i++) {
        const golden *g = &all->cases[i];
        if (strcmp(g->kind, "seeded"))
            continue;
        mseg_tensor tensor = {.dtype = MSEG_SEEDED, .rank = g->rank, .bytes = 4};
        snprintf(tensor.name, sizeof tensor.name, "%s", g->name);
        for (int d = 0; d < 4; d++)
            tensor.bytes *= (size_t)(tensor.shape[d] = g->shape[d]);
        const size_t n = mseg_tensor_elements(&tensor);
        float *values = malloc(n * sizeof *values);
        assert_non_null(values);
        mseg_seeded_values(&tensor, values);
        assert_memory_equal(values, g->values, 4 * sizeof *values);
        assert_memory_equal(values + n - 4, g->values + 4, 4 * sizeof *values);
        free(values);
        checked++;
    }
    assert_int_equal(checked, all->folder ? 0 : 4);
}

/* ---- running ---- */

typedef struct setting {
    mseg_cpu_level level;
    bool unfused;
    mseg_pool *pool;
} setting;

typedef struct running {
    mseg_model *model;
    mseg_session *session;
    mseg_error err;
} running;

static void open_model(running *r, const golden *g, const setting *s)
{
    mseg_model_options options;
    mseg_model_options_init(&options, sizeof options);
    options.output_stride = g->output_stride;
    options.cpu = mseg_cpu_level_name(s->level);
    options.unfused = s->unfused;
    if (mseg_model_open_random(&r->model, g->name, &options, &r->err))
        fail_msg("%s: %s", g->name, r->err.text);
    assert_string_equal(mseg_model_describe(r->model).kernels, options.cpu);
}

static void open_session(running *r, mseg_pool *pool)
{
    if (mseg_session_open(&r->session, r->model, pool, &r->err))
        fail_msg("%s", r->err.text);
}

static const char *describe(const golden *g, const setting *s)
{
    static char text[200];
    snprintf(text, sizeof text, "%s %s, output stride %d, %dx%d, %s, %s, %d threads", g->kind, g->name, g->output_stride,
             g->width, g->height, mseg_cpu_level_name(s->level), s->unfused ? "unfused" : "fused", mseg_pool_threads(s->pool));
    return text;
}

/* Returns the largest error, in parts of the range. */
static double check_forward(running *r, const golden *g, const setting *s)
{
    mseg_result result;
    double worst = 0;
    mseg_image image = picture(g->width, g->height);
    if (mseg_session_forward(r->session, mseg_view_of(&image), &result, &r->err))
        fail_msg("%s: %s", describe(g, s), r->err.text);
    if (result.logits_width != g->out_width || result.logits_height != g->out_height || result.classes != g->classes)
        fail_msg("%s: %dx%dx%d logits", describe(g, s), result.logits_width, result.logits_height, result.classes);
    for (size_t i = 0; i < g->count; i++) {
        const double logit = (double)result.logits[i * g->step], error = fabs(logit - (double)g->values[i]) / g->range;
        if (!(error <= TOLERANCE))
            fail_msg("%s: logit %zu is %.9g, not %.9g", describe(g, s), i * g->step, logit, (double)g->values[i]);
        worst = error > worst ? error : worst;
    }
    mseg_image_free(&image);
    return worst;
}

static double check_classify(running *r, const golden *g, const setting *s)
{
    const float *scores;
    double worst = 0;
    mseg_image image = picture(g->width, g->height);
    if (mseg_classify(r->session, mseg_view_of(&image), g->width, 1, &scores, &r->err))
        fail_msg("%s: %s", describe(g, s), r->err.text);
    assert_int_equal(mseg_model_describe(r->model).classes, g->count);
    for (size_t i = 0; i < g->count; i++) {
        const double error = fabs((double)scores[i] - (double)g->values[i]);
        if (!(error <= TOLERANCE))
            fail_msg("%s: probability %zu is %g, not %g", describe(g, s), i, (double)scores[i], (double)g->values[i]);
        worst = error > worst ? error : worst;
    }
    mseg_image_free(&image);
    return worst;
}

/* Labels as runs of (first pixel, label). */
static double check_segment(running *r, const golden *g, const setting *s)
{
    static const double scales[2][6] = {{1}, {0.5, 0.75, 1, 1.25, 1.5, 1.75}};
    mseg_run_options options;
    mseg_run_options_init(&options, sizeof options);
    mseg_result result;
    mseg_image image = picture(g->width, g->height);
    options.resize = MSEG_RESIZE_NONE;
    options.size = g->side;
    options.flip = g->flip;
    options.n_scales = g->scales;
    memcpy(options.scales, scales[g->scales > 1], sizeof scales[0]);
    if (mseg_segment(r->session, mseg_view_of(&image), &options, &result, &r->err))
        fail_msg("%s: %s", describe(g, s), r->err.text);
    assert_true(result.labels.width == g->width && result.labels.height == g->height);
    for (size_t i = 0; i < g->count; i += 2) {
        const int end = i + 2 < g->count ? (int)g->values[i + 2] : g->width * g->height, label = (int)g->values[i + 1];
        for (int p = (int)g->values[i]; p < end && label != UNSURE; p++) {
            const int got = result.labels.data[(size_t)(p / g->width) * result.labels.stride + (size_t)(p % g->width)];
            if (got != label)
                fail_msg("%s: label at %d, %d is %d, not %d", describe(g, s), p % g->width, p / g->width, got, label);
        }
    }
    mseg_image_free(&image);
    return 0;
}

static double run(running *r, const golden *g, const setting *s)
{
    double error;
    open_session(r, s->pool);
    if (!strcmp(g->kind, "forward"))
        error = check_forward(r, g, s);
    else if (!strcmp(g->kind, "classify"))
        error = check_classify(r, g, s);
    else
        error = check_segment(r, g, s);
    mseg_session_close(&r->session);
    return error;
}

/* Returns the largest error of one case, fused or not. */
static double check_case(const goldens *all, const golden *g, mseg_cpu_level level, bool unfused)
{
    running r = {0};
    setting s = {level, unfused, all->pool};
    open_model(&r, g, &s);
    double error = run(&r, g, &s);
    s.pool = NULL;
    if (!all->folder)
        error = fmax(error, run(&r, g, &s));
    mseg_model_close(&r.model);
    return error;
}

static void check_level(const goldens *all, mseg_cpu_level level)
{
    double worst = 0;
    int checked = 0;
    need_level(level);
    for (size_t i = 0; i < all->count; i++) {
        const golden *g = &all->cases[i];
        if (!strcmp(g->kind, "seeded"))
            continue;
        worst = fmax(worst, check_case(all, g, level, false));
        if (!all->folder)
            worst = fmax(worst, check_case(all, g, level, true));
        checked++;
    }
    print_message("%s: %d cases, largest error %.2g of the logits' range\n", mseg_cpu_level_name(level), checked, worst);
    assert_true(checked >= (all->folder ? 1 : 195));
}

LEVELS(DEFINE_LEVEL_TEST)

int main(int argc, char **argv)
{
    the_goldens.folder = argc > 1 ? argv[1] : NULL;
    const struct CMUnitTest tests[] = {
        LEVELS(LEVEL_TEST) cmocka_unit_test(test_seeded_values),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
