#include <math.h>

#include "plan/cases.h"
#include "plan/stage.h"

#include "kernels/levels.h"

/* Networks that no paper has, each fused with one and with three threads against its layers one by one. */

enum { SIDE = 19, CHANNELS = 8, WIDE = 20, MANY = 12 };

static float weights[WIDE * 2 * WIDE], bias[WIDE];
static const test_filter filter = {weights, bias};

static mseg_value first(test_net *t)
{
    mseg_value value;
    for (size_t i = 0; i < sizeof weights / sizeof *weights; i++)
        weights[i] = random_value(5, i) / 4;
    for (size_t i = 0; i < WIDE; i++)
        bias[i] = random_value(6, i);
    test_net_open(t, MSEG_SAME, &value);
    const mseg_net_layer conv = {.in = {value}, .n_in = 1, .kernel = 1, .channels = CHANNELS, .activation = MSEG_RELU6};
    assert_int_equal(test_conv(t, "first", conv, filter, &value), MSEG_OK);
    return value;
}

/* A chain of convolutions that each read a map and the vector. */
static mseg_value many_vectors(test_net *t)
{
    mseg_value map = first(t), vector;
    assert_int_equal(test_pool(t, "pool", map, 0, 0, &vector), MSEG_OK);
    for (int i = 0; i < MANY; i++) {
        char name[16];
        const mseg_net_layer conv = {.in = {map, vector}, .n_in = 2, .kernel = 1, .channels = CHANNELS};
        snprintf(name, sizeof name, "conv%d", i);
        assert_int_equal(test_conv(t, name, conv, filter, &map), MSEG_OK);
    }
    return map;
}

static mseg_value depthwise(test_net *t, const char *name, mseg_value in)
{
    const mseg_net_layer layer = {
        .kind = MSEG_DEPTHWISE, .in = {in}, .n_in = 1, .kernel = 3, .channels = t->net.layers[in].channels};
    mseg_value out;
    assert_int_equal(test_layer(t, name, layer, filter, &out), MSEG_OK);
    return out;
}

/* A projection that adds what it reads. */
static mseg_value adds_its_input(test_net *t)
{
    mseg_value value = depthwise(t, "depthwise", first(t));
    const mseg_net_layer conv = {.in = {value}, .n_in = 1, .add = value, .kernel = 1, .channels = CHANNELS};
    assert_int_equal(test_conv(t, "project", conv, filter, &value), MSEG_OK);
    return value;
}

/* A block whose depthwise map a pool reads, and one that would stream from it. */
static mseg_value pooled_block_in_the_middle(test_net *t)
{
    mseg_value wide = depthwise(t, "depthwise", first(t)), pooled, value;
    const mseg_net_layer conv = {.in = {wide}, .n_in = 1, .kernel = 1, .channels = CHANNELS};
    assert_int_equal(test_conv(t, "project", conv, filter, &value), MSEG_OK);
    const test_block block = {.input = value,
                              .expanded = WIDE,
                              .stride = 1,
                              .rate = 1,
                              .channels = CHANNELS,
                              .expand = filter,
                              .depthwise = filter,
                              .project = filter};
    assert_int_equal(test_inverted_residual(t, "block", &block, &value), MSEG_OK);
    assert_int_equal(test_pool(t, "pool", wide, 0, 0, &pooled), MSEG_OK);
    const mseg_net_layer both = {.in = {value, pooled}, .n_in = 2, .kernel = 1, .channels = CHANNELS};
    assert_int_equal(test_conv(t, "both", both, filter, &value), MSEG_OK);
    return value;
}

/* A projection that a convolution and two pools read. */
static mseg_value two_pools(test_net *t)
{
    mseg_value value = depthwise(t, "depthwise", first(t)), pools[2], both;
    const mseg_net_layer project = {.in = {value}, .n_in = 1, .kernel = 1, .channels = WIDE};
    assert_int_equal(test_conv(t, "project", project, filter, &value), MSEG_OK);
    assert_int_equal(test_pool(t, "pool0", value, 0, 0, &pools[0]), MSEG_OK);
    assert_int_equal(test_pool(t, "pool1", value, 0, 0, &pools[1]), MSEG_OK);
    const mseg_net_layer vector = {.in = {pools[0], pools[1]}, .n_in = 2, .kernel = 1, .channels = CHANNELS};
    assert_int_equal(test_conv(t, "vector", vector, filter, &both), MSEG_OK);
    const mseg_net_layer branch = {.in = {value}, .n_in = 1, .kernel = 1, .channels = CHANNELS};
    assert_int_equal(test_conv(t, "branch", branch, filter, &value), MSEG_OK);
    const mseg_net_layer last = {.in = {value, both}, .n_in = 2, .kernel = 1, .channels = CHANNELS};
    assert_int_equal(test_conv(t, "last", last, filter, &value), MSEG_OK);
    return value;
}

static void run(float *out, mseg_value (*build)(test_net *), mseg_cpu_level level, bool unfused, int threads)
{
    const net_case c = {.name = "unusual", .width = SIDE, .height = SIDE};
    mseg_picture picture = case_picture(SIDE, SIDE, 9);
    mseg_pool *pool;
    test_net t;
    const mseg_value output = build(&t);
    assert_int_equal(mseg_net_output(&t.net, output), MSEG_OK);
    mseg_packed_net *net = test_net_pack(&t, level_kernels(level), unfused);
    mseg_plan *plan = case_plan(&c, net, threads, 1 << 10);
    assert_int_equal(mseg_pool_open(&pool, threads), MSEG_OK);
    memset(plan->arena, 0xFF, mseg_plan_arena_bytes(plan));
    memcpy(out, test_run(plan, &picture, pool), SIDE * SIDE * CHANNELS * sizeof *out);
    mseg_pool_close(&pool);
    mseg_plan_close(&plan);
    mseg_packed_net_close(&net);
    case_picture_free(&picture);
}

static void check(mseg_value (*build)(test_net *))
{
    enum { COUNT = SIDE * SIDE * CHANNELS };
    static float expected[COUNT], one[COUNT], three[COUNT];
    for (mseg_cpu_level level = MSEG_CPU_SCALAR; level <= best_level(); level++) {
        run(expected, build, level, true, 1);
        run(one, build, level, false, 1);
        run(three, build, level, false, 3);
        assert_memory_equal(one, three, sizeof one);
        for (int i = 0; i < COUNT; i++)
            if (!(fabs((double)one[i] - (double)expected[i]) <= 2e-5 * fmax(1, fabs((double)expected[i]))))
                fail_msg("%s: value %d is %g, not %g", mseg_cpu_level_name(level), i, (double)one[i], (double)expected[i]);
    }
}

static void test_many_vectors(void **state)
{
    (void)state;
    check(many_vectors);
}

static void test_projection_that_adds_its_input(void **state)
{
    (void)state;
    check(adds_its_input);
}

static void test_pooled_block_in_the_middle(void **state)
{
    (void)state;
    check(pooled_block_in_the_middle);
}

static void test_two_pools_of_a_projection(void **state)
{
    (void)state;
    check(two_pools);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_many_vectors),
        cmocka_unit_test(test_projection_that_adds_its_input),
        cmocka_unit_test(test_pooled_block_in_the_middle),
        cmocka_unit_test(test_two_pools_of_a_projection),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
