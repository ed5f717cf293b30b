#!/usr/bin/python3
"""test_exact_u8.py MSEG U8_MAPS [unittest arguments]: networks in 8 bits against tests/weights/forward_u8.py, which works out by
NumPy what Google's runtime makes of a file: with every kernel set every byte of every map, the masks, the scores and the
probabilities. The files are those of tests/weights/make_forms.py and, from $MSEG_SHARED, those that people have."""
import json
import os
import subprocess
import sys
import tempfile
import unittest

import numpy as np
from PIL import Image

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, '..'), os.path.join(HERE, '../weights')]
import make_forms
import shared
from forward_u8 import Forward8

MSEG, U8_MAPS = (os.path.abspath(sys.argv.pop(1)) for _ in range(2))
SETS = ('scalar', 'avx2', 'avxvnni', 'avx512', 'zen4')
DATA = os.path.join(HERE, '../weights/data')
MASKS, CLASSIFIERS = ('acuity', 'pertensor', 'stuffed8', 'decoder'), ('convdense', 'mobilenet1u8', 'computed')
UNSIGNED = (('u8', 1 / 128, 128), 'u8')
MORE_MASKS = {'mean': dict(make_forms.FORMS['pertensor'], output_stride=8, pooling='mean', relu='fused'),
              'unsigned': dict(make_forms.FORMS['decoder'], kind='u8', ends=UNSIGNED, padding='explicit', pooling='mean')}
MORE_CLASSIFIERS = {'dense': dict(make_forms.FORMS['convdense'], dense=['fc', 'fc', 'fc'], tail=('softmax',)),
                    'flat': dict(make_forms.FORMS['mobilenet1u8'], pooling='flat', dense=['fc', 'fc'], last_bias=False,
                                 tail=('softmax',)),
                    'per tensor': dict(make_forms.FORMS['convdense'], kind='i8t', padding='padv2', dense=['conv', 'fc'],
                                       tail=('softmax',), codes=make_forms.MORE_CODES)}
REAL_MASKS = ('models/deeplabv3_mnv2_dm05_pascal_quant', 'models-more/deeplabv3_mnv2_ade20k_int8',
              'models-more/st_deeplabv3_257_int8_per_tensor')  # test_golden_u8 has the default
REAL_CLASSIFIERS = ('models/mobilenet_v2_1.0_224_quant', 'models-more/nnst_mobilenet_v2_1.0_224_quant',
                    'models-more/tfs_automl_labeler_model', 'models-more/mobilenet_v1_0.25_128_quant',
                    'models-more/tm_mask_model_quant')


def run(*command, **environment):
    return subprocess.run(command, capture_output=True, text=True, env=dict(os.environ, **environment))


def kernel_sets():
    """Those that this machine can run."""
    model = os.path.join(DATA, 'acuity.tflite')
    return [name for name in SETS if run(MSEG, 'info', '-m', model, MSEG_CPU=name).returncode == 0]


def unsigned(t, values):
    return values if t.type == 'u1' else (values.astype('i2') + 128).astype('u1')


def zero_of(t):
    return t.zero if t.type == 'u1' else t.zero + 128


def noise(size, seed):
    """A picture [height, width, 3] of patches and of dots, with all that bytes can be."""
    r = np.random.RandomState(seed)
    coarse = Image.fromarray(r.randint(0, 256, (4, 5, 3)).astype('u1')).resize(size[::-1], Image.BICUBIC)
    dots = r.randint(0, 256, tuple(size) + (3,)).astype('u1')
    return np.where(r.rand(*size, 1) < 0.3, dots, np.array(coarse))


