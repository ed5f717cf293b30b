"""The paper's networks in PyTorch, float64, built from the papers and the published facts of TensorFlow's slim and DeepLab - not from
mseg's code - with the weights that mseg's seeded networks have (lib/weights/seeded.h): each value follows from the tensor's name.

MobileNetV2 arXiv 1801.04381, MobileNetV1 1704.04861, ResNet 1512.03385 (slim's resnet_v1 and DeepLab's beta stem), DeepLabv3 1706.05587,
DeepLabv3+ 1802.02611.
"""

import functools
import math

import numpy as np
import torch
import torch.nn.functional as F

torch.set_grad_enabled(False)
WRAP = np.uint64


def fnv1a(name):
    h = 14695981039346656037
    for byte in name.encode():
        h = (h ^ byte) * 1099511628211 % 2**64
    return h


@functools.lru_cache(maxsize=None)
def jumps(n):
    """state_k = a^k * seed + c * (1 + a + ... + a^(k-1)) of the generator state = a * state + c (Knuth's MMIX), k = 1 .. n."""
    powers = np.cumprod(np.full(n, 6364136223846793005, WRAP))
    return powers, np.concatenate(([WRAP(1)], WRAP(1) + np.cumsum(powers[:-1]))) * WRAP(1442695040888963407)


def seeded(name, shape, fan_in=None):
    """Values of the tensor: 24 bits of each state as -0.5 .. 0.5, scaled; all in float32. Biases (no fan_in) are within 0.1."""
    count = math.prod(shape)
    powers, sums = (table[:count] for table in jumps(1 << max(count - 1, 1).bit_length()))
    state = powers * WRAP(fnv1a(name)) + sums
    scale = np.float32(2 * math.sqrt(6 / fan_in)) if fan_in else np.float32(0.2)
    values = ((state >> WRAP(40)).astype(np.float32) / np.float32(1 << 24) - np.float32(0.5)) * scale
    return values.reshape(shape)


def pads(size, kernel, stride, rate, symmetric):
    """Zeros before and after one axis: TensorFlow's SAME, whose odd one goes behind, or slim's conv2d_same for strided layers."""
    reach = (kernel - 1) * rate + 1
    if symmetric:
        return (reach - 1) // 2, (reach - 1) - (reach - 1) // 2
    total = max((math.ceil(size / stride) - 1) * stride + reach - size, 0)
    return total // 2, total - total // 2


def padded(x, kernel, stride, rate, symmetric=False, value=0.0):
    (top, bottom), (left, right) = (pads(n, kernel, stride, rate, symmetric) for n in x.shape[2:])
    return F.pad(x, (left, right, top, bottom), value=value)


def conv(x, layer, out, kernel=1, stride=1, rate=1, activation=None, symmetric=False):
    channels = x.shape[1]
    w = seeded(f"{layer}.weight", (out, kernel, kernel, channels), kernel * kernel * channels).transpose(0, 3, 1, 2)
    b = seeded(f"{layer}.bias", (out,))
    x = padded(x, kernel, stride, rate, symmetric)
    y = F.conv2d(x, torch.tensor(w, dtype=torch.float64), torch.tensor(b, dtype=torch.float64), stride=stride, dilation=rate)
    return activation(y) if activation else y


def depthwise(x, layer, stride, rate, activation):
    channels = x.shape[1]
    w = seeded(f"{layer}.weight", (1, 3, 3, channels), 9).transpose(3, 0, 1, 2)
    b = seeded(f"{layer}.bias", (channels,))
    return activation(F.conv2d(padded(x, 3, stride, rate), torch.tensor(w, dtype=torch.float64), torch.tensor(b, dtype=torch.float64),
                               stride=stride, dilation=rate, groups=channels))


class Strides:
    """Strides until the output stride is reached, then atrous rates for what comes later."""

    def __init__(self, output_stride, reached):
        self.left, self.rate = output_stride // reached, 1

    def take(self, stride):
        rate = self.rate
        if self.left == 1:
            self.rate *= stride
            return 1, rate
        self.left //= stride
        return stride, rate


