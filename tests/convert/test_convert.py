#!/usr/bin/python3
"""test_convert.py MSEG [unittest arguments]: mseg convert from format to format. What is written opens again and is the same network: the
same logits bit for bit, the same rule by which pictures enter, the same names of classes, by what the other commands write."""
import io
import json
import os
import resource
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import unittest

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, '../cli'))
import photos  # noqa: E402

MSEG = os.path.abspath(sys.argv.pop(1))
DATA = os.path.join(HERE, '../weights/data')
FORMATS = ['tflite', 'onnx', 'safetensors']
# Segmenters with padding of TensorFlow and of others, corners aligned or not, image pooling, decoder; float, float16, uint8, int8.
SEGMENTERS = ['plain', 'uint8', 'decoder', 'stuffed', 'inside', 'turned', 'pertensor', 'float16']
CLASSIFIERS = ['dense', 'teachable', 'mobilenet1', 'convdense']
KEPT = ['network', 'width_multiplier', 'classes', 'labels', 'aspp', 'image_pooling', 'decoder', 'output_stride', 'logits_stride', 'sampling',
        'trained_output_stride', 'trained_width', 'trained_height']


def source(name):
    return os.path.join(DATA, f'{name}.tflite')


def read(path):
    with open(path, 'rb') as file:
        return file.read()


def tensors(path):
    """Those of a safetensors file, by name."""
    data = read(path)
    length, = struct.unpack('<Q', data[:8])
    header, body = json.loads(data[8:8 + length]), data[8 + length:]
    kinds = {'F32': np.float32, 'F16': np.float16}
    return {name: np.frombuffer(body[slice(*entry['data_offsets'])], kinds[entry['dtype']]).reshape(entry['shape'])
            for name, entry in header.items() if name != '__metadata__'}


