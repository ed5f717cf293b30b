#!/usr/bin/python3
"""test_stops.py MSEG: runs that are killed, stopped by a signal, by a full disk or at the first failure, and what the next one makes of
what is left; lists that grow while they are read; what outputs are called."""
import io
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

from PIL import Image

import photos

ENVIRONMENT = {key: value for key, value in os.environ.items() if key != 'MSEG_MODEL'} | {'LC_ALL': 'C'}
RUN, SMALL = ['run', '-m', 'builtin'], ['--size', '65']
DISK = ['unshare', '--user', '--map-root-user', '--mount', 'sh', '-euc']


def tree(folder):
    """The bytes of all files below it; of --json all but the milliseconds."""
    found = {}
    for where, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(where, name)
            with open(path, 'rb') as file:
                data = file.read()
            if name.endswith('.jsonl'):
                data = [{**json.loads(line), 'ms': None} for line in data.splitlines()]
            found[os.path.relpath(path, folder)] = data
    return found


class Case(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def path(self, *parts):
        return os.path.join(self.folder, *parts)

    def make(self, count, folder='in', size=(40, 30)):
        os.makedirs(self.path(folder), exist_ok=True)
        for i in range(count):
            photos.picture(*size, i).save(self.path(folder, f'{i:03}.png'))

    def start(self, *arguments, **more):
        return subprocess.Popen([MSEG, *RUN, *SMALL, *arguments], cwd=self.folder, env=ENVIRONMENT, **more)

    def mseg(self, *arguments, status=0, **more):
        done = subprocess.run([MSEG, *RUN, *SMALL, *arguments], cwd=self.folder, env=ENVIRONMENT, capture_output=True, check=False, **more)
        self.assertEqual(done.returncode, status, (arguments, done.stderr))
        return done

    def lines(self, name):
        with open(self.path(name), encoding='utf-8') as file:
            return [json.loads(line) for line in file]


class Killed(Case):
    def all_ways(self, kills, *arguments, how=SMALL, parts=('1/1',)):
        """The tree of an undisturbed run, and that of one killed so often."""
        trees = []
        for name in ['whole', 'killed']:
            os.mkdir(self.path(name))
            for part in parts:
                out = [*how, *arguments, '-q', '-j2', '--shard', part, '-o', 'm', '--json', f'{part[0]}.jsonl', '--skip-existing',
                       '../in']
                begun = time.monotonic()
                for _ in range(kills if name == 'killed' else 0):
                    killed = subprocess.Popen([MSEG, *RUN, *out], cwd=self.path(name), env=ENVIRONMENT)
                    time.sleep(random.uniform(0, 1.2 * seconds / kills))
                    killed.kill()
                    self.assertIn(killed.wait(), [-signal.SIGKILL, 0])
                subprocess.run([MSEG, *RUN, *out], cwd=self.path(name), env=ENVIRONMENT, check=True)
                seconds = time.monotonic() - begun
            trees.append(tree(self.path(name)))
        return trees

    def same(self, whole, killed):
        self.assertEqual(sorted(whole), sorted(killed))
        for name, data in whole.items():
            self.assertEqual(data, killed[name], name)

    def test_twenty_times(self):
        self.make(150)
        whole, killed = self.all_ways(20, '--overlay=o', '--scores', 's')
        self.same(whole, killed)
        self.assertEqual(len(whole), 3 * 150 + 1)
        self.assertEqual([line['path'] for line in whole['1.jsonl']], [f'../in/{i:03}.png' for i in range(150)])

    def test_shards(self):
        self.make(60)
        whole, killed = self.all_ways(4, '--probabilities', 'p', parts=('1/3', '2/3', '3/3'))
        self.same(whole, killed)
        for part in range(3):
            self.assertEqual([line['path'] for line in whole[f'{part + 1}.jsonl']], [f'../in/{i:03}.png' for i in range(part, 60, 3)])

    def test_tiles(self):
        self.make(20, size=(150, 90))
        self.same(*self.all_ways(5, '--overlay=o', '--tile', '65', how=()))

    def test_lines_of_json(self):
        """A line without its end goes, one that is missing comes back, those of other options and of photos that changed are made anew."""
        self.make(6)
        out = ['-q', '-o', 'm', '--json', 'j.jsonl', 'in']
        self.mseg(*out)
        whole = tree(self.folder)['j.jsonl']
        with open(self.path('j.jsonl'), 'rb') as file:
            text = file.read()
        photos.write(self.path('j.jsonl'), text[:-40])
        self.mseg('--skip-existing', *out)
        self.assertEqual(tree(self.folder)['j.jsonl'], whole)
        photos.write(self.path('j.jsonl'), b''.join(text.splitlines(True)[2:]))
        self.mseg('--skip-existing', *out)
        self.assertEqual(tree(self.folder)['j.jsonl'], whole[2:] + whole[:2])
        os.remove(self.path('m/003.png'))
        self.mseg('--skip-existing', *out)
        self.assertEqual(len(self.lines('j.jsonl')), 6)
        photos.picture(50, 20, 99).save(self.path('in/004.png'))
        self.mseg('--skip-existing', *out)
        self.assertEqual(sorted(line['path'] for line in self.lines('j.jsonl')), [f'in/{i:03}.png' for i in range(6)])
        self.assertEqual([line['width'] for line in self.lines('j.jsonl') if '004' in line['path']], [50])
        self.mseg('--skip-existing', '--resize', 'none', *out)
        self.assertEqual({line['resize'] for line in self.lines('j.jsonl')}, {'none'})
        self.assertEqual(len(self.lines('j.jsonl')), 6)

    def test_other_files_in_its_place(self):
        self.make(1)
        for text in [b'notes\n', b'{"a": 1}\n', b'notes', b'{"path": "a", "b": 1}', b'\nnotes', b'\0\0\0\x18ftypheic', b'\0\0notes\n']:
            photos.write(self.path('j'), text)
            for more in [[], ['--skip-existing']]:
                done = self.mseg(*more, '-o', 'm', '--json', 'j', 'in', status=2)
                self.assertIn(b'mseg: j: it exists and is no --json of mseg run; --overwrite replaces it\n', done.stderr)
            with open(self.path('j'), 'rb') as file:
                self.assertEqual(file.read(), text)
        self.mseg('--overwrite', '-q', '-o', 'm', '--json', 'j', 'in')
        self.assertEqual(len(self.lines('j')), 1)


    def test_done_once(self):
        """Nor twice with files that --json could tell of, names that JSON cannot tell apart, and an image on standard input."""
        names = [b'a\xfe.png', b'a\xff.png', 'a\N{REPLACEMENT CHARACTER}.png'.encode()]
        self.make(1)
        for i, name in enumerate(names):
            photos.picture(30 + i, 20, i).save(self.path('in', os.fsdecode(name)))
        out = ['-o', 'm', '--scores', 's', '--probabilities', 'p', '--json', 'j.jsonl', 'in']
        self.mseg('-q', *out)
        whole = self.lines('j.jsonl')
        self.assertEqual(sorted(line['width'] for line in whole), [30, 31, 32, 40])
        self.assertIn(b'segmented 0 of 4 images (4 done before)', self.mseg('--skip-existing', *out).stderr)
        self.assertEqual(self.lines('j.jsonl'), whole)
        with open(self.path('j.jsonl'), 'rb') as file:
            lines = file.read().splitlines(True)
        for i in range(4):
            photos.write(self.path('j.jsonl'), b''.join(lines[:i] + lines[i + 1:]))
            self.assertIn(b'segmented 1 of 4 images (3 done before)', self.mseg('--skip-existing', *out).stderr)
            self.assertEqual([line['width'] for line in self.lines('j.jsonl')][-1], whole[i]['width'])
        for i, lines in enumerate([1, 2, 2]):
            data = io.BytesIO()
            photos.picture(50 + i % 2, 10, i % 2).save(data, format='PNG')
            self.mseg('-q', '--skip-existing', '-o', 'm', '--json', 'k.jsonl', '-', input=data.getvalue())
            self.assertEqual([line['width'] for line in self.lines('k.jsonl')], [50, 51][:lines])

    def test_damaged_lines(self):
        """What a crash leaves in the middle goes, the lines around it stay."""
        self.make(4)
        out = ['-q', '-o', 'm', '--json', 'j.jsonl', 'in']
        self.mseg(*out)
        with open(self.path('j.jsonl'), 'rb') as file:
            lines = file.read().splitlines(True)
        for damaged in [lines[1][:30] + b'\n', bytes(50) + lines[1], lines[1][:30] + bytes(9) + lines[1][39:]]:
            photos.write(self.path('j.jsonl'), lines[0] + damaged + lines[2] + lines[3])
            self.mseg('--skip-existing', *out)
            self.assertEqual([line['path'][3:6] for line in self.lines('j.jsonl')], ['000', '002', '003', '001'])

    def test_two_runs_and_one_file(self):
        self.make(3)
        run = self.start('-q', '-o', 'm', '--json', 'j', '-', stdin=subprocess.PIPE)
        run.stdin.write(b'in/000.png\n')
        run.stdin.flush()
        while not os.path.exists(self.path('m/000.png')):
            time.sleep(0.005)
        for more in [[], ['--skip-existing'], ['--overwrite']]:
            done = self.mseg(*more, '-o', 'n', '--json', 'j', 'in', status=2)
            self.assertEqual(done.stderr, b'mseg: j: another run is writing it; give each its own file\n')
        run.stdin.write(b'in/001.png\n')
        run.stdin.close()
        self.assertEqual(run.wait(), 0)
        self.assertEqual([line['path'] for line in self.lines('j')], ['in/000.png', 'in/001.png'])


class Told(Case):
    def test_lines_without_a_terminal(self):
        """How far a run is, ten seconds after it began at the earliest."""
        self.make(3)
        run = self.start('-j1', '-o', 'm', '-', stdin=subprocess.PIPE, stderr=subprocess.PIPE)
        for i, seconds in enumerate([0, 10.2, 0.2]):
            time.sleep(seconds)
            run.stdin.write(f'in/00{i}.png\n'.encode())
            run.stdin.flush()
        said = run.communicate()[1].decode().splitlines()
        self.assertRegex(said[0], r'^progress: [23]  [0-9.]+ images/s$')
        self.assertRegex(said[1], r'^segmented 3 of 3 images ')


class Stopped(Case):
    def test_signals(self):
        self.make(40, size=(600, 500))
        for number, status in [(signal.SIGINT, 130), (signal.SIGTERM, 143)]:
            with self.subTest(number):
                shutil.rmtree(self.path('m'), ignore_errors=True)
                run = self.start('--size', '1025', '-o', 'm', '--json', 'j', 'in', stderr=subprocess.PIPE)
                while not os.path.exists(self.path('m')) or len(os.listdir(self.path('m'))) < 3:
                    time.sleep(0.005)
                run.send_signal(number)
                said = run.communicate()[1].decode()
                self.assertEqual(run.returncode, status)
                self.assertRegex(said, f'mseg: run: stopped by {number.name}; the same again with --skip-existing does the rest\n')
                done = [os.path.join('in', name) for name in sorted(os.listdir(self.path('m')))]
                self.assertIn(f'segmented {len(done)} of 40 images ({40 - len(done)} not done)', said)
                self.assertEqual([line['path'] for line in self.lines('j')], done)
                for name in done:
                    Image.open(self.path(name.replace('in', 'm', 1))).load()

    def test_a_signal_while_the_list_is_waited_for(self):
        self.make(2)
        run = self.start('-q', '-o', 'm', '--json', 'j', '-', stdin=subprocess.PIPE, stderr=subprocess.PIPE)
        run.stdin.write(b'in/000.png\n')
        run.stdin.flush()
        while not os.path.exists(self.path('m/000.png')):
            time.sleep(0.005)
        run.send_signal(signal.SIGTERM)
        self.assertEqual(run.wait(), 143)
        self.assertEqual(len(self.lines('j')), 1)
        run.stdin.close()
        run.stderr.close()

    def test_fail_fast(self):
        self.make(30)
        photos.write(self.path('in/004.png'), b'')
        done = self.mseg('-j1', '--fail-fast', '-o', 'm', 'in', status=1)
        self.assertEqual(sorted(os.listdir(self.path('m'))), [f'{i:03}.png' for i in range(4)])
        self.assertIn(b'mseg: in/004.png: zero bytes\nmseg: run: stopped at the first failure', done.stderr)

    def test_full_disk(self):
        if subprocess.run([*DISK, 'mount -t tmpfs none /mnt'], capture_output=True, check=False).returncode:
            print('SKIP: no file system can be mounted here: a full disk is NOT tested', flush=True)
            return
        self.make(60)
        out = f'"{MSEG}" {" ".join(RUN + SMALL)} -j2 -o /mnt/m --scores /mnt/s --json /mnt/j.jsonl --skip-existing in'
        script = (f'mount -t tmpfs -o size=200k none /mnt; status=0; {out} 2> said || status=$?; echo $status > status; '
                  f'cp -r /mnt full; mount -o remount,size=20m /mnt; {out} 2> again; cp -r /mnt rest')
        subprocess.run([*DISK, script], cwd=self.folder, env=ENVIRONMENT, check=True)
        with open(self.path('said'), encoding='utf-8') as file:
            said = file.read().splitlines()
        with open(self.path('status'), encoding='utf-8') as file:
            self.assertEqual(file.read(), '1\n')
        self.assertRegex(said[0], r'^mseg: .*: No space left on device$')
        self.assertEqual(said[1], 'mseg: run: stopped as there is no space left; the same again with --skip-existing does the rest')
        self.assertEqual(len(said), 3, said)
        with open(self.path('full/j.jsonl'), 'rb') as file:
            self.assertIn(f'segmented {file.read().count(b"}}" + bytes([10]))} of 60 images', said[2])
        for name in os.listdir(self.path('full/m')):
            Image.open(self.path('full/m', name)).load()
        rest = tree(self.path('rest'))
        self.assertEqual(sorted(rest), sorted([f'm/{i:03}.png' for i in range(60)] + [f's/{i:03}.npy' for i in range(60)] + ['j.jsonl']))
        self.assertEqual(sorted(line['path'] for line in rest['j.jsonl']), [f'in/{i:03}.png' for i in range(60)])


    def test_full_disk_in_large_files(self):
        """Whatever the file and wherever in it, and folders: it is the disk that is full, not the image that is bad."""
        if subprocess.run([*DISK, 'mount -t tmpfs none /mnt'], capture_output=True, check=False).returncode:
            print('SKIP: no file system can be mounted here: a full disk is NOT tested', flush=True)
            return
        self.make(30, size=(300, 200))
        self.make(3, folder='deep/a/b')
        ways = [('size=300k', '--probabilities /mnt/p in'), ('size=300k', '--size 513 --scores /mnt/s in'),
                ('size=9m,nr_inodes=3', '-r deep')]
        for limit, options in ways:
            out = f'"{MSEG}" {" ".join(RUN + SMALL)} -j1 -o /mnt/m {options}'
            script = f'mount -t tmpfs -o {limit} none /mnt; status=0; {out} 2> said || status=$?; echo $status > status'
            subprocess.run([*DISK, script], cwd=self.folder, env=ENVIRONMENT, check=True)
            with open(self.path('said'), encoding='utf-8') as file:
                said = file.read().splitlines()
            self.assertRegex(said[0], '^mseg: .*: No space left on device$', options)
            self.assertEqual(said[1], 'mseg: run: stopped as there is no space left; the same again with --skip-existing does the rest')
            self.assertEqual(len(said), 3, said)

    def test_full_disk_for_lines(self):
        """An image without its line is not done."""
        if subprocess.run([*DISK, 'mount -t tmpfs none /mnt'], capture_output=True, check=False).returncode:
            print('SKIP: no file system can be mounted here: a full disk is NOT tested', flush=True)
            return
        self.make(60)
        out = f'"{MSEG}" {" ".join(RUN + SMALL)} -j1 -o m --json /mnt/j in'
        script = f'mount -t tmpfs -o size=8k none /mnt; status=0; {out} 2> said || status=$?; echo $status > status; cp /mnt/j j'
        subprocess.run([*DISK, script], cwd=self.folder, env=ENVIRONMENT, check=True)
        with open(self.path('said'), encoding='utf-8') as file:
            said = file.read().splitlines()
        self.assertEqual(said[0], 'mseg: /mnt/j: cannot write the file: No space left on device')
        with open(self.path('j'), 'rb') as file:
            done = file.read().count(b'}}\n')
        self.assertGreater(done, 2)
        self.assertIn(f'segmented {done} of 60 images ({60 - done} not done)', said[2])
        self.assertEqual(len(said), 3, said)
        with open(self.path('status'), encoding='utf-8') as file:
            self.assertEqual(file.read(), '1\n')

    def test_lines_that_others_read(self):
        """On standard output each line is there as soon as its image."""
        self.make(1)
        run = self.start('-q', '-o', 'm', '--json', '-', '-', stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        run.stdin.write(b'in/000.png\n')
        run.stdin.flush()
        self.assertEqual(json.loads(run.stdout.readline())['path'], 'in/000.png')
        run.stdin.close()
        self.assertEqual(run.wait(), 0)
        run.stdout.close()


class Lists(Case):
    def test_a_list_is_worked_on_as_it_grows(self):
        self.make(3)
        for end in [b'\n', b'\0']:
            shutil.rmtree(self.path('m'), ignore_errors=True)
            run = self.start('-q', '-o', 'm', '-', stdin=subprocess.PIPE)
            for i in range(3):
                run.stdin.write(b'in/00%d.png' % i + end)
                run.stdin.flush()
                while not os.path.exists(self.path(f'm/00{i}.png')):
                    self.assertIsNone(run.poll())
                    time.sleep(0.005)
            run.stdin.close()
            self.assertEqual(run.wait(), 0)

    def test_short_lines_that_begin_as_pictures_do(self):
        """No second line is waited for."""
        for name in ['I', 'II.png', 'M1.png', 'MM.png', 'R.png', 'RIF.png']:
            shutil.rmtree(self.path('m'), ignore_errors=True)
            photos.picture(20, 20, 1).save(self.path(name), format='PNG')
            run = self.start('-q', '-o', 'm', '-', stdin=subprocess.PIPE)
            run.stdin.write(name.encode() + b'\n')
            run.stdin.flush()
            while not os.path.exists(self.path('m', name.split('.')[0] + '.png')):
                time.sleep(0.005)
            run.stdin.close()
            self.assertEqual(run.wait(), 0)

    def test_files_before_a_list(self):
        """They are done while the list has not yet begun."""
        self.make(2)
        run = self.start('-q', '-o', 'm', 'in', '-', stdin=subprocess.PIPE)
        while not os.path.exists(self.path('m/001.png')):
            time.sleep(0.005)
        photos.picture(20, 20, 1).save(self.path('a.png'))
        run.stdin.write(b'a.png\n')
        run.stdin.close()
        self.assertEqual(run.wait(), 0)
        self.assertTrue(os.path.exists(self.path('m/a.png')))

    def peak(self, lines, *arguments):
        """The most bytes of memory that a run over a list took."""
        with open(self.path('list'), 'w', encoding='ascii') as file:
            file.writelines(lines)
        with open(self.path('list'), 'rb') as file:
            run = self.start('-q', *arguments, '-o', 'm', '-', stdin=file)
            _, status, usage = os.wait4(run.pid, 0)
        run.returncode = os.waitstatus_to_exitcode(status)
        self.assertEqual(run.returncode, 0)
        return usage.ru_maxrss * 1024

    @unittest.skipIf(os.environ.get('MSEG_SANITIZE'), 'sanitizers have memory of their own')
    def test_memory_of_many_shards(self):
        """A list of which hardly a line is this shard's is not kept."""
        self.make(1)
        peaks = [self.peak(['in/000.png\n'] + [f'in/{"x" * 60}/000.png\n'] * lines, '--shard', f'1/{lines + 1}')
                 for lines in [100000, 1000000]]
        self.assertLess((peaks[1] - peaks[0]) / 900000, 32)

    @unittest.skipIf(os.environ.get('MSEG_SANITIZE'), 'sanitizers have memory of their own')
    def test_memory_of_long_lists(self):
        """Names that are all different, of files that are all there: no more than what the manual states for each."""
        self.make(1)
        for i in range(1000):
            os.symlink('.', self.path(f'in/link{i}'))
        peaks = [self.peak((f'in/link{i % 1000}/link{i // 1000}/000.png\n' for i in range(lines)), '--root', 'in', '--shard',
                           f'1/{lines + 1}') for lines in [20000, 750000]]
        self.assertLess((peaks[1] - peaks[0]) / 730000, 32)

    def test_an_image(self):
        self.make(1, size=(400, 300))
        self.mseg('-q', '-o', 'm', 'in')
        for name, how in [('a.png', {}), ('a.webp', {'lossless': True}), ('a.tif', {})]:
            data = io.BytesIO()
            Image.open(self.path('in/000.png')).save(data, format={'a.png': 'PNG', 'a.webp': 'WEBP', 'a.tif': 'TIFF'}[name], **how)
            for options in [['-o', 'x.png'], ['-o', '-']]:
                done = self.mseg('-q', '--overwrite', *options, '-', input=data.getvalue())
                bytes_of = done.stdout
                if options[1] != '-':
                    with open(self.path('x.png'), 'rb') as file:
                        bytes_of = file.read()
                with open(self.path('m/000.png'), 'rb') as file:
                    self.assertEqual(photos.unmarked(bytes_of), photos.unmarked(file.read()), (name, options))
        self.mseg('-q', '-o', 'm', '-', input=data.getvalue())
        self.assertTrue(os.path.exists(self.path('m/stdin.png')))
        self.assertIn(b'stdin: ', self.mseg('-q', '-o', 'y.png', '-', input=data.getvalue()[:200], status=1).stderr)
        self.assertFalse(os.path.exists(self.path('y.png')))


class Names(Case):
    def test_a_file_or_a_folder(self):
        self.make(2)
        self.mseg('-q', '-o', 'x.png', 'in/000.png')
        self.assertTrue(os.path.isfile(self.path('x.png')))
        os.mkdir(self.path('y.png'))
        self.mseg('-q', '-o', 'y.png', 'in/000.png')
        self.assertEqual(os.listdir(self.path('y.png')), ['000.png'])
        self.mseg('-q', '-o', 'z.png', 'in')
        self.assertEqual(len(os.listdir(self.path('z.png'))), 2)
        with open(self.path('out'), 'wb') as out:
            subprocess.run([MSEG, *RUN, *SMALL, '-q', '-o', '-', 'in/000.png'], cwd=self.folder, env=ENVIRONMENT, stdout=out, check=True)
        self.assertEqual(Image.open(self.path('out')).tobytes(), Image.open(self.path('x.png')).tobytes())
        for arguments, says in [(['in'], b'-o - writes the mask of one image'), (['in/000.png', '--json', '-'], b'--json')]:
            done = self.mseg('-o', '-', *arguments, status=2)
            self.assertIn(says, done.stderr)
            self.assertEqual(done.stdout, b'')
        photos.picture(9, 9, 1).save(self.path('mine.png'))
        self.assertIn(b'mine.png', self.mseg('-q', '-o', 'mine.png', 'in/000.png', status=1).stderr)

    def test_equal_names(self):
        self.make(2, 'A')
        self.make(2, 'B')
        done = self.mseg('-o', 'm', 'A', 'B', status=1)
        self.assertIn(b'mseg: B/000.png: would write the same output as A/000.png\n', done.stderr)
        self.assertIn(b'failed: 2 same output as another input\n', done.stderr)
        self.mseg('-q', '--root', '.', '-o', 'r', 'A', './B')
        self.assertEqual(sorted(tree(self.path('r'))), ['A/000.png', 'A/001.png', 'B/000.png', 'B/001.png'])
        listed = ''.join(f'{self.folder}/{name}/00{i}.png\n' for name in 'AB' for i in range(2)).encode()
        self.mseg('-q', '--root', self.folder + '/', '-o', 'l', '-', input=listed)
        self.assertEqual(sorted(tree(self.path('l'))), sorted(tree(self.path('r'))))
        self.assertIn(b'is not below --root A', self.mseg('-q', '--root', 'A', '-o', 'n', 'B/000.png', status=1).stderr)
        self.assertIn(b'is not below --root A', self.mseg('-q', '--root', 'A', '-o', 'n', 'A/../B/000.png', status=1).stderr)
        self.assertIn(b'is not below --root .', self.mseg('-q', '--root', '.', '-o', 'n', self.path('B/000.png'), status=1).stderr)
        listed = b'A/000.png\nA//000.png\nA/.///./000.png\n'
        done = self.mseg('-q', '--root', 'A', '-o', 'd', '-', input=listed, status=1)
        self.assertEqual(done.stderr.count(b'would write the same output as line 1 of the list\n'), 2)
        shutil.copy(self.path('A/000.png'), self.path('A/000.jpg'))
        self.mseg('-q', '--keep-extension', '-o', 'k', 'A')
        self.assertEqual(sorted(os.listdir(self.path('k'))), ['000.jpg.png', '000.png.png', '001.png.png'])

    def test_line_breaks(self):
        """In folders' names, too; in what is printed they are none."""
        self.make(1, 'in/a\nb')
        done = self.mseg('-r', '-o', 'm\nn', '--overlay=o\np', 'in')
        self.assertEqual(sorted(tree(self.path('m\nn'))), ['a\nb/000.png'])
        self.assertIn(b' -> m?n, overlays in o?p\n', done.stderr)
        self.assertEqual(self.mseg('-r', '-q', '--dry-run', '-o', 'm\nn', 'in').stdout, b'segment in/a?b/000.png -> m?n/a?b/000.png\n')

    def test_dry_run_with_json(self):
        """A line that is missing is made, as without --dry-run."""
        self.make(3)
        out = ['-o', 'm', '--json', 'j', 'in']
        self.mseg('-q', *out)
        with open(self.path('j'), 'rb') as file:
            lines = file.read().splitlines(True)
        photos.write(self.path('j'), lines[0] + lines[2])
        done = self.mseg('--dry-run', '--skip-existing', *out)
        self.assertEqual(done.stdout, b'skip in/000.png -> m/000.png\nsegment in/001.png -> m/001.png\nskip in/002.png -> m/002.png\n')
        self.assertIn(b'segmented 1 of 3 images', self.mseg('--skip-existing', *out).stderr)
        photos.write(self.path('j'), b'notes\n')
        self.assertIn(b'no --json of mseg run', self.mseg('--dry-run', *out, status=2).stderr)

    def test_dry_run(self):
        self.make(3)
        self.mseg('-q', '-o', 'm', 'in/000.png')
        photos.picture(9, 9, 1).save(self.path('m/001.png'))
        before = tree(self.folder)
        done = self.mseg('--dry-run', '--skip-existing', '-o', 'm', '--overlay=o', '--json', 'j', 'in', 'none.png', status=1)
        self.assertEqual(done.stdout, b'segment in/000.png -> m/000.png\nleave in/001.png -> m/001.png\nsegment in/002.png -> m/002.png\n')
        self.assertEqual(done.stderr, b'mseg: none.png: no such file or directory\nwould segment 2 of 4 images\n')
        done = self.mseg('--dry-run', '--skip-existing', '-o', 'm', 'in')
        self.assertEqual(done.stdout.splitlines()[0], b'skip in/000.png -> m/000.png')
        self.assertEqual(tree(self.folder), before)
        self.assertEqual(sorted(os.listdir(self.folder)), ['in', 'm'])


if __name__ == '__main__':
    MSEG = os.path.abspath(sys.argv.pop(1))
    unittest.main()
