#!/usr/bin/python3
"""Writes goldens/cases.txt and goldens/values.f32 for test_networks.c: small networks of lib/net's operators, run by PyTorch in
float64, with the counts and the tolerance that each must meet. Weights and pictures are not stored: both sides compute them from
seeds (tests/kernels/random.h). Needs Debian's python3-torch. Usage: make_goldens.py"""

import math
import os

import numpy as np
import torch
import torch.nn.functional as F

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "goldens")
EPSILON = float(np.finfo(np.float32).eps)
MAX_VALUES = 256  # of a case; larger outputs are sampled


def random_values(seed, count, exponent):
    """The values of random.h: splitmix64, 24 bits, -0.5 .. 0.5, times 2^exponent (exact in float32)."""
    with np.errstate(over="ignore"):
        z = np.uint64(seed) * np.uint64(0xD1342543DE82EF95) + np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z = z ^ (z >> np.uint64(31))
    return np.ldexp((z >> np.uint64(40)).astype(np.float64) / (1 << 24) - 0.5, exponent), z


def he_exponent(fan):
    """Uniform weights of this scale keep the size of activations (He)."""
    return round(math.log2(math.sqrt(24 / fan)))


def same(length, kernel, stride, rate):
    """TensorFlow's SAME: zeros before and after."""
    total = max((math.ceil(length / stride) - 1) * stride + (kernel - 1) * rate + 1 - length, 0)
    return total // 2, total - total // 2


