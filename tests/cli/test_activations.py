#!/usr/bin/python3
"""test_activations.py MSEG: 'mseg info --activations' with small networks made here. What it counts is compared with a forward pass in
NumPy, in double precision, position by position, and with arithmetic where weights are 0; what is said of the counts with NumPy's
percentiles and deviations. Then what goes wrong: damaged photos, outputs on inputs, options that do not go together."""
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
from html.parser import HTMLParser

import numpy as np
from PIL import Image

import photos
from schema import parse

MSEG = os.path.abspath(sys.argv.pop(1))
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, '../weights'))
import safetensors  # noqa: E402

STRIDES = [1, 2, 1, 2, 1, 1, 2, 1, 1, 1, 1, 1, 1, 2, 1, 1, 1]  # of MobileNetV2's blocks
SIDE, CLASSES = 33, 3
BLOCKS = [f'backbone.block{i}' for i in range(17)]
EXPANDED = ['backbone.stem'] + [f'{name}.{part}' for name in BLOCKS for part in ('expand', 'depthwise')][1:]


def network(seed, classifier=False):
    """Layers of a MobileNetV2 of 4 channels, all but the first block's expanded by 6: name -> (weight, bias)."""
    rng = np.random.default_rng(seed)

    def conv(out, kernel, into):
        return rng.normal(0, 1.5 / kernel / into ** 0.5, (out, kernel, kernel, into)), rng.normal(0, 0.7, out)

    def depthwise(channels):
        return rng.normal(0, 0.6, (1, 3, 3, channels)), rng.normal(0, 0.7, channels)

    layers = {'backbone.stem': conv(5, 3, 3)}
    for i, name in enumerate(BLOCKS):
        wide = 24 if i else 5
        if i:
            layers[f'{name}.expand'] = conv(wide, 1, 4)
        layers[f'{name}.depthwise'] = depthwise(wide)
        layers[f'{name}.project'] = conv(4, 1, wide)
    if classifier:
        layers.update({'backbone.last': conv(40, 1, 4), 'head.classifier': conv(CLASSES, 1, 40)})
    else:
        layers.update({'head.aspp0': conv(7, 1, 4), 'head.image_pooling': conv(7, 1, 4), 'head.projection': conv(9, 1, 14),
                       'head.classifier': conv(CLASSES, 1, 9)})
    return {name: (weight.astype('f4'), bias.astype('f4')) for name, (weight, bias) in layers.items()}


def save(path, layers, output_stride=16):
    about = {'version': 1, 'input': {'scale': [1 / 127.5] * 3, 'offset': [-1, -1, -1], 'pad': [0, 0, 0]}, 'sampling': 'align_corners',
             'padding': 'same', 'output_stride': output_stride, 'width': SIDE, 'height': SIDE}
    tensors = {f'{name}.{part}': values for name, both in layers.items() for part, values in zip(('weight', 'bias'), both)}
    safetensors.write(path, tensors, {'format': 'mseg', 'mseg': json.dumps(about)})


