#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "seg/convert.h"
#include "seg/quantise/quantise.h"
#include "seg/run/options.h"

enum { MOST_KEPT = 16 };

struct mseg_calibration {
    mseg_converting converting;
    char *out;
    mseg_kernels kernels;
    mseg_machine machine;
    mseg_maps floats;
    mseg_map_stats *stats;
    int64_t photos;
    mseg_image kept[MOST_KEPT]; /* as they enter: photos 0, every, 2 every ... */
    int n_kept;
    int64_t every;
    mseg_loss *losses; /* [count of the net]; NULL: nothing is written yet */
};

/* ---- opening ------------------------------------------------------------------------------------------------------------ */

static int side_of(const mseg_converting *c)
{
    return c->how.width == c->how.height ? c->how.width : mseg_default_side(&c->opened.info);
}

static mseg_status open_calibration(mseg_calibration *c, const char *in, const char *out, const mseg_convert_options *options,
                                    mseg_error *err)
{
    const mseg_net *net = &c->converting.opened.net;
    mseg_status status = mseg_converting_open(&c->converting, in, out, options, err);
    if (!status)
        status = mseg_cpu_choose(&c->machine.cpu, c->converting.cpu, err);
    if (status)
        return status;
    if (c->converting.format != MSEG_MODEL_TFLITE)
        return mseg_fail(err, MSEG_INVAL, "only .tflite files are written in 8 bits");
    if (c->converting.how.half)
        return mseg_fail(err, MSEG_INVAL, "weights in 16-bit floats and quantising exclude one another");
    c->kernels = mseg_kernels_for(&c->machine.cpu);
    c->machine.kernels = &c->kernels;
    c->out = mseg_alloc(strlen(out) + 1);
    c->stats = mseg_stats_open(net);
    if (!c->out || !c->stats)
        return mseg_fail(err, MSEG_NOMEM, NULL);
    memcpy(c->out, out, strlen(out));
    return mseg_maps_open(&c->floats, net, c->converting.opened.weights, &c->machine, side_of(&c->converting), false, err);
}

mseg_status mseg_calibration_open(mseg_calibration **out, const char *in, const char *file, const mseg_convert_options *options,
                                  mseg_pool *pool, mseg_error *err)
{
    mseg_calibration *c = *out = mseg_alloc(sizeof *c);
    if (!c)
        return mseg_fail(err, MSEG_NOMEM, NULL);
    c->machine.pool = pool;
    c->every = 1;
    mseg_status status = open_calibration(c, in, file, options, err);
    if (status)
        mseg_calibration_close(out);
    return status;
}

void mseg_calibration_close(mseg_calibration **pointer)
{
    mseg_calibration *c = *pointer;
    if (!c)
        return;
    mseg_maps_close(&c->floats);
    mseg_stats_close(&c->stats, &c->converting.opened.net);
    for (int i = 0; i < MOST_KEPT; i++)
        mseg_image_free(&c->kept[i]);
    mseg_free(&c->losses);
    mseg_free(&c->out);
    mseg_converting_close(&c->converting);
    mseg_free(pointer);
}

/* ---- photos ------------------------------------------------------------------------------------------------------------- */

/* Drops every other photo that is kept. */
static void thin_out(mseg_calibration *c)
{
    for (int i = 0; i < c->n_kept; i++) {
        mseg_image photo = c->kept[i];
        c->kept[i] = (mseg_image){0};
        if (i % 2)
            mseg_image_free(&photo);
        else
            c->kept[i / 2] = photo;
    }
    c->n_kept /= 2;
    c->every *= 2;
}

/* Keeps every photo whose number is a multiple of every. */
static void keep(mseg_calibration *c, mseg_image *photo)
{
    if (c->photos % c->every == 0 && c->n_kept == MOST_KEPT)
        thin_out(c);
    if (c->photos % c->every)
        return;
    c->kept[c->n_kept++] = *photo;
    *photo = (mseg_image){0};
}

