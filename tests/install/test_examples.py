#!/usr/bin/python3
"""test_examples.py SOURCE BUILD CC CXX [Class]: examples/ and the code of docs/library.md, built and run against an installed mseg. The
examples' files are those that the installed program writes for the same picture, byte for byte but for their mark."""
import ctypes
import importlib.util
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

import test_install as install

PAGE = os.path.join(install.SOURCE, 'docs', 'library.md')
EXAMPLES = os.path.join(install.SOURCE, 'examples')
MODEL = os.path.join(install.SOURCE, 'data', 'mseg-voc-small.tflite')
SAMPLES = os.path.join(install.SOURCE, 'data', 'samples')
STRUCTS = {'Error': 'mseg_error', 'View': 'mseg_view', 'RunOptions': 'mseg_run_options', 'Result': 'mseg_result'}


def read(path, mode='r'):
    with open(path, mode, encoding=None if 'b' in mode else 'utf-8') as file:
        return file.read()


def unmarked(png):
    """Without the text that the program puts into its files, and the library only into those that ask for it."""
    at, kept = 8, png[:8]
    while at < len(png):
        end = at + 12 + int.from_bytes(png[at:at + 4], 'big')
        kept += b'' if png[at + 4:at + 8] == b'tEXt' else png[at:end]
        at = end
    return kept


class Pictured(install.Installed):
    """An installed mseg, and two pictures side by side: lossless, of odd sides, of several classes."""
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        os.environ.pop('MSEG_CPU', None)  # which the program follows and the library does not
        cls.work = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.work.cleanup)
        cls.rgb = np.hstack([np.asarray(Image.open(os.path.join(SAMPLES, name)))[:257, :201] for name in ['airliner.jpg', 'monitor.png']])
        cls.photo = os.path.join(cls.work.name, 'photo.png')
        Image.fromarray(cls.rgb).save(cls.photo)
        cls.mask = cls.by_program('masks')
        cls.labels = np.array(Image.open(cls.mask))
        assert cls.labels.shape == cls.rgb.shape[:2] and len(np.unique(cls.labels)) > 1

    @classmethod
    def by_program(cls, folder, *options):
        """The mask that mseg run writes."""
        masks = os.path.join(cls.work.name, folder)
        install.run([os.path.join(cls.prefix, 'bin', 'mseg'), 'run', '-q', '-m', 'builtin', '-o', masks, *options, cls.photo])
        return os.path.join(masks, 'photo.png')