def convolve(x, layer, stride=1, rate=1, depthwise=False):
    """TensorFlow's SAME."""
    weight, bias = (values.astype('f8') for values in layer)
    size, pads = weight.shape[1], []
    for n in x.shape[:2]:
        zeros = max((-(-n // stride) - 1) * stride + (size - 1) * rate + 1 - n, 0)
        pads.append((zeros // 2, zeros - zeros // 2))
    h, w = (-(-n // stride) for n in x.shape[:2])
    x, out = np.pad(x, pads + [(0, 0)]), 0
    for i in range(size):
        for j in range(size):
            part = x[i * rate:, j * rate:][:(h - 1) * stride + 1:stride, :(w - 1) * stride + 1:stride]
            out = out + (part * weight[0, i, j] if depthwise else part @ weight[:, i, j].T)
    return out + bias


def forward(layers, canvas, output_stride):
    """name -> (what is in front of the ReLU, most: 6 or infinite, canvas pixels between positions; 0: one position)."""
    seen, at, rate = {}, 2, 1

    def relu(name, x, most, stride):
        seen[name] = x, most, stride
        return np.clip(x, 0, most)

    x = relu('backbone.stem', convolve(canvas, layers['backbone.stem'], 2), 6, 2)
    for i, name in enumerate(BLOCKS):
        before, stride, next_rate = x, STRIDES[i], rate
        if at * stride > output_stride:
            stride, next_rate = 1, rate * STRIDES[i]
        if i:
            x = relu(f'{name}.expand', convolve(x, layers[f'{name}.expand']), 6, at)
        at *= stride
        x = relu(f'{name}.depthwise', convolve(x, layers[f'{name}.depthwise'], stride, rate, True), 6, at)
        x, rate = convolve(x, layers[f'{name}.project']), next_rate
        if i and stride == 1:  # slim's rule
            x = x + before
    if 'backbone.last' in layers:
        relu('backbone.last', convolve(x, layers['backbone.last']), 6, at)
        return seen
    pooled = relu('head.image_pooling', convolve(x.mean((0, 1), keepdims=True), layers['head.image_pooling']), np.inf, 0)
    branch = relu('head.aspp0', convolve(x, layers['head.aspp0']), np.inf, at)
    both = np.concatenate([np.broadcast_to(pooled, branch.shape), branch], 2)
    relu('head.projection', convolve(both, layers['head.projection']), np.inf, at)
    return seen


def count(layers, pictures, output_stride, side=SIDE):
    """name -> (positive channels of every position of every picture, channels at 6, how near numbers come to 0 or to 6)."""
    found = {}
    for picture in pictures:
        canvas = np.zeros((side, side, 3))  # what byte 127.5 becomes
        canvas[:picture.shape[0], :picture.shape[1]] = picture / 127.5 - 1
        for name, (x, most, stride) in forward(layers, canvas, output_stride).items():
            for y in range(x.shape[0]):
                for column in range(x.shape[1]):
                    if y * stride < picture.shape[0] and column * stride < picture.shape[1]:
                        found.setdefault(name, []).append(((x[y, column] > 0).sum(), (x[y, column] >= most).sum(),
                                                           min(abs(x[y, column]).min(), abs(x[y, column] - most).min())))
    return {name: np.array(rows) for name, rows in found.items()}


class Folder(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        os.makedirs(self.path('in'))

    def path(self, name):
        return os.path.join(self.folder, name)

    def mseg(self, *arguments, status=0, cpu='', stdin=''):
        environment = {**os.environ, 'MSEG_CPU': cpu}
        environment.pop('MSEG_MODEL', None)
        done = subprocess.run([MSEG, 'info', *arguments], cwd=self.folder, capture_output=True, text=True, env=environment, check=False,
                              input=stdin)
        self.assertEqual(done.returncode, status, done.stderr)
        return done

    def counted(self, *arguments, **how):
        return parse(self.mseg('--activations', 'in', '--json', *arguments, **how).stdout)

    def draw(self, sizes):
        """Photos as large as the canvas, so that nothing is resized."""
        pictures = []
        for i, (width, height) in enumerate(sizes):
            photos.picture(width, height, 50 + i).save(self.path(f'in/{i}.png'))
            pictures.append(np.asarray(Image.open(self.path(f'in/{i}.png'))).astype('f8'))
        return pictures


class Counts(Folder):
    def check(self, document, reference, layers):
        self.assertEqual([layer['name'] for layer in document['layers']], list(reference))
        for layer in document['layers']:
            name, rows = layer['name'], reference[layer['name']]
            counts, channels = rows[:, 0].astype(int), layers[layer['name']][1].size
            self.assertGreater(rows[:, 2].min(), 5e-5, name)  # no number is so near 0 or 6 that floats could be on the other side
            self.assertEqual(layer['channels'], channels, name)
            self.assertEqual(layer['kind'], 'depthwise conv' if name.endswith('depthwise') else 'conv')
            self.assertEqual(layer['histogram'], np.bincount(counts, minlength=channels + 1).tolist(), name)
            self.assertEqual(layer['positions'], len(counts))
            self.assertEqual([layer['min'], layer['max']], [counts.min(), counts.max()])
            for percent, key in [(5, 'percentile5'), (50, 'median'), (95, 'percentile95')]:
                self.assertEqual(layer[key], np.percentile(counts, percent, method='inverted_cdf'), (name, key))
            self.assertAlmostEqual(layer['mean'], counts.mean(), delta=1e-9)
            self.assertAlmostEqual(layer['deviation'], counts.std(), delta=1e-9)
            self.assertAlmostEqual(layer['at_six'], rows[:, 1].mean(), delta=1e-9)
            source = name.replace('depthwise', 'expand')
            threshold = layers[source][0].shape[3] if source in layers and layers[source][0].shape[1] == 1 else None
            self.assertEqual(layer['threshold'], threshold, name)
            self.assertEqual(layer['below'], None if threshold is None else (counts < threshold).sum(), name)

    def test_a_forward_pass_counts_the_same(self):
        pictures = self.draw([(33, 25), (19, 33), (33, 33)])
        layers = network(SEED)
        for output_stride in (8, 16):
            save(self.path('net.safetensors'), layers, output_stride)
            reference = count(layers, pictures, output_stride)
            for cpu, jobs in [('scalar', '1'), ('', '3')]:
                document = self.counted('net.safetensors', '-j', jobs, cpu=cpu)
                self.assertEqual([document[key] for key in ('photos', 'failed', 'size', 'output_stride')], [3, 0, SIDE, output_stride])
                self.check(document, reference, layers)
        below = sum(layer['below'] or 0 for layer in document['layers'])
        self.assertTrue(0 < below < sum(layer['positions'] for layer in document['layers']))

    def test_classifiers_see_all_of_the_canvas(self):
        """Of one colour, so that cutting and stretching change nothing."""
        Image.new('RGB', (50, 21), (200, 90, 30)).save(self.path('in/a.png'))
        layers = network(SEED, classifier=True)
        save(self.path('net.safetensors'), layers)
        picture = np.broadcast_to(np.array([200., 90, 30]), (32, 32, 3))
        self.check(self.counted('net.safetensors', '--size', '32', '--os', '32'), count(layers, [picture], 32, 32), layers)

    def test_layers_without_weights(self):
        """What is in front of the ReLU is the bias then: as many are positive as biases are, wherever it is."""
        self.draw([(33, 20)])
        layers = network(SEED)
        want = {}
        for i, name in enumerate(EXPANDED[4:]):
            weight, bias = layers[name]
            bias[:] = -1
            bias[:i % 6], bias[:i % 3] = 5.9, 6 + i  # some of them at 6 and above
            layers[name] = weight * 0, bias
            want[name] = max(i % 6, i % 3), i % 3
        save(self.path('net.safetensors'), layers)
        found = {layer['name']: layer for layer in self.counted('net.safetensors')['layers']}
        self.assertGreater(len(want), 25)
        for name, (positive, sixes) in want.items():
            layer = found[name]
            self.assertEqual([layer[key] for key in ('min', 'percentile5', 'median', 'percentile95', 'max', 'mean', 'deviation', 'at_six')],
                             [positive] * 6 + [0, sixes], name)
            self.assertEqual(layer['below'], layer['positions'] if positive < 4 else 0, name)

    def test_random_networks_have_half_of_them(self):
        """The paper's step 0: 'the activation patterns concentrate around having half of the positive channels'."""
        self.draw([(33, 25), (19, 33)])
        for layer in self.counted('mnv2', '--size', '33')['layers']:
            if layer['name'].endswith('.expand'):
                self.assertAlmostEqual(layer['mean'] / layer['channels'], 0.5, delta=0.15)
                self.assertEqual(layer['threshold'] * 6, layer['channels'])
                self.assertEqual(layer['below'], 0)

    def test_numbers_that_are_none(self):
        self.draw([(33, 25)])
        layers = network(SEED)
        for name in ('backbone.block16.project', 'head.aspp0'):
            layers[name] = abs(layers[name][0]) * np.float32(1e30), abs(layers[name][1])
        save(self.path('net.safetensors'), layers)
        done = self.mseg('--activations', 'in', 'net.safetensors', status=2)
        self.assertEqual(done.stderr, 'mseg: in/0.png: head.aspp0 makes numbers that are not finite\n')
        self.assertEqual(done.stdout, '')


class Cells(HTMLParser):
    """The rows of the table, the JSON and how many marks the plots have."""
    def __init__(self, page):
        super().__init__()
        self.rows, self.data, self.marks, self.on = [], '', {}, None
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        if tag == 'tr':
            self.rows.append([])
        if tag in ('th', 'td'):
            self.on = 'cell'
            self.rows[-1].append('')
        if tag == 'script':
            self.on = 'data'
        if tag in ('line', 'rect', 'circle') and 'class' in attributes:
            self.marks.setdefault(attributes['class'], []).append(attributes)

    def handle_endtag(self, tag):
        self.on = None

    def handle_data(self, data):
        if self.on == 'cell':
            self.rows[-1][-1] += data
        if self.on == 'data':
            self.data += data


class Shown(Folder):
    def setUp(self):
        super().setUp()
        self.draw([(33, 25), (19, 33)])
        self.layers = network(SEED)
        save(self.path('net.safetensors'), self.layers)

    def cells(self, layer):
        """What the table says of a layer of the JSON."""
        share = layer['threshold'] and f"{100 * layer['below'] / layer['positions']:.2f}"
        return [layer['name'], str(layer['channels']), f"{layer['mean']:.1f}", f"{100 * layer['mean'] / layer['channels']:.1f}",
                f"{layer['deviation']:.1f}", *(str(layer[key]) for key in ('min', 'percentile5', 'median', 'percentile95', 'max')),
                str(layer['threshold'] or '-'), share or '-', f"{layer['at_six']:.2f}"]

    def test_table_page_and_json_say_the_same(self):
        document = self.counted('net.safetensors')
        done = self.mseg('--activations', 'in', 'net.safetensors', '--html', 'out.html')
        lines = done.stdout.splitlines()
        self.assertEqual(lines[0], 'positive channels of net, 2 photos on a canvas of 33 x 33')
        want = [self.cells(layer) for layer in document['layers']]
        self.assertEqual([line.split() for line in lines[3:3 + len(want)]], want)
        with open(self.path('out.html'), encoding='utf-8') as file:
            page = file.read()
        cells = Cells(page)
        self.assertEqual([[cell.replace('–', '-') for cell in row] for row in cells.rows[1:]], want)
        inside = parse(cells.data)
        self.assertEqual(inside.pop('command'), 'mseg info --activations in net.safetensors --html out.html')
        document.pop('command')
        self.assertEqual(inside, document)
        self.assertNotRegex(page, r'(src|href)="(?!https://arxiv\.org/abs/1801\.04381")')

    def test_plot(self):
        """Heights of both plots against the counts: 0 is at the bottom, all channels or the most of any layer at the top."""
        document = self.counted('net.safetensors')
        self.mseg('--activations', 'in', 'net.safetensors', '--html', 'out.html', '-q')
        with open(self.path('out.html'), encoding='utf-8') as file:
            marks = Cells(file.read()).marks
        n, full = len(document['layers']), max(layer['channels'] for layer in document['layers'])
        for i, layer in enumerate(document['layers'] * 2):
            scale = layer['channels'] if i >= n else full
            place = [8 + 260 * (1 - layer[key] / scale) for key in ('min', 'max', 'mean', 'percentile95', 'percentile5')]
            box = marks['most'][i]
            found = [marks['range'][i]['y1'], marks['range'][i]['y2'], marks['mean'][i]['cy'], box['y']]
            np.testing.assert_allclose([float(value) for value in found], place[:4], atol=0.051)
            self.assertAlmostEqual(float(box['height']), max(place[4] - place[3], 1), delta=0.11)
        shown = [8 + 260 * (1 - layer['threshold'] / (layer['channels'] if i >= n else full)) for i, layer in enumerate(document['layers'] * 2)
                 if layer['threshold'] and layer['threshold'] <= (layer['channels'] if i >= n else full)]
        np.testing.assert_allclose([float(line['y1']) for line in marks['threshold']], shown, atol=0.051)

    def test_inputs_are_as_for_run(self):
        os.makedirs(self.path('deep/er'))
        os.symlink('in', self.path('line\nbreak'))
        shutil.copy(self.path('in/0.png'), self.path('deep/a.png'))
        shutil.copy(self.path('in/1.png'), self.path('deep/er/b.png'))
        whole = self.counted('net.safetensors')['layers']
        for arguments, stdin in [(['deep', '-r'], ''), (['line\nbreak'], ''), (['-'], 'in/0.png\nin/1.png\n'), (['-', '-0'], 'in/1.png\0in/0.png\0')]:
            done = self.mseg('net.safetensors', '--json', '--activations', *arguments, stdin=stdin)
            self.assertEqual(parse(done.stdout)['layers'], whole)
        done = self.mseg('net.safetensors', '-0', '--activations', '-', stdin='in/0.png\nin/1.png\n', status=2)
        self.assertIn('mseg: in/0.png?in/1.png?: ', done.stderr)
        one = parse(self.mseg('--activations', 'deep', '-m', 'net.safetensors', '--json').stdout)
        self.assertEqual(one['photos'], 1)
        self.assertEqual(one['layers'], parse(self.mseg('--activations', 'in/0.png', 'net.safetensors', '--json').stdout)['layers'])

    def test_files_in_8_bits_are_counted_in_floats(self):
        model = os.path.join(HERE, '../weights/data/stuffed8.tflite')
        self.assertEqual(parse(self.mseg('--json', model).stdout)['precision'], 'int8')
        self.assertEqual(self.counted(model)['precision'], 'float')

    def test_damaged_photos(self):
        whole = self.counted('net.safetensors')
        with open(self.path('in/broken.png'), 'wb') as file:
            file.write(b'\x89PNG\r\n\x1a\nnothing')
        done = self.mseg('--activations', 'in', 'net.safetensors', '--json', '--html', 'out.html', status=1)
        self.assertRegex(done.stderr, r'\Amseg: in/broken\.png: [^\n]*\n\Z')
        document = parse(done.stdout)
        self.assertEqual([document['photos'], document['failed'], document['layers']], [2, 1, whole['layers']])
        self.assertTrue(os.path.exists(self.path('out.html')))
        os.unlink(self.path('out.html'))
        for name in ('0.png', '1.png'):
            os.unlink(self.path('in/' + name))
        done = self.mseg('--activations', 'in', 'net.safetensors', '--html', 'out.html', status=2)
        self.assertRegex(done.stderr, r'\Amseg: in/broken\.png: [^\n]*\n\Z')
        self.assertEqual((done.stdout, os.path.exists(self.path('out.html'))), ('', False))

    def test_nothing_that_is_read_is_replaced(self):
        before = self.mseg('--activations', 'in', 'net.safetensors').stdout
        for path, what in [('in/0.png', 'the input in/0.png'), ('net.safetensors', 'the model net.safetensors')]:
            done = self.mseg('--activations', 'in', 'net.safetensors', '--html', path, status=2)
            self.assertEqual(done.stderr, f'mseg: {path}: --html would replace {what}; choose another file\n')
        done = self.mseg('--activations', 'in', 'net.safetensors', '--html', 'no/where.html', status=2)
        self.assertRegex(done.stderr, r'\Amseg: no/where\.html: no folder no\n\Z')
        self.assertEqual(self.mseg('--activations', 'in', 'net.safetensors').stdout, before)

    def test_standard_output_is_for_one(self):
        page = self.mseg('--activations', 'in', 'net.safetensors', '--html', '-').stdout
        self.assertTrue(page.startswith('<!DOCTYPE html>') and page.endswith('</html>\n'))
        done = self.mseg('--activations', 'in', 'net.safetensors', '--html', '-', '--json', status=2)
        self.assertEqual((done.stderr, done.stdout), ('mseg: -: --html would go where --json does; choose a file\n', ''))


SEED = 23

if __name__ == '__main__':
    unittest.main()
