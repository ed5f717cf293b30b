#!/usr/bin/python3
"""test_page.py MSEG [unittest arguments]: the HTML report in headless Chromium: numbers equal to the JSON, hover, widths, schemes."""
import html.parser
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

import numpy as np
from PIL import Image

import make_golden

MSEG = os.path.abspath(sys.argv.pop(1))
CHROMIUM = shutil.which('chromium') or shutil.which('chromium-browser') or shutil.which('google-chrome')
CLASSES = '0 0 0 0 ground\n1 200 0 0 </script><b>&amp;\n2 0 200 0 green\n3 0 0 200 blue\n4 90 90 90 gray\n5 255 255 0 yellow\n'


class Page(html.parser.HTMLParser):
    """Texts by data-key; of tables, the rows of (text, attributes)."""

    def __init__(self, text):
        super().__init__()
        self.keyed, self.tables, self.attributes, self.data, self.images = {}, {}, [], '', []
        self.open = []  # (tag, attributes, pieces of text)
        self.table = None
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        if tag in ['td', 'th'] and self.open[-1][0] in ['td', 'th']:  # cells may be left open
            self.handle_endtag(self.open[-1][0])
        self.attributes += [(tag, *a) for a in attributes.items()]
        if tag == 'table':
            self.table = self.tables.setdefault(attributes['id'], [])
        if tag == 'tr':
            self.table.append([])
        if tag == 'img':
            self.images.append(attributes)
        if tag not in ['meta', 'img', 'br']:
            self.open.append((tag, attributes, []))

    def handle_data(self, data):
        for _, _, pieces in self.open:
            pieces.append(data)

    def handle_endtag(self, tag):
        while self.open:
            name, attributes, pieces = self.open.pop()
            text = ''.join(pieces)
            if 'data-key' in attributes:
                self.keyed.setdefault(attributes['data-key'], []).append(text)
            if name in ['td', 'th']:
                self.table[-1].append((text, attributes))
            if attributes.get('id') == 'data':
                self.data = text
            if name == tag:
                break


def percent(value):
    return '–' if value is None else f'{100 * value:.2f}'


class Browser(unittest.TestCase):
    """A folder of drawn scenes, and Chromium."""

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix='mseg-page-')
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        for name in ['gt', 'pred', 'photos']:
            os.mkdir(os.path.join(cls.folder, name))
        with open(os.path.join(cls.folder, 'classes.txt'), 'w') as file:
            file.write(CLASSES)
        for i in range(len(make_golden.SIZES)):
            for name, ids in zip(['gt', 'pred'], make_golden.scene(i)):
                Image.fromarray(ids, 'L').save(f'{cls.folder}/{name}/s{i}.png')
            photo = np.random.default_rng(i).integers(0, 256, (*ids.shape, 3), np.uint8)
            Image.fromarray(photo).save(f'{cls.folder}/photos/s{i}.png')

    @classmethod
    def mseg(cls, command):
        subprocess.run([MSEG, *command.split()], cwd=cls.folder, check=True)

    @classmethod
    def read(cls, name):
        with open(os.path.join(cls.folder, name), encoding='utf-8') as file:
            return file.read()

    def setUp(self):
        if not CHROMIUM and self._testMethodName.startswith('test_browser'):
            print(f'SKIP: Chromium is not installed: {self.id()} is NOT tested', flush=True)
            self.skipTest('no Chromium')

    def chromium(self, *args, text=None):
        page = self.folder + '/shown.html'
        with open(page, 'w', encoding='utf-8') as file:
            file.write(text or self.text)
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
            return subprocess.run([CHROMIUM, '--headless', '--no-sandbox', '--disable-gpu', '--hide-scrollbars',
                                   f'--user-data-dir={profile}', *args, 'file://' + page],
                                  capture_output=True, check=True).stdout.decode()

    def check_nothing_is_fetched(self):
        for tag, name, value in Page(self.text).attributes:
            self.assertNotIn('//', value or '' if name != 'src' else value[:30])
            if name in ['src', 'href']:
                self.assertTrue(value.startswith('data:image/'), (tag, value[:40]))
        self.assertNotRegex(self.text, r'@import|url\(')

    def check_widths(self):
        probe = '''<script>addEventListener("load", function () { var broken = 0;
            for (var i = 0; i < document.images.length; i++) { document.images[i].loading = "eager"; }
            setTimeout(function () { for (var i = 0; i < document.images.length; i++) broken += !document.images[i].naturalWidth;
            document.title = "probe " + document.documentElement.scrollWidth + " " + innerWidth + " " + broken; }, 300); });
            </script></body>'''
        for width in [500, 900, 1600]:
            shown = self.chromium('--dump-dom', f'--window-size={width},900', '--virtual-time-budget=2000',
                                  text=self.text.replace('</body>', probe))
            scroll, inner, broken = map(int, re.search(r'<title>probe (\d+) (\d+) (\d+)', shown).groups())
            self.assertLessEqual(scroll, inner, f'the page is wider than a window of {width}')
            self.assertEqual(broken, 0, 'images that do not load')


