#!/usr/bin/python3
"""test_hostile.py MSEG [unittest arguments]: odd lists, outputs on inputs, full disks, closed and shared streams.

Nothing that is read may be replaced, nothing that is written may get into something else, and reading must come to an end.
"""
import json
import os
import pty
import re
import resource
import subprocess
import sys
import tempfile
import unittest

import numpy as np
from PIL import Image

import photos

MSEG = os.path.abspath(sys.argv.pop(1))
MODELS = os.path.join(os.path.dirname(os.path.abspath(__file__)), '../weights/data')
RUN = ['run', '-j1', '--size', '17', '-m', os.path.join(MODELS, 'uint8.tflite')]
CLASSIFY = ['classify', '-j1', '--size', '17', '-m', os.path.join(MODELS, 'pointwise.tflite')]
CLASSES = 6  # of both


def limit_memory():
    """So that reading without end is a failure and not the end of the machine."""
    if not os.environ.get('MSEG_SANITIZE'):
        resource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30))


class Folder(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        photos.make(self.folder)
        os.makedirs(self.path('gt'))
        for i, name in enumerate('abc'):
            Image.fromarray(np.full((5, 7), i, np.uint8)).save(self.path('gt', name + '.png'))

    def path(self, *parts):
        return os.path.join(self.folder, *parts)

    def read(self, *parts):
        with open(self.path(*parts), 'rb') as data:
            return data.read()

    def write(self, name, data):
        photos.write(self.path(name), data)
        return name

    def mseg(self, *arguments, status=0, stdin=b'', **more):
        more = {'stdout': subprocess.PIPE, 'stderr': subprocess.PIPE, 'preexec_fn': limit_memory, **more}
        if 'input' not in more and isinstance(stdin, bytes):
            more['input'] = stdin
        elif 'input' not in more:
            more['stdin'] = stdin
        done = subprocess.run([MSEG, *arguments], cwd=self.folder, check=False, **more)
        self.assertEqual(done.returncode, status, done.stderr)
        return done

    def one_line(self, *arguments, says, **more):
        """The command does nothing and says so in one line, which names what is to be named."""
        done = self.mseg(*arguments, status=2, **more)
        self.assertRegex(done.stderr.decode(), r'\Amseg: [^\n]*' + says + r'[^\n]*\n\Z')
        self.assertEqual(done.stdout, b'')
        return done

    def lines(self, *parts):
        return [json.loads(line) for line in self.read(*parts).splitlines()]


def evaluate(*more):
    return ['eval', '--gt', 'gt', '--pred', 'gt', *more]


class Lists(Folder):
    def scored(self, *more, **others):
        done = self.mseg(*evaluate('-q', '--json', '-', *more), **others)
        return [image['id'] for image in json.loads(done.stdout)['per_image']]

    def test_zero_bytes_end_paths(self):
        name = 'good/line\nbreak.png'
        os.rename(self.path('good/a.png'), self.path(name))
        listed = f'good/b.jpg\0{name}\0'.encode()
        for option in [[], ['-0'], ['--null']]:
            self.mseg(*RUN, *option, '-o', 'out', '--json', 'out.jsonl', '-', stdin=listed)
            self.assertEqual([line['path'] for line in self.lines('out.jsonl')], ['good/b.jpg', name])
            self.assertEqual(sorted(os.listdir(self.path('out'))), ['b.png', 'line\nbreak.png'])
            done = self.mseg(*CLASSIFY, *option, '--json', '-', '-', stdin=listed)
            self.assertEqual([json.loads(line)['path'] for line in done.stdout.splitlines()], ['good/b.jpg', name])
            self.assertEqual(self.scored(*option, '--list', '-', stdin=b'b\0a\0'), ['a', 'b'])
            self.assertEqual(self.scored(*option, '--list', self.write('list', b'a\0b')), ['a', 'b'])

    def test_told_to_be_zero_separated(self):
        """No zero byte is there: as with xargs -0 it is one path, line breaks and all."""
        done = self.mseg(*RUN, '-0', '-', stdin=b'good/a.png\ngood/b.jpg\n', status=1)
        self.assertIn(b'mseg: good/a.png?good/b.jpg?: no ', done.stderr)

    def test_zero_byte_in_late_lines(self):
        done = self.mseg(*RUN, '-q', '-', stdin=b'good/a.png\n' * 10000 + b'good\0a.png\n', status=1)
        self.assertEqual(done.stderr.splitlines()[0], b'mseg: good/a.png: would write the same output as line 1 of the list')
        self.assertEqual(len(done.stderr.splitlines()), 10000)
        self.assertRegex(done.stderr.splitlines()[-1], b'line 10001 holds a zero byte.*-0')

    def test_byte_order_mark(self):
        self.mseg(*RUN, '-q', '-o', 'out', '-', stdin=b'\xef\xbb\xbfgood/a.png\r\ngood/b.jpg\r\n')
        self.assertEqual(sorted(os.listdir(self.path('out'))), ['a.png', 'b.png'])
        self.assertEqual(self.scored('--list', '-', stdin=b'\xef\xbb\xbfb\n'), ['b'])
        labels = b'\xef\xbb\xbf' + b''.join(b'label %d\r\n' % i for i in range(CLASSES))
        done = self.mseg(*CLASSIFY, '-k', '6', '--json', '-', '-l', self.write('labels', labels), 'good/a.png')
        top = json.loads(done.stdout)['top']
        self.assertEqual([item['name'] for item in top], [f"label {item['class']}" for item in top])
        self.one_line(*RUN, '-', stdin='good/a.png\n'.encode('utf-16'), says='UTF-16; save it as UTF-8')

    def test_a_line_break_in_a_name(self):
        os.link(self.path('good/a.png'), self.path('good/x\ny.png'))
        done = self.mseg(*CLASSIFY, '-k', '1', 'good/x\ny.png')
        self.assertEqual(done.stdout.splitlines()[0], b'good/x?y.png')
        self.assertEqual(len(done.stdout.splitlines()), 2)

    def test_long_lines(self):
        """Up to 65535 bytes are a line, wherever the buffer ends; more are none."""
        for step in [1, 7, 4096]:
            names = [b'./' * (step * i % 500) + b'good/a.png' for i in range(600)]
            done = self.mseg(*CLASSIFY, '-q', '--json', '-', '-', stdin=b'\n'.join(names[:20]) + b'\n')
            self.assertEqual(done.stdout.count(b'\n'), 20)
            done = self.mseg(*RUN, '-q', '--shard', '601/601', '-', stdin=b'\n'.join(names))
            self.assertEqual(done.stderr, b'')
        done = self.mseg(*RUN, '-', stdin=b'x' * 65535 + b'\n', status=1)
        self.assertIn(b'File name too long', done.stderr)
        for command in [RUN, CLASSIFY]: # what was done before stays so
            done = self.mseg(*command, '-q', '-', stdin=b'good/a.png\n' + b'x' * 65536, status=1)
            self.assertRegex(done.stderr, rb'\Amseg: [^\n]*line 2 is longer than 65535 bytes\n\Z')
        self.one_line(*evaluate('--list', '-'), stdin=b'x' * 65536, says='line 1 is longer than 65535 bytes')

    def test_endless_files(self):
        for device in ['/dev/zero', '/dev/urandom']:
            with open(device, 'rb') as endless:
                self.one_line(*RUN, '-', stdin=endless, says='a device, not a text')
                self.one_line(*CLASSIFY, '-', stdin=endless, says='a device, not a text')
            self.one_line(*evaluate('--list', device), says=f'{device}: a device, not a text')
            self.one_line(*CLASSIFY, '-l', device, 'good', says=f'{device}: a device, not a text')
        for endless in ['cat /dev/zero', 'yes ""']:
            for command in [[*RUN, '-'], [*CLASSIFY, '-'], evaluate('--list', '-'), [*CLASSIFY, '-l', '/dev/stdin', 'good']]:
                with subprocess.Popen(endless, shell=True, stdout=subprocess.PIPE) as source:
                    self.one_line(*command, stdin=source.stdout, says='65536 empty lines in a row')
                    source.stdout.close()
        with subprocess.Popen(['yes'], stdout=subprocess.PIPE) as source:
            self.one_line(*CLASSIFY, '-l', '/dev/stdin', 'good', stdin=source.stdout, says='1048576 labels or more for a model of 6')
            source.stdout.close()

    def test_unreadable_list(self):
        with open(self.path('good/a.png'), 'ab') as not_for_reading:
            self.one_line(*RUN, '-', stdin=not_for_reading, says='the list on standard input: cannot read')
        self.one_line(*evaluate('--list', 'good'), says='good: cannot read: Is a directory')


class Inputs(Folder):
    def test_classify_writes_no_files_that_could_clash(self):
        os.makedirs(self.path('A'))
        os.link(self.path('good/b.jpg'), self.path('A/b.jpg'))
        paths = ['good/b.jpg', 'A/b.jpg', 'good/b.jpg']
        done = self.mseg(*CLASSIFY, '--json', 'out.jsonl', *paths)
        self.assertEqual(done.stderr, b'')
        self.assertEqual([line['path'] for line in self.lines('out.jsonl')], paths)
        self.assertEqual([line.decode() for line in done.stdout.splitlines() if b'%' not in line], paths)

    def test_descent_leaves_default_outputs_out(self):
        for where in ['.', 'deep/one']:
            subprocess.run([MSEG, *RUN, '-q', '--overlay', self.path('good/a.png')], cwd=self.path(where), check=True)
        os.makedirs(self.path('all/mseg-out2'))
        os.rename(self.path('deep'), self.path('all/deep'))
        os.rename(self.path('mseg-out'), self.path('all/mseg-out'))
        os.link(self.path('good/b.jpg'), self.path('all/mseg-out2/b.jpg'))
        for command in [RUN, CLASSIFY]:
            done = self.mseg(*command, '-q', '-r', '--json', '-', 'all')
            self.assertEqual([json.loads(line)['path'] for line in done.stdout.splitlines()],
                             ['all/deep/one/two/x.jpg', 'all/deep/one/x.png', 'all/deep/top.png', 'all/mseg-out2/b.jpg'])
        done = self.mseg(*CLASSIFY, '-q', '--json', '-', 'all/mseg-out/overlays')
        self.assertEqual(done.stdout.count(b'\n'), 1)
        done = self.mseg(*CLASSIFY, '-q', '--json', '-', '-r', 'all/mseg-out')
        self.assertEqual(done.stdout.count(b'\n'), 2)

    def test_missing_folders_are_named(self):
        for command in [RUN, CLASSIFY]:
            for path, says in [('nosuch/', 'nosuch/: no such folder'), ('nosuch/a.jpg', 'nosuch/a.jpg: no folder nosuch'),
                               ('nosuch', 'nosuch: no such file or directory')]:
                self.assertIn(f'mseg: {says}\n', self.mseg(*command, path, status=1).stderr.decode())
        for option in ['-o', '--overlay', '--scores']:
            value = [f'{option}=file/x'] if option == '--overlay' else [option, 'file/x']
            self.one_line(*RUN, *value, 'good', says='file/x: cannot make folder file: Not a directory')
        for path, says in [('nosuch/x', 'no folder nosuch'), ('file/x', 'file is not a folder'), ('good', 'is a folder')]:
            for command in [RUN, CLASSIFY]:
                self.one_line(*command, 'good', '--json', path, says=f'{path}: {says}')
            for option in ['--json', '--csv', '--html', '--save-counts']:
                self.one_line(*evaluate(option, path), says=f'{path}: {says}')


class Guarded(Folder):
    """No output replaces what the run reads, nor another output."""

    def names_of(self, path):
        """Ways to the same file: another spelling, a hard link, a symbolic one."""
        os.link(self.path(path), self.path('hard'))
        os.symlink(path, self.path('soft'))
        yield from ['./' + path, 'hard', 'soft']
        os.unlink(self.path('hard'))
        os.unlink(self.path('soft'))

    def refused(self, guarded, command, option, says, **more):
        before = self.read(guarded)
        for name in self.names_of(guarded):
            done = self.mseg(*command, option, name, status=2, **more)
            self.assertRegex(done.stderr.decode(), rf'\Amseg: {name}: {option} would replace {says}; choose another file\n\Z')
            self.assertEqual(self.read(guarded), before)

    def test_photos(self):
        for command in [RUN, CLASSIFY]:
            self.refused('good/b.jpg', [*command, 'good'], '--json', 'the input good/b.jpg')
            self.refused('good/b.jpg', [*command, '-'], '--json', 'a JPEG picture', stdin=b'good/b.jpg\n')
        self.refused('good/b.jpg', [*RUN, '--shard', '1/2', 'good/a.png', 'good/b.jpg'], '--json', 'the input .*')

    def test_other_files_that_are_read(self):
        for name in ['uint8.tflite', 'pointwise.tflite']:
            with open(os.path.join(MODELS, name), 'rb') as model:
                self.write(name, model.read())
        self.write('labels', b''.join(b'label %d\n' % i for i in range(CLASSES)))
        self.write('classes', b''.join(b'%d %d 0 0 thing%d\n' % (i, i, i) for i in range(CLASSES)))
        self.write('list', b'good/a.png\n')
        self.refused('uint8.tflite', [*RUN, 'good', '-m', 'uint8.tflite'], '--json', 'the model uint8.tflite')
        self.refused('pointwise.tflite', [*CLASSIFY, 'good', '-m', 'pointwise.tflite'], '--json', 'the model pointwise.tflite')
        self.refused('labels', [*CLASSIFY, 'good', '-l', 'labels'], '--json', 'the labels labels')
        self.refused('classes', [*RUN, 'good', '--palette', 'classes'], '--json', 'the classes classes')
        for command in [RUN, CLASSIFY]:
            with open(self.path('list'), 'rb') as listed:
                self.refused('list', [*command, '-'], '--json', 'the file on standard input', stdin=listed)

    def test_eval(self):
        self.write('classes', b''.join(b'%d %d 0 0 thing%d\n' % (i, i, i) for i in range(CLASSES)))
        self.write('map', b'* 0\n')
        self.write('list', b'a\nb\n')
        os.makedirs(self.path('pred/sub'))
        for name in ['a.png', 'b.png', 'sub/b.png']:
            os.link(self.path('good/a.png'), self.path('pred', name))
        command = ['eval', '--gt', 'gt', '--pred', 'pred', '--images', 'good', '--classes', 'classes', '--map', 'map', '--list', 'list']
        for option in ['--json', '--csv', '--html', '--save-counts']:
            for name in ['classes', 'map', 'list']:
                self.refused(name, command, option, f'the {name} {name}')
        for option in ['--json', '--csv', '--html', '--save-counts']:  # c is not in the list
            for name in ['gt/a.png', 'gt/c.png', 'good/b.jpg', 'pred/sub/b.png']:
                self.refused(name, command, option, 'the input .*')
        self.mseg(*evaluate('-q', '--save-counts', 'counts'))
        for option in ['--json', '--csv', '--html', '--save-counts']:
            self.refused('counts', ['eval', '--merge', 'counts'], option, 'the counts counts')
        self.mseg(*evaluate('-q', '--save-counts', 'counts'))  # an old output is no input

    def test_two_outputs_are_two_files(self):
        self.write('old', b'')
        os.symlink('old', self.path('link'))
        for first, second in [('new', './new'), ('old', 'link'), ('new', f'{self.folder}/new'), ('-', '/dev/stdout')]:
            self.one_line(*evaluate('--json', first, '--csv', second),
                          says=f'{second}: --csv would be the same file as --json {first}; choose another one')
            if first != '-':
                self.one_line(*evaluate('--save-counts', first, '--html', second), says='as --save-counts')
        self.mseg(*evaluate('-q', '--json', '/dev/null', '--csv', '/dev/null'))
        self.one_line(*RUN, '-o', 'm', '--json', './m/a.png', 'good', says=r'--json would be the same .* m/a.png of good/a.png')
        self.one_line(*RUN, '-o', 'm', '--overlay=./m', 'good', says='masks and overlays would replace each other')
        self.one_line(*RUN, '-r', '-o', 'm', '--overlay=m/one', 'deep', says='m/one: outputs of deep/one/two/x.jpg below m would go there')
        self.one_line(*RUN, '-r', '-o', 'm/one', '--overlay=m', 'deep', says='m/one: outputs of deep/one/two/x.jpg below m would go there')
        self.assertEqual(self.mseg(*RUN, '-r', '-o', 'm', '--overlay=m/other', 'deep').returncode, 0)

    def test_masks_that_lead_elsewhere(self):
        """Known only image by image: a mask's name is a link to something that is read."""
        os.makedirs(self.path('m'))
        with open(os.path.join(MODELS, 'uint8.tflite'), 'rb') as model:
            self.write('model.tflite', model.read())
        for target in ['model.tflite', 'good/b.jpg']:
            before = self.read(target)
            os.symlink('../' + target, self.path('m/a.png'))
            done = self.mseg(*RUN, '-m', 'model.tflite', '-o', 'm', 'good/a.png', 'good/b.jpg', status=1)
            self.assertRegex(done.stderr.decode(), rf'good/a.png: would replace the (model|input) {target}; choose another output folder')
            self.assertEqual(self.read(target), before)
            os.unlink(self.path('m/a.png'))

    def test_files_of_the_streams(self):
        for fd, name in [('stdout', 'standard output'), ('stderr', 'standard error')]:
            with open(self.path('log'), 'wb') as log:
                done = self.mseg(*CLASSIFY, 'good', '--json', 'log', status=2, **{fd: log})
            says = f'mseg: log: --json would replace the file that {name} goes to; choose another file\n'.encode()
            self.assertEqual(self.read('log') if fd == 'stderr' else done.stderr, says)


class Streams(Folder):
    def test_json_does_not_cut_what_others_write(self):
        for name in ['/dev/stdout', '/dev/fd/1', '/proc/self/fd/1', '-', 'link']:
            if name == 'link':
                os.symlink('/dev/stdout', self.path('link'))
            for command, lines in [([*RUN, 'good'], 4), ([*CLASSIFY, 'good'], 4), (evaluate(), 1)]:
                with open(self.path('log'), 'w', encoding='utf-8') as log:
                    log.write('before\n' * 100)
                    log.flush()
                    self.mseg(*command, '-q', '--json', name, stdout=log)
                    log.write('after\n')
                text = self.read('log').decode()
                self.assertTrue(text.startswith('before\n' * 100) and text.endswith('}\nafter\n'), text[-100:])
                rest = text[700:-6]
                if lines == 1:
                    json.loads(rest)
                else:
                    self.assertEqual([len(json.loads(line)) > 1 for line in rest.splitlines()], [True] * 4)

    def test_other_descriptors(self):
        for option in ['--json', '--csv', '--html']:
            with open(self.path('log'), 'w+b') as log:
                log.write(b'before\n')
                log.flush()
                self.mseg(*evaluate('-q', option, f'/dev/fd/{log.fileno()}'), pass_fds=[log.fileno()])
                os.write(log.fileno(), b'after\n')
            self.assertRegex(self.read('log').decode(), r'(?s)\Abefore\n.{100,}\nafter\n\Z')
        with open(self.path('log'), 'wb') as log:
            self.mseg(*RUN, '-v', '--json', '/dev/stderr', 'good', stderr=log)
        lines = self.read('log').decode().splitlines()
        self.assertEqual([line[0] for line in lines], ['g', '{'] * 4 + ['s', 'o'])
        self.one_line(*RUN, '--json', '/dev/fd/77', 'good', says='/dev/fd/77: Bad file descriptor')
        with open(os.devnull, 'rb') as nothing:
            self.one_line(*RUN, '--json', '/dev/stdin', 'good', stdin=nothing, says='/dev/stdin: not open for writing')
        for name in ['-', '/dev/stdout', '/dev/null']:
            self.one_line(*evaluate('--save-counts', name), says='--save-counts takes a file')

    def closed(self, descriptors, *arguments):
        with open(os.devnull, 'rb') as nothing:
            return subprocess.run(['sh', '-c', 'exec "$@" ' + ' '.join(f'{fd}>&-' for fd in descriptors), 'sh', MSEG, *arguments],
                                  cwd=self.folder, stdin=nothing, capture_output=True, check=False)

    def test_closed_streams(self):
        for descriptors in ['2', '0', '02', '012']:
            done = self.closed(descriptors, *RUN, '-v', '-o', 'm', '--json', 'j', 'good', 'bad/text.jpg')
            self.assertEqual(done.returncode, 1)
            self.assertEqual(len(self.lines('j')), 4)
            for name in os.listdir(self.path('m')):
                self.assertTrue(self.read('m', name).startswith(b'\x89PNG'))
                with Image.open(self.path('m', name)) as mask:
                    mask.load()
        done = self.closed('1', *RUN, '-q', '-o', 'm', '--json', '-', 'good')
        self.assertEqual((done.returncode, done.stderr), (2, b'mseg: cannot write to standard output\n'))
        done = self.closed('1', *CLASSIFY, '--json', 'j', 'good')
        self.assertEqual((done.returncode, done.stderr), (2, b'mseg: cannot write to standard output\n'))
        self.assertEqual(len(self.lines('j')), 4)
        done = self.closed('0', *RUN, '-')
        self.assertEqual((done.returncode, done.stderr.count(b'\n')), (2, 1))
        self.assertIn(b'mseg: run: the list on standard input: cannot read', done.stderr)

    def test_json_beside_a_progress_bar(self):
        master, slave = pty.openpty()
        with subprocess.Popen([MSEG, *RUN, '--json', '-', 'good'], cwd=self.folder, stdout=slave, stderr=slave) as process:
            os.close(slave)
            shown = b''
            try:
                while chunk := os.read(master, 65536):
                    shown += chunk
            except OSError:  # the other end is closed
                pass
        os.close(master)
        shown = re.sub(r'\r+\n', '\n', shown.decode())
        self.assertIn('images/s', shown)
        lines = [re.sub(r'.*\r\x1b\[K', '', line) for line in shown.rstrip().split('\n')]  # what a terminal shows in the end
        self.assertEqual([len(json.loads(line)) > 1 for line in lines[:4]], [True] * 4)
        self.assertEqual([line[:9] for line in lines[4:]], ['segmented'])


class FullDisk(Folder):
    def test_json(self):
        self.one_line(*RUN, '-q', '--json', '/dev/full', 'good', says='/dev/full: cannot write.*No space left')
        self.one_line(*CLASSIFY, '-q', '--json', '/dev/full', 'good', says='/dev/full: cannot write.*No space left')
        for command in [RUN, CLASSIFY, ['eval', '--gt', 'gt', '--pred', 'gt']]:
            with open('/dev/full', 'wb') as full:
                paths = [] if command[0] == 'eval' else ['good']
                done = self.mseg(*command, '-q', '--json', '-', *paths, stdout=full, status=2)
            self.assertEqual(done.stderr, b'mseg: cannot write to standard output\n')

    def test_eval_writes_what_it_can(self):
        done = self.mseg(*evaluate('-q', '--json', '/dev/full', '--csv', 'c.csv', '--html', '/dev/full', '--save-counts', 'counts'), status=2)
        self.assertRegex(done.stderr.decode(), r'\A(mseg: /dev/full: cannot write[^\n]*No space left on device\n){2}\Z')
        self.assertEqual(self.read('c.csv').count(b'\n'), 1 + 21 + 1)
        self.mseg('eval', '-q', '--merge', 'counts', '--csv', 'again.csv')
        self.assertEqual(self.read('again.csv'), self.read('c.csv'))

    def test_counts_come_first(self):
        """Before reports that cannot be made or written."""
        self.mseg(*evaluate('-q', '--save-counts', 'one'))
        with open('/dev/full', 'wb') as full:
            done = self.mseg(*evaluate('--save-counts', 'counts', '--csv', 'c.csv'), stdout=full, status=2)
        self.assertIn(b'mseg: cannot write to standard output\n', done.stderr)
        self.assertEqual(self.read('counts'), self.read('one'))
        self.assertEqual(self.read('c.csv').count(b'\n'), 1 + 21 + 1)
        self.mseg('eval', '-q', '--merge', 'one', '--classes', 'cityscapes', '--save-counts', 'merged', '--csv', 'no.csv', status=2)
        self.assertEqual(self.read('merged'), self.read('one'))
        self.assertFalse(os.path.exists(self.path('no.csv')))


unittest.main()
