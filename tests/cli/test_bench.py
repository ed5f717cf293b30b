#!/usr/bin/python3
"""test_bench.py MSEG [unittest arguments]: what mseg bench prints, as text and as JSON: its arithmetic, never how fast it was."""
import json
import os
import re
import subprocess
import sys
import unittest

MSEG = os.path.abspath(sys.argv.pop(1))
TINY = os.path.join(os.path.dirname(os.path.abspath(__file__)), '../weights/data/uint8.tflite')
SMALL = ['--random', 'mnv2:0.1:aspp', '--size', '65']
NUMBER = r'([0-9]+(?:\.[0-9]+)?)'


def mseg(*arguments, status=0, **variables):
    environment = {name: value for name, value in os.environ.items() if name not in ('MSEG_MODEL', 'MSEG_CPU')}
    done = subprocess.run([MSEG, *arguments], capture_output=True, check=False, text=True, env={**environment, **variables})
    if done.returncode != status:
        raise AssertionError(f'{arguments}: status {done.returncode}\n{done.stderr}')
    return done


def bench(*arguments, **variables):
    return json.loads(mseg('bench', '--json', *arguments, **variables).stdout)


def info(*arguments, **variables):
    return json.loads(mseg('info', '--json', *arguments, **variables).stdout)


class Json(unittest.TestCase):
    def check_figures(self, b):
        self.assertGreater(b['min_ms'], 0)
        self.assertLessEqual(b['min_ms'], b['p10_ms'])
        self.assertLessEqual(b['p10_ms'], b['median_ms'])
        self.assertLessEqual(b['median_ms'], b['p90_ms'])
        done = b['madds'] / (b['min_ms'] * 1e-3)
        self.assertAlmostEqual(b['percent_of_peak'] / (100 * done / (b['peak_gmadds'] * 1e9)), 1, places=9)
        self.assertGreater(b['max_rss_bytes'], b['weight_bytes'])

    def test_figures(self):
        b = bench(*SMALL, '-n', '7', '--jobs', '1')
        self.check_figures(b)
        self.assertEqual(b['version'], mseg('--version').stdout.split()[1])
        self.assertEqual((b['network'], b['width_multiplier'], b['aspp'], b['output_stride'], b['size'], b['threads'], b['runs']),
                         ('MobileNetV2', 0.1, True, 16, 65, 1, 7))
        self.assertFalse(b['decoder'])
        self.assertNotIn('layers', b)

    def test_one_run_is_every_percentile(self):
        b = bench(*SMALL, '--runs', '1')
        self.assertEqual({b[name] for name in ('min_ms', 'p10_ms', 'median_ms', 'p90_ms')}, {b['min_ms']})

    def test_two_runs(self):
        b = bench(*SMALL, '-n', '2')
        self.assertEqual(b['p10_ms'], b['min_ms'])  # the nearest of the two
        self.assertEqual(b['p90_ms'], b['median_ms'])

    def test_layers_add_up(self):
        b, i = bench(*SMALL, '-n', '2', '--per-layer'), info('mnv2:0.1:aspp', '--size', '65')
        for name in ('precision', 'madds', 'params', 'arena_bytes', 'weight_bytes', 'kernels', 'arithmetic'):
            self.assertEqual(b[name], i[name], name)
        for name in ('name', 'madds', 'group'):
            self.assertEqual([layer[name] for layer in b['layers']], [layer[name] for layer in i['layers']], name)
        madds = {layer['name']: layer['madds'] for layer in b['layers']}
        self.assertEqual(sum(madds.values()), b['madds'])
        self.assertEqual(madds['backbone.stem'], 33 * 33 * 8 * 3 * 3 * 3)
        self.assertEqual(madds['head.aspp0'], 5 * 5 * 256 * 32)
        self.assertEqual(madds['head.classifier'], 5 * 5 * 21 * 256)
        times = {}
        for layer in b['layers']:
            times.setdefault(layer['group'], set()).add(layer['group_min_ms'])
        self.assertTrue(all(len(group) == 1 for group in times.values()), times)
        self.assertLessEqual(sum(min(group) for group in times.values()), b['min_ms'])  # the least of each, within the least of all

    def test_options_are_heard(self):
        b = bench('--random', 'mnv1:0.25', '--os', '8', '--size', '33', '-j', '2', '-n', '3', MSEG_CPU='scalar')
        self.check_figures(b)
        self.assertEqual((b['network'], b['output_stride'], b['size'], b['threads'], b['runs'], b['kernels'], b['aspp']),
                         ('MobileNetV1', 8, 33, 2, 3, 'scalar', False))
        self.assertEqual(b['madds'], info('mnv1:0.25', '--os', '8', '--size', '33')['madds'])

    def test_model_files(self):
        named, variable = bench('-m', TINY, '--size', '33', '-n', '2'), bench('--size', '33', '-n', '2', MSEG_MODEL=TINY)
        for b in (named, variable):
            self.check_figures(b)
            self.assertEqual((b['width_multiplier'], b['params']), (0.025, info(TINY)['params']))

    def test_default_size_is_that_of_run(self):
        self.assertEqual(bench('-m', TINY, '-n', '1')['size'], 513)


