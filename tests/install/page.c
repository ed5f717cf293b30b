/* page PHOTO MODEL TRUTH FOLDER: runs the code of docs/library.md, which test_examples.py takes out of it as "library.c"; what it
 * writes to FOLDER and prints that test compares. */
#include "library.c"

#include <assert.h>
#include <string.h>

static const char *folder;

static char *in_folder(const char *name)
{
    enum { ROOM = 4096, PATHS = 32 };
    static char paths[PATHS][ROOM];
    static int used;
    assert(used < PATHS);
    snprintf(paths[used], ROOM, "%s/%s", folder, name);
    return paths[used++];
}

static void must(mseg_status status, const mseg_error *err)
{
    if (status != MSEG_OK) {
        say("page", err);
        exit(1);
    }
}

static void models(const char *path)
{
    mseg_error err;
    mseg_model *a = NULL, *b = NULL;
    static uint8_t bytes[4 * 1024 * 1024];
    FILE *in = fopen(path, "rb");
    assert(in);
    const size_t size = fread(bytes, 1, sizeof bytes, in);
    fclose(in);
    must(open_file(&a, path, &err), &err);
    must(open_memory(&b, bytes, size, &err), &err);
    must(export_model(path, in_folder("exported.onnx"), &err), &err);
    must(export_model(NULL, in_folder("exported.tflite"), &err), &err);
    const mseg_model_info info = mseg_model_describe(b);
    printf("open_file %d open_memory %s %d\n", mseg_model_describe(a).output_stride, info.name,
           strcmp(info.sha256, mseg_model_describe(a).sha256));
    mseg_model_close(&a);
    mseg_model_close(&b);
}

static void pictures(const mseg_model *model, mseg_session *session, char *photo)
{
    mseg_error err;
    mseg_image image;
    char *photos[] = {photo, in_folder("none.jpg"), photo};
    char *masks[] = {in_folder("many0.png"), in_folder("many1.png"), in_folder("many2.png")};
    must(one_picture(model, photo, in_folder("one.png"), &err), &err);
    must(one_picture_in_threads(model, 2, photo, in_folder("threads.png"), &err), &err);
    printf("many_pictures %d\n", many_pictures(model, photos, masks, 3));
    must(large_picture(session, photo, in_folder("large.png"), &err), &err);
    must(careful(session, photo, in_folder("careful.png"), &err), &err);
    must(read_upload(&image, photo, &err), &err);
    uint8_t *ids = malloc((size_t)image.width * (size_t)image.height), *row = malloc((size_t)image.width * 3);
    uint8_t *bgr = malloc((size_t)image.width * (size_t)image.height * 3);
    assert(ids && row && bgr);
    for (int i = 0; i < image.width * image.height * 3; i++)
        bgr[i] = image.data[i / 3 * 3 + 2 - i % 3];
    must(segment_pixels(session, bgr, image.width, image.height, ids, &err), &err);
    free(bgr);
    const mseg_view labels = {image.width, image.height, MSEG_GRAY, (size_t)image.width, ids};
    must(write_mask(in_folder("pixels.png"), labels, &err), &err);
    must(write_overlay(in_folder("overlay.png"), mseg_view_of(&image), labels, "voc", &err), &err);
    mseg_image gray;
    must(left_gray(&gray, mseg_view_of(&image), &err), &err);
    must(mseg_image_write_png(in_folder("gray.png"), mseg_view_of(&gray), &err), &err);
    mseg_image_free(&gray);
    must(first_row(photo, row, image.width, &err), &err);
    double mean;
    must(mean_probability(session, mseg_view_of(&image), &mean, &err), &err);
    printf("first_row %d mean_probability %.9f\n", memcmp(row, image.data, (size_t)image.width * 3), mean);
    uint8_t *jpeg;
    size_t size;
    must(thumbnail(mseg_view_of(&image), &jpeg, &size, &err), &err);
    FILE *out = fopen(in_folder("thumbnail.jpg"), "wb");
    assert(out && fwrite(jpeg, 1, size, out) == size && fclose(out) == 0);
    free(jpeg);
    free(row);
    free(ids);
    mseg_image_free(&image);
}

