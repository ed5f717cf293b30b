#!/usr/bin/python3
"""test_page.py MSEG [unittest arguments]: the commands of docs/training.md, as they stand there but on fewer photos and for fewer
and smaller steps; what the page shows of their output; every line of its table of what the program says."""
import glob
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

import numpy as np
from PIL import Image

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(ROOT, 'tests/cli'))
import shapes  # pylint: disable=wrong-import-position

MSEG = os.path.abspath(sys.argv.pop(1))
SANITIZED = bool(os.environ.get('MSEG_SANITIZE'))  # then nothing is learnt in the time that there is
TINY = '--size 33 --batch 2 --steps 2 -j1'
LEARN = TINY if SANITIZED else '--size 129 --batch 8 --steps 120 -j1'
PICTURES = {'60': '24', '30': '12'}


def read_page():
    """The blocks of shell commands under each title that has any, the output that is shown, what the program may say."""
    with open(os.path.join(ROOT, 'docs/training.md'), encoding='utf-8') as file:
        text = file.read()
    parts = re.split(r'^## (.*)$', text, flags=re.M)[1:]
    blocks = {title: re.findall(r'^```sh\n(.*?)^```$', part, re.M | re.S) for title, part in zip(parts[::2], parts[1::2])}
    output, = re.findall(r'^```text\n(.*?)^```$', text, re.M | re.S)
    said = re.findall(r'^\| `([^`]+)` \|', text.partition('| it says |')[2], re.M)
    return {title: found for title, found in blocks.items() if found}, output, said


SECTIONS, OUTPUT, SAID = read_page()


def shorten(block, how):
    """Its commands with other lengths and sizes of trainings and fewer pictures."""
    block = re.sub(r'examples/draw\.py (\w+) (\d+)', lambda m: f'{ROOT}/examples/draw.py {m[1]} {PICTURES[m[2]]}', block)
    block = re.sub(r'^python3 ', sys.executable + ' -B ', block, flags=re.M)
    block = re.sub(r'^(mseg train .*?)(?: --(?:minutes|epochs|steps|size|batch) \S+)+', r'\1', block, flags=re.M)
    return re.sub(r'^mseg train ', f'mseg train {how} ', block, flags=re.M)


def form(line):
    """A line without its numbers and bars."""
    line = re.sub('[█▉▊▋▌▍▎▏]+', '', line)
    line = re.sub(r'(?<!\S)-(?!\S)|\d[\d,.:]*', '#', line)
    return ' '.join(re.sub('# (minutes|steps)', '# long', line).split())


def miou_of(truth, prediction, classes=4):
    ids = [c for c in range(classes) if ((truth == c) | (prediction == c)).any()]
    return np.mean([((truth == c) & (prediction == c)).sum() / ((truth == c) | (prediction == c)).sum() for c in ids])


def read_masks(folder):
    return np.stack([np.asarray(Image.open(name)) for name in sorted(glob.glob(folder + '/*.png'))])


class Folder(unittest.TestCase):
    """A folder with what the page begins with: two drawn sets and the model that was trained on one."""
    @classmethod
    def setUpClass(cls):
        cls.temp = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.temp.cleanup)
        os.chdir(cls.temp.name)
        cls.addClassCleanup(os.chdir, '/')
        os.mkdir('bin')
        os.symlink(MSEG, 'bin/mseg')
        cls.environment = {key: value for key, value in os.environ.items() if key != 'MSEG_MODEL'}
        cls.environment |= {'PATH': os.path.abspath('bin') + ':' + os.environ['PATH'], 'LC_ALL': 'C.UTF-8'}
        draw, train = SECTIONS['Ten minutes']
        cls.shell(shorten(draw, ''))
        cls.trained = cls.shell(shorten(train, LEARN))

    @classmethod
    def shell(cls, commands, status=0):
        """What they say and print."""
        done = subprocess.run(['bash', '-e', '-c', commands], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              env=cls.environment, check=False)
        if done.returncode != status:
            raise AssertionError(f'{commands}: status {done.returncode}\n{done.stdout}')
        return done.stdout


