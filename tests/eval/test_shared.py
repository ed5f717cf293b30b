#!/usr/bin/python3
"""test_shared.py MSEG [unittest arguments]: mseg eval on real masks, photos and models ($MSEG_SHARED, else ../shared)."""
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import unittest

import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..'))
import shared

MSEG = os.path.abspath(sys.argv.pop(1))
TRUTH = shared.path('voc-val-gt/SegmentationClass')
VAL = shared.path('voc-val-gt/ImageSets/Segmentation/val.txt')
VOC = shared.path('voc-mini/VOC2012')
MODEL = shared.path('models/deeplabv3_mnv2_pascal_quant.tflite')
SLOW = bool(os.environ.get('MSEG_SANITIZE'))  # a share of the pictures will do there


class Shared(unittest.TestCase):
    def setUp(self):
        if shared.missing(self.needs, f'{self.id()} is'):
            self.skipTest('nothing shared')
        self.folder = tempfile.mkdtemp(prefix='mseg-eval-')
        self.addCleanup(shutil.rmtree, self.folder)

    def mseg(self, *args):
        done = subprocess.run([MSEG, *args], cwd=self.folder, capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)

    def report(self, *args):
        self.mseg('eval', *args, '-q', '--json', 'out.json')
        with open(os.path.join(self.folder, 'out.json')) as file:
            return json.load(file)

    def list(self, ids, name='list'):
        with open(os.path.join(self.folder, name), 'w') as file:
            file.write('\n'.join(ids) + '\n')
        return name


class Golden(Shared):
    needs = [TRUTH, shared.path('eval-golden')]

    def setUp(self):
        super().setUp()
        with open(shared.path('eval-golden/expected.json')) as file:
            self.expected = json.load(file)
        self.ids = [image['id'] for image in self.expected['per_image']]
        self.masks = ['--gt', TRUTH, '--pred', shared.path('eval-golden/pred')]

    def check(self, report):
        self.assertEqual(report['confusion_rows_are_ground_truth'], self.expected['confusion_rows_are_ground_truth'])
        self.assertEqual([image['id'] for image in report['per_image']], self.ids)
        for key in ['iou', 'miou', 'mean_accuracy', 'pixel_accuracy', 'frequency_weighted_iou', 'images']:
            np.testing.assert_allclose(report[key], self.expected[key], rtol=0, atol=1e-12, err_msg=key)
        for key in ['miou', 'pixel_accuracy']:
            for image, wanted in zip(report['per_image'], self.expected['per_image']):
                self.assertAlmostEqual(image[key], wanted[key], delta=1e-12)

    def test_figures(self):
        self.check(self.report(*self.masks, '--list', self.list(self.ids)))

    def test_shards_of_any_split(self):
        share = [random.Random(i).randrange(5) for i in range(len(self.ids))]
        for part in range(5):
            name = self.list([id for id, p in zip(self.ids, share) if p == part])
            self.mseg('eval', *self.masks, '--list', name, '-q', '--save-counts', f'{part}.counts')
        self.check(self.report('--merge', *[f'{part}.counts' for part in [3, 0, 4, 1, 2]]))
        name = self.list(self.ids)
        for i in '123':
            self.mseg('eval', *self.masks, '--list', name, '--shard', f'{i}/3', '-q', '--save-counts', f'{i}.counts')
        self.check(self.report('--merge', '2.counts', '3.counts', '1.counts'))


class Itself(Shared):
    needs = [TRUTH]

    def test_truth_against_itself(self):
        report = self.report('--gt', TRUTH, '--pred', TRUTH, '--list', VAL, *(['--shard', '1/20'] if SLOW else []))
        self.assertEqual(report['images'], 73 if SLOW else 1449)
        for key in ['miou', 'mean_accuracy', 'pixel_accuracy', 'frequency_weighted_iou', 'mean_boundary_iou', 'mean_per_image_miou']:
            self.assertEqual(report[key], 1, key)
        for key in ['iou', 'precision', 'recall', 'boundary_iou']:
            self.assertEqual(report[key], [1] * 21)
        self.assertTrue(all(image['miou'] == 1 and image['boundary_iou'] == 1 for image in report['per_image']))


    @unittest.skipIf(SLOW, 'sanitizers keep freed memory')
    def test_memory_does_not_grow_with_the_images(self):
        def most(count):
            with open(VAL) as file:
                name = self.list([file.readline().strip() for _ in range(count)])
            child = subprocess.Popen([MSEG, 'eval', '--gt', TRUTH, '--pred', TRUTH, '--list', name, '-q', '-j', '1'], cwd=self.folder)
            _, status, usage = os.wait4(child.pid, 0)
            child.returncode = os.waitstatus_to_exitcode(status)
            self.assertEqual(child.returncode, 0)
            return usage.ru_maxrss
        few, many = most(100), most(1449)
        self.assertLess(many, few + 8192, f'{few} KB for 100 images, {many} KB for 1449')


class Model(Shared):
    needs = [VOC, MODEL]

    def test_run_and_score(self):
        both = ['2011_000003', '2011_000025']  # docs/numerics.md's VOC protocol, PyTorch in float64
        model = ['-m', MODEL, '--precision', 'float', '--mean', '127.5', '--std', '127.5']  # how pictures enter there
        report = self.report('--voc', VOC, '--list', self.list(both), *model)
        self.assertAlmostEqual(report['miou'], 0.576893, delta=1e-4)
        self.mseg('run', '--resize', 'none', *model, '-q', '-o', 'masks', *[f'{VOC}/JPEGImages/{id}.jpg' for id in both])
        masks = self.report('--voc', VOC, '--list', 'list', '--pred', 'masks')
        for key in report:
            if key not in ['command', 'settings']:
                self.assertEqual(report[key], masks[key], key)

    def test_processes_with_a_model(self):
        whole = self.report('--voc', VOC, '--split', 'val', '-m', MODEL, '-j', '2')
        for i in '123':
            self.mseg('eval', '--voc', VOC, '-m', MODEL, '--shard', f'{i}/3', '--save-counts', f'{i}.counts', '-q', '-j', '1')
        merged = self.report('--merge', '3.counts', '1.counts', '2.counts')
        self.assertEqual({**whole, 'command': ''}, {**merged, 'command': ''})


if __name__ == '__main__':
    unittest.main()
