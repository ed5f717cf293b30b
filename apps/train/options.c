#include <math.h>
#include <stdlib.h>

#include "cli/say.h"
#include "cli/threads.h"
#include "train/train.h"

enum { DEFAULT_CHECKPOINT = 60, PAPER_BATCH = 96 };
enum { PAPER };

static const char *const freezes[] = {"backbone", NULL};
static const char *const precisions[] = {"float", "bf16", NULL};
const char *const cli_optimizers[] = {"adamw", "sgd", "rmsprop", NULL};
const char *const cli_schedules[] = {"cosine", "poly", "exponential", "constant", NULL};
static const char *const norms[] = {"auto", "train", "freeze", NULL};
static const char *const recipes[] = {"paper", NULL};

#define FIELD(name) offsetof(cli_train_args, name)
static const cli_option data_options[] = {
    {0, "voc", CLI_OPTION_TEXT, FIELD(data.voc), "DIR",
     .help = "a VOC devkit: SegmentationClass, JPEGImages and ImageSets/Segmentation/SPLIT.txt"},
    {0, "split", CLI_OPTION_TEXT, FIELD(data.split), "NAME", .help = "with --voc: the list to train on (default train)"},
    {0, "val", CLI_OPTION_TEXT, FIELD(val), "NAME", .help = "with --voc: the list to validate with (default val)"},
    {0, "images", CLI_OPTION_TEXT, FIELD(data.photos), "DIR", .help = "photos, ID.jpg or .png"},
    {0, "masks", CLI_OPTION_TEXT, FIELD(data.truth), "DIR",
     .help = "their masks, ID.png: palette indices, gray ids or the palette's colours"},
    {0, "val-images", CLI_OPTION_TEXT, FIELD(val_photos), "DIR", .help = "photos to validate with"},
    {0, "val-masks", CLI_OPTION_TEXT, FIELD(val_masks), "DIR", .help = "their masks"},
    {0, "holdout", CLI_OPTION_REAL, FIELD(holdout), "PERCENT",
     .help = "photos kept out of the training, to validate with (default 10 where no others are named; 0: none)", .min = 0,
     .max = 90},
    {0, "folders", CLI_OPTION_TEXT, FIELD(folders), "DIR",
     .help = "train a classifier: a folder of photos for each class, whose name it has"},
    {0, "val-folders", CLI_OPTION_TEXT, FIELD(val_folders), "DIR", .help = "the same to validate with"},
    {0, "teacher", CLI_OPTION_TEXT, FIELD(teacher), "FILE|NAME",
     .help = "learn what this model says of the photos; they need no masks"},
    {0, "features", CLI_OPTION_REAL, FIELD(features), "W",
     .help = "with --teacher: learn the features of its backbone as well, which weigh W at first beside its labels and 0.15 W in "
             "the end (default 0: not)",
     .min = 0, .max = 100},
    {'r', "recursive", CLI_OPTION_FLAG, FIELD(data.recursive), NULL,
     .help = "look into subfolders of --images, --masks and of classes' folders"},
    {0, "image-suffix", CLI_OPTION_TEXT, FIELD(data.photo_suffix), "TEXT",
     .help = "photos are called IDTEXT.jpg or .png and others are left alone, e.g. _leftImg8bit"},
    {0, "mask-suffix", CLI_OPTION_TEXT, FIELD(data.truth_suffix), "TEXT", .help = "the same of masks, e.g. _gtFine_labelIds"},
    {0, "orientation", CLI_OPTION_CHOICE, FIELD(data.orientation), "HOW",
     .help = CLI_ORIENTATION_HELP " (with --voc, ignore is the default)", .choices = cli_orientations},
    {0, "max-pixels", CLI_OPTION_INT, FIELD(data.network.max_pixels), "N", .help = "refuse larger images (default 178956970)",
     .min = 1, .max = 1e15},
    {0},
};
static const cli_option network_options[] = {
    {'m', "model", CLI_OPTION_TEXT, FIELD(model), "FILE|NAME",
     .help = "the model to start from, as for 'mseg run -m' (default: $MSEG_MODEL, else the built-in one)"},
    {0, "arch", CLI_OPTION_TEXT, FIELD(arch), "DESCRIPTION",
     .help =
         "start from random numbers in this network, e.g. mnv2:0.5:aspp (the manual lists them); with -m: from the model's, in "
         "this network, which has the same layers, wider"},
    {0, "freeze", CLI_OPTION_CHOICE, FIELD(freeze), "backbone",
     .help = "train the head alone: much faster, for few photos or little time", .choices = freezes},
    {0, "size", CLI_OPTION_INT, FIELD(size), "N",
     .help = "side of the crops, k * output stride + 1 (default 257, of a classifier 224, no larger than the model's own)",
     .min = 1, .max = 4097},
    {0, "progressive", CLI_OPTION_FLAG, FIELD(progressive), NULL,
     .help = "crops of half the size for the first 45 % of the training, of three quarters to 80 %: as good in less time"},
    {0, "os", CLI_OPTION_CHOICE, FIELD(os), "8|16|32",
     .help = "output stride: 8 is finer and slower (default: the model's own, mostly 16)", .choices = cli_output_strides},
    {0, "precision", CLI_OPTION_CHOICE, FIELD(precision), "HOW",
     .help = "float (default); bf16: maps and products in 16 bits where the processor has them, faster", .choices = precisions},
    {0},
};
static const cli_option training_options[] = {
    {0, "epochs", CLI_OPTION_REAL, FIELD(epochs), "X", .help = "how long, in passes over the photos (default 60)", .min = 1e-3,
     .max = 1e6},
    {0, "steps", CLI_OPTION_INT, FIELD(steps), "N", .help = "how long, in steps", .min = 1, .max = 1e9},
    {0, "minutes", CLI_OPTION_REAL, FIELD(minutes), "X", .help = "how long, by the clock", .min = 1e-3, .max = 1e6},
    {0, "batch", CLI_OPTION_INT, FIELD(batch), "N",
     .help = "photos a step (default 16, or as many as there are); fewer take less memory", .min = 1, .max = 4096},
    {0, "optimizer", CLI_OPTION_CHOICE, FIELD(optimizer), "NAME", .help = "adamw (default), sgd, rmsprop (TensorFlow's)",
     .choices = cli_optimizers},
    {0, "lr", CLI_OPTION_REAL, FIELD(rate), "X",
     .help = "learning rate (default: adamw 1e-3, with --arch alone 3e-3; sgd 0.007; rmsprop 0.045 * batch / 96)", .min = 1e-12,
     .max = 1e3},
    {0, "schedule", CLI_OPTION_CHOICE, FIELD(schedule), "NAME",
     .help = "how it falls: cosine (default), poly ((1 - progress)^0.9), exponential (0.98 an epoch), constant",
     .choices = cli_schedules},
    {0, "warmup", CLI_OPTION_REAL, FIELD(warmup), "STEPS",
     .help = "steps in which it rises from 0 (default: a twentieth of all, at most 300)", .min = 0, .max = 1e9},
    {0, "momentum", CLI_OPTION_REAL, FIELD(momentum), "X", .help = "of sgd and rmsprop (default 0.9)", .min = 0, .max = 0.9999},
    {0, "weight-decay", CLI_OPTION_REAL, FIELD(weight_decay), "X", .help = "default: adamw 0.05, others 4e-5", .min = 0,
     .max = 10},
    {0, "ema", CLI_OPTION_REAL, FIELD(average), "X",
     .help = "moving average of the weights, which is what is validated and written (default 0.999; 0: none)", .min = 0,
     .max = 0.999999},
    {0, "norms", CLI_OPTION_CHOICE, FIELD(norms), "HOW",
     .help = "statistics of batch norm: train: those of each step; freeze: the model's; auto (default): freeze where a step has "
             "too few pixels",
     .choices = norms},
    {0, "recipe", CLI_OPTION_CHOICE, FIELD(recipe), "paper",
     .help = "as arXiv 1801.04381, 6.1: --optimizer rmsprop --momentum 0.9 --weight-decay 4e-5 --batch 96 --warmup 0, of a "
             "classifier --lr 0.045 at 96 --schedule exponential, else --lr 0.007 --schedule poly; options besides win",
     .choices = recipes},
    {0, "equal-classes", CLI_OPTION_FLAG, FIELD(equal_classes), NULL,
     .help = "all pixels weigh the same (default: those of rare classes weigh more)"},
    {0, "scales", CLI_OPTION_TEXT, FIELD(scales), "MIN,MAX", .help = "of the photos in crops (default 0.5,2)"},
    {0, "no-flip", CLI_OPTION_FLAG, FIELD(no_flip), NULL, .help = "never turn photos left to right"},
    {0, "no-color", CLI_OPTION_FLAG, FIELD(no_color), NULL, .help = "never change their colours"},
    {0, "seed", CLI_OPTION_INT, FIELD(seed), "N", .help = "other random numbers", .min = 0, .max = UINT32_MAX},
    {'j', "jobs", CLI_OPTION_INT, FIELD(jobs), "N", .help = CLI_JOBS_HELP "; results do not depend on it", .min = 1, .max = 1024},
    {0},
};
static const cli_option output_options[] = {
    {'o', "output", CLI_OPTION_TEXT, FIELD(out), "FILE", .help = "the trained model, .tflite or .safetensors"},
    {'y', "overwrite", CLI_OPTION_FLAG, FIELD(overwrite), NULL,
     .help = "replace FILE and FILE.checkpoint when they are there already"},
    {0, "resume", CLI_OPTION_FLAG, FIELD(resume), NULL,
     .help = "go on from FILE.checkpoint; the other options as they were. The result is that of a training never stopped"},
    {0, "checkpoint-every", CLI_OPTION_REAL, FIELD(checkpoint_every), "SECONDS",
     .help = "how often all is saved in FILE.checkpoint (default 60), besides at SIGINT and SIGTERM", .min = 0, .max = 1e6},
    {0, "val-every", CLI_OPTION_INT, FIELD(val_every), "STEPS",
     .help = "how often it is validated (default: some twenty times, less often where that would take long)", .min = 1,
     .max = 1e9},
    {0, "json", CLI_OPTION_FLAG, FIELD(json), NULL, .help = "a line of JSON for each event on standard output, no table"},
    {0, "html", CLI_OPTION_TEXT, FIELD(html), "FILE",
     .help = "one self-contained page with curves and pictures, rewritten at each validation"},
    {'q', "quiet", CLI_OPTION_FLAG, FIELD(quiet), NULL, .help = "no progress and no table; errors and warnings are still shown"},
    {0},
};
static const cli_option_group groups[] = {
    {"Photos", 0, data_options},     {"Labels", FIELD(data), cli_eval_label_options},
    {"Network", 0, network_options}, {"Training", 0, training_options},
    {"Outputs", 0, output_options},  {0},
};
const cli_usage cli_train_usage = {
    .command = "train",
    .operands = "-o FILE",
    .text = "Trains a network on photos, or goes on training one.\n"
            "  mseg train --voc VOCDIR -m MODEL --classes FILE -o mine.tflite\n"
            "  mseg train --images DIR --masks DIR --classes FILE -o mine.tflite\n"
            "  mseg train --images DIR --teacher MODEL --arch mnv2:0.5 -o small.tflite\n"
            "  mseg train --folders DIR -m CLASSIFIER -o mine.tflite\n"
            "The exit status is 0 when all is well, 1 when photos were left out as damaged, 2 when\n"
            "nothing could be done.\n",
    .groups = groups,
    .min_operands = 0,
    .max_operands = 0,
};

