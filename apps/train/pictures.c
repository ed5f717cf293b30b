#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/html.h"
#include "cli/names.h"
#include "train/train.h"

enum { SIDE = 200, QUALITY = 80 };
#define ALPHA 0.6

/* A picture, made small, as a URI; NULL without memory. */
static char *make_uri(mseg_view picture)
{
    const double longer = picture.width > picture.height ? picture.width : picture.height, scale = fmin(1, SIDE / longer);
    mseg_image rgb = {0}, small = {0};
    uint8_t *bytes = NULL;
    size_t size = 0, length = 0;
    char *uri = NULL;
    if (!mseg_image_to_rgb(&rgb, picture, NULL) &&
        !mseg_image_resize(&small, mseg_view_of(&rgb), (int)fmax(1, rint(picture.width * scale)),
                           (int)fmax(1, rint(picture.height * scale)), NULL) &&
        !mseg_image_encode_jpeg(mseg_view_of(&small), QUALITY, &bytes, &size, NULL)) {
        FILE *file = open_memstream(&uri, &length);
        if (file) {
            fputs("data:image/jpeg;base64,", file);
            mseg_html_base64(file, bytes, size);
            if (fclose(file)) {
                free(uri);
                uri = NULL;
            }
        }
    }
    mseg_bytes_free(&bytes);
    mseg_image_free(&small);
    mseg_image_free(&rgb);
    return uri;
}

/* Labels over their photo as a URI; NULL without memory or where the two do not fit. */
static char *make_overlay(const mseg_example *example, const mseg_image *labels, const mseg_palette *palette)
{
    mseg_image over = {0};
    char *uri = NULL;
    if (!mseg_overlay(&over, mseg_view_of(&example->photo), mseg_view_of(labels), palette, ALPHA, NULL))
        uri = make_uri(mseg_view_of(&over));
    mseg_image_free(&over);
    return uri;
}

/* Appends the prediction of now to the pictures of a photo, all of them to new ones; false when one cannot be had. */
static bool take(cli_train *t, cli_train_example *slot)
{
    mseg_example now = {0};
    char *prediction = NULL;
    if (!mseg_training_example(t->training, slot->index, &now, NULL)) {
        if (!slot->photo)
            slot->photo = make_uri(mseg_view_of(&now.photo));
        if (!slot->truth)
            slot->truth = make_overlay(&now, &now.truth, &t->palette);
        prediction = make_overlay(&now, &now.prediction, &t->palette);
    }
    if (prediction)
        cli_train_history_shot(slot, mseg_training_state(t->training).step, prediction);
    mseg_image_free(&now.photo);
    mseg_image_free(&now.truth);
    mseg_image_free(&now.prediction);
    return prediction && slot->photo && slot->truth;
}

/* The photos that are shown, spread over the validation. */
static void choose(cli_train *t)
{
    cli_train_history *h = &t->history;
    const size_t n = t->set.validation.count, shown = n < CLI_EXAMPLES ? n : CLI_EXAMPLES;
    for (size_t i = 0; i < shown; i++) {
        const size_t index = i * n / shown;
        cli_train_example *slot = &h->examples[h->n_examples];
        *slot = (cli_train_example){.index = index, .name = strdup(cli_base_name(t->set.validation.items[index].photo))};
        if (slot->name && take(t, slot))
            h->n_examples++;
        else
            cli_train_example_free(slot);
    }
}

void cli_train_take_pictures(cli_train *t)
{
    if (!t->args->html || t->args->folders)
        return;
    if (!t->history.n_examples) {
        choose(t);
        return;
    }
    for (int i = 0; i < t->history.n_examples; i++)
        take(t, &t->history.examples[i]);
}
