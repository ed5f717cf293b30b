#include "base/alloc.h"
#include <stdatomic.h>
#include <sys/mman.h>

#include "plan/cases.h"
#include "plan/stage.h"

#include "kernels/levels.h"

/* Counts, memory and refusals of plans. The program is linked so that calls of the allocators come here first. */

/* ---- allocators ---- */

static atomic_int allocations;

void *__real_malloc(size_t bytes);
void *__real_calloc(size_t count, size_t bytes);
void *__real_realloc(void *memory, size_t bytes);
void *__real_aligned_alloc(size_t alignment, size_t bytes);
void *__wrap_malloc(size_t bytes);
void *__wrap_calloc(size_t count, size_t bytes);
void *__wrap_realloc(void *memory, size_t bytes);
void *__wrap_aligned_alloc(size_t alignment, size_t bytes);

void *__wrap_malloc(size_t bytes)
{
    atomic_fetch_add(&allocations, 1);
    return __real_malloc(bytes);
}

void *__wrap_calloc(size_t count, size_t bytes)
{
    atomic_fetch_add(&allocations, 1);
    return __real_calloc(count, bytes);
}

void *__wrap_realloc(void *memory, size_t bytes)
{
    atomic_fetch_add(&allocations, 1);
    return __real_realloc(memory, bytes);
}

void *__wrap_aligned_alloc(size_t alignment, size_t bytes)
{
    atomic_fetch_add(&allocations, 1);
    return __real_aligned_alloc(alignment, bytes);
}

static const mseg_kernels *best_kernels(void)
{
    return level_kernels(mseg_cpu_detect().level);
}

/* Calls check for every case and cache size, with a plan for two threads. */
static void for_plans(void (*check)(const net_case *, mseg_plan *), bool counted)
{
    net_case c;
    FILE *file = cases_open();
    while (cases_next(file, &c)) {
        if (!counted && !c.step)
            continue;
        for (int unfused = 0; unfused < 2; unfused++) {
            mseg_packed_net *net = case_net(&c, best_kernels(), unfused);
            for (int i = 0; i < CASE_CACHES; i++) {
                mseg_plan *plan = case_plan(&c, net, 2, case_caches[i]);
                check(&c, plan);
                mseg_plan_close(&plan);
            }
            mseg_packed_net_close(&net);
        }
    }
    fclose(file);
}

static void check_no_allocation(const net_case *c, mseg_plan *plan)
{
    mseg_picture picture = case_picture(c->picture_width, c->picture_height, c->seed);
    mseg_pool *pool;
    assert_int_equal(mseg_pool_open(&pool, 2), MSEG_OK);
    int before = atomic_load(&allocations);
    assert_true(before > 0); /* building and planning came by here */
    mseg_plan_run(plan, &picture, pool);
    assert_int_equal(atomic_load(&allocations), before);
    mseg_pool_close(&pool);
    case_picture_free(&picture);
}

static void test_running_allocates_nothing(void **state)
{
    (void)state;
    for_plans(check_no_allocation, false);
}

/* ---- counts ---- */

/* The script counts elements of PyTorch's tensors; its totals for the full networks are those of docs/numerics.md, "Counts". */
static void check_counts(const net_case *c, const mseg_packed_net *net)
{
    mseg_plan *plan = case_plan(c, net, 1, 1 << 20);
    int64_t madds = 0;
    assert_int_equal(mseg_plan_layers(plan), c->n_ops + 1);
    for (int i = 0; i < c->n_ops; i++) {
        const case_op *op = &c->ops[i];
        mseg_plan_layer layer = mseg_plan_layer_at(plan, i + 1);
        assert_true(layer.madds == op->madds && layer.params == op->params);
        assert_true(layer.out_width == op->width && layer.out_height == op->height && layer.out_channels == op->out);
        assert_true(layer.in_channels == op->channels && layer.stride == op->stride && layer.rate == op->rate);
        assert_int_equal(layer.kernel, op->kernel);
        assert_true(layer.peak_bytes > 0 && layer.peak_bytes <= mseg_plan_arena_bytes(plan));
        madds += layer.madds;
    }
    assert_true(madds == c->madds);
    assert_true(mseg_net_params(&net->net) == c->params);
    mseg_plan_close(&plan);
}

