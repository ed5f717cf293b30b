#!/usr/bin/python3
"""test_quantise.py MSEG MODEL: 'mseg convert --quantize' end to end with MODEL, the small network of the project, and pictures made
here: what is written is in 8 bits and runs in integers, its labels are those of floats but where classes are close, what goes
wrong is told. Where node and, in the folder $MSEG_NODE_MODULES, the package @tensorflow/tfjs-tflite are there, Google's runtime
gives the same labels as mseg."""
import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

import numpy as np
from PIL import Image

MSEG, MODEL = (os.path.abspath(path) for path in (sys.argv.pop(1), sys.argv.pop(1)))
HERE = os.path.dirname(os.path.abspath(__file__))
MODULES = os.environ.get('MSEG_NODE_MODULES', '')
PACKAGE = os.path.join(MODULES, '@tensorflow/tfjs-tflite')
SIZE = 97


def scene(seed):
    """Soft shapes on a soft ground, with a little noise: what natural pictures have in common."""
    rng = np.random.default_rng(seed)
    ground = Image.fromarray(rng.integers(0, 256, (3, 4, 3), dtype=np.uint8)).resize((SIZE, SIZE), Image.BICUBIC)
    pixels = np.asarray(ground).astype(float)
    y, x = np.mgrid[:SIZE, :SIZE]
    for _ in range(4):
        cx, cy, rx, ry = rng.uniform(10, SIZE - 10, 2).tolist() + rng.uniform(6, 40, 2).tolist()
        inside = np.clip(2 * (1 - ((x - cx) / rx) ** 2 - ((y - cy) / ry) ** 2), 0, 1)[:, :, None]
        pixels = pixels * (1 - inside) + inside * rng.uniform(0, 255, 3)
    return Image.fromarray(np.clip(pixels + rng.normal(0, 4, pixels.shape), 0, 255).astype(np.uint8))


def run(*args):
    return subprocess.run([MSEG, *args], capture_output=True, text=True, env={**os.environ, 'MSEG_CPU': ''})


