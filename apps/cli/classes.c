#include "cli/classes.h"

#include "cli/say.h"

/* Whether the model's file names its classes. */
static bool has_names(const mseg_model *model)
{
    if (!model)
        return false;
    const mseg_model_info info = mseg_model_describe(model);
    return info.labels == info.classes;
}

const char *cli_classes_source(const char *given, const mseg_model *model)
{
    return given ? given : has_names(model) ? "the model's own" : "voc";
}

bool cli_classes_load(mseg_palette *palette, const char *given, const mseg_model *model)
{
    mseg_error err = {0};
    const char *source = cli_classes_source(given, model);
    if (!given && has_names(model) ? mseg_palette_from_model(palette, model, &err) : mseg_palette_load(palette, source, &err))
        cli_say("%s: %s", source, err.text);
    return !err.status;
}
