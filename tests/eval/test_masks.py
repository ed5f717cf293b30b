#!/usr/bin/python3
"""test_masks.py MSEG [unittest arguments]: masks and class lists as people have them: what mseg eval makes of them, against NumPy."""
import base64
import csv
import io
import unittest
import zlib

import numpy as np
from PIL import Image

from make_golden import boundary
from test_cli import COLOURS, Folder, save_colours, save_gray

VOC = np.zeros((256, 3), np.uint8)
for number in range(256):
    for bit in range(8):
        for channel in range(3):
            VOC[number, channel] |= (number >> (3 * (bit) + channel) & 1) << (7 - bit) if 3 * bit + channel < 8 else 0


def save_with_palette(ids, path, palette):
    image = Image.fromarray(ids, 'P')
    image.putpalette(np.asarray(palette, np.uint8).tobytes())
    image.save(path)


def stripes(*ids, width=30, rows=10):
    """Horizontal stripes of these ids."""
    return np.repeat(np.array(ids, np.uint8), rows)[:, None].repeat(width, 1)


class Masks(Folder):
    def pair(self, truth, prediction, save=save_gray, name='a.png'):
        save(truth, self.path('gt/' + name))
        save(prediction, self.path('pred/' + name))

    def score(self, *args, **more):
        done = self.eval('--json', 'out.json', *args, **more)
        return self.json(), done

    def refused(self, says, *args, status=1):
        done = self.eval(*args, status=status)
        self.assertIn(says, done.stderr)
        return done


class Pictures(Masks):
    def errors(self, *arguments):
        """Colours of the page's picture of errors, by stripes, and the page's text."""
        self.eval('-q', '--html', 'out.html', *arguments)
        page = self.read('out.html')
        data = page.split('alt="Errors of')[1].split('base64,')[1].split('"')[0]
        pixels = np.array(Image.open(io.BytesIO(base64.b64decode(data)))).astype(int)
        return pixels[5::10, 15], page

    def test_background(self):
        """Missed and invented are about a class called background, whatever its id; without one there is only confusion."""
        self.pair(stripes(1, 0, 1, 2), stripes(0, 1, 1, 1))
        missed, invented, confused, right = ([0, 114, 220], [240, 150, 0], [200, 50, 160], [235] * 3)
        for names, wanted in [(['Background', 'a', 'b'], [missed, invented, right, confused]),
                              (['road', 'a', 'b'], [confused, confused, right, confused]),
                              (['a', 'b', '_background_'], [confused, confused, right, invented])]:
            self.write('classes.txt', ''.join(f'{i} {i} 0 9 {name}\n' for i, name in enumerate(names)))
            for how in [['--save-counts', 'c'], ['--merge', 'c']]:
                got, page = self.errors(*how)
                marks = np.array([m if m == right else [(235 * 56 + v * 200) / 256 for v in m]
                                  for m in (missed, invented, confused, right)])
                nearest = [int(np.abs(marks - colour).sum(axis=1).argmin()) for colour in got]  # JPEG is not exact
                self.assertEqual(nearest, [[missed, invented, confused, right].index(m) for m in wanted])
                self.assertEqual('missed: predicted as background' in page, names[0] != 'road')
                self.assertIn('taken for another class', page)


