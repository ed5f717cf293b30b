#!/usr/bin/python3
"""test_orientation.py MSEG [unittest arguments]: EXIF orientation in PNG and JPEG, in all commands that read photos, against what
Pillow's exif_transpose makes of the same files."""
import io
import json
import os
import struct
import subprocess
import sys
import tempfile
import unittest
import zlib

import numpy as np
from PIL import Image, ImageOps

import photos

MSEG = os.path.abspath(sys.argv.pop(1))
HERE = os.path.dirname(os.path.abspath(__file__))
TINY = os.path.join(HERE, '../weights/data/crops.tflite')
DENSE = os.path.join(HERE, '../weights/data/dense.tflite')
RGB, PALETTE = 2, 3
ADAM7 = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]


def chunk(kind, data):
    return struct.pack('>I', len(data)) + kind + data + struct.pack('>I', zlib.crc32(kind + data))


def tiff(orientation):
    return b'MM' + struct.pack('>HIHHHIHHI', 42, 8, 1, 0x112, 3, 1, orientation, 0, 0)


def png(samples, orientation, color=RGB, interlaced=False, behind=False, prefix=b''):
    """A PNG file of samples [h, w, n], 8 or 16 bits, from the format's text."""
    height, width = samples.shape[:2]
    big = samples.astype(samples.dtype.newbyteorder('>'))
    parts = [big[y::dy, x::dx] for x, y, dx, dy in ADAM7] if interlaced else [big]
    rows = b''.join(b'\0' + row.tobytes() for part in parts if part.size for row in part)
    mark = chunk(b'eXIf', prefix + tiff(orientation))
    colors = chunk(b'PLTE', bytes(range(256)) * 3) if color == PALETTE else b''
    header = struct.pack('>IIBBBBB', width, height, 8 * samples.itemsize, color, 0, 0, interlaced)
    return (b'\x89PNG\r\n\x1a\n' + chunk(b'IHDR', header) + (b'' if behind else mark) + colors +
            chunk(b'IDAT', zlib.compress(rows)) + (mark if behind else b'') + chunk(b'IEND', b''))


class Folder(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix='mseg-orientation-')
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def path(self, *parts):
        return os.path.join(self.folder, *parts)

    def write(self, name, data):
        os.makedirs(os.path.dirname(self.path(name)), exist_ok=True)
        photos.write(self.path(name), data)

    def mseg(self, *arguments, status=0):
        done = subprocess.run([MSEG, *arguments], cwd=self.folder, capture_output=True, text=True, check=False,
                              env={**os.environ, 'LC_ALL': 'C'})
        self.assertEqual(done.returncode, status, done.stderr)
        return done

    def array(self, *parts):
        with Image.open(self.path(*parts)) as image:
            return np.array(image)


class Run(Folder):
    def add(self, name, data):
        """The file, and what Pillow shows as a file without any EXIF."""
        self.write(f'photos/{name}.png', data)
        shown = ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert('RGB')
        os.makedirs(self.path('plain'), exist_ok=True)
        Image.fromarray(np.array(shown)).save(self.path('plain', name + '.png'))

    def make(self):
        """150 x 90, more than one tile: all orientations of plain and interlaced files, some of other kinds."""
        pixels = np.array(photos.picture(150, 90, 1))
        for orientation in range(1, 9):
            self.add(f'plain{orientation}', png(pixels, orientation))
            self.add(f'interlaced{orientation}', png(pixels, orientation, interlaced=True))
            self.add(f'palette{orientation}', png(pixels[..., :1], orientation, PALETTE, behind=orientation % 2))
        self.add('behind', png(pixels, 6, behind=True))
        deep = pixels.astype(np.uint16) * 257
        for name, orientation, data in [('prefix', 6, png(pixels, 6, prefix=b'Exif\0\0'))] + [
                (f'deep{i}', i, png(deep, i)) for i in (3, 5, 6)]:  # what Pillow 9 does not read
            self.write(f'photos/{name}.png', data)
            Image.fromarray(self.turned(pixels, orientation)).save(self.path('plain', name + '.png'))

    @staticmethod
    def turned(pixels, orientation):
        return np.array(ImageOps.exif_transpose(Image.open(io.BytesIO(png(pixels, orientation)))))

    def check(self, *how):
        self.make()
        for kind in ['photos', 'plain']:
            self.mseg('run', '-q', '-m', TINY, *how, '-o', f'm_{kind}', f'--overlay=o_{kind}', kind)
        names = os.listdir(self.path('photos'))
        self.assertEqual(len(names), 29)
        self.assertGreater(len({self.array('m_plain', name).tobytes() for name in names}), 8)
        for name in names:
            for kind in 'mo':
                np.testing.assert_array_equal(self.array(f'{kind}_photos', name), self.array(f'{kind}_plain', name), name)

    def test_whole(self):
        self.check('--size', '65')

    def test_tiles(self):
        self.check('--tile', '65')

    def test_switch(self):
        pixels = np.array(photos.picture(40, 30, 2))
        self.write('turned.png', png(pixels, 6))
        Image.fromarray(pixels).save(self.path('stored.png'))
        exif = Image.Exif()
        exif[0x112] = 6
        Image.fromarray(pixels).save(self.path('photo.jpg'), exif=exif)
        for way, size in [('apply', (40, 30)), ('ignore', (30, 40))]:
            for how in [['--size', '33'], ['--tile', '33']]:
                self.mseg('run', '-q', '-m', TINY, *how, '--orientation', way, '-o', way, 'turned.png', 'photo.jpg', 'stored.png')
                self.assertEqual(self.array(way, 'turned.png').shape, size)
                self.assertEqual(self.array(way, 'photo.png').shape, size)
                self.assertEqual(self.array(way, 'stored.png').shape, (30, 40))
        np.testing.assert_array_equal(self.array('ignore', 'turned.png'), self.array('ignore', 'stored.png'))
        said = self.mseg('run', '-m', TINY, '--orientation', 'off', 'stored.png', status=2).stderr
        self.assertEqual(said, "mseg: run: --orientation takes one of apply, ignore, not 'off'\n")

    def test_damaged_chunk_is_ignored(self):
        data = png(np.array(photos.picture(40, 30, 2)), 6)
        at = data.index(b'eXIf') + 4
        self.write('crc.png', data[:at + 19] + b'\5' + data[at + 20:])
        self.write('cut.png', data[:at - 8] + chunk(b'eXIf', tiff(6)[:15]) + data[at + len(tiff(6)) + 4:])
        self.mseg('run', '-q', '-m', TINY, '--size', '33', '-o', 'm', 'crc.png', 'cut.png')
        for name in ['crc.png', 'cut.png']:
            self.assertEqual(self.array('m', name).shape, (30, 40))