static void both(mseg_session *session, const char *photo)
{
    mseg_error err;
    mseg_palette voc;
    mseg_image_reader *reader;
    mseg_tile_options options;
    mseg_tiled tiled;
    outputs to = {.palette = &voc, .ids = fopen(in_folder("both.ids"), "wb")};
    assert(to.ids);
    mseg_tile_options_init(&options, sizeof options);
    options.size = 257;
    must(mseg_palette_load(&voc, "voc", &err), &err);
    must(mseg_image_reader_open(&reader, photo, MSEG_EXIF_APPLY, NULL, &err), &err);
    const mseg_png_format format = {mseg_image_reader_width(reader), mseg_image_reader_height(reader), MSEG_RGB, NULL, NULL};
    must(mseg_row_writer_open(&to.overlay, in_folder("both.png"), &format, &err), &err);
    must(mseg_segment_tiled(session, reader, &options, put_both, &to, &tiled, &err), &err);
    must(mseg_row_writer_commit(&to.overlay, &err), &err);
    assert(fclose(to.ids) == 0);
    mseg_image_reader_close(&reader);
    mseg_palette_free(&voc);
}

static void stopping(mseg_session *session, const char *photo)
{
    mseg_error err;
    volatile bool stop = true;
    char *mask = in_folder("shown.png");
    const mseg_status status = large_picture_shown(session, photo, mask, &stop, &err);
    printf("large_picture_shown %d\n", status == MSEG_CANCELLED && !fopen(mask, "rb"));
    stop = false;
    must(large_picture_shown(session, photo, mask, &stop, &err), &err);
}

static void classifying(const char *photo)
{
    mseg_error err;
    mseg_model *model;
    mseg_session *session;
    mseg_image image;
    const float *scores;
    int best;
    must(mseg_model_open_random(&model, "mnv2:0.35:imagenet", NULL, &err), &err);
    must(mseg_session_open(&session, model, NULL, &err), &err);
    must(mseg_image_read(&image, photo, MSEG_EXIF_APPLY, NULL, &err), &err);
    const int classes = mseg_model_describe(model).classes;
    must(best_class(session, mseg_view_of(&image), classes, &best, &err), &err);
    must(mseg_classify(session, mseg_view_of(&image), 224, 0.875, &scores, &err), &err);
    int better = 0;
    for (int i = 0; i < classes; i++)
        better += scores[i] > scores[best];
    printf("best_class %d\n", better);
    mseg_image_free(&image);
    mseg_session_close(&session);
    mseg_model_close(&model);
}

static void judging(char *truth)
{
    mseg_error err;
    mseg_palette voc, ade;
    mseg_mask_rules rules;
    mseg_counts *counts, *all;
    mseg_score score;
    char *mask = in_folder("one.png"), *saved = in_folder("one.counts");
    double miou;
    mseg_format format;
    int colors;
    must(judge(&truth, &mask, 1, &miou, &err), &err);
    printf("judge %.9f\n", miou);
    must(stored(mask, &format, &colors, &err), &err);
    printf("stored %d %d\n", mseg_format_channels(format), colors);
    must(mseg_palette_load(&ade, "ade20k", &err), &err);
    must(ade_rules(&rules, &ade, NULL, &err), &err);
    mseg_palette_free(&ade);
    must(mseg_palette_load(&voc, "voc", &err), &err);
    mseg_mask_rules_init(&rules, &voc, 255);
    must(mseg_counts_open(&counts, &rules, NULL, &err), &err);
    must(mseg_counts_open(&all, &rules, NULL, &err), &err);
    assert(judge_pair(counts, &rules, "none", truth, in_folder("none.png"), &err) != MSEG_OK);
    must(judge_pair(counts, &rules, "one", truth, mask, &err), &err);
    must(add_part(all, counts, saved, &err), &err);
    must(mseg_score_open(&score, all, NULL, &err), &err);
    printf("mistakes %d\n", mistakes(&score, all));
    printf("again %.9f\n", score.miou);
    must(compare(saved, saved, &err), &err);
    mseg_score_close(&score);
    mseg_counts_close(&all);
    mseg_counts_close(&counts);
    mseg_palette_free(&voc);
}

int main(int argc, char **argv)
{
    mseg_error err;
    mseg_model *model = NULL;
    mseg_session *session = NULL;
    if (argc != 5)
        return 2;
    folder = argv[4];
    must(print_builtin(&err), &err);
    must(mseg_model_open_builtin(&model, NULL, &err), &err);
    must(mseg_session_open(&session, model, NULL, &err), &err);
    mseg_palette classes;
    must(classes_of(&classes, model, &err), &err);
    printf("classes_of %d %s\n", classes.count, classes.names[15]);
    mseg_palette_free(&classes);
    print_class(model, 15);
    models(argv[2]);
    must(quantise((const char *const[]){argv[1]}, 1, in_folder("exported8.tflite"), &err), &err);
    pictures(model, session, argv[1]);
    both(session, argv[1]);
    stopping(session, argv[1]);
    classifying(argv[1]);
    judging(argv[3]);
    list_palettes();
    printf("is_as_compiled %d\n", is_as_compiled());
    mseg_session_close(&session);
    mseg_model_close(&model);
    return 0;
}
