/* segment PHOTO MASK.png: writes the class of each pixel as an indexed PNG and prints the names of the classes found.
 * cc segment.c $(pkg-config --cflags --libs mseg) */
#include <mseg.h>

int main(int argc, char **argv)
{
    mseg_model *model = NULL;
    mseg_session *session = NULL;
    mseg_image photo = {0};
    mseg_palette voc = {0};
    mseg_run_options options;
    mseg_result result;
    mseg_error err;
    const char *where = "mseg"; /* what a text of err is about */
    long pixels[256] = {0};
    int status = 1;

    if (argc != 3) {
        fprintf(stderr, "usage: segment PHOTO MASK.png\n");
        return 2;
    }
    if (mseg_model_open_builtin(&model, NULL, &err) || mseg_session_open(&session, model, NULL, &err) ||
        mseg_palette_load(&voc, "voc", &err))
        goto done;
    mseg_run_options_init(&options, sizeof options);
    options.size = 0; /* what the model was trained at */

    where = argv[1];
    if (mseg_image_read(&photo, argv[1], MSEG_EXIF_APPLY, NULL, &err) ||
        mseg_segment(session, mseg_view_of(&photo), &options, &result, &err))
        goto done;
    where = argv[2]; /* the labels are the session's: nothing to free */
    if (mseg_image_write_indexed(argv[2], result.labels, &voc.colors, &err))
        goto done;
    for (int y = 0; y < result.labels.height; y++)
        for (int x = 0; x < result.labels.width; x++)
            pixels[result.labels.data[(size_t)y * result.labels.stride + (size_t)x]]++;
    for (int id = 0; id < voc.entries; id++)
        if (pixels[id])
            printf("%s: %ld pixels\n", voc.names[id], pixels[id]);
    status = 0;
done:
    if (status)
        fprintf(stderr, "%s: %s\n", where, err.text);
    mseg_palette_free(&voc);
    mseg_image_free(&photo);
    mseg_session_close(&session); /* before its model */
    mseg_model_close(&model);
    return status;
}
