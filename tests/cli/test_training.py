#!/usr/bin/python3
"""test_training.py MSEG: what 'mseg train' takes, tells and writes, on photos drawn here, and how it is stopped and goes on. What it
learns tests/train has."""
import base64
import html.parser
import io
import json
import os
import pty
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

from PIL import Image

import shapes

MSEG = os.path.abspath(sys.argv.pop(1))
TINY = os.path.join(os.path.dirname(os.path.abspath(__file__)), '../weights/data/uint8.tflite')  # of six classes without names
ENVIRONMENT = {key: value for key, value in os.environ.items() if key != 'MSEG_MODEL'} | {'LC_ALL': 'C'}
SMALL = ['--size', '17', '--batch', '2', '-j1']  # threads wait for each other where others work, too
TO_MASKS = ['--classes', 'c', '-m', TINY, *SMALL]
PAIRS = ['--images', 'im', '--masks', 'ma', *TO_MASKS]


class Folder(unittest.TestCase):
    """A folder with all kinds of photos, and a new one for what a test makes."""
    @classmethod
    def setUpClass(cls):
        cls.temp = tempfile.TemporaryDirectory()
        cls.folder = cls.temp.name
        os.chdir(cls.folder)
        shapes.pairs('im', 'ma', range(12))
        shapes.pairs('val-im', 'val-ma', range(20, 24))
        shapes.devkit('voc', {'train': range(8), 'val': range(8, 11), 'few': range(3)})
        shapes.folders('kinds', {'zebra': 5, 'ant': 6, 'cow': 4})
        with open('c', 'w', encoding='utf-8') as out:
            out.write(shapes.CLASSES)

    @classmethod
    def tearDownClass(cls):
        os.chdir('/')
        cls.temp.cleanup()

    def setUp(self):
        shutil.rmtree('out', ignore_errors=True)
        os.mkdir('out')

    def train(self, *args, status=0, out='out/x.tflite'):
        done = subprocess.run([MSEG, 'train', *args, '-o', out], capture_output=True, text=True, env=ENVIRONMENT)
        self.assertEqual(done.returncode, status, done.stderr)
        return done

    def events(self, *args, status=0):
        """The events of --json, by kind, and what was said."""
        done = self.train('--json', *args, status=status)
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        return {kind: [line for line in lines if line['event'] == kind] for kind in
                ('start', 'step', 'validation', 'end', 'stopped', 'failed')}, done.stderr


