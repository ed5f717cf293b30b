#!/usr/bin/python3
"""test_compare.py MSEG [unittest arguments]: mseg eval --compare on drawn masks: figures, intervals and images against NumPy."""
import functools
import json
import unittest

import numpy as np

from make_golden import counts
from test_cli import Folder, save_gray

IMAGES, SAMPLES = 24, 1000
KEYS = ['miou', 'mean_dice', 'pixel_accuracy', 'mean_boundary_iou']


class Pcg32:
    """O'Neill 2014, with Python's integers; stream 54."""

    def __init__(self, seed):
        self.state = (54 << 1 | 1) + seed
        self.advance()

    def advance(self):
        self.state = (self.state * 6364136223846793005 + (54 << 1 | 1)) % 2**64

    def __call__(self, below):
        while True:
            old = self.state
            self.advance()
            bits, turn = ((old >> 18) ^ old) >> 27 & 0xffffffff, old >> 59
            bits = (bits >> turn | bits << (32 - turn)) & 0xffffffff
            if bits >= 2**32 % below:
                return bits % below


def scene(i):
    """Truth and two predictions, the second one closer to it. Class 4 is nowhere, class 5 in predictions only, class 3 in three images,
    255 is ignored."""
    random = np.random.default_rng(1000 + i)

    def draw(labels, boxes):
        ids = np.full((30, 40), random.choice(labels), np.uint8)
        for _ in range(boxes):
            x, y, w, h = random.integers(0, 35), random.integers(0, 25), *random.integers(4, 20, 2)
            ids[y:y + h, x:x + w] = random.choice(labels)
        return ids

    truth = draw([0, 1, 2, 3, 255] if i < 3 else [0, 1, 2, 255], 6)
    predictions = []
    for right in [0.45, 0.55]:
        prediction, keep = draw([0, 1, 2, 5], 5), random.random((6, 8)) < right
        keep = keep.repeat(5, 0).repeat(5, 1) & (truth != 255)
        prediction[keep] = truth[keep]
        predictions.append(prediction)
    return truth, *predictions


@functools.cache
def scenes():
    return [scene(i) for i in range(IMAGES)]


@functools.cache
def parts(i, side):
    """Of an image, [class, (hits, truth, predicted, boundary's hits, truth, predicted)]."""
    matrix, edges = counts(scenes()[i][0], scenes()[i][side])
    return np.column_stack([np.diag(matrix), matrix.sum(1), matrix.sum(0), edges]).astype(float)


def figures(sums, chosen=slice(None)):
    """[..., class, 6] -> IoU per class, and the means by name, over leading dimensions."""
    with np.errstate(invalid='ignore', divide='ignore'):
        hits, truth, predicted, *edges = np.moveaxis(sums, -1, 0)
        iou, dice = hits / (truth + predicted - hits), 2 * hits / (truth + predicted)
        edge = edges[0] / (edges[1] + edges[2] - edges[0])
        means = [np.nanmean(values[..., chosen], -1) for values in [iou, dice, edge]]
    return iou, {'miou': means[0], 'mean_dice': means[1], 'mean_boundary_iou': means[2], 'pixel_accuracy': hits.sum(-1) / truth.sum(-1)}


class Compare(Folder):
    def setUp(self):
        super().setUp()
        for i, (truth, a, _) in enumerate(scenes()):
            save_gray(truth, self.path(f'gt/i{i:02}.png'))
            save_gray(a, self.path(f'pred/i{i:02}.png'))
        self.eval('-q', '--save-counts', 'a.counts')
        for i, (_, _, b) in enumerate(scenes()):
            save_gray(b, self.path(f'pred/i{i:02}.png'))
        self.eval('-q', '--save-counts', 'b.counts', '--missing', 'background')
        self.parts = [np.array([parts(i, side) for i in range(IMAGES)]) for side in (1, 2)]

    def compare(self, *args, files=('a.counts', 'b.counts'), status=0):
        done = self.run_mseg('eval', '--compare', *files, *args)
        self.assertEqual(done.returncode, status, done.stderr)
        return done

    def report(self, *args, **more):
        self.compare('-q', '--json', 'out.json', *args, **more)
        return self.json()

    def refused(self, says, *args, files=('a.counts', 'b.counts')):
        done = self.compare('--json', 'no.json', *args, files=files, status=2)
        self.assertEqual((done.stderr, done.stdout), (f'mseg: {says}\n', ''))
        with self.assertRaises(FileNotFoundError):
            self.read('no.json')

    def differences(self, report):
        return [report[key] for key in KEYS] + report['per_class']


