#!/usr/bin/python3
"""test_threads.py MSEG FEW_THREADS.so: how many threads there are: where the system starts fewer than are wanted, every command says so
once and gives the same results; a container's CPU quota counts, and so does its limit on processes, in real control groups."""
import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

import photos
import shapes

TINY, CLASSIFIER = (os.path.join(os.path.dirname(os.path.abspath(__file__)), '../weights/data', name)
                    for name in ('uint8.tflite', 'dense.tflite'))
ENVIRONMENT = {key: value for key, value in os.environ.items() if key != 'MSEG_MODEL'} | {'LC_ALL': 'C'}
PHOTOS = 9  # one more than threads
JUDGED = ['eval', '--classes', 'six', '-m', TINY, '--size', '33', '--images', 'im', '--gt', 'ma']
COMMANDS = {
    'run, a photo each': ['run', '-q', '-m', TINY, '--size', '33', 'im', '-o', 'out/masks', '--scores', 'out/scores'],
    'run, one photo': ['run', '-q', '-m', TINY, '--size', '33', 'im/p000.jpg', '-o', 'out/masks', '--scores', 'out/scores'],
    'eval, photos': [*JUDGED, '-q', '--json', 'out/report', '--save-counts', 'out/counts'],
    'eval, masks': ['eval', '--classes', 'c', '--gt', 'ma', '--pred', 'ma', '-q', '--json', 'out/report'],
    'classify': ['classify', '-m', CLASSIFIER, '--size', '17', 'im'],
    'train': ['train', '--images', 'im', '--masks', 'ma', '--classes', 'c', '-m', TINY, '--size', '17', '--batch', '2', '--steps', '2', '-q',
              '-o', 'out/x.tflite'],
    'convert': ['convert', '-q', '--quantize', '--calibrate', 'im', '--size', '33', '--voc', 'voc', '--split', 'few', 'builtin',
                'out/x.tflite'],
    'info': ['info', '-m', 'builtin', '--size', '33', '--activations', 'im', '--json'],
}


class Folder(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.temp = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.temp.cleanup)
        os.chdir(cls.temp.name)
        cls.addClassCleanup(os.chdir, '/')
        shapes.pairs('im', 'ma', range(PHOTOS))
        shapes.devkit('voc', {'few': range(3)})
        photos.write('c', shapes.CLASSES.encode())
        photos.write('six', ''.join(f'{i} {40 * i} 0 0 thing {i}\n' for i in range(6)).encode())  # the model's

    def run_mseg(self, arguments, status=0, **how):
        how = {'env': ENVIRONMENT, **how}
        done = subprocess.run([MSEG, *arguments], capture_output=True, text=True, check=False, **how)
        self.assertEqual(done.returncode, status, done.stderr)
        return done

    def results(self, arguments, **how):
        """What stands in the files and on standard output, and the lines on standard error."""
        shutil.rmtree('out', ignore_errors=True)
        os.mkdir('out')
        done = self.run_mseg(arguments, **how)
        files = {}
        for folder, _, names in os.walk('out'):
            for name in names:
                with open(os.path.join(folder, name), 'rb') as file:
                    files[os.path.join(folder, name)] = file.read()
        return (files, done.stdout), done.stderr.splitlines()