class Convert(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        photos.picture(90, 70, 3).save(self.path('photo.png'))

    def path(self, *parts):
        return os.path.join(self.folder, *parts)

    def mseg(self, *arguments, status=0, **how):
        done = subprocess.run([MSEG, *arguments], cwd=self.folder, capture_output=True, text=True, check=False, **how)
        self.assertEqual(done.returncode, status, (arguments, done.stderr))
        return done

    def convert(self, model, out, *options):
        """The path of the file that is made."""
        self.assertEqual(self.mseg('convert', '-q', *options, model, out).stderr, '')
        return self.path(out)

    def info(self, model, *options):
        return json.loads(self.mseg('info', '--json', '--precision', 'float', model, *options).stdout)

    def logits(self, model, *options):
        """The logits of the photo, as the bytes of NumPy's own file of them."""
        shutil.rmtree(self.path('scores'), ignore_errors=True)
        self.mseg('run', '-q', '-j1', '-m', model, '--precision', 'float', '--scores', 'scores', '-o', 'masks', *options, 'photo.png')
        file = io.BytesIO()
        np.save(file, np.load(self.path('scores/photo.npy')))
        return file.getvalue()

    def probabilities(self, model):
        told = json.loads(self.mseg('classify', '-q', '-j1', '-k', '1000', '-m', model, '--precision', 'float', '--json', '-', 'photo.png').stdout)
        return told['top'], told['size']

    def suits(self, told, k):
        """A canvas of about k output strides."""
        return str(k * told['output_stride'] + (told['sampling'] == 'align_corners'))

    def assert_same(self, before, out, form):
        """out, of that format, is the network that info tells of before."""
        after = self.info(out)
        self.assertEqual(after['format'], form)
        self.assertEqual({key: after[key] for key in KEPT}, {key: before[key] for key in KEPT})
        self.assertEqual((after['input']['scale'], after['input']['offset']), (before['input']['scale'], before['input']['offset']))
        self.assertIsNone(after['quantised'])

    def round(self, name, compare):
        """From each format to each other, and from .tflite to .tflite."""
        model = source(name)
        told, wanted = self.info(model), compare(model)
        for steps in (['onnx', 'safetensors', 'tflite', 'tflite'], ['safetensors', 'onnx', 'tflite']):
            at = model
            for i, form in enumerate(steps):
                at = self.convert(at, f"{name}.{'-'.join(steps)}.{i}.{form}")
                with self.subTest(model=name, steps=steps[:i + 1]):
                    self.assert_same(told, at, form)
                    self.assertEqual(compare(at), wanted)

    def test_segmenters(self):
        for name in SEGMENTERS:
            told = self.info(source(name))
            sizes = {stride: self.suits({**told, 'output_stride': stride}, 3) for stride in (8, told['output_stride'])}
            self.round(name, lambda model, sizes=sizes: [self.logits(model, '--os', str(stride), '--size', size) for stride, size in sizes.items()])

    def test_classifiers(self):
        for name in CLASSIFIERS:
            self.round(name, self.probabilities)

    def test_the_built_in_model(self):
        told, wanted = self.info('builtin'), self.logits('builtin', '--size', '97')
        for form in FORMATS:
            out = self.convert('builtin', f'own.{form}')
            self.assert_same(told, out, form)
            self.assertEqual(self.info(out)['model'], 'own')
            self.assertEqual(self.logits(out, '--size', '97'), wanted)
            self.assertEqual(self.logits(out), self.logits('builtin'))  # the canvas goes along

    def test_labels(self):
        labels = ['background', 'boat', 'dog "Rex"', 'boat', 'fée', 'traffic light']
        for form in FORMATS:
            self.assertEqual(self.info(self.convert(source('labelled'), f'named.{form}'))['labels'], labels)

    def test_canvas_and_stride(self):
        for form in FORMATS:
            out = self.convert(source('uint8'), f'finer.{form}', '--size', '97', '--os', '8')
            told = self.info(out)
            self.assertEqual([told[key] for key in ('trained_width', 'trained_height', 'trained_output_stride', 'output_stride')], [97, 97, 8, 8])
            self.assertEqual(self.logits(out), self.logits(source('uint8'), '--size', '97', '--os', '8'))

    def test_own_canvas(self):
        """The canvas of the model's file may be kept at a stride that would ask for another one, as in run."""
        own = self.convert('builtin', 'own.onnx', '--size', '41', '--os', '8')
        for options in ([], ['--size', '41']):
            told = self.info(self.convert(own, 'wider.tflite', '-y', '--os', '32', *options))
            self.assertEqual([told[key] for key in ('trained_width', 'trained_height', 'trained_output_stride')], [41, 41, 32])
            self.assertEqual(self.logits('wider.tflite'), self.logits(own, '--os', '32'))

    def test_how_pictures_enter(self):
        given = ['--mean', '123.675,116.28,103.53', '--std', '58.395,57.12,57.375']
        for form in FORMATS:
            out = self.convert(source('plain'), f'entry.{form}', *given)
            self.assertEqual(self.info(out)['input']['scale'], self.info(source('plain'), *given)['input']['scale'])
            self.assertEqual(self.info(out)['input']['from'], 'metadata')
            self.assertEqual(self.logits(out, '--size', '97'), self.logits(source('plain'), *given, '--size', '97'))

    def test_half(self):
        """Weights are rounded to the nearest half, biases are not; every format holds the same numbers then. By a random walk of so
        many roundings of 2^-11 logits are off by about 1 % of the largest at most."""
        whole, half = (tensors(self.convert('builtin', f'own-{name}.safetensors', *options)) for name, options in [('whole', []), ('half', ['--half'])])
        self.assertEqual(set(whole), set(half))
        for name, values in half.items():
            rounded = name.endswith('.weight')
            self.assertEqual(values.dtype, np.float16 if rounded else np.float32, name)
            np.testing.assert_array_equal(values, whole[name].astype(np.float16) if rounded else whole[name], name)
        # The built-in model's weights are halves before batch norm is multiplied in; another one shows the rounding.
        found = {form: self.logits(self.convert(source('uint8'), f'half.{form}', '--half'), '--size', '65') for form in FORMATS}
        self.assertEqual(len(set(found.values())), 1)
        exact, near = (np.load(io.BytesIO(data)) for data in (self.logits(source('uint8'), '--size', '65'), found['onnx']))
        self.assertFalse(np.array_equal(exact, near))
        self.assertLess(np.abs(exact - near).max(), 0.01 * np.abs(exact).max())
        self.assertLess(os.path.getsize(self.path('own-half.safetensors')), 0.55 * os.path.getsize(self.path('own-whole.safetensors')))

    def test_what_is_said(self):
        for form, size in zip(FORMATS, ['33', '65', '97']):
            said = self.mseg('convert', source('uint8'), f'said.{form}', '--size', size, '--os', '32').stderr
            bytes_ = os.path.getsize(self.path(f'said.{form}'))
            self.assertEqual(said, f'wrote said.{form}: {form}, float32, MobileNetV2 0.025, 6 classes, output stride 32, {size} x {size}, {bytes_} bytes\n')
        self.assertTrue(self.mseg('convert', source('plain'), 'assumed.onnx').stderr.endswith(' bytes, input assumed to be -1 to 1\n'))
        self.assertIn(': tflite, float16, ', self.mseg('convert', '--half', source('dense'), 'half.tflite').stderr)

    def test_what_is_there(self):
        """It stays unless it may be replaced, and whatever goes wrong."""
        photos.write(self.path('old.onnx'), b'old')
        self.assertEqual(self.mseg('convert', source('plain'), 'old.onnx', status=2).stderr, 'mseg: old.onnx: is there already; -y replaces it\n')
        self.assertEqual(read(self.path('old.onnx')), b'old')
        os.symlink('old.onnx', self.path('link.onnx'))
        self.convert(source('plain'), 'link.onnx', '-y')
        self.assertTrue(os.path.islink(self.path('link.onnx')))
        self.assertEqual(self.info('old.onnx')['format'], 'onnx')
        self.assertEqual(sorted(os.listdir(self.folder)), ['link.onnx', 'old.onnx', 'photo.png'])

    def limited(self):
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)

    def test_no_room(self):
        """A disk that is full when part of the file is written, and one that is full from the beginning."""
        photos.write(self.path('old.onnx'), b'old')
        for form in FORMATS:
            for name in (f'new.{form}', 'old.onnx'):
                said = self.mseg('convert', '-y', source('plain'), name, status=2, preexec_fn=self.limited, restore_signals=False).stderr
                self.assertEqual(said, f'mseg: {name}: cannot write the file: File too large\n')
        os.symlink('/dev/full', self.path('full.tflite'))
        self.assertEqual(self.mseg('convert', source('plain'), 'full.tflite', status=2).stderr,
                         'mseg: full.tflite: cannot write the file: No space left on device\n')
        self.assertEqual(sorted(os.listdir(self.folder)), ['full.tflite', 'old.onnx', 'photo.png'])
        self.assertEqual(read(self.path('old.onnx')), b'old')

    def test_pipe(self):
        """A named pipe is written to, not replaced."""
        os.mkfifo(self.path('pipe.onnx'))
        with open(os.open(self.path('pipe.onnx'), os.O_RDONLY | os.O_NONBLOCK), 'rb') as reader:  # which holds 64 KB
            self.convert(source('plain'), 'pipe.onnx')
            self.assertEqual(reader.read(), read(self.convert(source('plain'), 'file.onnx')))


if __name__ == '__main__':
    unittest.main()