class Figures(Compare):
    def check_figures(self, report, chosen=slice(None)):
        (iou_a, a), (iou_b, b) = [figures(side.sum(0), chosen) for side in self.parts]
        for key in KEYS:
            got = [report[key][name] for name in ('a', 'b', 'difference')]
            np.testing.assert_allclose(got, [a[key], b[key], b[key] - a[key]], rtol=0, atol=1e-12, err_msg=key)
        for name, wanted in [('a', iou_a), ('b', iou_b), ('difference', iou_b - iou_a)]:
            got = np.array([c[name] for c in report['per_class']], float)
            np.testing.assert_allclose(got, wanted, rtol=0, atol=1e-12, err_msg=name)

    def check_images(self, report, chosen=slice(None)):
        a, b = [figures(side, chosen)[1]['miou'] for side in self.parts]
        self.assertEqual(len(report['per_image']), IMAGES)
        for image in report['per_image']:
            i = int(image['id'][1:])
            np.testing.assert_allclose([image['a'], image['b'], image['difference']], [a[i], b[i], b[i] - a[i]], rtol=0, atol=1e-12)
        changes = [image['difference'] for image in report['per_image']]
        self.assertEqual(changes, sorted(changes, reverse=True))
        self.assertEqual((report['images_better'], report['images_worse'], report['images_same']),
                         ((b > a).sum(), (b < a).sum(), (b == a).sum()))

    def test_against_numpy(self):
        report = self.report()
        self.check_figures(report)
        self.check_images(report)
        self.assertEqual([c['images'] for c in report['per_class']], (self.parts[0][:, :, 1] > 0).sum(0).tolist())
        self.assertEqual((report['images'], report['samples'], report['seed'], report['confidence']), (IMAGES, SAMPLES, 1, 0.95))
        self.assertEqual([c['name'] for c in report['per_class']][:3], ['ground', 'red, "brick"', 'green'])

    def test_average(self):
        report = self.report('--average', '!ground,!yellow')
        self.check_figures(report, [1, 2, 3, 4])
        self.check_images(report, [1, 2, 3, 4])
        self.assertEqual([c['averaged'] for c in report['per_class']], [False, True, True, True, True, False])
        self.refused("eval: --average: 'purple' is none of the classes (ids, ranges like 1-20 or names, with commas)", '--average', 'purple')

    def test_same_file(self):
        for d in self.differences(self.report(files=('a.counts', 'a.counts'))):
            self.assertEqual(d['a'], d['b'])
            self.assertIn((d['difference'], d['low'], d['high'], d['excludes_zero']), [(0, 0, 0, False), (0, None, None, None),
                                                                                      (None, None, None, None)])

    def test_swapped_files(self):
        for d, swapped in zip(self.differences(self.report()), self.differences(self.report(files=('b.counts', 'a.counts')))):
            self.assertEqual((d['a'], d['b'], d['excludes_zero']), (swapped['b'], swapped['a'], swapped['excludes_zero']))
            for key, other in [('difference', 'difference'), ('low', 'high'), ('high', 'low')]:
                self.assertEqual(d[key], None if swapped[other] is None else -swapped[other])


