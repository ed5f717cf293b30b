#!/usr/bin/python3
"""test_cli.py MSEG: mseg run --tile as a program, its files read back by Pillow, its memory limited by the kernel."""
import json
import os
import resource
import subprocess
import sys
import tempfile
import unittest

import numpy as np
from PIL import Image, ImageOps

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, '../cli'))
import photos  # noqa: E402

MSEG = os.path.abspath(sys.argv.pop(1))
TINY = os.path.join(HERE, '../weights/data/uint8.tflite')
SANITIZED = bool(os.environ.get('MSEG_SANITIZE'))


class Tiles(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def path(self, *parts):
        return os.path.join(self.folder, *parts)

    def mseg(self, *arguments, status=0, **more):
        done = subprocess.run([MSEG, 'run', '-q', '-m', TINY, *arguments], cwd=self.folder, capture_output=True, text=True,
                              check=False, **more)
        self.assertEqual(done.returncode, status, done.stderr)
        return done.stderr

    def array(self, *parts):
        with Image.open(self.path(*parts)) as image:
            return np.array(image)

    def test_one_tile_is_the_plain_run(self):
        photos.picture(60, 49, 1).save(self.path('a.png'))  # in float: tiles of a quantised model are blended in float
        self.mseg('--precision', 'float', '--resize', 'none', '--size', '65', '-o', 'plain', '--overlay=plain_over', 'a.png')
        self.mseg('--precision', 'float', '--tile', '65', '-o', 'tiled', '--overlay=tiled_over', 'a.png')
        np.testing.assert_array_equal(self.array('tiled/a.png'), self.array('plain/a.png'))
        np.testing.assert_array_equal(self.array('tiled_over/a.png'), self.array('plain_over/a.png'))

    def test_every_kind_of_file(self):
        """Baseline and progressive JPEG, turned ones: mask and overlay are those of the pixels that Pillow sees."""
        picture = photos.picture(180, 131, 2)
        exif = Image.Exif()
        exif[0x112] = 6
        picture.save(self.path('base.jpg'), quality=90)
        picture.save(self.path('prog.jpg'), quality=90, progressive=True)
        picture.save(self.path('turned.jpg'), quality=90, exif=exif)
        names = ['base', 'prog', 'turned']
        for name in names:
            with Image.open(self.path(name + '.jpg')) as image:
                ImageOps.exif_transpose(image).save(self.path(name + '_plain.png'))
        files = [n + '.jpg' for n in names] + [n + '_plain.png' for n in names]
        self.mseg('--tile', '65', '--overlap', '16', '-o', 'out', '--overlay=over', *files)
        for name in names:
            mask = self.array('out', name + '.png')
            self.assertEqual(mask.shape, (180, 131) if name == 'turned' else (131, 180))
            np.testing.assert_array_equal(mask, self.array('out', name + '_plain.png'))
            overlay = self.array('over', name + '.png')
            self.assertGreater(len(np.unique(overlay)), 50)  # the photo shows
            np.testing.assert_array_equal(overlay, self.array('over', name + '_plain.png'))

    def test_threads_change_nothing(self):
        for i in range(5):
            photos.picture(150 + i, 90, i).save(self.path(f'{i}.png'))
        files = [f'{i}.png' for i in range(5)]
        for jobs in '13':
            self.mseg('-j', jobs, '--tile', '65', '-o', 'm' + jobs, '--overlay=o' + jobs, '--json', jobs + '.jsonl', *files)
        for i, name in enumerate(files):
            for kind in 'mo':
                with open(self.path(kind + '1', name), 'rb') as one, open(self.path(kind + '3', name), 'rb') as three:
                    self.assertEqual(one.read(), three.read())
            with open(self.path('3.jsonl'), encoding='utf-8') as lines:
                told = json.loads(lines.readlines()[i])
            counts = np.bincount(self.array('m1', name).ravel())
            self.assertEqual((told['path'], told['width'], told['height']), (name, 150 + i, 90))
            self.assertEqual(sorted(told['pixels'].values()), sorted(int(c) for c in counts if c))

    def test_damage_leaves_nothing(self):
        photos.picture(150, 190, 3).save(self.path('a.jpg'))
        with open(self.path('a.jpg'), 'rb+') as file:
            file.truncate(os.path.getsize(self.path('a.jpg')) - 100)
        said = self.mseg('--tile', '65', '--overlay=over', '-o', 'out', 'a.jpg', status=1)
        self.assertEqual(said, 'mseg: a.jpg: truncated JPEG\n')
        self.assertEqual(os.listdir(self.path('out')) + os.listdir(self.path('over')), [])

    @unittest.skipIf(SANITIZED, 'sanitizers have memory of their own')
    def test_memory(self):
        """30 megapixels, 90 MB: in tiles, with an overlay, 32 MB will do."""
        def little():
            resource.setrlimit(resource.RLIMIT_DATA, (32 << 20, 32 << 20))
        photos.picture(60, 50, 4).resize((6000, 5000), Image.NEAREST).save(self.path('big.jpg'))
        how = ['-j', '1', '--os', '32', '--overlay=over', 'big.jpg']
        self.assertEqual(self.mseg(*how, status=1, preexec_fn=little), 'mseg: big.jpg: out of memory\n')
        self.mseg('--tile', '513', *how, preexec_fn=little)
        self.assertEqual(self.array('mseg-out/masks/big.png').shape, (5000, 6000))
        self.assertEqual(self.array('over/big.png').shape, (5000, 6000, 3))


unittest.main()