cli_train_args cli_train_defaults(void)
{
    return (cli_train_args){.data = {.network = cli_network_defaults(), .ignore = CLI_IGNORE_DEFAULT, .orientation = -1},
                            .holdout = -1,
                            .momentum = -1,
                            .weight_decay = -1,
                            .warmup = -1,
                            .average = -1,
                            .checkpoint_every = DEFAULT_CHECKPOINT,
                            .seed = -1,
                            .os = -1,
                            .freeze = -1,
                            .optimizer = -1,
                            .schedule = -1,
                            .recipe = -1};
}

/* ---- what goes together ------------------------------------------------------------------------------------------------ */

/* An option about masks that is given; NULL: none. */
static const char *about_masks(const cli_train_args *args)
{
    const cli_eval_args *data = &args->data;
    return data->classes                        ? "classes"
           : data->map                          ? "map"
           : data->reduce_zero_label            ? "reduce-zero-label"
           : data->ignore != CLI_IGNORE_DEFAULT ? "ignore"
           : data->unknown_color                ? "unknown-color"
           : data->read_masks                   ? "read-masks"
           : data->truth_suffix                 ? "mask-suffix"
           : data->photo_suffix                 ? "image-suffix"
           : args->teacher                      ? "teacher"
                                                : NULL;
}