class Intervals(Compare):
    def resampled(self, times, chosen):
        """Differences over resamples times[sample, image]: by name, and [sample, class]."""
        (iou_a, a), (iou_b, b) = [figures(np.tensordot(times, side, 1), chosen) for side in self.parts]
        return {key: b[key] - a[key] for key in KEYS}, iou_b - iou_a

    def each_interval(self, report, times, chosen=slice(None)):
        """Pairs of an interval and the resampled differences it should be of."""
        means, classes = self.resampled(times, chosen)
        yield from [(report[key], means[key]) for key in KEYS]
        yield from [(c, classes[:, i]) for i, c in enumerate(report['per_class']) if c['low'] is not None]

    def test_same_numbers_in_python(self):
        """The same resamples by the same generator, and NumPy's percentiles."""
        for seed, samples, average, chosen in [(1, SAMPLES, '0-5', slice(None)), (4294967295, 321, '1-2', [1, 2])]:
            random, times = Pcg32(seed), np.zeros((samples, IMAGES))
            for sample in times:
                for _ in range(IMAGES):
                    sample[random(IMAGES)] += 1
            report = self.report('--seed', str(seed), '--samples', str(samples), '--average', average)
            for d, wanted in self.each_interval(report, times, chosen):
                defined = wanted[~np.isnan(wanted)]
                np.testing.assert_allclose([d['low'], d['high']], np.percentile(defined, [2.5, 97.5]), rtol=0, atol=1e-12)
                self.assertEqual(d['samples'], len(defined))
                self.assertEqual(d['excludes_zero'], d['low'] > 0 or d['high'] < 0)

    def test_against_numpys_own_bootstrap(self):
        """2.5 % of NumPy's resamples lie beyond each bound, within three standard errors of both bootstraps."""
        many = 20000
        times = np.random.default_rng(1).multinomial(IMAGES, np.full(IMAGES, 1 / IMAGES), many)
        error = 3 * np.sqrt(0.025 * 0.975 * (1 / SAMPLES + 1 / many))
        seen = 0
        for d, changes in self.each_interval(self.report(), times):
            self.assertLess(abs((changes < d['low']).mean() - 0.025), error)
            self.assertLess(abs((changes > d['high']).mean() - 0.025), error)
            seen += 1
        self.assertEqual(seen, 4 + 3)

    def test_classes_without_an_interval(self):
        """Class 3 is in three images, class 4 nowhere, class 5 in no ground truth."""
        classes = self.report()['per_class']
        self.assertLess(0, classes[3]['images'])
        self.assertLess(classes[3]['images'], 6)
        for c in classes[3:]:
            self.assertEqual((c['low'], c['high'], c['excludes_zero'], c['samples']), (None, None, None, 0))

    def test_seeds(self):
        plain = self.report()
        plain.pop('command')
        for args in [['--seed', '1'], ['--samples', '1000'], ['-j', '1'], ['-j', '2']]:
            again = self.report(*args)
            again.pop('command')
            self.assertEqual(again, plain)
        other = self.report('--seed', '2')
        self.assertEqual(other['miou']['difference'], plain['miou']['difference'])
        self.assertNotEqual(other['miou']['low'], plain['miou']['low'])


class Output(Compare):
    def test_table(self):
        report, out = self.report(), self.compare().stdout
        lines = out.splitlines()
        self.assertEqual(lines[:3], ['A: a.counts', 'B: b.counts', 'missing predictions: error -> background'])
        for name, d in [('mIOU', report['miou']), ('boundary IoU', report['mean_boundary_iou']),
                        *((c['name'], c) for c in report['per_class'])]:
            line = next(line for line in lines if line.startswith(name + ' '))
            numbers = ['-' if d[key] is None else '0.00' if not d[key] else f'{100 * d[key]:{sign}.2f}' for key, sign in
                       [('a', ''), ('b', ''), ('difference', '+'), ('low', '+'), ('high', '+')]]
            numbers.insert(4, '..')
            wanted = ([str(d['images'])] if 'images' in d else []) + numbers + ['*'] * bool(d['excludes_zero'])
            self.assertEqual(line[len(name):].split(), wanted)
        self.assertIn('means over 5 of 6 classes\n', out)
        self.assertIn('1,000 resamples of 24 images, seed 1\n', out)
        start = next(i for i, line in enumerate(lines) if 'improved most' in line)
        shown = [line.split()[3] for line in lines[start + 1:start + 11]]
        self.assertEqual(shown, [image['id'] for image in report['per_image'][:10]])
        start = next(i for i, line in enumerate(lines) if 'lost most' in line)
        shown, lost = [line.split()[3] for line in lines[start + 1:]], report['images_worse']
        self.assertEqual(shown, [image['id'] for image in report['per_image'][::-1][:min(lost, 10)]])

    def test_parts_are_added_up_first(self):
        """Shards of one side, merged, are as good as one file."""
        for part in '123':
            self.eval('-q', '--missing', 'background', '--shard', part + '/3', '--save-counts', part + '.counts')
        done = self.run_mseg('eval', '-q', '--merge', '3.counts', '1.counts', '2.counts', '--save-counts', 'sum.counts')
        self.assertEqual(done.returncode, 0, done.stderr)
        merged, whole = self.report(files=('a.counts', 'sum.counts')), self.report()
        for key in [*KEYS, 'per_class', 'per_image']:
            self.assertEqual(merged[key], whole[key], key)

    def test_streams(self):
        """A report on standard output instead of the table; a line per image with -v."""
        self.assertEqual(json.loads(self.compare('--json', '-').stdout)['images'], IMAGES)
        self.assertEqual(self.compare('-q').stdout, '')
        first = self.report()['per_image'][0]
        lines = [line for line in self.compare('-q', '-v').stderr.splitlines() if not line.startswith('mseg: warning: ')]
        self.assertEqual(len(lines), IMAGES)
        self.assertEqual(lines[0], '{}: mIOU {:.2f} % -> {:.2f} %, {:+.2f}'.format(
            first['id'], 100 * first['a'], 100 * first['b'], 100 * first['difference']))

    def test_settings(self):
        report = self.report()
        self.assertEqual([report[side]['file'] for side in 'ab'], ['a.counts', 'b.counts'])
        self.assertEqual([report[side]['settings']['missing predictions'] for side in 'ab'], ['error', 'background'])

    def test_settings_of_one_side(self):
        """As with a model on one side and masks on the other."""
        counts_file = json.loads(self.read('b.counts'))
        counts_file['settings'] = counts_file['settings'].replace('missing predictions: background\n', '') + 'model: new\nsize: 513\n'
        self.write('b.counts', json.dumps(counts_file))
        self.assertEqual(self.compare().stdout.splitlines()[2:5], ['missing predictions: error -> (none)', 'model: (none) -> new',
                                                                   'size: (none) -> 513'])

    def test_mistakes_are_told(self):
        """An image that was not scored on either side makes the status 1, as for the reports of each."""
        save_gray(np.zeros((3, 3), np.uint8), self.path('pred/i00.png'))
        self.eval('-q', '--save-counts', 'c.counts', status=1)
        done = self.compare('-q', files=('c.counts', 'c.counts'), status=1)
        self.assertEqual(done.stderr.count('mseg: warning: c.counts: 1 images not scored'), 2)

    def test_outputs_replace_no_counts(self):
        before = self.read('a.counts')
        done = self.compare('--json', './a.counts', status=2)
        self.assertEqual(len(done.stderr.splitlines()), 1)
        self.assertEqual(self.read('a.counts'), before)


