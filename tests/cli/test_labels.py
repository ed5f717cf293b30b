#!/usr/bin/python3
"""test_labels.py MSEG [unittest arguments]: names of classes inside the model's file (tests/weights/make_metadata.py) in every command,
against --classes with the same names and against what Python reads and writes; with a real file that is beside the project, too."""
import json
import os
import subprocess
import sys
import tempfile
import unittest
import zipfile

import numpy as np
from PIL import Image

import photos
from relabel import relabelled

MSEG = os.path.abspath(sys.argv.pop(1))
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, '..'))
import shared  # noqa: E402

DATA = os.path.join(HERE, '../weights/data')
LABELLED, NAMED = (os.path.join(DATA, name + '.tflite') for name in ['labelled', 'named'])
HOW = ['--os', '8', '--size', '65']
LABELS = ['background', 'boat', 'dog "Rex"', 'boat', 'f\u00e9e', 'traffic light']
KEYS = ['background', 'boat (1)', 'dog "Rex"', 'boat (3)', 'f\u00e9e', 'traffic light']
# VOC's bit rule: bit 0 of the id is the top bit of red, bit 1 of green, bit 2 of blue.
COLOURS = [(128 * (i & 1), 128 * (i >> 1 & 1), 128 * (i >> 2)) for i in range(6)]


def balanced():
    """labelled.tflite with other biases of its last layer, so that many classes win somewhere: their mean logits are equal."""
    with open(LABELLED, 'rb') as file:
        model = file.read()
    with open(os.path.join(DATA, 'plain.values'), 'rb') as file:
        values = file.read()
    at = values.index(b'head.classifier.bias\0') + 84
    old = values[at:at + 4 * len(LABELS)]
    assert model.count(old) == 1
    with tempfile.TemporaryDirectory(prefix='mseg-labels-') as folder:
        paths = [os.path.join(folder, f'{i}.png') for i in range(3)]
        for i, path in enumerate(paths):
            photo(i).save(path)
        subprocess.run([MSEG, 'run', '-q', *HOW, '-m', LABELLED, '-o', folder + '/out', '--scores', folder + '/scores', *paths], check=True)
        logits = np.concatenate([np.load(f'{folder}/scores/{i}.npy').reshape(-1, len(LABELS)) for i in range(3)])
    new = np.frombuffer(old, '<f4') - np.median(logits, axis=0)
    return model.replace(old, new.astype('<f4').tobytes())


def photo(i):
    return photos.picture(70, 50, 20 + i)


class Folder(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix='mseg-labels-')
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        for i in range(3):
            photo(i).save(self.path(f'{i}.png'))
        self.photos = [f'{i}.png' for i in range(3)]
        photos.write(self.path('labelled.tflite'), BALANCED)
        self.write('classes.txt', ''.join(f'{i} {r} {g} {b} {name}\n' for i, ((r, g, b), name) in enumerate(zip(COLOURS, LABELS))))
        self.write('names.txt', ''.join(f'other {i}\n' for i in range(6)))

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, text):
        with open(self.path(name), 'w', encoding='utf-8') as file:
            file.write(text)

    def mseg(self, *arguments, status=0):
        environment = {name: value for name, value in os.environ.items() if name != 'MSEG_MODEL'}
        done = subprocess.run([MSEG, *arguments], cwd=self.folder, env=environment, capture_output=True, check=False)
        self.assertEqual(done.returncode, status, done.stderr)
        return done

    def model(self, text, base=None):
        """The model with other labels."""
        photos.write(self.path('m.tflite'), relabelled(base or self.path('labelled.tflite'), text))
        return self.path('m.tflite')

    def info(self, model):
        return json.loads(self.mseg('info', model, '--json', '--size', '33').stdout)

    def run_json(self, *arguments):
        done = self.mseg('run', '-q', *HOW, '--json', '-', *arguments, *self.photos)
        return [json.loads(line) for line in done.stdout.splitlines()]