class Data(Folder):
    def numbers(self, *args, status=0):
        events, said = self.events(*args, '--steps', '1', status=status)
        start, = events['start']
        self.assertEqual([event['photos'] for event in events['validation']], [start['validation']] if start['validation'] else [])
        return start['train'], start['validation'], said

    def test_pairs(self):
        events, said = self.events(*PAIRS, '--steps', '1')
        start, = events['start']
        self.assertEqual((start['classes'], start['train'], start['validation']), (shapes.NAMES, 11, 1))
        self.assertEqual((start['size'], start['batch'], start['steps']), (17, 2, 1))
        self.assertIn('held out 1 of 12 photos to validate with', said)

    def test_holdout(self):
        for percent, held in [('0', 0), ('1', 1), ('25', 3), ('50', 6), ('90', 10)]:
            with self.subTest(percent):
                train, validation, said = self.numbers(*PAIRS, '-y', '--holdout', percent)
                self.assertEqual((train, validation), (12 - held, held))
                self.assertEqual(f'held out {held} of 12' in said, held > 0)

    def test_one_photo_is_not_held_out(self):
        shapes.pairs('out/im', 'out/ma', range(1))
        train, validation, said = self.numbers('--images', 'out/im', '--masks', 'out/ma', *TO_MASKS)
        self.assertEqual((train, validation), (1, 0))
        self.assertIn('without validation', said)

    def test_validation_folders(self):
        train, validation, said = self.numbers(*PAIRS, '--val-images', 'val-im', '--val-masks', 'val-ma')
        self.assertEqual((train, validation), (12, 4))
        self.assertNotIn('held out', said)
        self.assertNotIn('trained on as well', said)

    def test_validated_with_what_is_trained_on(self):
        said = self.numbers(*PAIRS, '--val-images', 'im', '--val-masks', 'ma')[2]
        self.assertIn('mseg: warning: 12 of the 12 photos to validate with are trained on as well', said)

    def test_voc(self):
        for args, expected in [([], (8, 3)), (['--split', 'few'], (3, 3)), (['--val', 'few'], (8, 3)), (['--holdout', '25'], (6, 2)),
                               (['--holdout', '0'], (8, 0))]:
            with self.subTest(args):
                self.assertEqual(self.numbers('--voc', 'voc', *TO_MASKS, '-y', *args)[:2], expected)

    def test_lists_are_not_replaced(self):
        for name in ('train', 'val'):
            path = f'voc/ImageSets/Segmentation/{name}.txt'
            said = self.train('--voc', 'voc', *TO_MASKS, '--steps', '1', '--html', path, status=2).stderr
            self.assertIn(f'mseg: {path}: --html would replace the input {path}', said)

    def test_devkit_without_val(self):
        shapes.devkit('out/voc', {'train': range(6)})
        done = self.train('--voc', 'out/voc', *TO_MASKS, '--steps', '1', status=2)
        self.assertEqual(done.stderr, 'mseg: out/voc/ImageSets/Segmentation/val.txt: no such list; --val names another one, --holdout 10 '
                                      'takes photos of the training\n')
        self.assertEqual(self.numbers('--voc', 'out/voc', *TO_MASKS, '--holdout', '10')[:2], (5, 1))

    def test_damaged_photos_to_validate_with(self):
        shapes.pairs('out/im', 'out/ma', range(30, 34))
        with open('out/im/p032.jpg', 'r+b') as file:
            file.truncate(300)
        events, _ = self.events(*PAIRS, '--val-images', 'out/im', '--val-masks', 'out/ma', '--steps', '1', status=1)
        self.assertEqual(events['validation'][0]['photos'], 3)

    def test_mistakes_of_lists(self):
        with open('voc/ImageSets/Segmentation/twice.txt', 'w', encoding='utf-8') as out:
            out.write('p001\np002\np001\n')
        train, _, said = self.numbers('--voc', 'voc', '--split', 'twice', *TO_MASKS, status=1)
        self.assertEqual(train, 2)
        self.assertIn('twice.txt: line 3 repeats line 1: p001', said)

    def test_photos_without_masks(self):
        shapes.pairs('out/im', 'out/ma', range(5))
        os.remove('out/ma/p003.png')
        train, validation, said = self.numbers('--images', 'out/im', '--masks', 'out/ma', *TO_MASKS, '--holdout', '0')
        self.assertEqual((train, validation), (4, 0))
        self.assertIn('mseg: out/im: 1 of its 5 photos have no mask in out/ma and are not used', said)

    def test_subfolders_and_suffixes(self):
        shapes.pairs('out/im/town', 'out/ma/town', range(4))
        for i in range(4):
            os.rename(f'out/im/town/p{i:03d}.jpg', f'out/im/town/p{i:03d}_photo.jpg')
            os.rename(f'out/ma/town/p{i:03d}.png', f'out/ma/town/p{i:03d}_ids.png')
        self.assertEqual(self.numbers('--images', 'out/im', '--masks', 'out/ma', '-r', '--image-suffix', '_photo', '--mask-suffix', '_ids',
                                      '--holdout', '0', *TO_MASKS)[:2], (4, 0))

    def test_damaged_photos_are_left_out(self):
        shapes.pairs('out/im', 'out/ma', range(5))
        with open('out/im/p002.jpg', 'r+b') as file:
            file.truncate(300)
        events, said = self.events('--images', 'out/im', '--masks', 'out/ma', *TO_MASKS, '--holdout', '0', '--steps', '1', status=1)
        self.assertIn('mseg: out/im/p002.jpg: ', said)
        self.assertEqual(events['end'][0]['left_out'], 1)
        self.assertTrue(os.path.exists('out/x.tflite'))

    def test_masks_that_are_no_classes(self):
        shapes.pairs('out/im', 'out/ma', range(3))
        mask = Image.open('out/ma/p001.png')
        mask.putpixel((3, 4), 77)
        mask.save('out/ma/p001.png')
        done = self.train('--images', 'out/im', '--masks', 'out/ma', *TO_MASKS, '--steps', '1', status=2)
        self.assertIn('77', done.stderr)
        self.assertEqual(sorted(os.listdir('out')), ['im', 'ma'])
        with open('out/map', 'w', encoding='utf-8') as out:
            out.write('77 ignore\n0 0\n1 1\n2 2\n')
        self.train('--images', 'out/im', '--masks', 'out/ma', *TO_MASKS, '--steps', '1', '--map', 'out/map')

    def test_teacher(self):
        with open('out/six', 'w', encoding='utf-8') as out:
            out.writelines(f'{i} {i} 0 0 thing {i}\n' for i in range(6))
        train, validation, _ = self.numbers('--images', 'im', '--teacher', TINY, '-m', TINY, '--classes', 'out/six', *SMALL)
        self.assertEqual((train, validation), (11, 1))
        start, = self.events('--images', 'im', '--teacher', 'builtin', '--arch', 'mnv2:0.1', *SMALL, '--steps', '1', '-y')[0]['start']
        self.assertEqual((len(start['classes']), start['classes'][20]), (21, 'tvmonitor'))

    def test_folders(self):
        events, _ = self.events('--folders', 'kinds', '--arch', 'mnv2:0.1', *SMALL, '--steps', '2', '--holdout', '20')
        start, = events['start']
        self.assertEqual((start['classes'], start['train'], start['validation']), (['ant', 'cow', 'zebra'], 12, 3))
        end, = events['end']
        self.assertEqual([item['name'] for item in end['classes']], ['ant', 'cow', 'zebra'])
        self.assertTrue(0 <= end['accuracy'] <= 1)
        self.assertNotIn('miou', end)

    def test_folders_from_a_classifier(self):
        """Of another number of classes."""
        done = self.train('--folders', 'kinds', '-m', TINY.replace('uint8', 'dense'), *SMALL, '--steps', '2', '--holdout', '20')
        self.assertEqual([line.split()[0] for line in done.stdout.splitlines()[:4]], ['class', 'ant', 'cow', 'zebra'])
        self.assertRegex(done.stdout, r'\naccuracy [0-9.]+ %, mean over classes [0-9.]+ %\n$')
        named = subprocess.run([MSEG, 'classify', '-m', 'out/x.tflite', 'kinds/cow/00.jpg'], capture_output=True, text=True, check=True,
                               env=ENVIRONMENT)
        self.assertEqual(sorted(line.split()[-1] for line in named.stdout.splitlines()[1:]), ['ant', 'cow', 'zebra'])

    def test_folders_that_no_model_can_name(self):
        for name in (b'caf\xe9', b'two\nlines'):
            with self.subTest(name):
                for folder, photos in ((name, b'ant'), (b'zebra', b'zebra')):
                    shutil.copytree(os.path.join(b'kinds', photos), os.path.join(b'out/kinds', folder))
                done = subprocess.run([MSEG, 'train', '--folders', 'out/kinds', '--arch', 'mnv2:0.1', *SMALL, '--steps', '1', '-o',
                                       'out/x.tflite'], capture_output=True, env=ENVIRONMENT)
                self.assertEqual(done.returncode, 2)
                self.assertRegex(done.stderr, rb"\nmseg: train: class [01] is called '.*', which no model file can hold: names are [^\n]+\n$")
                self.assertEqual(os.listdir('out'), ['kinds'])
                shutil.rmtree('out/kinds')

    def test_folders_without_photos_to_validate_with(self):
        said = self.train('--folders', 'kinds', '--val-folders', 'val-im', '--arch', 'mnv2:0.35', *SMALL, '--steps', '1', status=2).stderr
        self.assertIn('mseg: val-im: no photo to validate with; it takes a folder for each class, as --folders\n', said)

    def test_folders_and_a_model_in_the_environment(self):
        said = subprocess.run([MSEG, 'train', '--folders', 'kinds', '-o', 'out/x.tflite'], capture_output=True, text=True,
                              env=ENVIRONMENT | {'MSEG_MODEL': 'none'}).stderr
        self.assertIn('mseg: no model: none is not in ', said)

    def test_classes_in_another_order_than_the_teachers(self):
        self.train(*PAIRS, '--steps', '1', out='out/teacher.tflite')
        lines = shapes.CLASSES.splitlines()
        ids, names = zip(*(line.split(' ', 1) for line in lines))
        with open('out/turned', 'w', encoding='utf-8') as out:
            out.writelines(f'{number} {name}\n' for number, name in zip(ids, names[1:] + names[:1]))
        said = self.train('--images', 'im', '--teacher', 'out/teacher.tflite', '--classes', 'out/turned', *SMALL, '--steps', '1',
                          status=2).stderr
        self.assertRegex(said, 'mseg: train: the teacher out/teacher.tflite: its class 0 is .*, which is class [1-9]+ of the list')

    def test_folders_to_validate_with(self):
        shapes.folders('out/val', {'cow': 2})
        args = ['--folders', 'kinds', '--val-folders', 'out/val', '--arch', 'mnv2:0.1', *SMALL, '--steps', '1']
        start, = self.events(*args)[0]['start']
        self.assertEqual((start['train'], start['validation']), (15, 2))
        os.mkdir('out/val/horse')
        self.assertIn('mseg: out/val/horse: kinds has no class of that name', self.train('-y', *args, status=2).stderr)


