#!/usr/bin/python3
"""test_safetensors.py MSEG [unittest arguments]: safetensors files with the names of Hugging Face and torchvision against NumPy
(torch_nets.py) and, where there is one, PyTorch; in every type, cut, and of other networks."""
import json
import os
import subprocess
import sys
import tempfile
import unittest

import numpy as np
from PIL import Image

import safetensors
import torch_nets

MSEG = os.path.abspath(sys.argv.pop(1))
IMAGENET = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
HALF = np.full(3, 0.5), np.full(3, 0.5)


def picture(width, height):
    y, x = np.mgrid[:height, :width]
    return np.stack([(7 * x + 3 * y) % 256, (x * y) % 256, (5 * x - 2 * y) % 256], 2).astype('u1')


def entered(pixels, mean_std):
    """[3, height, width], as PyTorch's transforms have it."""
    return ((pixels / 255 - mean_std[0]) / mean_std[1]).transpose(2, 0, 1)


def softmax(x):
    e = np.exp(x - x.max())
    return e / e.sum()


class Folder(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix='mseg-safetensors-')
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def path(self, name):
        return os.path.join(self.folder, name)

    def mseg(self, *arguments, status=0):
        done = subprocess.run([MSEG, *arguments], cwd=self.folder, capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, status, done.stderr)
        return done

    def info(self, name='net.safetensors'):
        return json.loads(self.mseg('info', '--json', name).stdout)

    def photo(self, width, height):
        pixels = picture(width, height)
        Image.fromarray(pixels).save(self.path('photo.png'))
        return pixels

    def chances(self, size, name='net.safetensors'):
        out = self.mseg('classify', '-m', name, '--json', '-', '-k', '1000', '--size', str(size), '--crop', '1', 'photo.png')
        top = json.loads(out.stdout)['top']
        return np.array([entry['probability'] for entry in sorted(top, key=lambda entry: entry['class'])])

    def logits(self, side, output_stride):
        self.mseg('run', '-q', '-m', 'net.safetensors', '--size', str(side), '--resize', 'none', '--os', str(output_stride),
                  '--scores', f'scores{output_stride}', '-o', f'masks{output_stride}', 'photo.png')
        return np.load(self.path(f'scores{output_stride}/photo.npy')).transpose(2, 0, 1)

    def assert_close(self, found, wanted):
        self.assertEqual(found.shape, wanted.shape)
        worst = np.abs(found - wanted).max() / np.ptp(wanted)
        self.assertLess(worst, 2e-5)


