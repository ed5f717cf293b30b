#!/usr/bin/python3
"""test_get_model.py ROOT: data/get-model.sh takes only files with the right sum, from the places it should, and says when it
cannot. Works on a copy with a model list of its own; a stand-in for curl is the network."""
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

ROOT = os.path.abspath(sys.argv.pop(1))
GOOD = b'the right bytes\n'
CURL = '''#!/bin/sh
[ -n "$SERVED" ] || exit 6
while [ "$1" != -o ]; do shift; done
cp "$SERVED" "$2"
'''


class GetModel(unittest.TestCase):
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

    def get(self, *arguments, served='', models='', status=0, **variables):
        environment = {'PATH': self.path('bin') + ':' + os.environ['PATH'], 'XDG_CACHE_HOME': self.path('cache'),
                       'MSEG_MODELS': models, 'SERVED': served, **variables}
        done = subprocess.run(['sh', self.path('main/data/get-model.sh'), *arguments], env=environment, capture_output=True,
                              text=True, check=False)
        self.assertEqual(done.returncode, status, done.stderr)
        cached = os.listdir(self.path('cache/mseg')) if os.path.isdir(self.path('cache/mseg')) else []
        self.assertEqual(cached, ['m.tflite'] if status == 0 else [])
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
            self.assertTrue(url.startswith('https://') and url.endswith('/' + name) and licence)
            self.assertRegex(digest, r'^[0-9a-f]{64}$')


unittest.main()