class Told(Folder):
    def test_events(self):
        events, _ = self.events(*PAIRS, '--steps', '10', '--val-every', '4', '--holdout', '25')
        self.assertEqual([event['step'] for event in events['step']], list(range(1, 11)))
        self.assertEqual([event['step'] for event in events['validation']], [4, 8, 10])
        end, = events['end']
        for event in events['validation'] + [end]:
            self.assertEqual([item['name'] for item in event['classes']], shapes.NAMES)
            values = [item['iou'] for item in event['classes'] if item['iou'] is not None]
            self.assertAlmostEqual(event['miou'], sum(values) / len(values))
        self.assertEqual((end['step'], end['output'], end['left_out']), (10, 'out/x.tflite', 0))
        self.assertEqual(end['miou'], events['validation'][-1]['miou'])
        self.assertEqual(end['bytes'], os.path.getsize('out/x.tflite'))
        self.assertGreater(end['share_of_peak'], 0)
        losses = [event['loss'] for event in events['step']]
        for event, first in zip(events['validation'], (0, 4, 8)):
            mean = losses[first:event['step']]
            self.assertAlmostEqual(event['loss'], sum(mean) / len(mean))

    def test_memory_of_photos(self):
        """Photos and masks are kept no larger than the crops' side times the largest scale."""
        for most, kept in [('4', shapes.WIDTH * shapes.HEIGHT), ('1', 17 * round(17 * shapes.HEIGHT / shapes.WIDTH))]:
            events, _ = self.events(*PAIRS, '-y', '--steps', '1', '--size', '17', '--scales', f'1,{most}', '--holdout', '25')
            self.assertEqual(events['start'][0]['photo_bytes'], 9 * kept * 4)

    def test_many_steps(self):
        events, _ = self.events(*PAIRS, '--steps', '250', '--val-every', '1000')
        self.assertEqual(len(events['step']), 100)
        self.assertEqual(len(events['validation']), 1)

    def test_lines(self):
        done = self.train(*PAIRS, '--steps', '6', '--val-every', '3', '--holdout', '25')
        table = done.stdout.splitlines()
        self.assertEqual(table[0].split(), ['class', 'IoU', 'Dice', 'precision', 'recall', 'boundary', 'pixels'])
        self.assertEqual([line.split()[0] for line in table[1:4]], shapes.NAMES)
        self.assertRegex(done.stdout, r'\nmIOU +[0-9.]+ %  over 3 of 3 classes\n')
        said = done.stderr.splitlines()
        self.assertIn('held out 3 of 12', said[0])
        said = [line for line in said[1:] if not line.startswith('mseg: ')]
        self.assertRegex(said[0], r'^training uint8 \(MobileNetV2 [0-9.]+\), 3 classes, on 9 photos, validated with 3 others; '
                                  r'17 x 17, batch 2, 6 steps$')
        self.assertRegex(said[1], r'^memory: [0-9.]+ [MG]B a sample, [0-9.]+ [MG]B in all, and [0-9.]+ [MG]B of photos that are kept$')
        steps = [line for line in said if line.startswith('step ')]
        self.assertEqual([line.split('  ')[0] for line in steps], ['step 3/6', 'step 6/6'])
        self.assertRegex(steps[0], r'  epoch 0\.7  loss [0-9.e+-]+  mIOU [0-9.]+ %  [0-9.]+ samples/s  ETA 0:00:[0-9]{2}$')
        self.assertRegex(said[-2], r'^trained 6 steps, 1\.3 epochs, in 0:0[0-9]:[0-9]{2}: [0-9.]+ samples/s, [0-9.]+ % of the FMA peak$')
        self.assertEqual(said[-1], f'wrote out/x.tflite: {os.path.getsize("out/x.tflite")} bytes')

    def test_quiet(self):
        done = self.train('-q', *PAIRS, '--steps', '60')
        self.assertEqual(done.stdout, '')
        self.assertEqual([line for line in done.stderr.splitlines() if not line.startswith('mseg: ')], [])

    def test_quiet_about_what_is_all_right(self):
        """Warnings are still shown: a photo of one colour."""
        shapes.pairs('out/im', 'out/ma', range(3))
        with Image.open('out/im/p001.jpg') as photo:
            size = photo.size
        Image.new('RGB', size, (7, 8, 9)).save('out/im/p001.jpg', quality=100)
        how = ['--images', 'out/im', '--masks', 'out/ma', *TO_MASKS, '--steps', '1', '--freeze', 'backbone', '-y']
        loud, quiet = self.train(*how).stderr, self.train('-q', *how).stderr
        for note in ('the backbone is frozen', 'a new classifier'):
            self.assertIn(note, loud)
            self.assertNotIn(note, quiet)
        for said in loud, quiet:
            self.assertIn('all over: is it the right file?', said)

    def test_terminal(self):
        ours, theirs = pty.openpty()
        with subprocess.Popen([MSEG, 'train', *PAIRS, '--steps', '80', '-o', 'out/x.tflite'], stdout=subprocess.DEVNULL, stderr=theirs,
                              env=ENVIRONMENT) as process:
            os.close(theirs)
            said = b''
            try:
                while part := os.read(ours, 4096):
                    said += part
            except OSError:  # the other side is closed
                pass
        os.close(ours)
        self.assertEqual(process.returncode, 0)
        drawn = said.decode().split('\r')
        lines = [part for part in drawn if part.startswith('step ')]
        self.assertGreater(len(lines), 1)
        for line in lines:
            self.assertRegex(line, r'^step [0-9]+/80  epoch [0-9.]+  loss .*\x1b\[K$')
        self.assertIn('\x1b[K', {part[:3] for part in drawn[drawn.index(lines[-1]) + 1:]})  # wiped in the end
        self.assertNotRegex(said.decode(), r'\nstep ')

    def test_everything_is_one_class(self):
        os.makedirs('out/ma')
        for i in range(12):
            Image.new('L', (shapes.WIDTH, shapes.HEIGHT), 0).save(f'out/ma/p{i:03d}.png')
        mask = Image.open('out/ma/p011.png')
        mask.putpixel((25, 20), 1)
        mask.save('out/ma/p011.png')
        done = self.train('--images', 'im', '--masks', 'out/ma', *TO_MASKS, '--steps', '60', '--val-every', '1', '--equal-classes',
                          '--holdout', '50')
        self.assertIn("mseg: warning: the validation is 'ground' everywhere", done.stderr)

    def test_an_earlier_validation_was_better(self):
        """What is trained is another class than what is validated with, which the model knows."""
        for folder, label in [('out/ma', 15), ('out/val', 0)]:
            os.mkdir(folder)
            for i in range(12):
                Image.new('L', (shapes.WIDTH, shapes.HEIGHT), label).save(f'{folder}/p{i:03d}.png')
        done = self.train('--images', 'im', '--masks', 'out/ma', '--val-images', 'im', '--val-masks', 'out/val', *SMALL, '-m', 'builtin',
                          '--freeze', 'backbone', '--steps', '80', '--val-every', '1', '--lr', '0.01', '--ema', '0')
        best, step, points = re.search(r'mseg: warning: mIOU was ([0-9.]+) % at step ([0-9]+), ([0-9.]+) points more than at the end',
                                       done.stderr).groups()
        lines = [line for line in done.stderr.splitlines() if line.startswith('step ')]
        figures = [float(re.search('mIOU ([0-9.]+) %', line).group(1)) for line in lines]
        self.assertEqual((max(figures), figures.index(max(figures)) + 1), (float(best), int(step)))
        self.assertAlmostEqual(max(figures) - figures[-1], float(points), delta=0.011)

    def test_recipe(self):
        paper = ['--recipe', 'paper', '-y']
        masks = ['--images', 'im', '--masks', 'ma', '--classes', 'c', '-m', TINY, '--holdout', '0', *paper]
        kinds = ['--folders', 'kinds', '--arch', 'mnv2:0.1', '--holdout', '0', *paper]
        for args, expected in [
                (masks, {'optimizer': 'rmsprop', 'schedule': 'poly', 'learning_rate': 0.007, 'weight_decay': 4e-5, 'momentum': 0.9,
                         'warmup': 0, 'batch': 12}),
                (masks + ['--optimizer', 'sgd', '--lr', '0.1', '--batch', '3', '--schedule', 'constant', '--momentum', '0.5', '--warmup',
                          '2', '--weight-decay', '0'],
                 {'optimizer': 'sgd', 'schedule': 'constant', 'learning_rate': 0.1, 'weight_decay': 0, 'momentum': 0.5, 'warmup': 2,
                  'batch': 3}),
                (kinds, {'optimizer': 'rmsprop', 'schedule': 'exponential', 'learning_rate': 0.045 * 15 / 96, 'batch': 15}),
                (kinds + ['--batch', '4'], {'learning_rate': 0.045 * 4 / 96, 'batch': 4}),
                (masks[:10], {'optimizer': 'adamw', 'schedule': 'cosine', 'learning_rate': None, 'batch': 12})]:
            with self.subTest(args):
                start, = self.events('-y', *args, '--steps', '1', '--size', '17')[0]['start']
                self.assertEqual({key: start[key] for key in expected}, expected)

    def test_loss_that_is_no_number(self):
        """A decay of 10 at rate 1000 makes every weight -9999 times as large at each step."""
        events, said = self.events(*PAIRS, '--steps', '40', '--optimizer', 'sgd', '--lr', '1000', '--weight-decay', '10', '--warmup', '0',
                                   '--checkpoint-every', '0', status=2)
        self.assertRegex(said, r'mseg: stopped at step [0-9]+: .*; a smaller --lr helps')
        self.assertRegex(said, r'mseg: out/x.tflite.checkpoint: is as of step [0-9]+, before that')
        self.assertEqual(os.listdir('out'), ['x.tflite.checkpoint'])
        self.assertEqual((len(events['failed']), events['end']), (1, []))

    def test_kernels(self):
        """MSEG_CPU chooses them as for every command: in other kernels a checkpoint is another training's."""
        environment = dict(ENVIRONMENT, MSEG_CPU='nonsense')
        command = [MSEG, 'train', *PAIRS, '--steps', '2', '-o', 'out/x.tflite']
        done = subprocess.run(command, capture_output=True, text=True, env=environment)
        self.assertEqual(done.returncode, 2)
        self.assertIn("no kernel set is called 'nonsense'", done.stderr)
        environment['MSEG_CPU'] = 'scalar'
        done = subprocess.run([*command, '--precision', 'bf16'], capture_output=True, text=True, env=environment)
        self.assertEqual(done.returncode, 2)
        self.assertIn('bfloat16', done.stderr)
        self.assertEqual(subprocess.run(command, capture_output=True, env=environment).returncode, 0)

    def test_safetensors(self):
        self.train(*PAIRS, '--steps', '1', out='out/x.safetensors')
        info = subprocess.run([MSEG, 'info', '--json', 'out/x.safetensors'], capture_output=True, check=True, env=ENVIRONMENT)
        self.assertEqual(json.loads(info.stdout)['format'], 'safetensors')

    def test_wider(self):
        """-m with --arch; what the network says tests/train/test_widen.c has."""
        wide = ['--images', 'im', '--masks', 'ma', '--classes', 'c', '-m', 'builtin', *SMALL, '--steps', '1', '--arch']
        said = self.train(*wide, 'mnv2:0.65').stderr
        self.assertIn('training mseg-voc-small (MobileNetV2 0.65), ', said)
        info = subprocess.run([MSEG, 'info', '--json', 'out/x.tflite'], capture_output=True, check=True, env=ENVIRONMENT)
        info = json.loads(info.stdout)
        self.assertEqual((info['width_multiplier'], info['classes']), (0.65, shapes.CLASSES.count('\n')))
        said = self.train(*wide, 'mnv2:0.35', out='out/y.tflite', status=2).stderr
        self.assertIn("mnv2:0.35: backbone.block1.project has 8 channels, the model's 16: no layer may be narrower\n", said)
        self.assertEqual(os.listdir('out'), ['x.tflite'])

    def test_padding_and_biases_of_a_model_without_them(self):
        """A model that pads as PyTorch does, with convolutions that have neither bias nor norm: written as it was trained."""
        plain = os.path.join(os.path.dirname(TINY), 'plain.tflite')
        for name in ('x.safetensors', 'x.tflite'):
            self.train('--images', 'im', '--masks', 'ma', '--classes', 'c', '-m', plain, *SMALL, '--steps', '1', '--size', '33',
                       out=f'out/{name}')
            with open(f'out/{name}', 'rb') as file:
                self.assertRegex(file.read(), rb'padding\W+symmetric')
            subprocess.run([MSEG, 'run', '-q', '-m', f'out/{name}', 'im', '-o', f'out/{name}-masks'], check=True, env=ENVIRONMENT)

    def test_default_rate_is_that_of_the_batch(self):
        """Which few photos make smaller."""
        events, _ = self.events('--images', 'im', '--masks', 'ma', *TO_MASKS, '--batch', '64', '--optimizer', 'rmsprop', '--schedule',
                                'constant', '--warmup', '0', '--steps', '1')
        batch = events['start'][0]['batch']
        self.assertLess(batch, 12)
        self.assertAlmostEqual(events['step'][-1]['learning_rate'], 0.045 * batch / 96)

    def test_result_is_a_model_as_any_other(self):
        """Of VOC's classes, which are the default; the masks' ids 0 to 2 are among them."""
        self.train('--images', 'im', '--masks', 'ma', '-m', TINY, *SMALL, '--steps', '2')
        info = subprocess.run([MSEG, 'info', '--json', 'out/x.tflite'], capture_output=True, check=True, env=ENVIRONMENT)
        self.assertEqual(json.loads(info.stdout)['classes'], 21)
        subprocess.run([MSEG, 'run', '-q', '-m', 'out/x.tflite', 'im', '-o', 'out/masks'], check=True, env=ENVIRONMENT)
        self.assertEqual(len(os.listdir('out/masks')), 12)


