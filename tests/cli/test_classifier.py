#!/usr/bin/python3
"""test_classifier.py MSEG [unittest arguments]: mseg classify with small classifiers. One says the same of every picture: its last
layer's weights are zeros, so that its biases alone, chosen here, make the probabilities, which NumPy works out."""
import hashlib
import json
import os
import struct
import subprocess
import sys
import tempfile
import unittest

import numpy as np
from PIL import Image

import photos

MSEG = os.path.abspath(sys.argv.pop(1))
DATA = os.path.join(os.path.dirname(os.path.abspath(__file__)), '../weights/data')
DENSE = os.path.join(DATA, 'dense.tflite')
BIASES = np.array([1, 3.5, 3.5, -2, 3.5, 1], np.float32)
ORDER = [1, 2, 4, 0, 5, 3]  # most probable first, equal ones as they are numbered
CHANCES = np.exp(BIASES.astype(float)) / np.exp(BIASES.astype(float)).sum()
NAMES = ['ant', 'bee, a kind of', 'cat "Tom"', 'dog', '', 'f\u00e9e']


def values_of(name):
    """The numbers of one tensor of dense.tflite."""
    with open(os.path.join(DATA, 'dense.values'), 'rb') as file:
        while header := file.read(84):
            tensor, rank, *shape = struct.unpack('<64s5i', header)
            values = file.read(4 * int(np.prod(shape[:rank])))
            if tensor.rstrip(b'\0').decode() == name:
                return values
    raise KeyError(name)


def constant_model(path):
    with open(DENSE, 'rb') as file:
        model = file.read()
    for name, new in [('head.classifier.weight', None), ('head.classifier.bias', BIASES.tobytes())]:
        old = values_of(name)
        assert model.count(old) == 1
        model = model.replace(old, new or bytes(len(old)))
    with open(path, 'wb') as file:
        file.write(model)


class Folder(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix='mseg-classify-')
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        photos.make(self.folder)
        constant_model(self.path('constant.tflite'))
        with open(self.path('names.txt'), 'w', encoding='utf-8') as file:
            file.write('\n'.join(NAMES) + '\n')

    def path(self, name):
        return os.path.join(self.folder, name)

    def run_mseg(self, *arguments, status=0, model='constant.tflite', **variables):
        environment = {name: value for name, value in os.environ.items() if name != 'MSEG_MODEL'}
        model = ['-m', model] if model else []
        done = subprocess.run([MSEG, 'classify', *model, *arguments], cwd=self.folder, env={**environment, **variables},
                              capture_output=True, check=False)
        self.assertEqual(done.returncode, status, done.stderr)
        return done

    def text(self, *arguments, **how):
        return self.run_mseg(*arguments, **how).stdout.decode()

    def rows(self, *arguments, **how):
        return [json.loads(line) for line in self.text('--json', '-', *arguments, **how).splitlines()]

    def check_row(self, row, path, names=None, k=5):
        self.assertEqual(list(row), ['path', 'model', 'model_sha256', 'precision', 'size', 'top'])
        with open(self.path('constant.tflite'), 'rb') as model:
            self.assertEqual((row['model'], row['model_sha256']), ('constant', hashlib.sha256(model.read()).hexdigest()))
        self.assertEqual(row['path'], path)
        self.assertEqual([entry['class'] for entry in row['top']], ORDER[:k])
        self.assertEqual([entry['name'] for entry in row['top']], [names[i] if names else '' for i in ORDER[:k]])
        for entry in row['top']:
            self.assertAlmostEqual(entry['probability'], CHANCES[entry['class']], delta=1e-6)


def block(path, k=5, names=None):
    lines = [f'  {100 * CHANCES[i]:6.2f}%  {i:4d}  {names[i] if names else ""}' for i in ORDER[:k]]
    return '\n'.join([path] + lines) + '\n'


class Output(Folder):
    def test_text(self):
        self.assertEqual(self.text('good/a.png', 'good/b.jpg'), block('good/a.png') + block('good/b.jpg'))

    def test_as_many_as_asked_for(self):
        for k, shown in [(1, 1), (2, 2), (3, 3), (6, 6), (7, 6), (1000, 6)]:
            self.assertEqual(self.text('-k', str(k), 'good/a.png'), block('good/a.png', shown))
            self.check_row(self.rows('--top', str(k), 'good/a.png')[0], 'good/a.png', k=shown)

    def test_labels(self):
        self.assertEqual(self.text('-l', 'names.txt', '-k', '6', 'good/a.png'), block('good/a.png', 6, NAMES))
        for word in ['--classes', '--labels', '-l']:
            self.check_row(self.rows(word, 'names.txt', 'good/a.png')[0], 'good/a.png', NAMES)

    def test_labels_with_windows_line_ends_and_no_last_one(self):
        with open(self.path('crlf.txt'), 'w', encoding='utf-8', newline='') as file:
            file.write('\r\n'.join(NAMES))
        self.assertEqual(self.text('-l', 'crlf.txt', '-k', '6', 'good/a.png'), block('good/a.png', 6, NAMES))

    def test_json_file_beside_the_text(self):
        self.assertEqual(self.text('--json', 'out.jsonl', 'good/a.png', 'good/b.jpg'), block('good/a.png') + block('good/b.jpg'))
        with open(self.path('out.jsonl'), encoding='utf-8') as file:
            rows = [json.loads(line) for line in file]
        self.assertEqual(len(rows), 2)
        self.check_row(rows[0], 'good/a.png')
        self.check_row(rows[1], 'good/b.jpg')

    def test_quiet(self):
        self.assertEqual(self.text('-q', 'good/a.png'), '')
        self.check_row(self.rows('-q', 'good/a.png')[0], 'good/a.png')

    def test_model_of_the_environment(self):
        self.assertEqual(self.text('good/a.png', model=None, MSEG_MODEL='constant.tflite'), block('good/a.png'))


