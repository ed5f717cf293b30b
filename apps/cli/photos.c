#include "cli/photos.h"

#include "cli/progress.h"
#include "cli/say.h"

static mseg_status use(const cli_input *input, cli_photo_fn fn, void *context, mseg_error *err)
{
    mseg_image photo;
    if (input->error)
        return mseg_fail(err, MSEG_INVAL, "%s", input->error);
    mseg_status status = mseg_image_read(&photo, input->path, MSEG_EXIF_APPLY, NULL, err);
    if (!status)
        status = fn(context, mseg_view_of(&photo), err);
    mseg_image_free(&photo);
    return status;
}

size_t cli_photos_each(const cli_inputs *inputs, bool quiet, cli_photo_fn fn, void *context)
{
    cli_progress progress;
    size_t failed = 0;
    cli_progress_start(&progress, inputs->count, quiet);
    for (size_t i = 0; i < inputs->count; i++) {
        mseg_error err = {0};
        if (use(&inputs->items[i], fn, context, &err)) {
            cli_progress_hide(&progress);
            cli_say("%s: %s", inputs->items[i].path, err.text);
            cli_progress_show(&progress);
            failed++;
        }
        cli_progress_step(&progress, true);
    }
    cli_progress_stop(&progress);
    return failed;
}
