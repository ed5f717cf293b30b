#!/usr/bin/python3
"""Writes goldens/cases.txt and goldens/values.f32 for test_paper.c: what networks.py makes of small pictures, for every backbone,
output stride, head option and kind of size. Needs Debian's python3-torch. Usage: make_goldens.py"""

import itertools
import math
import os

import numpy as np
import torch
import torch.nn.functional as F

import networks

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "goldens")
MAX_VALUES = 400  # of a case; larger outputs are sampled
ODD = ((33, 33), (49, 33), (33, 65), (97, 65))
EVEN = ((32, 32), (48, 64), (34, 50), (96, 64), (65, 48))
MF = (0.5, 0.75, 1.0, 1.25, 1.5, 1.75)
TIE = 1e-4  # of the range: pixels whose best two classes are closer may go either way


def sampled(values):
    """Every step-th value of [h, w, c], by a step that visits all rows, columns and channels."""
    step = max(1, -(-values.size // MAX_VALUES))
    while step > 1 and math.gcd(step, values.shape[1] * values.shape[2]) > 1:
        step += 1
    return step, values.reshape(-1)[::step]


class Writer:
    def __init__(self):
        self.lines, self.values = [], []

    def add(self, line, values):
        self.values.append(np.asarray(values, "<f4").reshape(-1))
        self.lines.append(f"{line} count={self.values[-1].size}")

    def seeded(self, name, shape, fan_in):
        values = networks.seeded(name, shape, fan_in).reshape(-1)
        four = list(shape) + [1] * (4 - len(shape))
        self.add(f"seeded {name} {len(shape)} {','.join(map(str, four))}", np.concatenate((values[:4], values[-4:])))

    def forward(self, architecture, output_stride, width, height):
        y = networks.logits(architecture, output_stride, networks.normalised(networks.picture(width, height)))
        y = y[0].permute(1, 2, 0).numpy()
        step, values = sampled(y)
        self.add(f"forward {architecture} {output_stride} {width}x{height} range={np.ptp(y):.9g} "
                 f"out={y.shape[1]}x{y.shape[0]}x{y.shape[2]} step={step}", values)

    def classify(self, architecture, side):
        y = networks.logits(architecture, 32, networks.normalised(networks.picture(side, side)))
        self.add(f"classify {architecture} 32 {side}x{side}", F.softmax(y, 1))

    def segment(self, architecture, output_stride, width, height, side, strategies):
        """Labels, 255 where the margin says nothing. strategies: (scales, flip), none: one scale, from the logits. Random networks
        see few classes: of some class counts, the one with the most labels is taken."""
        canvas = networks.normalised(networks.picture(width, height), side, side)
        best = None
        for classes in (21, 60, 100, 150, 200, 250):
            name = f"{architecture}:classes={classes}"
            if strategies:
                p = networks.probabilities(name, output_stride, canvas, *strategies)
            else:
                p = networks.resize(networks.logits(name, output_stride, canvas), side, side)
            top = p[0, :, :height, :width].topk(2, 0)
            labels = torch.where(top.values[0] - top.values[1] < TIE * (p.max() - p.min()), 255, top.indices[0]).reshape(-1).numpy()
            if best is None or np.unique(labels).size > np.unique(best[1]).size:
                best = name, labels
        name, labels = best
        assert np.unique(labels).size >= 3 and (labels == 255).mean() < 0.02, (name, np.unique(labels, return_counts=True))
        scales, flip = strategies or ((), False)
        # As runs: most of a label map is the same as the pixel before it.
        starts = np.flatnonzero(np.concatenate(([True], labels[1:] != labels[:-1])))
        self.add(f"segment {name} {output_stride} {width}x{height} side={side} scales={len(scales)} flip={int(flip)}",
                 np.stack((starts, labels[starts]), 1))

    def save(self, folder=FOLDER):
        os.makedirs(folder, exist_ok=True)
        with open(os.path.join(folder, "cases.txt"), "w", encoding="ascii") as file:
            file.write("\n".join(self.lines) + "\n")
        np.concatenate(self.values).tofile(os.path.join(folder, "values.f32"))


def products(writer):
    """Every backbone x output stride x head x odd and even size; sizes take turns."""
    odd, even = itertools.cycle(ODD), itertools.cycle(EVEN)
    heads = ("", ":aspp", ":separable", ":nopool", ":imagenet:classes=40")
    for backbone in ("mnv2:0.25", "mnv1:0.25", "resnet14:0.125", "resnet14:0.125:beta"):
        for output_stride in (8, 16, 32):
            for head in heads + ((":last",) if backbone.startswith("mnv2") else ()):
                for sizes in (odd, even):
                    writer.forward(backbone + head, output_stride, *next(sizes))


def others(writer):
    """Roundings, widths, depths, class counts, options together, and sizes at the edge."""
    for output_stride, size in ((8, (48, 33)), (16, (65, 65)), (32, (97, 96))):
        writer.forward("mnv2:0.25:exact", output_stride, *size)
        writer.forward("mnv2:0.5:exact:aspp", output_stride, *size)
    for width in ("0.35", "0.5", "0.75", "1.3", "1.4"):
        writer.forward(f"mnv2:{width}", 16, 49, 34)
        writer.forward(f"mnv1:{width}", 16, 34, 49)
    writer.forward("mnv2:1.4:last", 16, 33, 33)
    writer.forward("mnv2:1.4:imagenet", 32, 64, 64)
    writer.forward("mnv2:0.35:imagenet", 32, 96, 96)
    writer.forward("mnv2:0.25:last:aspp", 16, 33, 33)
    writer.forward("mnv2:0.25:separable:nopool", 8, 49, 65)
    writer.forward("mnv2:0.25:aspp:nopool", 8, 49, 65)
    writer.forward("mnv2:0.25:classes=2", 16, 65, 33)
    writer.forward("mnv2:0.25:classes=256", 16, 33, 17)
    writer.forward("resnet50:0.125:beta", 8, 65, 49)
    writer.forward("resnet101:0.125:beta:aspp", 16, 48, 65)
    writer.forward("resnet101:0.125", 32, 65, 64)
    for architecture in ("mnv2:0.25", "mnv1:0.25", "resnet14:0.125:beta"):
        for width, height in ((1, 1), (2, 1), (7, 3), (97, 2)):
            writer.forward(architecture, 16, width, height)


def decoders(writer):
    """DeepLabv3+: logits at stride 4 of every output stride and kind of size, other options beside it, and its labels."""
    for output_stride, sizes in ((8, ((33, 33), (48, 65))), (16, ((49, 33), (50, 34), (7, 3), (1, 1))), (32, ((65, 33), (96, 64)))):
        for size in sizes:
            writer.forward("mnv2:0.25:decoder", output_stride, *size)
    writer.forward("mnv2:0.35:decoder:aspp", 16, 33, 49)
    writer.forward("mnv2:0.25:decoder:separable:nopool", 8, 34, 49)
    writer.forward("mnv2:0.5:exact:decoder", 16, 65, 48)
    writer.segment("mnv2:0.25:decoder", 16, 60, 45, 65, None)
    writer.segment("mnv2:0.25:decoder", 32, 50, 65, 65, None)
    writer.segment("mnv2:0.25:decoder", 8, 50, 65, 65, (MF, True))
    writer.segment("mnv2:0.25:decoder", 16, 33, 64, 65, (MF, False))


def main():
    writer = Writer()
    for tensor in (("backbone.block3.expand.weight", (48, 1, 1, 8), 8), ("backbone.stem.weight", (8, 3, 3, 3), 27),
                   ("head.aspp2.depthwise.weight", (1, 3, 3, 80), 9), ("head.classifier.bias", (21,), None)):
        writer.seeded(*tensor)
    products(writer)
    others(writer)
    for architecture in ("mnv2:0.25", "mnv1:0.25", "resnet14:0.125"):
        writer.classify(f"{architecture}:imagenet:classes=50", 64)
    for architecture in ("mnv2:0.25", "mnv1:0.25:aspp", "resnet14:0.125:beta"):
        writer.segment(architecture, 16, 60, 45, 65, None)
        writer.segment(architecture, 8, 50, 65, 65, (MF, True))
        writer.segment(architecture, 16, 64, 33, 65, ((1.0,), True))
        writer.segment(architecture, 16, 33, 64, 65, (MF, False))
    decoders(writer)
    writer.save()


if __name__ == "__main__":
    main()
