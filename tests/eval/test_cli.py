#!/usr/bin/python3
"""test_cli.py MSEG [unittest arguments]: mseg eval on masks that Pillow writes, against NumPy; mistakes; several processes."""
import csv
import hashlib
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import unittest

import numpy as np
from PIL import Image

import make_golden

MSEG = os.path.abspath(sys.argv.pop(1))
CLASSES = """# six classes
0 0 0 0 ground
1 200 0 0 red, "brick"
2 0 200 0 green
3 0 0 200 blue
4 90 90 90 gray
5 255 255 0 yellow
"""
COLOURS = np.zeros((256, 3), np.uint8)
COLOURS[:6] = [[0, 0, 0], [200, 0, 0], [0, 200, 0], [0, 0, 200], [90, 90, 90], [255, 255, 0]]
COLOURS[255] = [224, 224, 192]  # VOC's bit rule


def save_indexed(ids, path, bits=8):
    image = Image.fromarray(ids, 'P')
    image.putpalette(np.random.default_rng(1).integers(0, 256, 768, np.uint8).tobytes())  # never looked at
    image.save(path, bits=bits)


def save_gray(ids, path):
    Image.fromarray(ids, 'L').save(path)


def save_colours(ids, path):
    Image.fromarray(COLOURS[ids], 'RGB').save(path)


class Folder(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix='mseg-eval-')
        self.addCleanup(shutil.rmtree, self.folder)
        for name in ['gt', 'pred']:
            os.mkdir(self.path(name))
        self.write('classes.txt', CLASSES)

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, text):
        with open(self.path(name), 'w', newline='') as file:
            file.write(text)

    def read(self, name):
        with open(self.path(name)) as file:
            return file.read()

    def json(self, name='out.json'):
        return json.loads(self.read(name))

    def run_mseg(self, *args, stdin=None):
        done = subprocess.run([MSEG, *args], cwd=self.folder, capture_output=True, text=True, errors='backslashreplace', input=stdin,
                              env={**os.environ, 'LC_ALL': 'C'})
        self.assertNotIn('Sanitizer', done.stderr)
        return done

    def eval(self, *args, status=0, stdin=None):
        done = self.run_mseg('eval', '--gt', 'gt', '--pred', 'pred', '--classes', 'classes.txt', *args, stdin=stdin)
        self.assertEqual(done.returncode, status, done.stderr)
        return done

    def write_scenes(self, save=save_gray):
        scenes = [make_golden.scene(i) for i in range(len(make_golden.SIZES))]
        for i, (truth, prediction) in enumerate(scenes):
            save(truth, self.path(f'gt/s{i}.png'))
            save(prediction, self.path(f'pred/s{i}.png'))
        return scenes

    def check(self, report, scenes):
        parts = [make_golden.counts(*scene) for scene in scenes]
        matrix, edges = sum(p[0] for p in parts), sum(p[1] for p in parts)
        self.assertEqual(report['confusion_rows_are_ground_truth'], matrix.tolist())
        for key, value in make_golden.figures(matrix, edges).items():
            got = np.array(report[key], float)
            np.testing.assert_allclose(got, value, rtol=0, atol=1e-12, err_msg=key)
        self.assertEqual(report['images'], len(scenes))


