#include <string.h>

#include "base/json.h"
#include "cli/model.h"
#include "info/activations.h"

/* ---- text -------------------------------------------------------------------------------------------------------------- */

/* Wide enough for every name. */
static int name_width(const mseg_activations *activations, int layers)
{
    int width = 5;
    for (int i = 0; i < layers; i++) {
        const int length = (int)strlen(mseg_activations_at(activations, i).name);
        width = length > width ? length : width;
    }
    return width;
}

static void print_layer(const mseg_activity *a, int width)
{
    printf("%-*s %8d %7.1f %5.1f %6.1f %5d %5d %5d %5d %5d", width, a->name, a->channels, a->mean, 100 * a->mean / a->channels,
           a->deviation, a->min, a->percentile5, a->median, a->percentile95, a->max);
    if (a->threshold)
        printf(" %6d %7.2f", a->threshold, 100.0 * (double)a->below / (double)a->positions);
    else
        printf(" %6s %7s", "-", "-");
    printf(" %7.2f\n", a->at_six);
}

void cli_activations_print(const cli_activations_report *report)
{
    const mseg_activations_info info = mseg_activations_describe(report->activations);
    const int width = name_width(report->activations, info.layers);
    printf("positive channels of %s, %lld photo%s on a canvas of %d x %d\n\n", mseg_model_describe(report->model).name,
           (long long)info.photos, info.photos == 1 ? "" : "s", info.size, info.size);
    printf("%-*s %8s %7s %5s %6s %5s %5s %5s %5s %5s %6s %7s %7s\n", width, "layer", "channels", "mean", "%", "sd", "min", "5%",
           "50%", "95%", "max", "needed", "fewer %", "at 6");
    for (int i = 0; i < info.layers; i++) {
        const mseg_activity a = mseg_activations_at(report->activations, i);
        print_layer(&a, width);
    }
    printf("\nPositive channels behind each ReLU, over all positions of all photos (figure 7 of arXiv 1801.04381). Needed: as "
           "many as the\n1x1 convolution reads, 1/6 of an expansion by 6; with fewer the ReLU cannot be undone. At 6: those that "
           "ReLU6 cuts off.\n");
}

/* ---- JSON -------------------------------------------------------------------------------------------------------------- */

static void add_layer(mseg_json *layers, const mseg_activity *a)
{
    mseg_json *layer = mseg_json_add_object(layers, NULL);
    mseg_json_add_string(layer, "name", a->name);
    mseg_json_add_string(layer, "kind", a->kind);
    mseg_json_add_int(layer, "channels", a->channels);
    if (a->threshold)
        mseg_json_add_int(layer, "threshold", a->threshold);
    else
        mseg_json_add_null(layer, "threshold");
    mseg_json_add_int(layer, "positions", a->positions);
    mseg_json_add_number(layer, "mean", a->mean);
    mseg_json_add_number(layer, "deviation", a->deviation);
    mseg_json_add_int(layer, "min", a->min);
    mseg_json_add_int(layer, "percentile5", a->percentile5);
    mseg_json_add_int(layer, "median", a->median);
    mseg_json_add_int(layer, "percentile95", a->percentile95);
    mseg_json_add_int(layer, "max", a->max);
    if (a->threshold)
        mseg_json_add_int(layer, "below", a->below);
    else
        mseg_json_add_null(layer, "below");
    mseg_json_add_number(layer, "at_six", a->at_six);
    mseg_json *histogram = mseg_json_add_array(layer, "histogram");
    for (int i = 0; i <= a->channels; i++)
        mseg_json_add_int(histogram, NULL, a->histogram[i]);
}

char *cli_activations_json(const cli_activations_report *report)
{
    const mseg_activations_info info = mseg_activations_describe(report->activations);
    const mseg_model_info model = mseg_model_describe(report->model);
    mseg_json *root = mseg_json_object();
    cli_model_add_json(root, report->model);
    mseg_json_add_string(root, "network", model.network);
    mseg_json_add_number(root, "width_multiplier", model.width_multiplier);
    mseg_json_add_int(root, "output_stride", model.output_stride);
    mseg_json_add_int(root, "size", info.size);
    mseg_json_add_int(root, "photos", info.photos);
    mseg_json_add_int(root, "failed", (int64_t)report->failed);
    mseg_json *layers = mseg_json_add_array(root, "layers");
    for (int i = 0; i < info.layers; i++) {
        const mseg_activity a = mseg_activations_at(report->activations, i);
        add_layer(layers, &a);
    }
    mseg_json_add_string(root, "command", report->command);
    mseg_json_add_string(root, "version", mseg_version());
    char *text = mseg_json_print(root, true);
    mseg_json_free(&root);
    return text;
}