class Eval(Folder):
    def setUp(self):
        super().setUp()
        for name in ['gt', 'photos', 'kit/JPEGImages', 'kit/SegmentationClass', 'kit/ImageSets/Segmentation']:
            os.makedirs(self.path(name))
        self.write('six.txt', b''.join(b'%d %d 0 0 c%d\n' % (i, i, i) for i in range(6)))
        self.pixels = np.array(photos.picture(40, 30, 3))
        self.how = ['--classes', 'six.txt', '-m', TINY, '--size', '65']

    def truth(self, photo):
        """The mask that mseg makes of a picture without EXIF: scoring the model against it gives 100 % if the same is read."""
        Image.fromarray(photo).save(self.path('plain.png'))
        self.mseg('run', '-q', '-m', TINY, '--resize', 'none', '--size', '65', '-o', 'm', 'plain.png')
        return self.array('m', 'plain.png')

    def miou(self, *arguments, status=0):
        done = self.mseg('eval', '-q', '--json', 'out.json', *self.how, *arguments, status=status)
        with open(self.path('out.json'), encoding='utf-8') as file:
            return json.load(file)['miou'], done.stderr

    def test_annotations_of_stored_pixels(self):
        self.write('photos/a.png', png(self.pixels, 8))
        Image.fromarray(self.truth(self.pixels)).save(self.path('gt/a.png'))
        where = ['--gt', 'gt', '--images', 'photos']
        self.assertEqual(self.miou('--orientation', 'ignore', *where), (1, ''))
        miou, said = self.miou(*where, status=1)
        self.assertEqual((miou, said), (None, 'mseg: a: the prediction is 30x40, the ground truth 40x30; is a photo turned by '
                                              'EXIF on one side only? --orientation tells how to read photos\n'))
        self.mseg('run', '-q', '-m', TINY, '--size', '65', '-o', 'pred', 'photos')
        done = self.mseg('eval', '-q', '--gt', 'gt', '--pred', 'pred', '--classes', 'six.txt', status=1)
        self.assertIn('is a photo turned by EXIF on one side only? --orientation', done.stderr)
        self.mseg('run', '-q', '-m', TINY, '--size', '65', '--orientation', 'ignore', '-o', 'pred', 'photos')
        self.mseg('eval', '-q', '--gt', 'gt', '--pred', 'pred', '--classes', 'six.txt')

    def test_masks_are_never_turned(self):
        self.write('photos/a.png', png(self.pixels, 6))
        truth = self.truth(Run.turned(self.pixels, 6))
        self.write('gt/a.png', png(truth[..., None], 6, color=0))  # a chunk that says to turn it
        self.assertEqual(self.miou('--gt', 'gt', '--images', 'photos'), (1, ''))

    def test_voc(self):
        """Annotations of VOC are of the stored pixels; told otherwise, mseg turns the photos."""
        self.write('kit/JPEGImages/a.png', png(self.pixels, 6))
        self.write('kit/ImageSets/Segmentation/val.txt', b'a\n')
        for truth, how in [(self.truth(self.pixels), []), (self.truth(Run.turned(self.pixels, 6)), ['--orientation', 'apply'])]:
            Image.fromarray(truth).save(self.path('kit/SegmentationClass/a.png'))
            self.assertEqual(self.miou('--voc', 'kit', *how), (1, ''))

    def test_counts_of_both_ways_are_not_added(self):
        self.write('photos/a.png', png(self.pixels, 3))
        Image.fromarray(self.truth(self.pixels)).save(self.path('gt/a.png'))
        for way in ['apply', 'ignore']:
            self.miou('--gt', 'gt', '--images', 'photos', '--orientation', way, '--save-counts', way)
        self.assertIn('EXIF orientation', self.mseg('eval', '--merge', 'apply', 'ignore', status=2).stderr)


class Classify(Folder):
    def test_switch(self):
        pixels = np.array(photos.picture(60, 40, 4))
        self.write('turned.png', png(pixels, 5))
        Image.fromarray(pixels).save(self.path('stored.png'))
        Image.fromarray(Run.turned(pixels, 5)).save(self.path('shown.png'))
        tops = {}
        for way in ['apply', 'ignore']:
            out = self.mseg('classify', '-m', DENSE, '--size', '64', '--json', '-', '--orientation', way, 'turned.png', 'stored.png',
                            'shown.png').stdout
            tops[way] = [json.loads(line)['top'] for line in out.splitlines()]
        self.assertEqual(tops['apply'][0], tops['apply'][2])
        self.assertEqual(tops['ignore'][0], tops['ignore'][1])
        self.assertNotEqual(tops['apply'][0], tops['ignore'][0])


unittest.main()