class Named(Folder):
    def test_hugging_face_segmentation(self):
        net = torch_nets.Net(1, True)
        tensors = net.tensors(torch_nets.hugging_face(True))
        self.assertEqual(len([name for name in tensors if name.startswith('segmentation_head.')]), 3 * 6 + 2)
        safetensors.write(self.path('net.safetensors'), tensors, {'format': 'pt'})
        pixels = self.photo(65, 65)
        for output_stride in (8, 16, 32):
            self.assert_close(self.logits(65, output_stride), net.scores(entered(pixels, HALF), output_stride))
        info = self.info()
        self.assertEqual((info['format'], info['classes'], info['sampling']), ('safetensors', 5, 'align_corners'))

    def test_hugging_face_classifier(self):
        net = torch_nets.Net(2, False)
        safetensors.write(self.path('net.safetensors'), net.tensors(torch_nets.hugging_face(False)))
        for size in (64, 65):  # SAME pads these differently
            pixels = self.photo(size, size)
            self.assert_close(self.chances(size), softmax(net.scores(entered(pixels, HALF))))

    def test_torchvision(self):
        net = torch_nets.Net(3, False)
        safetensors.write(self.path('net.safetensors'), net.tensors(torch_nets.torchvision))
        for size in (64, 65):
            pixels = self.photo(size, size)
            wanted = net.scores(entered(pixels, IMAGENET), same=False, epsilon=1e-5)
            self.assert_close(self.chances(size), softmax(wanted))
        info = self.info()
        self.assertEqual((info['sampling'], info['input']['from'], info['trained_output_stride']), ('half_pixel', 'names', 32))

    def test_torchvision_resnet(self):
        for seed, units in ((8, (3, 4, 6, 3)), (9, (3, 4, 23, 3))):
            net = torch_nets.ResNet(seed, units, False)
            safetensors.write(self.path('net.safetensors'), net.tensors())
            for size in (64, 65):
                pixels = self.photo(size, size)
                self.assert_close(self.chances(size), softmax(net.scores(entered(pixels, IMAGENET), 32)))
            self.assertEqual(self.info()['trained_output_stride'], 32)

    def test_torchvision_deeplab(self):
        for seed, units in ((10, (3, 4, 6, 3)), (11, (3, 4, 23, 3))):
            net = torch_nets.ResNet(seed, units, True)
            auxiliary = {'aux_classifier.4.bias': np.ones(3, 'f4')}
            safetensors.write(self.path('net.safetensors'), {**net.tensors(), **auxiliary})
            pixels = self.photo(64, 64)
            for output_stride in (8, 16, 32):
                self.assert_close(self.logits(64, output_stride), net.scores(entered(pixels, IMAGENET), output_stride))
            info = self.info()
            self.assertEqual((info['sampling'], info['trained_output_stride'], info['aspp']), ('half_pixel', 8, True))

    def test_wrapped_names(self):
        net = torch_nets.Net(3, False)
        tensors = net.tensors(torch_nets.torchvision)
        safetensors.write(self.path('net.safetensors'), tensors)
        pixels = self.photo(64, 64)
        wanted = softmax(net.scores(entered(pixels, IMAGENET), same=False, epsilon=1e-5))
        for before in ('module.', 'model.', '_orig_mod.module.'):
            safetensors.write(self.path('net.safetensors'), {before + name: array for name, array in tensors.items()})
            self.assert_close(self.chances(64), wanted)

    def test_what_mseg_says_goes_before_what_names_imply(self):
        net = torch_nets.Net(3, False)
        about = {'version': 1, 'input': {'scale': [2 / 255] * 3, 'offset': [-1] * 3, 'pad': [0] * 3}, 'sampling': 'legacy',
                 'padding': 'same', 'width': 96, 'height': 64, 'labels': list('abcde')}
        tensors = net.tensors(torch_nets.torchvision)
        safetensors.write(self.path('net.safetensors'), tensors, {'format': 'pt', 'mseg': json.dumps(about)})
        pixels = self.photo(64, 64)
        self.assert_close(self.chances(64), softmax(net.scores(entered(pixels, HALF), epsilon=1e-5)))
        info = self.info()
        self.assertEqual((info['sampling'], info['input']['from'], info['trained_width'], info['trained_height']),
                         ('legacy', 'metadata', 96, 64))
        about['padding'] = 'valid'
        safetensors.write(self.path('net.safetensors'), tensors, {'mseg': json.dumps(about)})
        self.assertEqual(self.mseg('info', 'net.safetensors', status=2).stderr,
                         "mseg: net.safetensors: mseg's description in the file: padding is none that mseg knows\n")

    def test_our_own_names_without_a_word_about_them(self):
        net = torch_nets.Net(7, True)
        head = {'pool': 'head.image_pooling', 'aspp': 'head.aspp0', 'projection': 'head.projection', 'classifier': 'head.classifier'}
        norms = {'weight': 'gamma', 'bias': 'beta', 'running_mean': 'mean', 'running_var': 'variance'}
        tensors = {}
        for layer, (weight, norm, bias) in net.layers.items():
            name = head.get(layer) or f'backbone.{"" if layer in ("stem", "last") else "block"}{layer}'
            tensors[name + '.weight'] = weight.transpose((1, 2, 3, 0) if '.depthwise' in layer else (0, 2, 3, 1))
            if bias is not None:
                tensors[name + '.bias'] = bias
            for part, values in (norm or {}).items():
                tensors[f'{name}.norm.{norms[part]}'] = values
            if norm:
                tensors[name + '.norm.epsilon'] = np.array([0.25], 'f4')
        safetensors.write(self.path('net.safetensors'), tensors)
        pixels = self.photo(65, 65)
        self.assert_close(self.logits(65, 16), net.scores(entered(pixels, HALF), 16, epsilon=0.25, head_epsilon=0.25))
        self.assertEqual(self.info()['input']['from'], 'assumed')
        tensors['neck.weight'] = tensors['head.classifier.bias']
        safetensors.write(self.path('net.safetensors'), tensors)
        self.assertEqual(self.mseg('info', 'net.safetensors', status=2).stderr,
                         "mseg: net.safetensors: the tensor neck.weight is not one of mseg's\n")

    def test_a_real_torchvision(self):
        try:
            import torch
            import torchvision
        except ImportError as error:
            print(f'SKIP: torchvision\'s own mobilenet_v2: {error}')
            self.skipTest('no torchvision')
        torch.manual_seed(4)
        net = torchvision.models.mobilenet_v2(weights=None, width_mult=0.35, num_classes=7).eval()
        for module in net.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                for values, low, high in ((module.running_mean, -0.5, 0.5), (module.running_var, 0.5, 2),
                                          (module.weight.data, 0.5, 1.5), (module.bias.data, -0.5, 0.5)):
                    values.uniform_(low, high)
        safetensors.write(self.path('net.safetensors'), {name: t.numpy() for name, t in net.state_dict().items()})
        for size in (96, 97):
            pixels = self.photo(size, size)
            with torch.no_grad():
                scores = net.double()(torch.from_numpy(entered(pixels, IMAGENET))[None])[0].numpy()
            self.assert_close(self.chances(size), softmax(scores))


