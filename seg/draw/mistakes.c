#include "seg/draw/draw.h"

const uint8_t mseg_mistake_rgb[MSEG_MISTAKES][3] = {[MSEG_MISSED] = {0, 114, 220},
                                                    [MSEG_INVENTED] = {240, 150, 0},
                                                    [MSEG_CONFUSED] = {200, 50, 160},
                                                    [MSEG_UNCOUNTED] = {128, 128, 128}};

/* MSEG_MISTAKES: none. */
static mseg_mistake mistake_of(int truth, int predicted, int ignore, const bool background[256])
{
    if (truth == ignore)
        return MSEG_UNCOUNTED;
    if (truth == predicted)
        return MSEG_MISTAKES;
    if (predicted == ignore || background[predicted])
        return MSEG_MISSED;
    return background[truth] ? MSEG_INVENTED : MSEG_CONFUSED;
}

mseg_status mseg_draw_mistakes(mseg_image *out, const mseg_example *e, int ignore, const bool background[256])
{
    mseg_status status = mseg_image_create(out, e->truth.width, e->truth.height, MSEG_RGB);
    for (int y = 0; y < out->height && !status; y++)
        for (int x = 0; x < out->width; x++) {
            const int t = e->truth.data[(size_t)y * e->truth.stride + (size_t)x];
            const int p = e->prediction.data[(size_t)y * e->prediction.stride + (size_t)x];
            uint8_t *to = out->data + (size_t)y * out->stride + 3 * (size_t)x;
            int gray = 235;
            if (e->photo.data) {
                const uint8_t *rgb = e->photo.data + (size_t)y * e->photo.stride + 3 * (size_t)x;
                gray = 96 + (rgb[0] * 54 + rgb[1] * 183 + rgb[2] * 19) * 156 / 65536 + 3;
            }
            const mseg_mistake mark = mistake_of(t, p, ignore, background);
            const int strength = mark == MSEG_MISTAKES ? 0 : mark == MSEG_UNCOUNTED ? 90 : 200;
            for (int c = 0; c < 3; c++)
                to[c] = (uint8_t)((gray * (256 - strength) + (strength ? mseg_mistake_rgb[mark][c] : 0) * strength) / 256);
        }
    return status;
}