static bool check_teacher(const cli_train_args *args)
{
    const cli_eval_args *data = &args->data;
    const char *other = data->map                 ? "map"
                        : data->reduce_zero_label ? "reduce-zero-label"
                        : data->unknown_color     ? "unknown-color"
                        : data->read_masks        ? "read-masks"
                        : data->truth_suffix      ? "mask-suffix"
                                                  : NULL;
    if (!args->teacher || !data->photos || args->val_masks || !other)
        return true;
    cli_say("train: --%s is about masks, and --teacher stands in for them", other);
    return false;
}

static bool check_folders(const cli_train_args *args)
{
    const char *other = about_masks(args), *variable = getenv("MSEG_MODEL");
    if (args->val_folders && !args->folders)
        cli_say("train: --val-folders goes with --folders");
    else if (args->folders && other)
        cli_say("train: --folders trains a classifier, whose classes are the folders; --%s does not go with it", other);
    else if (args->folders && !args->model && !args->arch && !(variable && *variable))
        cli_say("train: --folders needs a classifier to start from, -m MODEL, or --arch DESCRIPTION, e.g. mnv2:0.5");
    else
        return true;
    return false;
}

/* Where photos and what is in them come from. */
static bool check_sources(const cli_train_args *args)
{
    const cli_eval_args *data = &args->data;
    const int sources = !!data->voc + !!data->photos + !!args->folders;
    const char *validation = args->val ? "val" : args->val_photos ? "val-images" : args->val_folders ? "val-folders" : NULL;
    if (data->truth && !data->photos)
        cli_say("train: --masks needs the photos: --images DIR");
    else if (!sources)
        cli_say("train: nothing to train on: give --images DIR and --masks DIR, --voc DIR or --folders DIR");
    else if (sources > 1)
        cli_say("train: --images, --voc and --folders exclude one another");
    else if (data->photos && !data->truth && !args->teacher)
        cli_say("train: --images needs --masks DIR, or --teacher MODEL to learn from");
    else if (data->truth && args->teacher)
        cli_say("train: --teacher stands in for masks: give one of --masks and --teacher");
    else if (args->features > 0 && !args->teacher)
        cli_say("train: --features are those of a teacher: give --teacher MODEL");
    else if ((data->split || args->val) && !data->voc)
        cli_say("train: --split and --val are lists of --voc");
    else if (!args->val_photos != !args->val_masks)
        cli_say("train: --val-images and --val-masks go together");
    else if (args->val_photos && !data->photos)
        cli_say("train: --val-images goes with --images");
    else if (args->holdout >= 0 && validation)
        cli_say("train: --holdout takes photos of the training to validate with, --%s names others: give one of them",
                validation);
    else
        return check_folders(args) && check_teacher(args) && cli_eval_check_rules("train", data);
    return false;
}