class Page(html.parser.HTMLParser):
    """The pictures, the points of the curves and the text of the page."""
    def __init__(self, path):
        super().__init__()
        self.pictures, self.points, self.dots, self.open, self.text, self.links = [], {}, 0, [], [], []
        with open(path, encoding='utf-8') as file:
            self.feed(file.read())

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.links += [attrs[key] for key in ('src', 'href') if key in attrs]
        if tag == 'img':
            self.pictures.append((attrs['alt'], Image.open(io.BytesIO(base64.b64decode(attrs['src'].partition('base64,')[2])))))
        if tag == 'polyline':
            self.points[attrs['data-key']] = [tuple(map(float, point.split(','))) for point in attrs['points'].split()]
        self.dots += tag == 'circle'

    def handle_data(self, data):
        self.text.append(data)


class Html(Folder):
    def test_page(self):
        with open('out/c', 'w', encoding='utf-8') as out:
            out.write(shapes.CLASSES.replace('disc', '<b>&disc'))
        args = ['--images', 'im', '--masks', 'ma', '--classes', 'out/c', '-m', TINY, *SMALL]
        self.train(*args, '--steps', '30', '--val-every', '3', '--holdout', '60', '--html', 'out/page.html')
        page = Page('out/page.html')
        self.assertTrue(all(link.startswith('data:') for link in page.links))
        self.assertIn('<b>&disc', page.text)
        self.assertIn(f'mseg train {" ".join(args)}', ''.join(page.text))
        self.assertEqual(len(page.points['loss']), 30)
        self.assertEqual((len(page.points['figure']), page.dots), (10, 10))
        for points in page.points.values():
            self.assertEqual(points, sorted(points))
        names = [alt for alt, _ in page.pictures]
        self.assertEqual(len({alt.split(' of ')[1] for alt in names}), 6)
        steps = [int(re.search('Step ([0-9]+) of', alt).group(1)) for alt in names[2:8]]
        self.assertEqual((names[0][:8], names[1][:15], steps[0], steps[-1]), ('Photo of', 'Ground truth of', 3, 30))
        self.assertEqual((steps, len(names)), (sorted(steps), 48))
        self.assertTrue(all(picture.size == (shapes.WIDTH, shapes.HEIGHT) for _, picture in page.pictures))
        name = names[0].split(' of ')[1]
        photo, shown = Image.open(f'im/{name}').convert('RGB'), page.pictures[0][1]
        self.assertLess(max(abs(a - b) for a, b in zip(photo.getpixel((25, 3)), shown.getpixel((25, 3)))), 40)

    def test_curve_of_many_steps(self):
        self.train(*PAIRS, '--steps', '450', '--val-every', '1000', '--html', 'out/page.html')
        self.assertEqual(len(Page('out/page.html').points['loss']), 225)

    def test_without_validation(self):
        self.train(*PAIRS, '--steps', '3', '--holdout', '0', '--html', 'out/page.html')
        page = Page('out/page.html')
        self.assertEqual((list(page.points), page.pictures), (['loss'], []))

    def test_old_page_is_replaced_and_one_that_cannot_be_is_told(self):
        os.mkdir('out/there')
        with open('out/there/page.html', 'w', encoding='utf-8') as out:
            out.write('old')
        self.train(*PAIRS, '--steps', '1', '--html', 'out/there/page.html')
        self.assertEqual(len(Page('out/there/page.html').points['loss']), 1)


