#!/usr/bin/python3
"""docs/front-picture.py MSEG: makes docs/front.jpg, two photos that Debian ships (data/get-photos.sh) and their overlays: by the model in
the box and by the default one (data/get-model.sh)."""
import os
import subprocess
import sys
import tempfile

from PIL import Image

MSEG = os.path.abspath(sys.argv[1])
HERE = os.path.dirname(os.path.abspath(__file__))
DATA = os.path.join(HERE, '../data')
WIDTH, GAP = 1000, 8
PHOTOS = ['astronaut', 'chelsea']


def main():
    model = subprocess.run([f'{DATA}/get-model.sh'], check=True, capture_output=True, text=True).stdout.strip()
    side = (WIDTH - 2 * GAP) // 3
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([f'{DATA}/get-photos.sh', folder], check=True)
        paths = [f'{folder}/{name}.png' for name in PHOTOS]
        columns = [paths]
        for name, wanted in [('small', 'builtin'), ('default', model)]:
            subprocess.run([MSEG, 'run', '-q', '-m', wanted, '-o', f'{folder}/masks', f'--overlay={folder}/{name}', *paths], check=True)
            columns.append([f'{folder}/{name}/{photo}.png' for photo in PHOTOS])
        rows = [[Image.open(path).convert('RGB') for path in row] for row in zip(*columns)]
    rows = [[image.resize((side, round(image.height * side / image.width)), Image.LANCZOS) for image in row] for row in rows]
    page = Image.new('RGB', (WIDTH, sum(row[0].height + GAP for row in rows) - GAP), 'white')
    top = 0
    for row in rows:
        for i, image in enumerate(row):
            page.paste(image, (i * (side + GAP), top))
        top += row[0].height + GAP
    page.save(f'{HERE}/front.jpg', quality=85)


if __name__ == '__main__':
    main()
