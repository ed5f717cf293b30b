#!/usr/bin/python3
"""test_kinds.py MSEG [unittest arguments]: WebP and TIFF photos in all commands that read photos: what comes out is what comes out
of a PNG of the same pixels. And what is said of pictures of other kinds."""
import json
import os
import subprocess
import sys
import tempfile
import unittest

import numpy as np
from PIL import Image

import photos

MSEG = os.path.abspath(sys.argv.pop(1))
HERE = os.path.dirname(os.path.abspath(__file__))
TINY = os.path.join(HERE, '../weights/data/crops.tflite')
DENSE = os.path.join(HERE, '../weights/data/dense.tflite')
READ = 'PNG, JPEG, WebP or TIFF'


class Folder(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix='mseg-kinds-')
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        for name in ['png', 'webp', 'tiff']:
            os.mkdir(self.path(name))
        photos.write(self.path('six.txt'), b''.join(b'%d %d 0 0 c%d\n' % (i, i, i) for i in range(6)))
        for i, stem in enumerate('ab'):
            photo = photos.picture(150, 90, i)
            photo.save(self.path(f'png/{stem}.png'))
            photo.save(self.path(f'webp/{stem}.WebP'), lossless=True)
            photo.save(self.path(f'tiff/{stem}.{["tif", "TIFF"][i]}'), compression='tiff_lzw')

    def path(self, name):
        return os.path.join(self.folder, name)

    def read(self, name):
        with open(self.path(name), 'rb') as file:
            return file.read()

    def mseg(self, *arguments, status=0):
        done = subprocess.run([MSEG, *arguments], cwd=self.folder, capture_output=True, text=True, check=False,
                              env={**os.environ, 'LC_ALL': 'C'})
        self.assertEqual(done.returncode, status, done.stderr)
        return done

    def said(self, *arguments, status=0):
        return self.mseg(*arguments, status=status).stderr.splitlines()


class Read(Folder):
    def test_run(self):
        for how in [['--size', '65'], ['--tile', '65']]:
            for kind in ['png', 'webp', 'tiff']:
                self.mseg('run', '-q', '-m', TINY, *how, '-o', f'm_{kind}', f'--overlay=o_{kind}', kind)
                self.assertEqual(sorted(os.listdir(self.path(f'm_{kind}'))), ['a.png', 'b.png'])
                for stem in 'ab':
                    for out in 'mo':
                        self.assertEqual(*(photos.unmarked(self.read(f'{out}_{k}/{stem}.png')) for k in (kind, 'png')), (kind, how))

    def test_eval(self):
        self.mseg('run', '-q', '-m', TINY, '--resize', 'none', '--size', '97', '-o', 'gt', 'png')
        reports = []
        for kind in ['png', 'webp', 'tiff']:
            self.mseg('eval', '-q', '-m', TINY, '--size', '65', '--gt', 'gt', '--images', kind, '--csv', 'out.csv', '--classes', 'six.txt')
            reports.append(self.read('out.csv'))
        self.assertEqual(reports[1:], reports[:1] * 2)

    def test_photos(self):
        out = [self.mseg('classify', '-q', '-m', DENSE, '--size', '64', '--json', '-', kind).stdout for kind in ['png', 'webp', 'tiff']]
        lines = [[line.split('"top"')[1].split('"ms"')[0] for line in text.splitlines()] for text in out]
        self.assertEqual(len(lines[0]), 2)
        self.assertEqual(lines[1:], lines[:1] * 2)
        out = [json.loads(self.mseg('info', '-q', TINY, '--size', '65', '--json', '--activations', kind).stdout) for kind in ['png', 'webp', 'tiff']]
        for report in out:
            self.assertIn('--activations', report.pop('command'))
        self.assertEqual(out[1:], out[:1] * 2)

    def test_one_name(self):
        Image.fromarray(np.zeros((9, 9, 3), np.uint8)).save(self.path('a.jpg'))
        said = self.said('run', '-m', TINY, '--size', '65', '-o', 'm', 'a.jpg', 'webp/a.WebP', 'tiff/a.tif', status=1)
        self.assertEqual(said[:2], [f'mseg: {name}: would write the same output as a.jpg' for name in ['webp/a.WebP', 'tiff/a.tif']])


class Refused(Folder):
    def test_other_kinds(self):
        """Named as they are, whatever their names say, and passed over in folders."""
        os.mkdir(self.path('in'))
        kinds = {'a.heic': (b'\0\0\0\x18ftypheic\0\0\0\0mif1heic', 'a HEIC', 'heif-convert a.heic a.png'),
                 'b.avif': (b'\0\0\0\x18ftypavif\0\0\0\0mif1avif', 'an AVIF', 'avifdec a.avif a.png'),
                 'c.jpg': (b'P6\n1 1\n255\nabc', 'a PPM', 'convert a.ppm a.png'),
                 'd.bmp': (b'BM' + bytes(60), 'a BMP', 'convert a.bmp a.png')}
        for name, (data, _, _) in kinds.items():
            photos.write(self.path('in/' + name), data)
        lines = [f'mseg: in/{name}: {kind} picture, not a {READ}; convert it, e.g. {how}' for name, (_, kind, how) in kinds.items()]
        files = ['in/' + name for name in kinds]
        self.assertEqual(self.said('run', '-q', '-m', TINY, '-o', 'm', *files, status=1), lines)
        self.assertEqual(self.said('classify', '-q', '-m', DENSE, '--size', '64', *files, status=1), lines)
        for name in ['a.heic', 'b.avif']:
            with open(self.path('in/' + name), 'rb') as file:
                done = subprocess.run([MSEG, 'run', '-q', '-m', TINY, '-'], cwd=self.folder, stdin=file, capture_output=True, check=False)
            self.assertRegex(done.stderr.decode(), rf'\Amseg: stdin: {kinds[name][1]} picture, not a {READ}; .*\n\Z')
        said = self.said('run', '-m', TINY, '-o', 'm', 'in', status=1)
        skipped, = [line for line in said if 'skipped' in line]
        self.assertIn('(.avif 1, .bmp 1, .heic 1)', skipped)
        self.assertEqual(said[0], lines[2])

    def test_cut(self):
        for kind, name, text in [('webp', 'a.WebP', 'truncated WebP'), ('tiff', 'a.tif', 'truncated TIFF')]:
            data = self.read(f'{kind}/{name}')
            photos.write(self.path(name), data[:len(data) // 2])
            for how in [['--size', '65'], ['--tile', '65']]:
                self.assertEqual(self.said('run', '-q', '-m', TINY, *how, '-o', 'm', name, status=1), [f'mseg: {name}: {text}'])
            self.assertEqual(os.listdir(self.path('m')), [])

    def test_masks(self):
        self.mseg('run', '-q', '-m', TINY, '--size', '65', '-o', 'gt', 'png')
        os.mkdir(self.path('pred'))
        for stem, kind in [('a', 'TIFF'), ('b', 'WEBP')]:
            Image.open(self.path(f'gt/{stem}.png')).convert('RGB').save(self.path(f'pred/{stem}.png'), kind)
        said = self.said('eval', '-q', '--gt', 'gt', '--pred', 'pred', '--classes', 'six.txt', status=1)
        self.assertEqual(said[:2], ['mseg: pred/a.png: a TIFF; label maps must be PNG', 'mseg: pred/b.png: a WebP; label maps must be PNG'])


unittest.main()