static void test_counts(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int64_t madds;
    } published[] = {{"count_os32", 1607243456},       {"count_os16", 2740709056},      {"count_os8", 8825853632},
                     {"count_os16_aspp", 5363508928},  {"count_os8_aspp", 19001546432}, {"count_dm05_os16", 867496704},
                     {"count_dm05_os8_257", 725849344}};
    net_case c;
    size_t found = 0;
    FILE *file = cases_open();
    while (cases_next(file, &c)) {
        mseg_packed_net *net = case_net(&c, best_kernels(), false);
        check_counts(&c, net);
        for (size_t i = 0; i < sizeof published / sizeof *published; i++)
            if (!strcmp(c.name, published[i].name)) {
                assert_true(c.madds == published[i].madds);
                found++;
            }
        mseg_packed_net_close(&net);
    }
    fclose(file);
    assert_int_equal(found, sizeof published / sizeof *published);
}

/* ---- memory ---- */

static void check_areas(const net_case *c, mseg_plan *plan)
{
    size_t end = 0;
    for (int i = 0; i < plan->n_areas; i++) {
        const mseg_area *a = &plan->areas[i];
        assert_true(a->first <= a->last && a->last < plan->n_steps && a->offset % MSEG_ALIGN == 0);
        end = a->offset + a->bytes > end ? a->offset + a->bytes : end;
        for (int k = 0; k < i; k++) {
            const mseg_area *b = &plan->areas[k];
            bool together = a->first <= b->last && b->first <= a->last;
            bool overlap = a->offset < b->offset + b->bytes && b->offset < a->offset + a->bytes;
            if (together && overlap)
                fail_msg("%s: areas %d and %d overlap while both are alive", c->name, i, k);
        }
    }
    assert_true(mseg_plan_arena_bytes(plan) == end);
}

static void test_areas_do_not_overlap(void **state)
{
    (void)state;
    for_plans(check_areas, true);
}

/* Every area of a plan in pages of its own, between two that fault; outside its life it faults itself. */
enum { PAGE = 4096, MAX_AREAS = 256, MAX_STEPS = 256 };
static struct {
    const mseg_plan *plan;
    struct fence {
        uint8_t *map;
        size_t bytes;
    } fences[MAX_AREAS];
    void (*run[MAX_STEPS])(const mseg_step *, const mseg_bases *, int, int);
} fenced;

static void open_living_areas(const mseg_plan *plan, int step)
{
    for (int i = 0; i < plan->n_areas; i++) {
        const mseg_area *area = &plan->areas[i];
        int access = area->first <= step && step <= area->last ? PROT_READ | PROT_WRITE : PROT_NONE;
        assert_int_equal(mprotect(fenced.fences[i].map + PAGE, fenced.fences[i].bytes, access), 0);
    }
}

static void run_fenced(const mseg_step *step, const mseg_bases *bases, int u0, int u1)
{
    int now = (int)(step - fenced.plan->steps);
    fenced.run[now](step, bases, u0, u1);
    if (u1 == step->units && now + 1 < fenced.plan->n_steps)
        open_living_areas(fenced.plan, now + 1);
}

