#!/usr/bin/python3
"""test_get_model.py ROOT: data/get-model.sh takes only files with the right sum, from the places it should, and says when it
cannot. Works on a copy with a model list of its own; a stand-in for curl is the network."""
import hashlib
import io
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import unittest

ROOT = os.path.abspath(sys.argv.pop(1))
GOOD = b'the right bytes\n'
CURL = '''#!/bin/sh
[ -n "$SERVED" ] || exit 6
while [ "$1" != -o ]; do shift; done
cp "$SERVED" "$2"
'''


class Places(unittest.TestCase):
    """A copy of the script, a network, and folders."""
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        for name in ['main/data', 'bin', 'elsewhere', 'shared/models']:
            os.makedirs(self.path(name))
        shutil.copy(os.path.join(ROOT, 'data/get-model.sh'), self.path('main/data'))
        self.put('main/data/models.txt', f'# comment\nm.tflite https://x/m.tflite {hashlib.sha256(GOOD).hexdigest()} MIT\n'.encode())
        self.put('bin/curl', CURL.encode())
        os.chmod(self.path('bin/curl'), 0o755)

    def path(self, *parts):
        return os.path.join(self.folder, *parts)

    def share(self, data, folder='shared'):
        """A folder as ../shared is."""
        self.put(folder + '/models/SOURCES.md', b'| file | what |')
        self.put(folder + '/models/m.tflite', data)

    def put(self, name, data):
        os.makedirs(os.path.dirname(self.path(name)), exist_ok=True)
        with open(self.path(name), 'wb') as out:
            out.write(data)

    def run_script(self, *arguments, script='main/data', **variables):
        environment = {'PATH': self.path('bin') + ':' + os.environ['PATH'], 'XDG_CACHE_HOME': self.path('cache'), **variables}
        return subprocess.run(['sh', self.path(script, 'get-model.sh'), *arguments], env=environment, capture_output=True,
                              text=True, check=False)

    def cached(self):
        return sorted(os.listdir(self.path('cache/mseg'))) if os.path.isdir(self.path('cache/mseg')) else []


class GetModel(Places):
    def get(self, *arguments, served='', models='', status=0, **variables):
        done = self.run_script(*arguments, MSEG_MODELS=models, SERVED=served, **variables)
        self.assertEqual(done.returncode, status, done.stderr)
        self.assertEqual(self.cached(), ['m.tflite'] if status == 0 else [])
        if status == 0:
            self.assertEqual(done.stdout, self.path('cache/mseg/m.tflite') + '\n')
            with open(self.path('cache/mseg/m.tflite'), 'rb') as got:
                self.assertEqual(got.read(), GOOD)
        return done.stderr

    def test_from_given_folder(self):
        self.put('elsewhere/m.tflite', GOOD)
        self.assertEqual(self.get(models=self.path('elsewhere')), '')

    def test_from_shared(self):
        self.share(GOOD)
        self.assertEqual(self.get('m'), '')

    def test_from_shared_elsewhere(self):
        self.share(GOOD, 'their')
        self.assertEqual(self.get('m', MSEG_SHARED=self.path('their')), '')

    def test_another_folder_called_shared(self):
        self.put('shared/models/m.tflite', b'of some other project')
        self.put('elsewhere/served', GOOD)
        self.assertNotIn('sha256', self.get(served=self.path('elsewhere/served')))

    def test_from_cache(self):
        self.put('cache/mseg/m.tflite', GOOD)
        self.assertEqual(self.get('m.tflite'), '')

    def test_download(self):
        self.put('elsewhere/served', GOOD)
        self.assertIn('downloading https://x/m.tflite', self.get(served=self.path('elsewhere/served')))

    def test_wrong_sum_is_passed_over(self):
        self.share(b'something else')
        self.put('elsewhere/served', GOOD)
        self.assertIn('its sha256 differs', self.get(served=self.path('elsewhere/served')))

    def test_wrong_download_is_refused(self):
        self.put('elsewhere/served', b'a log-in page')
        self.assertIn('no model: what came from https://x/m.tflite is not', self.get(served=self.path('elsewhere/served'), status=2))

    def test_no_network(self):
        cache = self.path('cache/mseg')
        self.assertIn(f'no model: no right m.tflite in {cache}, and it cannot be downloaded', self.get(status=2))
        self.assertIn(f"no model: no right m.tflite in {self.path('elsewhere')}, {cache}, and", self.get(status=2, models=self.path('elsewhere')))

    def test_unknown_name(self):
        self.assertIn("no model is called 'other'", self.get('other', status=2))

    def test_real_list(self):
        with open(os.path.join(ROOT, 'data/models.txt'), encoding='utf-8') as lines:
            rows = [line.split() for line in lines if not line.startswith('#')]
        self.assertEqual(rows[0][0], 'deeplabv3_mnv2_pascal_quant.tflite')
        for name, url, digest, licence in rows:
            archive = url.endswith('.tar.gz')
            self.assertTrue(url.startswith('https://') and licence)
            self.assertTrue(name.endswith('.pb') and '/' + name[:-3] + '_2018_' in url if archive else url.endswith('/' + name), name)
            self.assertRegex(digest, r'^([0-9a-f]{64}|-)$' if archive else r'^[0-9a-f]{64}$')
        self.assertEqual(len({name for name, *_ in rows}), len(rows))