class Formats(Folder):
    def test_kinds_of_files(self):
        for save in [save_gray, save_indexed, save_colours]:
            scenes = self.write_scenes(save)
            self.eval('--json', 'out.json')
            self.check(self.json(), scenes)

    def test_palette_of_few_bits(self):
        ids = np.arange(60, dtype=np.uint8).reshape(6, 10) % 6
        save_indexed(ids, self.path('gt/a.png'), bits=4)
        save_gray(ids, self.path('pred/a.png'))
        self.eval('--json', 'out.json')
        self.assertEqual(self.json()['miou'], 1)

    def test_unknown_colours(self):
        pixels = COLOURS[np.zeros((4, 5), np.uint8)]
        pixels[2, 3:] = [1, 2, 3]
        Image.fromarray(pixels).save(self.path('gt/a.png'))
        save_gray(np.zeros((4, 5), np.uint8), self.path('pred/a.png'))
        done = self.eval(status=1)
        self.assertIn('mseg: gt/a.png: colour 1,2,3 is not in the palette: x 3, y 2; 2 pixels of unknown colours\n', done.stderr)
        done = self.eval('--unknown-color', 'ignore', '--json', 'out.json')
        self.assertEqual(self.json()['pixels'], 18)
        self.assertEqual(self.json()['problems']['unknown_color_pixels'], 2)
        self.assertIn('2 pixels of unknown colours, ignored as asked\n', done.stdout)

    def test_colours_that_are_alike(self):
        """They matter only where they occur."""
        self.write('classes.txt', '0 1 1 1 a\n1 1 1 1 b\n2 5 6 7 c\n3 5 6 7 d\n4 9 9 1 e\n')
        Image.new('RGB', (2, 2), (9, 9, 1)).save(self.path('gt/a.png'))
        shutil.copy(self.path('gt/a.png'), self.path('pred/a.png'))
        self.eval('--json', 'out.json')
        self.assertEqual(self.json()['iou'], [None, None, None, None, 1])
        for colour, says in [((1, 1, 1), '1,1,1 is that of class 0 (a) and of class 1 (b)'),
                             ((5, 6, 7), '5,6,7 is that of class 2 (c) and of class 3 (d)')]:
            Image.new('RGB', (2, 2), colour).save(self.path('gt/a.png'))
            self.assertIn('gt/a.png: colour ' + says, self.eval(status=1).stderr)

    def test_maps(self):
        scenes = self.write_scenes()
        shift = {0: 7, 1: 11, 2: 12, 3: 13, 4: 14, 5: 15, 255: 0}
        for i, (truth, _) in enumerate(scenes):
            save_gray(np.vectorize(shift.get)(truth).astype(np.uint8), self.path(f'gt/s{i}.png'))
        self.write('map.txt', '# id class\n7 0\n11 1\n12 2 # green\n13 3\n14 4\n15 5\n0 ignore\n')
        self.eval('--map', 'map.txt', '--json', 'out.json')
        self.check(self.json(), scenes)
        self.write('map.txt', '7 0\n11 1\n12 2\n13 3\n* ignore\n')
        self.eval('--map', 'map.txt', '--json', 'out.json')
        self.check(self.json(), scenes)
        self.write('map.txt', '7 0\n11 1\n12 2\n0 ignore\n')
        self.assertIn('label 13 is not a class', self.eval('--map', 'map.txt', status=1).stderr)
        for text, says in [('7 6\n', "line 1: '6' is neither a class nor the ignore label"),
                           ('\n300 1\n', "line 2: '300' is neither an id from 0 to 255 nor *"), ('7\n', 'expected two words'),
                           ('7 1\n7 2\n', 'line 2: 7 is mapped twice')]:
            self.write('map.txt', text)
            self.assertIn('mseg: map.txt: ' + says if says.startswith('line') else says,
                          self.eval('--map', 'map.txt', status=2).stderr)

    def test_another_ignore_label(self):
        ids = np.array([[0, 1, 9, 9]], np.uint8)
        save_gray(ids, self.path('gt/a.png'))
        save_gray(np.array([[0, 1, 2, 9]], np.uint8), self.path('pred/a.png'))
        self.eval('--ignore', '9', '--json', 'out.json')
        self.assertEqual((self.json()['miou'], self.json()['pixels']), (1, 2))
        self.assertIn('gt/a.png: label 9 is not a class: 2 pixels, the first at x 2, y 0',
                      self.eval('--ignore', '-1', status=1).stderr)


