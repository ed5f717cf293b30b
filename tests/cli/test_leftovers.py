#!/usr/bin/python3
"""test_leftovers.py MSEG NO_TMPFILE.so: temporary files where the file system has no unnamed ones. A killed run leaves them; the
next command that writes into that folder, whichever it is, removes them, and no others."""
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

import photos

TINY, CLASSIFIER = (os.path.join(os.path.dirname(os.path.abspath(__file__)), '../weights/data', name)
                    for name in ('uint8.tflite', 'dense.tflite'))
PALETTE = ''.join(f'{i} {40 * i} 0 0 thing {i}\n' for i in range(6))
EVAL = ['eval', '-q', '-j1', '--classes', 'p', '--gt', 'gt', '--pred', 'gt']
COMMANDS = {
    'run, masks': ['run', '-q', '-m', TINY, '--size', '17', 'a.png', '-o', 'out'],
    'run, overlays': ['run', '-q', '-m', TINY, '--size', '17', 'a.png', '-o', 'm', '--overlay=out'],
    'run, scores': ['run', '-q', '-m', TINY, '--size', '17', 'a.png', '-o', 'm', '--scores', 'out'],
    'run, JSON': ['run', '-q', '-m', TINY, '--size', '17', 'a.png', '-o', 'm', '--json', 'out/j'],
    'run, JSON through a link': ['run', '-q', '-m', TINY, '--size', '17', 'a.png', '-o', 'm', '--json', 'link'],
    'classify': ['classify', '-q', '-m', CLASSIFIER, '--size', '17', 'a.png', '--json', 'out/j'],
    'convert': ['convert', '-qy', TINY, 'out/x.onnx'],
    'eval, JSON': EVAL + ['--json', 'out/j'],
    'eval, CSV': EVAL + ['--csv', 'out/j'],
    'eval, page': EVAL + ['--html', 'out/j'],
    'eval, counts': EVAL + ['--save-counts', 'out/j'],
}


class Leftovers(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        for name in ('gt', 'many', 'out'):
            os.mkdir(self.path(name))
        photos.picture(40, 30, 1).save(self.path('a.png'))
        photos.picture(40, 30, 1).convert('L').point(lambda v: v // 43).save(self.path('gt/a.png'))
        photos.write(self.path('p'), PALETTE.encode())
        photos.write(self.path('out/j'), b'{"path":"a.png","mark":"of another run"}\n')
        os.symlink('out/j', self.path('link'))
        photos.picture(1500, 1500, 1).save(self.path('many/0.jpg'))
        for i in range(1, 200):
            os.link(self.path('many/0.jpg'), self.path('many', f'{i}.jpg'))

    def path(self, *parts):
        return os.path.join(self.folder, *parts)

    def start(self, arguments):
        return subprocess.Popen([MSEG, *arguments], cwd=self.folder, stderr=subprocess.PIPE,
                                env={**os.environ, 'LD_PRELOAD': LIBRARY})

    def temporary(self):
        return [name for name in os.listdir(self.path('out')) if name.startswith('.mseg-')]

    def test_every_command(self):
        killed = self.start(['run', '-q', '-j1', '-m', TINY, 'many', '-o', 'out'])
        while not self.temporary() and killed.poll() is None:
            time.sleep(0.001)
        killed.send_signal(signal.SIGKILL)
        killed.communicate()
        self.assertEqual(killed.returncode, -signal.SIGKILL)
        left, = self.temporary()
        self.assertIn(f'-{killed.pid}-', left)
        alive = left.replace(f'-{killed.pid}-', f'-{os.getpid()}-')
        others = [alive, left + 'x', left.replace('.mseg-', '.mseg-elsewhere-')]
        for name in others:
            shutil.copy(self.path('out', left), self.path('out', name))
        for what, arguments in COMMANDS.items():
            with self.subTest(what):
                photos.write(self.path('out', left), b'half a line')
                done = self.start(arguments)
                said = done.communicate()[1]
                self.assertEqual((done.returncode, said), (0, b''))
                self.assertEqual(sorted(self.temporary()), sorted(others))


if __name__ == '__main__':
    if os.environ.get('MSEG_SANITIZE'):
        print('SKIP: a preloaded library does not go with sanitizers')
        sys.exit(0)
    LIBRARY, MSEG = os.path.abspath(sys.argv.pop(2)), os.path.abspath(sys.argv.pop(1))
    unittest.main()