class Quantise(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.temp = tempfile.TemporaryDirectory()
        cls.folder = cls.temp.name
        for name, seeds in [('many', range(100)), ('few', range(3)), ('new', range(1000, 1020))]:
            os.makedirs(os.path.join(cls.folder, name))
            for seed in seeds:
                scene(seed).save(os.path.join(cls.folder, name, f'{seed:04d}.png'))
        cls.file = cls.at('small8.tflite')
        cls.made = run('convert', '--quantize', '--calibrate', cls.at('many'), '--size', str(SIZE), MODEL, cls.file)

    @classmethod
    def tearDownClass(cls):
        cls.temp.cleanup()

    @classmethod
    def at(cls, name):
        return os.path.join(cls.folder, name)

    def labels(self, model, precision):
        out = self.at('out')
        shutil.rmtree(out, ignore_errors=True)
        result = run('run', '-m', model, '--precision', precision, '--size', str(SIZE), '--resize', 'none', '-o', out, self.at('new'))
        self.assertEqual(result.returncode, 0, result.stderr)
        return np.array([np.asarray(Image.open(os.path.join(out, name))) for name in sorted(os.listdir(out))])

    def test_is_in_8_bits(self):
        self.assertEqual(self.made.returncode, 0, self.made.stderr)
        self.assertIn(f'wrote {self.file}: tflite, int8, MobileNetV2 0.5, 21 classes, output stride 16, {SIZE} x {SIZE}, ',
                      self.made.stderr)
        self.assertNotIn('warning', self.made.stderr)
        info = json.loads(run('info', '--json', '-m', self.file).stdout)
        self.assertEqual(info['precision'], 'int8')
        # A weight is a byte; biases, scales and the graph are little beside them.
        self.assertLess(os.path.getsize(self.file), 2 * info['params'])  # what 16 bits would take

    def test_report(self):
        lines = self.made.stdout.splitlines()
        self.assertEqual(lines[0], 'layers that lost most  signal to noise')
        losses = [float(line.split()[1]) for line in lines[1:]]
        self.assertEqual((len(losses), losses), (8, sorted(losses)))
        # Bytes keep 8 bits of a range; layers make of that what they make, but more than noise.
        self.assertTrue(all(5 < loss < 50 for loss in losses), losses)

    def test_labels_are_those_of_floats(self):
        floats, ints = self.labels(MODEL, 'float'), self.labels(self.file, 'int8')
        self.assertGreater(len(np.unique(floats)), 1)
        self.assertGreater((floats == ints).mean(), 0.95)

    def test_one_picture_is_enough_to_run(self):
        os.symlink('few', self.at('line\nbreak'))
        result = run('convert', '--quantize', '--calibrate', self.at('line\nbreak'), '--size', str(SIZE), '-q', MODEL, self.at('few8.tflite'))
        self.assertEqual((result.returncode, result.stdout), (0, ''))
        self.assertIn('mseg: warning: 3 pictures calibrate the network; with 100 or more', result.stderr)
        self.assertEqual(self.labels(self.at('few8.tflite'), 'int8').shape[0], 20)

    def test_pictures_that_cannot_be_read_are_named(self):
        folder = self.at('mixed')
        shutil.copytree(self.at('few'), folder)
        with open(os.path.join(folder, 'broken.png'), 'wb') as file:
            file.write(b'\x89PNG\r\n\x1a\nnothing')
        result = run('convert', '--quantize', '--calibrate', folder, '--size', str(SIZE), '-q', MODEL, self.at('mixed8.tflite'))
        self.assertEqual(result.returncode, 1)
        self.assertIn(os.path.join(folder, 'broken.png') + ': ', result.stderr)
        self.assertTrue(os.path.exists(self.at('mixed8.tflite')))
        for name in os.listdir(folder):
            if name != 'broken.png':
                os.remove(os.path.join(folder, name))
        result = run('convert', '--quantize', '--calibrate', folder, '--size', str(SIZE), MODEL, self.at('none8.tflite'))
        self.assertEqual(result.returncode, 2)
        self.assertIn(folder + ': no picture that can be read', result.stderr)
        self.assertFalse(os.path.exists(self.at('none8.tflite')))

    def test_scores_on_a_folder(self):
        for name in ['JPEGImages', 'SegmentationClass', 'ImageSets/Segmentation']:
            os.makedirs(os.path.join(self.folder, 'voc', name))
        labels = self.labels(MODEL, 'float')
        names = sorted(os.listdir(self.at('new')))
        for name, mask in zip(names, labels):
            large = Image.open(os.path.join(self.at('new'), name)).resize((4 * SIZE, 4 * SIZE))
            large.save(os.path.join(self.folder, 'voc/JPEGImages', name[:-4] + '.jpg'), quality=95)
            Image.fromarray(mask.repeat(4, 0).repeat(4, 1)).save(os.path.join(self.folder, 'voc/SegmentationClass', name))
        with open(os.path.join(self.folder, 'voc/ImageSets/Segmentation/some.txt'), 'w', encoding='utf-8') as file:
            file.writelines(name[:-4] + '\n' for name in names)
        out = self.at('scored8.tflite')
        result = run('convert', '--quantize', '--calibrate', self.at('few'), '--size', str(SIZE), '--voc', self.at('voc'), '--split',
                     'some', MODEL, out)
        self.assertEqual(result.returncode, 0, result.stderr)
        words = result.stdout.splitlines()[-1].split()
        self.assertEqual(words[-2:], ['(20', 'images)'], result.stdout)
        self.assertNotEqual(words[3], words[8])
        for model, precision, shown in [(MODEL, 'float', words[3]), (out, 'int8', words[8])]:
            judged = run('eval', '-m', model, '--precision', precision, '--voc', self.at('voc'), '--split', 'some', '--json', '-')
            self.assertAlmostEqual(100 * json.loads(judged.stdout)['miou'], float(shown), delta=0.0051)

    def test_google_gives_the_same_labels(self):
        if not shutil.which('node') or not os.path.isdir(PACKAGE):
            print('SKIP: Google\'s runtime: no node, or no @tensorflow/tfjs-tflite in $MSEG_NODE_MODULES', file=sys.stderr)
            return
        ours = self.labels(self.file, 'int8')
        for mask, name in list(zip(ours, sorted(os.listdir(self.at('new')))))[::5]:
            pixels = np.asarray(Image.open(os.path.join(self.at('new'), name)))
            given, out = self.at('in.bin'), self.at('out.bin')
            (pixels.astype(int) - 128).astype('i1').tofile(given)
            command = ['node', os.path.join(HERE, '../write/run_tflite.js'), MODULES, self.file, given, out]
            subprocess.run(command, check=True, capture_output=True)
            logits = np.fromfile(out, 'i1').reshape(SIZE, SIZE, 21)
            np.testing.assert_array_equal(logits.argmax(-1), mask)


unittest.main()
