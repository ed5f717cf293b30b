#!/usr/bin/python3
"""test_range.py MSEG [unittest arguments]: pictures enter as the model's file tells. With a file of our own whose integer input has a
scale and a zero point; and with people's files of $MSEG_SHARED, else ../shared."""
import glob
import json
import os
import subprocess
import sys
import tempfile
import unittest

import numpy as np
from PIL import Image

import photos

TESTS = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..')
sys.path[:0] = [TESTS, os.path.join(TESTS, 'weights')]
import make_tflite
import shared

MSEG = os.path.abspath(sys.argv.pop(1))
OLD = shared.path('models/deeplabv3_mnv2_pascal_quant.tflite')
MAKE = shared.path('cases/input-range/make.py')
MORE = shared.path('models-more')
GOLDEN = shared.path('models-more/reference/tfs_deeplabv3_metadata')


class Folder(unittest.TestCase):
    needs = []

    def setUp(self):
        if shared.missing(self.needs, f'{self.id()} is'):
            self.skipTest('nothing shared')
        folder = tempfile.TemporaryDirectory(prefix='mseg-range-')
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def path(self, *parts):
        return os.path.join(self.folder, *parts)

    def mseg(self, *arguments):
        done = subprocess.run([MSEG, *arguments], cwd=self.folder, capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done

    def mask(self, *parts):
        with Image.open(self.path(*parts)) as mask:
            return np.array(mask)


class BytesNet(make_tflite.Net):
    """A network of floats whose input is bytes: 0 to 1."""

    def conv(self, x, name, *rest):
        if name == 'backbone.stem':
            self.f.tensors[x].update(kind=make_tflite.UINT8, scales=[1 / 255], zeros=[0])
            x = self.f.op(make_tflite.DEQUANTIZE, [x], self.map(self.shape(x)))
        return super().conv(x, name, *rest)


class Own(Folder):
    def setUp(self):
        super().setUp()
        photos.picture(65, 65, 1).save(self.path('a.png'))

    def write(self, **choices):
        with open(self.path('bytes.tflite'), 'wb') as file:
            file.write(BytesNet(seed=10, size=[65, 65], **choices).f.bytes())

    def values(self, *arguments):
        """Scores, or with several scales probabilities, of a picture that fills its canvas."""
        what = '--probabilities' if '--scales' in arguments else '--scores'
        self.mseg('run', '-q', '-m', 'bytes.tflite', what, 'values', *arguments, 'a.png')
        return np.load(self.path('values/a.npy'))

    def test_run(self):
        self.write(output_stride=16, atrous='crops')
        for more in [[], ['--scales', '0.5,1', '--flip']]:
            told, given, other = (self.values(*rule, *more) for rule in
                                  [[], ['--mean', '0', '--std', '255'], ['--mean', '127.5', '--std', '127.5']])
            np.testing.assert_array_equal(given, told)
            self.assertGreater(np.abs(other - told).max(), 0.01)

    def test_classify(self):
        self.write(output_stride=32, last=True, classifier='conv')
        told, given, other = (json.loads(self.mseg('classify', '-m', 'bytes.tflite', '--json', '-', *rule, 'a.png').stdout)['top']
                              for rule in [[], ['--mean', '0', '--std', '255'], ['--mean', '127.5', '--std', '127.5']])
        self.assertEqual(given, told)
        self.assertNotEqual(other, told)


class InputRange(Folder):
    needs = [MAKE, OLD, shared.path('images/cat_0.jpg')]

    def test_the_file_tells_0_to_1(self):
        """Two files of one network, by exact algebra: pixels from -1 to 1, and from 0 to 1."""
        subprocess.run([sys.executable, MAKE, OLD, self.path('new.tflite')], check=True, capture_output=True)
        self.assertIn('0 to 1: byte / 255, by the input tensor', self.mseg('info', 'new.tflite').stdout)
        pictures = sorted(glob.glob(shared.path('images/[a-c]*_0.jpg')))
        uses = {'new': ['new.tflite'], 'old': [OLD], 'given': ['new.tflite', '--mean', '0', '--std', '255'],
                'wrong': ['new.tflite', '--mean', '127.5', '--std', '127.5']}
        for folder, use in uses.items():
            self.mseg('run', '-q', '--precision', 'float', '--resize', 'stretch', '-o', folder, '-m', *use, *pictures)
        wrongs = []
        for picture in pictures:
            name = os.path.basename(picture)[:-4] + '.png'
            new, old, given, wrong = (self.mask(folder, name) for folder in uses)
            self.assertGreaterEqual((new == old).mean(), 0.985, name)
            np.testing.assert_array_equal(given, new)
            wrongs.append((wrong == old).mean())
        self.assertLess(np.mean(wrongs), 0.95)


class Golden(Folder):
    needs = [os.path.join(MORE, 'tfs_deeplabv3_metadata.tflite'), GOLDEN + '.photo.jpg', GOLDEN + '.mask.png']

    def test_no_option_gives_the_golden_mask(self):
        self.mseg('run', '-q', '-m', self.needs[0], self.needs[1])
        mask = self.mask('mseg-out/masks', os.path.basename(GOLDEN) + '.photo.png')
        with Image.open(self.needs[2]) as golden:
            np.testing.assert_array_equal(mask * 10, np.array(golden))


class Sizes(Folder):
    needs = [os.path.join(MORE, name) for name in ('mobilenet_v1_0.25_128_quant.tflite', 'deeplabv3_mnv2_ade20k_int8.tflite')]

    def test_classifiers_run_at_their_own(self):
        photos.picture(65, 65, 1).save(self.path('a.png'))
        line = json.loads(self.mseg('classify', '-m', self.needs[0], '--json', '-', 'a.png').stdout)
        self.assertEqual(line['size'], 128)

    def test_a_network_without_aligned_corners(self):
        photos.picture(65, 65, 1).save(self.path('a.png'))
        line = json.loads(self.mseg('run', '-q', '-m', self.needs[1], '--json', '-', 'a.png').stdout)
        self.assertEqual((line['canvas'], line['sampling']), ([512, 512], 'legacy'))


unittest.main()