class Output(Folder):
    def test_table(self):
        save_gray(np.array([[0, 0, 1, 1], [0, 0, 3, 255]], np.uint8), self.path('gt/a.png'))
        save_gray(np.array([[0, 2, 1, 1], [0, 0, 3, 3]], np.uint8), self.path('pred/a.png'))
        self.assertEqual(self.eval('--csv', 'out.csv').stdout, '''\
class            IoU                        Dice precision  recall boundary          pixels
ground         75.00 ###############       85.71    100.00   75.00    75.00               4
red, "brick"  100.00 #################### 100.00    100.00  100.00   100.00               2
green           0.00                        0.00      0.00       -     0.00               0
blue          100.00 #################### 100.00    100.00  100.00   100.00               1
gray               -                           -         -       -        -               0
yellow             -                           -         -       -        -               0

mIOU                      68.75 %  over 4 of 6 classes
mean Dice (F1)            71.43 %
pixel accuracy            85.71 %
mean accuracy             91.67 %
frequency-weighted IoU    85.71 %
boundary IoU              68.75 %
per-image mIOU            68.75 %  mean over images

1 image scored, 7 pixels
1 pixel (12.5 %) of the ground truth ignored
''')
        rows = list(csv.DictReader(self.read('out.csv').splitlines()))
        self.assertEqual([row['class'] for row in rows], ['ground', 'red, "brick"', 'green', 'blue', 'gray', 'yellow', '(ignored)'])
        self.assertEqual([row['iou'] for row in rows], ['0.75', '1', '0', '1', '', '', ''])
        self.assertEqual([row['dice'] for row in rows][1:4], ['1', '0', '1'])
        self.assertEqual([row['ground_truth_pixels'] for row in rows], list('4201001'))

    def test_summary_line(self):
        save_gray(np.zeros((2, 2), np.uint8), self.path('gt/a.png'))
        save_gray(np.zeros((2, 2), np.uint8), self.path('pred/a.png'))
        self.assertRegex(self.eval('-j', '1').stderr, r'\Ajudged 1 image in [0-9]+\.[0-9]{2} s on 1 thread, [0-9]+ images/s\n\Z')
        images = len(self.write_scenes()) + 1
        self.assertRegex(self.eval('-j', '2').stderr, rf'\Ajudged {images} images in [0-9]+\.[0-9]{{2}} s on 2 threads, [0-9]+ images/s\n\Z')
        self.assertEqual(self.eval('-q').stderr, '')

    def test_json_to_stdout(self):
        self.write_scenes()
        self.eval('--json', 'out.json')
        self.assertEqual(self.eval('-q', '--json', '-').stdout.replace('-q --json -', '--json out.json'), self.read('out.json'))

    def test_threads_change_nothing(self):
        self.write_scenes()
        reports = []
        for jobs in ['1', '2', '5']:
            self.eval('-j', jobs, '--save-counts', 'x.counts', '--json', 'out.json')
            reports.append((self.read('x.counts'), {**self.json(), 'command': ''}))
        self.assertEqual(reports[0], reports[1])
        self.assertEqual(reports[0], reports[2])


