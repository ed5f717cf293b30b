#!/usr/bin/python3
"""train.py MSEG [ROUNDS]: samples a second of training Mobile DeepLabv3 0.5 at 257 x 257, by mseg and by Debian's PyTorch (channels last,
two threads, each at the better of two batch sizes), in turns on one machine, and their ratio. mseg's include reading and augmenting
photos, PyTorch's do not. Needs python3-torch, python3-pil, python3-numpy."""
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

import torch
import torch.nn.functional as F
from torch import nn

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BLOCKS = ((16, 1, 1), (24, 6, 2), (24, 6, 1), (32, 6, 2), (32, 6, 1), (32, 6, 1), (64, 6, 2), (64, 6, 1), (64, 6, 1), (64, 6, 1),
          (96, 6, 1), (96, 6, 1), (96, 6, 1), (160, 6, 1), (160, 6, 1), (160, 6, 1), (320, 6, 1))
SIZE, THREADS = 257, 2


def layer(inputs, outputs, kernel=1, stride=1, rate=1, groups=1, activation=nn.ReLU6):
    parts = [nn.Conv2d(inputs, outputs, kernel, stride, rate * (kernel - 1) // 2, rate, groups, False), nn.BatchNorm2d(outputs)]
    return nn.Sequential(*parts, *([activation(inplace=True)] if activation else []))


class Block(nn.Module):
    def __init__(self, inputs, outputs, expansion, stride, rate):
        super().__init__()
        wide = inputs * expansion
        self.adds = stride == 1 and inputs == outputs
        self.body = nn.Sequential(*([layer(inputs, wide)] if expansion > 1 else []), layer(wide, wide, 3, stride, rate, wide),
                                  layer(wide, outputs, activation=None))

    def forward(self, x):
        return x + self.body(x) if self.adds else self.body(x)


class DeepLab(nn.Module):
    """Width 0.5, output stride 16."""

    def __init__(self, classes=21):
        super().__init__()
        blocks, channels = [layer(3, 16, 3, 2)], 16
        for i, (outputs, expansion, stride) in enumerate(BLOCKS):
            outputs = max(8, outputs // 2 // 8 * 8)
            blocks.append(Block(channels, outputs, expansion, stride, 2 if i > 13 else 1))
            channels = outputs
        self.backbone = nn.Sequential(*blocks)
        self.pool, self.aspp0 = nn.Conv2d(channels, 256, 1), layer(channels, 256, activation=nn.ReLU)
        self.projection, self.classifier = layer(512, 256, activation=nn.ReLU), nn.Conv2d(256, classes, 1)

    def forward(self, x):
        size, x = x.shape[2:], self.backbone(x)
        pooled = F.relu(self.pool(x.mean((2, 3), keepdim=True))).expand(-1, -1, *x.shape[2:])
        x = self.classifier(self.projection(torch.cat([pooled, self.aspp0(x)], 1)))
        return F.interpolate(x, size, mode='bilinear', align_corners=True)


def torch_rate(batch, steps=3):
    torch.set_num_threads(THREADS)
    net = DeepLab().to(memory_format=torch.channels_last).train()
    optimiser = torch.optim.AdamW(net.parameters(), 1e-3)
    x = torch.rand(batch, 3, SIZE, SIZE).contiguous(memory_format=torch.channels_last)
    y = torch.randint(0, 21, (batch, SIZE, SIZE))
    for step in range(steps + 1):
        if step == 1:
            began = time.time()
        optimiser.zero_grad(set_to_none=True)
        F.cross_entropy(net(x), y).backward()
        optimiser.step()
    return batch * steps / (time.time() - began)


def mseg_rate(mseg, folder, precision, steps=40):
    command = [mseg, 'train', '--images', folder + '/images', '--masks', folder + '/masks', '--classes', folder + '/classes.txt',
               '--arch', 'mnv2:0.5', '--size', str(SIZE), '--batch', '32', '--steps', str(steps), '-j', str(THREADS), '--holdout', '0',
               '--precision', precision, '--json', '-y', '-o', folder + '/x.tflite']
    out = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=True, text=True).stdout
    return json.loads(out.splitlines()[-1])['samples_per_second']


def main():
    mseg, rounds = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 3
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, os.path.join(TESTS, '../examples/draw.py'), folder, '64'], check=True)
        batch = max((8, 16), key=lambda n: torch_rate(n, 1))
        rows = []
        for _ in range(rounds):
            row = {'PyTorch ' + torch.__version__: torch_rate(batch), 'mseg float': mseg_rate(mseg, folder, 'float')}
            try:
                row['mseg bf16'] = mseg_rate(mseg, folder, 'bf16')
            except subprocess.CalledProcessError:
                pass  # the processor has no such arithmetic
            rows.append(row)
    peer = next(iter(rows[0]))
    for name in rows[0]:
        rate, ratio = (statistics.median(row[name] / (row[peer] if k else 1) for row in rows) for k in (0, 1))
        print('%-14s %7.1f samples/s, %.1f times' % (name, rate, ratio))


main()
