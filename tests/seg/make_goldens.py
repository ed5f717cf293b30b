#!/usr/bin/python3
"""Writes goldens.txt for test_labels.c: labels by PyTorch's bilinear interpolation with align_corners=True in float64 and argmax.
Logits come from seeds (tests/kernels/random.h). Needs Debian's python3-torch. Usage: make_goldens.py"""

import os

import numpy as np
import torch

FILE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "goldens.txt")


def random_values(seed, count):
    """The values of random.h: splitmix64, 24 bits, -0.5 .. 0.5."""
    with np.errstate(over="ignore"):
        z = np.uint64(seed) * np.uint64(0xD1342543DE82EF95) + np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z = z ^ (z >> np.uint64(31))
    return (z >> np.uint64(40)).astype(np.float64) / (1 << 24) - 0.5


def labels(width, height, classes, canvas_width, canvas_height, seed):
    logits = random_values(seed, width * height * classes).reshape(1, height, width, classes).transpose(0, 3, 1, 2)
    up = torch.nn.functional.interpolate(torch.tensor(logits), (canvas_height, canvas_width), mode="bilinear", align_corners=True)
    best = up.topk(2, 1).values
    return up.argmax(1)[0].numpy(), (best[0, 0] - best[0, 1]).min().item()


def main():
    lines = []
    for width, height, classes, canvas_width, canvas_height, image_width, image_height in (
            (5, 5, 3, 33, 33, 33, 33), (5, 5, 21, 33, 33, 30, 21), (3, 2, 4, 17, 9, 17, 9), (9, 9, 21, 65, 65, 40, 61), (2, 2, 2, 17, 17, 1, 17),
            (4, 1, 5, 25, 1, 20, 1), (1, 1, 6, 1, 1, 1, 1), (6, 3, 7, 6, 3, 6, 3)):
        seed, margin = 0, 0
        while margin < 1e-5:  # float32 must be able to tell the classes apart
            seed += 1
            ids, margin = labels(width, height, classes, canvas_width, canvas_height, seed)
        lines.append(f"case logits={width}x{height}x{classes} canvas={canvas_width}x{canvas_height} image={image_width}x{image_height} seed={seed}")
        lines += ["".join(chr(ord("a") + i) for i in row[:image_width]) for row in ids[:image_height]]
    with open(FILE, "w") as file:
        file.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