class Mistakes(Folder):
    def setUp(self):
        super().setUp()
        self.scenes = self.write_scenes()

    def test_sizes(self):
        save_gray(np.zeros((3, 5), np.uint8), self.path('pred/s0.png'))
        done = self.eval('--json', 'out.json', status=1)
        self.assertIn('mseg: s0: the prediction is 5x3, the ground truth 61x44\n', done.stderr)
        self.assertIn('1 images not scored (damaged, of another size, stray labels)\n', done.stdout)
        self.check(self.json(), self.scenes[1:])

    def test_stray_labels(self):
        for side in ['gt', 'pred']:
            stray = self.scenes[2][0].copy()
            stray[7:9, 0] = 77
            save_gray(stray, self.path(f'{side}/s2.png'))
            done = self.eval('--json', 'out.json', status=1)
            self.assertIn(f'mseg: {side}/s2.png: label 77 is not a class: 2 pixels, the first at x 0, y 7\n', done.stderr)
            self.check(self.json(), self.scenes[:2] + self.scenes[3:])
            self.write_scenes()

    def test_damaged_file(self):
        with open(self.path('pred/s5.png'), 'r+b') as file:
            file.truncate(200)
        self.assertIn('mseg: pred/s5.png: ', self.eval('--json', 'out.json', status=1).stderr)
        self.check(self.json(), self.scenes[:5])

    def test_missing_prediction(self):
        os.unlink(self.path('pred/s0.png'))
        done = self.eval('--json', 'out.json', status=1)
        self.assertEqual(done.stderr.splitlines()[0], 'mseg: pred/s0.png: no prediction')
        self.assertEqual((self.json()['problems']['missing'], self.json()['problems']['failed']), (1, 0))
        self.check(self.json(), self.scenes[1:])
        done = self.eval('--json', 'out.json', '--missing', 'ignore')
        self.assertIn('1 images left out for want of a prediction, as asked', done.stdout)
        self.check(self.json(), self.scenes[1:])
        self.eval('--json', 'out.json', '--missing', 'background')
        self.assertEqual(self.json()['problems']['missing_background'], 1)
        truth = self.scenes[0][0]
        self.check(self.json(), [(truth, np.zeros_like(truth))] + self.scenes[1:])

    def test_missing_ground_truth(self):
        os.unlink(self.path('gt/s0.png'))
        self.write('list', ''.join(f's{i}\n' for i in range(6)))
        self.assertIn('mseg: gt/s0.png: ', self.eval('--list', 'list', '--json', 'out.json', status=1).stderr)
        self.check(self.json(), self.scenes[1:])

    def test_lists(self):
        self.write('list', 's0\ns1\ns0\ns2.png\n')
        done = self.eval('--list', 'list', '--json', 'out.json', status=1)
        self.assertIn('mseg: list: line 3 repeats line 1: s0\n', done.stderr)
        self.check(self.json(), self.scenes[:3])
        self.write('list', 's0\r\n\n  \ns1 \n\r\n')
        done = self.eval('--list', 'list', '--json', 'out.json', status=1)
        self.assertIn('mseg: list: 3 blank lines\n', done.stderr)
        self.assertIn('mseg: list: 2 lines with Windows line ends\n', done.stderr)
        self.assertIn('3 blank lines of the list, skipped\n', done.stdout)
        self.check(self.json(), self.scenes[:2])
        self.eval('--list', '-', '--json', 'out.json', stdin='s2\ns1')
        self.check(self.json(), self.scenes[1:3])
        self.write('list', '\n\n')
        self.assertIn('list: the list is empty', self.eval('--list', 'list', status=2).stderr)

    def test_usage(self):
        for args, says in [([], 'no ground truth'), (['--gt', 'gt'], 'nothing to judge'),
                           (['--gt', 'gt', '--pred', 'pred', '-m', 'x'], 'give one of them'), (['--merge'], 'needs counts files'),
                           (['--gt', 'gt', '--pred', 'pred', 'x'], "unexpected 'x'"),
                           (['--gt', 'gt', '--pred', 'pred', '--shard', '3/2'], '--shard takes I/N'),
                           (['--gt', 'gt', '--pred', 'pred', '--classes', 'none'], 'none: '),
                           (['--gt', 'none', '--pred', 'pred'], 'none: '),
                           (['--gt', 'gt', '--pred', 'pred', '--html', 'no/folder'], 'no/folder: '),
                           (['--gt', 'gt', '--pred', 'pred', '--save-counts', 'gt'], 'gt: is a folder')]:
            done = self.run_mseg('eval', *args)
            self.assertEqual(done.returncode, 2, (args, done.stderr))
            self.assertEqual(len(done.stderr.splitlines()), 1)
            self.assertIn(says, done.stderr)

    def test_device_is_not_replaced(self):
        self.eval('--json', '/dev/null')
        self.assertFalse(os.path.isfile('/dev/null'))

    def test_model_and_classes_disagree(self):
        model = os.path.join(os.path.dirname(os.path.abspath(__file__)), '../weights/data/uint8.tflite')  # 6 classes
        done = self.run_mseg('eval', '--gt', 'gt', '--images', 'gt', '-m', model, '--size', '65')
        self.assertEqual(done.returncode, 2)
        self.assertIn('the model has 6 classes, --classes voc has 21', done.stderr)

    def test_counts_of_two_models_of_one_name_are_not_added(self):
        """The second file differs in one bit of its data."""
        original = os.path.join(os.path.dirname(os.path.abspath(__file__)), '../weights/data/float16.tflite')
        with open(original, 'rb') as file:
            data = bytearray(file.read())
        os.makedirs(self.path('a'))
        os.makedirs(self.path('b'))
        for folder, flip in [('a', 0), ('b', 1)]:
            data[-200] ^= flip
            with open(self.path(f'{folder}/m.tflite'), 'wb') as file:
                file.write(data)
            save_gray(np.full((9, 9), 1, np.uint8), self.path(f'gt/{folder}.png'))
            self.write('list', folder)
            done = self.run_mseg('eval', '--gt', 'gt', '--images', 'gt', '--list', 'list', '--classes', 'classes.txt', '-q', '-m',
                                 f'{folder}/m.tflite', '--size', '65', '--save-counts', f'{folder}.counts')
            self.assertEqual((done.returncode, done.stderr), (0, ''))
            digest = hashlib.sha256(data).hexdigest()
            self.assertIn(f'model: m\\nmodel sha256: {digest}\\n', self.read(f'{folder}.counts'))
        done = self.run_mseg('eval', '--merge', 'a.counts', 'b.counts')
        self.assertEqual(done.returncode, 2)
        self.assertIn('sha256', done.stderr)


