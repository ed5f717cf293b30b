#include "plan/picture.h"

#include <string.h>

void mseg_picture_row(const mseg_picture *picture, const mseg_input *input, const mseg_kernels *kernels, int y, int width,
                      float *row)
{
    if (picture->normalised) {
        const size_t n = (size_t)width * 3;
        memcpy(row, picture->normalised + (size_t)y * n, n * sizeof *row);
        return;
    }
    const int seen = y >= picture->height ? 0 : picture->width < width ? picture->width : width;
    if (seen)
        kernels->normalise(picture->data + (size_t)y * picture->stride, row, seen, input->scale, input->offset);
    for (int x = seen; x < width; x++)
        memcpy(row + (size_t)x * 3, input->pad, sizeof input->pad);
}