class Text(unittest.TestCase):
    def lines(self, *arguments):
        return mseg('bench', *arguments).stdout.splitlines()

    def test_summary(self):
        lines = self.lines(*SMALL, '-n', '5')
        self.assertEqual(len(lines), 4)
        i = info('mnv2:0.1:aspp', '--size', '65')
        self.assertEqual(self.lines('--random', 'mnv2:0.1:decoder', '--size', '65', '-n', '1')[0],
                         f"mnv2:0.1:decoder: MobileNetV2 0.1, output stride 16, decoder, 65 x 65, {i['kernels']}, float, 1 thread(s)")
        self.assertEqual(lines[0], f"mnv2:0.1:aspp: MobileNetV2 0.1, output stride 16, ASPP, 65 x 65, {i['kernels']}, float, 1 thread(s)")
        least, median, p10, p90 = map(float, re.fullmatch(
            f'time      min {NUMBER} ms, median {NUMBER} ms, 10%..90% {NUMBER}..{NUMBER} ms of 5 runs', lines[1]).groups())
        self.assertTrue(0 < least <= p10 <= median <= p90)
        speed, peak, percent = map(float, re.fullmatch(f'speed     {NUMBER} GMAdd/s of {NUMBER} \\(FMA peak\\): {NUMBER}%',
                                                       lines[2]).groups())
        # All of them are rounded: milliseconds to 0.001, the others to 0.1.
        done = i['madds'] * 1e-6
        self.assertTrue(done / (least + 0.00051) - 0.051 <= speed <= done / (least - 0.00051) + 0.051)
        self.assertTrue(100 * (speed - 0.051) / (peak + 0.051) - 0.051 <= percent <= 100 * (speed + 0.051) / (peak - 0.051) + 0.051)
        arena, weights, rss = map(float, re.fullmatch(
            f'memory    arena {NUMBER} MB, weights {NUMBER} MB, peak RSS {NUMBER} MB', lines[3]).groups())
        self.assertEqual((arena, weights), (round(i['arena_bytes'] * 1e-6, 2), round(i['weight_bytes'] * 1e-6, 2)))
        self.assertGreater(rss, weights)

    def test_layers(self):
        lines = self.lines(*SMALL, '-n', '2', '--per-layer')
        layers = info('mnv2:0.1:aspp', '--size', '65')['layers']
        peak = float(re.search(f'of {NUMBER} ', lines[2])[1])
        self.assertEqual(lines[4], '')
        self.assertEqual(lines[5].split(), ['layer', 'output', 'MMAdds', 'ms', '%', 'peak'])
        self.assertEqual(len(lines), 6 + len(layers))
        first = {}  # of each group
        for line, layer in zip(lines[6:], layers):
            name, shape, madds, *rest = line.split()
            self.assertEqual((name, shape), (layer['name'], 'x'.join(map(str, layer['out']))))
            self.assertAlmostEqual(float(madds), layer['madds'] * 1e-6, delta=0.0501)
            if layer['group'] in first:
                self.assertEqual(rest, ['with', first[layer['group']]])
                continue
            first[layer['group']] = name
            ms, percent = map(float, rest)
            if ms >= 0.002:  # printed with enough digits
                done = 100e-6 * sum(other['madds'] for other in layers if other['group'] == layer['group'])
                self.assertGreaterEqual(percent + 0.051, done / (ms + 0.00051) / (peak + 0.051))
                self.assertLessEqual(percent - 0.051, done / (ms - 0.00051) / (peak - 0.051))
        self.assertLess(len(first), len(layers))  # some do stream


class Refusals(unittest.TestCase):
    def test_what_cannot_run(self):
        for arguments, says in [(['--random', 'mnv9'], "no network is called 'mnv9'"), (['-m', '/nowhere.tflite'], '/nowhere.tflite'),
                                (['-n', '0'], '--runs takes a whole number'), (['--os', '4'], '--os'), (['picture.png'], 'picture.png')]:
            done = mseg('bench', *arguments, status=2)
            self.assertEqual(done.stdout, '')
            self.assertIn(says, done.stderr)
            self.assertEqual(len(done.stderr.splitlines()), 1)


unittest.main()
