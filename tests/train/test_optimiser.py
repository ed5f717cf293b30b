#!/usr/bin/python3
"""test_optimiser.py STEPS_OF STEPS_OF_DOUBLE: twenty steps of lib/train's optimisers on a small made-up problem end where torch.optim.SGD and
torch.optim.AdamW do, and where TensorFlow's RMSProp does, which is written out here (its training_ops: the mean square starts at 1, epsilon is
inside the root, the learning rate inside the momentum); in float to 1e-5 of the largest parameter, in double to 1e-11."""
import os
import struct
import subprocess
import sys
import unittest

import numpy as np

try:
    import torch
    torch.set_num_threads(1)
except ImportError:
    torch = None
    print('SKIP: PyTorch (Debian: python3-torch) is not there: SGD and AdamW are NOT held to its', flush=True)

PROGRAMS = {1e-5: os.path.abspath(sys.argv[1]), 1e-11: os.path.abspath(sys.argv[2])}
del sys.argv[1:3]
SGD, RMSPROP, ADAMW = range(3)
SIZE, STEPS = 5003, 20
RANDOM = np.random.RandomState(3)
START = RANDOM.normal(0, 2, SIZE).astype('f4').astype('f8')
TARGET, STRENGTH = RANDOM.normal(0, 1, SIZE), RANDOM.uniform(0.05, 2, SIZE)
DECAYS = np.arange(SIZE) % 3 > 0
RATES = 0.05 * (1 - np.arange(STEPS) / 25)


def slope(p):
    """The gradient of sum(STRENGTH / 2 * (p - TARGET)^2 - cos(2 p) / 10)."""
    return STRENGTH * (p - TARGET) + 0.2 * np.sin(2 * p)


def ours(program, rule, momentum, decay, epsilon, weight_decay, clip=0., average=0.):
    """Parameters and their average behind the last step; the gradients are those at our own parameters."""
    with subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as steps:
        steps.stdin.write(struct.pack('=2q6d', rule, SIZE, momentum, decay, epsilon, weight_decay, clip, average) + START.tobytes() +
                          DECAYS.astype('u1').tobytes())
        p, kept = START, START
        for rate in RATES:
            steps.stdin.write(struct.pack('d', rate) + slope(p).tobytes())
            steps.stdin.flush()
            numbers = np.frombuffer(steps.stdout.read(8 * (1 + 2 * SIZE)), 'f8')
            p, kept = numbers[1:SIZE + 1], numbers[SIZE + 1:]
        steps.stdin.close()
    return p, kept


class Optimisers(unittest.TestCase):
    def check(self, want, options, **others):
        self.assertGreater(np.abs(want - START).max(), 0.3)
        for close, program in PROGRAMS.items():
            got, _ = ours(program, *options, **others)
            self.assertLess(np.abs(got - want).max(), close * np.abs(want).max())

    def torch(self, make, weight_decay, clip=0.):
        """Where an optimiser of PyTorch ends that make gives for two groups of parameters."""
        whole = torch.tensor(START)
        parts = [whole[DECAYS].clone().requires_grad_(), whole[~DECAYS].clone().requires_grad_()]
        optimiser = make([{'params': parts[:1], 'weight_decay': weight_decay}, {'params': parts[1:], 'weight_decay': 0}])
        for rate in RATES:
            p = np.empty(SIZE)
            p[DECAYS], p[~DECAYS] = (part.detach().numpy() for part in parts)
            for part, mask in zip(parts, (DECAYS, ~DECAYS)):
                part.grad = torch.tensor(slope(p)[mask])
            if clip:
                torch.nn.utils.clip_grad_norm_(parts, clip)
            for group in optimiser.param_groups:
                group['lr'] = rate
            optimiser.step()
        p[DECAYS], p[~DECAYS] = (part.detach().numpy() for part in parts)
        return p

    @unittest.skipUnless(torch, 'no PyTorch')
    def test_sgd(self):
        for momentum, decay in ((0.9, 0), (0.9, 0.05), (0, 0.01)):
            with self.subTest(momentum=momentum, decay=decay):
                want = self.torch(lambda groups: torch.optim.SGD(groups, lr=1, momentum=momentum), decay)
                self.check(want, (SGD, momentum, 0, 0, decay))

    @unittest.skipUnless(torch, 'no PyTorch')
    def test_adamw(self):
        for betas, epsilon, decay in (((0.9, 0.99), 1e-8, 0.05), ((0.9, 0.999), 1e-8, 0.5), ((0.5, 0.9), 0.1, 0)):
            with self.subTest(betas=betas, epsilon=epsilon, decay=decay):
                want = self.torch(lambda groups: torch.optim.AdamW(groups, lr=1, betas=betas, eps=epsilon), decay)
                self.check(want, (ADAMW, *betas, epsilon, decay))

    @unittest.skipUnless(torch, 'no PyTorch')
    def test_clip(self):
        want = self.torch(lambda groups: torch.optim.SGD(groups, lr=1, momentum=0.9), 0.05, clip=20)
        for close, program in PROGRAMS.items():
            got, _ = ours(program, SGD, 0.9, 0, 0, 0.05, clip=20)
            self.assertLess(np.abs(got - want).max(), max(close, 1e-6) * np.abs(want).max())  # PyTorch adds 1e-6 to the norm
        self.assertGreater(np.abs(ours(PROGRAMS[1e-5], SGD, 0.9, 0, 0, 0.05)[0] - want).max(), 1e-2)  # it did clip

    def test_rmsprop(self):
        for momentum, decay, epsilon, weight_decay in ((0.9, 0.9, 1, 0.05), (0.9, 0.9, 0.002, 4e-5), (0, 0.99, 1e-3, 0)):
            with self.subTest(momentum=momentum, decay=decay, epsilon=epsilon, weight_decay=weight_decay):
                var, ms, mom = START.copy(), np.ones(SIZE), np.zeros(SIZE)
                for lr in RATES:
                    grad = slope(var) + weight_decay * DECAYS * var  # slim's L2 is a part of the loss
                    ms = decay * ms + (1 - decay) * grad ** 2
                    mom = momentum * mom + lr * grad / np.sqrt(ms + epsilon)
                    var = var - mom
                self.check(var, (RMSPROP, momentum, decay, epsilon, weight_decay))

    def test_average(self):
        """ExponentialMovingAverage(decay, num_updates)."""
        for average in (0.2, 0.999):
            p, shadow, mom = START.copy(), START.copy(), np.zeros(SIZE)
            for updates, lr in enumerate(RATES):
                mom = 0.9 * mom + slope(p)
                p = p - lr * mom
                decay = min(average, (1 + updates) / (10 + updates))
                shadow = decay * shadow + (1 - decay) * p
            for close, program in PROGRAMS.items():
                _, got = ours(program, SGD, 0.9, 0, 0, 0, average=average)
                self.assertLess(np.abs(got - shadow).max(), close * np.abs(shadow).max())


if __name__ == '__main__':
    unittest.main()