class Truth:
    """What a file makes of a picture of its size."""

    def __init__(self, data, picture):
        f = self.f = Forward8(data)
        t = f.tensors[f.input]
        x = picture / np.float32(127.5) - np.float32(1) if t.type == '<f4' else picture
        f.run(x[None].astype(t.type))
        self.maps = {}
        for index, values in f.values.items():
            t = f.tensors[index]
            if values is not None and t.is_bytes():
                shape = tuple(([1, 1] + t.shape[1:])[-3:])
                key = shape + ('%.9g' % t.scale, zero_of(t))
                self.maps.setdefault(key, []).append(unsigned(t, values).reshape(shape))
        t = self.logits = f.tensors[f.scores]
        self.bytes = unsigned(t, f.values[f.scores]).reshape(([1, 1] + t.shape[1:])[-3:])
        self.scores = (self.bytes.astype('f4') - np.float32(zero_of(t))) * t.scale

    def labels(self):
        resized = [op.outputs[0] for op in self.f.ops if op.name == 'resize'][-1]
        return self.f.values[resized][0].argmax(2).astype('u1')


class Exact(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix='mseg-exact-')
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def path(self, name):
        return os.path.join(self.folder, name)

    def keep(self, name, data):
        with open(self.path(name), 'wb') as out:
            out.write(data)
        return self.path(name)

    def photo(self, picture, name='photo.png'):
        Image.fromarray(picture).save(self.path(name))
        return self.path(name)

    def mseg(self, *arguments, **environment):
        done = run(MSEG, *arguments, **environment)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def maps(self, model, photo, kernels, threads, stride=0, layers=()):
        """Yields layer, what stands for the map in Truth.maps, its bytes; None and the reason instead of the last two."""
        out = self.path('maps')
        done = run(U8_MAPS, model, str(stride), kernels, str(threads), photo, out, *layers)
        self.assertEqual(done.returncode, 0, done.stderr)
        data, at = np.fromfile(out, 'u1'), 0
        for line in done.stdout.splitlines():
            name, height, *rest = line.split(' ')
            if height == '-':
                yield name, None, ' '.join(rest)
                continue
            shape = (int(height), int(rest[0]), int(rest[1]))
            size = int(np.prod(shape))
            yield name, shape + (rest[2], int(rest[3])), data[at:at + size].reshape(shape)
            at += size
        self.assertEqual(at, data.size)

    def check_maps(self, truth, *arguments, **options):
        """Each map is one of the file's, the scores are the scores."""
        count = 0
        for layer, key, got in self.maps(*arguments, **options):
            where = '%s, %s' % (arguments, layer)
            if key is None:  # what is joined in other bytes is never held in its own
                self.assertTrue(layer in ('head.image_pooling', 'head.aspp0') and 'two ways' in got, got)
                continue
            self.assertIn(key, truth.maps, where)
            differ = min(int((got != want).sum()) for want in truth.maps[key])
            self.assertEqual(differ, 0, '%s: %d of %d bytes' % (where, differ, got.size))
            count += 1
        self.assertEqual(layer, 'head.classifier')
        self.assertTrue((got == truth.bytes).all(), where)
        return count

    def check_mask(self, truth, model, photo, kernels, threads, *options):
        """The mask and the scores of mseg run, whose canvas is the photo."""
        with Image.open(photo) as picture:
            side = str(max(picture.size))
        where = '%s, %s, %d threads %s' % (model, kernels, threads, options)
        with tempfile.TemporaryDirectory(dir=self.folder) as out:
            self.mseg('run', '-m', model, '--resize', 'none', '--pad', 'tight', '--size', side, '-j', str(threads), '-q',
                      '-o', out, '--scores', out, *options, photo, MSEG_CPU=kernels)
            scores = np.load(os.path.join(out, 'photo.npy'))
            with Image.open(os.path.join(out, 'photo.png')) as mask:
                differ = int((np.array(mask) != truth.labels()).sum())
        self.assertTrue((scores == truth.scores).all(), where)
        self.assertEqual(differ, 0, where)

    def check_chances(self, truth, model, photo, kernels, threads):
        """The probabilities of mseg classify, whose input is the photo."""
        said = json.loads(self.mseg('classify', '-m', model, '--crop', '1', '-k', '5', '--json', '-', '-j', str(threads), photo,
                                    MSEG_CPU=kernels))
        scores = truth.scores.ravel().astype('f8')
        chances = np.exp(scores - scores.max())
        chances /= chances.sum()
        order = np.argsort(-scores, kind='stable')[:5]
        self.assertEqual([c['class'] for c in said['top']], order.tolist())
        for c in said['top']:
            self.assertAlmostEqual(c['probability'], chances[c['class']], delta=1e-6)

    def check_precision(self, model):
        self.assertEqual(json.loads(self.mseg('info', '-m', model, '--json'))['precision'], 'int8')