static bool check_network(const cli_train_args *args)
{
    const bool adamw = args->optimizer < 0 ? args->recipe != PAPER : args->optimizer == MSEG_OPTIMIZER_ADAMW;
    if (args->freeze >= 0 && args->arch)
        cli_say("train: --freeze backbone would leave random numbers and copies as they are; it does not go with --arch");
    else if (args->freeze >= 0 && args->features > 0)
        cli_say("train: --features teach the backbone, which --freeze backbone leaves as it is: give one of them");
    else if (!!args->steps + (args->epochs > 0) + (args->minutes > 0) > 1)
        cli_say("train: --steps, --epochs and --minutes exclude one another");
    else if (args->momentum >= 0 && adamw)
        cli_say("train: --momentum is that of --optimizer sgd and rmsprop");
    else
        return true;
    return false;
}

static bool check_output(const cli_train_args *args)
{
    const mseg_model_format format = args->out ? mseg_model_format_of(args->out) : MSEG_MODEL_BY_NAME;
    if (!args->out)
        cli_say("train: no output: give -o FILE, a .tflite or .safetensors");
    else if (format != MSEG_MODEL_TFLITE && format != MSEG_MODEL_SAFETENSORS)
        cli_say("%s: ends in none of .tflite and .safetensors, the formats that are written%s", args->out,
                format == MSEG_MODEL_ONNX ? "; 'mseg convert' makes .onnx of them" : "");
    else
        return true;
    return false;
}