class Ignored(Masks):
    def test_default_label_that_is_a_class(self):
        """0/255 masks: the object is label 255."""
        truth, prediction = stripes(0, 0, 255, 255), stripes(0, 0, 0, 255)
        self.pair(truth, prediction)
        self.write('classes.txt', '0 0 0 0 ground\n255 255 255 255 thing\n')
        self.refused("label 255 is ignored by default, but --classes lists it as 'thing': give --ignore -1", status=2)
        report, done = self.score('--ignore', '-1')
        self.assertEqual((report['iou'], report['class_ids'], report['classes']), ([2 / 3, 0.5], [0, 255], ['ground', 'thing']))
        self.assertNotIn('warning', done.stderr)
        report, _ = self.score('--ignore', '255')  # asked for: out of everything
        self.assertEqual((report['iou'], report['averaged_class_ids'], report['ignored_pixels']), ([1, None], [0], 600))

    def test_binary_masks_by_a_map(self):
        self.pair(stripes(0, 0, 255, 255), stripes(0, 0, 0, 255))
        self.write('classes.txt', '0 0 0 0 ground\n1 255 255 255 thing\n')
        self.write('map.txt', '0 0\n255 1\n')
        report, done = self.score('--map', 'map.txt', '--pred-map', 'map.txt')
        self.assertEqual((report['iou'], report['ignored_share']), ([2 / 3, 0.5], 0))
        self.assertNotIn('warning', done.stderr)

    def test_binary_masks_without_a_map_warn(self):
        self.pair(stripes(0, 0, 0, 255), stripes(0, 0, 0, 255))
        self.write('classes.txt', '0 0 0 0 ground\n1 255 255 255 thing\n')
        report, done = self.score('--csv', 'out.csv', '--html', 'out.html')
        self.assertEqual((report['miou'], report['ignored_pixels'], report['ignored_share']), (1, 300, 0.25))
        warning = ('25.0 % of the ground truth is ignored and class 1 (thing) never occurs in it: if label 255 is an object, map it to '
                   'its class (--map)')
        self.assertIn('mseg: warning: ' + warning + '\n', done.stderr)
        self.assertEqual(report['warnings'], [warning])
        self.assertIn('300 pixels (25.0 %) of the ground truth ignored\n', done.stdout)
        self.assertIn(warning, self.read('out.html'))
        self.assertIn('<b data-key=ignored_pixels>300</b>', self.read('out.html'))
        rows = list(csv.DictReader(self.read('out.csv').splitlines()))
        self.assertEqual((rows[-1]['class'], rows[-1]['ground_truth_pixels']), ('(ignored)', '300'))

    def test_few_ignored_pixels_do_not_warn(self):
        """Borders, as VOC has them: of many classes some never occur."""
        truth = stripes(0, 1, 0, 1)
        truth[9:11] = 255
        self.pair(truth, truth)
        report, done = self.score()
        self.assertEqual((report['warnings'], report['ignored_share']), ([], 0.05))
        self.assertNotIn('warning', done.stderr)

    def test_a_class_that_is_ignored(self):
        """It is out of every figure; predicted, it is a miss and no false alarm."""
        truth, prediction = stripes(0, 1, 1, 2), stripes(1, 1, 0, 2)
        self.pair(truth, prediction)
        report, done = self.score('--ignore', '0')
        self.assertEqual(report['iou'][:3], [None, 0.5, 1])
        self.assertEqual((report['miou'], report['pixel_accuracy'], report['mean_accuracy']), (0.75, 2 / 3, 0.75))
        self.assertEqual((report['per_image'][0]['miou'], report['classes_present']), (0.75, 2))
        self.assertEqual(report['void_predicted_pixels'][:3], [0, 300, 0])
        self.assertEqual(report['confusion_rows_are_ground_truth'][0], [0] * 6)
        self.assertIn('over 2 of 5 classes', done.stdout)
        valid = truth != 0
        edges = [[boundary((mask == c) & valid) for c in (1, 2)] for mask in (truth, prediction)]
        wanted = [(t & p).sum() / (t | p).sum() for t, p in zip(*edges)]
        np.testing.assert_allclose(report['boundary_iou'][1:3], wanted, rtol=0, atol=1e-12)
        self.assertAlmostEqual(report['per_image'][0]['boundary_iou'], np.mean(wanted), delta=1e-12)

    def test_a_class_that_the_map_ignores(self):
        self.pair(stripes(0, 1, 1, 2), stripes(1, 1, 0, 2))
        self.write('map.txt', '0 ignore\n1 1\n2 2\n')
        by_map, _ = self.score('--map', 'map.txt')
        by_label, _ = self.score('--ignore', '0')
        for key in ['iou', 'miou', 'pixel_accuracy', 'boundary_iou', 'void_pixels', 'averaged_class_ids', 'mean_dice']:
            self.assertEqual(by_map[key], by_label[key], key)

    def test_parts_add_up(self):
        """Ignored classes and void pixels survive counts files."""
        for name, truth, prediction in [('a', stripes(0, 1, 1, 2), stripes(1, 1, 0, 2)), ('b', stripes(1, 0, 0, 2), stripes(0, 1, 2, 2))]:
            self.pair(truth, prediction, name=name + '.png')
            self.write('list', name)
            self.score('--ignore', '0', '--list', 'list', '--save-counts', name + '.counts')
        whole, _ = self.score('--ignore', '0')
        done = self.run_mseg('eval', '--merge', 'b.counts', 'a.counts', '--json', 'sum.json', '--average', '2')
        self.assertEqual(done.returncode, 0, done.stderr)
        for key in ['iou', 'pixel_accuracy', 'void_predicted_pixels', 'ignored_pixels', 'confusion_rows_are_ground_truth', 'warnings']:
            self.assertEqual(self.json('sum.json')[key], whole[key], key)
        self.assertEqual(self.json('sum.json')['miou'], whole['iou'][2])


