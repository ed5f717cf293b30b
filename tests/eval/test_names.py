#!/usr/bin/python3
"""test_names.py MSEG [unittest arguments]: which file is whose: names with suffixes, folders by town, lists of other tools, photos
beside masks, labels that start with 1; against NumPy."""
import os
import re
import unittest

import numpy as np
from PIL import Image

from test_cli import save_gray
from test_masks import Masks, stripes

MARK = '\ufeff'


def photo(path, size=(30, 20)):
    Image.new('RGB', size, (9, 99, 199)).save(path, 'JPEG')


class Names(Masks):
    def put(self, name, *ids):
        os.makedirs(os.path.dirname(self.path(name)), exist_ok=True)
        save_gray(stripes(*ids), self.path(name))

    def scores(self, *args, status=0, **more):
        """mIOU by id, and what was said."""
        report, done = self.score(*args, status=status, **more)
        return {image['id']: image['miou'] for image in report['per_image']}, done

    def bytes(self, name, data):
        with open(self.path(name), 'wb') as file:
            file.write(data)


class Suffixes(Names):
    SUFFIXES = ['--gt-suffix', '_gt', '--pred-suffix', '_photo']

    def setUp(self):
        super().setUp()
        for town, name, ids in [('aa', 'x', (0, 1)), ('bb', 'y', (0, 2))]:
            self.put(f'gt/{town}/{name}_gt.png', *ids)
            self.put(f'gt/{town}/{name}_color.png', 5, 5)

    def test_same_folders(self):
        self.put('pred/aa/x_photo.png', 0, 1)
        self.put('pred/bb/y_photo.PNG', 0, 0)
        wanted = {'aa/x': 1, 'bb/y': 0.25}
        self.assertEqual(self.scores('-r', *self.SUFFIXES)[0], wanted)
        self.assertEqual(self.scores('-r', '--gt-suffix', '_gt.png', '--pred-suffix', '_photo.png')[0], wanted)  # as mmsegmentation
        self.write('list', 'aa/x\nbb/y\n')
        self.assertEqual(self.scores('--list', 'list', *self.SUFFIXES)[0], wanted)

    def test_extension_alone_is_no_suffix(self):
        self.put('gt/z.png', 0, 1)
        self.put('pred/z.png', 0, 1)
        self.assertEqual(self.scores('--gt-suffix', '.png', '--pred-suffix', '.png')[0], {'z': 1})

    def test_flat_predictions(self):
        self.put('pred/x_photo.png', 0, 1)
        self.put('pred/y_photo.png', 0, 0)
        self.assertEqual(self.scores('-r', *self.SUFFIXES)[0], {'aa/x': 1, 'bb/y': 0.25})
        done = self.refused('pred/aa/x_photo.png: no prediction', '--gt-suffix', '_gt', '--pred-suffix', '_photo', '--list', '-',
                            stdin='aa/x')  # without -r the folders are part of the name
        self.assertNotIn('fit', done.stderr)

    def refused(self, says, *args, status=1, **more):
        done = self.eval(*args, status=status, **more)
        self.assertIn(says, done.stderr)
        return done

    def test_flat_ground_truth(self):
        for name in ['aa/x', 'bb/y']:
            os.rename(self.path(f'gt/{name}_gt.png'), self.path(f'gt/{name[3:]}_gt.png'))
        self.put('pred/bb/x_photo.png', 0, 1)
        self.put('pred/deep/er/y_photo.png', 0, 0)
        self.assertEqual(self.scores('-r', *self.SUFFIXES)[0], {'x': 1, 'y': 0.25})
        self.put('pred/cc/x_photo.png', 0, 1)
        scores, done = self.scores('-r', *self.SUFFIXES, status=1)
        self.assertEqual(scores, {'y': 0.25})
        self.assertIn('mseg: x: both pred/bb/x_photo.png and pred/cc/x_photo.png fit\n', done.stderr)

    def test_two_predictions(self):
        self.put('pred/aa/x_photo.png', 0, 1)
        self.put('pred/x_photo.png', 0, 0)
        self.put('pred/y_photo.png', 0, 0)
        scores, done = self.scores('-r', *self.SUFFIXES, status=1)
        self.assertEqual(scores, {'bb/y': 0.25})
        self.assertIn('mseg: aa/x: both pred/aa/x_photo.png and pred/x_photo.png fit\n', done.stderr)

    def test_one_prediction_for_two(self):
        self.put('gt/cc/x_gt.png', 0, 0)
        self.put('pred/x_photo.png', 0, 1)
        self.put('pred/y_photo.png', 0, 0)
        scores, done = self.scores('-r', *self.SUFFIXES, status=1)
        self.assertEqual(scores, {'bb/y': 0.25})
        self.assertIn('mseg: pred/x_photo.png: both gt/aa/x_gt.png and gt/cc/x_gt.png fit\n', done.stderr)
        self.put('pred/cc/x_photo.png', 0, 0)
        self.assertEqual(self.scores('-r', *self.SUFFIXES, status=1)[0], {'bb/y': 0.25})
        self.put('pred/aa/x_photo.png', 0, 1)
        os.remove(self.path('pred/x_photo.png'))
        self.assertEqual(self.scores('-r', *self.SUFFIXES)[0], {'aa/x': 1, 'bb/y': 0.25, 'cc/x': 1})

    def test_mirrored_folders_with_equal_names(self):
        """a.png and sub/a.png on both sides, as before there were suffixes."""
        for name, ids in [('a', (0, 1)), ('sub/a', (0, 2)), ('sub/sub/a', (0, 3)), ('xa', (0, 4))]:
            self.put(f'gt/{name}_gt.png', *ids)
            self.put(f'pred/{name}_photo.png', *ids)
        self.put('pred/x_photo.png', 0, 1)
        self.put('pred/y_photo.png', 0, 2)
        scores, _ = self.scores('-r', *self.SUFFIXES)
        self.assertEqual(set(scores.values()), {1})
        self.assertEqual(len(scores), 6)

    def test_no_file_has_the_suffix(self):
        for args, says in [(['--gt-suffix', '_gt'], 'mseg: gt: no file whose name ends in _gt (.png); -r looks into its subfolders\n'),
                           (['-r', '--gt-suffix', '_gtx'], 'mseg: gt: no file whose name ends in _gtx (.png)\n')]:
            self.assertEqual(self.eval(*args, status=2).stderr, says)

    def test_photos(self):
        """The model's, in one folder without towns."""
        os.mkdir(self.path('photos'))
        for name in 'xy':
            photo(self.path(f'photos/{name}_photo.jpg'))
        done = self.run_mseg('eval', '-r', '--gt', 'gt', '--gt-suffix', '_gt', '--images', 'photos', '--image-suffix', '_photo', '-m',
                             'builtin', '--json', 'out.json')
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.json()['images'], 2)

    def test_lists_of_paths_and_bare_names(self):
        self.put('pred/aa/x_photo.png', 0, 1)
        self.put('pred/bb/y_photo.png', 0, 0)
        wanted = {'aa/x': 1, 'bb/y': 0.25}
        suffixes = [*self.SUFFIXES, '--image-suffix', '_img']
        for lines in ['aa/x\nbb/y', './aa/x_gt.png\n/data/set/bb/y_gt.png', 'photos/aa/x_img.jpg\nphotos/bb/y_img.jpg',
                      'pred/aa/x_photo.png\nbb/y_photo']:
            self.write('list', lines)
            self.assertEqual(self.scores('--list', 'list', *suffixes)[0], wanted, lines)
        self.write('list', 'x\ny_photo.png')
        self.assertEqual(self.scores('-r', '--list', 'list', *suffixes)[0], wanted)
        self.put('gt/cc/x_gt.png', 0, 0)
        scores, done = self.scores('-r', '--list', 'list', *suffixes, status=1)
        self.assertEqual(scores, {'bb/y': 0.25})
        self.assertIn('mseg: list: line 1: x: both gt/aa/x_gt.png and gt/cc/x_gt.png fit\n', done.stderr)