bool cli_train_check_args(const cli_train_args *args)
{
    return check_sources(args) && check_network(args) && check_output(args);
}

/* ---- the library's options --------------------------------------------------------------------------------------------- */

/* False after a line of error. */
static bool take_scales(const char *text, mseg_train_options *options)
{
    char *end, *second;
    if (!text)
        return true;
    options->scale_min = strtod(text, &end);
    options->scale_max = *end == ',' ? strtod(end + 1, &second) : 0;
    if (*end == ',' && second != end + 1 && !*second && options->scale_min >= 0.1 && options->scale_max <= 8 &&
        options->scale_min <= options->scale_max)
        return true;
    cli_say("train: --scales takes MIN,MAX with 0.1 <= MIN <= MAX <= 8, not '%s'", text);
    return false;
}

/* Section 6.1's numbers, of segmentation DeepLab's schedule. */
static void take_recipe(const cli_train_args *args, size_t samples, mseg_train_options *options)
{
    if (args->optimizer < 0)
        options->optimizer = MSEG_OPTIMIZER_RMSPROP;
    if (args->schedule < 0)
        options->schedule = args->folders ? MSEG_RATE_EXPONENTIAL : MSEG_RATE_POLY;
    if (!args->batch)
        options->batch = samples < PAPER_BATCH ? (int)samples : PAPER_BATCH;
    const double batch = fmin(options->batch, (double)samples);
    if (!(args->rate > 0))
        options->learning_rate = args->folders ? 0.045 * batch / PAPER_BATCH : 0.007;
    if (args->momentum < 0)
        options->momentum = 0.9;
    if (args->weight_decay < 0)
        options->weight_decay = 4e-5;
    if (args->warmup < 0)
        options->warmup = 0;
}

bool cli_train_take(const cli_train_args *args, size_t samples, mseg_train_options *options)
{
    options->classifier = args->folders;
    options->freeze_backbone = args->freeze >= 0;
    options->equal_classes = args->equal_classes;
    options->features = args->features;
    options->half = args->precision == 1;
    options->norms = (mseg_train_norms)args->norms;
    options->size = (int)args->size;
    options->output_stride = cli_output_stride(args->os);
    options->batch = (int)args->batch;
    options->steps = args->steps;
    options->epochs = args->epochs;
    options->minutes = args->minutes;
    options->optimizer = args->optimizer < 0 ? MSEG_OPTIMIZER_ADAMW : (mseg_optimizer)args->optimizer;
    options->schedule = args->schedule < 0 ? MSEG_RATE_COSINE : (mseg_rate_schedule)args->schedule;
    options->learning_rate = args->rate;
    options->momentum = args->momentum;
    options->weight_decay = args->weight_decay;
    options->warmup = args->warmup;
    options->average = args->average;
    options->progressive = args->progressive;
    options->no_flip = args->no_flip;
    options->no_color = args->no_color;
    if (args->seed >= 0)
        options->seed = (uint64_t)args->seed;
    if (args->recipe == PAPER)
        take_recipe(args, samples, options);
    return take_scales(args->scales, options);
}