class Report(Browser):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.mseg('eval --gt gt --pred pred --images photos --classes classes.txt -q --json out.json --html out.html')
        cls.json, cls.text = json.loads(cls.read('out.json')), cls.read('out.html')

    def check_numbers(self, text):
        page, report = Page(text), self.json
        self.assertEqual(json.loads(page.data), report)
        for key in ['miou', 'pixel_accuracy', 'mean_accuracy', 'frequency_weighted_iou', 'mean_boundary_iou', 'mean_per_image_miou']:
            self.assertEqual(page.keyed[key], [percent(report[key])], key)
        self.assertEqual(page.keyed['pixels'], [f"{report['pixels']:,}"])
        for key in ['iou', 'precision', 'recall', 'boundary_iou']:
            self.assertEqual(page.keyed[key], [percent(value) for value in report[key]], key)
        self.assertEqual(page.keyed['ground_truth_pixels'], [f'{n:,}' for n in report['ground_truth_pixels']])
        self.assertEqual([row[0][0] for row in page.tables['classes'][1:]], report['classes'])
        matrix = report['confusion_rows_are_ground_truth']
        for row, counts, name in zip(page.tables['matrix'][1:], matrix, report['classes']):
            self.assertEqual(row[0][0], name)
            for (_, cell), count, to in zip(row[1:], counts, report['classes'], strict=True):
                self.assertEqual(int(cell.get('data-n', 0)), count)
                if count:
                    self.assertEqual(cell['title'], f'{name} → {to}: {count:,} pixels, {100 * count / sum(counts):.2f} %')
        return page

    def test_numbers(self):
        page = self.check_numbers(self.text)
        self.assertEqual(len(page.images), 4 * 5)  # photo, truth, prediction, errors of all but the one that is ignored throughout

    def test_nothing_is_fetched(self):
        self.check_nothing_is_fetched()

    def test_without_pictures(self):
        self.mseg('eval --gt gt --pred pred --classes classes.txt -q --save-counts x.counts')
        self.mseg('eval --merge x.counts --classes classes.txt -q --html merged.html')
        page = Page(self.read('merged.html'))
        self.assertEqual(page.keyed['miou'], [percent(self.json['miou'])])
        self.assertEqual(page.images, [])

    def test_browser_shows_the_numbers(self):
        self.check_numbers(self.chromium('--dump-dom'))

    def test_browser_hover(self):
        probe = '''<script>addEventListener("load", function () { var out = [], tds = document.querySelectorAll("#matrix tbody td");
            tds.forEach(function (td) { td.dispatchEvent(new MouseEvent("mouseover", {bubbles: true}));
                out.push(document.getElementById("readout").textContent); });
            var pre = document.createElement("pre"); pre.id = "probe"; pre.textContent = JSON.stringify(out);
            document.body.appendChild(pre); });</script></body>'''
        shown = self.chromium('--dump-dom', text=self.text.replace('</body>', probe))
        texts = json.loads(re.search(r'<pre id="probe">(.*?)</pre>', shown, re.S)[1].replace('&lt;', '<').replace('&gt;', '>')
                           .replace('&amp;', '&'))
        wanted, names = [], self.json['classes']
        for name, counts in zip(names, self.json['confusion_rows_are_ground_truth']):
            for to, count in zip(names, counts):
                share = f', {100 * count / sum(counts):.2f} % of the row' if sum(counts) else ''
                wanted.append(f'{name} → {to}: {count:,} pixels{share}')
        self.assertEqual(texts, wanted)

    def test_browser_widths(self):
        self.check_widths()

    def test_browser_schemes(self):
        for scheme, low, high in [(0, 0, 60), (1, 200, 255)]:  # dark, light
            shot = f'{self.folder}/{scheme}.png'
            self.chromium(f'--screenshot={shot}', '--window-size=900,700', f'--blink-settings=preferredColorScheme={scheme}')
            pixels = np.asarray(Image.open(shot).convert('L'))
            self.assertTrue(low <= np.median(pixels) <= high, np.median(pixels))
            self.assertGreater(pixels.max() - pixels.min().astype(int), 150, 'text cannot be read')


