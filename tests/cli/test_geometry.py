#!/usr/bin/python3
"""test_geometry.py MSEG [unittest arguments]: where the points of --scores lie on the photo, by the manual's rule, and
--probabilities, both with NumPy alone."""
import json
import os
import subprocess
import sys
import tempfile
import unittest

import numpy as np
from PIL import Image

import photos

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '../weights'))
import make_tflite

MSEG = os.path.abspath(sys.argv.pop(1))
MODEL = os.path.join(os.path.dirname(os.path.abspath(__file__)), '../weights/data/crops.tflite')
SIZES = [(150, 90), (40, 97), (65, 65), (33, 20), (1, 1), (7, 200), (129, 128)]
HOWS = [['--size', '65'], ['--size', '129', '--os', '8'], ['--size', '97', '--resize', 'none'], ['--size', '65', '--resize', 'stretch'],
        ['--size', '97', '--pad', 'tight'], ['--size', '65', '--resize', 'none', '--pad', 'tight', '--os', '32']]
# Without aligned corners: k * output stride.
OTHER_HOWS = [['--size', '64'], ['--size', '128', '--os', '8'], ['--size', '96', '--resize', 'none'],
              ['--size', '64', '--resize', 'stretch'], ['--size', '96', '--pad', 'tight'],
              ['--size', '64', '--resize', 'none', '--pad', 'tight', '--os', '32']]
SURE = 1e-4  # of a lead: what rounding may decide is left out


class Net(make_tflite.Net):
    """A network whose resizes are of another sampling."""
    align, half = False, False

    def resize(self, x, size):
        flags = {2: (make_tflite.BOOL, self.align), 3: (make_tflite.BOOL, self.half)}
        return self.f.op(make_tflite.RESIZE_BILINEAR, [x, self.ints(size)], self.map(size + self.shape(x)[2:]), 15, flags)


class HalfNet(Net):
    half = True


class AlignedNet(Net):
    align = True


def manual():
    """The NumPy code of mseg(1), Scores."""
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), '../../docs/mseg.1'), encoding='utf-8') as file:
        return file.read().split('\nWith NumPy:\n.Bd -literal -offset indent\n')[1].split('.Ed')[0]


def sample(scores, told):
    """The logits at every pixel of the photo by the manual's code."""
    names = {**told, 'scores': scores.astype(float), 'numpy': np}
    exec(manual(), names)
    np.testing.assert_array_equal(names['mask'], names['logits'].argmax(axis=2))
    return names['logits']


def softmax(logits):
    e = np.exp(logits - logits.max(axis=2, keepdims=True))
    return e / e.sum(axis=2, keepdims=True)


def lead(values):
    ordered = np.sort(values, axis=2)
    return ordered[..., -1] - ordered[..., -2]