class Forms(Exact):
    sets = kernel_sets()

    def check_form(self, name, choices, is_mask):
        data = make_forms.build(choices).f.bytes()
        model = self.keep(name + '.tflite', data)
        self.check_precision(model)
        check = self.check_mask if is_mask else self.check_chances
        for threads in (1, 3):
            picture = noise(choices['size'], threads)
            truth, photo = Truth(data, picture), self.photo(picture)
            for kernels in self.sets:
                self.assertGreater(self.check_maps(truth, model, photo, kernels, threads), 25)
                check(truth, model, photo, kernels, threads)

    def test_every_map_of_masks(self):
        for name, choices in [(name, make_forms.FORMS[name]) for name in MASKS] + list(MORE_MASKS.items()):
            self.check_form(name, choices, True)

    def test_every_map_of_classifiers(self):
        for name, choices in [(name, make_forms.FORMS[name]) for name in CLASSIFIERS] + list(MORE_CLASSIFIERS.items()):
            self.check_form(name, choices, False)

    def test_other_output_strides_and_sizes(self):
        """The file's weights at another output stride and size are a file of their own."""
        sets, turn = self.sets, 0
        for name in MASKS:
            choices = make_forms.FORMS[name]
            model, ranges = os.path.join(DATA, name + '.tflite'), make_forms.ranges_of(choices)
            beyond = 0 if name == 'decoder' else 1
            for stride, size in ((8, [2, 3]), (16, [3, 2]), (32, [2, 2]), (16, [1, 4]), (8, [9, 7])):
                size = [n * stride + beyond for n in size]
                twin = make_forms.Form(ranges=ranges, **dict(choices, output_stride=stride, size=size))
                picture = noise(size, stride + sum(size))
                truth, photo = Truth(twin.f.bytes(), picture), self.photo(picture)
                for kernels in {sets[turn % len(sets)], sets[-1]}:
                    self.check_maps(truth, model, photo, kernels, 2, stride=stride)
                    self.check_mask(truth, model, photo, kernels, 2, '--os', str(stride))
                turn += 1


class Real(Exact):
    """A photo at the file's own size."""

    def check(self, name, is_mask):
        model, source = shared.path(name + '.tflite'), shared.path('images/bird_0.jpg')
        if shared.missing([model, source], 'whole models in 8 bits are'):
            return
        self.check_precision(model)
        with open(model, 'rb') as file:
            data = file.read()
        f = Forward8(data)
        size = f.tensors[f.input].shape[1:3]
        picture = np.array(Image.open(source).convert('RGB').resize(size[::-1], Image.BILINEAR))
        truth, photo, sets = Truth(data, picture), self.photo(picture), kernel_sets()
        for kernels in sets:
            self.check_maps(truth, model, photo, kernels, 2, layers=('backbone.stem', 'head.pool', 'head.classifier'))
        (self.check_mask if is_mask else self.check_chances)(truth, model, photo, sets[-1], 2)

    def test_masks(self):
        for name in REAL_MASKS:
            self.check(name, True)

    def test_classifiers(self):
        for name in REAL_CLASSIFIERS:
            self.check(name, False)


if __name__ == '__main__':
    unittest.main()