class Inputs(Folder):
    def test_folders(self):
        self.assertEqual([row['path'] for row in self.rows('good')], ['good/a.png', 'good/b.jpg', 'good/c.JPEG', 'good/one.PNG'])
        self.assertEqual([row['path'] for row in self.rows('deep')], ['deep/top.png'])
        self.assertEqual(sorted(row['path'] for row in self.rows('-r', 'deep')),
                         ['deep/one/two/x.jpg', 'deep/one/x.png', 'deep/top.png'])

    def test_what_cannot_be_read_is_told_and_the_rest_is_done(self):
        done = self.run_mseg('--json', 'out.jsonl', 'bad/cut.png', 'good/a.png', 'bad/zero.png', 'nowhere.png', 'good/b.jpg', status=1)
        self.assertEqual(done.stdout.decode(), block('good/a.png') + block('good/b.jpg'))
        faults = done.stderr.decode().splitlines()
        self.assertEqual([line.split(': ')[:2] for line in faults if line.startswith('mseg: ')],
                         [['mseg', 'bad/cut.png'], ['mseg', 'bad/zero.png'], ['mseg', 'nowhere.png']])
        with open(self.path('out.jsonl'), encoding='utf-8') as file:
            self.assertEqual([json.loads(line)['path'] for line in file], ['good/a.png', 'good/b.jpg'])


class Refusals(Folder):
    def check(self, arguments, says):
        done = self.run_mseg('--json', 'out.jsonl', *arguments, 'good/a.png', status=2)
        self.assertEqual(done.stdout, b'')
        self.assertIn(says, done.stderr.decode())
        self.assertEqual(len(done.stderr.splitlines()), 1)
        self.assertFalse(os.path.exists(self.path('out.jsonl')))

    def test_labels_of_another_count(self):
        for count in [1, 5, 7, 1001]:
            with open(self.path('some.txt'), 'w', encoding='utf-8') as file:
                file.write('name\n' * count)
            self.check(['-l', 'some.txt'], f'some.txt: {count} labels for a model of 6 classes')

    def test_no_labels(self):
        self.check(['-l', 'nowhere.txt'], 'nowhere.txt: No such file')

    def test_options(self):
        for arguments, says in [(['--crop', '0'], '--crop'), (['--crop', '1.5'], '--crop'), (['--size', '0'], '--size'),
                                (['-k', '0'], '--top')]:
            self.check(arguments, says)


class Looking(Folder):
    """A classifier that does look: the same pixels give the same answer."""

    def top(self, *arguments):
        row, = self.rows('-k', '6', *arguments, model=DENSE)
        return row['top']

    def test_crop(self):
        whole = photos.picture(80, 60, 11)
        whole.save(self.path('whole.png'))
        for option, box in [([], (5, 3, 75, 57)), (['--crop', '0.875'], (5, 3, 75, 57)), (['--crop', '0.5'], (20, 15, 60, 45)),
                            (['--crop', '0.1'], (36, 27, 44, 33)), (['--crop', '1'], (0, 0, 80, 60))]:
            whole.crop(box).save(self.path('part.png'))
            self.assertEqual(self.top(*option, 'whole.png'), self.top('--crop', '1', 'part.png'), option)
        self.assertNotEqual(self.top('--crop', '0.5', 'whole.png'), self.top('--crop', '1', 'whole.png'))

    def test_size(self):
        """A picture of one colour stays what it is at any size; the network's padding tells the sizes apart."""
        for name, side in [('small.png', 10), ('large.png', 150)]:
            Image.new('RGB', (side, side), (200, 60, 20)).save(self.path(name))
        tops = [self.top('--size', str(size), 'small.png') for size in (64, 96, 224)]
        self.assertEqual(tops, [self.top('--size', str(size), 'large.png') for size in (64, 96, 224)])
        self.assertNotEqual(tops[0], tops[1])
        self.assertEqual(tops[2], self.top('small.png'))
        self.assertNotEqual(tops[1], tops[2])

    def test_threads_change_nothing(self):
        self.assertEqual(self.top('-j', '1', 'good/a.png'), self.top('-j', '3', 'good/a.png'))

    def test_sorted_and_whole(self):
        for path in ['good/a.png', 'good/b.jpg']:
            top = self.top(path)
            chances = [entry['probability'] for entry in top]
            self.assertEqual(chances, sorted(chances, reverse=True))
            self.assertAlmostEqual(sum(chances), 1, delta=1e-5)
            self.assertEqual(sorted(entry['class'] for entry in top), list(range(6)))


unittest.main()