class Folder(unittest.TestCase):
    model, hows, sampling = MODEL, HOWS, 'align_corners'

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix='mseg-geometry-')
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        os.mkdir(self.path('in'))
        for i, size in enumerate(SIZES):
            photos.picture(*size, i).save(self.path('in', f'{i}.png'))

    def path(self, *parts):
        return os.path.join(self.folder, *parts)

    def write(self, net, size):
        """Writes self.model."""
        with open(self.path(self.model), 'wb') as file:
            file.write(net(seed=10, size=size, output_stride=16, atrous='crops').f.bytes())

    def mseg(self, *arguments, status=0):
        done = subprocess.run([MSEG, 'run', '-q', '-m', self.model, *arguments], cwd=self.folder, capture_output=True, text=True,
                              check=False)
        self.assertEqual(done.returncode, status, done.stderr)
        return done

    def lines(self, *arguments):
        return [json.loads(line) for line in self.mseg(*arguments, '--json', '-', 'in').stdout.splitlines()]

    def mask(self, i):
        with Image.open(self.path('m', f'{i}.png')) as mask:
            return np.array(mask)

    def check_sizes_told(self, more):
        """Canvas and scaled size by the manual's rules; more: 1 when sides are k * output stride + 1."""
        for how in self.hows:
            value = dict(zip(how[::2], how[1::2]))
            size, stride, resize = int(value['--size']), int(value.get('--os', 16)), value.get('--resize', 'fit')
            for (w, h), told in zip(SIZES, self.lines(*how, '-o', 'm')):
                scaled = {'none': [w, h], 'stretch': [size, size],
                          'fit': [max(1, int(n * size / max(w, h) + 0.5)) for n in (w, h)]}[resize]
                tight = [-(-(n - more) // stride) * stride + more for n in scaled]
                canvas = tight if '--pad' in value else [max(size, *tight)] * 2
                self.assertEqual((told['scaled'], told['canvas'], told['resize'], told['output_stride'], told['sampling']),
                                 (scaled, canvas, resize, stride, self.sampling), (how, w, h))

    def check_scores(self, more):
        for how in self.hows:
            sure_pixels = right = 0
            for i, told in enumerate(self.lines(*how, '-o', 'm', '--scores', 's')):
                scores = np.load(self.path('s', f'{i}.npy'))
                self.assertEqual([(n - more) * told['output_stride'] + more for n in scores.shape[1::-1]], told['canvas'])
                logits = sample(scores, told)
                sure = lead(logits) > SURE
                sure_pixels += sure.sum()
                right += (logits.argmax(axis=2) == self.mask(i))[sure].sum()
            self.assertGreater(sure_pixels, 0.99 * sum(w * h for w, h in SIZES))
            self.assertEqual(right, sure_pixels)


class Geometry(Folder):
    def test_sizes_told(self):
        self.check_sizes_told(1)
        once, often = (self.lines('--size', '65', *more, '-o', 'm') for more in [[], ['--scales', '1,0.5', '--flip']])
        self.assertEqual([told['canvas'] for told in once], [told['canvas'] for told in often])

    def test_scores(self):
        self.check_scores(1)

    def test_probabilities(self):
        for how in HOWS:
            for jobs in ['-j1', '-j3']:
                lines = self.lines(*how, jobs, '-o', 'm', '--scores', 's', '--probabilities', 'p' + jobs)
            for i, told in enumerate(lines):
                got = np.load(self.path('p-j1', f'{i}.npy'))
                self.assertEqual((got.dtype, got.shape), (np.float32, (told['height'], told['width'], 6)))
                scores = np.load(self.path('s', f'{i}.npy'))
                rounding = np.finfo(np.float32).eps * np.abs(scores).max()  # of a logit, twice, times the slope, 1/4 at most
                np.testing.assert_allclose(got, softmax(sample(scores, told)), rtol=0, atol=rounding + 1e-6)
                np.testing.assert_array_equal(got.argmax(axis=2), self.mask(i))
                np.testing.assert_array_equal(got, np.load(self.path('p-j3', f'{i}.npy')))

    def test_probabilities_of_several_runs(self):
        """Flip and scales: they are the mean, which the mask is made of; the flipped photo alone tells what is averaged."""
        flip, mf = ['--flip'], ['--mf']
        for how in [flip, mf, ['--scales', '0.5,1,1.5', '--resize', 'none']]:
            self.mseg('--size', '65', *how, '-o', 'm', '--probabilities', 'p', 'in')
            for i, (w, h) in enumerate(SIZES):
                got = np.load(self.path('p', f'{i}.npy'))
                self.assertEqual(got.shape, (h, w, 6))
                np.testing.assert_allclose(got.sum(axis=2), 1, rtol=0, atol=1e-5)
                np.testing.assert_array_equal(got.argmax(axis=2), self.mask(i))
        photo = photos.picture(65, 65, 2)
        photo.save(self.path('a.png'))
        photo.transpose(Image.FLIP_LEFT_RIGHT).save(self.path('b.png'))
        self.mseg('--size', '65', '-o', 'm', '--probabilities', 'one', 'a.png', 'b.png')
        self.mseg('--size', '65', '--flip', '-o', 'm', '--probabilities', 'both', 'a.png')
        mean = (np.load(self.path('one/a.npy')) + np.load(self.path('one/b.npy'))[:, ::-1]) / 2
        np.testing.assert_allclose(np.load(self.path('both/a.npy')), mean, rtol=0, atol=1e-5)

    def test_tiles(self):
        told = self.lines('--tile', '65', '-o', 'm')[0]
        self.assertEqual((told['tile'], told['output_stride'], 'canvas' in told), (65, 16, False))
        said = self.mseg('--tile', '65', '--probabilities', 'p', 'in', status=2).stderr
        self.assertEqual(said, 'mseg: run: --scores, --probabilities, --scales, --flip and --mf do not go with --tile\n')
        self.assertFalse(os.path.exists(self.path('p')))

    def test_no_two_files_of_one_name(self):
        said = self.mseg('--scores', 's', '--probabilities', 's/../s', 'in', status=2).stderr
        self.assertIn('s/../s: scores and probabilities would replace each other; give them two folders', said)
        os.makedirs(self.path('in/sub'))
        photos.picture(9, 9, 1).save(self.path('in/sub/0.png'))
        said = self.mseg('-r', '--scores', 's', '--probabilities', 's/sub', 'in', status=2).stderr
        self.assertIn('s/sub: outputs of in/sub/0.png below s would go there, too; choose another folder', said)
        said = self.mseg('--probabilities', 'p', '--json', 'p/0.npy', 'in', status=2).stderr
        self.assertIn('p/0.npy: --json would be the same file as the output p/0.npy of in/0.png', said)

    def test_guard_and_leftovers(self):
        """Nothing that is read is replaced, half a file never appears, and the shards' files are together all of them."""
        os.makedirs(self.path('p'))
        with open(MODEL, 'rb') as model, open(self.path('p/0.npy'), 'wb') as copy:
            copy.write(model.read())
        said = self.mseg('-m', 'p/0.npy', '--size', '65', '--probabilities', 'p', 'in/0.png', status=1).stderr
        self.assertIn('p/0.npy: would replace the model p/0.npy', said.replace('in/0.png: ', 'p/0.npy: '))
        os.remove(self.path('p/0.npy'))
        for shard in ['1/2', '2/2']:
            self.mseg('--size', '65', '--probabilities', 'p', '--shard', shard, 'in')
        self.assertEqual(sorted(os.listdir(self.path('p'))), [f'{i}.npy' for i in range(len(SIZES))])
        os.remove(self.path('p/5.npy'))
        os.symlink('/dev/full', self.path('p/5.npy'))
        said = self.mseg('--size', '65', '--probabilities', 'p', 'in/5.png', status=1).stderr
        self.assertEqual(said, 'mseg: in/5.png: cannot write p/5.npy: cannot write the file: No space left on device\n'
                         'mseg: run: stopped as there is no space left; the same again with --skip-existing does the rest\n')


class Legacy(Folder):
    net, sampling, hows, model = Net, 'legacy', OTHER_HOWS, 'other.tflite'

    def setUp(self):
        super().setUp()
        self.write(self.net, [33, 65])

    def test_sizes_told(self):
        self.check_sizes_told(0)

    def test_scores(self):
        self.check_scores(0)

    def test_one_tile(self):
        """Is the whole picture."""
        for i in [1, 3, 4]:
            self.mseg('--resize', 'none', '--size', '112', '-o', 'm', f'in/{i}.png')
            self.mseg('--tile', '112', '-o', 'tiles', f'in/{i}.png')
            with Image.open(self.path('tiles', f'{i}.png')) as mask:
                np.testing.assert_array_equal(np.array(mask), self.mask(i))


class HalfPixel(Legacy):
    net, sampling = HalfNet, 'half_pixel'


class OwnSide(Folder):
    """A file's own canvas is the default, and may be asked for, when it is not k * output stride + 1: its scores lie as told."""
    model = 'other.tflite'

    def setUp(self):
        super().setUp()
        self.write(AlignedNet, [64, 64])

    def test_sizes_told(self):
        for how in [[], ['--size', '64'], ['--os', '8']]:
            self.assertEqual([told['canvas'] for told in self.lines(*how, '-o', 'm')], [[64, 64]] * len(SIZES))
        self.assertEqual(self.lines('--resize', 'none', '-o', 'm')[0]['canvas'], [513, 513])
        said = self.mseg('--size', '80', 'in', status=2).stderr
        self.assertEqual(said, 'mseg: run: --size 80 is not k * 16 + 1; the nearest are 65 and 81\n')
        said = self.mseg('--tile', '64', 'in', status=2).stderr
        self.assertEqual(said, 'mseg: run: --tile 64 is not k * 16 + 1; the nearest are 49 and 65\n')

    def test_scores(self):
        for i, told in enumerate(self.lines('-o', 'm', '--scores', 's')):
            scores = np.load(self.path('s', f'{i}.npy'))
            self.assertEqual(scores.shape, (4, 4, 6))
            logits = sample(scores, told)
            sure = lead(logits) > SURE
            self.assertGreater(sure.mean(), 0.97)
            np.testing.assert_array_equal(logits.argmax(axis=2)[sure], self.mask(i)[sure])


unittest.main()