class Examples(Pictured):
    def compile(self, compiler, *flags):
        program = os.path.join(self.folder, 'segment')
        install.run([*compiler, *install.STRICT, *flags, '-o', program])
        return program

    def found(self):
        """What the programs print: the classes' names and pixels, from the program's own list of classes and NumPy's counts."""
        rows = [line.split(None, 4) for line in read(os.path.join(install.SOURCE, 'palettes', 'voc.txt')).splitlines()
                if line[:1].isdigit()]
        names = {int(row[0]): row[4] for row in rows}
        return ''.join(f'{names[id]}: {count} pixels\n' for id, count in zip(*np.unique(self.labels, return_counts=True)))

    def check_program(self, program, shared):
        environment = {**os.environ, 'LD_LIBRARY_PATH': self.libraries}
        self.assertEqual(self.is_shared(program), ['libmseg.so.0.1'] if shared else [])
        mask = os.path.join(self.folder, 'mask.png')
        self.assertEqual(install.run([program, self.photo, mask], LD_LIBRARY_PATH=self.libraries), self.found())
        self.assertEqual(np.array(Image.open(mask)).tobytes(), self.labels.tobytes())
        self.assertEqual(read(mask, 'rb'), unmarked(read(self.mask, 'rb')))
        for arguments, says, status in [
                ([], 'usage: segment PHOTO MASK.png\n', 2),
                (['none.jpg', mask], f'none.jpg: .*{os.strerror(2)}\n', 1),
                ([__file__, mask], f'{__file__}: not a PNG, JPEG, WebP or TIFF .*\n', 1),
                ([self.photo, 'no/m.png'], f'no/m.png: .*{os.strerror(2)}\n', 1)]:
            done = subprocess.run([program, *arguments], env=environment, cwd=self.folder, capture_output=True, text=True,
                                  check=False)
            self.assertEqual((done.returncode, done.stdout), (status, ''))
            self.assertRegex(done.stderr, f'^{says}$')

    def through_both(self, source, compiler):
        for shared, flags in [(True, self.pkg_config('--cflags', '--libs')), (False, self.static_flags()),
                              (False, [*self.static_flags(), '-fsanitize=address,undefined', '-fno-sanitize-recover=all'])]:
            with self.subTest(shared=shared, flags=flags):  # the last one tells of leaks, too
                self.check_program(self.compile(compiler, os.path.join(EXAMPLES, source), *flags), shared)

    def test_c(self):
        self.through_both('segment.c', install.C)

    def test_cplusplus(self):
        self.through_both('segment.cpp', [install.CXX, '-std=c++17'])

    def python(self):
        spec = importlib.util.spec_from_file_location('segment', os.path.join(EXAMPLES, 'segment.py'))
        module = importlib.util.module_from_spec(spec)
        sys.dont_write_bytecode = True
        spec.loader.exec_module(module)
        return module

    def test_python_arrays_and_bytes(self):
        library = os.path.join(self.libraries, 'libmseg.so')
        segment = self.python().Segmenter(library=library)
        height, width = self.labels.shape
        labels = segment(self.rgb)
        self.assertEqual((labels.dtype, labels.shape), (np.uint8, self.labels.shape))
        self.assertEqual(labels.tobytes(), self.labels.tobytes())
        self.assertEqual(segment(self.rgb.tobytes(), (width, height)), self.labels.tobytes())
        wide = np.repeat(self.rgb, 2, axis=1)
        self.assertEqual(segment(wide[:, ::2]).tobytes(), self.labels.tobytes())  # rows with gaps
        self.assertEqual(labels.tobytes(), self.labels.tobytes())  # its own, whatever ran since

    def test_python_errors_have_the_library_s_text(self):
        segment = self.python().Segmenter(library=os.path.join(self.libraries, 'libmseg.so'))
        segment.options.size = 320
        with self.assertRaisesRegex(RuntimeError, r'^size 320 is not k \* 16 \+ 1$'):
            segment(self.rgb)
        with self.assertRaisesRegex(RuntimeError, os.strerror(2)):
            self.python().Segmenter(os.path.join(self.folder, 'none.tflite'), os.path.join(self.libraries, 'libmseg.so'))
        for pixels in [self.rgb[:, :, 0], self.rgb.astype(np.float32)]:
            with self.assertRaises(ValueError):
                segment(pixels)

    def test_python_alone_finds_the_library_by_its_soname(self):
        height, width = self.labels.shape
        done = subprocess.run([sys.executable, '-B', os.path.join(EXAMPLES, 'segment.py'), str(width), str(height)],
                              input=self.rgb.tobytes(), env={**os.environ, 'LD_LIBRARY_PATH': self.libraries}, capture_output=True,
                              check=False)
        self.assertEqual((done.returncode, done.stderr), (0, b''))
        self.assertEqual(done.stdout, self.labels.tobytes())

    def test_python_structs_are_the_header_s(self):
        module = self.python()
        wanted = [(f'{c}.{name}', c, name, getattr(getattr(module, py), name).offset)
                  for py, c in STRUCTS.items() for name, _ in getattr(module, py)._fields_]
        source = os.path.join(self.folder, 'layout.c')
        with open(source, 'w', encoding='utf-8') as out:
            out.write('#include <mseg.h>\nint main(void)\n{\n')
            out.writelines(f'    printf("%zu\\n", sizeof({c}));\n' for c in STRUCTS.values())
            out.writelines(f'    printf("%zu\\n", offsetof({c}, {name}));\n' for _, c, name, _ in wanted)
            out.write('}\n')
        program = self.compile(install.C, source, *self.pkg_config('--cflags'))
        numbers = [int(line) for line in install.run([program]).split()]
        names = [*STRUCTS.values(), *(name for name, _, _, _ in wanted)]
        sizes = [ctypes.sizeof(getattr(module, py)) for py in STRUCTS]
        self.assertEqual(dict(zip(names, [*sizes, *(offset for *_, offset in wanted)])), dict(zip(names, numbers)))


