#!/usr/bin/python3
"""test_batch.py MSEG [unittest arguments]: what mseg run writes, read back by Pillow and NumPy, and what it leaves when killed."""
import json
import os
import pty
import re
import resource
import signal
import subprocess
import sys
import tempfile
import time
import unittest

import numpy as np
from PIL import Image

import photos

MSEG = os.path.abspath(sys.argv.pop(1))
TINY = os.path.join(os.path.dirname(os.path.abspath(__file__)), '../weights/data/uint8.tflite')
CLASSES = 6  # of that model
NETWORK = ['-m', TINY, '--size', '65']


def voc_colour(index):
    """The bit rule of the VOC development kit's VOClabelcolormap."""
    colour = [0, 0, 0]
    for bit in range(8):
        for channel in range(3):
            colour[channel] |= (index >> channel & 1) << (7 - bit)
        index >>= 3
    return colour


def files(folder):
    found = {}
    for where, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(where, name)
            with open(path, 'rb') as data:
                found[os.path.relpath(path, folder)] = data.read()
    return found


def argmax_mask(logits, width, height, size):
    """Labels by docs/numerics.md's rule for the way back, in double; and by how much the winner leads. Not scaled, square canvas."""
    def taps(length, cells):
        u = np.clip(np.arange(length) + 0.5 - 0.5, 0, length - 1) * (cells - 1) / (size - 1)
        low = np.minimum(np.floor(u).astype(int), cells - 2)
        return low, (u - low)
    y, fy = taps(height, logits.shape[0])
    x, fx = taps(width, logits.shape[1])
    fy, fx = fy[:, None, None], fx[None, :, None]
    rows = [(1 - fx) * logits[r][:, x] + fx * logits[r][:, x + 1] for r in (y, y + 1)]
    full = (1 - fy) * rows[0] + fy * rows[1]
    ordered = np.sort(full, axis=2)
    return full.argmax(axis=2), ordered[..., -1] - ordered[..., -2]