class Average(Masks):
    def setUp(self):
        super().setUp()
        self.pair(stripes(0, 1, 1, 2), stripes(0, 1, 0, 2))  # IoU 1/2, 1/2, 1

    def test_chosen_classes(self):
        for chosen, miou, ids in [('1-5', 0.75, [1, 2, 3, 4, 5]), ('!ground', 0.75, [1, 2, 3, 4, 5]), ('2', 1, [2]),
                                  ('0,green', 0.75, [0, 2]), ('!0,!2', 0.5, [1, 3, 4, 5]), ('0-2,!1', 0.75, [0, 2])]:
            report, done = self.score('--average', chosen)
            self.assertEqual((report['miou'], report['averaged_class_ids']), (miou, ids), chosen)
            self.assertEqual(report['per_image'][0]['miou'], miou, chosen)
            self.assertEqual(report['iou'][:3], [0.5, 0.5, 1])
            self.assertEqual(report['pixel_accuracy'], 0.75)
            self.assertIn(f'of {len(ids)} classes', done.stdout)

    def test_dice(self):
        report, _ = self.score()
        np.testing.assert_allclose(report['dice'][:3], [2 / 3, 2 / 3, 1], atol=1e-15)
        self.assertAlmostEqual(report['mean_dice'], 7 / 9, delta=1e-15)

    def test_mistakes(self):
        for chosen in ['6', 'purple', '1-', '2-1', '', '1,,2', '!']:
            done = self.eval('--average=' + chosen, status=2)
            self.assertEqual(len(done.stderr.splitlines()), 1 + ('judged' in done.stderr), done.stderr)
            self.assertIn('--average', done.stderr)
        self.refused('no class is left to average', '--average', '0-5,!0-5', status=2)


class Void(Masks):
    def test_kinds_of_void(self):
        """A miss of the true class and a false alarm of none, however the prediction says it."""
        truth, prediction = stripes(0, 1, 1, 1, 2), stripes(0, 1, 1, 255, 2)
        wanted = [1, 2 / 3, 1, None, None, None]
        self.pair(truth, prediction)
        report, done = self.score()
        self.assertEqual((report['iou'], report['void_pixels'], report['void_predicted_pixels'][1]), (wanted, 300, 300))
        self.assertIn('warning: predictions have no class (the ignore label 255) at 300 pixels', done.stderr)
        valid = truth != 255
        t, p = boundary(truth == 1), boundary((prediction == 1) & valid)
        self.assertAlmostEqual(report['boundary_iou'][1], (t & p).sum() / (t | p).sum(), delta=1e-12)
        self.write('map.txt', '0 0\n1 1\n2 2\n9 ignore\n')
        save_gray(np.where(prediction == 255, 9, prediction).astype(np.uint8), self.path('pred/a.png'))
        mapped, _ = self.score('--pred-map', 'map.txt')
        colours = COLOURS[prediction]
        colours[prediction == 255] = 1, 2, 3
        Image.fromarray(colours, 'RGB').save(self.path('pred/a.png'))
        unknown, _ = self.score('--unknown-color', 'ignore')
        for other in [mapped, unknown]:
            for key in ['iou', 'boundary_iou', 'miou', 'void_predicted_pixels', 'confusion_rows_are_ground_truth']:
                self.assertEqual(other[key], report[key], key)

    def test_page_has_a_column(self):
        self.pair(stripes(0, 1, 1, 1, 2), stripes(0, 1, 1, 255, 2))
        self.score('--html', 'out.html')
        page = self.read('out.html')
        self.assertIn('<span>(no class)</span>', page)
        self.assertIn('→ (no class): 300 pixels, 33.33 %', page)
        self.pair(stripes(0, 1), stripes(0, 1))
        self.score('--html', 'out.html')
        self.assertNotIn('<span>(no class)</span>', self.read('out.html'))