def blocks(language):
    """Each code block of the page with the number of its first line."""
    text = read(PAGE)
    return [(text.count('\n', 0, found.start(1)) + 1, found[1])
            for found in re.finditer(rf'^```{language}\n(.*?)^```$', text, re.M | re.S)]


class Page(Pictured):
    """docs/library.md: its C is one file, whose results are the program's; its commands and CMake projects build the examples."""
    def compile_page(self, *flags):
        with open(os.path.join(self.folder, 'library.c'), 'w', encoding='utf-8') as out:
            out.write('#include <mseg.h>\n')
            out.writelines(f'#line {line} "docs/library.md"\n{code}' for line, code in blocks('c'))
        program = os.path.join(self.folder, 'page')
        install.run([*install.C, *install.STRICT, '-I', self.folder, os.path.join(install.HERE, 'page.c'), *flags, '-pthread',
                     '-fsanitize=address,undefined', '-fno-sanitize-recover=all', '-o', program])
        return program

    def test_the_code_does_what_the_program_does(self):
        truth = self.by_program('truth', '--tile', '129')  # not what any code writes
        said = install.run([self.compile_page(*self.static_flags()), self.photo, MODEL, truth, self.folder])
        for name, options in [('one', []), ('many0', []), ('many2', []), ('threads', ['--size', '513']),
                              ('pixels', ['--size', '513']), ('large', ['--tile', '257']), ('shown', ['--tile', '257']),
                              ('careful', ['--size', '321', '--scales', '0.75,1,1.25', '--flip'])]:
            found = unmarked(read(self.by_program(name, *options), 'rb'))
            self.assertEqual(read(os.path.join(self.folder, f'{name}.png'), 'rb'), found, name)
        overlays, probabilities = os.path.join(self.work.name, 'overlays'), os.path.join(self.work.name, 'probabilities')
        self.by_program('again', '--size', '513', f'--overlay={overlays}', '--probabilities', probabilities)
        self.assertEqual(read(os.path.join(self.folder, 'overlay.png'), 'rb'), unmarked(read(os.path.join(overlays, 'photo.png'), 'rb')))
        for name, how in [('exported.onnx', [MODEL]), ('exported.tflite', ['--half', 'builtin'])]:
            by_program, by_page = os.path.join(self.work.name, name), os.path.join(self.folder, name)
            install.run([os.path.join(self.prefix, 'bin', 'mseg'), 'convert', '-qy', '--size', '513', *how, by_program])
            self.assertEqual(read(by_page, 'rb'), read(by_program, 'rb'), name)
        quantised, photos = [os.path.join(self.work.name, name) for name in ['exported8.tflite', 'photos']]
        os.mkdir(photos)
        shutil.copy(self.photo, photos)
        install.run([os.path.join(self.prefix, 'bin', 'mseg'), 'convert', '-qy', '--quantize', '--calibrate', photos, 'builtin',
                     quantised])
        self.assertEqual(read(os.path.join(self.folder, 'exported8.tflite'), 'rb'), read(quantised, 'rb'))
        left = self.rgb[:, :(self.rgb.shape[1] + 1) // 2].astype(int) @ [77, 150, 29] // 256
        self.assertEqual(np.array(Image.open(os.path.join(self.folder, 'gray.png'))).tolist(), left.tolist())
        tiled = self.by_program('tiled', '--tile', '257', f'--overlay={overlays}2')
        self.assertEqual(read(os.path.join(self.folder, 'both.png'), 'rb'), unmarked(read(os.path.join(f'{overlays}2', 'photo.png'), 'rb')))
        self.assertEqual(read(os.path.join(self.folder, 'both.ids'), 'rb'), np.array(Image.open(tiled)).tobytes())
        with Image.open(os.path.join(self.folder, 'thumbnail.jpg')) as thumbnail:
            self.assertEqual(thumbnail.size, (160, 160 * self.rgb.shape[0] // self.rgb.shape[1]))
        mean = np.load(os.path.join(probabilities, 'photo.npy')).max(axis=2).mean(dtype=np.float64)
        scored = json.loads(install.run([os.path.join(self.prefix, 'bin', 'mseg'), 'eval', '-q', '--gt', os.path.dirname(truth),
                                         '--pred', os.path.dirname(self.mask), '--json', '-']))
        lines = said.splitlines()
        figure = {line.split()[0]: line for line in lines if line}
        self.assertAlmostEqual(float(figure['first_row'].split()[-1]), mean, places=6)
        self.assertAlmostEqual(float(figure['judge'].split()[1]), scored['miou'], places=8)
        self.assertEqual(figure['again'].split()[1], figure['judge'].split()[1])
        for line in ['open_file 8 open_memory mine 0', 'many_pictures 1', 'large_picture_shown 1', 'best_class 0', 'stored 1 256',
                     'mistakes 1', 'mIOU: 0', 'is_as_compiled 1', '2 threads', 'class 0 is background', 'ade20k:',
                     'classes_of 21 person', 'class 15 is called nothing']:
            self.assertIn(line, lines)
        self.assertIn('first_row 0 ', said)

    def test_the_page_shows_every_function_that_is_not_experimental(self):
        header = read(self.header).split('---- experimental ----')
        self.assertEqual(len(header), 2)
        stable, experimental = [set(re.findall(r'^MSEG_API [^;]*?\b(mseg_\w+)\(', part, re.M)) for part in header]
        self.assertGreater(len(stable), 70)
        code = '\n'.join(code for _, code in blocks('c'))
        self.assertEqual(stable - set(re.findall(r'\bmseg_\w+', code)), set())
        self.assertEqual(experimental & set(re.findall(r'\bmseg_\w+', code)), set())
        declared = set(re.findall(r'\bmseg_\w+', read(self.header)))
        self.assertEqual(set(re.findall(r'\bmseg_\w+', read(PAGE))) - declared, set())

    def folder_with_examples(self):
        folder = os.path.join(self.folder, 'mine')
        shutil.copytree(EXAMPLES, folder)
        os.symlink(install.SOURCE, os.path.join(folder, 'mseg'))
        return folder

    def test_the_commands_build_the_example(self):
        folder = self.folder_with_examples()
        [(_, commands)] = blocks('sh')
        install.run(['sh', '-e', '-c', f'cd {folder}; {commands}'], PKG_CONFIG_PATH=os.path.dirname(self.find('mseg.pc')))
        self.runs(folder)

    def test_the_projects_build_the_example(self):
        projects = blocks('cmake')
        self.assertEqual(len(projects), 3)
        for _, text in projects:
            folder = self.folder_with_examples()
            with open(os.path.join(folder, 'CMakeLists.txt'), 'w', encoding='utf-8') as out:
                out.write(text)
            build = os.path.join(folder, 'build')
            install.configure(folder, build, f'-DCMAKE_PREFIX_PATH={self.prefix}', f'-DFETCHCONTENT_SOURCE_DIR_MSEG={install.SOURCE}')
            if 'find_package' in text:  # the others build all of mseg, which test_install.py does
                install.run(['cmake', '--build', build])
                self.runs(build)
            shutil.rmtree(folder)

    def runs(self, folder):
        """The example in both kinds."""
        for name, libraries in [('segment', ['libmseg.so.0.1']), ('segment-static', [])]:
            program, mask = os.path.join(folder, name), os.path.join(self.folder, 'mask.png')
            self.assertEqual(self.is_shared(program), libraries)
            install.run([program, self.photo, mask], LD_LIBRARY_PATH=self.libraries)
            self.assertEqual(read(mask, 'rb'), unmarked(read(self.mask, 'rb')))


if __name__ == '__main__':
    unittest.main(argv=[sys.argv[0], *sys.argv[5:]])
