#include <stdlib.h>

#include "cli/classes.h"
#include "cli/lines.h"
#include "cli/names.h"
#include "cli/network.h"
#include "cli/options.h"
#include "cli/say.h"
#include "eval/eval.h"

static const char *const missing_choices[] = {"error", "ignore", "background", NULL};

#define FIELD(name) offsetof(cli_eval_args, name)
static const cli_option input_options[] = {
    {0, "gt", CLI_OPTION_TEXT, FIELD(truth), "DIR",
     .help = "ground truth, ID.png: palette indices, gray ids or the palette's colours"},
    {0, "pred", CLI_OPTION_TEXT, FIELD(predictions), "DIR", .help = "masks to score, ID.png (without it the model is run)"},
    {0, "voc", CLI_OPTION_TEXT, FIELD(voc), "DIR",
     .help = "a VOC devkit: SegmentationClass, JPEGImages and ImageSets/Segmentation/SPLIT.txt"},
    {0, "split", CLI_OPTION_TEXT, FIELD(split), "NAME", .help = "with --voc: the list of images (default val)"},
    {0, "list", CLI_OPTION_TEXT, FIELD(list), "FILE",
     .help = "the images to score, one id, path or pair 'image mask' a line ('-': standard input; default: all of --gt)"},
    {0, "images", CLI_OPTION_TEXT, FIELD(photos), "DIR", .help = "photos, ID.jpg or .png: for the model and the report"},
    {0, "gt-suffix", CLI_OPTION_TEXT, FIELD(truth_suffix), "TEXT",
     .help = "the files of --gt are called IDTEXT.png and others are left alone, e.g. _gtFine_labelIds"},
    {0, "pred-suffix", CLI_OPTION_TEXT, FIELD(prediction_suffix), "TEXT", .help = "the same for --pred, e.g. _leftImg8bit"},
    {0, "image-suffix", CLI_OPTION_TEXT, FIELD(photo_suffix), "TEXT", .help = "the same for --images"},
    {'r', "recursive", CLI_OPTION_FLAG, FIELD(recursive), NULL,
     .help = "look into subfolders; TOWN/ID and ID are one image when only one file of --gt and of --pred is meant"},
    {'0', "null", CLI_OPTION_FLAG, FIELD(null), NULL, .help = CLI_NULL_HELP},
    {0, "shard", CLI_OPTION_TEXT, FIELD(shard), "I/N", .help = "only every N-th line of the list, from the I-th on"},
    {0, "orientation", CLI_OPTION_CHOICE, FIELD(orientation), "HOW",
     .help = CLI_ORIENTATION_HELP " (with --voc, ignore is the default)", .choices = cli_orientations},
    {0, "merge", CLI_OPTION_FLAG, FIELD(merge), NULL,
     .help = "add the counts of the FILEs instead of scoring; --gt, --pred, --images then serve the pictures of --html"},
    {0, "compare", CLI_OPTION_FLAG, FIELD(compare), NULL,
     .help = "show how the second of two counts files differs from the first, with bootstrap intervals over images"},
    {0, "samples", CLI_OPTION_INT, FIELD(samples), "N", .help = "with --compare: resamples of the images (default 1000)",
     .min = MSEG_SAMPLES_MIN, .max = MSEG_SAMPLES_MAX},
    {0, "seed", CLI_OPTION_INT, FIELD(seed), "N", .help = "with --compare: other resamples (default 1)", .min = 0,
     .max = UINT32_MAX},
    {0},
};
static const cli_option scoring_options[] = {
    {0, "average", CLI_OPTION_TEXT, FIELD(average), "LIST",
     .help = "classes of the means: ids, ranges and names with commas, ! leaves out: 1-20 or '!background' (default: all)"},
    {0, "pred-map", CLI_OPTION_TEXT, FIELD(prediction_map), "FILE",
     .help = "as --map, for the masks of --pred (which --reduce-zero-label leaves alone)"},
    {0, "missing", CLI_OPTION_CHOICE, FIELD(missing), "HOW",
     .help = "no prediction for an image: error (default), ignore (leave the image out) or background",
     .choices = missing_choices},
    {0},
};
static const cli_option output_options[] = {
    {0, "json", CLI_OPTION_TEXT, FIELD(json), "FILE", .help = "all figures as JSON ('-': standard output)"},
    {0, "csv", CLI_OPTION_TEXT, FIELD(csv), "FILE", .help = "a line per class"},
    {0, "html", CLI_OPTION_TEXT, FIELD(html), "FILE", .help = "one self-contained page with charts and example images"},
    {0, "save-counts", CLI_OPTION_TEXT, FIELD(save_counts), "FILE", .help = "the raw counts, for --merge"},
    {'q', "quiet", CLI_OPTION_FLAG, FIELD(quiet), NULL, .help = "no progress bar and no table; errors are still shown"},
    {'v', "verbose", CLI_OPTION_FLAG, FIELD(verbose), NULL, .help = "a line per image"},
    {0},
};
static const cli_option_group groups[] = {
    {"Inputs", 0, input_options},
    {"Labels", 0, cli_eval_label_options},
    {"Scoring", 0, scoring_options},
    {"Outputs", 0, output_options},
    {"Network (defaults: the VOC protocol, --resize none)", FIELD(network), cli_network_options},
    {0},
};
const cli_usage cli_eval_usage = {
    .command = "eval",
    .operands = "[--merge FILE... | --compare A B]",
    .text = "Judges segmentations against annotations: mIOU and its relatives.\n"
            "  mseg eval --gt DIR --pred DIR [--list FILE]   score masks\n"
            "  mseg eval --voc VOCDIR [--split val] -m MODEL run the model and score\n"
            "  mseg eval --merge FILE...                     add up counts of --save-counts\n"
            "  mseg eval --compare A B                       what changed from counts A to B\n"
            "The exit status is 0 when all is well, 1 when an image was not scored or the list\n"
            "had mistakes, 2 when nothing could be done.\n",
    .groups = groups,
    .min_operands = 0,
    .max_operands = -1,
};