class Lists(Names):
    def setUp(self):
        super().setUp()
        for name, ids in [('a', (0, 1)), ('b', (0, 2)), ('a 1', (0, 3))]:
            self.put(f'gt/{name}.png', *ids)
            self.put(f'pred/{name}.png', *ids)

    def test_forms(self):
        for lines in ['a\nb\n', MARK + 'a\nb\n', MARK + 'a.png\nb.jpg', 'JPEGImages/a.jpg\n/abs/JPEGImages/b.jpg\n', 'a.jpeg a.png\nb.jfif\tb.PNG\n',
                      '/JPEGImages/a.jpg /SegmentationClassAug/a.png\n/JPEGImages/b.jpg  /SegmentationClassAug/b.png\n', 'a  1\nb  0\n',
                      'a\0b\0', 'gt/a.png\0gt/b.png']:
            self.bytes('list', lines.encode())
            scores, done = self.scores('--list', 'list')
            self.assertEqual(scores, {'a': 1, 'b': 1}, lines)
            self.assertNotIn('list', done.stderr)

    def test_windows_line_ends(self):
        self.bytes('list', b'\xef\xbb\xbfa.jpg a.png\r\nb  1\r\n')
        scores, done = self.scores('--list', 'list', status=1)
        self.assertEqual(scores, {'a': 1, 'b': 1})
        self.assertIn('mseg: list: 2 lines with Windows line ends\n', done.stderr)

    def test_images_without_the_class_count(self):
        self.write('list', 'a  1\nb -1\n')
        scores, done = self.scores('--list', 'list')
        self.assertEqual(scores, {'a': 1, 'b': 1})
        self.assertIn('mseg: list: 1 line with -1; the second column is not looked at, all images count\n', done.stderr)

    def test_names_with_blanks(self):
        """A file's whole name goes before its parts."""
        self.write('list', 'a 1\n')
        self.assertEqual(list(self.scores('--list', 'list')[0]), ['a 1'])
        self.write('list', 'JPEGImages/a 1.jpg SegmentationClass/a 1.png\n')
        self.assertEqual(list(self.scores('--list', 'list')[0]), ['a 1'])
        for folder in ['gt', 'pred']:
            self.put(f'{folder}/a.jpg b.png', 0, 4)
        self.write('list', 'a.jpg b.png\n')
        self.assertEqual(self.scores('--list', 'list')[0], {'a.jpg b': 1})

    def test_pair_of_different_names(self):
        self.write('list', 'JPEGImages/a.jpg masks/b.png\nb\n')
        scores, done = self.scores('--list', 'list', status=1)
        self.assertEqual(scores, {'b': 1})  # which repeats no line that was scored
        self.assertIn('mseg: list: line 1: image JPEGImages/a.jpg and mask masks/b.png have different names\n', done.stderr)
        self.assertNotIn('repeats', done.stderr)

    def test_one_image_by_two_names(self):
        self.write('list', 'a\nJPEGImages/a.jpg\n')
        scores, done = self.scores('--list', 'list', status=1)
        self.assertEqual(scores, {'a': 1})
        self.assertIn('mseg: list: line 2 repeats line 1: a\n', done.stderr)

    def test_voc_lists(self):
        os.makedirs(self.path('VOC/ImageSets/Segmentation'))
        os.makedirs(self.path('VOC/ImageSets/Main'))
        for name, ids in [('a', (0, 1)), ('b', (0, 2))]:
            self.put(f'VOC/SegmentationClass/{name}.png', *ids)
        self.write('VOC/ImageSets/Segmentation/aug.txt', ''.join(f'/JPEGImages/{n}.jpg /SegmentationClassAug/{n}.png\n' for n in 'ab'))
        self.write('VOC/ImageSets/Main/person_val.txt', MARK + 'a  1\nb -1\n')
        voc = ['eval', '--voc', 'VOC', '--pred', 'pred', '--json', 'out.json']
        for more in [['--split', 'aug'], ['--split', '../Main/person_val'], ['--list', 'VOC/ImageSets/Main/person_val.txt']]:
            self.assertEqual(self.run_mseg(*voc, *more).returncode, 0)
            self.assertEqual((self.json()['images'], self.json()['miou']), (2, 1))
        for name in 'ab':  # other masks, which the list names
            self.put(f'VOC/SegmentationClassAug/{name}.png', 0, 0)
        done = self.run_mseg(*voc, '--split', 'aug')
        self.assertEqual((done.returncode, done.stderr),
                         (2, 'mseg: VOC/ImageSets/Segmentation/aug.txt: its masks are in /SegmentationClassAug, not in SegmentationClass; give '
                          '--gt VOC/SegmentationClassAug, too\n'))
        self.assertEqual(self.run_mseg(*voc, '--split', 'aug', '--gt', 'VOC/SegmentationClassAug').returncode, 0)
        self.assertEqual(self.json()['iou'][0], 0.5)

    def test_photos_of_run(self):
        os.mkdir(self.path('photos'))
        for name in ['a.jpg', 'b.jpg', 'c.jpg d.png']:
            photo(self.path('photos/' + name))
        self.bytes('list', b'\xef\xbb\xbfphotos/a.jpg masks/a.png\r\nphotos/b.jpg\tmasks/b.png\nphotos/c.jpg d.png\n')
        with open(self.path('list')) as stdin:
            done = self.run_mseg('run', '-m', 'builtin', '-q', '-o', 'out', '-', stdin=stdin.read())
        self.assertEqual((done.returncode, done.stderr), (0, ''))
        self.assertEqual(sorted(os.listdir(self.path('out'))), ['a.png', 'b.png', 'c.jpg d.png'])

    def test_maps_with_a_mark(self):
        self.write('map.txt', MARK + '0 0\n1 2\n2 1\n3 3\n')
        self.assertEqual(self.scores('--map', 'map.txt')[0], {'a': 1 / 3, 'b': 1 / 3, 'a 1': 1})
        self.assertEqual(self.scores('--map', 'map.txt', '--pred-map', 'map.txt')[0], {'a': 1, 'b': 1, 'a 1': 1})