def make_divisible(value, divisor):
    """slim's: nearest multiple, at least one, at most 10% down."""
    new = max(divisor, int(value + divisor / 2) // divisor * divisor)
    return new + divisor if new < 0.9 * value else new


# Table 2: expansion, channels, repeats, stride of the first.
TABLE_2 = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))


def mobilenet_v2(x, output_stride, width=1.0, exact=False, last=False, low_level=None, **_):
    """exact: DeepLab's own checkpoints, where only stem and expansions are multiples of 8. low_level: a list that gets the map which
    DeepLab's decoder reads, slim's layer_4/depthwise_output."""
    step = 1 if exact else 8
    strides, index = Strides(output_stride, 2), 0
    x = conv(x, "backbone.stem", make_divisible(32 * width, 8), 3, 2, activation=F.relu6)
    for expansion, channels, repeats, first in TABLE_2:
        for repeat in range(repeats):
            stride, rate = strides.take(1 if repeat else first)
            layer, before = f"backbone.block{index}", x
            if expansion > 1:
                x = conv(x, f"{layer}.expand", make_divisible(x.shape[1] * expansion, 8), activation=F.relu6)
            x = depthwise(x, f"{layer}.depthwise", stride, rate, F.relu6)
            if low_level is not None and index == 2:
                low_level.append(x)
            x = conv(x, f"{layer}.project", make_divisible(channels * width, step))
            if stride == 1 and x.shape[1] == before.shape[1]:
                x = x + before
            index += 1
    return conv(x, "backbone.last", max(1280, make_divisible(1280 * width, step)), activation=F.relu6) if last else x


def mobilenet_v1(x, output_stride, width=1.0, **_):
    depth = lambda d: max(int(d * width), 8)
    strides = Strides(output_stride, 2)
    x = conv(x, "backbone.stem", depth(32), 3, 2, activation=F.relu6)
    plan = ((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2)) + ((512, 1),) * 5 + ((1024, 2), (1024, 1))
    for i, (channels, stride) in enumerate(plan):
        x = depthwise(x, f"backbone.block{i}.depthwise", *strides.take(stride), F.relu6)
        x = conv(x, f"backbone.block{i}.pointwise", depth(channels), activation=F.relu6)
    return x


def resnet(x, output_stride, units, width=1.0, beta=False, **_):
    """Bottleneck units; slim strides the last unit of a block, by symmetric padding; its max pooling pads as SAME."""
    depth = lambda d: make_divisible(d * width, 8)
    same = functools.partial(conv, activation=F.relu)
    if beta:
        x = same(x, "backbone.stem1", depth(64), 3, 2, symmetric=True)
        x = same(x, "backbone.stem2", depth(64), 3)
        x = same(x, "backbone.stem3", depth(128), 3)
    else:
        x = same(x, "backbone.stem", depth(64), 7, 2, symmetric=True)
    x = F.max_pool2d(padded(x, 3, 2, 1, value=-math.inf), 3, 2)
    strides, index = Strides(output_stride, 4), 0
    for block, count in enumerate(units):
        base = depth(64 << block)
        for i in range(count):
            stride, rate = strides.take(2 if i == count - 1 and block < 3 else 1)
            layer = f"backbone.unit{index}"
            shortcut = conv(x, f"{layer}.shortcut", 4 * base, stride=stride) if i == 0 else x[:, :, ::stride, ::stride]
            x = same(x, f"{layer}.reduce", base)
            x = same(x, f"{layer}.conv", base, 3, stride, rate, symmetric=stride > 1)
            x = F.relu(conv(x, f"{layer}.expand", 4 * base) + shortcut)
            index += 1
    return x


def decoder(x, low):
    """Semantic features at the size of a finer map, joined with 48 channels of that, refined by two separable convolutions."""
    low = conv(low, "head.low_level", 48, activation=F.relu)
    x = torch.cat([resize(x, *low.shape[2:]), low], 1)
    for i in (0, 1):
        x = depthwise(x, f"head.decoder{i}.depthwise", 1, 1, F.relu)
        x = conv(x, f"head.decoder{i}.pointwise", 256, activation=F.relu)
    return x


