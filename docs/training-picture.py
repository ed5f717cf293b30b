#!/usr/bin/python3
"""docs/training-picture.py MSEG [MODEL]: makes docs/training.png: photos, truth and masks of scenes that a network has not seen. The first
commands of docs/training.md draw and train; MODEL: they have trained it already."""
import glob
import os
import re
import subprocess
import sys
import tempfile

import numpy as np
from PIL import Image

MSEG = os.path.abspath(sys.argv[1])
HERE = os.path.dirname(os.path.abspath(__file__))
SCENES, GAP = 6, 6


def commands():
    """Those of the page, and one that runs the model."""
    with open(f'{HERE}/training.md', encoding='utf-8') as file:
        blocks = re.findall(r'^```sh\n(.*?)^```$', file.read(), re.M | re.S)
    draw, train = blocks[:2]
    if len(sys.argv) > 2:
        train = f'ln -s "{os.path.abspath(sys.argv[2])}" mine.tflite\n'
    text = draw.replace('python3 examples', f'{sys.executable} {HERE}/../examples') + train.replace('mseg train', f'"{MSEG}" train')
    return text + f'"{MSEG}" run -q -m mine.tflite -o results T/images\n'


def shown(photo, mask):
    """The photo darkened, the mask's things in its palette's colours."""
    colors = np.array(mask.getpalette(), np.uint8).reshape(-1, 3)
    ids = np.asarray(mask)[..., None]
    return Image.fromarray(np.where(ids > 0, colors[np.asarray(mask)], np.asarray(photo) // 3).astype(np.uint8))


def main():
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(['sh', '-e', '-c', commands()], cwd=folder, check=True)
        columns = []
        palette = Image.open(f'{folder}/T/masks/0001.png').getpalette()
        for path in sorted(glob.glob(f'{folder}/T/images/*.png'))[:SCENES]:
            photo = Image.open(path).convert('RGB')
            column = [photo]
            for masks in ('T/masks', 'results'):
                mask = Image.open(f'{folder}/{masks}/{os.path.basename(path)}')
                mask.putpalette(palette)
                column.append(shown(photo, mask))
            columns.append(column)
    width, height = columns[0][0].size
    page = Image.new('RGB', (SCENES * (width + GAP) - GAP, 3 * (height + GAP) - GAP), 'white')
    for x, column in enumerate(columns):
        for y, picture in enumerate(column):
            page.paste(picture, (x * (width + GAP), y * (height + GAP)))
    page = page.resize((page.width * 2 // 3, page.height * 2 // 3), Image.LANCZOS)
    page.quantize(160, dither=Image.NONE).save(f'{HERE}/training.png', optimize=True)


if __name__ == '__main__':
    main()