class Ids(Masks):
    def test_classes_with_gaps(self):
        self.write('classes.txt', '7 128 64 128 road\n8 244 35 232 sidewalk\n23 70 130 180 sky\n')
        self.pair(stripes(7, 7, 8, 23), stripes(7, 8, 8, 23))
        report, done = self.score('--csv', 'out.csv')
        self.assertEqual((report['class_ids'], report['iou']), ([7, 8, 23], [0.5, 0.5, 1]))
        self.assertEqual(np.array(report['confusion_rows_are_ground_truth']).tolist(), [[300, 300, 0], [0, 300, 0], [0, 0, 300]])
        self.assertIn('over 3 of 3 classes', done.stdout)
        self.assertEqual([row['id'] for row in csv.DictReader(self.read('out.csv').splitlines())], ['7', '8', '23', ''])
        self.pair(stripes(7, 3, 8, 23), stripes(7, 7, 8, 23))
        self.refused('gt/a.png: label 3 is not a class: 300 pixels, the first at x 0, y 10')
        self.pair(stripes(7, 7, 8, 23), stripes(7, 3, 8, 23))
        self.refused('pred/a.png: label 3 is not a class: 300 pixels, the first at x 0, y 10')
        self.write('map.txt', '1 3\n')
        self.refused("map.txt: line 1: '3' is neither a class nor the ignore label", '--map', 'map.txt', status=2)

    def test_only_listed_colours_are_known(self):
        """Class 7 has the colour that VOC's rule gives id 21."""
        self.write('classes.txt', '7 128 64 128 road\n8 244 35 232 sidewalk\n')
        for folder in ['gt', 'pred']:
            Image.fromarray(np.array([[[128, 64, 128], [244, 35, 232]]], np.uint8)).save(self.path(folder + '/a.png'))
        self.assertEqual(self.score()[0]['iou'], [1, 1])
        Image.fromarray(np.array([[[128, 64, 128], VOC[3]]], np.uint8)).save(self.path('pred/a.png'))
        self.refused('pred/a.png: colour 128,128,0 is not in the palette')

    def test_a_model_needs_classes_without_gaps(self):
        self.write('classes.txt', ''.join(f'{i} {i} 0 0 c{i}\n' for i in range(22) if i != 3))
        save_gray(stripes(0, 1), self.path('gt/a.png'))
        done = self.run_mseg('eval', '--gt', 'gt', '--images', 'gt', '--classes', 'classes.txt', '-m', 'builtin')
        self.assertEqual(done.returncode, 2)
        self.assertIn("a model's classes are 0 to 20, those of --classes classes.txt have gaps", done.stderr)

    def test_sixteen_bits(self):
        ids = stripes(0, 1, 2)
        self.pair(ids, ids)
        Image.fromarray(ids.astype(np.uint16)).save(self.path('gt/a.png'))
        self.assertEqual(self.score()[0]['miou'], 1)
        ids = ids.astype(np.uint16)
        ids[5, 5] = 26001
        Image.fromarray(ids).save(self.path('gt/a.png'))
        self.refused('gt/a.png: 16-bit PNG with ids above 255, the first is 26001')