class Refused(Compare):
    def test_other_images(self):
        self.write('list', ''.join(f'i{i:02}\n' for i in range(IMAGES - 2)))
        self.eval('-q', '--save-counts', 'c.counts', '--list', 'list')
        self.refused('c.counts: not the images of the other: 2 missing (i22); score one list', files=('a.counts', 'c.counts'))
        self.refused('a.counts: not the images of the other: 2 more (i22); score one list', files=('c.counts', 'a.counts'))

    def test_other_truth(self):
        truth = scenes()[7][0].copy()
        truth[0, 0] = 1 if truth[0, 0] != 1 else 2
        save_gray(truth, self.path('gt/i07.png'))
        self.eval('-q', '--save-counts', 'c.counts')
        done = self.compare(files=('a.counts', 'c.counts'), status=2)
        self.assertRegex(done.stderr, r'^mseg: c.counts: image i07 has another ground truth in it: class [0-9], [^\n]*, differs\n$')

    def test_other_classes(self):
        self.write('classes.txt', self.read('classes.txt').replace('green', 'moss'))
        self.eval('-q', '--save-counts', 'c.counts')
        self.refused("c.counts: class 2 is 'moss' in it, 'green' in the others", files=('a.counts', 'c.counts'))

    def test_other_ignored_classes(self):
        self.write('map.txt', '4 ignore\n* 0\n1 1\n2 2\n3 3\n5 5\n255 ignore\n')
        self.eval('-q', '--save-counts', 'c.counts', '--map', 'map.txt')
        self.refused('c.counts: class 4, gray, is ignored in it only', files=('a.counts', 'c.counts'))

    def test_files(self):
        self.write('broken.counts', '{}')
        self.refused('broken.counts: not a counts file of mseg eval --save-counts', files=('a.counts', 'broken.counts'))
        for files in [['a.counts'], ['a.counts', 'b.counts', 'a.counts'], []]:
            self.refused(f'eval: --compare needs two counts files, not {len(files)}; add up the parts of one with --merge and '
                         '--save-counts', files=files)

    def test_options_of_other_uses(self):
        for args in [['--merge'], ['--gt', 'gt'], ['--pred', 'pred'], ['--voc', '.'], ['--list', 'l'], ['--images', 'gt'],
                     ['--shard', '1/2'], ['--classes', 'classes.txt'], ['--ignore', '0'], ['--map', 'm'], ['--pred-map', 'm'],
                     ['--missing', 'ignore'], ['--unknown-color', 'ignore'], ['--read-masks', 'ids'], ['--csv', 'c.csv'],
                     ['--save-counts', 'c'], ['--model', 'm'], ['--os', '8'], ['--size', '33'], ['--resize', 'fit'], ['--pad', 'tight'],
                     ['--scales', '1'], ['--flip'], ['--mf'], ['--recursive'], ['--null']]:
            self.refused(f'eval: --compare does not go with {args[0]}', *args)
        for args in [['--samples', '500'], ['--seed', '3']]:
            self.assertIn('mseg: eval: --samples and --seed go with --compare\n', self.eval(*args, status=2).stderr)


if __name__ == '__main__':
    unittest.main()
