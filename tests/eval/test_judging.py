#!/usr/bin/python3
"""test_judging.py MSEG [unittest arguments]: the commands of docs/judging.md, as they stand there, on small drawn sets of each layout;
the figures against NumPy."""
import glob
import os
import re
import subprocess
import unittest

import numpy as np
from PIL import Image

from test_cli import MSEG, Folder

PAGE = os.path.join(os.path.dirname(os.path.abspath(__file__)), '../../docs/judging.md')
CITYSCAPES = [7, 8, 11, 12, 13, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 31, 32, 33]


def sections():
    """The blocks of shell commands under each title."""
    with open(PAGE) as file:
        parts = re.split(r'^## (.*)$', file.read(), flags=re.M)[1:]
    return {title: '\n'.join(re.findall(r'^```sh\n(.*?)^```$', text, re.M | re.S)) for title, text in zip(parts[::2], parts[1::2])}


def scene(classes, seed):
    """Ground truth of rectangles with a border of 255 around them, and a prediction that is wrong in places. Ids of classes."""
    random = np.random.default_rng(seed)
    truth = np.full((40, 60), classes[0], np.uint8)
    for number in range(4):
        y, x = random.integers(0, 30), random.integers(0, 45)
        truth[y:y + 14, x:x + 16] = 255
        truth[y + 1:y + 13, x + 1:x + 15] = classes[(seed + number) % len(classes)]
    prediction = np.where(truth == 255, classes[1], truth).astype(np.uint8)
    prediction[random.integers(0, 30):, :12] = classes[-1]
    return truth, prediction


def miou(pairs, averaged=None):
    """Over the classes that occur where the ground truth is not 255."""
    truth = np.concatenate([t.ravel() for t, _ in pairs])
    prediction = np.concatenate([p.ravel() for _, p in pairs])[truth != 255]
    truth = truth[truth != 255]
    ids = averaged or np.unique([*np.unique(truth), *np.unique(prediction)])
    return np.mean([((truth == c) & (prediction == c)).sum() / ((truth == c) | (prediction == c)).sum() for c in ids])


def voc_palette(n=256):
    colours = np.zeros((n, 3), np.uint8)
    for index in range(n):
        for bit in range(8):
            for channel in range(3):
                colours[index, channel] |= (index >> 3 * bit + channel & 1) << 7 - bit
    return colours