def deeplab_head(x, output_stride, classes, aspp=False, separable=False, nopool=False, low_level=None, **_):
    branches = []
    if not nopool:
        pooled = conv(x.mean((2, 3), keepdim=True), "head.image_pooling", 256, activation=F.relu)
        branches.append(pooled.expand(-1, -1, *x.shape[2:]))
    branches.append(conv(x, "head.aspp0", 256, activation=F.relu))
    for i in (1, 2, 3) if aspp or separable else ():
        rate = {8: 12, 16: 6, 32: 3}[output_stride] * i
        if separable:
            y = depthwise(x, f"head.aspp{i}.depthwise", 1, rate, F.relu)
            branches.append(conv(y, f"head.aspp{i}.pointwise", 256, activation=F.relu))
        else:
            branches.append(conv(x, f"head.aspp{i}", 256, 3, rate=rate, activation=F.relu))
    x = conv(torch.cat(branches, 1), "head.projection", 256, activation=F.relu)
    if low_level is not None:
        x = decoder(x, low_level[0])
    return conv(x, "head.classifier", classes)


BACKBONES = {"mnv2": mobilenet_v2, "mnv1": mobilenet_v1,
             "resnet14": functools.partial(resnet, units=(1, 1, 1, 1)),
             "resnet50": functools.partial(resnet, units=(3, 4, 6, 3)),
             "resnet101": functools.partial(resnet, units=(3, 4, 23, 3))}


def options(architecture):
    """'mnv2:0.25:aspp' -> the backbone and its options."""
    name, *words = architecture.split(":")
    chosen = {}
    for word in words:
        key, _, value = word.partition("=")
        if value:
            chosen[key] = int(value)
        elif word[0].isdigit():
            chosen["width"] = float(word)
        else:
            chosen[word] = True
    return BACKBONES[name], chosen


def logits(architecture, output_stride, x):
    """x [1, 3, h, w], normalised; [1, classes, h', w'] (a classifier's are [1, classes, 1, 1])."""
    backbone, chosen = options(architecture)
    imagenet = chosen.pop("imagenet", False)
    classes = chosen.pop("classes", 1001 if imagenet else 21)
    if imagenet:
        chosen["last"] = True
    if chosen.pop("decoder", False):
        chosen["low_level"] = []
    x = backbone(x, output_stride, **chosen)
    if imagenet:
        return conv(x.mean((2, 3), keepdim=True), "head.classifier", classes)
    return deeplab_head(x, output_stride, classes, **chosen)


def resize(x, height, width):
    return F.interpolate(x, (height, width), mode="bilinear", align_corners=True)


def probabilities(architecture, output_stride, canvas, scales, flip):
    """Multi-scale + flip as TensorFlow's DeepLab evaluates: softmax of the upsampled logits, plain mean."""
    height, width = canvas.shape[2:]
    total = []
    for scale in scales:
        x = resize(canvas, int((height - 1) * scale + 1), int((width - 1) * scale + 1))
        for turn in (False, True) if flip else (False,):
            y = logits(architecture, output_stride, x.flip(3) if turn else x)
            total.append(F.softmax(resize(y.flip(3) if turn else y, height, width), 1))
    return sum(total) / len(total)


def picture(width, height):
    """RGB bytes that test_paper.c computes alike: soft waves of different lengths, and a little grain."""
    y, x = np.mgrid[:height, :width].astype(np.int64)
    triangle = lambda v, period: np.abs(v % (2 * period) - period) * 200 // period
    planes = [triangle(3 * x + 5 * y, 40), triangle(7 * x - 2 * y + 2440, 90), triangle(x * x // 16 + 4 * y, 60)]
    return np.stack([p + (x * 31 + y * 17 + x * y * 7 + c * 5) % 56 for c, p in enumerate(planes)], 2).astype(np.uint8)


def normalised(pixels, height=None, width=None):
    """[1, 3, h, w] of a picture at the top left of a canvas of zeros."""
    canvas = np.zeros((height or pixels.shape[0], width or pixels.shape[1], 3))
    canvas[:pixels.shape[0], :pixels.shape[1]] = pixels * (2 / 255) - 1
    return torch.tensor(canvas.transpose(2, 0, 1)[None])