class Types(Folder):
    """Of tensors, by what becomes of them: the same network from float32 that the type holds exactly."""

    def net(self, rounded):
        net = torch_nets.Net(5, False)
        for weight, norm, bias in net.layers.values():
            for values in [weight, *(norm or {}).values(), *([] if bias is None else [bias])]:
                values[...] = rounded(values)
        return net.tensors(torch_nets.torchvision)

    def check(self, rounded, stored, types=None):
        tensors = self.net(rounded)
        safetensors.write(self.path('plain.safetensors'), tensors)
        stored = {name: a if a.dtype == 'i8' else stored(a) for name, a in tensors.items()}
        safetensors.write(self.path('net.safetensors'), stored, types=types and {name: types for name in stored
                                                                                 if stored[name].dtype != 'i8'})
        self.photo(64, 64)
        np.testing.assert_array_equal(self.chances(64), self.chances(64, 'plain.safetensors'))

    def test_float16(self):
        self.check(lambda a: a.astype('f2'), lambda a: a.astype('f2'))

    def test_float64(self):
        self.check(lambda a: a, lambda a: a.astype('f8') * (1 + 2.0 ** -30))  # rounds back

    def test_bfloat16(self):
        def upper(a):
            return (a.view('u4') >> 16).astype('u2') if a.ndim else a
        self.check(lambda a: (a.view('u4') & 0xffff0000).view('f4'), lambda a: upper(np.ascontiguousarray(a)), 'BF16')

    def test_integers_are_refused(self):
        tensors = self.net(lambda a: a)
        tensors['features.18.0.weight'] = tensors['features.18.0.weight'].astype('i8')
        safetensors.write(self.path('net.safetensors'), tensors)
        line = self.mseg('info', 'net.safetensors', status=2).stderr
        self.assertEqual(line, 'mseg: net.safetensors: features.18.0.weight is of type I64; mseg reads F32, F16, BF16 and F64\n')