static void put_up_fences(mseg_plan *plan, bool at_end)
{
    assert_true(plan->n_areas <= MAX_AREAS && plan->n_steps <= MAX_STEPS);
    fenced.plan = plan;
    for (int i = 0; i < plan->n_areas; i++) {
        size_t used = plan->areas[i].bytes, bytes = (used + PAGE - 1) / PAGE * PAGE;
        uint8_t *map = mmap(NULL, bytes + 2 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        assert_true(map != MAP_FAILED);
        assert_int_equal(mprotect(map + PAGE, bytes, PROT_READ | PROT_WRITE), 0);
        memset(map + PAGE, 0xFF, bytes);
        fenced.fences[i] = (struct fence){map, bytes};
        plan->tensors[i] = (map + PAGE + (at_end ? bytes - used : 0));
    }
    for (int i = 0; i < plan->n_steps; i++) {
        fenced.run[i] = plan->steps[i].run;
        plan->steps[i].run = run_fenced;
    }
    open_living_areas(plan, 0);
}

static void take_fences_down(mseg_plan *plan)
{
    for (int i = 0; i < plan->n_areas; i++)
        munmap(fenced.fences[i].map, fenced.fences[i].bytes + 2 * PAGE);
    for (int i = 0; i < plan->n_steps; i++)
        plan->steps[i].run = fenced.run[i];
}

/* The same bits as in the arena; an access outside a living area would end the program. */
static void check_fenced(const net_case *c, mseg_plan *plan)
{
    mseg_picture picture = case_picture(c->picture_width, c->picture_height, c->seed);
    const size_t bytes = (size_t)c->out_width * (size_t)c->out_height * (size_t)c->out_channels * sizeof(float);
    float *expected = malloc(bytes);
    assert_non_null(expected);
    memcpy(expected, test_run(plan, &picture, NULL), bytes);
    uint8_t **tensors = plan->tensors;
    plan->tensors = calloc((size_t)plan->n_areas, sizeof *tensors);
    assert_non_null(plan->tensors);
    for (int at_end = 0; at_end < 2; at_end++) {
        put_up_fences(plan, at_end);
        assert_memory_equal(test_run(plan, &picture, NULL), expected, bytes);
        take_fences_down(plan);
    }
    free(plan->tensors);
    plan->tensors = tensors;
    free(expected);
    case_picture_free(&picture);
}

static void test_steps_stay_in_living_areas(void **state)
{
    (void)state;
    for_plans(check_fenced, false);
}

/* The expanded maps of inverted residuals never exist whole when fused. */
static void test_fused_plans_need_less(void **state)
{
    (void)state;
    net_case c;
    FILE *file = cases_open();
    while (cases_next(file, &c)) {
        if (c.step)
            continue;
        size_t bytes[2];
        for (int unfused = 0; unfused < 2; unfused++) {
            mseg_packed_net *net = case_net(&c, best_kernels(), unfused);
            mseg_plan *plan = case_plan(&c, net, 2, 1 << 20);
            bytes[unfused] = mseg_plan_arena_bytes(plan);
            mseg_plan_close(&plan);
            mseg_packed_net_close(&net);
        }
        if (bytes[0] * 3 > bytes[1] * 2)
            fail_msg("%s: %zu bytes fused, %zu unfused", c.name, bytes[0], bytes[1]);
    }
    fclose(file);
}

/* ---- refusals ---- */

static void expect_layer(test_net *net, mseg_status status, mseg_net_layer layer)
{
    mseg_value value;
    assert_int_equal(mseg_net_add(&net->net, &layer, &value), status);
}

/* The picture, a map of 8 channels, and its average. */
static void small_net(test_net *net, mseg_value *map, mseg_value *pooled)
{
    static const float weights[24];
    mseg_value input;
    test_net_open(net, MSEG_SAME, &input);
    assert_int_equal(mseg_net_picture(&net->net, &input), MSEG_INVAL);
    const mseg_net_layer first = {.n_in = 1, .kernel = 1, .channels = 8};
    assert_int_equal(test_conv(net, "first", first, (test_filter){weights, NULL}, map), MSEG_OK);
    assert_int_equal(test_pool(net, "pool", *map, 0, 0, pooled), MSEG_OK);
}

static void test_bad_layers_are_refused(void **state)
{
    (void)state;
    mseg_value map, pooled, value;
    test_net net;
    small_net(&net, &map, &pooled);
    const mseg_net_layer good = {
        .kind = MSEG_CONV, .in = {map}, .n_in = 1, .add = -1, .kernel = 3, .stride = 1, .rate = 1, .channels = 4};
#define BAD(status, ...)                                                                                                         \
    do {                                                                                                                         \
        mseg_net_layer bad = good;                                                                                               \
        __VA_ARGS__;                                                                                                             \
        expect_layer(&net, status, bad);                                                                                         \
    } while (0)
    BAD(MSEG_INVAL, bad.in[0] = 99);
    BAD(MSEG_INVAL, bad.in[0] = -1);
    BAD(MSEG_INVAL, bad.n_in = 0);
    BAD(MSEG_INVAL, bad.n_in = MSEG_MAX_INPUTS + 1);
    BAD(MSEG_INVAL, bad.kernel = 2);
    BAD(MSEG_INVAL, bad.kernel = 0);
    BAD(MSEG_INVAL, bad.stride = 0);
    BAD(MSEG_INVAL, bad.rate = 0);
    BAD(MSEG_INVAL, bad.channels = 0);
    BAD(MSEG_INVAL, bad.add = map); /* 8 channels to 4 */
    BAD(MSEG_UNSUPPORTED, (bad.in[1] = pooled, bad.n_in = 2));
    BAD(MSEG_UNSUPPORTED, (bad.in[0] = 0, bad.rate = 2));
    BAD(MSEG_UNSUPPORTED, (bad.in[1] = 0, bad.n_in = 2));
    BAD(MSEG_UNSUPPORTED, (bad.in[0] = 0, bad.channels = 8, bad.add = map));
    BAD(MSEG_INVAL, (bad.kind = MSEG_INPUT, bad.channels = 8));
    BAD(MSEG_INVAL, strcpy(bad.name, "first")); /* there is one */
    BAD(MSEG_UNSUPPORTED, (bad.kind = MSEG_MAX_POOL, bad.channels = 8, bad.rate = 2));
    BAD(MSEG_INVAL, (bad.kind = MSEG_DEPTHWISE, bad.in[0] = 0, bad.channels = 3)); /* the picture */
    BAD(MSEG_INVAL, (bad.kind = MSEG_DEPTHWISE, bad.in[0] = pooled, bad.channels = 8));
    BAD(MSEG_INVAL, bad.kind = MSEG_DEPTHWISE); /* 8 channels to 4 */
    BAD(MSEG_INVAL, (bad.kind = MSEG_DEPTHWISE, bad.channels = 8, bad.add = map));
    BAD(MSEG_UNSUPPORTED, (bad.kind = MSEG_DEPTHWISE, bad.channels = 8, bad.kernel = 5));
    const mseg_net_layer twice = {
        .kind = MSEG_JOIN, .in = {map, map}, .n_in = 2, .add = -1, .kernel = 1, .stride = 1, .rate = 1, .channels = 16};
    BAD(MSEG_INVAL, (bad = twice, bad.channels = 8));
    BAD(MSEG_INVAL, (bad = twice, bad.in[0] = 0, bad.channels = 11)); /* the picture */
    BAD(MSEG_INVAL, (bad = twice, bad.in[1] = pooled));
    BAD(MSEG_INVAL, (bad = twice, bad.n_in = 0, bad.channels = 0));
    BAD(MSEG_INVAL, (bad = twice, bad.n_in = MSEG_MAX_INPUTS + 1));
    BAD(MSEG_INVAL, (bad = twice, bad.add = map));
    BAD(MSEG_UNSUPPORTED, (bad = twice, bad.kernel = 3));
    BAD(MSEG_UNSUPPORTED, (bad = twice, bad.stride = 2));
    BAD(MSEG_UNSUPPORTED, (bad = twice, bad.activation = MSEG_RELU));
#undef BAD
    assert_int_equal(test_pool(&net, "pool", 0, 0, 0, &value), MSEG_INVAL);
    assert_int_equal(test_pool(&net, "pool", pooled, 0, 0, &value), MSEG_INVAL);
    assert_int_equal(mseg_net_output(&net.net, 0), MSEG_INVAL);
    assert_int_equal(mseg_net_output(&net.net, net.net.count), MSEG_INVAL);
    for (int i = 0; i < MSEG_MAX_OUTPUTS; i++)
        assert_int_equal(mseg_net_output(&net.net, map), MSEG_OK);
    assert_int_equal(mseg_net_output(&net.net, map), MSEG_LIMIT);
    mseg_net_free(&net.net);
    mseg_net_free(&net.net);
    mseg_weights_close(&net.weights);
}

/* A net that was made for weights of other shapes. */
static void test_other_weights_are_refused(void **state)
{
    (void)state;
    mseg_value map, pooled;
    test_net net;
    mseg_packed_net *packed;
    mseg_error err;
    small_net(&net, &map, &pooled);
    net.net.layers[map].channels = net.net.layers[pooled].channels = 6;
    assert_int_equal(mseg_packed_net_open(&packed, &net.net, net.weights, best_kernels(), false, false, &err), MSEG_MISMATCH);
    assert_null(packed);
    assert_string_equal(err.text, "first.weight makes 8 channels by 1x1, the network's layer 6 by 1x1");
    mseg_net_free(&net.net);
    mseg_weights_close(&net.weights);
}

/* The same for a layer that is to be one with the projection before it. */
static void test_other_weights_of_products_are_refused(void **state)
{
    (void)state;
    static const float weights[200];
    const test_filter filter = {weights, NULL};
    const int other[] = {4, 1, 1, 7};
    mseg_value map, pooled, value, output = -1;
    test_net net, wrong;
    mseg_packed_net *packed;
    mseg_error err;
    for (int pass = 0; pass < 2; pass++) {
        test_net *t = pass ? &wrong : &net;
        small_net(t, &map, &pooled);
        const test_block block = {.input = map, .stride = 1, .rate = 1, .channels = 6, .depthwise = filter, .project = filter};
        assert_int_equal(test_inverted_residual(t, "block", &block, &value), MSEG_OK);
        const mseg_net_layer branch = {.in = {value}, .n_in = 1, .kernel = 1, .channels = 4};
        if (pass)
            test_tensor(t, "branch", "weight", weights, 4, other);
        else
            assert_int_equal(test_conv(t, "branch", branch, filter, &output), MSEG_OK);
    }
    assert_int_equal(mseg_net_output(&net.net, output), MSEG_OK);
    assert_int_equal(mseg_packed_net_open(&packed, &net.net, wrong.weights, best_kernels(), false, false, &err), MSEG_MISMATCH);
    assert_string_equal(err.text, "branch.weight takes 7 channels, block.project makes 6");
    mseg_net_free(&net.net);
    mseg_net_free(&wrong.net);
    mseg_weights_close(&net.weights);
    mseg_weights_close(&wrong.weights);
}

static void test_bad_plans_are_refused(void **state)
{
    (void)state;
    static const float weights[64];
    const test_filter filter = {weights, NULL};
    mseg_value map, pooled, half, both;
    test_net net;
    mseg_plan *plan;
    mseg_error err;
    const mseg_cpu cpu = mseg_cpu_detect();
    small_net(&net, &map, &pooled);
    mseg_packed_net *packed = test_net_pack(&net, best_kernels(), false);
    assert_int_equal(mseg_plan_open(&plan, packed, 5, 5, 1, &cpu, &err), MSEG_INVAL); /* no output */
    mseg_packed_net_close(&packed);
    small_net(&net, &map, &pooled);
    mseg_net_layer conv = {.in = {map}, .n_in = 1, .kernel = 1, .stride = 2, .channels = 8};
    assert_int_equal(test_conv(&net, "half", conv, filter, &half), MSEG_OK);
    conv.stride = 1;
    conv.n_in = 2;
    conv.in[1] = half;
    conv.channels = 4;
    assert_int_equal(test_conv(&net, "both", conv, filter, &both), MSEG_OK);
    assert_int_equal(mseg_net_output(&net.net, both), MSEG_OK);
    packed = test_net_pack(&net, best_kernels(), false);
    assert_int_equal(mseg_plan_open(&plan, packed, 0, 5, 1, &cpu, &err), MSEG_INVAL);
    assert_int_equal(mseg_plan_open(&plan, packed, 5, -1, 1, &cpu, &err), MSEG_INVAL);
    assert_int_equal(mseg_plan_open(&plan, packed, 5, 5, 0, &cpu, &err), MSEG_INVAL);
    assert_int_equal(mseg_plan_open(&plan, packed, 1 << 30, 1 << 30, 1, &cpu, &err), MSEG_LIMIT);
    assert_null(plan);
    assert_int_equal(mseg_plan_open(&plan, packed, 5, 5, 1, &cpu, &err), MSEG_MISMATCH); /* maps of two sizes */
    assert_int_equal(mseg_plan_open(&plan, packed, 1, 1, 1, &cpu, &err), MSEG_OK);
    mseg_plan_close(&plan);
    mseg_plan_close(&plan);
    mseg_packed_net_close(&packed);
    assert_null(packed);
    mseg_packed_net_close(&packed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_counts),
        cmocka_unit_test(test_running_allocates_nothing),
        cmocka_unit_test(test_areas_do_not_overlap),
        cmocka_unit_test(test_steps_stay_in_living_areas),
        cmocka_unit_test(test_fused_plans_need_less),
        cmocka_unit_test(test_bad_layers_are_refused),
        cmocka_unit_test(test_other_weights_are_refused),
        cmocka_unit_test(test_other_weights_of_products_are_refused),
        cmocka_unit_test(test_bad_plans_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
