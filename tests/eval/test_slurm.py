#!/usr/bin/python3
"""test_slurm.py MSEG [unittest arguments]: the jobs of docs/scaling.md under a real Slurm, as they stand there: an evaluation in 16 tasks
that gives the report of one process, and masks of 16 tasks that are one process's."""
import os
import re
import subprocess
import sys
import unittest

import numpy as np
from PIL import Image

import slurm
from test_cli import MSEG, Folder

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), '../..')
CPUS = 64  # for 16 tasks of 4 at once
IMAGES = 37  # not the same number for every task


def blocks():
    """The commands of the page's section: a script by its job's name, others by their first word."""
    with open(os.path.join(ROOT, 'docs/scaling.md'), encoding='utf-8') as file:
        section = file.read().partition('\n## Slurm\n')[2].partition('\n## ')[0]
    return {(re.search('--job-name=(.*)', text) or re.match(r'(\S+)', text))[1]: text
            for text in re.findall(r'^```sh\n(.*?)^```$', section, re.M | re.S)}


class Slurm(Folder):
    @classmethod
    def setUpClass(cls):
        try:
            cls.cluster = slurm.Cluster(CPUS)
        except slurm.Unavailable as reason:
            print(f'SKIP: {reason}: the jobs of docs/scaling.md are NOT tested', flush=True)
            raise unittest.SkipTest(str(reason))
        cls.addClassCleanup(cls.cluster.close)

    def setUp(self):
        super().setUp()
        for name in ['bin', 'VOC2012/JPEGImages', 'VOC2012/SegmentationClass', 'VOC2012/ImageSets/Segmentation']:
            os.makedirs(self.path(name))
        os.symlink(MSEG, self.path('bin/mseg'))
        names = [f'2007_{i:06}' for i in range(IMAGES)]
        for i, name in enumerate(names):
            self.draw(name, i)
        self.write('VOC2012/ImageSets/Segmentation/val.txt', '\n'.join(names) + '\n')
        self.photos = [self.path(f'VOC2012/JPEGImages/{name}.jpg') for name in names]
        self.environment = {**self.cluster.environment, 'SCRATCH': self.folder, 'MODEL': 'builtin',
                            'PATH': self.path('bin') + ':' + self.cluster.environment['PATH']}

    def draw(self, name, seed):
        """A part of a sample photo, in which the model finds things, and rectangles for ground truth."""
        random = np.random.default_rng(seed)
        sample = Image.open(os.path.join(ROOT, 'data/samples', ['monitor.png', 'bottle.jpg'][seed % 2])).convert('RGB')
        width, height = 100 + seed, 170 - 2 * seed
        left, top = (int(random.integers(0, most)) for most in (sample.width // 4, sample.height // 4))
        box = (left, top, left + sample.width * 3 // 4, top + sample.height * 3 // 4)
        sample.resize((width, height), box=box).save(self.path(f'VOC2012/JPEGImages/{name}.jpg'))
        truth = np.zeros((height, width), np.uint8)
        truth[20:70, 10:80] = [20, 5][seed % 2]
        truth[20:70, 80:83] = 255
        Image.fromarray(truth, 'L').save(self.path(f'VOC2012/SegmentationClass/{name}.png'))

    def shell(self, text):
        done = subprocess.run(['sh', '-e', '-c', text], cwd=self.folder, env=self.environment, capture_output=True, text=True, check=False)
        self.assertEqual((done.returncode, done.stderr), (0, ''))
        return done.stdout

    def said(self):
        return {name: self.read(name) for name in sorted(os.listdir(self.folder)) if name.startswith('slurm-')}

    def wait(self, job):
        self.assertEqual(self.cluster.wait(job), {('COMPLETED', '0:0')}, self.said())

    def text(self, name, command):
        """A report without the command that wrote it."""
        text = self.read(name)
        self.assertIn(command, text)
        return text.replace(command, '')

    def test_evaluation(self):
        self.write('eval.sh', blocks()['mseg-eval'])
        merging = int(re.fullmatch(r'Submitted batch job (\d+)\n', self.shell(blocks()['mkdir']))[1])
        self.wait(merging)
        self.assertEqual(len(os.listdir(self.path('counts'))), 16)
        merged = ' '.join(sorted(f'counts/{i}.counts' for i in range(1, 17)))
        one = 'mseg eval --voc VOC2012 --split val -m builtin -q -j 1 --json one.json --save-counts one.counts'
        page = 'mseg eval --merge one.counts --html one.html'  # no photos there, as none are in the job's
        for command in [one, page]:
            self.shell(command)
        command = f'mseg eval --merge {merged} --html report.html --json report.json'
        self.assertEqual(self.text('report.json', command), self.text('one.json', one))
        self.assertEqual(self.text('report.html', command), self.text('one.html', page))
        self.assertGreater(self.json('one.json')['miou'], 0.1)  # the model found something

    def test_masks(self):
        self.write('photos.txt', '\n'.join(self.photos) + '\n')
        self.write('run.sh', blocks()['mseg-run'])
        self.wait(int(self.shell('sbatch --parsable run.sh')))
        self.shell('mseg run --resize none -m builtin -q -j 1 -o one - < photos.txt')
        names = sorted(os.listdir(self.path('one')))
        self.assertEqual(len(names), IMAGES)
        self.assertEqual(sorted(os.listdir(self.path('masks'))), names)
        for name in names:
            with open(self.path(f'one/{name}'), 'rb') as one, open(self.path(f'masks/{name}'), 'rb') as many:
                self.assertEqual(many.read(), one.read(), name)


if __name__ == '__main__':
    unittest.main()
