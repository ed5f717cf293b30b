"""Photos and masks to train on, drawn here: class 1 is a red square, class 2 a blue disc, class 0 the gray ground."""
import os

import numpy as np
from PIL import Image

WIDTH, HEIGHT = 50, 40
NAMES = ['ground', 'square', 'disc']
CLASSES = '0 0 0 0 ground\n1 200 30 30 square\n2 30 30 200 disc\n'


def draw(seed):
    """A photo and its mask."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    left, top = rng.integers(0, 12), rng.integers(2, 20)
    mask[top:top + 14, left:left + 14] = 1
    mask[(x - rng.integers(34, 42)) ** 2 + (y - rng.integers(10, 30)) ** 2 < 49] = 2
    photo = np.array([(128, 128, 128), (200, 40, 40), (40, 40, 200)])[mask] + rng.normal(0, 6, (HEIGHT, WIDTH, 3))
    return Image.fromarray(np.clip(photo, 0, 255).astype(np.uint8)), Image.fromarray(mask)


def pairs(photos, masks, seeds):
    """Photos in one folder, masks in another, both called by their seed."""
    for folder in (photos, masks):
        os.makedirs(folder, exist_ok=True)
    for seed in seeds:
        photo, mask = draw(seed)
        photo.save(os.path.join(photos, f'p{seed:03d}.jpg'), quality=92)
        mask.save(os.path.join(masks, f'p{seed:03d}.png'))


def devkit(folder, lists):
    """A VOC devkit; lists: name -> seeds."""
    os.makedirs(os.path.join(folder, 'ImageSets/Segmentation'))
    for name, seeds in lists.items():
        pairs(os.path.join(folder, 'JPEGImages'), os.path.join(folder, 'SegmentationClass'), seeds)
        with open(os.path.join(folder, 'ImageSets/Segmentation', name + '.txt'), 'w', encoding='utf-8') as out:
            out.writelines(f'p{seed:03d}\n' for seed in seeds)


def folders(folder, counts):
    """A folder of photos of one colour each; counts: name -> photos."""
    rng = np.random.default_rng(1)
    for number, (name, count) in enumerate(counts.items()):
        os.makedirs(os.path.join(folder, name))
        for i in range(count):
            photo = np.full((40, 40, 3), 40) + 150 * (np.arange(3) == number % 3) + rng.normal(0, 9, (40, 40, 3))
            Image.fromarray(np.clip(photo, 0, 255).astype(np.uint8)).save(os.path.join(folder, name, f'{i:02d}.jpg'))
