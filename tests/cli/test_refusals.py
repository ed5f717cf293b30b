#!/usr/bin/python3
"""test_refusals.py MSEG: what stops a command before its first image: one line, status 2, no output. And what nearly does: names of
files in capitals, classes of one name."""
import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

import numpy as np
from PIL import Image

import photos

MSEG = os.path.abspath(sys.argv.pop(1))
TINY, CLASSIFIER, TWO = (os.path.join(os.path.dirname(os.path.abspath(__file__)), '../weights/data', name)
                    for name in ('uint8.tflite', 'dense.tflite', 'plain.tflite'))  # TWO gives two classes at least
RUN = ['run', '-m', TINY, '--size', '17']
EVAL = ['eval', '-q', '--classes', 'p', '--gt', 'gt']


def palette(names):
    return ''.join(f'{i} {40 * i} 0 {i} {name}\n' for i, name in enumerate(names))


class Refusals(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        for name in ('in', 'gt', 'pred'):
            os.mkdir(self.path(name))
        for i, name in enumerate(['a', 'b', 'c']):
            photos.picture(40, 30, i).save(self.path('in', f'{name}.jpg'))
            ids = np.arange(1200, dtype=np.uint8).reshape(30, 40) // 43 % 6
            Image.fromarray(ids).save(self.path('gt', f'{name}.png'))
            Image.fromarray(np.roll(ids, i + 1, 1)).save(self.path('pred', f'{name}.png'))
        self.write('p', palette(f'thing {i}' for i in range(6)))

    def path(self, *parts):
        return os.path.join(self.folder, *parts)

    def write(self, name, text):
        photos.write(self.path(name), text.encode())

    def mseg(self, *arguments, status=0):
        done = subprocess.run([MSEG, *arguments], cwd=self.folder, capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, status, done.stderr)
        return done

    def refused(self, text, *arguments):
        before = sorted(os.listdir(self.folder))
        done = self.mseg(*arguments, status=2)
        self.assertEqual(done.stderr.count('\n'), 1, done.stderr)
        self.assertTrue(done.stderr.startswith('mseg: ') and text in done.stderr, done.stderr)
        self.assertEqual(done.stdout, '')
        self.assertEqual(sorted(os.listdir(self.folder)), before)

    def test_models_of_another_kind(self):
        for command in [['run', 'in', '-m', CLASSIFIER], ['run', 'in', '-m', CLASSIFIER, '--tile', '33'],
                        [*EVAL, '--images', 'in', '-m', CLASSIFIER]]:
            self.refused(f"{CLASSIFIER}: the model is a classifier: 'mseg classify' runs it", *command)
        self.refused(f'{TINY}: not a classifier', 'classify', 'in', '-m', TINY)

    def test_sizes(self):
        large = 'a canvas of 65537 x 65537 pixels is over the limit of 2^30'
        for command in [['run', 'in', '-m', TINY], ['run', 'in', '-m', TINY, '--resize', 'stretch', '--pad', 'tight'],
                        ['run', 'in', '-m', TINY, '--resize', 'none'], [*EVAL, '--images', 'in', '-m', TINY],
                        ['bench', '-m', TINY], ['info', TINY]]:
            self.refused(large, *command, '--size', '65537')
        self.refused('a canvas of 131073 x 131073 pixels', 'run', 'in', '-m', TINY, '--size', '16385', '--scales', '1,8')
        for command in [['run', 'in', '-m', TINY], [*EVAL, '--images', 'in', '-m', TINY]]:
            self.refused('--size 20 is not k * 16 + 1', *command, '--size', '20')
        self.refused('--tile 20 is not k * 16 + 1', 'run', 'in', '-m', TINY, '--tile', '20')
        self.refused('--size takes a whole number from 1 to 4096', 'classify', 'in', '-m', CLASSIFIER, '--size', '65537')
        # A canvas as wide as that is no trouble when it is not as high.
        photos.picture(2000, 4, 1).save(self.path('wide.png'))
        self.mseg('run', '-q', '-j1', '-m', TINY, 'wide.png', '--pad', 'tight', '--size', '40001')

    @unittest.skipIf(os.environ.get('MSEG_SANITIZE'), 'sanitizers have memory of their own')
    def test_sizes_that_do_not_fit_into_memory(self):
        def limited(*command):
            return ['sh', '-c', 'ulimit -v 120000; exec "$@"', 'sh', MSEG, *command]
        for command in [['run', 'in', '-j2', '-m', TINY, '--size', '16385'],
                        [*EVAL, '--images', 'in', '-m', TINY, '--size', '16385'], ['bench', '-m', TINY, '--size', '16385'],
                        ['run', 'in', '-m', TINY, '--tile', '16385'], ['info', TINY, '--size', '16385']]:
            before = sorted(os.listdir(self.folder))
            done = subprocess.run(limited(*command), cwd=self.folder, capture_output=True, text=True, check=False)
            self.assertEqual((done.returncode, done.stderr.count('\n')), (2, 1), done.stderr)
            self.assertIn('out of memory', done.stderr)
            self.assertEqual(sorted(os.listdir(self.folder)), before)

    def test_missing_folders(self):
        for how in ['error', 'ignore', 'background']:
            self.refused('mseg: typo: no such file or directory', *EVAL, '--pred', 'typo', '--missing', how)
            self.refused('mseg: p: not a folder', *EVAL, '--pred', 'p', '--missing', how)
        self.refused('mseg: typo: no such file or directory', 'eval', '--gt', 'typo', '--pred', 'pred', '--classes', 'p')
        self.refused('mseg: typo: no such file or directory', *EVAL, '--pred', 'pred', '--images', 'typo')
        self.refused('mseg: typo: no such file or directory', *EVAL, '-m', TINY, '--images', 'typo')
        self.refused('mseg: typo: no such file or directory', 'eval', '--voc', 'typo', '-m', TINY)
        self.mseg(*EVAL, '--pred', 'pred', '--save-counts', 'counts')
        self.refused('mseg: typo: no such file or directory', 'eval', '--merge', 'counts', '--gt', 'gt', '--pred', 'typo')

    def test_palettes_of_other_classes(self):
        self.write('five', palette('abcde'))
        for name, classes in [('voc', 21), ('cityscapes', 19), ('five', 5)]:
            self.refused(f'run: the model has 6 classes, --classes {name} has {classes}', *RUN, 'in', '--palette', name)
            self.refused(f'eval: the model has 6 classes, --classes {name} has {classes}', 'eval', '--gt', 'gt', '--images', 'in',
                         '-m', TINY, '--classes', name)

    def keys(self, *how):
        """What the JSON lines call the classes, by number: found by the number of pixels in the mask."""
        said = self.mseg('run', '-m', TWO, '--os', '16', '--size', '65', '--resize', 'stretch', '-q', 'noise.png', '-o', 'masks', '--json', '-',
                         *how).stdout
        found = {}
        for line in said.splitlines():
            told = json.loads(line, object_pairs_hook=list)
            fields = dict(told)
            name = os.path.splitext(os.path.basename(fields['path']))[0] + '.png'
            with Image.open(self.path('masks', name)) as mask:
                ids, counts = np.unique(np.array(mask), return_counts=True)
            pixels = fields['pixels']
            self.assertEqual(len({key for key, _ in pixels}), len(pixels))  # no key twice
            self.assertEqual([count for _, count in pixels], counts.tolist())
            found.update(zip(ids.tolist(), [key for key, _ in pixels]))
        self.assertGreater(len(found), 1)
        return found

    def test_classes_of_one_name(self):
        def expect(found, names):
            self.assertEqual(found, {i: names[i] for i in found})
        noise = np.random.default_rng(5).integers(0, 256, (90, 120, 3), np.uint8)
        Image.fromarray(noise).save(self.path('noise.png'))
        expect(self.keys('--palette', 'p'), [f'thing {i}' for i in range(6)])
        self.write('same', palette(['x'] * 6))
        expect(self.keys('--palette', 'same'), [f'x ({i})' for i in range(6)])
        # One that is called what another's key would be.
        self.write('odd', palette(['x (2)', 'x', 'x', 'x (1)', 'x', 'x (2) (0)']))
        found = self.keys('--palette', 'odd')
        self.assertEqual(len(set(found.values())), len(found))
        expect(self.keys(), [f'class {i}' for i in range(6)])  # the default palette has 21 classes

    def test_names_in_capitals(self):
        """The same figures whatever the case of the extensions."""
        def figures(*how):
            self.mseg(*EVAL, '--json', 'j', *how)
            with open(self.path('j'), encoding='utf-8') as file:
                told = json.load(file)
            self.assertEqual(told['problems']['failed'] + told['problems']['missing'], 0)
            self.assertEqual(told['images'], 3)
            return told['miou'], told['classes']
        self.write('ids', 'a.PNG\nb\nc.Png\n')
        model = ['-m', TINY, '--resize', 'fit', '--size', '17', '--images', 'in']
        masks, predictions = figures('--pred', 'pred'), figures(*model)
        for folder, old, new in [('gt', 'a.png', 'a.PNG'), ('gt', 'c.png', 'c.Png'), ('pred', 'b.png', 'b.PNG'),
                                 ('pred', 'c.png', 'c.pnG'), ('in', 'a.jpg', 'a.JPG'), ('in', 'b.jpg', 'b.Jpeg')]:
            shutil.move(self.path(folder, old), self.path(folder, new))
        self.assertEqual(figures('--pred', 'pred'), masks)
        self.assertEqual(figures('--pred', 'pred', '--list', 'ids'), masks)
        self.assertEqual(figures(*model), predictions)


if __name__ == '__main__':
    unittest.main()