class Info(Folder):
    def check(self, model, inside, labels):
        told = self.info(model)
        self.assertEqual((told['labels_inside'], told['labels']), (inside, labels))
        line = [line for line in self.mseg('info', model, '--size', '33').stdout.decode().splitlines() if line.startswith('labels ')]
        wanted = f'labels             {inside}, inside the file'
        wanted += '' if labels else f', not used: the model has {told["classes"]} classes'
        self.assertEqual(line, [wanted] if inside else [])

    def test_as_many_as_classes(self):
        for model in [LABELLED, NAMED]:
            self.check(model, 6, LABELS)

    def test_none(self):
        self.check(os.path.join(DATA, 'plain.tflite'), 0, [])
        self.check(self.model(''), 0, [])

    def test_a_blank_line_at_the_end(self):
        self.check(self.model('a\nb\nc\nd\ne\nf\n\n'), 6, list('abcdef'))

    def test_a_class_without_a_name(self):
        self.check(self.model('a\n\nc\nd\ne\n\n'), 6, ['a', None, 'c', 'd', 'e', None])

    def test_others_are_not_used(self):
        for text, count in [('a\nb\nc\nd\ne\n', 5), ('a\nb\nc\nd\ne\nf\ng\n', 7), ('a\nb\nc\nd\ne\nf\n\n\n', 8)]:
            self.check(self.model(text), count, [])

    def test_damage_is_told_in_a_line(self):
        with open(LABELLED, 'rb') as file:
            photos.write(self.path('bad.tflite'), file.read().replace(b'traffic', b'traffik'))
        for arguments in [['info', 'bad.tflite'], ['run', '-m', 'bad.tflite', '0.png'], ['classify', '-m', 'bad.tflite', '0.png']]:
            done = self.mseg(*arguments, status=2)
            self.assertEqual(done.stderr, b'mseg: bad.tflite: damaged metadata: labels.txt, the labels, cannot be unzipped: CRC error\n')


class Run(Folder):
    def check(self, rows, keys):
        found = set()
        for row, photo in zip(rows, self.photos):
            ids, counts = np.unique(np.array(Image.open(self.path(f'out/{photo}'))), return_counts=True)
            self.assertEqual(row['pixels'], {keys[i]: int(n) for i, n in zip(ids, counts)})
            found |= set(ids.tolist())
        self.assertGreater(len(found), 2)

    def test_names_in_json(self):
        self.check(self.run_json('-m', 'labelled.tflite', '-o', 'out'), KEYS)

    def test_a_class_without_a_name(self):
        names = [f'name {i}' for i in range(6)]
        for i in range(6):
            text = ''.join(f'{"" if k == i else name}\n' for k, name in enumerate(names))
            self.check(self.run_json('-m', self.model(text), '-o', 'out'), [*names[:i], f'class {i}', *names[i + 1:]])

    def test_names_that_are_not_used(self):
        self.check(self.run_json('-m', self.model('a\nb\nc\n'), '-o', 'out'), [f'class {i}' for i in range(6)])

    def test_classes_of_the_user_come_first(self):
        self.write('own.txt', ''.join(f'{i} 1 2 {i} own {i}\n' for i in range(6)))
        for word in ['--classes', '--palette']:
            self.check(self.run_json('-m', 'labelled.tflite', '-o', 'out', word, 'own.txt'), [f'own {i}' for i in range(6)])
        with Image.open(self.path('out/0.png')) as mask:
            self.assertEqual(mask.getpalette()[:18], [v for i in range(6) for v in (1, 2, i)])

    def test_pictures_are_those_of_the_same_classes_in_a_file(self):
        self.run_json('-m', 'labelled.tflite', '-o', 'own', '--overlay=own-over')
        self.run_json('-m', 'labelled.tflite', '-o', 'given', '--overlay=given-over', '--classes', 'classes.txt')
        tiles = ['run', '-q', '--os', '8', '--tile', '65', '-m', 'labelled.tflite', *self.photos]
        self.mseg(*tiles, '-o', 'tiled', '--overlay=tiled-over')
        self.mseg(*tiles, '-o', 'tiled2', '--overlay=tiled2-over', '--classes', 'classes.txt')
        for a, b in [('own', 'given'), ('own-over', 'given-over'), ('tiled', 'tiled2'), ('tiled-over', 'tiled2-over')]:
            for photo in self.photos:
                with open(self.path(f'{a}/{photo}'), 'rb') as one, open(self.path(f'{b}/{photo}'), 'rb') as other:
                    self.assertEqual(one.read(), other.read(), (a, b, photo))


