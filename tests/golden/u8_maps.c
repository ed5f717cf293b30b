#include <stdio.h>
#include <stdlib.h>

#include "plan/plan.h"
#include "seg/model.h"

/* u8_maps MODEL STRIDE KERNELS THREADS PHOTO OUT [LAYER ...]: runs a model in 8 bits at an output stride (0: the file's) on a
 * photo as it is, its size being the canvas, and writes the bytes of what layers make (none are named: all), one after the other,
 * to OUT. Each layer is run as the only output of the network, so that all before it is fused as in a whole run. Prints a line
 * per layer: name, height, width, channels, scale and zero point; the last two of an unsigned byte, "-" and why for a layer that
 * cannot be an output. */

typedef struct session {
    mseg_model *model;
    mseg_weights *weights;
    mseg_image photo;
    mseg_pool *pool;
    int threads;
    FILE *out;
} session;

static void write_map(const session *s, const mseg_map *map, const char *name)
{
    for (int y = 0; y < map->height; y++)
        for (int x = 0; x < map->width; x++)
            fwrite(map->bytes + (size_t)y * map->row + (size_t)x * map->pixel, 1, (size_t)map->channels, s->out);
    printf("%s %d %d %d %.9g %d\n", name, map->height, map->width, map->channels, (double)map->quant.scale, map->quant.zero);
}

static mseg_status run_layer(const session *s, mseg_value layer, mseg_error *err)
{
    const mseg_net *whole = &s->model->net->net;
    mseg_net net = {0};
    mseg_packed_net *packed = NULL;
    mseg_plan *plan = NULL;
    mseg_status status = mseg_net_copy(&net, whole);
    net.n_outputs = 0;
    if (!status)
        status = mseg_net_output(&net, layer);
    if (!status)
        status = mseg_packed_net_open(&packed, &net, s->weights, s->model->kernels, false, true, err);
    if (status == MSEG_UNSUPPORTED) {
        printf("%s - %s\n", whole->layers[layer].name, err->text);
        status = MSEG_OK;
        goto done;
    }
    if (!status)
        status = mseg_plan_open(&plan, packed, s->photo.width, s->photo.height, s->threads, &s->model->cpu, err);
    if (status)
        goto done;
    mseg_plan_run(
        plan,
        &(mseg_picture){.data = s->photo.data, .stride = s->photo.stride, .width = s->photo.width, .height = s->photo.height},
        s->pool);
    const mseg_map map = mseg_plan_output(plan, 0);
    write_map(s, &map, whole->layers[layer].name);
done:
    mseg_plan_close(&plan);
    mseg_packed_net_close(&packed);
    mseg_net_free(&net);
    return status;
}

static mseg_status open_session(session *s, char **arguments, mseg_error *err)
{
    mseg_model_options options;
    mseg_model_options_init(&options, sizeof options);
    options.output_stride = atoi(arguments[1]);
    options.cpu = arguments[2];
    options.precision = MSEG_PRECISION_INT8;
    s->threads = atoi(arguments[3]);
    mseg_status status = mseg_model_open(&s->model, arguments[0], &options, err);
    if (!status)
        status = mseg_weights_open(&s->weights, arguments[0], err);
    if (!status)
        status = mseg_image_read(&s->photo, arguments[4], MSEG_EXIF_APPLY, NULL, err);
    if (!status)
        status = mseg_pool_open(&s->pool, s->threads);
    if (!status && !(s->out = fopen(arguments[5], "wb")))
        status = mseg_fail(err, MSEG_IO, "%s cannot be written", arguments[5]);
    return status;
}

int main(int count, char **arguments)
{
    enum { FIRST = 7 }; /* layer */
    session s = {0};
    mseg_error err = {.text = ""};
    if (count < FIRST) {
        fputs("usage: u8_maps MODEL STRIDE KERNELS THREADS PHOTO OUT [LAYER ...]\n", stderr);
        return 2;
    }
    mseg_status status = open_session(&s, arguments + 1, &err);
    const mseg_net *net = status ? NULL : &s.model->net->net;
    for (int i = FIRST; !status && i < count; i++) {
        const mseg_value layer = mseg_net_find(net, arguments[i]);
        status = layer < 0 ? mseg_fail(&err, MSEG_INVAL, "there is no layer %s", arguments[i]) : run_layer(&s, layer, &err);
    }
    for (mseg_value layer = 1; !status && count == FIRST && layer < net->count; layer++)
        status = run_layer(&s, layer, &err);
    if (s.out && fclose(s.out) && !status)
        status = mseg_fail(&err, MSEG_IO, "%s cannot be written", arguments[FIRST - 1]);
    if (status)
        fprintf(stderr, "u8_maps: %s\n", err.text);
    mseg_pool_close(&s.pool);
    mseg_image_free(&s.photo);
    mseg_weights_close(&s.weights);
    mseg_model_close(&s.model);
    return status != MSEG_OK;
}
