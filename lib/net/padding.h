#ifndef MSEG_NET_PADDING_H
#define MSEG_NET_PADDING_H

/* MSEG_SAME: TensorFlow's; MSEG_SYMMETRIC: the same on both sides (torchvision, slim's conv2d_same). Both give ceil(in / stride)
 * outputs for odd kernels; where the first one lies differs. */
typedef enum mseg_padding { MSEG_SAME, MSEG_SYMMETRIC } mseg_padding;

/** Outputs along an axis of in elements. */
int mseg_out_size(int in, int stride);

/** Zeros before the first of in elements. SAME: half, rounded down, of max((ceil(in / stride) - 1) * stride + (kernel - 1) * rate
 * + 1 - in, 0). Symmetric: (kernel - 1) / 2 * rate. */
int mseg_pad_before(mseg_padding padding, int in, int kernel, int stride, int rate);

#endif