class Page(Folder):
    def section(self, title, how=TINY):
        return [self.shell(shorten(block, how)) for block in SECTIONS[title]]

    def mious(self, said):
        return [float(figure) for figure in re.findall(r'^mIOU +([0-9.]+) %', said, re.M)]

    def test_every_section_is_here(self):
        self.assertEqual(sorted(SECTIONS), sorted(['Ten minutes', 'Using it', 'A minute: the head alone', 'Stopping and going on',
                                                   'Your own photos', 'No masks, but a teacher', 'From random numbers',
                                                   'A wider network of a narrow one', 'Classifiers', 'Choosing']))

    def test_output(self):
        """All lines that the page shows are said in that form, and in that order."""
        said = iter([form(line) for line in self.trained.splitlines()])
        for line in OUTPUT.splitlines():
            self.assertIn(form(line), said, self.trained)

    def test_using(self):
        """The masks that run writes have the figure that eval tells, eval's own run the same, 8 bits nearly so."""
        run, own, eight = self.section('Using it')
        truth, masks = read_masks('T/masks'), read_masks('results')
        self.assertEqual(len(glob.glob('overlays/*')), len(truth))
        miou = miou_of(truth, masks)
        for said in (run, own):
            figure, = self.mious(said)
            self.assertAlmostEqual(figure, 100 * miou, delta=0.0051)
        in_bytes, = self.mious(eight)
        self.assertLess(os.path.getsize('mine8.tflite'), 0.4 * os.path.getsize('mine.tflite'))
        if not SANITIZED:
            self.assertGreater(miou, 1.8 * max(miou_of(truth, np.full_like(truth, c)) for c in range(4)))
            self.assertLess(abs(in_bytes - 100 * miou), 5)

    def test_head(self):
        """More than any class alone, in less time."""
        self.section('A minute: the head alone', LEARN)
        self.shell('mseg run -q -m head.tflite -o head-masks T/images')
        truth = read_masks('T/masks')
        if not SANITIZED:
            self.assertGreater(miou_of(truth, read_masks('head-masks')),
                               1.3 * max(miou_of(truth, np.full_like(truth, c)) for c in range(4)))

    def test_stopping(self):
        """The first command, stopped, and the second make the bytes of the first alone, whatever the threads."""
        first, second = [shorten(block, '--size 65 --batch 4 --steps 60 -j1').strip() for block in SECTIONS['Stopping and going on']]
        self.assertEqual(second, first + ' --resume')
        with subprocess.Popen(['bash', '-c', f'exec {first} --checkpoint-every 0'], stderr=subprocess.PIPE, text=True,
                              stdout=subprocess.DEVNULL, env=self.environment) as process:
            while not os.path.exists('mine2.tflite.checkpoint') and process.poll() is None:
                time.sleep(0.01)
            process.send_signal(signal.SIGINT)
            said = process.communicate()[1]
        self.assertEqual(process.returncode, -signal.SIGINT, said)
        self.assertRegex(said, r'stopped at step \d+ of 60; --resume goes on')
        self.assertIn('going on behind step', self.shell(second))
        self.assertFalse(os.path.exists('mine2.tflite.checkpoint'))
        self.shell(first.replace('mine2.tflite', 'whole.tflite').replace('-j1', '-j2'))
        with open('mine2.tflite', 'rb') as one, open('whole.tflite', 'rb') as other:
            self.assertEqual(one.read(), other.read())

    def test_own_photos(self):
        shapes.pairs('photos', 'masks', range(6))
        shapes.pairs('others/photos', 'others/masks', range(20, 23))
        shapes.devkit('kit', {'train': range(5), 'val': range(5, 8)})
        shapes.devkit('export', {'default': range(6)})
        with open('classes.txt', 'w', encoding='utf-8') as out:
            out.write(shapes.CLASSES)
        with open('export/labelmap.txt', 'w', encoding='utf-8') as out:
            out.write('# label:color_rgb:parts:actions\nground:0,0,0::\nsquare:200,30,30::\ndisc:30,30,200::\n')
        os.mkdir('binary')
        for name in os.listdir('masks'):
            mask = np.asarray(Image.open('masks/' + name))
            Image.fromarray(np.where(mask, 255, 0).astype(np.uint8)).save('binary/' + name)
        pairs, layouts, binary = self.section('Your own photos')
        for said, numbers in [(pairs, [('3', '5', '1'), ('3', '6', '3')]), (layouts, [('3', '5', '3'), ('3', '5', '1')]),
                              (binary, [('2', '5', '1')])]:
            self.assertEqual(re.findall(r', (\d) classes, on (\d) photos, validated with (\d) other', said), numbers)
        self.assertNotIn('never occur', binary)

    def test_teacher(self):
        shapes.pairs('photos', 'masks', range(6))
        self.section('No masks, but a teacher')
        self.assertRegex(self.shell('mseg info pupil.tflite'), r'labels +4, inside the file')

    def test_scratch_and_recipe(self):
        self.section('From random numbers')
        self.section('Choosing')
        self.assertTrue(os.path.exists('own.tflite') and os.path.exists('paper.tflite'))

    def test_wider(self):
        self.section('A wider network of a narrow one')
        self.assertRegex(self.shell('mseg info wider.tflite'), r'width multiplier +0.65')

    def test_classifier(self):
        shapes.folders('kinds', {'cat': 5, 'dog': 4})
        self.assertRegex(self.section('Classifiers')[0], 'cat|dog')