def sampled(y):
    """Every step-th value of [h, w, c], with a step that visits all rows, columns and channels."""
    step = max(1, -(-y.numel() // MAX_VALUES))
    while math.gcd(step, y.shape[1] * y.shape[2]) > 1:
        step += 1
    return step, y.reshape(-1)[::step].numpy().astype("<f4")


class Net:
    """Builds one case: every call appends an operator's line and computes its value. counted: shapes and counts only."""

    def __init__(self, name, width, height, picture=None, both=False, counted=False, seed=1, dtype=torch.float64):
        self.width, self.height, self.both, self.counted, self.dtype = width, height, both, counted, dtype
        self.picture = picture or (width, height)
        self.name, self.seed, self.seeds = name, seed, seed * 1000
        self.lines, self.values, self.errors, self.output = [], [], [], None
        self.madds = self.params = 0
        self.append(self.picture_value(), None)

    def append(self, value, error):
        self.values.append(value)
        self.errors.append(torch.zeros_like(value) + 3 * EPSILON if error is None else error)
        return len(self.values) - 1

    def picture_value(self):
        if self.counted:
            return torch.empty(1, 3, self.height, self.width, device="meta")
        w, h = self.picture
        z = random_values(self.seed, w * h * 3, 0)[1]
        pixels = (z >> np.uint64(56)).astype(np.float64).reshape(h, w, 3) * 2 / 255 - 1
        canvas = np.zeros((self.height, self.width, 3))
        canvas[: min(h, self.height), : min(w, self.width)] = pixels[: self.height, : self.width]
        return torch.tensor(canvas.transpose(2, 0, 1)[None], dtype=self.dtype)

    def weights(self, shape, exponent):
        self.seeds += 1
        if self.counted:
            return torch.empty(shape, device="meta")
        return torch.tensor(random_values(self.seeds, math.prod(shape), exponent)[0].reshape(shape), dtype=self.dtype)

    def pad(self, x, kernel, stride, rate, symmetric=False, value=0.0):
        (top, bottom), (left, right) = (same(n, kernel, stride, rate) for n in x.shape[2:])
        if self.both or symmetric:
            top = bottom = left = right = (kernel - 1) // 2 * rate
        return F.pad(x, (left, right, top, bottom), value=value)

    def convolve(self, x, error, w, b, kernel, stride, rate, add=None, groups=1, symmetric=False):
        """Convolution of NCHW x by OIHW w; the error bound is k * epsilon * sum |products| on top of what comes in."""
        run = lambda v, f: F.conv2d(self.pad(v, kernel, stride, rate, symmetric), f, stride=stride, dilation=rate, groups=groups)
        y = run(x, w)
        self.madds += y.numel() * w[0].numel()
        self.params += w.numel() + (0 if b is None else b.numel())
        if self.counted:
            return y, y
        size = run(x.abs(), w.abs())
        if b is not None:
            y, size = y + b.view(1, -1, 1, 1), size + b.abs().view(1, -1, 1, 1)
        grown = run(error, w.abs())
        if add is not None:
            y, size, grown = y + add[0], size + add[0].abs(), grown + add[1]
        return y, grown + (w[0].numel() + 2) * EPSILON * size

    @staticmethod
    def activate(y, activation):
        return {0: lambda v: v, 1: F.relu, 6: F.relu6}[activation](y)

    def conv(self, inputs, out, kernel=1, stride=1, rate=1, activation=0, bias=True, add=-1, symmetric=False):
        inputs = [inputs] if isinstance(inputs, int) else inputs
        size = max((self.values[i] for i in inputs), key=lambda v: v.numel()).shape[2:]
        whole = lambda v: v.expand(-1, -1, *size) if v.shape[2:] == (1, 1) else v
        x = torch.cat([whole(self.values[i]) for i in inputs], 1)
        error = torch.cat([whole(self.errors[i]) for i in inputs], 1)
        fan = x.shape[1] * kernel * kernel
        first = self.seeds + 1
        w = self.weights((out, kernel, kernel, x.shape[1]), he_exponent(fan)).permute(0, 3, 1, 2)
        b = self.weights((out,), 0) if bias else None
        before = self.madds, self.params
        y, error = self.convolve(x, error, w, b, kernel, stride, rate,
                                 (self.values[add], self.errors[add]) if add >= 0 else None, symmetric=symmetric)
        five = inputs + [-1] * (5 - len(inputs))
        self.lines.append(f"conv in={','.join(map(str, five))} add={add} kernel={kernel} stride={stride} rate={rate} "
                          f"symmetric={int(symmetric)} channels={x.shape[1]},{out} activation={activation} bias={int(bias)} seed={first} "
                          f"scale={he_exponent(fan)} madds={self.madds - before[0]} params={self.params - before[1]} "
                          f"size={y.shape[3]}x{y.shape[2]}")
        return self.append(self.activate(y, activation), error)

    def block(self, value, out, expanded=0, stride=1, rate=1, bias=True, activations=(6, 0), residual=None):
        """Inverted residual; expanded = 0: no expansion."""
        x, error = self.values[value], self.errors[value]
        channels = x.shape[1]
        wide = expanded or channels
        residual = stride == 1 and channels == out if residual is None else residual
        scales = he_exponent(channels), he_exponent(9), he_exponent(wide)
        first = self.seeds + 1
        before = self.madds, self.params
        make_bias = lambda n: self.weights((n,), 0) if bias else None
        if expanded:
            w, b = self.weights((wide, 1, 1, channels), scales[0]).permute(0, 3, 1, 2), make_bias(wide)
            x, error = self.convolve(x, error, w, b, 1, 1, 1)
            x = F.relu6(x)
        w, b = self.weights((3, 3, wide), scales[1]).permute(2, 0, 1)[:, None], make_bias(wide)
        x, error = self.convolve(x, error, w, b, 3, stride, rate, groups=wide)
        x = self.activate(x, activations[0])
        w, b = self.weights((out, 1, 1, wide), scales[2]).permute(0, 3, 1, 2), make_bias(out)
        y, error = self.convolve(x, error, w, b, 1, 1, 1, (self.values[value], self.errors[value]) if residual else None)
        self.lines.append(f"block in={value} stride={stride} rate={rate} channels={channels},{expanded},{out} "
                          f"residual={int(residual)} activations={activations[0]},{activations[1]} bias={int(bias)} seed={first} "
                          f"scales={scales[0]},{scales[1]},{scales[2]} madds={self.madds - before[0]} "
                          f"params={self.params - before[1]} size={y.shape[3]}x{y.shape[2]}")
        return self.append(self.activate(y, activations[1]), error)

    def pool(self, value):
        x = self.values[value]
        y = x.mean((2, 3), keepdim=True)
        error = y
        if not self.counted:
            error = self.errors[value].mean((2, 3), keepdim=True) + (x.shape[3] + 2) * EPSILON * x.abs().mean((2, 3), keepdim=True)
        self.lines.append(f"pool in={value} channels={x.shape[1]}")
        return self.append(y, error)

    def max_pool(self, value, kernel, stride):
        run = lambda v: F.max_pool2d(self.pad(v, kernel, stride, 1, value=-math.inf), kernel, stride)
        y = run(self.values[value])
        self.lines.append(f"maxpool in={value} kernel={kernel} stride={stride} channels={y.shape[1]} size={y.shape[3]}x{y.shape[2]}")
        return self.append(y, run(self.errors[value]))


BLOCK_STRIDES = [1, 2, 1, 2, 1, 1, 2, 1, 1, 1, 1, 1, 1, 2, 1, 1, 1]
WIDTH_1 = [16, 24, 24, 32, 32, 32] + [64] * 4 + [96] * 3 + [160] * 3 + [320]
DM05 = [8, 12, 12, 16, 16, 16] + [32] * 4 + [48] * 3 + [80] * 3 + [160]
NARROW = [8, 8, 8, 12, 12, 12] + [16] * 4 + [24] * 3 + [40] * 3 + [80]


def deeplab(net, output_stride, stem, blocks, head, classes=21, aspp=False):
    """MobileNetV2 + DeepLabv3 as the paper has them; where the stride ends, atrous rates begin."""
    x = net.conv(0, stem, kernel=3, stride=2, activation=6)
    reached, rate, channels = 2, 1, stem
    for i, (stride, out) in enumerate(zip(BLOCK_STRIDES, blocks)):
        expanded = 0 if i == 0 else -(-6 * channels // 8) * 8
        x = net.block(x, out, expanded, stride=1 if reached == output_stride else stride, rate=rate)
        if reached == output_stride:
            rate *= stride
        else:
            reached *= stride
        channels = out
    branches = [net.conv(net.pool(x), head, activation=1), net.conv(x, head, activation=1)]
    for i in (1, 2, 3) if aspp else ():
        branches.append(net.conv(x, head, kernel=3, rate=6 * i * 16 // output_stride, activation=1))
    return net.conv(net.conv(branches, head, activation=1), classes)


def conv_cases():
    for both in (False, True):
        for kernel, stride, rate in ((1, 1, 1), (3, 1, 1), (5, 1, 1), (1, 2, 1), (3, 2, 1), (5, 2, 1), (3, 1, 2), (3, 1, 3), (3, 1, 6),
                                     (5, 1, 2), (3, 2, 2)):
            for width, height in ((9, 7), (8, 6), (1, 1)):
                net = Net(f"conv{kernel}_s{stride}_r{rate}_{width}x{height}" + "_both" * both, width, height, both=both)
                net.conv(net.conv(0, 5), 11, kernel, stride, rate, activation=6)
                yield net
        for width, height, kernel, out in ((17, 13, 3, 33), (12, 10, 3, 8), (10, 10, 5, 7), (1, 1, 3, 4), (40, 3, 1, 20)):
            net = Net(f"first{kernel}_{width}x{height}" + "_both" * both, width, height, picture=(max(width - 3, 1), height + 2), both=both)
            net.conv(0, out, kernel, 2 if kernel > 1 else 1, activation=6, bias=out != 7)
            yield net
    net = Net("wide_output", 7, 5)
    net.conv(net.conv(0, 37), 70, activation=1, bias=False)
    yield net
    net = Net("picture_larger_than_canvas", 6, 5, picture=(9, 8))
    net.conv(0, 9, 3, 1)
    yield net


def mixed_cases():
    net = Net("concat_maps", 9, 6)
    maps = [net.conv(0, 6, activation=6) for _ in range(3)]
    net.conv(maps, 17, activation=1)
    yield net
    net = Net("concat_maps_3x3", 9, 6)
    maps = [net.conv(0, 6, activation=6) for _ in range(2)]
    net.conv(maps, 9, 3, rate=2)
    yield net
    for place in range(3):
        net = Net(f"concat_pooled_{place}", 11, 7)
        x = net.conv(0, 13, activation=6)
        branches = [net.conv(x, 9, activation=1), net.conv(x, 9, 3, rate=4, activation=1)]
        branches.insert(place, net.conv(net.pool(x), 14, activation=1))
        net.conv(branches, 10, activation=1)
        yield net
    net = Net("concat_pooled_itself", 11, 7)
    x = net.conv(0, 13, activation=6)
    net.conv([net.pool(x), x], 18, bias=False)
    yield net
    net = Net("concat_pooled_on_one_pixel", 1, 1)
    x = net.conv(0, 13, activation=6)
    net.conv([net.pool(x), x], 18)
    yield net
    net = Net("residual_add", 9, 7)
    x = net.conv(0, 10, activation=6)
    y = net.conv(x, 12, 3, activation=6)
    net.conv(net.conv(y, 20, activation=6), 12, 3, add=y, activation=6)
    yield net
    for width, height, channels in ((1, 1, 8), (13, 9, 21), (33, 2, 130)):
        net = Net(f"global_pool_{width}x{height}", width, height)
        net.pool(net.conv(0, channels, activation=6))
        yield net
    net = Net("pool_then_convs", 10, 4)
    net.conv(net.conv(net.pool(net.conv(0, 20, activation=6)), 40, activation=1), 5)
    yield net


def resnet_cases():
    for kernel, stride, width, height in ((3, 2, 9, 7), (3, 2, 8, 6), (3, 1, 5, 4), (1, 2, 8, 9), (5, 3, 10, 11), (3, 2, 1, 1)):
        net = Net(f"max_pool{kernel}_s{stride}_{width}x{height}", width, height)
        net.max_pool(net.conv(0, 10), kernel, stride)
        yield net
    net = Net("max_pool_then_blocks", 22, 30)
    x = net.max_pool(net.conv(0, 12), 3, 2)
    net.block(net.block(x, 12), 9, 30, residual=False)
    yield net
    net = Net("bottleneck", 10, 12)  # ResNet's, its stride in the last unit and padded symmetrically
    x = net.conv(0, 16, activation=1)
    y = net.conv(net.conv(net.conv(x, 6, activation=1), 6, 3, activation=1), 16, add=x, activation=1)
    shortcut = net.max_pool(y, 1, 2)
    net.conv(net.conv(net.conv(y, 6, activation=1), 6, 3, 2, symmetric=True, activation=1), 16, add=shortcut, activation=1)
    yield net
    net = Net("first_symmetric", 12, 10)
    net.conv(0, 9, 3, 2, symmetric=True, activation=1)
    yield net


def block_cases():
    sizes = ((13, 11), (12, 10), (7, 20), (5, 1), (1, 6), (1, 1))
    for both in (False, True):
        for width, height in sizes[1::2] if both else sizes:
            for stride, rate in ((1, 1), (2, 1), (1, 2), (1, 4)):
                for channels, expanded, out in ((8, 0, 8), (12, 72, 12)):
                    net = Net(f"block_{channels}_{expanded}_{out}_s{stride}_r{rate}_{width}x{height}" + "_both" * both, width, height, both=both)
                    net.block(net.conv(0, channels, activation=6), out, expanded, stride, rate)
                    yield net
    for channels, expanded, out, stride, rate, width, height in ((24, 144, 24, 1, 1, 9, 9), (24, 144, 32, 2, 1, 9, 9), (24, 144, 24, 1, 4, 9, 9),
                                                                 (24, 0, 8, 1, 1, 9, 9), (12, 0, 20, 2, 1, 9, 8), (7, 0, 9, 1, 3, 6, 9),
                                                                 (11, 50, 11, 1, 2, 10, 5), (72, 144, 12, 1, 1, 6, 5), (8, 48, 16, 2, 2, 8, 9)):
        net = Net(f"block_{channels}_{expanded}_{out}_s{stride}_r{rate}_{width}x{height}", width, height)
        net.block(net.conv(0, channels, activation=6), out, expanded, stride, rate)
        yield net
    net = Net("block_without_bias", 9, 7)
    net.block(net.conv(0, 12, activation=6), 12, 72, bias=False)
    yield net
    net = Net("block_without_residual", 9, 7)
    net.block(net.conv(0, 12, activation=6), 12, 72, residual=False)
    yield net
    net = Net("block_with_last_activation", 9, 7)  # only the sum of all groups may be clamped
    net.block(net.conv(0, 12, activation=6), 12, 96, activations=(6, 6))
    yield net
    net = Net("separable", 9, 7)  # MobileNetV1's, and DeepLab's later ASPP branches
    net.block(net.conv(0, 12, activation=6), 20, rate=3, activations=(1, 1))
    yield net
    net = Net("two_readers_with_different_rates", 11, 9)
    x = net.conv(0, 12, activation=6)
    net.conv([net.block(x, 10, rate=1, activations=(1, 1)), net.block(x, 10, rate=4, activations=(1, 1))], 6)
    yield net
    net = Net("chain", 33, 25)  # streams when the cache is small
    x = net.conv(0, 16, 3, 2, activation=6)
    x = net.block(x, 8)
    x = net.block(x, 12, 48, stride=2)
    x = net.block(x, 12, 72)
    x = net.block(x, 8, 72, rate=2)
    net.block(x, 20, 48, rate=2, residual=False)
    yield net
    net = Net("chain_of_larger_batches", 20, 30)  # a convolution of several rows at a time, then blocks that stream from it
    x = net.conv(net.conv(0, 10, activation=6), 12, 3, activation=6)
    net.block(net.block(x, 14, 40, stride=2), 6, 30, stride=2)
    yield net
    net = Net("output_in_the_middle", 33, 25)
    x = net.conv(0, 16, 3, 2, activation=6)
    net.output = net.block(x, 12, 40)
    net.block(net.output, 10, 48)
    yield net


def network_cases():
    for output_stride, width, height, aspp in ((8, 65, 49, False), (16, 65, 65, True), (32, 65, 33, False), (16, 64, 48, False),
                                               (8, 50, 35, True), (16, 57, 41, True), (32, 100, 70, True), (16, 1, 1, True), (8, 17, 23, False)):
        for dtype in (torch.float64, torch.float32):
            picture = (width, height - 7) if height > 40 else None
            net = Net(f"network_os{output_stride}_{width}x{height}" + "_aspp" * aspp, width, height, picture=picture, dtype=dtype)
            net.output = deeplab(net, output_stride, 8, NARROW, 32, aspp=aspp)
            if dtype == torch.float64:
                exact = net
        difference = (net.values[-1].double() - exact.values[-1]).abs().max().item()
        exact.tolerance = 1e-4 * exact.values[-1].abs().max().item()
        print(f"{exact.name}: max {exact.values[-1].abs().max().item():.3f}, torch float32 off by {difference:.2e}, "
              f"tolerance {exact.tolerance:.2e}")
        yield exact


def counted_cases():
    """Full networks, shapes and counts only. The totals are those of docs/numerics.md ("Counts")."""
    for name, side, output_stride, blocks, stem, aspp, madds, params in (
            ("count_os32", 513, 32, WIDTH_1, 32, False, 1607243456, 2097013), ("count_os16", 513, 16, WIDTH_1, 32, False, 2740709056, 2097013),
            ("count_os8", 513, 8, WIDTH_1, 32, False, 8825853632, 2097013), ("count_os16_aspp", 513, 16, WIDTH_1, 32, True, 5363508928, None),
            ("count_os8_aspp", 513, 8, WIDTH_1, 32, True, 19001546432, None), ("count_dm05_os16", 513, 16, DM05, 16, False, 867496704, 688357),
            ("count_dm05_os8_257", 257, 8, DM05, 16, False, 725849344, 688357), ("count_odd", 301, 16, DM05, 16, True, None, None)):
        net = Net(name, side, side if name != "count_odd" else 222, counted=True)
        net.output = deeplab(net, output_stride, stem, blocks, 256, aspp=aspp)
        assert madds is None or net.madds == madds, (name, net.madds)
        assert params is None or net.params == params, (name, net.params)
        yield net


def main():
    os.makedirs(FOLDER, exist_ok=True)
    text, values, count = [], [], 0
    for cases in (conv_cases, mixed_cases, resnet_cases, block_cases, network_cases, counted_cases):
        for net in cases():
            output = len(net.values) - 1 if net.output is None else net.output
            y = net.values[output]
            tolerance = 0 if net.counted else getattr(net, "tolerance", net.errors[output].max().item())
            text.append(f"case {net.name} canvas={net.width}x{net.height} picture={net.picture[0]}x{net.picture[1]} both={int(net.both)} "
                        f"seed={net.seed}")
            text += net.lines
            step = 0
            if not net.counted:
                step, some = sampled(y[0].permute(1, 2, 0))
                values.append(some)
            text.append(f"end output={output} size={y.shape[3]}x{y.shape[2]}x{y.shape[1]} first={count} step={step} "
                        f"tolerance={tolerance:.3g} madds={net.madds} params={net.params}")
            count += len(values[-1]) if step else 0
    with open(os.path.join(FOLDER, "cases.txt"), "w") as file:
        file.write("\n".join(text) + "\n")
    np.concatenate(values).tofile(os.path.join(FOLDER, "values.f32"))


if __name__ == "__main__":
    main()