class Batch(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        photos.make(self.folder)

    def path(self, *parts):
        return os.path.join(self.folder, *parts)

    def mseg(self, *arguments, status=0, **more):
        done = subprocess.run([MSEG, *arguments], cwd=self.folder, capture_output=True, text=True, check=False, **more)
        self.assertEqual(done.returncode, status, done.stderr)
        return done

    def run_all(self, out, *arguments, **more):
        return self.mseg('run', *NETWORK, '-o', f'{out}/masks', f'--overlay={out}/overlays', '--scores', f'{out}/scores',
                         '--json', f'{out}.jsonl', *arguments, **more)

    def many(self, count):
        os.mkdir(self.path('many'))
        for i in range(count):
            photos.picture(20 + i % 17, 15 + i % 11, i).save(self.path('many', f'{i:04}.png'))

    def test_masks_are_voc_png(self):
        self.run_all('out', 'good')
        self.assertEqual(sorted(files(self.path('out/masks'))), ['a.png', 'b.png', 'c.png', 'one.png'])
        for name, size in [('a', (40, 30)), ('b', (33, 65)), ('c', (20, 20)), ('one', (1, 1))]:
            with Image.open(self.path('out/masks', name + '.png')) as mask:
                self.assertEqual((mask.mode, mask.size), ('P', size))
                self.assertEqual(np.array(mask.getpalette()).reshape(-1, 3).tolist(), [voc_colour(i) for i in range(256)])
                self.assertLess(np.array(mask).max(), CLASSES)
            with Image.open(self.path('out/overlays', name + '.png')) as overlay:
                self.assertEqual((overlay.mode, overlay.size), ('RGB', size))

    def test_mask_follows_from_scores(self):
        self.run_all('out', '--precision', 'float', '--resize', 'none', 'good')
        seen = 0
        for name in 'abc':
            logits = np.load(self.path('out/scores', name + '.npy'))
            self.assertEqual((logits.dtype, logits.ndim, logits.shape[2]), (np.float32, 3, CLASSES))
            with open(self.path('out/scores', name + '.npy'), 'rb') as file:
                self.assertEqual(file.read(8), b'\x93NUMPY\x01\x00')
                self.assertEqual((10 + int.from_bytes(file.read(2), 'little')) % 64, 0)
            with Image.open(self.path('out/masks', name + '.png')) as mask:
                labels = np.array(mask)
            expected, lead = argmax_mask(logits.astype(np.float64), labels.shape[1], labels.shape[0], 65)
            certain = lead > 1e-5
            self.assertGreater(certain.mean(), 0.9)
            np.testing.assert_array_equal(labels[certain], expected[certain])
            seen += labels.size
        self.assertEqual(seen, 40 * 30 + 33 * 65 + 20 * 20)

    def test_overlay_alpha(self):
        with open(self.path('flat.txt'), 'w', encoding='utf-8') as palette:
            palette.writelines(f'{i} {40 * i} {255 - 30 * i} 7 thing{i}\n' for i in range(CLASSES))
        self.mseg('run', *NETWORK, '--palette', 'flat.txt', '--overlay=full', '--alpha', '1', 'good/b.jpg')
        with Image.open(self.path('mseg-out/masks/b.png')) as mask, Image.open(self.path('full/b.png')) as overlay:
            ids, colours = np.array(mask), np.array(overlay)
        inner = np.zeros_like(ids, bool)
        inner[1:-1, 1:-1] = True
        for dy, dx in [(0, 1), (1, 0), (0, -1), (-1, 0), (1, 1), (-1, -1), (1, -1), (-1, 1)]:
            inner &= np.roll(ids, (dy, dx), (0, 1)) == ids
        wanted = np.stack([40 * ids, 255 - 30 * ids, np.full_like(ids, 7)], axis=2)
        np.testing.assert_array_equal(colours[inner], wanted[inner])

    def test_overlay_of_class_0(self):
        """All of it is class 0: coloured unless that is called background; VOC's black when nobody named it."""
        with Image.open(self.path('good/a.png')) as image:
            photo = np.array(image.convert('RGB')).astype(int)
        for name, stays in [('road', False), ('BackGround', True), (None, False)]:
            with open(self.path('list.txt'), 'w', encoding='utf-8') as palette:
                palette.writelines(f'{i} 9 99 {199 - i} {name if i == 0 else i}\n' for i in range(CLASSES))
            for way in [['--size', '65'], ['--tile', '65']]:
                for alpha, part in [('1', 1), ('0.5', 0.5)]:
                    told = self.mseg('run', '-q', '-m', TINY.replace('uint8', 'plain'), *way, '--overlay=over', '--alpha', alpha, '--json', '-',
                                     *(['--palette', 'list.txt'] if name else []), 'good/a.png')
                    self.assertEqual(json.loads(told.stdout)['pixels'], {name or 'class 0': 1200})
                    with Image.open(self.path('over/a.png')) as overlay:
                        got = np.array(overlay).astype(int)
                    colour = np.array([9, 99, 199] if name else [0, 0, 0])
                    wanted = photo if stays else photo * (1 - part) + colour * part
                    self.assertLessEqual(np.abs(got - wanted).max(), 0 if stays or part == 1 else 1)

    def test_names_of_21_classes(self):
        told = self.mseg('run', '-q', '-m', 'builtin', '--size', '65', '--json', '-', 'good/a.png')
        with open(os.path.join(os.path.dirname(TINY), '../../../palettes/voc.txt'), encoding='utf-8') as file:
            names = {line.split(maxsplit=4)[4].strip() for line in file if line[0].isdigit()}
        self.assertLessEqual(json.loads(told.stdout)['pixels'].keys(), names)

    def test_json(self):
        names = ['nothing', 'big tree', 'bicycle', 'bird', 'boat', 'bottle']
        with open(self.path('six.txt'), 'w', encoding='utf-8') as palette:
            palette.writelines(f'{i} 0 0 {i} {name}\n' for i, name in enumerate(names))
        self.run_all('out', 'good', 'missing.png', '--palette', 'six.txt', status=1)
        with open(self.path('out.jsonl'), encoding='utf-8') as lines:
            rows = [json.loads(line) for line in lines]
        self.assertEqual([row['path'] for row in rows], ['good/a.png', 'good/b.jpg', 'good/c.JPEG', 'good/one.PNG'])
        for row, name in zip(rows, ['a', 'b', 'c', 'one']):
            with Image.open(self.path('out/masks', name + '.png')) as mask:
                self.assertEqual((row['width'], row['height']), mask.size)
                counts = np.bincount(np.array(mask).ravel(), minlength=CLASSES)
            self.assertEqual(row['pixels'], {n: c for n, c in zip(names, counts.tolist()) if c})
            self.assertEqual(sorted(row['ms']), ['decode', 'label', 'network', 'resize', 'write'])
            self.assertTrue(all(ms >= 0 for ms in row['ms'].values()))

    def test_json_to_stdout_and_pipe(self):
        lines = self.mseg('run', *NETWORK, '-q', '--json', '-', 'good').stdout.splitlines()
        self.assertEqual([json.loads(line)['width'] for line in lines], [40, 33, 20, 1])
        lines = self.mseg('run', *NETWORK, '-q', '--json', '/dev/stdout', 'good').stdout.splitlines()
        self.assertEqual(len(lines), 4)
        self.assertTrue(os.path.lexists('/dev/stdout'))

    def test_threads_change_nothing(self):
        self.many(60)
        os.link(self.path('bad/zero.png'), self.path('many/0007x.png'))
        texts, results, rows = [], [], []
        for jobs in ['1', '2', '5', '100']:
            done = self.run_all('out' + jobs, '-j', jobs, 'many', 'good/b.jpg', status=1)
            texts.append(re.sub(r'[0-9.]+ s, .*|(?m:^progress: .*\n)', '', done.stderr))
            results.append(files(self.path('out' + jobs)))
            with open(self.path(f'out{jobs}.jsonl'), encoding='utf-8') as lines:
                rows.append([{**json.loads(line), 'ms': None} for line in lines])
        self.assertEqual(len(results[0]), 3 * 61)
        for i in range(1, 4):
            self.assertEqual(texts[0], texts[i])
            self.assertEqual(rows[0], rows[i])
            self.assertEqual(results[0], results[i])

    def test_shards_add_up(self):
        self.many(11)
        self.run_all('whole', 'many', 'good')
        parts = {}
        for i in range(1, 5):
            self.run_all(f'part{i}', '--shard', f'{i}/4', 'many', 'good')
            part = files(self.path(f'part{i}'))
            self.assertFalse(parts.keys() & part.keys())
            parts.update(part)
        self.assertEqual(parts, files(self.path('whole')))
        with open(self.path('part2.jsonl'), encoding='utf-8') as lines:
            self.assertEqual([json.loads(line)['path'] for line in lines], ['many/0001.png', 'many/0005.png', 'many/0009.png', 'good/c.JPEG'])

    def test_list_on_stdin(self):
        with open(self.path('lists/crlf.txt'), 'rb') as text:
            done = self.mseg('run', *NETWORK, '-', status=1, stdin=text)
        self.assertEqual(done.stderr.splitlines()[0], 'mseg: missing.png: no such file or directory')
        self.assertEqual(sorted(files(self.path('mseg-out/masks'))), ['a.png', 'b.png'])

    def test_mirror(self):
        self.run_all('out', '-r', 'deep')
        names = sorted(files(self.path('out/masks')))
        self.assertEqual(names, ['one/two/x.png', 'one/x.png', 'top.png'])
        for folder, extension in [('overlays', '.png'), ('scores', '.npy')]:
            self.assertEqual(sorted(files(self.path('out', folder))), [name.replace('.png', extension) for name in names])

    def test_own_outputs_are_no_inputs(self):
        self.run_all('deep/out', '-r', 'deep')
        before = files(self.path('deep/out'))
        self.run_all('deep/out', '-r', 'deep')
        self.assertEqual(files(self.path('deep/out')), before)

    def test_inputs_are_never_replaced(self):
        before = files(self.path('good'))
        done = self.mseg('run', *NETWORK, '-o', 'good', 'good', status=1)
        self.assertIn('mseg: good/a.png: would replace the input good/a.png', done.stderr)
        after = files(self.path('good'))
        self.assertEqual({name: after[name] for name in before}, before)
        self.assertEqual(sorted(after.keys() - before.keys()), ['b.png', 'c.png', 'one.png'])

    def test_exif_orientation(self):
        exif = Image.Exif()
        exif[0x0112] = 6
        photos.picture(40, 30, 9).save(self.path('turned.jpg'), exif=exif)
        self.mseg('run', *NETWORK, 'turned.jpg')
        with Image.open(self.path('mseg-out/masks/turned.png')) as mask:
            self.assertEqual(mask.size, (30, 40))

    def test_killed_run_leaves_whole_files(self):
        self.many(300)
        out = self.path('out/masks')
        for round_ in range(3):
            process = subprocess.Popen([MSEG, 'run', *NETWORK, '-q', '-o', out, 'many'], cwd=self.folder)
            while process.poll() is None and (not os.path.isdir(out) or len(os.listdir(out)) < 20 + 40 * round_):
                time.sleep(0.001)
            process.send_signal(signal.SIGKILL)
            process.wait()
            names = [name for name in os.listdir(out) if name.endswith('.png') and not name.startswith('.')]
            self.assertGreaterEqual(len(names), 20)
            for name in names:
                with Image.open(os.path.join(out, name)) as mask:
                    mask.load()
        self.mseg('run', *NETWORK, '-q', '-o', out, 'many')
        self.assertEqual(sorted(os.listdir(out)), [f'{i:04}.png' for i in range(300)])

    def test_memory_does_not_grow_with_the_batch(self):
        if os.environ.get('MSEG_SANITIZE'):
            self.skipTest('sanitizers keep freed memory')
        self.many(600)
        peaks = []
        for count in [40, 600]:
            listed = ''.join(f'many/{i:04}.png\n' for i in range(count)).encode()
            process = subprocess.Popen([MSEG, 'run', *NETWORK, '-q', '-j2', '-'], cwd=self.folder, stdin=subprocess.PIPE)
            process.stdin.write(listed)
            process.stdin.close()
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            self.assertEqual(process.returncode, 0)
            peaks.append(usage.ru_maxrss)
        self.assertLess(peaks[1] - peaks[0], 2048, f'KB at 40 and 600 images: {peaks}')

    def test_full_disk_is_an_error(self):
        def small_files():
            resource.setrlimit(resource.RLIMIT_FSIZE, (300, 300))
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        done = self.mseg('run', *NETWORK, 'good/a.png', status=1, preexec_fn=small_files)
        self.assertIn('mseg: good/a.png: cannot write mseg-out/masks/a.png: ', done.stderr)
        self.assertEqual(os.listdir(self.path('mseg-out/masks')), [])

    def test_progress_bar_only_on_a_terminal(self):
        def on_terminal(*arguments):
            master, slave = pty.openpty()
            with subprocess.Popen([MSEG, 'run', *NETWORK, *arguments], cwd=self.folder, stderr=slave) as process:
                os.close(slave)
                shown = b''
                try:
                    while chunk := os.read(master, 65536):
                        shown += chunk
                except OSError:  # the other end is closed
                    pass
                process.wait()
            os.close(master)
            return shown.decode()
        shown = on_terminal('good')
        self.assertRegex(shown, r'\r\[#+\] 4/4  [0-9.]+ images/s')
        self.assertRegex(shown, r'\r\x1b\[Ksegmented 4 of 4 images')
        self.assertEqual(on_terminal('-q', 'good'), '')
        self.assertNotIn('\r', self.mseg('run', *NETWORK, 'good').stderr)

    def test_info_counts(self):
        info = json.loads(self.mseg('info', TINY, '--json', '--size', '65').stdout)
        self.assertEqual((info['network'], info['classes'], info['output_stride'], info['aspp']), ('MobileNetV2', CLASSES, 16, False))
        self.assertEqual(sum(layer['madds'] for layer in info['layers']), info['madds'])
        self.assertEqual(sum(layer['params'] for layer in info['layers']), info['params'])
        self.assertIn(info['peak_layer'], [layer['name'] for layer in info['layers']])
        self.assertEqual(info['layers'][0]['out'], [65, 65, 3])
        fine = json.loads(self.mseg('info', TINY, '--json', '--size', '65', '--os', '8').stdout)
        self.assertGreater(fine['madds'], info['madds'])
        self.assertEqual(fine['params'], info['params'])
        text = self.mseg('info', TINY, '--size', '65').stdout
        self.assertIn(f"({info['madds']:,})", text)
        self.assertIn(f"{info['arena_bytes']:,} bytes", text)


unittest.main()
