#!/usr/bin/python3
"""test_torch_resnet.py MSEG: DeepLabv3 behind a ResNet and a ResNet classifier, written down here in torchvision's structure and with its
names but with few channels, exported by PyTorch as ONNX: mseg's numbers are PyTorch's, also at sizes and output strides that are not the
file's. With torchvision there and MSEG_TORCHVISION=1 its own deeplabv3_resnet50 too, which takes minutes."""
import json
import os
import subprocess
import sys
import tempfile
import unittest
import warnings

import numpy as np
from PIL import Image

try:
    import torch
    from torch import nn
    from torch.nn import functional as F
except ImportError:
    torch = None
    print('SKIP: PyTorch (Debian: python3-torch) is not there: ResNets that it exports as ONNX are NOT tested', flush=True)

MSEG = os.path.abspath(sys.argv.pop(1))
CLOSE = 1e-3  # of the largest of the numbers
MEAN, STD = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
BASE, DEPTH, CLASSES = 8, 12, 5
UNITS = [2, 2, 3, 2]


def networks():
    """The classes, of a PyTorch that is there. deeplab(stride, aux), classifier()."""
    def norm(channels, out, kernel, stride=1, rate=1):
        return nn.Conv2d(channels, out, kernel, stride, kernel // 2 * rate, rate, bias=False), nn.BatchNorm2d(out)

    class Bottleneck(nn.Module):
        def __init__(self, channels, planes, stride, rate, downsample):
            super().__init__()
            self.conv1, self.bn1 = norm(channels, planes, 1)
            self.conv2, self.bn2 = norm(planes, planes, 3, stride, rate)
            self.conv3, self.bn3 = norm(planes, 4 * planes, 1)
            self.relu = nn.ReLU(inplace=True)
            self.downsample = nn.Sequential(*norm(channels, 4 * planes, 1, stride)) if downsample else None

        def forward(self, x):
            y = self.relu(self.bn1(self.conv1(x)))
            y = self.relu(self.bn2(self.conv2(y)))
            y = self.bn3(self.conv3(y))
            return self.relu(y + (self.downsample(x) if self.downsample else x))

    class ResNet(nn.Module):
        """torchvision's strides: in the first unit of a block; turned into rates of what follows where the output stride is reached."""
        def __init__(self, output_stride, classes=0):
            super().__init__()
            self.conv1, self.bn1 = norm(3, BASE, 7, 2)
            self.relu, self.maxpool = nn.ReLU(inplace=True), nn.MaxPool2d(3, 2, 1)
            channels, reached, rate = BASE, 4, 1
            for block, units in enumerate(UNITS):
                layers = []
                for i in range(units):
                    stride, own = (2 if block and not i else 1), rate
                    if stride == 2 and reached == output_stride:
                        stride, rate = 1, 2 * rate
                    reached *= stride
                    layers.append(Bottleneck(channels, BASE << block, stride, own, not i))
                    channels = 4 * BASE << block
                setattr(self, f'layer{block + 1}', nn.Sequential(*layers))
            self.fc = nn.Linear(channels, classes) if classes else None

        def forward(self, x):
            x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
            third = self.layer3(self.layer2(self.layer1(x)))
            x = self.layer4(third)
            return self.fc(torch.flatten(F.adaptive_avg_pool2d(x, 1), 1)) if self.fc else (x, third)

    class Pooling(nn.Sequential):
        def forward(self, x):
            size = x.shape[-2:]
            for module in self:
                x = module(x)
            return F.interpolate(x, size=size, mode='bilinear', align_corners=False)

    class Pyramid(nn.Module):
        def __init__(self, channels, rates):
            super().__init__()
            branches = [nn.Sequential(*norm(channels, DEPTH, 3 if rate else 1, 1, rate or 1), nn.ReLU()) for rate in (0, *rates)]
            branches.append(Pooling(nn.AdaptiveAvgPool2d(1), *norm(channels, DEPTH, 1), nn.ReLU()))
            self.convs = nn.ModuleList(branches)
            self.project = nn.Sequential(*norm(5 * DEPTH, DEPTH, 1), nn.ReLU(), nn.Dropout(0.5))

        def forward(self, x):
            return self.project(torch.cat([conv(x) for conv in self.convs], 1))

    class DeepLab(nn.Module):
        def __init__(self, output_stride, aux):
            super().__init__()
            self.backbone, channels = ResNet(output_stride), 32 * BASE
            rates = [6 * i * 16 // output_stride for i in (1, 2, 3)]
            self.classifier = nn.Sequential(Pyramid(channels, rates), *norm(DEPTH, DEPTH, 3), nn.ReLU(), nn.Conv2d(DEPTH, CLASSES, 1))
            self.aux_classifier = nn.Sequential(*norm(channels // 2, DEPTH, 3), nn.ReLU(), nn.Dropout(0.1),
                                                nn.Conv2d(DEPTH, CLASSES, 1)) if aux else None

        def forward(self, x):
            features, third = self.backbone(x)
            out = {'out': self.classifier(features)}
            if self.aux_classifier:
                out['aux'] = self.aux_classifier(third)
            return {name: F.interpolate(y, size=x.shape[-2:], mode='bilinear', align_corners=False) for name, y in out.items()}

    return DeepLab, lambda: ResNet(32, CLASSES)


def finish(model, seed):
    """Statistics that are not 0 and 1, from a fixed seed; in eval mode."""
    generator = torch.Generator().manual_seed(seed)
    for m in model.modules():
        if isinstance(m, nn.BatchNorm2d):
            m.weight.data.uniform_(0.6, 1.2, generator=generator)
            m.bias.data.uniform_(-0.3, 0.5, generator=generator)
            m.running_mean.uniform_(-0.3, 0.3, generator=generator)
            m.running_var.uniform_(0.5, 1.5, generator=generator)
        elif isinstance(m, (nn.Conv2d, nn.Linear)):
            m.weight.data.normal_(0, (1.4 / m.weight[0].numel()) ** 0.5, generator=generator)
            if m.bias is not None:
                m.bias.data.uniform_(-0.5, 0.5, generator=generator)
    return model.eval()


@unittest.skipUnless(torch, 'no PyTorch')
class Exported(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.TemporaryDirectory()
        self.addCleanup(self.dir.cleanup)

    def path(self, name):
        return os.path.join(self.dir.name, name)

    def export(self, model, size, opset, folded=True):
        """folded: as by default; else batch norm stays apart."""
        warnings.filterwarnings('ignore')
        mode = torch.onnx.TrainingMode.EVAL if folded else torch.onnx.TrainingMode.PRESERVE
        torch.onnx.export(model, torch.zeros(1, 3, size, size), self.path('model.onnx'), opset_version=opset, training=mode,
                          do_constant_folding=folded)

    def picture(self, size):
        pixels = np.random.RandomState(size).randint(0, 256, (size, size, 3)).astype('u1')
        Image.fromarray(pixels).save(self.path('photo.png'))
        return torch.from_numpy(((pixels / 255 - MEAN) / STD).astype('f4').transpose(2, 0, 1)[None])

    def mseg(self, *args):
        done = subprocess.run([MSEG, *args], capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def assert_close(self, got, want):
        self.assertEqual(got.shape, want.shape)
        self.assertGreater(want.std(), 0.02 * np.abs(want).max())  # an output of one value would be close to anything
        self.assertLess(np.abs(got - want).max(), CLOSE * np.abs(want).max())

    def check_picture(self, model, size, output_stride):
        """Scores of every cell, and what the largest of them is in every pixel, by the model's own resize."""
        x = self.picture(size)
        with torch.no_grad():
            features = model.backbone(x)
            want = model.classifier(features['out' if isinstance(features, dict) else 0])
            probabilities = torch.softmax(model(x)['out'], 1)
        self.mseg('run', '-q', '--os', str(output_stride), '-m', self.path('model.onnx'), '--scores',
                  self.path('scores'), '--probabilities', self.path('scores/p'), '-o', self.path('masks'), '--size', str(size),
                  self.path('photo.png'))
        self.assert_close(np.load(self.path('scores/photo.npy')), want[0].numpy().transpose(1, 2, 0))
        self.assert_close(np.load(self.path('scores/p/photo.npy')), probabilities[0].numpy().transpose(1, 2, 0))

    def test_deeplab(self):
        deeplab, _ = networks()
        for aux in (False, True):
            model = finish(deeplab(8, aux), 1)
            for opset, folded in ((11, True), (17, True), (17, False)):
                with self.subTest(aux=aux, opset=opset, folded=folded):
                    self.export(model, 64, opset, folded)
                    self.check_picture(model, 64, 8)
        self.check_picture(model, 104, 8)

    def test_an_odd_size_at_another_output_stride(self):
        """PyTorch's network of output stride 16 has the same weights."""
        deeplab, _ = networks()
        self.export(finish(deeplab(8, False), 2), 65, 11)
        self.check_picture(finish(deeplab(16, False), 2), 96, 16)

    def test_classifier(self):
        _, classifier = networks()
        model = finish(classifier(), 3)
        x = self.picture(96)
        with torch.no_grad():
            want = torch.softmax(model(x)[0], 0).numpy()
        for opset, folded in ((11, True), (17, False)):
            with self.subTest(opset=opset, folded=folded):
                self.export(model, 96, opset, folded)
                line = json.loads(self.mseg('classify', '--size', '96', '--crop', '1', '-k', str(CLASSES), '--json', '-', '-m',
                                            self.path('model.onnx'), self.path('photo.png')))
                got = np.zeros_like(want)
                for entry in line['top']:
                    got[entry['class']] = entry['probability']
                self.assert_close(got, want)

    @unittest.skipUnless(os.environ.get('MSEG_TORCHVISION') == '1', 'MSEG_TORCHVISION=1 asks for it')
    def test_torchvision(self):
        from torchvision.models.segmentation import deeplabv3_resnet50
        for aux in (False, True):
            for opset in (11, 17):
                with self.subTest(aux=aux, opset=opset):
                    model = finish(deeplabv3_resnet50(weights=None, weights_backbone=None, aux_loss=aux), 4)
                    self.export(model, 64, opset)
                    self.check_picture(model, 64, 8)
        self.check_picture(model, 128, 8)


if __name__ == '__main__':
    unittest.main()