class Said(Folder):
    """What the program says is what the page explains."""
    def train(self, *args, masks='D', classes='D/classes.txt', status=0):
        options = f'{TINY} -y --images {masks}/images --masks {masks}/masks' + (f' --classes {classes}' if classes else '')
        return self.shell(f'mseg train {options} -o said.tflite {" ".join(args)}', status)

    def other(self, name, change):
        """A set like D whose masks are change(number, mask); None: no mask."""
        os.makedirs(name + '/masks')
        os.symlink('../D/images', name + '/images')
        for i, path in enumerate(sorted(glob.glob('D/masks/*'))[:12]):
            mask = change(i, np.asarray(Image.open(path)))
            if mask is not None:
                Image.fromarray(mask.astype(np.uint8)).save(f'{name}/masks/{os.path.basename(path)}')

    def all_that_is_said(self):
        self.other('ids', lambda i, mask: np.where((i == 2) & (mask == mask.max()), 9, mask))
        self.other('binary2', lambda i, mask: np.where(mask, 255, 0))
        self.other('coins', lambda i, mask: mask * (mask == 1))
        self.other('small', lambda i, mask: mask[:80, :100] if i == 1 else mask)
        self.other('nomask', lambda i, mask: mask if i else None)
        self.shell("printf '0 0 0 0 background\\n1 1 0 0 object\\n' >two.txt; tac D/classes.txt | awk '{ print NR - 1, $2, $3, $4, $5 }' >turned.txt")
        yield self.train(masks='ids', status=2)
        yield self.train(masks='binary2', classes='two.txt')
        yield self.train(masks='coins')
        yield self.train(masks='small', status=1)
        yield self.shell(f'mseg train {TINY} -y --images nomask/images --masks nomask/masks --classes D/classes.txt -o said.tflite')
        yield self.train('-m mine.tflite --read-masks colors', classes='turned.txt')
        yield self.train(classes=None)  # VOC's, which the built-in model sees none of
        yield self.train('--arch mnv2:1.4 --os 8 --size 2561 --batch 24', status=2)
        yield self.train('--optimizer sgd --lr 1000 --weight-decay 10 --warmup 0 --steps 40', status=2)
        shutil.copy('D/classes.txt', 'said2.tflite.checkpoint')
        yield self.shell(f'mseg train {TINY} --images D/images --masks D/masks -o said2.tflite', 2)

    def test_table(self):
        said = form(' '.join(self.all_that_is_said()))
        self.assertGreater(len(SAID), 10)
        for line in SAID:
            self.assertIn(form(line), said)


unittest.main()