class Few(Folder):
    def setUp(self):
        if os.environ.get('MSEG_SANITIZE'):
            print('SKIP: a preloaded library does not go with sanitizers: fewer threads than wanted are NOT tested', flush=True)
            self.skipTest('sanitizers')

    def environment(self, more):
        return {**ENVIRONMENT, 'LD_PRELOAD': LIBRARY, 'FEW_THREADS': str(more)}

    def test_every_command(self):
        for what, arguments in COMMANDS.items():
            with self.subTest(what):
                expected, said = self.results([*arguments, '-j', '8'])
                self.assertTrue(expected[0] or expected[1])
                for more in [0, 2]:
                    line = (f'mseg: warning: could start only {more + 1} of 8 threads (limits: ulimit -u, the container\'s pids); going on '
                            f'with {more + 1}')
                    got, lines = self.results([*arguments, '-j', '8'], env=self.environment(more))
                    self.assertEqual(sorted(lines), sorted([line, *said]))
                    self.assertEqual(got, expected)

    def test_threads_that_are_told(self):
        """In bench and in the summary of eval."""
        done = self.run_mseg(['bench', '-m', TINY, '--size', '33', '-n', '1', '-j', '8', '--json'], env=self.environment(2))
        self.assertEqual(json.loads(done.stdout)['threads'], 3)
        done = self.run_mseg(['bench', '-m', TINY, '--size', '33', '-n', '1', '-j', '8'], env=self.environment(4))
        self.assertIn(' 5 thread(s)\n', done.stdout)
        self.assertIn(' on 3 threads, ', self.run_mseg([*JUDGED, '-j', '8'], env=self.environment(2)).stderr)

    def test_default(self):
        if len(os.sched_getaffinity(0)) < 2:
            print('SKIP: one processor: the default number of threads is NOT tested where fewer start', flush=True)
            self.skipTest('one processor')
        self.assertIn('could start only 1 of ', self.run_mseg(JUDGED, env=self.environment(0)).stderr)


class Group:
    """A control group of this test's own, with the settings file: text of version 1 or 2; OSError says why there is none."""

    def __init__(self, controller, settings):
        base = f'/sys/fs/cgroup/{controller}'
        self.folder = None
        if not os.path.isdir(base):
            base = '/sys/fs/cgroup'
            with open(f'{base}/cgroup.subtree_control', 'w', encoding='ascii') as file:
                file.write(f'+{controller}')
        folder = f'{base}/mseg-test-{os.getpid()}'
        os.mkdir(folder)
        self.folder = folder
        try:
            for name, text in settings[base == '/sys/fs/cgroup'].items():
                with open(f'{folder}/{name}', 'w', encoding='ascii') as file:
                    file.write(text)
        except OSError:
            self.close()
            raise

    def enter(self):
        with open(f'{self.folder}/cgroup.procs', 'w', encoding='ascii') as file:
            file.write('0')

    def close(self):
        os.rmdir(self.folder)


class Container(Folder):
    def group(self, controller, *settings):
        try:
            group = Group(controller, settings)
        except OSError as error:
            print(f'SKIP: no control group of {controller} can be made here ({error}): a real limit is NOT tested', flush=True)
            self.skipTest('no control group')
        self.addCleanup(group.close)
        return group

    def test_quota(self):
        processors = len(os.sched_getaffinity(0))
        plain = [*JUDGED, '--json', 'report']
        if processors < 2:
            print('SKIP: one processor: a quota of one is NOT tested', flush=True)
            self.skipTest('one processor')
        self.assertIn(f' on {processors} threads, ', self.run_mseg(plain).stderr)
        for quota, says in [(60000, ' on 1 thread, '), (110000, ' on 2 threads, '), (100000 * processors, f' on {processors} threads, ')]:
            with self.subTest(quota):
                group = self.group('cpu', {'cpu.cfs_period_us': '100000', 'cpu.cfs_quota_us': str(quota)}, {'cpu.max': f'{quota} 100000'})
                self.assertIn(says, self.run_mseg(plain, preexec_fn=group.enter).stderr)
                self.assertIn(' on 3 threads, ', self.run_mseg([*plain, '-j', '3'], preexec_fn=group.enter).stderr)
                self.doCleanups()

    def test_processes(self):
        group = self.group('pids', *[{'pids.max': '3'}] * 2)
        lines = self.run_mseg([*JUDGED, '-j', '8'], preexec_fn=group.enter).stderr.splitlines()
        self.assertEqual(len(lines), 2, lines)
        self.assertIn('could start only 3 of 8 threads', lines[0])
        self.assertIn(' on 3 threads, ', lines[1])


if __name__ == '__main__':
    LIBRARY, MSEG = os.path.abspath(sys.argv.pop(2)), os.path.abspath(sys.argv.pop(1))
    unittest.main()