class Kinds(Names):
    def test_photos_beside_masks(self):
        self.put('gt/a.png', 0, 1)
        self.put('gt/B.PNG', 0, 2)
        for name in ['a.jpg', 'a.jpeg', 'c.jpg', 'B.JPG', 'd.jfif']:
            photo(self.path('gt/' + name))
        self.put('pred/a.png', 0, 1)
        self.put('pred/B.png', 0, 2)
        scores, done = self.scores()
        self.assertEqual(scores, {'a': 1, 'B': 1})
        for name in ['a.png', 'B.PNG']:
            os.remove(self.path('gt/' + name))
        self.assertEqual(self.eval(status=2).stderr, 'mseg: gt: no masks in it (.png)\n')

    def test_kinds_of_photos(self):
        """JPEG files have five extensions; other kinds are passed over with a word."""
        os.mkdir(self.path('in'))
        for name in ['a.jpg', 'b.JFIF', 'c.jpe', 'd.jpeg']:
            photo(self.path('in/' + name))
        for name in ['e.heic', 'f.bmp', 'g.NEF', 'h.nef', 'notes.txt', '.hidden.bmp', 'bmp']:
            self.bytes('in/' + name, b'?')
        os.mkdir(self.path('in/folder.gif'))
        said = 'mseg: skipped 4 images of kinds that are not read (.bmp 1, .heic 1, .nef 2); convert them to PNG, JPEG, WebP or TIFF\n'
        done = self.run_mseg('run', '-m', 'builtin', '-o', 'out', 'in')
        self.assertEqual(done.returncode, 0)
        self.assertRegex(done.stderr, r'\Asegmented 4 of 4 images .*\n' + re.escape(said))
        self.assertEqual(sorted(os.listdir(self.path('out'))), ['a.png', 'b.png', 'c.png', 'd.png'])
        self.assertEqual(self.run_mseg('run', '-m', 'builtin', '-q', '-o', 'out', 'in').stderr, '')

    def test_photos_of_the_model(self):
        os.mkdir(self.path('in'))
        for name in ['a.jfif', 'b.JPE', 'c.jpg']:
            photo(self.path('in/' + name))
            self.put(f'gt/{name[0]}.png', 0, 1)
        done = self.run_mseg('eval', '--gt', 'gt', '--images', 'in', '-m', 'builtin', '--json', 'out.json')
        self.assertEqual((done.returncode, self.json()['images']), (0, 3), done.stderr)


