#include "cli/entry.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/say.h"

/* By mseg_input_from: for people, and in JSON. */
static const char *const sources[] = {"assumed",
                                      "by the input tensor's scale",
                                      "by the file's metadata",
                                      "by the operators in front",
                                      "as the names of its tensors imply",
                                      "by --mean and --std",
                                      "as the built-in model was trained"};
static const char *const source_keys[] = {"assumed", "tensor", "metadata", "operators", "names", "given", "builtin"};
/* By mseg_sampling. */
static const char *const samplings[] = {"corners aligned", "half pixels", "TensorFlow 1"};
static const char *const sampling_keys[] = {"align_corners", "half_pixel", "legacy"};

/* One number, or three with commas between, from low to high. False after one line of error. */
static bool parse(const char *command, const char *option, const char *text, double low, double high, double out[3])
{
    char *end = NULL;
    int count = 0;
    for (const char *next = text; count < 3; next = end + 1) {
        const double value = strtod(next, &end);
        if (end == next || !(value >= low && value <= high)) {
            count = 0;
            break;
        }
        out[count++] = value;
        if (*end != ',')
            break;
    }
    if (count == 1)
        out[1] = out[2] = out[0];
    if ((count == 1 || count == 3) && !*end)
        return true;
    cli_say("%s: --%s takes one number or three with commas between (R,G,B), %.0f to %.0f, for bytes of 0 to 255, not '%s'",
            command, option, low, high, text);
    return false;
}

bool cli_entry_take(const char *command, const cli_entry_args *args, mseg_model_options *options)
{
    if (!args->mean && !args->std)
        return true;
    if (!args->mean || !args->std) {
        cli_say("%s: --%s goes with --%s: bytes enter as (byte - mean) / std", command, args->mean ? "mean" : "std",
                args->mean ? "std" : "mean");
        return false;
    }
    return parse(command, "mean", args->mean, -255, 255, options->mean) && parse(command, "std", args->std, 1, 1e6, options->std);
}

static void add_values(cli_text *text, const char *before, const double v[3])
{
    const bool same = v[0] == v[1] && v[1] == v[2];
    cli_text_add(text, same ? "%s%.6g" : "%s%.6g,%.6g,%.6g", before, v[0], v[1], v[2]);
}

static bool all_are(const double v[3], double value)
{
    return v[0] == value && v[1] == value && v[2] == value;
}

/* The least and the greatest number that a byte can become. */
static void find_range(const mseg_model_info *m, double *low, double *high)
{
    *low = INFINITY;
    *high = -INFINITY;
    for (int c = 0; c < 3; c++) {
        const double black = 0. + (double)m->input_offset[c], white = black + 255 * (double)m->input_scale[c];
        *low = fmin(*low, fmin(black, white));
        *high = fmax(*high, fmax(black, white));
    }
}

char *cli_entry_text(const mseg_model_info *m)
{
    double mean[3], std[3], low, high;
    cli_text text = {0};
    for (int c = 0; c < 3; c++) {
        std[c] = 1 / (double)m->input_scale[c];
        mean[c] = (0 - (double)m->input_offset[c]) * std[c];
    }
    find_range(m, &low, &high);
    cli_text_add(&text, "%.4g to %.4g: ", low, high);
    if (all_are(mean, 0)) {
        cli_text_add(&text, "byte");
    } else {
        add_values(&text, "(byte - ", mean);
        cli_text_add(&text, ")");
    }
    if (!all_are(std, 1))
        add_values(&text, " / ", std);
    cli_text_add(&text, ", %s", sources[m->input_from]);
    return cli_text_take(&text);
}

void cli_entry_say_assumed(const mseg_model_info *m)
{
    double low, high;
    find_range(m, &low, &high);
    if (m->input_from == MSEG_INPUT_ASSUMED)
        fprintf(stderr, ", input assumed to be %.4g to %.4g", low, high);
}

const char *cli_sampling_text(mseg_sampling sampling)
{
    return samplings[sampling];
}

static void add_channels(mseg_json *object, const char *key, const float values[3])
{
    mseg_json *array = mseg_json_add_array(object, key);
    for (int c = 0; c < 3; c++)
        mseg_json_add_number(array, NULL, (double)values[c]);
}

void cli_entry_add_json(mseg_json *object, const mseg_model_info *m)
{
    mseg_json *input = mseg_json_add_object(object, "input");
    add_channels(input, "scale", m->input_scale);
    add_channels(input, "offset", m->input_offset);
    mseg_json_add_string(input, "from", source_keys[m->input_from]);
}

void cli_sampling_add_json(mseg_json *object, const mseg_model_info *m)
{
    mseg_json_add_string(object, "sampling", sampling_keys[m->sampling]);
}
