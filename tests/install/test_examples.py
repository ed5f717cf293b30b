#!/usr/bin/python3
"""test_examples.py SOURCE BUILD CC CXX [Class]: examples/ and the code of docs/library.md, built and run against an installed mseg. The
examples' labels are those that the installed program writes for the same picture, byte for byte."""
import ctypes
import importlib.util
import os
import subprocess
import sys
import tempfile
import unittest

import numpy as np
from PIL import Image

import test_install as install

EXAMPLES = os.path.join(install.SOURCE, 'examples')
SAMPLES = os.path.join(install.SOURCE, 'data', 'samples')
STRUCTS = {'Error': 'mseg_error', 'Image': 'mseg_image', 'RunOptions': 'mseg_run_options', 'Result': 'mseg_result',
           'ModelInfo': 'mseg_model_info'}


def read(path, mode='r'):
    with open(path, mode, encoding=None if 'b' in mode else 'utf-8') as file:
        return file.read()



class Examples(install.Installed):
    """Two pictures side by side: lossless, of odd sides, of several classes."""
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.work = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.work.cleanup)
        cls.rgb = np.hstack([np.asarray(Image.open(os.path.join(SAMPLES, name)))[:257, :201] for name in ['airliner.jpg', 'monitor.png']])
        cls.photo = os.path.join(cls.work.name, 'photo.png')
        Image.fromarray(cls.rgb).save(cls.photo)
        masks = os.path.join(cls.work.name, 'masks')
        os.environ.pop('MSEG_CPU', None)  # which the program follows and the library does not
        install.run([os.path.join(cls.prefix, 'bin', 'mseg'), 'run', '-q', '-m', 'builtin', '-o', masks, cls.photo])
        cls.mask = os.path.join(masks, 'photo.png')
        cls.labels = np.array(Image.open(cls.mask))
        assert cls.labels.shape == cls.rgb.shape[:2] and len(np.unique(cls.labels)) > 1

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
        self.assertEqual(read(mask, 'rb'), read(self.mask, 'rb'))
        for arguments, says, status in [
                ([], 'usage: segment PHOTO MASK.png\n', 2),
                (['none.jpg', mask], f'none.jpg: .*{os.strerror(2)}\n', 1),
                ([__file__, mask], f'{__file__}: not a PNG or JPEG .*\n', 1),
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


if __name__ == '__main__':
    unittest.main(argv=[sys.argv[0], *sys.argv[5:]])
