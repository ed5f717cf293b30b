#!/usr/bin/python3
"""test_install.py SOURCE BUILD CC CXX [Class]: mseg as other projects use it, installed or as a part of them. BUILD is a finished
build of SOURCE. Every way must run the consumer and print the same line."""
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
PROJECT = os.path.join(HERE, 'consumer')
CONSUMER = os.path.join(PROJECT, 'consumer.c')
SOURCE, BUILD, CC, CXX = sys.argv[1:5]
C = [CC, '-std=c11']
CPLUSPLUS = [CXX, '-x', 'c++', '-std=c++17']
STRICT = ['-pedantic', '-Wall', '-Wextra', '-Werror']


def run(command, **environment):
    """What it prints; a failure shows all it said."""
    done = subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True, check=False)
    if done.returncode:
        raise AssertionError(f'{shlex.join(command)}: status {done.returncode}\n{done.stdout}{done.stderr}')
    return done.stdout


def configure(source, build, *settings):
    run(['cmake', '-G', 'Ninja', '-S', source, '-B', build, f'-DCMAKE_C_COMPILER={CC}', f'-DCMAKE_CXX_COMPILER={CXX}', *settings])


class Installed(unittest.TestCase):
    """A temporary prefix with all that mseg installs."""
    @classmethod
    def setUpClass(cls):
        cls.prefix = tempfile.mkdtemp()
        cls.addClassCleanup(shutil.rmtree, cls.prefix)
        run(['cmake', '--install', BUILD, '--prefix', cls.prefix])
        cls.header = cls.find('mseg.h')
        cls.libraries = os.path.dirname(cls.find('libmseg.so'))

    @classmethod
    def find(cls, name):
        found = [os.path.join(folder, name) for folder, _, names in os.walk(cls.prefix) if name in names]
        assert len(found) == 1, (name, found)
        return found[0]

    def setUp(self):
        self.folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.folder)

    def pkg_config(self, *options):
        return run(['pkg-config', *options, 'mseg'], PKG_CONFIG_PATH=os.path.dirname(self.find('mseg.pc'))).split()

    def check(self, program):
        line = json.loads(run([program], LD_LIBRARY_PATH=self.libraries))
        version = run([os.path.join(self.prefix, 'bin', 'mseg'), '--version'])
        self.assertEqual(version.split()[1], line['version'])
        self.assertEqual((line['width'], line['height'], line['classes'], line['encoded']), (40, 30, 5, True))

    def compile(self, compiler, *flags):
        program = os.path.join(self.folder, 'consumer')
        run([*compiler, *STRICT, CONSUMER, '-x', 'none', *flags, '-o', program])
        return program

    def through_cmake(self, library):
        """The two programs, which link that library."""
        build = os.path.join(self.folder, 'build')
        configure(PROJECT, build, '-DHOW=package', f'-DCMAKE_PREFIX_PATH={self.prefix}', f'-DLIBRARY={library}')
        run(['cmake', '--build', build])
        programs = [os.path.join(build, name) for name in ['consumer_c', 'consumer_cxx']]
        for program in programs:
            self.check(program)
        return programs

    def static_flags(self):
        """The linker takes the shared library where it finds both by -lmseg."""
        return [flag.replace('-lmseg', '-l:libmseg.a') for flag in self.pkg_config('--static', '--cflags', '--libs')]

    def is_shared(self, program):
        return re.findall(r'\[(libmseg\.so[0-9.]*)\]', run(['readelf', '-d', program]))


