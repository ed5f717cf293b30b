#!/usr/bin/python3
"""test_torch_onnx.py MSEG: what PyTorch's exporter makes of networks, in operator sets 9 to 17, gives PyTorch's numbers: logits of Mobile
DeepLabv3, probabilities of a classifier with torchvision's names, which by these takes pictures with ImageNet's mean and deviation."""
import json
import os
import subprocess
import sys
import tempfile
import unittest
import warnings

import numpy as np
from PIL import Image

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
try:
    import torch
    import torch_models
except ImportError:
    torch = None
    print('SKIP: PyTorch (Debian: python3-torch) is not there: what it exports as ONNX is NOT tested', flush=True)

MSEG = os.path.abspath(sys.argv.pop(1))
CLOSE = 1e-3  # of the largest of the numbers
MEAN, STD = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
OPSETS = [9, 11, 13, 17]


def export(model, size, path, opset, dynamic, folded=True):
    """folded: as by default, batch norm is folded into the convolutions; else it stays apart, and sizes are computed in the graph."""
    warnings.filterwarnings('ignore')
    mode = torch.onnx.TrainingMode.EVAL if folded else torch.onnx.TrainingMode.PRESERVE
    torch.onnx.export(model, torch.zeros(1, 3, *size), path, opset_version=opset, training=mode, do_constant_folding=folded,
                      input_names=['in'], output_names=['out'],
                      dynamic_axes={'in': {0: 'batch', 2: 'height', 3: 'width'}} if dynamic else None)


@unittest.skipUnless(torch, 'no PyTorch')
class Exported(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.TemporaryDirectory()
        self.addCleanup(self.dir.cleanup)

    def path(self, name):
        return os.path.join(self.dir.name, name)

    def picture(self, size, seed):
        pixels = np.random.RandomState(seed).randint(0, 256, (*size, 3)).astype('u1')
        Image.fromarray(pixels).save(self.path('photo.png'))
        return pixels

    def mseg(self, *args):
        done = subprocess.run([MSEG, *args], capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def assert_close(self, got, want):
        self.assertEqual(got.shape, want.shape)
        self.assertLess(np.abs(got - want).max(), CLOSE * np.abs(want).max())
        self.assertGreater(want.std(), CLOSE)  # an output of one value would be close to anything

    def check_deeplab(self, model, size, opset, dynamic, folded):
        pixels = self.picture(size, 3)
        export(model, size, self.path('model.onnx'), opset, dynamic, folded)
        with torch.no_grad():
            x = torch.from_numpy((pixels / 127.5 - 1).astype('f4').transpose(2, 0, 1)[None])
            want = model.logits(x)[0].numpy().transpose(1, 2, 0)
        self.mseg('run', '-q', '--size', str(size[0]), '--os', str(model.output_stride), '-m', self.path('model.onnx'),
                  '--scores', self.path('scores'), '-o', self.path('masks'), self.path('photo.png'))
        self.assert_close(np.load(self.path('scores/photo.npy')), want)

    def test_deeplab(self):
        aligned = torch_models.finish(torch_models.DeepLab(), 1)
        half = torch_models.finish(torch_models.DeepLab(output_stride=8, align=False, labels=True), 3)
        for opset in OPSETS:
            for dynamic, folded in ((False, True), (True, True), (True, False)):
                with self.subTest(opset=opset, dynamic=dynamic, folded=folded):
                    if opset > 9:  # which has no such resize
                        self.check_deeplab(aligned, (65, 65), opset, dynamic, folded)
                    self.check_deeplab(half, (64, 64), opset, dynamic, folded)

    def check_classifier(self, model, opset, dynamic, folded):
        size = (96, 96)
        pixels = self.picture(size, 4)
        export(model, size, self.path('model.onnx'), opset, dynamic, folded)
        with torch.no_grad():
            x = torch.from_numpy(((pixels / 255 - MEAN) / STD).astype('f4').transpose(2, 0, 1)[None])
            y = model(x)[0]
            want = (y if model.softmax else torch.softmax(y, 0)).numpy()
        line = json.loads(self.mseg('classify', '--size', '96', '--crop', '1', '-k', str(len(want)), '--json', '-', '-m',
                                    self.path('model.onnx'), self.path('photo.png')))
        got = np.zeros_like(want)
        for entry in line['top']:
            got[entry['class']] = entry['probability']
        self.assert_close(got, want)
        info = json.loads(self.mseg('info', '--json', '-m', self.path('model.onnx')))
        self.assertEqual(info['input']['from'], 'names')

    def test_classifier(self):
        for dynamic, folded in ((False, True), (True, False)):
            model = torch_models.finish(torch_models.Classifier(softmax=dynamic), 2)
            for opset in OPSETS:
                with self.subTest(opset=opset, dynamic=dynamic, folded=folded):
                    self.check_classifier(model, opset, dynamic, folded)


if __name__ == '__main__':
    unittest.main()
