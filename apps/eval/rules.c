#include "cli/say.h"
#include "eval/eval.h"

const char *const cli_eval_unknown_choices[] = {"error", "ignore", NULL};
const char *const cli_eval_read_choices[] = {"auto", "ids", "colors", NULL};

#define FIELD(name) offsetof(cli_eval_args, name)
const cli_option cli_eval_label_options[] = {
    {0, "classes", CLI_OPTION_TEXT, FIELD(classes), "NAME|FILE",
     .help = "voc, cityscapes, ade20k, a file of lines 'id r g b name' or CVAT's labelmap.txt (default: those that the model's "
             "file names, else voc); other ids are errors"},
    {0, "ignore", CLI_OPTION_INT, FIELD(ignore), "N",
     .help = "label that does not count, also a class (default 255, unless that is a class; -1: none)", .min = -1, .max = 255},
    {0, "read-masks", CLI_OPTION_CHOICE, FIELD(read_masks), "HOW",
     .help =
         "what counts in masks: ids (as stored), colors, or auto (default): ids of indexed and gray files, colours of RGB files; "
         "an error where they contradict each other",
     .choices = cli_eval_read_choices},
    {0, "map", CLI_OPTION_TEXT, FIELD(map), "FILE",
     .help = "ids of the ground truth to classes: lines 'from to', from an id or * for the rest, to a class or 'ignore'"},
    {0, "reduce-zero-label", CLI_OPTION_FLAG, FIELD(reduce_zero_label), NULL,
     .help = "ground truth of ADE20K: id 0 is ignored, ids from 1 on are classes from 0 on"},
    {0, "unknown-color", CLI_OPTION_CHOICE, FIELD(unknown_color), "HOW",
     .help = "colours outside the palette: error (default) or ignore (the ignore label)", .choices = cli_eval_unknown_choices},
    {0},
};

bool cli_eval_check_rules(const char *command, const cli_eval_args *args)
{
    if (args->reduce_zero_label && args->map)
        cli_say("%s: --reduce-zero-label is a map of its own; it does not go with --map", command);
    else if (args->reduce_zero_label && args->ignore == -1)
        cli_say("%s: --reduce-zero-label needs an ignore label", command);
    else if (args->ignore == -1 && args->unknown_color)
        cli_say("%s: --unknown-color ignore needs an ignore label", command);
    else
        return true;
    return false;
}

bool cli_eval_choose_ignore(const char *command, cli_eval_args *args, const mseg_palette *classes)
{
    if (args->ignore != CLI_IGNORE_DEFAULT)
        return true;
    args->ignore = 255;
    if (!classes->listed[255])
        return true;
    cli_say("%s: label 255 is ignored by default, but %s lists it as '%s': give --ignore -1 to count it, or --ignore 255 to "
            "leave it out",
            command, args->classes ? "--classes" : "the model's file", classes->names[255]);
    return false;
}

bool cli_eval_load_rules(mseg_mask_rules *rules, const char *map, bool reduce, const mseg_palette *palette,
                         const cli_eval_args *args)
{
    mseg_error err = {0};
    mseg_mask_rules_init(rules, palette, (int)args->ignore);
    rules->unknown_is_ignore = args->unknown_color == 1;
    rules->read = (mseg_read_masks)args->read_masks;
    if (reduce && rules->ignore >= 0)
        mseg_mask_reduce_zero(rules);
    if (!map || !mseg_mask_map_load(rules, map, &err))
        return true;
    cli_say("%s: %s", map, err.text);
    return false;
}
