#!/usr/bin/python3
"""test_json.py MSEG [unittest arguments]: every JSON that mseg writes against docs/json/*.schema.json, of which every key and type must
occur in some document, and docs/json.md against these schemas."""
import glob
import os
import re
import subprocess
import sys
import tempfile
import unittest

import numpy as np
from PIL import Image

import photos
import schema
from relabel import relabelled

MSEG = os.path.abspath(sys.argv.pop(1))
HERE = os.path.dirname(os.path.abspath(__file__))
DOCS = os.path.join(HERE, '../../docs')
WEIGHTS = os.path.join(HERE, '../weights/data')
SCHEMAS = {os.path.basename(path).split('.')[0]: path for path in glob.glob(os.path.join(DOCS, 'json/*'))}
CLASSES = '0 0 0 0 ground\n1 200 0 0 red\n2 0 200 0 green\n3 0 0 200 blue\n'


def mseg(folder, *arguments, status=0):
    environment = {name: value for name, value in os.environ.items() if name not in ('MSEG_MODEL', 'MSEG_CPU')}
    done = subprocess.run([MSEG, *arguments], cwd=folder, capture_output=True, check=False, env=environment)
    if done.returncode != status:
        raise AssertionError(f'{arguments}: status {done.returncode}\n{done.stderr.decode()}')
    return done.stdout.decode()