class Refused(Folder):
    def line(self, tensors, **how):
        safetensors.write(self.path('net.safetensors'), tensors, **how)
        done = self.mseg('info', 'net.safetensors', status=2)
        self.assertEqual(done.stdout, '')
        return done.stderr.removeprefix('mseg: net.safetensors: ').rstrip('\n')

    def test_a_tensor_too_few(self):
        for segmentation, names, left_out in (
                (True, torch_nets.hugging_face(True), 'segmentation_head.conv_aspp.convolution.weight'),
                (True, torch_nets.hugging_face(True), 'mobilenet_v2.layer.15.reduce_1x1.normalization.running_var'),
                (False, torch_nets.hugging_face(False), 'mobilenet_v2.conv_1x1.convolution.weight'),
                (False, torch_nets.hugging_face(False), 'classifier.weight'),
                (False, torch_nets.torchvision, 'features.17.conv.1.1.running_mean'),
                (False, torch_nets.torchvision, 'features.2.conv.0.0.weight')):
            tensors = torch_nets.Net(1, segmentation).tensors(names)
            del tensors[left_out]
            self.assertIn(f' without its tensor {left_out}', self.line(tensors))
        for left_out in ('layer3.22.bn3.running_var', 'layer4.0.downsample.0.weight', 'classifier.2.running_mean',
                         'classifier.0.convs.4.1.weight'):
            tensors = torch_nets.ResNet(1, (3, 4, 23, 3), True).tensors()
            del tensors[left_out if left_out in tensors else 'backbone.' + left_out]
            self.assertEqual(self.line(tensors), f"torchvision's deeplabv3_resnet101 without its tensor {left_out}")

    def test_what_may_be_left_out(self):
        tensors = torch_nets.Net(1, True).tensors(torch_nets.hugging_face(True))
        for name in list(tensors):
            if name.endswith('num_batches_tracked') or name.startswith('mobilenet_v2.conv_1x1'):
                del tensors[name]
        safetensors.write(self.path('net.safetensors'), tensors)
        self.assertEqual(self.info()['classes'], torch_nets.CLASSES)

    def test_a_tensor_too_many(self):
        for name in ('features.19.0.weight', 'features.2.conv.0.0.scale', 'features.02.conv.0.0.weight', 'classifier.1',
                     'features.2.conv.0.0.running_mean', 'features.18.1.weight.x', 'extra'):
            tensors = torch_nets.Net(1, False).tensors(torch_nets.torchvision)
            tensors[name] = np.zeros(1, 'f4')
            self.assertEqual(self.line(tensors), f"the tensor {name} is not one of torchvision's mobilenet_v2")

    def test_a_tensor_twice(self):
        tensors = torch_nets.Net(1, False).tensors(torch_nets.torchvision)
        tensors['module.classifier.1.bias'] = tensors['classifier.1.bias']
        self.assertEqual(self.line(tensors), 'classifier.1.bias is there twice, with something before its name and without')

    def test_wrong_shapes(self):
        for name, shape, line in (
                ('features.2.conv.1.0.weight', (12, 12, 3, 3), ' has not the dimensions of backbone.block1.depthwise.weight'),
                ('features.0.0.weight', (4, 27), ' has not the dimensions of backbone.stem.weight'),
                ('features.0.0.weight', (4, 3, 3, 3, 1), ' has not the dimensions of backbone.stem.weight'),
                ('classifier.1.weight', (5, 12, 1, 1), ' has not the dimensions of head.classifier.weight'),
                ('features.0.0.weight', (4, 0, 3, 3), 'backbone.stem.weight has an impossible shape'),
                ('features.0.1.bias', (3,), 'backbone.stem.norm.beta has 3 values, not 4')):
            tensors = torch_nets.Net(1, False).tensors(torch_nets.torchvision)
            tensors[name] = np.zeros(shape, 'f4')
            self.assertIn(line, self.line(tensors))

    def test_other_networks(self):
        known = ', no network that mseg knows; it reads MobileNetV2 and ResNet by the names of Hugging Face and torchvision, and its own'
        for names, said in (([], 'without tensors'), (['wte.weight'], 'with wte.weight'),
                            (['wpe.weight', 'a'], 'with wpe.weight, a'), (['x', 'y', 'z'], 'with x, y ...'),
                            (['features.0.weight', 'classifier.6.weight'], 'with features.0.weight, classifier.6.weight')):
            line = self.line({name: np.ones(2, 'f4') for name in names}, metadata={'format': 'pt'})
            self.assertEqual(line, f'a safetensors file {said}{known}')


if __name__ == '__main__':
    unittest.main()