class Palettes(Masks):
    def setUp(self):
        super().setUp()
        self.truth = stripes(0, 1, 2, 255)
        self.shuffled = np.zeros((256, 3), np.uint8)  # the colours of 0, 1, 2 and 255 at indices 2, 0, 1 and 3
        self.shuffled[[2, 0, 1, 3]] = COLOURS[[0, 1, 2, 255]]
        self.indices = np.vectorize({0: 2, 1: 0, 2: 1, 255: 3}.get)(self.truth).astype(np.uint8)

    def test_palette_that_contradicts_the_indices(self):
        save_gray(self.truth, self.path('gt/a.png'))
        save_with_palette(self.indices, self.path('pred/a.png'), self.shuffled)
        self.refused('pred/a.png: its palette has the classes\' colours at other indices (0 has that of 1, red, "brick"); --read-masks '
                     'colors or ids tells which counts')
        self.assertEqual(self.score('--read-masks', 'ids')[0]['miou'], 0)
        save_colours(self.truth, self.path('gt/a.png'))
        self.assertEqual(self.score('--read-masks', 'colors')[0]['miou'], 1)

    def test_palettes_that_agree(self):
        """The classes' own palette; one that has them and more; a foreign one; none."""
        save_gray(self.truth, self.path('gt/a.png'))
        foreign = self.shuffled.copy()
        foreign[0] = 1, 2, 3
        more = COLOURS.copy()
        more[7:9] = COLOURS[1:3]  # at indices that are not used
        for palette in [COLOURS, more, foreign]:
            if palette is foreign:
                save_gray(self.indices, self.path('gt/a.png'))
                save_with_palette(self.indices, self.path('pred/a.png'), palette)
            else:
                save_with_palette(self.truth, self.path('pred/a.png'), palette)
            self.assertEqual(self.score()[0]['miou'], 1)

    def test_palette_behind_a_map(self):
        """Ids 7, 8 of another list with that list's colours are classes 1, 2 by the map: no contradiction."""
        palette = np.zeros((256, 3), np.uint8)
        palette[[0, 7, 8]] = COLOURS[[0, 1, 2]]
        save_with_palette(stripes(0, 7, 8), self.path('gt/a.png'), palette)
        save_gray(stripes(0, 1, 2), self.path('pred/a.png'))
        self.write('map.txt', '0 0\n7 1\n8 2\n')
        self.assertEqual(self.score('--map', 'map.txt')[0]['miou'], 1)


    def test_map_that_merges(self):
        """The classes' own palette at their own indices, and a map that makes one of them another: no contradiction."""
        save_with_palette(stripes(0, 1, 2), self.path('gt/a.png'), COLOURS)
        save_gray(stripes(0, 1, 1), self.path('pred/a.png'))
        for line, miou in [('2 1', 1), ('2 ignore', 1)]:
            self.write('map.txt', '0 0\n1 1\n' + line + '\n')
            self.assertEqual(self.score('--map', 'map.txt')[0]['miou'], miou)

    def test_index_without_a_colour(self):
        """8 bits a pixel and two colours: Pillow's palette of 256 is cut."""
        save_with_palette(stripes(0, 1, 2), self.path('gt/a.png'), COLOURS)
        with open(self.path('gt/a.png'), 'rb') as file:
            data = file.read()
        at = data.index(b'PLTE')
        length, chunk = int.from_bytes(data[at - 4:at], 'big'), data[at:at + 4 + 6]
        with open(self.path('gt/a.png'), 'wb') as file:
            file.write(data[:at - 4] + (6).to_bytes(4, 'big') + chunk + zlib.crc32(chunk).to_bytes(4, 'big') + data[at + 4 + length + 4:])
        save_colours(stripes(0, 1, 2), self.path('pred/a.png'))
        self.refused('gt/a.png: index 2 is beyond its palette of 2 colours', '--read-masks', 'colors')


class Maps(Masks):
    def test_a_map_and_colours(self):
        """A map is of ids: for colours it must change nothing, as nobody knows whether it is meant for them."""
        self.pair(stripes(0, 1, 2), stripes(0, 1, 2), save_colours)
        self.write('map.txt', '0 0\n1 1\n2 2\n7 1\n')
        self.assertEqual(self.score('--map', 'map.txt', '--pred-map', 'map.txt')[0]['miou'], 1)
        for line in ['2 1', '2 ignore']:
            self.write('map.txt', '0 0\n1 1\n' + line + '\n')
            self.refused('gt/a.png: holds colours of classes (class 2), and the map of ids makes another of 2', '--map', 'map.txt')
            self.refused('pred/a.png: holds colours of classes', '--pred-map', 'map.txt')

    def test_a_class_that_the_map_lacks(self):
        self.pair(stripes(0, 1, 2), stripes(0, 1, 2))
        self.write('map.txt', '0 0\n2 2\n')
        self.refused('gt/a.png: label 1 is not in the map: 300 pixels', '--map', 'map.txt')

    def test_maps_of_one_name(self):
        """Counts made with maps of one name but other contents are not added up."""
        self.pair(stripes(0, 1), stripes(0, 1), name='a.png')
        self.pair(stripes(0, 1), stripes(0, 1), name='b.png')
        for name, text in [('a', '0 0\n1 1\n'), ('b', '0 1\n1 0\n')]:
            self.write('map.txt', text)
            self.write('list', name)
            self.score('--pred-map', 'map.txt', '--list', 'list', '--save-counts', name + '.counts')
        done = self.run_mseg('eval', '--merge', 'a.counts', 'b.counts')
        self.assertEqual(done.returncode, 2)
        self.assertIn("prediction map: map.txt, number", done.stderr)