class Features(Folder):
    """--features, of a teacher that --arch and a few steps on masks made."""
    PUPIL = ['--images', 'im', '--teacher', 'pupil/teacher.tflite', '--classes', 'c', *SMALL[:-1], '--holdout', '0']

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        os.mkdir('pupil')
        subprocess.run([MSEG, 'train', '--images', 'im', '--masks', 'ma', '--classes', 'c', '--arch', 'mnv2:0.1', '--size', '65', '--steps', '3',
                        '-q', '-o', 'pupil/teacher.tflite'], check=True, capture_output=True, env=ENVIRONMENT)

    def written(self, *args):
        self.train(*self.PUPIL, *args, '-q', '-y')
        with open('out/x.tflite', 'rb') as file:
            return file.read()

    def test_told(self):
        events, _ = self.events(*self.PUPIL, '--arch', 'mnv2:0.1', '--steps', '4', '--features', '2')
        self.assertEqual(events['start'][0]['features'], 2)
        self.assertTrue(all(event['feature_loss'] > 0.1 for event in events['step']))
        events, _ = self.events(*self.PUPIL, '--arch', 'mnv2:0.1', '--steps', '4', '-y')
        self.assertEqual(events['start'][0]['features'], 0)
        self.assertFalse(any('feature_loss' in event for event in events['step']))

    def test_learnt(self):
        """By the teacher itself, whose own map tells them exactly; who tells nothing but their mean is off by 1."""
        how = ['-m', 'pupil/teacher.tflite', '--norms', 'freeze', '--scales', '1,1', '--no-flip', '--no-color', '--size', '65', '--steps', '120',
               '--lr', '0.01', '--weight-decay', '0', '-y']
        self.assertLess(self.events(*self.PUPIL, *how, '--features', '1')[0]['step'][-1]['feature_loss'], 0.75)

    def test_reach_the_backbone(self):
        one, other = (self.written('--arch', 'mnv2:0.1', '--steps', '3', *more) for more in ([], ['--features', '1']))
        self.assertEqual(len(one), len(other))  # the hint is no part of it
        self.assertNotEqual(one, other)

    def test_threads_and_pauses_change_no_bit(self):
        how = ['--arch', 'mnv2:0.1', '--steps', '300', '--features', '1', '--ema', '0.9']
        wanted = self.written(*how, '-j1')
        self.assertEqual(self.written(*how, '-j3'), wanted)
        os.remove('out/x.tflite')
        with subprocess.Popen([MSEG, 'train', *self.PUPIL, *how, '--json', '-j1', '-o', 'out/x.tflite'], stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, text=True, env=ENVIRONMENT) as process:
            for line in process.stdout:
                if json.loads(line)['step'] >= 20:
                    break
            process.send_signal(signal.SIGINT)
            process.communicate()
        self.assertEqual(os.listdir('out'), ['x.tflite.checkpoint'])
        other = ['2' if word == '1' else word for word in how]
        said = self.train(*self.PUPIL, *other, '--resume', status=2).stderr
        self.assertIn('mseg: out/x.tflite.checkpoint: it is of another training (features: 1; here features: 2)', said)
        self.train(*self.PUPIL, *how, '-q', '--resume')
        with open('out/x.tflite', 'rb') as file:
            self.assertEqual(file.read(), wanted)

    def test_memory(self):
        """A photo's answers: at 5 x 5 points a byte for each of 3 classes and of mnv2:0.1's 32 channels, and where it lay."""
        how = [*self.PUPIL[:-2], '--arch', 'mnv2:0.1', '--steps', '20', '-y']
        for more, numbers in ([], 3), (['--features', '1'], 3 + 32):
            many, few = (self.events(*how, *more, '--holdout', held)[0]['start'][0]['bytes'] for held in ('0', '50'))
            self.assertTrue(25 * numbers <= (many - few) / 6 <= 25 * numbers + 64, (many, few))

    def test_no_photo_for_them(self):
        os.mkdir('out/im')
        with open('out/im/a.jpg', 'wb') as file:
            file.write(b'no photo')
        done = self.train('--images', 'out/im', *self.PUPIL[2:], '--arch', 'mnv2:0.1', '--features', '1', status=2)
        self.assertEqual(os.listdir('out'), ['im'], done.stderr)


