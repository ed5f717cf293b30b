#!/usr/bin/python3
"""draw.py FOLDER [PICTURES] [SEED]: draws a data set of three kinds of things on a table (60 pictures unless it says otherwise), for
trying 'mseg train' (docs/training.md): FOLDER/images/0001.png ..., FOLDER/masks/0001.png ... (class ids), FOLDER/classes.txt. Needs
NumPy and Pillow: apt install python3-numpy python3-pil."""
import os
import sys

import numpy as np
from PIL import Image

SIDE = (240, 180)
CLASSES = ((0, 0, 0, 'background'), (230, 60, 60, 'coin'), (60, 160, 60, 'leaf'), (60, 90, 220, 'brick'))


def noise(rng, shape, coarse):
    """Smooth noise of mean 0 and deviation about 1."""
    small = rng.normal(size=(shape[0] // coarse + 2, shape[1] // coarse + 2)).astype(np.float32)
    return np.asarray(Image.fromarray(small).resize((shape[1], shape[0]), Image.BICUBIC))


def paint(picture, rng, inside, color, texture):
    """Fills with a colour, its shade changing from place to place."""
    shade = (texture * noise(rng, inside.shape, rng.integers(4, 16)))[inside][:, None]
    picture[inside] = np.asarray(color) + shade


def draw(rng):
    """A picture and its mask."""
    w, h = SIDE
    y, x = np.mgrid[0:h, 0:w].astype(np.float64)
    table = rng.uniform(90, 190) + rng.uniform(-25, 25, 3)
    picture = table + 18 * noise(rng, (h, w), 24)[..., None] + 7 * noise(rng, (h, w), 3)[..., None]
    mask = np.zeros((h, w), np.uint8)
    for _ in range(rng.integers(2, 5)):
        kind = int(rng.integers(1, 4))
        cx, cy, r, turn = rng.uniform(20, w - 20), rng.uniform(20, h - 20), rng.uniform(18, 42), rng.uniform(0, np.pi)
        u, v = (x - cx) * np.cos(turn) + (y - cy) * np.sin(turn), (y - cy) * np.cos(turn) - (x - cx) * np.sin(turn)
        if kind == 1:
            inside, color = u * u + v * v < r * r, (200, 170, 80) + rng.uniform(-25, 25, 3)
        elif kind == 2:
            inside, color = np.abs(v) < 0.45 * r * (1 - (u / r)**2), (70, 140, 60) + rng.uniform(-25, 25, 3)
        else:
            inside, color = (np.abs(u) < r) & (np.abs(v) < 0.5 * r), (165, 80, 60) + rng.uniform(-25, 25, 3)
        paint(picture, rng, inside, color, 12)
        rim = inside & (u * u + v * v > 0.8 * r * r) if kind == 1 else inside & (np.abs(v) < 1.5)
        picture[rim] -= 25
        mask[inside] = kind
    return np.clip(picture + rng.normal(0, 4, picture.shape), 0, 255).astype(np.uint8), mask


def main():
    if not 2 <= len(sys.argv) <= 4:
        sys.exit(__doc__)
    folder, pictures = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 60
    rng = np.random.default_rng(int(sys.argv[3]) if len(sys.argv) > 3 else 1)
    for name in ('images', 'masks'):
        os.makedirs(os.path.join(folder, name), exist_ok=True)
    colors = [value for line in CLASSES for value in line[:3]]
    for i in range(1, pictures + 1):
        picture, mask = draw(rng)
        Image.fromarray(picture).save(os.path.join(folder, 'images', '%04d.png' % i))
        labels = Image.fromarray(mask, 'P')
        labels.putpalette(colors + [0] * (768 - len(colors)))
        labels.save(os.path.join(folder, 'masks', '%04d.png' % i))
    with open(os.path.join(folder, 'classes.txt'), 'w', encoding='utf-8') as file:
        for i, (r, g, b, name) in enumerate(CLASSES):
            file.write('%d %d %d %d %s\n' % (i, r, g, b, name))


if __name__ == '__main__':
    main()