class Told(Masks):
    """Before anything is scored, or with nothing that was scored lost."""
    def test_average_is_checked_first(self):
        self.pair(stripes(0, 1), stripes(0, 1))
        done = self.eval('--average', 'purple', '--save-counts', 'x.counts', status=2)
        self.assertNotIn('judged', done.stderr)
        self.score('--save-counts', 'x.counts')
        done = self.run_mseg('eval', '--merge', 'x.counts', '--average', 'purple', '--save-counts', 'y.counts')
        self.assertEqual(done.returncode, 2)
        self.assertEqual(self.read('y.counts'), self.read('x.counts'))

    def test_missing_background_needs_class_0(self):
        self.write('classes.txt', '1 1 1 1 a\n2 2 2 2 b\n')
        self.pair(stripes(1, 2), stripes(1, 2))
        self.refused('--missing background makes class 0 of what is missing, which --classes classes.txt does not list', '--missing',
                     'background', status=2)

    def test_options_that_would_do_nothing(self):
        self.pair(stripes(0, 1), stripes(0, 1))
        self.refused('--split is that of --voc', '--split', 'train', status=2)
        self.score('--save-counts', 'x.counts')
        for option in [['--ignore', '1'], ['--missing', 'ignore'], ['--list', 'x']]:
            done = self.run_mseg('eval', '--merge', 'x.counts', *option)
            self.assertEqual((done.returncode, 'do not go with it' in done.stderr), (2, True), option)

    def test_names_are_utf8(self):
        """Class names; ids of counts files."""
        self.pair(stripes(0, 1), stripes(0, 1), name='caf\udce9.png')
        self.pair(stripes(0, 1), stripes(0, 1), name='b.png')
        done = self.eval('--save-counts', 'x.counts', '--json', 'out.json', status=1)
        self.assertIn('the name is not UTF-8, which --save-counts needs', done.stderr)
        self.assertEqual((self.json()['images'], self.json()['problems']['failed']), (1, 1))
        with open(self.path('classes.txt'), 'wb') as file:
            file.write(b'0 0 0 0 caf\xe9\n')
        self.refused('classes.txt: line 1: the name is not UTF-8: save the file as UTF-8', status=2)

    def test_long_paths_leave_room_for_the_reason(self):
        name = 'x' * 200
        self.pair(stripes(0, 99), stripes(0, 1), name=name + '.png')
        self.refused('xxx.png: label 99 is not a class: 300 pixels, the first at x 0, y 10\n')


class EqualChannels(Masks):
    def pictures(self, ids):
        save_gray(ids, self.path('gt/a.png'))
        Image.fromarray(np.dstack([ids] * 3), 'RGB').save(self.path('pred/a.png'))

    def test_ids(self):
        self.pictures(stripes(0, 1, 2))
        self.assertEqual(self.score()[0]['miou'], 1)
        self.assertEqual(self.score('--unknown-color', 'ignore')[0]['void_pixels'], 0)
        save_colours(stripes(0, 1, 2), self.path('gt/a.png'))
        self.refused('pred/a.png: colour 1,1,1 is not in the palette', '--read-masks', 'colors')

    def test_colours(self):
        """Gray 90,90,90 is class 4, and no id."""
        save_gray(stripes(0, 4), self.path('gt/a.png'))
        save_colours(stripes(0, 4), self.path('pred/a.png'))
        self.assertEqual(self.score()[0]['miou'], 1)
        self.refused('pred/a.png: label 90 is not a class', '--read-masks', 'ids')

    def test_both(self):
        self.write('classes.txt', '0 0 0 0 a\n1 2 2 2 b\n2 5 5 5 c\n')
        self.pictures(stripes(0, 2))
        self.refused('pred/a.png: three equal channels that are ids and colours of other classes; --read-masks ids or colors tells which')
        self.assertEqual(self.score('--read-masks', 'ids')[0]['miou'], 1)
        report, _ = self.score('--read-masks', 'colors')  # of both sides: gray 2 is class b
        self.assertEqual(report['confusion_rows_are_ground_truth'], [[300, 0, 0], [0, 300, 0], [0, 0, 0]])
        self.pictures(stripes(0, 0))  # both fit and agree
        self.assertEqual(self.score()[0]['miou'], 1)

    def test_neither(self):
        self.pictures(stripes(0, 77))
        save_gray(stripes(0, 1), self.path('gt/a.png'))
        self.refused('pred/a.png: colour 77,77,77 is not in the palette')
        self.assertEqual(self.score('--unknown-color', 'ignore')[0]['void_pixels'], 300)


if __name__ == '__main__':
    unittest.main()