def change(value):
    return '–' if value is None else f'{100 * value:+.2f}' if value else '0.00'


class Comparison(Browser):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        for i in range(6, 12):  # once more, for intervals
            for name in ['gt', 'pred']:
                shutil.copy(f'{cls.folder}/{name}/s{i - 6}.png', f'{cls.folder}/{name}/s{i}.png')
        cls.mseg('eval --gt gt --pred pred --classes classes.txt -q --save-counts a.counts')
        for i in [0, 4, 6, 10, 11]:
            Image.fromarray(make_golden.scene(i % 6)[0] % 255, 'L').save(f'{cls.folder}/pred/s{i}.png')
        cls.mseg('eval --gt gt --pred pred --classes classes.txt --missing background -q --save-counts b.counts')
        cls.mseg('eval --compare a.counts b.counts -q --json out.json --html out.html')
        cls.json, cls.text = json.loads(cls.read('out.json')), cls.read('out.html')

    def check_numbers(self, text):
        page, report = Page(text), self.json
        ours = json.loads(page.data)
        self.assertEqual(ours, report)
        rows = [report[key] for key in ['miou', 'mean_dice', 'pixel_accuracy', 'mean_boundary_iou']] + report['per_class']
        shown = report['per_image'][:report['images_better']][:10] + report['per_image'][::-1][:report['images_worse']][:10]
        self.assertEqual(page.keyed['a'], [percent(row['a']) for row in rows])
        self.assertEqual(page.keyed['b'], [percent(row['b']) for row in rows])
        self.assertEqual(page.keyed['difference'], [change(row['difference']) for row in rows + shown])
        self.assertEqual(page.keyed['interval'], ['–' if row['low'] is None else f"{change(row['low'])} … {change(row['high'])}" for row in rows])
        self.assertIn('–', page.keyed['interval'])
        self.assertEqual(page.keyed['miou_difference'], [change(report['miou']['difference'])])
        self.assertEqual(page.keyed['image_a'], [percent(row['a']) for row in shown])
        self.assertEqual([row[0][0] for name in ['improved', 'lost'] for row in page.tables[name][1:]], [row['id'] for row in shown])
        self.assertEqual([row[0][0] for row in page.tables['figures'][5:]], ['IoU, ' + row['name'] for row in report['per_class']])
        self.assertEqual([[cell[0] for cell in row] for row in page.tables['settings'][1:]],
                         [['counts', 'a.counts', 'b.counts'], ['missing predictions', 'error', 'background']])
        self.assertEqual([page.keyed[key] for key in ['better', 'worse', 'same', 'images']],
                         [[str(report[key])] for key in ['images_better', 'images_worse', 'images_same', 'images']])
        says = 'excludes' if report['miou']['excludes_zero'] else 'includes'
        self.assertEqual(page.keyed['verdict'], [f"95 % interval {page.keyed['interval'][0]}, {says} 0"])

    def test_numbers(self):
        self.check_numbers(self.text)

    def test_nothing_is_fetched(self):
        self.check_nothing_is_fetched()

    def test_browser_shows_the_numbers(self):
        self.check_numbers(self.chromium('--dump-dom'))

    def test_browser_widths(self):
        self.check_widths()

    def test_ranges(self):
        """Dots and bars stand where the numbers say, the widest of them inside."""
        rows = [self.json[key] for key in ['miou', 'mean_dice', 'pixel_accuracy', 'mean_boundary_iou']] + self.json['per_class']
        scale = max(abs(row[key]) for row in rows for key in ['difference', 'low', 'high'] if row[key] is not None)
        bars = [tuple(map(float, bar)) for bar in re.findall(r'<i style="left:([0-9.]+)%;width:([0-9.]+)%"></i>', self.text)]
        dots = [float(dot) for dot in re.findall(r'<b style="left:([0-9.]+)%"></b>', self.text)]
        np.testing.assert_allclose(dots, [50 + 48 * row['difference'] / scale for row in rows if row['difference'] is not None], atol=0.0051)
        np.testing.assert_allclose(bars, [(50 + 48 * row['low'] / scale, 48 * (row['high'] - row['low']) / scale) for row in rows
                                          if row['low'] is not None], atol=0.0051)


if __name__ == '__main__':
    unittest.main()
