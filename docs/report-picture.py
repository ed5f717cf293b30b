#!/usr/bin/python3
"""docs/report-picture.py MSEG: makes docs/report.png, a screenshot of the page that mseg eval --html writes, from a scene drawn here."""
import os
import subprocess
import sys
import tempfile

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

MSEG = os.path.abspath(sys.argv[1])
HERE = os.path.dirname(os.path.abspath(__file__))
SIZE = 480, 320
CLASSES = '0 0 0 0 background\n1 70 120 200 boat\n2 230 160 40 cat\n3 200 90 130 person\n4 90 170 90 train\n'
KINDS = {1: (150, 40, 40), 2: (120, 90, 60), 3: (190, 130, 110), 4: (80, 120, 60)}  # colours in the photo


def shapes(random):
    found = []
    for _ in range(random.integers(2, 5)):
        kind = int(random.choice(list(KINDS)))
        x, y = random.integers(20, SIZE[0] - 160), random.integers(20, SIZE[1] - 140)
        w, h = random.integers(70, 200), random.integers(60, 170)
        found.append((kind, 'rectangle' if kind == 4 else 'ellipse', (int(x), int(y), int(x + w), int(y + h))))
    return found


def scene(seed, folder):
    random = np.random.default_rng(seed)
    photo = Image.fromarray(np.linspace((150, 190, 230), (110, 140, 90), SIZE[1])[:, None].repeat(SIZE[0], 1).astype(np.uint8))
    truth, prediction = Image.new('L', SIZE), Image.new('L', SIZE)
    for kind, form, box in shapes(random):
        getattr(ImageDraw.Draw(photo), form)(box, fill=KINDS[kind])
        getattr(ImageDraw.Draw(truth), form)(box, fill=kind, outline=255, width=4)
        said = int(random.choice(list(KINDS))) if random.random() < 0.15 else kind
        moved = tuple(int(side + random.normal(0, 5)) for side in box)
        getattr(ImageDraw.Draw(prediction), form)(moved, fill=said)
    noise = random.normal(0, 9, (SIZE[1], SIZE[0], 3))
    photo = Image.fromarray(np.clip(np.asarray(photo.filter(ImageFilter.GaussianBlur(1))) + noise, 0, 255).astype(np.uint8))
    for name, image in [('photos', photo), ('gt', truth), ('pred', prediction)]:
        image.save(f'{folder}/{name}/scene{seed:02}.png')


def main():
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        for name in ['photos', 'gt', 'pred']:
            os.mkdir(f'{folder}/{name}')
        for seed in range(40):
            scene(seed, folder)
        with open(f'{folder}/classes.txt', 'w') as file:
            file.write(CLASSES)
        subprocess.run([MSEG, *'eval --gt gt --pred pred --images photos --classes classes.txt -q --html report.html'.split()], cwd=folder, check=True)
        subprocess.run(['chromium', '--headless', '--no-sandbox', '--disable-gpu', '--hide-scrollbars', f'--user-data-dir={folder}/profile',
                        f'--screenshot={HERE}/report.png', '--window-size=1160,1700', '--blink-settings=preferredColorScheme=1',
                        f'file://{folder}/report.html'], check=True, stderr=subprocess.DEVNULL)
    Image.open(f'{HERE}/report.png').convert('RGB').save(f'{HERE}/report.png', optimize=True)


if __name__ == '__main__':
    main()
