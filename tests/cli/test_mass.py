#!/usr/bin/python3
"""test_mass.py MSEG: a run over 1,000 small photos with 50 inputs of every bad kind among them: exactly the good ones come out, each bad one
is named once, memory does not grow with their number, and every mask and score is what the photo gives alone."""
import os
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import time
import unittest
import zlib

from PIL import Image

import photos

ENVIRONMENT = {key: value for key, value in os.environ.items() if key != 'MSEG_MODEL'} | {'LC_ALL': 'C'}
GOOD, FEW, EACH = 1000, 200, 3  # EACH: of a bad kind
ALONE = range(0, GOOD, GOOD // 20)
MOST_MORE_KB = 4096  # of memory for five times as many


def peak_kb(pid):
    """So far; what wait4 tells is at least what Python had when it forked."""
    with open(f'/proc/{pid}/status', encoding='ascii', errors='replace') as file:
        found = re.search(r'^VmHWM:\s*(\d+) kB$', file.read(), re.M)
    return int(found[1]) if found else 0


def chunk(kind, data, crc=0):
    return struct.pack('>I', len(data)) + kind + data + struct.pack('>I', zlib.crc32(kind + data) ^ crc)


def png(width, height, bits=8, colours=2, crc=0, data=None):
    """With as many bytes of pixels as there should be, or with this data."""
    rows = zlib.compress(bytes((1 + 3 * width) * height)) if data is None else data
    header = struct.pack('>IIBBBBB', width, height, bits, colours, 0, 0, 0)
    return b'\x89PNG\r\n\x1a\n' + chunk(b'IHDR', header) + chunk(b'IDAT', rows, crc) + chunk(b'IEND', b'')


def encoded(image, **how):
    with tempfile.TemporaryFile() as file:
        image.save(file, **how)
        file.seek(0)
        return file.read()


def of_bytes(data):
    return lambda path: photos.write(path, data)


def bad_kinds():
    """What goes wrong: the end of the name, a function that makes it."""
    picture = photos.picture(30, 24, 1)
    good_png, good_jpeg = encoded(picture, format='PNG'), encoded(picture, format='JPEG')
    return {
        'empty png': ('png', of_bytes(b'')),
        'empty jpeg': ('jpg', of_bytes(b'')),
        'cut png': ('png', of_bytes(good_png[:len(good_png) // 2])),
        'cut jpeg': ('jpg', of_bytes(good_jpeg[:len(good_jpeg) // 2])),
        'text as png': ('png', of_bytes(b'not a picture\n')),
        'text as jpeg': ('jpg', of_bytes(b'not a picture\n')),
        'gif as png': ('png', of_bytes(encoded(picture, format='GIF'))),
        'signature alone': ('png', of_bytes(good_png[:8])),
        'wrong checksum': ('png', of_bytes(png(8, 8, crc=1))),
        'no pixels': ('png', of_bytes(png(0, 0))),
        'pixels missing': ('png', of_bytes(png(30, 30, data=zlib.compress(bytes(100))))),
        'not compressed': ('png', of_bytes(png(8, 8, data=b'garbage'))),
        'unknown colours': ('png', of_bytes(png(8, 8, colours=5))),
        'huge header': ('png', of_bytes(png(2**31 - 1, 2**31 - 1, data=b''))),
        'more than allowed': ('png', of_bytes(png(20000, 20000, data=zlib.compress(bytes(64))))),
        'folder': ('png', os.mkdir),
        'pipe': ('jpg', os.mkfifo),
        'dangling link': ('png', lambda path: os.symlink('nowhere.png', path)),
        'link to itself': ('jpg', lambda path: os.symlink(os.path.basename(path), path)),
    }


class Mass(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.temp = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.temp.cleanup)
        os.chdir(cls.temp.name)
        cls.addClassCleanup(os.chdir, '/')
        os.mkdir('all')
        for i in range(GOOD):
            photos.picture(20 + i % 23, 20 + i % 17, i).save(cls.photo(i))
        cls.bad = [cls.make_bad(*kind, number) for kind in bad_kinds().items() for number in range(EACH)]
        cls.few = [cls.photo(i) for i in range(FEW)]

    @staticmethod
    def photo(i):
        return f'all/p{i:04}.{["jpg", "png"][i % 2]}'

    @staticmethod
    def make_bad(what, how, number):
        """Its name is somewhere among those of the good ones."""
        end, make = how
        path = f'all/p{zlib.crc32(what.encode()) % GOOD:04}-{number} {what}.{end}'
        make(path)
        return path

    def run_mseg(self, *arguments, text=None):
        """The exit status, the lines on standard error, the most memory in KB."""
        with tempfile.TemporaryFile() as lines, tempfile.TemporaryFile() as paths:
            paths.write((text or '').encode())
            paths.seek(0)
            process = subprocess.Popen([MSEG, 'run', '-q', '-m', 'builtin', '--size', '65', *arguments], env=ENVIRONMENT, stdin=paths, stderr=lines)
            memory = 0
            while process.poll() is None:
                memory = max(memory, peak_kb(process.pid))
                time.sleep(0.005)
            lines.seek(0)
            return process.returncode, lines.read().decode(errors='backslashreplace').splitlines(), memory

    @staticmethod
    def files(folder):
        found = {}
        for name in os.listdir(folder):
            with open(os.path.join(folder, name), 'rb') as file:
                found[name] = file.read()
        return found

    def check(self, *inputs, text=None):
        """The masks and scores, and the memory that it took."""
        for folder in ['masks', 'scores']:
            shutil.rmtree(folder, ignore_errors=True)
        status, lines, memory = self.run_mseg('-j', '4', '-o', 'masks', '--scores', 'scores', *inputs, text=text)
        self.assertEqual(status, 1)
        self.assertEqual(sorted(line.split(': ')[1] for line in lines), sorted(self.bad))
        self.assertTrue(all(line.startswith('mseg: ') for line in lines), lines)
        made = {**self.files('masks'), **self.files('scores')}
        self.assertEqual(sorted(made), sorted(f'p{i:04}.{end}' for i in range(GOOD) for end in ['png', 'npy']))
        return made, memory

    def check_memory(self, many, few):
        if os.environ.get('MSEG_SANITIZE'):
            print('SKIP: sanitizers keep memory that is free: that it does not grow with the number of inputs is NOT tested', flush=True)
        else:
            self.assertLess(many - few, MOST_MORE_KB)

    def test_folder_and_list(self):
        self.assertGreaterEqual(len(self.bad), 50)
        made, memory = self.check('all')
        for i in ALONE:
            self.assertEqual(self.run_mseg('-j', '1', '-o', 'alone', '--scores', 'alone', self.photo(i))[:2], (0, []))
            with Image.open(self.photo(i)) as photo, Image.open(f'alone/p{i:04}.png') as mask:
                self.assertEqual(mask.size, photo.size)
        alone = self.files('alone')
        self.assertEqual([name for name in alone if alone[name] != made[name]], [])
        self.assertEqual(len(alone), 2 * len(ALONE))
        status, lines, less = self.run_mseg('-j', '4', '-o', 'few', '--scores', 'few', *self.few)
        self.assertEqual((status, lines), (0, []))
        self.check_memory(memory, less)
        listed, memory = self.check('-', text=''.join(f'{path}\n' for path in sorted([self.photo(i) for i in range(GOOD)] + self.bad)))
        self.assertEqual([name for name in made if listed[name] != made[name]], [])
        self.check_memory(memory, less)


if __name__ == '__main__':
    MSEG = os.path.abspath(sys.argv.pop(1))
    unittest.main()