class Judging(Folder):
    def save(self, ids, name, palette=None):
        path = self.path(name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        image = Image.fromarray(ids, 'L' if palette is None else 'P')
        if palette is not None:
            image.putpalette(palette.tobytes())
        image.save(path)

    def photo(self, name):
        os.makedirs(os.path.dirname(self.path(name)), exist_ok=True)
        Image.fromarray(np.random.default_rng(9).integers(0, 256, (40, 60, 3), np.uint8)).save(self.path(name))

    def reports(self, title):
        """What the section's commands say, each as JSON."""
        os.mkdir(self.path('bin'))
        self.write('bin/mseg', f'#!/bin/sh\nn=$(ls report.*.json 2>/dev/null | wc -l)\n"{MSEG}" "$@" --json report.$n.json\n')
        os.chmod(self.path('bin/mseg'), 0o755)
        done = subprocess.run(['bash', '-e', '-c', sections()[title]], cwd=self.folder, capture_output=True, text=True,
                              env={**os.environ, 'PATH': self.path('bin') + ':' + os.environ['PATH']})
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertNotIn('warning', done.stderr)
        names = sorted(os.path.basename(name) for name in glob.glob(self.path('report.*.json')))
        self.assertEqual(len(names), sections()[title].count('mseg eval'))
        return [self.json(name) for name in names]

    def check(self, report, pairs, **more):
        self.assertEqual(report['images'], len(pairs))
        self.assertAlmostEqual(report['miou'], miou(pairs, **more), delta=1e-12)

    def test_every_section_is_here(self):
        self.assertEqual(sorted(sections()),
                         sorted(['VOC 2012', 'Cityscapes', 'ADE20K', 'Binary masks of 0 and 255', 'CVAT', 'labelme']))

    def test_voc(self):
        pairs = {name: scene([0, 7, 15], seed) for seed, name in enumerate(['2007_000032', '2007_000042', '2008_000001'])}
        root = 'VOCdevkit/VOC2012/'
        for name, (truth, prediction) in pairs.items():
            self.save(truth, root + f'SegmentationClass/{name}.png', voc_palette())
            self.save(np.where(truth == 7, 15, truth).astype(np.uint8), root + f'SegmentationClassAug/{name}.png')
            self.save(prediction, f'masks/{name}.png', voc_palette())
            self.photo(root + f'JPEGImages/{name}.jpg')
        os.makedirs(self.path(root + 'ImageSets/Segmentation'))
        val = list(pairs)[:2]
        self.write(root + 'ImageSets/Segmentation/val.txt', ''.join(name + '\n' for name in val))
        self.write(root + 'ImageSets/Segmentation/train_aug.txt',
                   ''.join(f'/JPEGImages/{name}.jpg /SegmentationClassAug/{name}.png\n' for name in pairs))
        masks, model, augmented = self.reports('VOC 2012')
        self.check(masks, [pairs[name] for name in val])
        self.assertEqual((model['images'], model['ignored_pixels']), (2, masks['ignored_pixels']))
        self.check(augmented, [(np.where(t == 7, 15, t), p) for t, p in pairs.values()])

    def test_cityscapes(self):
        pairs = {}
        for seed, (town, number) in enumerate([('frankfurt', 294), ('frankfurt', 576), ('munster', 294)]):
            name = f'{town}/{town}_000000_{number:06}'
            pairs[name] = truth, prediction = scene([0, 10, 13, 18], seed)
            labels = np.zeros_like(truth)
            for number, label in enumerate(CITYSCAPES):
                labels[truth == number] = label
            self.save(labels, f'gtFine/val/{name}_gtFine_labelIds.png')
            self.save(truth, f'gtFine/val/{name}_gtFine_labelTrainIds.png')
            self.photo(f'gtFine/val/{name}_gtFine_color.png')
            self.photo(f'leftImg8bit/val/{name}_leftImg8bit.png')
            self.save(prediction, f'masks/{name}_leftImg8bit.png')
        for report in self.reports('Cityscapes'):
            self.check(report, list(pairs.values()))
            self.assertEqual([image['id'] for image in report['per_image']], sorted(pairs))
        self.assertIn('<figure', self.read('report.html'))

    def test_ade20k(self):
        pairs = {f'ADE_val_{seed:08}': scene([0, 3, 12, 149], seed) for seed in range(1, 4)}
        for name, (truth, prediction) in pairs.items():
            self.save(np.where(truth == 255, 0, truth + 1).astype(np.uint8), f'annotations/validation/{name}.png')
            self.save(prediction, f'masks/{name}.png')
            self.save(prediction + 1, f'masks-from-1/{name}.png')
        for report in self.reports('ADE20K'):
            self.check(report, list(pairs.values()))

    def test_binary(self):
        pairs = [tuple(np.where(ids == 255, 0, ids) for ids in scene([0, 1], seed)) for seed in range(3)]
        for number, (truth, prediction) in enumerate(pairs):
            self.save(truth * 255, f'gt/{number}.png')
            self.save(prediction * 255, f'masks/{number}.png')
        both, object_alone = self.reports('Binary masks of 0 and 255')
        self.check(both, pairs)
        self.check(object_alone, pairs, averaged=[1])

    def test_cvat(self):
        names, palette = ['background', 'car', 'traffic light'], np.zeros((256, 3), np.uint8)
        palette[:3] = [0, 0, 0], [51, 221, 255], [250, 50, 83]
        pairs = [tuple(np.where(ids == 255, 0, ids) for ids in scene([0, 1, 2], seed)) for seed in range(2)]
        os.makedirs(self.path('export/ImageSets/Segmentation'))
        self.write('export/ImageSets/Segmentation/default.txt', 'frame_000000\nframe_000001\n')
        self.write('export/labelmap.txt', '# label:color_rgb:parts:actions\n' +
                   ''.join(f'{name}:{",".join(map(str, palette[i]))}::\n' for i, name in enumerate(names)))
        for number, (truth, prediction) in enumerate(pairs):
            self.save(truth, f'export/SegmentationClass/frame_{number:06}.png', palette)
            self.save(prediction, f'masks/frame_{number:06}.png')
        for report in self.reports('CVAT'):
            self.check(report, pairs)
            self.assertEqual(report['classes'], names)

    def test_labelme(self):
        pairs = [scene([0, 1, 2], seed) for seed in range(2)]
        os.makedirs(self.path('export'))
        self.write('export/class_names.txt', '_background_\nperson\npotted plant')
        for number, (truth, prediction) in enumerate(pairs):
            self.save(truth, f'export/SegmentationClass/2011_{number:06}.png', voc_palette())
            self.save(prediction, f'masks/2011_{number:06}.png', voc_palette())
        report, = self.reports('labelme')
        self.check(report, pairs)
        self.assertEqual(report['classes'], ['_background_', 'person', 'potted plant'])


if __name__ == '__main__':
    unittest.main()