class Parts(Folder):
    def setUp(self):
        super().setUp()
        self.scenes = self.write_scenes()
        self.ids = [f's{i}' for i in range(6)]
        self.write('list', '\n'.join(self.ids + ['']))
        self.eval('--list', 'list', '--json', 'whole.json', '--save-counts', 'whole.counts')

    def same_as_whole(self, *parts, status=0):
        done = self.run_mseg('eval', '--merge', *parts, '--classes', 'classes.txt', '--json', 'sum.json', '--save-counts', 'sum.counts')
        self.assertEqual(done.returncode, status, done.stderr)
        self.assertEqual(self.read('sum.counts'), self.read('whole.counts'))
        self.assertEqual({**self.json('sum.json'), 'command': ''}, {**self.json('whole.json'), 'command': ''})

    def test_shards(self):
        for n in [1, 2, 3, 7]:
            parts = [f'{i}.counts' for i in range(1, n + 1)]
            for i, part in enumerate(parts, 1):
                with open(self.path('list')) as pipe:  # a pipe, read once
                    self.eval('--list', '/dev/stdin', '--shard', f'{i}/{n}', '--save-counts', part, '-q', stdin=pipe.read())
            random.Random(n).shuffle(parts)
            self.same_as_whole(*parts)
        self.eval('--shard', '2/3', '--list', 'list', '--json', 'out.json')
        self.assertEqual([image['id'] for image in self.json()['per_image']], ['s1', 's4'])

    def test_any_split(self):
        for seed in range(4):
            share = [random.Random(seed * 100 + i).randrange(3) for i in range(6)]
            for part in set(share):
                self.write('part', '\n'.join(id for id, p in zip(self.ids, share) if p == part))
                self.eval('--list', 'part', '--save-counts', f'{part}.counts', '-q')
            self.same_as_whole(*[f'{part}.counts' for part in set(share)])

    def test_mistakes_add_up(self):
        os.unlink(self.path('pred/s0.png'))
        self.write('list', 's0\ns1\n\ns1\n')
        self.eval('--list', 'list', '--json', 'whole.json', '--save-counts', 'whole.counts', status=1)
        for i in '123':
            self.run_mseg('eval', '--gt', 'gt', '--pred', 'pred', '--classes', 'classes.txt', '--list', 'list', '--shard', i + '/3',
                          '--save-counts', i + '.counts')
        self.same_as_whole('1.counts', '2.counts', '3.counts', status=1)
        self.assertEqual([self.json('sum.json')['problems'][key] for key in ['missing', 'duplicates', 'blank_lines']], [1, 1, 1])

    def test_an_image_twice(self):
        self.write('part', 's3\n')
        self.eval('--list', 'part', '--save-counts', 'part.counts', '-q')
        done = self.run_mseg('eval', '--merge', 'whole.counts', 'part.counts')
        self.assertEqual((done.returncode, done.stderr), (2, 'mseg: image s3 is in both whole.counts and part.counts\n'))

    def test_other_classes_and_settings(self):
        self.eval('--save-counts', 'part.counts', '--missing', 'ignore', '-q')
        done = self.run_mseg('eval', '--merge', 'whole.counts', 'part.counts')
        self.assertEqual(done.returncode, 2)
        self.assertIn("part.counts: made with other settings: 'missing predictions: ignore'", done.stderr)
        self.write('classes.txt', CLASSES.replace('green', 'verdant'))
        self.eval('--save-counts', 'part.counts', '-q')
        self.assertIn("part.counts: class 2 is 'verdant' in it", self.run_mseg('eval', '--merge', 'whole.counts', 'part.counts').stderr)
        done = self.run_mseg('eval', '--merge', 'whole.counts', '--classes', 'voc')
        self.assertIn('--classes voc are not the classes of the counts', done.stderr)

    def test_gnu_parallel(self):
        if not shutil.which('parallel'):
            print('SKIP: GNU parallel is not installed: several processes at once are NOT tested', flush=True)
            self.skipTest('no parallel')
        command = [MSEG, *'eval --gt gt --pred pred --classes classes.txt --list list -q -j 1 --shard {}/4 --save-counts {}.counts'.split()]
        subprocess.run(['parallel', '--will-cite', '-j', '4', *command, ':::', *'1234'], cwd=self.folder, check=True)
        self.same_as_whole(*[f'{i}.counts' for i in range(1, 5)])


if __name__ == '__main__':
    unittest.main()
