#!/usr/bin/python3
"""test_loss.py LOSS_OF LOSS_OF_DOUBLE: losses and gradients of lib/train equal PyTorch's in float64: F.interpolate and F.cross_entropy with
weights and ignore_index, soft targets, and squared errors; in float to 1e-5, in double to 1e-10 of the largest number."""
import os
import struct
import subprocess
import sys
import unittest

import numpy as np

try:
    import torch
    from torch.nn import functional as F
    torch.set_num_threads(1)
except ImportError:
    torch = None
    print('SKIP: PyTorch (Debian: python3-torch) is not there: losses are NOT held to its', flush=True)

PROGRAMS = {1e-5: os.path.abspath(sys.argv[1]), 1e-10: os.path.abspath(sys.argv[2])}
del sys.argv[1:3]
HARD, SOFT, FEATURES = range(3)
ALIGN_CORNERS, HALF_PIXEL, LEGACY = range(3)
IGNORE = 255


def run(program, kind, logits, labels, weights, scale, sampling=ALIGN_CORNERS):
    """logits [h, w, classes]. Returns loss, weight, counted, hits, gradient."""
    size = labels.shape[:2] if kind == HARD else (0, 0)
    data = struct.pack('=7id', kind, *logits.shape, *size, sampling, scale) + logits.astype('f8').tobytes()
    data += labels.astype('u1' if kind == HARD else 'f4').tobytes() + weights.astype('f4').tobytes()
    out = np.frombuffer(subprocess.run([program], input=data, stdout=subprocess.PIPE, check=True).stdout, 'f8')
    return (*out[:4], out[4:].reshape(logits.shape))


@unittest.skipUnless(torch, 'no PyTorch')
class Losses(unittest.TestCase):
    def setUp(self):
        self.random = np.random.RandomState(5)

    def logits(self, height, width, classes):
        return self.random.normal(0, 3, (height, width, classes)).astype('f4')

    def check(self, kind, logits, labels, weights, sampling, expect):
        """expect: of a tensor [1, classes, h, w] the loss of PyTorch that mseg's sum times scale is."""
        x = torch.tensor(logits.transpose(2, 0, 1)[None].astype('f8'), requires_grad=True)
        want, scale = expect(x)
        want.backward()
        gradient = x.grad[0].numpy().transpose(1, 2, 0)
        self.assertGreater(np.abs(gradient).max(), 0)
        for close, program in PROGRAMS.items():
            loss, _, _, _, got = run(program, kind, logits, labels, weights, scale, sampling)
            self.assertLess(abs(loss * scale - want.item()), close * want.item())
            self.assertLess(np.abs(got - gradient).max(), close * np.abs(gradient).max())

    def test_hard(self):
        for height, width, classes, rows, columns in ((17, 17, 21, 257, 257), (5, 7, 3, 33, 50), (9, 4, 33, 31, 12), (6, 5, 150, 41, 37),
                                                      (1, 3, 2, 9, 9), (8, 8, 5, 8, 8), (9, 11, 4, 5, 6)):
            for sampling in (ALIGN_CORNERS, HALF_PIXEL):
                with self.subTest(size=(height, width, classes, rows, columns), sampling=sampling):
                    labels = self.random.randint(0, classes, (rows, columns))
                    labels[self.random.uniform(size=labels.shape) < 0.2] = IGNORE
                    weights = np.zeros(256, 'f4')
                    weights[:classes] = self.random.uniform(0.2, 5, classes)
                    counting = labels[labels != IGNORE]

                    def expect(x):
                        up = F.interpolate(x, labels.shape, mode='bilinear', align_corners=sampling == ALIGN_CORNERS)
                        return F.cross_entropy(up, torch.tensor(labels[None]), torch.tensor(weights[:classes].astype('f8')),
                                               ignore_index=IGNORE), 1 / weights[counting].astype('f8').sum()
                    logits = self.logits(height, width, classes)
                    self.check(HARD, logits, labels, weights, sampling, expect)
                    for program in PROGRAMS.values():
                        _, weight, counted, hits, _ = run(program, HARD, logits, labels, weights, 1, sampling)
                        up = F.interpolate(torch.tensor(logits.transpose(2, 0, 1)[None].astype('f8')), labels.shape, mode='bilinear',
                                           align_corners=sampling == ALIGN_CORNERS)
                        self.assertAlmostEqual(weight, weights[counting].astype('f8').sum(), delta=1e-9 * weight)
                        self.assertEqual(counted, len(counting))
                        self.assertEqual(hits, (up[0].argmax(0).numpy() == labels).sum())

    def test_soft(self):
        for height, width, classes in ((17, 17, 21), (5, 8, 3), (3, 7, 150)):
            with self.subTest(size=(height, width, classes)):
                targets = np.exp(self.random.normal(0, 2, (height, width, classes)))
                targets = (targets / targets.sum(2, keepdims=True)).astype('f4')
                weights = self.random.uniform(0, 2, (height, width)).astype('f4')
                weights[self.random.uniform(size=weights.shape) < 0.3] = 0

                def expect(x):
                    losses = F.cross_entropy(x, torch.tensor(targets.transpose(2, 0, 1)[None].astype('f8')), reduction='none')
                    return (losses[0] * torch.tensor(weights.astype('f8'))).sum() / 7, 1 / 7
                self.check(SOFT, self.logits(height, width, classes), targets, weights, ALIGN_CORNERS, expect)

    def test_features(self):
        height, width, channels = 9, 7, 64
        targets = self.random.normal(0, 1, (height, width, channels)).astype('f4')
        weights = (self.random.uniform(size=(height, width)) < 0.6).astype('f4')

        def expect(x):
            difference = (x[0] - torch.tensor(targets.transpose(2, 0, 1).astype('f8'))) ** 2
            return (difference.mean(0) * torch.tensor(weights.astype('f8'))).sum() / 5, 1 / 5
        self.check(FEATURES, self.logits(height, width, channels), targets, weights, ALIGN_CORNERS, expect)


if __name__ == '__main__':
    unittest.main()
