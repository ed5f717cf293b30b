#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "train/engine.h"
#include "train/nets.h"
#include "train/optimiser.h"

/* engine_of NET PADDING HEIGHT WIDTH SAMPLES MODE STEPS RULE: a small network as text on stdout, its numbers in float64 after it,
 * for test_engine.py to do the same with PyTorch. MODE: batch, fixed, none. With STEPS: that many steps by RULE (sgd, rmsprop,
 * adamw), the loss being the mean square of outputs less 1. Without: the gradient of outputs weighed by what is printed. */

static void put(const mseg_real *values, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const double value = (double)values[i];
        fwrite(&value, sizeof value, 1, stdout);
    }
}

static void print_net(const mseg_net *net, const mseg_engine *engine)
{
    for (int i = 0; i < net->count; i++) {
        const mseg_net_layer *l = &net->layers[i];
        printf("layer %d %s kind %d in", i, i ? l->name : "picture", (int)l->kind);
        for (int k = 0; k < l->n_in; k++)
            printf(" %d", l->in[k]);
        printf(" add %d kernel %d stride %d rate %d padding %d activation %d channels %d vector %d\n", l->add, l->kernel,
               l->stride, l->rate, (int)l->padding, (int)l->activation, l->channels, l->vector);
    }
    for (int i = 0; i < mseg_engine_params(engine); i++) {
        const mseg_param *p = mseg_engine_param(engine, i);
        printf("param %d kind %d at %zu count %zu decays %d\n", p->layer, (int)p->kind, p->at, p->count, p->decays);
    }
    for (int i = 0; i < net->n_outputs; i++)
        printf("output %d\n", net->outputs[i]);
    printf("size %zu statistics %zu\n", mseg_engine_size(engine), mseg_engine_statistics_size(engine));
}

static void fill(mseg_engine *engine, const mseg_net *net, int samples, size_t pixels)
{
    uint64_t state = 11;
    mseg_real *values = mseg_engine_parameters(engine), *statistics = mseg_engine_statistics(engine);
    for (int i = 0; i < mseg_engine_params(engine); i++) {
        const mseg_param *p = mseg_engine_param(engine, i);
        for (int c = 0; c < net->layers[p->layer].channels && p->kind != MSEG_PARAM_WEIGHT; c++)
            values[p->at + (size_t)c] = (mseg_real)(draw(&state) + (p->kind == MSEG_PARAM_SCALE ? 0.5 : -0.2));
    }
    for (size_t i = 0; i < mseg_engine_statistics_size(engine); i++)
        statistics[i] = (mseg_real)(0.1 + draw(&state)); /* means and variances alike */
    for (int s = 0; s < samples; s++)
        for (size_t i = 0; i < 3 * pixels; i++)
            mseg_engine_picture(engine, s)[i] = (mseg_real)(2 * draw(&state) - 1);
}

/* The gradient of a weighted sum, or of half the mean square of outputs less 1. */
static void set_gradient(mseg_engine *engine, int samples, bool squares)
{
    uint64_t state = 13;
    for (int i = 0; i < samples * mseg_engine_net(engine)->n_outputs; i++) {
        const mseg_engine_map out = mseg_engine_output(engine, i / samples, i % samples);
        const double n = (double)samples * out.height * out.width * out.channels;
        for (int p = 0; p < out.height * out.width; p++)
            for (int c = 0; c < out.stride; c++) {
                mseg_real *to = &out.gradient[p * out.stride + c];
                if (c >= out.channels)
                    *to = 0;
                else
                    *to =
                        squares ? (mseg_real)(((double)out.values[p * out.stride + c] - 1) / n) : (mseg_real)(draw(&state) - 0.5);
            }
    }
}

static void put_outputs(mseg_engine *engine, int samples)
{
    for (int i = 0; i < samples * mseg_engine_net(engine)->n_outputs; i++) {
        const mseg_engine_map out = mseg_engine_output(engine, i / samples, i % samples);
        for (int p = 0; p < out.height * out.width; p++) {
            put(out.values + p * out.stride, (size_t)out.channels);
            put(out.gradient + p * out.stride, (size_t)out.channels);
        }
    }
}

static int take_steps(mseg_engine *engine, mseg_real *gradient, int samples, int steps, const char *rule)
{
    mseg_optimiser optimiser;
    mseg_optimiser_options how = mseg_optimiser_defaults(!strcmp(rule, "sgd")       ? MSEG_RULE_SGD
                                                         : !strcmp(rule, "rmsprop") ? MSEG_RULE_RMSPROP
                                                                                    : MSEG_RULE_ADAMW);
    how.weight_decay = 0.01;
    how.clip = 0;
    how.average = 0;
    if (mseg_optimiser_open(&optimiser, &how, engine))
        return 1;
    printf("rate 0.01 momentum %.17g decay %.17g epsilon %.17g\n", how.momentum, how.decay, how.epsilon);
    printf("data\n");
    put(mseg_engine_parameters(engine), mseg_engine_size(engine));
    for (int i = 0; i < steps; i++) {
        mseg_engine_forward(engine, samples, MSEG_NORM_BATCH, 0.1);
        set_gradient(engine, samples, true);
        mseg_engine_backward(engine, gradient);
        mseg_optimiser_step(&optimiser, mseg_engine_parameters(engine), gradient, 0.01, NULL);
    }
    put(mseg_engine_parameters(engine), mseg_engine_size(engine));
    mseg_optimiser_close(&optimiser);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc != 9)
        return 2;
    const int height = atoi(argv[3]), width = atoi(argv[4]), samples = atoi(argv[5]), steps = atoi(argv[7]);
    const mseg_norming norming = !strcmp(argv[6], "batch")   ? MSEG_NORM_BATCH
                                 : !strcmp(argv[6], "fixed") ? MSEG_NORM_FIXED
                                                             : MSEG_NORM_NONE;
    small_net small = make_net(argv[1], !strcmp(argv[2], "same") ? MSEG_SAME : MSEG_SYMMETRIC);
    const mseg_cpu cpu = mseg_cpu_detect();
    mseg_error err = {0};
    mseg_engine *engine;
    const mseg_engine_options options = {.kernels = mseg_train_kernels_for(&cpu, false),
                                         .batch = samples,
                                         .height = height,
                                         .width = width,
                                         .added = "hint",
                                         .seed = 3};
    if (small.status || mseg_engine_open(&engine, &small.net, small.weights, &options, &err)) {
        fprintf(stderr, "%s\n", err.text);
        return 1;
    }
    mseg_real *gradient = mseg_alloc_array(mseg_engine_size(engine), sizeof *gradient);
    fill(engine, &small.net, samples, (size_t)height * (size_t)width);
    print_net(&small.net, engine);
    int code = gradient ? 0 : 1;
    if (gradient && steps) {
        code = take_steps(engine, gradient, samples, steps, argv[8]);
    } else if (gradient) {
        printf("data\n");
        put(mseg_engine_parameters(engine), mseg_engine_size(engine));
        put(mseg_engine_statistics(engine), mseg_engine_statistics_size(engine));
        mseg_engine_forward(engine, samples, norming, 0.1);
        set_gradient(engine, samples, false);
        mseg_engine_backward(engine, gradient);
        put(gradient, mseg_engine_size(engine));
        put_outputs(engine, samples);
    }
    put(mseg_engine_statistics(engine), mseg_engine_statistics_size(engine));
    for (int s = 0; s < samples && !code; s++)
        put(mseg_engine_picture(engine, s), 3 * (size_t)height * (size_t)width);
    mseg_free(&gradient);
    mseg_engine_close(&engine);
    free_net(&small);
    return code;
}