class Stopped(Folder):
    LONG = [*PAIRS, '--steps', '4000', '--val-every', '1500', '--json']

    def start(self, *args, **more):
        return subprocess.Popen([MSEG, 'train', *self.LONG, *args, '-o', 'out/x.tflite'], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                text=True, env=ENVIRONMENT, **more)

    def await_step(self, process, step):
        for line in process.stdout:
            event = json.loads(line)
            if event['step'] >= step:
                return
        self.fail('it ended before')

    def finish(self, process):
        """The events behind, and what was said."""
        out, said = process.communicate()
        return [json.loads(line) for line in out.splitlines()], said

    def test_signals(self):
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            with self.subTest(number), self.start('-y', '--html', 'out/page.html') as process:
                self.await_step(process, 8)
                process.send_signal(number)
                events, said = self.finish(process)
                self.assertEqual(process.returncode, -number)
                stopped = events[-1]
                self.assertEqual(stopped['event'], 'stopped')
                self.assertIn(f'mseg: stopped at step {stopped["step"]} of 4000; --resume goes on from out/x.tflite.checkpoint', said)
                self.assertTrue(8 <= stopped['step'] < 4000)
                self.assertEqual(os.listdir('out'), ['x.tflite.checkpoint'])

    def test_goes_on(self):
        with self.start() as process:
            self.await_step(process, 1600)  # behind a validation
            process.send_signal(signal.SIGINT)
            stopped = self.finish(process)[0][-1]
        with open('out/x.tflite', 'w', encoding='utf-8') as out:
            out.write('of an earlier training, which the first command would have been asked about')
        events, said = self.events(*self.LONG, '--resume', '--html', 'out/page.html')
        start, = events['start']
        self.assertEqual(start['step'], stopped['step'])
        self.assertIn(f'going on behind step {stopped["step"]}', said)
        self.assertEqual([event['step'] for event in events['validation']],
                         [step for step in (3000, 4000) if step > stopped['step']])
        page = Page('out/page.html')
        self.assertEqual(len(page.points['loss']), 250)  # of 16 steps each, from the first one on
        self.assertEqual(len(page.points['figure']), 3)
        self.assertEqual(sorted(os.listdir('out')), ['page.html', 'x.tflite'])
        with open('out/x.tflite', 'rb') as file:
            resumed = file.read()
        self.train(*self.LONG, '-y')
        with open('out/x.tflite', 'rb') as file:
            self.assertEqual(file.read(), resumed)

    def test_killed(self):
        with self.start('--checkpoint-every', '0') as process:
            self.await_step(process, 40)
            process.kill()
            self.finish(process)
        self.assertEqual(os.listdir('out'), ['x.tflite.checkpoint'])
        start, = self.events(*self.LONG, '--resume')[0]['start']
        self.assertGreaterEqual(start['step'], 39)
        self.assertEqual(os.listdir('out'), ['x.tflite'])

    def test_without_interval_only_at_the_end(self):
        with self.start('--checkpoint-every', '1e6') as process:
            self.await_step(process, 40)
            process.kill()
            self.finish(process)
        self.assertEqual(os.listdir('out'), [])

    def test_begins_anew(self):
        with open('out/x.tflite.checkpoint', 'w', encoding='utf-8') as out:
            out.write('of another')
        start, = self.events(*PAIRS, '--steps', '2', '-y')[0]['start']
        self.assertEqual((start['step'], os.listdir('out')), (0, ['x.tflite']))

    def test_not_a_checkpoint(self):
        with open('out/x.tflite.checkpoint', 'w', encoding='utf-8') as out:
            out.write('of another')
        done = self.train(*PAIRS, '--steps', '2', '--resume', status=2)
        self.assertIn('mseg: out/x.tflite.checkpoint: ', done.stderr)
        with open('out/x.tflite.checkpoint', encoding='utf-8') as file:
            self.assertEqual(file.read(), 'of another')

    def test_other_data(self):
        with self.start() as process:
            self.await_step(process, 4)
            process.send_signal(signal.SIGTERM)
            self.finish(process)
        with open('out/map', 'w', encoding='utf-8') as out:
            out.write('0 1\n1 0\n2 2\n')
        for other in (['--holdout', '50'], ['--map', 'out/map'], ['--ignore', '1']):
            done = self.train(*self.LONG, *other, '--resume', status=2)
            self.assertIn('mseg: out/x.tflite.checkpoint: it is of another training (', done.stderr)
        os.remove('out/map')
        self.assertEqual(os.listdir('out'), ['x.tflite.checkpoint'])

    def test_ignored_signals_stay_so(self):
        """As nohup leaves them."""
        with self.start(preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN)) as process:
            self.await_step(process, 4)
            process.send_signal(signal.SIGHUP)
            events, _ = self.finish(process)
            self.assertEqual((process.returncode, events[-1]['event']), (0, 'end'))

    def test_second_signal_ends_at_once(self):
        """The first one's checkpoint is a pipe that nobody reads, so that saving does not end."""
        os.mkfifo('out/x.tflite.checkpoint')
        with self.start('-y', '--checkpoint-every', '1e6') as process:
            self.await_step(process, 4)
            process.send_signal(signal.SIGINT)
            time.sleep(0.5)
            self.assertIsNone(process.poll())
            process.send_signal(signal.SIGINT)
            self.finish(process)
            self.assertEqual(process.returncode, -signal.SIGINT)


unittest.main()