class Eval(Folder):
    def report(self, *arguments, status=0):
        done = self.mseg('eval', '-q', '-m', 'labelled.tflite', '--gt', 'gt', '--images', '.', *HOW, '--resize', 'fit', '--json', '-',
                         *arguments, status=status)
        return json.loads(done.stdout)

    def setUp(self):
        super().setUp()
        os.mkdir(self.path('gt'))
        for i, photo in enumerate(self.photos):
            Image.fromarray(np.random.RandomState(i).randint(0, 6, (50, 70)).astype(np.uint8)).save(self.path(f'gt/{photo}'))

    def test_names_and_figures(self):
        own, given = self.report(), self.report('--classes', 'classes.txt')
        self.assertEqual(own['classes'], LABELS)
        self.assertGreater(own['miou'], 0)
        for key in own:
            if key not in ('settings', 'command'):
                self.assertEqual(own[key], given[key], key)

    def test_the_report_says_where_they_come_from(self):
        for how, wanted in [([], "the model's own"), (['--classes', 'classes.txt'], 'classes.txt')]:
            self.assertEqual(self.report(*how)['settings']['classes'], wanted)

    def test_a_class_without_a_name(self):
        self.model('a\n\nc\nd\ne\n\n')
        os.replace(self.path('m.tflite'), self.path('labelled.tflite'))
        self.assertEqual(self.report()['classes'], ['a', 'class 1', 'c', 'd', 'e', 'class 5'])

    def test_names_choose_the_classes_of_the_means(self):
        self.assertEqual(self.report('--average', 'f\u00e9e,2')['miou'], self.report('--average', '4,2')['miou'])

    def test_masks_are_of_voc_without_a_model(self):
        self.mseg('run', '-q', '-m', 'labelled.tflite', '-o', 'pred', *HOW, *self.photos)
        done = self.mseg('eval', '-q', '--pred', 'pred', '--gt', 'gt', '--json', '-')
        self.assertEqual(json.loads(done.stdout)['classes'][5], 'bottle')

    def test_labels_that_are_not_used(self):
        done = self.mseg('eval', '-m', self.model('a\nb\n'), '--gt', 'gt', '--images', '.', status=2)
        self.assertEqual(done.stderr, b'mseg: eval: the model has 6 classes, --classes voc has 21\n')


class Classify(Folder):
    def top(self, model, *arguments):
        done = self.mseg('classify', '-m', model, '--size', '64', '-k', '6', '--json', '-', *arguments, '0.png')
        return [(entry['class'], entry['name']) for entry in json.loads(done.stdout)['top']]

    def test_names(self):
        top = self.top(NAMED)
        self.assertEqual(sorted(top), list(enumerate(LABELS)))
        text = self.mseg('classify', '-m', NAMED, '--size', '64', '-k', '6', '0.png').stdout.decode().splitlines()[1:]
        self.assertEqual([(int(line.split(None, 2)[1]), line.split(None, 2)[2]) for line in text], top)

    def test_names_of_the_user_come_first(self):
        for word in ['-l', '--labels', '--classes']:
            self.assertEqual(sorted(self.top(NAMED, word, 'names.txt')), [(i, f'other {i}') for i in range(6)])

    def test_classes_without_names(self):
        self.assertEqual(sorted(self.top(self.model('a\n\nc\nd\ne\n\n', NAMED))), list(enumerate(['a', '', 'c', 'd', 'e', ''])))
        self.assertEqual(sorted(self.top(self.model('a\nb\n', NAMED))), list(enumerate([''] * 6)))


class Real(Folder):
    def test_golden_of_tflite_support(self):
        """Google's own mask of the photo (ids times 10), and the labels as Python's zipfile reads them."""
        model = shared.path('models-more', 'tfs_deeplabv3_metadata.tflite')
        photo, golden = (shared.path('models-more', 'reference', f'tfs_deeplabv3_metadata.{name}') for name in ['photo.jpg', 'mask.png'])
        if shared.missing([model, photo, golden], 'the labels of a real model are'):
            return
        with zipfile.ZipFile(model) as archive:
            labels = archive.read('labelmap.txt').decode().splitlines()
        self.assertEqual(self.info(model)['labels'], labels)
        self.photos = [photo]
        done = self.mseg('run', '-q', '-m', model, '-o', 'out', '--json', '-', photo)
        ids = np.array(Image.open(self.path('out/tfs_deeplabv3_metadata.photo.png')))
        self.assertEqual(int((ids * 10 != np.array(Image.open(golden))).sum()), 0)
        self.assertEqual(set(json.loads(done.stdout)['pixels']), {labels[i] for i in np.unique(ids)})


BALANCED = balanced()
unittest.main()