bool cli_eval_check(const cli_eval_args *args, int operands, char **argv)
{
    if (args->samples >= 0 || args->seed >= 0)
        cli_say("eval: --samples and --seed go with --compare");
    else if (args->split && !args->voc)
        cli_say("eval: --split is that of --voc; --list names the images of other sets");
    else if (!args->merge && operands)
        cli_say("eval: unexpected '%s'", argv[0]);
    else if (args->merge && !operands)
        cli_say("eval: --merge needs counts files");
    else if (args->merge && (args->shard || args->network.model))
        cli_say("eval: --merge does not go with --shard or --model");
    else if (args->merge && (args->ignore != CLI_IGNORE_DEFAULT || args->missing || args->list))
        cli_say("eval: --merge adds up what was scored; --ignore, --missing and --list do not go with it");
    else if (!cli_eval_check_rules("eval", args))
        return false;
    else if (args->merge)
        return true;
    else if (!args->truth)
        cli_say("eval: no ground truth: give --gt DIR or --voc DIR");
    else if (args->predictions && args->network.model)
        cli_say("eval: --pred scores masks, --model makes them: give one of them");
    else if (!args->predictions && !args->photos)
        cli_say("eval: nothing to judge: give --pred DIR, or --images DIR for the model to run on");
    else
        return true;
    return false;
}

/* What a map does, in a number (FNV-1a): files of one name may differ. */
static unsigned long long map_number(const mseg_mask_rules *rules)
{
    unsigned long long hash = 0xcbf29ce484222325u;
    for (int id = 0; id < 256; id++)
        hash = (hash ^ (unsigned)(rules->map[id] + 1)) * 0x100000001b3u;
    return hash;
}

/* Only of --mean and --std: any other rule follows from the model's file. */
static void add_input(cli_text *out, const mseg_model_info *model)
{
    char *text = cli_entry_text(model);
    cli_text_add(out, "input: %s\n", text ? text : "");
    out->lost = out->lost || !text;
    free(text);
}

char *cli_eval_settings(const cli_eval_args *args, const cli_eval_source *source, const mseg_model *model)
{
    static const char *const pads[] = {"square", "tight"};
    const mseg_run_options *run = &source->run;
    cli_text out = {0};
    cli_text_add(&out, "classes: %s\n", cli_base_name(cli_classes_source(args->classes, model)));
    if (model) {
        mseg_model_info info = mseg_model_describe(model);
        cli_text_add(&out,
                     "predictions: model\nmodel: %s%s\nmodel sha256: %s\nprecision: %s\nnetwork: %s %g\noutput stride: %d\n",
                     info.name, info.builtin ? " (built in)" : "", info.sha256, cli_precisions[info.precision], info.network,
                     info.width_multiplier, info.output_stride);
        cli_text_add(&out, "resize: %s\npad: %s\nsize: %d\n", cli_resizes[run->resize], pads[run->pad], run->size);
        for (int i = 0; i < run->n_scales; i++)
            cli_text_add(&out, "%s%g%s", i ? ", " : "scales: ", run->scales[i], i + 1 < run->n_scales ? "" : "\n");
        if (run->flip)
            cli_text_add(&out, "flip: yes\n");
        cli_text_add(&out, "EXIF orientation: %s\n", cli_orientations[args->orientation]);
        if (info.input_from == MSEG_INPUT_GIVEN)
            add_input(&out, &info);
    } else {
        cli_text_add(&out, "predictions: masks\n");
    }
    if (args->ignore < 0)
        cli_text_add(&out, "ignore label: none\n");
    else
        cli_text_add(&out, "ignore label: %d\n", (int)args->ignore);
    if (args->map)
        cli_text_add(&out, "label map: %s, number %016llx\n", cli_base_name(args->map), map_number(&source->truth_rules));
    if (args->reduce_zero_label)
        cli_text_add(&out, "reduce zero label: yes\n");
    if (args->prediction_map)
        cli_text_add(&out, "prediction map: %s, number %016llx\n", cli_base_name(args->prediction_map),
                     map_number(&source->prediction_rules));
    cli_text_add(&out, "missing predictions: %s\nunknown colours: %s\nmasks read as: %s\n", missing_choices[args->missing],
                 cli_eval_unknown_choices[args->unknown_color], cli_eval_read_choices[args->read_masks]);
    return cli_text_take(&out);
}