class Documents(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix='mseg-json-')
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, text):
        with open(self.path(name), 'w', newline='', encoding='utf-8') as file:
            file.write(text)

    def read(self, name):
        with open(self.path(name), encoding='utf-8') as file:
            return file.read()

    def mseg(self, *arguments, **how):
        return mseg(self.folder, *arguments, **how)

    def check(self, name, texts):
        """All are as the schema has it, all that the schema has occurs, and the schema would refuse other documents."""
        rules = schema.Schema(SCHEMAS[name])
        for text in texts:
            self.assertEqual(rules.errors(schema.parse(text)), [], name)
        wanted = set()
        for place, node, _ in rules.places():
            wanted |= {(place, kind) for kind in (schema.kinds(node) if 'type' in node else [])}
            required = node.get('required', [])
            wanted |= {(f'{place}.{key}', 'absent') for key in node.get('properties', {}) if key not in required}
        self.assertEqual(wanted - rules.seen, set(), f'{name}: what no document has')
        document = schema.parse(texts[0])
        self.refuse(rules, document, document, rules.root)

    def refuse(self, rules, document, value, node):
        """Below value: a key more, one less, a value of another type."""
        node, _ = rules.resolve(node, '')
        if node.get('additionalProperties') is False:
            value['unheard of'] = 0
            self.assertTrue(rules.errors(document))
            del value['unheard of']
            for key in node['required']:
                kept = value.pop(key)
                self.assertTrue(rules.errors(document), key)
                value[key] = kept
        for key in list(value) if isinstance(value, dict) else range(min(len(value), 1)):
            inner = value[key]
            value[key] = 7 if isinstance(inner, str) else 'text'
            self.assertTrue(rules.errors(document), key)
            value[key] = inner
            if isinstance(inner, (dict, list)):
                below = node.get('items') or node.get('properties', {}).get(key) or node['additionalProperties']
                self.refuse(rules, document, inner, below)

    def test_run(self):
        photos.make(self.folder)
        texts = []
        for how in [[], ['--os', '8', '--resize', 'none'], ['--resize', 'stretch', '--pad', 'tight'], ['--scales', '0.5,1', '--flip']]:
            texts += self.mseg('run', '-q', '-m', 'builtin', '--size', '33', *how, '--json', '-', 'good').splitlines()
        self.mseg('run', '-q', '-m', 'builtin', '--tile', '65', '--json', 'tiles.jsonl', 'good', 'missing.png', status=1)
        tiles = self.read('tiles.jsonl').splitlines()
        self.assertEqual([len(texts), len(tiles)], [16, 4])
        self.check('run', texts + tiles)

    def test_classify(self):
        photos.make(self.folder)
        self.write('names.txt', 'ant\nbee\ncat\ndog\n\nelk\n')
        texts = []
        for how in [[], ['-l', 'names.txt'], ['-k', '1']]:
            arguments = ['-m', os.path.join(WEIGHTS, 'dense.tflite'), '--size', '64', *how, '--json', '-', 'good']
            texts += self.mseg('classify', *arguments).splitlines()
        self.assertEqual(len(texts), 12)
        self.check('classify', texts)

    def save(self, name, ids):
        os.makedirs(os.path.dirname(self.path(name)), exist_ok=True)
        Image.fromarray(ids, 'L').save(self.path(name))

    def draw(self):
        """Eight images of three of the four classes and of ignored pixels: two predictions, ground truth of nothing, photos."""
        os.mkdir(self.path('none'))
        self.write('classes.txt', CLASSES)
        for i in range(8):
            truth = np.zeros((30, 40), np.uint8)
            truth[5:20, 5:30], truth[25:] = 1 + i % 2, 255
            for name, shift in [('worse', 6 + i % 3), ('better', 2)]:
                self.save(f'{name}/i{i}.png', np.roll(np.where(truth == 255, 0, truth), shift, 1))
            self.save(f'gt/i{i}.png', truth)
            self.save(f'void/i{i}.png', np.full_like(truth, 255))
        Image.new('RGB', (40, 30), (200, 0, 0)).save(self.path('worse/coloured.png'))
        Image.new('RGB', (40, 30), (1, 2, 3)).save(self.path('worse/unknown.png'))
        for name in ['coloured', 'unknown']:
            self.save(f'more/{name}.png', np.ones((30, 40), np.uint8))
        os.mkdir(self.path('photos'))
        for i in range(8):
            photos.picture(40, 30, i).save(self.path(f'photos/i{i}.png'))

    def eval(self, *arguments, classes='classes.txt', status=0):
        """The report and the counts' text; the page holds the report, too."""
        classes = ['--classes', classes] if classes else []
        files = ['--json', 'out.json', '--html', 'out.html', *([] if '--compare' in arguments else ['--save-counts', 'out.counts'])]
        self.mseg('eval', '-q', *classes, *arguments, *files, status=status)
        page = re.search('<script type="application/json" id=data>(.*?)</script>', self.read('out.html'), re.S)[1]
        self.assertEqual(schema.parse(page), schema.parse(self.read('out.json')))
        return self.read('out.json')

    def test_eval(self):
        self.draw()
        self.write('list.txt', 'i1\r\n\ni1\ni2\nnowhere\ni3\n')
        self.write('map.txt', '0 0\n1 1\n2 ignore\n255 255\n')
        reports, counts = [], []

        def score(name, *arguments, **how):
            reports.append(self.eval(*arguments, **how))
            counts.append(self.read('out.counts'))
            self.write(name + '.counts', counts[-1])

        score('worse', '--gt', 'gt', '--pred', 'worse')
        score('better', '--gt', 'gt', '--pred', 'better')
        score('void', '--gt', 'void', '--pred', 'better')  # nothing to divide by
        score('none', '--gt', 'gt', '--pred', 'none', '--missing', 'ignore')  # no image at all
        score('all', '--gt', 'better', '--pred', 'worse', '--ignore', '-1')
        score('map', '--gt', 'gt', '--pred', 'worse', '--map', 'map.txt', '--average', '!ground')
        score('list', '--gt', 'gt', '--pred', 'better', '--list', 'list.txt', '--missing', 'background', status=1)
        score('colours', '--gt', 'more', '--pred', 'worse', '--unknown-color', 'ignore')
        score('model', '--gt', 'gt', '--images', 'photos', '-m', 'builtin', '--size', '33', '--scales', '0.5,1', '--flip', classes='voc')
        for shard in ['1/2', '2/2']:
            score(shard[0], '--gt', 'gt', '--pred', 'worse', '--shard', shard)
        score('merged', '--merge', '1.counts', '2.counts')
        self.check('eval', reports)
        self.check('counts', counts)

        pairs = [('worse', 'better'), ('better', 'worse'), ('void', 'void'), ('map', 'map'), ('colours', 'colours'), ('list', 'list')]
        self.check('compare', [self.eval('--compare', f'{a}.counts', f'{b}.counts', '--seed', '7', classes=None, status=int(a == 'list'))
                               for a, b in pairs])

    def test_info(self):
        texts = [self.mseg('info', '--json', *how) for how in [['builtin'], ['builtin', '--os', '8', '--size', '65', '--cpu', 'scalar']]]
        for name in ['mnv2:0.1:aspp', 'mnv2:0.1:decoder', 'mnv1:0.25:separable:nopool', 'resnet14:beta', 'resnet50', 'mnv2:0.1:imagenet']:
            texts.append(self.mseg('info', '--json', name, '--os', '32', '--size', '65'))
        photos.write(self.path('blank.tflite'), relabelled(os.path.join(WEIGHTS, 'labelled.tflite'), 'a\n\nc\nd\ne\nf\n'))
        texts += [self.mseg('info', '--json', os.path.join(WEIGHTS, name)) for name in ['uint8.tflite', 'dense.tflite', 'stuffed8.tflite']]
        texts.append(self.mseg('info', '--json', 'blank.tflite'))
        self.check('info', texts)
        self.check('paper', [self.mseg('info', '--paper', '--json')])

    def test_activations(self):
        photos.make(self.folder)
        counting = ['info', '--json', '--size', '33', '--activations', 'good']
        self.check('activations', [self.mseg(*counting, name, '--html', 'out.html') for name in ['builtin', 'mnv2:0.1']])

    def test_bench(self):
        small = ['bench', '--json', '-n', '2', '--size', '33']
        self.check('bench', [self.mseg(*small, *how) for how in [
            ['-m', 'builtin', '--per-layer'], ['-m', 'builtin', '-j', '2', '--os', '8'], ['--random', 'mnv2:0.1:aspp']]])

    def test_nothing_else(self):
        """A command that learns to write JSON must be added here, and a schema must have its test."""
        commands = re.findall(r'^  (\w+)  ', self.mseg('--help'), re.M)
        self.assertIn('palettes', commands)
        self.assertEqual({name for name in commands if 'json' in self.mseg('help', name).lower()}, {'run', 'eval', 'classify', 'info', 'bench', 'train'})  # train's lines: test_training.py
        self.assertEqual(set(SCHEMAS), {'run', 'classify', 'eval', 'counts', 'compare', 'info', 'activations', 'paper', 'bench'})


