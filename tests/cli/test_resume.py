#!/usr/bin/python3
"""test_resume.py MSEG MEANWHILE.so [unittest arguments]: what mseg run may replace and what it skips, by the marks that its files carry."""
import hashlib
import os
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import unittest

import numpy as np
from PIL import Image, PngImagePlugin

import photos

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..'))
import shared  # noqa: E402

MSEG, MEANWHILE = (os.path.abspath(sys.argv.pop(1)) for _ in range(2))
DATA = os.path.join(os.path.dirname(os.path.abspath(__file__)), '../weights/data')
TINY = os.path.join(DATA, 'uint8.tflite')
FOREIGN = 'it exists and mseg did not write it; --overwrite replaces it, --skip-existing leaves it'
KINDS = {'masks': 'png', 'overlays': 'png', 'scores': 'npy', 'probabilities': 'npy'}
NAMES = ['p0', 'p1', 'p2']


def read(path):
    with open(path, 'rb') as file:
        return file.read()


def mark_of(path):
    if path.endswith('.png'):
        with Image.open(path) as image:
            return image.info.get('mseg')
    found = re.search(rb'} # mseg (.*?) *\n$', read(path)[:256])
    return found and found.group(1).decode()


class Resume(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        os.mkdir(self.path('in'))
        for i, name in enumerate(NAMES):
            photos.picture(40 + i, 30 - i, i).save(self.path('in', name + '.png'))

    def path(self, *parts):
        return os.path.join(self.folder, *parts)

    def mseg(self, *arguments, status=0, model=TINY, **more):
        done = subprocess.run([MSEG, 'run', '-m', model, *arguments], cwd=self.folder, capture_output=True, text=True, check=False, **more)
        self.assertEqual(done.returncode, status, (arguments, done.stderr))
        return done

    def run_all(self, *arguments, size='65', out='out', kinds=tuple(KINDS), inputs=('in',), **more):
        names = {'masks': '--output', 'overlays': '--overlay', 'scores': '--scores', 'probabilities': '--probabilities'}
        way = [] if '--tile' in arguments else ['--size', size]
        return self.mseg(*way, *(f'{names[kind]}={out}/{kind}' for kind in kinds), *arguments, *inputs, **more)

    def state(self, out='out'):
        """Of every file its bytes, and what changes when it is written again."""
        found = {}
        for where, _, names in os.walk(self.path(out)):
            for name in names:
                path = os.path.join(where, name)
                info = os.stat(path)
                found[os.path.relpath(path, self.path(out))] = read(path), info.st_ino, info.st_mtime_ns
        return found

    def changed(self, before, after):
        self.assertEqual(set(before), set(after))
        return sorted(name for name in before if before[name][1:] != after[name][1:])

    def test_marks(self):
        """Pillow and NumPy read what is in them; the text tells version, model and photo."""
        self.run_all()
        for kind, extension in KINDS.items():
            for name in NAMES:
                path = self.path('out', kind, f'{name}.{extension}')
                mark = re.fullmatch(r'(\S+) model ([0-9a-f]{16}) options [0-9a-f]{16} photo (\d+)', mark_of(path))
                self.assertTrue(mark, path)
                self.assertEqual(mark.group(1), subprocess.run([MSEG, '--version'], capture_output=True, text=True, check=True).stdout.split()[1])
                self.assertEqual(mark.group(2), hashlib.sha256(read(TINY)).hexdigest()[:16])
                self.assertEqual(int(mark.group(3)), os.path.getsize(self.path('in', name + '.png')))
                if extension == 'npy':
                    whole, mapped = np.load(path), np.load(path, mmap_mode='r')
                    self.assertEqual((whole.dtype, whole.ndim, whole.shape[2]), (np.float32, 3, 6))
                    self.assertEqual(whole.nbytes + 256, os.path.getsize(path))
                    np.testing.assert_array_equal(whole, mapped)
        probabilities = np.load(self.path('out/probabilities/p0.npy'))
        np.testing.assert_allclose(probabilities.sum(axis=2), 1, atol=1e-5)
        with Image.open(self.path('out/masks/p0.png')) as mask:
            np.testing.assert_array_equal(np.array(mask), probabilities.argmax(axis=2))
        with Image.open(self.path('out/overlays/p0.png')) as overlay:
            self.assertEqual((overlay.mode, overlay.size), ('RGB', (40, 30)))

    def test_second_run_does_nothing(self):
        for way in [[], ['-j1'], ['--tile', '65']]:
            shutil.rmtree(self.path('out'), ignore_errors=True)
            kinds = ('masks', 'overlays') if '--tile' in way else tuple(KINDS)
            self.run_all(*way, kinds=kinds)
            before = self.state()
            done = self.run_all(*way, '--skip-existing', '--json', '-', kinds=kinds)
            self.assertEqual(self.changed(before, self.state()), [], way)
            self.assertEqual(done.stdout, '')
            self.assertIn('segmented 0 of 3 images (3 done before)', done.stderr)
            done = self.run_all(*way, kinds=kinds)  # unasked, it replaces its own
            self.assertEqual(self.changed(before, self.state()), sorted(before))
            self.assertEqual({name: data[0] for name, data in before.items()}, {name: data[0] for name, data in self.state().items()})

    def redone(self, kinds, *arguments, first=(), **more):
        """Which kinds of files a second run with other arguments writes anew, each kind being looked at by itself."""
        found = []
        for kind in kinds:
            shutil.rmtree(self.path('out'), ignore_errors=True)
            wanted = ('masks', kind) if kind != 'masks' else ('masks',)
            self.run_all(*first, kinds=wanted)
            for name in NAMES:  # only the other kind decides
                if kind != 'masks':
                    os.remove(self.path(f'out/masks/{name}.png'))
            before = {name: mark_of(self.path('out', name)) for name in self.state()}
            self.run_all('-q', '--skip-existing', *first, *arguments, kinds=wanted, **more)
            after = {name: mark_of(self.path('out', name)) for name in self.state()}
            different = {before[name] != after[name] for name in before}
            self.assertEqual(len(different), 1)
            found += [kind] if different.pop() else []
        return found

    def test_what_changes_them(self):
        """Each option has files redone whose numbers it changes, and no others."""
        every, pictures = list(KINDS), ['masks', 'overlays']
        with open(self.path('colours.txt'), 'w', encoding='utf-8') as palette:
            palette.writelines(f'{i} {40 * i} 0 9 thing{i}\n' for i in range(6))
        with open(self.path('named.txt'), 'w', encoding='utf-8') as palette:
            palette.writelines(f'{i} {40 * i} 0 9 {"thing" if i else "background"}{i or ""}\n' for i in range(6))
        for arguments, kinds in [(['--os', '8'], every), (['--resize', 'none'], every), (['--resize', 'stretch'], every),
                                 (['--pad', 'tight'], every), (['--mean', '100', '--std', '50'], every), (['--precision', 'float'], []),
                                 (['--orientation', 'ignore'], every), (['--classes', 'colours.txt'], pictures), (['--alpha', '0.25'], ['overlays']),
                                 (['--max-pixels', '9999'], []), (['-j1'], []), (['--shard', '1/1'], [])]:
            self.assertEqual(self.redone(KINDS, *arguments), kinds, arguments)
        for arguments in [['--flip'], ['--scales', '1'], ['--mf']]:  # not with scores
            self.assertEqual(self.redone(['masks', 'overlays', 'probabilities'], *arguments), ['masks', 'overlays', 'probabilities'], arguments)
        self.assertEqual(self.redone(pictures, '--classes', 'named.txt', first=['--classes', 'colours.txt']), ['overlays'])
        self.assertEqual(self.redone(KINDS, size='97'), every)
        self.assertEqual(self.redone(KINDS, model=os.path.join(DATA, 'plain.tflite')), every)
        whole8 = os.path.join(DATA, 'stuffed8.tflite')
        self.assertEqual(self.redone(KINDS, '--precision', 'float', model=whole8, first=['--precision', 'int8', '-m', whole8]), every)
        self.assertEqual(self.redone(pictures, '--tile', '65'), pictures)
        self.assertEqual(self.redone(pictures, '--tile', '97', first=['--tile', '65']), pictures)
        self.assertEqual(self.redone(pictures, '--overlap', '32', first=['--tile', '65']), pictures)

    def test_photos_of_the_same_names(self):
        os.mkdir(self.path('more'))
        for i, name in enumerate(NAMES):
            photos.picture(45, 35, 90 + i).save(self.path('more', name + '.png'))
        self.run_all()
        self.assertIn('segmented 3 of 3', self.run_all('--skip-existing', inputs=('more',)).stderr)
        shutil.copy(self.path('in/p1.png'), self.path('copy of p1.png'))
        os.rename(self.path('copy of p1.png'), self.path('more/p1.png'))
        self.assertIn('segmented 1 of 3 images (2 done before)', self.run_all('--skip-existing', inputs=('more',)).stderr)

    def damage(self, name, data):
        """A run with --skip-existing puts the file right that holds this data instead, and leaves the other images alone."""
        path = self.path('out', name)
        before = self.state()
        photos.write(path, data)
        done = self.run_all('--skip-existing')
        self.assertIn('segmented 1 of 3 images (2 done before)', done.stderr, name)
        after = self.state()
        self.assertEqual({name: data[0] for name, data in before.items()}, {name: data[0] for name, data in after.items()})
        stem = os.path.basename(name).split('.')[0]
        self.assertEqual({os.path.basename(name).split('.')[0] for name in self.changed(before, after)}, {stem})

    def test_damaged_files_are_redone(self):
        self.run_all()
        for kind, extension in KINDS.items():
            name = f'{kind}/p1.{extension}'
            whole = read(self.path('out', name))
            for tenth in range(10):
                with self.subTest(name=name, tenth=tenth):
                    self.damage(name, whole[:len(whole) * tenth // 10])
            self.damage(name, whole[:-1])
            self.damage(name, bytes(len(whole)))
            self.damage(name, bytes(1))
            self.damage(name, bytes(100000))
            self.damage(name, whole[:300] + bytes(len(whole) - 300) if extension == 'npy' else whole[:-30] + bytes(30))
            for at in range(5, 256, 50):  # while the mark, and even the kind of file, cannot be told
                self.damage(name, whole[:at])
        for name in ['masks/p1.png', 'scores/p1.npy']:
            self.damage(name, b'')
            before = self.state()
            photos.write(self.path('out', name), bytes(77))
            self.run_all()  # without the option, too: nothing is lost
            self.assertEqual(self.state()[name][0], before[name][0])

    def missing(self, way, kinds):
        self.run_all(*way, kinds=kinds)
        before = self.state()
        for name in before:
            os.remove(self.path('out', name))
            self.assertIn('segmented 1 of 3', self.run_all(*way, '--skip-existing', kinds=kinds).stderr)
            self.assertEqual({name: data[0] for name, data in self.state().items()}, {name: data[0] for name, data in before.items()})
        shutil.rmtree(self.path('out'))

    def test_one_kind_missing(self):
        self.missing([], tuple(KINDS))
        self.missing(['--tile', '65'], ('masks', 'overlays'))

    def foreign_files(self):
        """Of each extension: what people have under the names of outputs."""
        picture = Image.fromarray(np.arange(1200, dtype=np.uint8).reshape(30, 40) % 6)
        text = PngImagePlugin.PngInfo()
        text.add_text('Software', 'a brush')
        picture.save(self.path('plain.png'))
        picture.save(self.path('text.png'), pnginfo=text)
        picture.convert('P').save(self.path('indexed.png'))
        picture.save(self.path('jpeg.jpg'))
        picture.save(self.path('profile.png'), icc_profile=bytes(range(256)) * 40)
        whole = read(self.path('plain.png'))
        np.save(self.path('array.npy'), np.zeros((3, 4, 6), np.float32))
        np.save(self.path('double.npy'), np.arange(9000.))
        pngs = [read(self.path(name)) for name in ['plain.png', 'text.png', 'indexed.png', 'profile.png', 'jpeg.jpg']]
        pngs += [whole[:-20], whole[:200], read(self.path('profile.png'))[:3000], b'notes', b'\x89PNG\r\n\x1a\n' + bytes(9999), struct.pack('<I', 1)]
        npys = [read(self.path('array.npy')), read(self.path('double.npy')), read(self.path('array.npy'))[:200], b'PK\3\4 an npz']
        return {'png': pngs, 'npy': npys}

    def test_foreign_files_are_safe(self):
        foreign = self.foreign_files()
        self.run_all(out='fresh')
        fresh = self.state('fresh')
        for kind, extension in KINDS.items():
            name = f'{kind}/p1.{extension}'
            for data in foreign[extension]:
                with self.subTest(name=name, data=data[:20]):
                    shutil.rmtree(self.path('out'), ignore_errors=True)
                    os.makedirs(self.path('out', kind))
                    photos.write(self.path('out', name), data)
                    done = self.run_all('-q', status=1)
                    self.assertEqual(done.stderr, f'mseg: in/p1.png: cannot write out/{name}: {FOREIGN}\n')
                    self.assertEqual(read(self.path('out', name)), data)
                    others = {name: found[0] for name, found in self.state().items() if 'p1' not in name}
                    self.assertEqual(others, {name: found[0] for name, found in fresh.items() if 'p1' not in name})
                    before = self.state()
                    done = self.run_all('--skip-existing')
                    self.assertIn('(2 done before, 1 left alone as not written by mseg)', done.stderr)
                    self.assertEqual(self.changed(before, self.state()), [])
                    self.run_all('-y')
                    self.assertEqual({name: found[0] for name, found in self.state().items()}, {name: found[0] for name, found in fresh.items()})

    def test_foreign_files_in_tiles(self):
        for name in ['masks/p1.png', 'overlays/p1.png']:
            os.makedirs(os.path.dirname(self.path('out', name)), exist_ok=True)
            shutil.copy(self.path('in/p0.png'), self.path('out', name))
            tile = ['--tile', '65', '-q']
            self.assertIn(f'cannot write out/{name}: {FOREIGN}', self.run_all(*tile, kinds=('masks', 'overlays'), status=1).stderr)
            self.run_all(*tile, '--skip-existing', kinds=('masks', 'overlays'))
            self.assertEqual(read(self.path('out', name)), read(self.path('in/p0.png')))
            self.run_all(*tile, '--overwrite', kinds=('masks', 'overlays'))
            self.assertTrue(mark_of(self.path('out', name)))
            shutil.rmtree(self.path('out'))

    def test_links(self):
        """A link's file counts; where it is not there, as in git-annex, the link stays."""
        os.makedirs(self.path('out/masks'))
        photos.write(self.path('mine'), b'mine')
        os.symlink('../../mine', self.path('out/masks/p0.png'))
        os.symlink('../../nowhere', self.path('out/masks/p1.png'))
        done = self.run_all('-q', kinds=('masks',), status=1)
        self.assertIn(f'out/masks/p0.png: {FOREIGN}\n', done.stderr)
        self.assertIn('cannot write out/masks/p1.png: cannot write the file: File exists\n', done.stderr)
        self.assertEqual((read(self.path('mine')), os.path.exists(self.path('nowhere'))), (b'mine', False))
        self.assertEqual(os.readlink(self.path('out/masks/p1.png')), '../../nowhere')

    def test_files_that_come_meanwhile(self):
        """Between the look and the writing another program writes the file: what is not mseg's stays; what a second run made of
        the same is as good; any other of mseg's is told."""
        if os.environ.get('MSEG_SANITIZE'):
            print('SKIP: a preloaded library does not go with sanitizers')
            return
        self.run_all('-q', out='same')
        self.run_all('-q', size='97', out='other')
        for way, kinds in [([], tuple(KINDS)), (['--tile', '65'], ('masks', 'overlays'))]:
            if way:
                self.run_all('-q', *way, out='same', kinds=kinds)
            for kind in kinds:
                name = f'{kind}/p1.{KINDS[kind]}'
                for file, said in [('in/p0.png', FOREIGN), (f'same/{name}', None), (f'other/{name}', 'cannot write the file: File exists')]:
                    shutil.rmtree(self.path('out'), ignore_errors=True)
                    environment = {**os.environ, 'LD_PRELOAD': MEANWHILE, 'MEANWHILE_NAME': name, 'MEANWHILE_FILE': self.path(file)}
                    done = self.run_all('-q', *way, kinds=kinds, status=1 if said else 0, env=environment)
                    self.assertEqual(done.stderr, f'mseg: in/p1.png: cannot write out/{name}: {said}\n' if said else '')
                    self.assertEqual(read(self.path('out', name)), read(self.path(file)))

    def test_the_mask_comes_last(self):
        for kind in ['overlays', 'scores', 'probabilities']:
            os.makedirs(self.path('out', kind, f'p1.{KINDS[kind]}'))
            self.assertIn('Is a directory', self.run_all('-q', status=1).stderr)
            self.assertEqual(sorted(os.listdir(self.path('out/masks'))), ['p0.png', 'p2.png'])
            shutil.rmtree(self.path('out'))

    def test_long_names(self):
        """The line keeps its end, and the end of the path."""
        deep = os.path.join('x' * 120, 'y' * 120)
        os.makedirs(self.path(deep, 'masks'))
        photos.write(self.path(deep, 'masks/p0.png'), b'mine')
        done = self.run_all('-q', out=deep, kinds=('masks',), status=1)
        self.assertRegex(done.stderr, r'cannot write \.\.\.\S*y/masks/p0\.png: ' + FOREIGN)

    def test_inputs_are_never_replaced(self):
        """Whatever is asked for; a mask that is read as a photo is one, too."""
        before = self.state('in')
        for option in ['-q', '-y', '--overwrite', '--skip-existing']:
            done = self.mseg('--size', '65', option, '-o', 'in', 'in', status=1)
            self.assertEqual(done.stderr.count('would replace the input in/p'), 3, option)
            self.assertEqual(self.changed(before, self.state('in')), [])
        self.mseg('-q', '--size', '65', '-o', 'm', 'in')
        before = self.state('m')
        for option in ['-q', '-y', '--skip-existing']:
            self.mseg('--size', '65', option, '-o', 'm', 'm/p0.png', status=1)
            self.assertEqual(self.changed(before, self.state('m')), [])

    def test_both_options(self):
        done = self.mseg('-y', '--skip-existing', 'in', status=2)
        self.assertEqual(done.stderr, 'mseg: run: --skip-existing and --overwrite exclude one another\n')
        self.assertEqual(sorted(os.listdir(self.folder)), ['in'])


class Shared(unittest.TestCase):
    """An annotation that somebody drew, and that a run destroyed."""

    def test_case(self):
        case = shared.path('cases/resume-and-overwrite')
        annotation = os.path.join(case, 'annotations/p0.png')
        if shared.missing([annotation, os.path.join(case, 'photos/p0.jpg')], 'a hand-made annotation and its photos are'):
            return
        with tempfile.TemporaryDirectory() as out:
            for options, status, kept in [([], 1, True), (['--skip-existing'], 0, True), (['--overwrite'], 0, False)]:
                shutil.copyfile(annotation, os.path.join(out, 'p0.png'))
                done = subprocess.run([MSEG, 'run', '-q', '-m', TINY, '--size', '65', *options, '-o', out, os.path.join(case, 'photos')],
                                      capture_output=True, check=False)
                self.assertEqual((done.returncode, read(os.path.join(out, 'p0.png')) == read(annotation)), (status, kept))
                self.assertEqual(sorted(os.listdir(out)), sorted(name.replace('.jpg', '.png') for name in os.listdir(os.path.join(case, 'photos'))))


if __name__ == '__main__':
    unittest.main()
