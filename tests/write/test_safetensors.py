#!/usr/bin/python3
"""test_safetensors.py WRITE_SAFETENSORS [unittest arguments]: what mseg writes as safetensors, read by a reader of its own
(tests/weights/safetensors.py) and compared with the numbers that went in, batch norm folded by NumPy."""
import json
import os
import subprocess
import sys
import tempfile
import unittest

import numpy as np

FOLDER = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(FOLDER, '../weights'))
import safetensors
import torch_nets

WRITE = os.path.abspath(sys.argv.pop(1))
OURS = {'stem': 'backbone.stem', 'last': 'backbone.last', 'pool': 'head.image_pooling', 'aspp': 'head.aspp0',
        'projection': 'head.projection', 'classifier': 'head.classifier'}


def our_name(layer):
    return OURS.get(layer) or 'backbone.block' + layer


def folded(net, epsilons):
    """The layers as mseg has them: weight [out, kh, kw, in] or [1, 3, 3, channels], and bias, rounded once from double."""
    out = {}
    for layer, (weight, norm, bias) in net.layers.items():
        if net.segmentation and layer == 'last':
            continue
        weight, bias = weight.astype('f8'), 0.0 if bias is None else bias.astype('f8')
        if norm:
            epsilon = np.float64(np.float32(epsilons[layer in OURS and OURS[layer].startswith('head')]))
            factor = norm['weight'].astype('f8') / np.sqrt(norm['running_var'].astype('f8') + epsilon)
            weight = weight * factor[:, None, None, None]
            bias = (bias - norm['running_mean'].astype('f8')) * factor + norm['bias'].astype('f8')
        order = (1, 2, 3, 0) if '.depthwise' in layer else (0, 2, 3, 1)
        out[our_name(layer) + '.weight'] = weight.transpose(order).astype('f4')
        out[our_name(layer) + '.bias'] = bias.astype('f4')
    return out


class Written(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix='mseg-write-')
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, source, *arguments):
        subprocess.run([WRITE, source, self.path('out.safetensors'), *arguments], check=True)
        return safetensors.read(self.path('out.safetensors'))

    def source(self, segmentation, names):
        net = torch_nets.Net(6, segmentation)
        safetensors.write(self.path('in.safetensors'), net.tensors(names))
        return net

    def test_numbers(self):
        for segmentation, names, epsilons in ((True, torch_nets.hugging_face(True), (1e-3, 1e-5)),
                                              (False, torch_nets.hugging_face(False), (1e-3, 0)),
                                              (False, torch_nets.torchvision, (1e-5, 0))):
            wanted = folded(self.source(segmentation, names), epsilons)
            found, _, _ = self.write(self.path('in.safetensors'), '65', '65', '16', 'float')
            self.assertEqual(sorted(found), sorted(wanted))
            for name, values in wanted.items():
                self.assertEqual(found[name].dtype, np.dtype('<f4'))
                np.testing.assert_array_equal(found[name], values, name)

    def test_half(self):
        wanted = folded(self.source(True, torch_nets.hugging_face(True)), (1e-3, 1e-5))
        found, _, _ = self.write(self.path('in.safetensors'), '65', '65', '16', 'half')
        for name, values in wanted.items():
            kind = 'f2' if name.endswith('.weight') else 'f4'
            self.assertEqual(found[name].dtype, np.dtype('<' + kind))
            np.testing.assert_array_equal(found[name], values.astype(kind), name)

    def test_order(self):
        for kind in ('float', 'half'):
            found, _, length = self.write('mnv2:0.25:aspp', '65', '65', '16', kind)
            self.assertEqual(length % 8, 0)
            widths = [(-values.dtype.itemsize, name) for name, values in found.items()]
            self.assertEqual(widths, sorted(widths))

    def test_metadata(self):
        _, metadata, _ = self.write('mnv2:0.25:classes=3', '513', '257', '8', 'float', 'a "b"', 'x', '', 'caf\u00e9')
        about = json.loads(metadata.pop('mseg'))
        self.assertEqual(metadata, {'format': 'mseg', 'name': 'a "b"'})
        scale = float(np.float32(2) / np.float32(255))
        self.assertEqual(about, {'version': 1, 'input': {'scale': [scale] * 3, 'offset': [-1] * 3, 'pad': [0] * 3},
                                 'sampling': 'align_corners', 'padding': 'same', 'output_stride': 8, 'width': 513, 'height': 257,
                                 'labels': ['x', '', 'caf\u00e9']})
        _, metadata, _ = self.write('mnv2:0.25', '513', '257', '8', 'float')
        self.assertEqual(sorted(metadata), ['format', 'mseg'])

    def test_what_names_imply_is_written(self):
        self.source(False, torch_nets.torchvision)
        _, metadata, _ = self.write(self.path('in.safetensors'), '224', '224', '32', 'float')
        about = json.loads(metadata['mseg'])
        self.assertEqual((about['sampling'], about['padding']), ('half_pixel', 'symmetric'))
        mean, std = np.array([0.485, 0.456, 0.406]) * 255, np.array([0.229, 0.224, 0.225]) * 255
        for found, wanted in (('scale', 1 / std), ('offset', -mean / std), ('pad', (127.5 - mean) / std)):
            np.testing.assert_allclose(about['input'][found], wanted, rtol=1e-6)


if __name__ == '__main__':
    unittest.main()
