/* What a program that uses the installed library looks like, in what C and C++ have in common: a model of random weights, a
 * picture of stripes, its labels counted, and something of every library behind mseg (threads, libpng, libjpeg, cJSON). Prints
 * one line. */
#include <mseg.h>

enum { WIDTH = 40, HEIGHT = 30, SIDE = 33 };

static mseg_status draw(mseg_image *photo)
{
    mseg_status status = mseg_image_create(photo, WIDTH, HEIGHT, MSEG_RGB);
    if (status == MSEG_OK)
        for (int i = 0; i < WIDTH * HEIGHT * 3; i++)
            photo->data[i] = (uint8_t)(i * 7 % 256);
    return status;
}

static mseg_status encode(const mseg_image *photo, size_t *png, size_t *jpeg, mseg_error *err)
{
    uint8_t *bytes = NULL;
    mseg_status status = mseg_image_encode_png(mseg_view_of(photo), NULL, &bytes, png, err);
    mseg_bytes_free(&bytes);
    if (status != MSEG_OK)
        return status;
    bytes = NULL;
    status = mseg_image_encode_jpeg(mseg_view_of(photo), 90, &bytes, jpeg, err);
    mseg_bytes_free(&bytes);
    return status;
}

static void print(const mseg_result *result, size_t png, size_t jpeg)
{
    unsigned long sum = 0;
    for (int y = 0; y < result->labels.height; y++)
        for (int x = 0; x < result->labels.width; x++)
            sum = (sum * 31 + result->labels.data[(size_t)y * result->labels.stride + (size_t)x]) % 1000003;
    printf("{\"version\": \"%s\", \"width\": %d, \"height\": %d, \"classes\": %d, \"sum\": %lu, \"encoded\": %s}\n",
           mseg_version(), result->labels.width, result->labels.height, result->classes, sum,
           png > 0 && jpeg > 0 ? "true" : "false");
}

int main(void)
{
    mseg_error err;
    mseg_model *model = NULL;
    mseg_session *session = NULL;
    mseg_pool *pool = NULL;
    mseg_image photo;
    mseg_result result;
    mseg_run_options options;
    mseg_run_options_init(&options, sizeof options);
    size_t png = 0, jpeg = 0;
    options.size = SIDE;
    if (draw(&photo) != MSEG_OK || mseg_pool_open(&pool, 2) != MSEG_OK)
        return 1;
    mseg_status status = mseg_model_open_random(&model, "mnv2:0.35:classes=5", NULL, &err);
    if (status == MSEG_OK)
        status = mseg_session_open(&session, model, pool, &err);
    if (status == MSEG_OK)
        status = mseg_segment(session, mseg_view_of(&photo), &options, &result, &err);
    if (status == MSEG_OK)
        status = encode(&photo, &png, &jpeg, &err);
    if (status == MSEG_OK)
        print(&result, png, jpeg);
    else
        fprintf(stderr, "consumer: %s\n", err.text);
    mseg_session_close(&session);
    mseg_model_close(&model);
    mseg_pool_close(&pool);
    mseg_image_free(&photo);
    return status != MSEG_OK;
}