class Labels(Names):
    def test_reduce_zero_label(self):
        truth, prediction = stripes(0, 1, 2, 6, 255), stripes(3, 0, 0, 5, 1)
        save_gray(truth, self.path('gt/a.png'))
        save_gray(prediction, self.path('pred/a.png'))
        report, _ = self.score('--reduce-zero-label', '--save-counts', 'counts')
        self.assertEqual(report['iou'], [0.5, 0, None, None, None, 1])  # NumPy: truth - 1, 0 and 255 left out
        self.assertEqual((report['ignored_pixels'], report['pixels']), (600, 900))
        self.assertIn('reduce zero label: yes', self.read('counts'))
        self.write('from1', '0 ignore\n' + ''.join(f'{i} {i - 1}\n' for i in range(1, 7)))
        save_gray(prediction + 1, self.path('pred/a.png'))
        self.assertEqual(self.score('--reduce-zero-label', '--pred-map', 'from1')[0]['iou'], report['iou'])
        self.refused('pred/a.png: label 6 is not a class', '--reduce-zero-label')
        save_gray(np.full_like(truth, 7), self.path('gt/a.png'))
        self.refused('gt/a.png: label 7 is not a class', '--reduce-zero-label')

    def test_what_does_not_go_together(self):
        self.refused('--reduce-zero-label is a map of its own; it does not go with --map', '--reduce-zero-label', '--map', 'x', status=2)
        self.refused('--reduce-zero-label needs an ignore label', '--reduce-zero-label', '--ignore', '-1', status=2)

    def test_one_word_for_class_names(self):
        photo(self.path('a.jpg'))
        names = 'background:0,0,0::\n' + ''.join(f'thing {i}:{i},9,9::\n' for i in range(1, 21))
        self.write('labelmap.txt', names)
        said = [self.run_mseg('run', '-m', 'builtin', '-q', '-o', word, '--json', '-', option, 'labelmap.txt', 'a.jpg').stdout
                for word, option in [('x', '--classes'), ('y', '--palette')]]
        self.assertRegex(said[0], '"(background|thing [0-9]+)":')
        self.assertEqual(*[line.split('"pixels"')[1] for line in said])
        for near, word in [('--clases', '--classes'), ('--pallete', '--palette')]:
            self.assertEqual(self.run_mseg('run', near, 'x', 'a.jpg').stderr, f'mseg: run: unknown option {near}; did you mean {word}?\n')


if __name__ == '__main__':
    unittest.main()