class Static(Installed):
    def test_the_header_needs_nothing_before_it(self):
        source = os.path.join(self.folder, 'alone.c')
        with open(source, 'w', encoding='utf-8') as out:
            out.write('#include <mseg.h>\n')
        flags = [*STRICT, '-Wundef', '-Wshadow', '-I', os.path.dirname(self.header), '-fsyntax-only']
        for standard in ['c99', 'c11', 'gnu17']:
            run([CC, f'-std={standard}', '-Wstrict-prototypes', *flags, source])
        for standard in ['c++11', 'c++17', 'gnu++20']:
            run([CXX, f'-std={standard}', *flags, '-x', 'c++', source])

    def test_every_function_of_the_header_links_from_cplusplus(self):
        with open(self.header, encoding='utf-8') as text:
            code = re.sub(r'/\*.*?\*/', '', text.read(), flags=re.S)
        names = sorted(set(re.findall(r'\b(mseg_[a-z0-9_]+)\(', code)))
        self.assertGreater(len(names), 70)
        source = os.path.join(self.folder, 'all.cpp')
        with open(source, 'w', encoding='utf-8') as out:
            out.write('#include <mseg.h>\ntypedef void (*any)();\nextern any all[];\nany all[] = {\n')
            out.writelines(f'    reinterpret_cast<any>({name}),\n' for name in names)
            out.write('};\nint main() { return all[0] == 0; }\n')
        program = os.path.join(self.folder, 'all')
        run([CXX, source, *self.static_flags(), '-o', program])
        run([program])

    def test_pkg_config(self):
        for compiler in [C, CPLUSPLUS]:
            with self.subTest(compiler=compiler):
                program = self.compile(compiler, *self.static_flags())
                self.assertEqual(self.is_shared(program), [])
                self.check(program)

    def test_find_package(self):
        for program in self.through_cmake('mseg::static'):
            self.assertEqual(self.is_shared(program), [])


class Shared(Installed):
    def test_pkg_config(self):
        libs = self.pkg_config('--libs')
        self.assertEqual([lib for lib in libs if lib.startswith('-l')], ['-lmseg'])
        for compiler in [C, CPLUSPLUS]:
            program = self.compile(compiler, *self.pkg_config('--cflags'), *libs)
            self.assertEqual(self.is_shared(program), ['libmseg.so.0.1'])
            self.check(program)

    def test_find_package(self):
        for program in self.through_cmake('mseg::mseg'):
            self.assertEqual(self.is_shared(program), ['libmseg.so.0.1'])

    def test_what_draws_a_data_set_is_there(self):
        run([self.find('draw.py'), self.folder, '2'])
        self.assertEqual(os.listdir(os.path.join(self.folder, 'masks')), os.listdir(os.path.join(self.folder, 'images')))
        self.assertEqual(len(os.listdir(os.path.join(self.folder, 'masks'))), 2)

    def test_it_exports_what_the_header_declares_and_nothing_else(self):
        with open(self.header, encoding='utf-8') as text:
            code = re.sub(r'/\*.*?\*/', '', text.read(), flags=re.S)
        declared = set(re.findall(r'^MSEG_API [^;]*?\b(mseg_\w+)\(', code, re.M))
        functions = set(re.findall(r'\b(mseg_[a-z0-9_]+)\(', code))
        lines = run(['nm', '-D', '-P', '--defined-only', os.path.join(self.libraries, 'libmseg.so')]).splitlines()
        self.assertGreater(len(declared), 70)
        self.assertEqual(functions - declared, set())
        self.assertEqual({line.split()[0] for line in lines}, declared)


class Subproject(unittest.TestCase):
    def test_add_subdirectory(self):
        build = os.path.join(BUILD, 'tests', 'subproject')
        configure(PROJECT, build, '-DHOW=subdirectory', f'-DMSEG_SOURCE={SOURCE}', '-DCMAKE_BUILD_TYPE=Debug')
        run(['cmake', '--build', build, '--target', 'consumer_c', 'consumer_cxx'])
        lines = [run([os.path.join(build, name)]) for name in ['consumer_c', 'consumer_cxx']]
        self.assertEqual(lines[0], lines[1])
        self.assertEqual(json.loads(lines[0])['width'], 40)
        with tempfile.TemporaryDirectory() as prefix:
            run(['cmake', '--install', build, '--prefix', prefix])
            self.assertEqual(os.listdir(prefix), [])

    def test_fetch_content_can_be_configured(self):
        with tempfile.TemporaryDirectory() as build:
            configure(PROJECT, build, '-DHOW=fetch', f'-DMSEG_SOURCE={SOURCE}')


if __name__ == '__main__':
    unittest.main(argv=[sys.argv[0], *sys.argv[5:]])