def kind_word(node):
    """What the page calls a type: integer[2], (number or null)[], difference."""
    if '$ref' in node:
        return node['$ref'].rsplit('/', 1)[1]
    if node['type'] != 'array':
        return ' or '.join(schema.kinds(node))
    inner, n = kind_word(node['items']), node.get('minItems', 0)
    return (f'({inner})' if ' or ' in inner else inner) + (f'[{n}]' if n and n == node.get('maxItems') else '[]')


def page_rows():
    """{schema: {place: (type, promise, meaning)}} of the tables; a place that is told twice is an error."""
    told, name, prefix = {}, None, ''
    with open(os.path.join(DOCS, 'json.md'), encoding='utf-8') as file:
        for line in file:
            if line.startswith('## '):
                name, prefix = (re.findall(r'\(json/(\w+)\.schema\.json\)', line) + [None])[0], ''
            elif line.startswith('### '):
                prefix = re.fullmatch(r'### `(\w+)`\n', line)[1] + ':'
            elif name and line.startswith('| `'):
                keys, kind, promise, meaning = [cell.strip() for cell in line.strip().strip('|').split(' | ')]
                for key in keys.split(', '):
                    place = f"{prefix}.{key.strip('`')}"
                    if place in told.setdefault(name, {}):
                        raise AssertionError(f'{name}: {key} twice')
                    told[name][place] = kind, promise, meaning
    return told


class Page(unittest.TestCase):
    maxDiff = None

    def test_page_tells_the_schemas(self):
        told = page_rows()
        self.assertEqual(set(told), set(SCHEMAS))
        for name, path in SCHEMAS.items():
            rules = schema.Schema(path)
            keys = {place: (kind_word(node), promise) for place, node, promise in rules.places() if re.search(r'\.[^.\[]+$', place)}
            self.assertEqual({place: row[:2] for place, row in told[name].items()}, keys, name)
            for place, node, _ in rules.places():
                if node.get('type') == 'object':
                    self.assertIn('additionalProperties', node, (name, place))
                for key in set(node.get('properties', {})) - set(node.get('required', [])):
                    self.assertIn('absent', told[name][f'{place}.{key}'][2], (name, place, key))
            for place, (kind, _, meaning) in told[name].items():
                if 'null' in kind:
                    self.assertIn('null', meaning, (name, place))


if __name__ == '__main__':
    unittest.main()