mseg_status mseg_calibration_add(mseg_calibration *c, mseg_view photo, mseg_error *err)
{
    mseg_image seen;
    mseg_status status = mseg_see_photo(&seen, photo, &c->converting.opened.info, c->floats.side, &c->kernels, err);
    if (!status) {
        mseg_maps_run(&c->floats, mseg_view_of(&seen));
        status = mseg_stats_add(c->stats, &c->floats, mseg_view_of(&seen), err);
    }
    if (!status) {
        keep(c, &seen);
        c->photos++;
    }
    mseg_image_free(&seen);
    return status;
}

/* ---- writing ------------------------------------------------------------------------------------------------------------ */

/* What mseg, running the convolutions in 8 bits, loses. */
static mseg_status measure(mseg_calibration *c, const mseg_quantised *q, mseg_error *err)
{
    mseg_weights *weights = NULL;
    mseg_maps bytes = {0};
    mseg_free(&c->losses);
    c->losses = mseg_alloc_array((size_t)q->net.count, sizeof *c->losses);
    mseg_status status = c->losses ? mseg_quantised_weights(&weights, q, err) : mseg_fail(err, MSEG_NOMEM, NULL);
    if (!status)
        status = mseg_maps_open(&bytes, &q->net, weights, &c->machine, c->floats.side, true, err);
    if (!status)
        status = mseg_compare_maps(c->losses, q, &c->floats, &bytes, c->kept, c->n_kept, err);
    mseg_maps_close(&bytes);
    mseg_weights_close(&weights);
    return status;
}

/* What is written runs in integers. */
static mseg_status check(const mseg_bytes *bytes, const char *name, mseg_error *err)
{
    mseg_model *model;
    mseg_model_options options;
    mseg_model_options_init(&options, sizeof options);
    options.precision = MSEG_PRECISION_INT8;
    mseg_status status = mseg_model_open_memory(&model, bytes->data, bytes->size, name, &options, err);
    mseg_model_close(&model);
    return status;
}

static mseg_status write_bytes(mseg_calibration *c, const mseg_quantised *q, mseg_converted *result, mseg_error *err)
{
    mseg_bytes bytes = {0};
    mseg_write_bytes *layers = mseg_alloc_array((size_t)q->net.count, sizeof *layers);
    if (!layers)
        return mseg_fail(err, MSEG_NOMEM, NULL);
    for (int i = 0; i < q->net.count; i++)
        layers[i] = (mseg_write_bytes){q->rounded[i].weight, q->rounded[i].bias, q->rounded[i].scale};
    c->converting.how.bytes = layers;
    mseg_status status = mseg_converting_make(&bytes, &c->converting, &q->net, err);
    if (!status)
        status = check(&bytes, c->converting.name, err);
    if (!status)
        status = mseg_converting_save(&c->converting, &bytes, c->out, result, err);
    c->converting.how.bytes = NULL;
    mseg_free(&bytes.data);
    mseg_free(&layers);
    return status;
}

mseg_status mseg_calibration_write(mseg_calibration *c, mseg_converted *result, mseg_error *err)
{
    const mseg_opened *opened = &c->converting.opened;
    mseg_quantised q = {0};
    if (result)
        *result = (mseg_converted){0};
    if (!c->photos)
        return mseg_fail(err, MSEG_INVAL, "no photo has been added");
    mseg_status status = mseg_quantise_net(&q, &opened->net, opened->weights, c->stats, err);
    if (!status)
        status = mseg_correct_biases(&q, &c->floats, &c->machine, c->kept, c->n_kept, err);
    if (!status)
        status = measure(c, &q, err);
    if (!status)
        status = write_bytes(c, &q, result, err);
    if (status)
        mseg_free(&c->losses);
    mseg_quantised_free(&q);
    return status;
}

int mseg_calibration_layers(const mseg_calibration *c)
{
    return c->losses ? c->converting.opened.net.count - 1 : 0;
}

mseg_layer_loss mseg_calibration_layer(const mseg_calibration *c, int index)
{
    mseg_layer_loss loss = {0};
    if (index < 0 || index >= mseg_calibration_layers(c))
        return loss;
    const mseg_loss *from = &c->losses[index + 1];
    memcpy(loss.name, c->converting.opened.net.layers[index + 1].name, sizeof loss.name);
    loss.decibels = from->noise > 0 ? 10 * log10(from->signal / from->noise) : INFINITY;
    return loss;
}