def packed(*members):
    """A .tar.gz of (name, bytes, or the name that a symbolic link has)."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode='w:gz') as archive:
        for name, data in members:
            info = tarfile.TarInfo(name)
            if isinstance(data, str):
                info.type, info.linkname = tarfile.SYMTYPE, data
            else:
                info.size = len(data)
            archive.addfile(info, io.BytesIO(data) if isinstance(data, bytes) else None)
    return file.getvalue()


def sha256(data):
    return hashlib.sha256(data).hexdigest()


class Archives(Places):
    """Models out of archives: known.pb, whose sum the list has, and new.pb, whose sum nobody knows."""
    GRAPH = b'\x0a\x04of a frozen graph'
    ARCHIVE = packed(('net/model.ckpt.index', b'checkpoint'), ('net/frozen_inference_graph.pb', GRAPH))

    def setUp(self):
        super().setUp()
        self.put('main/data/models.txt', f'known.pb https://x/known_2018.tar.gz {sha256(self.ARCHIVE)} MIT\n'
                                         f'new.pb https://x/new_2018.tar.gz - MIT\n'.encode())

    def get(self, name, served=None, status=0, models='', script='main/data', graph=GRAPH):
        """Runs the script; what it says. served: what the network gives, None: there is none."""
        if served is not None:
            self.put('elsewhere/served', served)
        done = self.run_script(name, script=script, MSEG_MODELS=models, SERVED='' if served is None else self.path('elsewhere/served'))
        self.assertEqual(done.returncode, status, done.stderr)
        self.assertEqual([entry for entry in self.cached() if entry.startswith('.')], [])
        self.assertEqual(os.path.exists(self.path('evil')), False)
        if status == 0:
            self.assertEqual(done.stdout, self.path(f'cache/mseg/{name}.pb') + '\n')
            self.assertEqual(self.read(f'cache/mseg/{name}.pb'), graph)
        return done.stderr

    def read(self, name):
        with open(self.path(name), 'rb') as file:
            return file.read()

    def record(self, name='new'):
        """What is kept of an archive and the model out of it."""
        return dict(reversed(line.split()) for line in self.read(f'cache/mseg/{name}.sha256').decode().splitlines())

    def test_known_sum(self):
        said = self.get('known', self.ARCHIVE)
        self.assertIn('downloading https://x/known_2018.tar.gz', said)
        self.assertNotIn('recorded', said)
        self.assertEqual(self.cached(), ['known.pb', 'known.sha256'])
        self.assertEqual(self.record('known'), {'known_2018.tar.gz': sha256(self.ARCHIVE), 'known.pb': sha256(self.GRAPH)})
        self.assertEqual(self.get('known'), '')  # nothing is asked for again

    def test_known_sum_differs(self):
        self.assertIn('is not the file that models.txt means', self.get('known', packed(('net/frozen_inference_graph.pb', b'another')), status=2))
        self.assertEqual(self.cached(), [])

    def test_first_sum_is_recorded(self):
        said = self.get('new', self.ARCHIVE)
        lines = [line for line in said.splitlines() if 'recorded' in line]
        self.assertEqual(lines, [f"get-model.sh: sha256 {sha256(self.ARCHIVE)} of new_2018.tar.gz recorded in {self.path('cache/mseg/new.sha256')}; "
                                 'compare it with what others have, models.txt knows none'])
        self.assertEqual(self.record(), {'new_2018.tar.gz': sha256(self.ARCHIVE), 'new.pb': sha256(self.GRAPH)})
        self.assertEqual(self.get('new'), '')

    def test_second_sum_must_be_the_first(self):
        self.get('new', self.ARCHIVE)
        os.remove(self.path('cache/mseg/new.pb'))
        other = packed(('net/frozen_inference_graph.pb', b'another'))
        said = self.get('new', other, status=2)
        self.assertIn(f"is not the file that was there first, see {self.path('cache/mseg/new.sha256')} (its sha256 differs)", said)
        self.assertEqual(self.cached(), ['new.sha256'])
        self.assertNotIn('recorded', self.get('new', self.ARCHIVE))
        self.put('cache/mseg/new.pb', b'changed since')
        self.assertIn('downloading', self.get('new', self.ARCHIVE))

    def test_installed(self):
        """PREFIX/share/mseg holds script and list."""
        os.makedirs(self.path('prefix/share'))
        shutil.copytree(self.path('main/data'), self.path('prefix/share/mseg'))
        self.get('new', self.ARCHIVE, script='prefix/share/mseg')

    def test_archive_in_a_folder(self):
        self.put('elsewhere/new_2018.tar.gz', self.ARCHIVE)
        self.assertNotIn('downloading', self.get('new', models=self.path('elsewhere')))
        self.put('shared/models/SOURCES.md', b'| file | what |')
        self.put('shared/models/known_2018.tar.gz', self.ARCHIVE)
        self.assertEqual(self.get('known'), '')

    def test_no_network(self):
        self.assertIn(f"no right new_2018.tar.gz in {self.path('cache/mseg')}, and it cannot be downloaded", self.get('new', status=2))

    def test_broken_archives(self):
        for what, data in [('cut', self.ARCHIVE[:-9]), ('half', self.ARCHIVE[:len(self.ARCHIVE) // 2]), ('page', b'<html>log in</html>'), ('empty', b''),
                           ('plain', self.GRAPH)]:
            with self.subTest(what):
                self.assertIn('is not a whole .tar.gz archive', self.get('new', data, status=2))
                self.assertEqual(self.cached(), [])

    def test_archives_without_the_graph(self):
        graph = 'frozen_inference_graph.pb'
        for what, members in {'other files': [('net/model.ckpt.index', b'checkpoint')], 'another name': [(f'net/{graph}txt', b'x'), (f'net/my_{graph}', b'x')],
                              'two': [(f'a/{graph}', self.GRAPH), (f'b/{graph}', self.GRAPH)], 'twice': [(f'a/{graph}', b'x'), (f'a/{graph}', self.GRAPH)],
                              'empty': [(f'net/{graph}', b'')], 'link': [(f'net/{graph}', '/etc/passwd')], 'above': [(f'../{graph}', self.GRAPH)],
                              'option': [(f'-x/{graph}', self.GRAPH)], 'two lines': [(f'a\nnet/{graph}', self.GRAPH)]}.items():
            with self.subTest(what):
                self.assertIn('has no frozen_inference_graph.pb, or several', self.get('new', packed(*members), status=2))
                self.assertEqual(self.cached(), [])

    def test_other_names_in_the_archive_are_not_unpacked(self):
        data = packed(('../evil', b'x'), (self.path('evil'), b'x'), ('net', self.path('elsewhere')), ('net/frozen_inference_graph.pb', self.GRAPH),
                      ('../../evil', b'x'))
        self.get('new', data)
        self.assertEqual(self.cached(), ['new.pb', 'new.sha256'])
        self.assertEqual(os.listdir(self.path('elsewhere')), ['served'])


unittest.main()
