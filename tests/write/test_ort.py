#!/usr/bin/python3
"""test_ort.py WRITE_ONNX SCORES_OF: ONNX files that mseg writes, run by ONNX Runtime under Node: what comes out is what forward.py has
of the same networks, and mseg of those that only it knows. Needs node, and onnxruntime-node or onnxruntime-web in the folder
$MSEG_NODE_MODULES (npm install --ignore-scripts onnxruntime-node)."""
import os
import shutil
import subprocess
import sys
import unittest

import numpy as np

from onnx_written import FORMS, NETWORKS, TEMPORARY, contents, data, enter, picture, read, run_mseg, scores_in, upsample, write

HERE = os.path.dirname(os.path.abspath(__file__))
MODULES = os.environ.get('MSEG_NODE_MODULES', '')


def run_ort(path, model, image):
    files = [os.path.join(TEMPORARY.name, name) for name in ('input.f32', 'output.f32')]
    enter(model, image).astype('<f4').tofile(files[0])
    subprocess.run(['node', os.path.join(HERE, 'run_ort.js'), path, *files, *map(str, image.shape[:2])], check=True)
    return np.fromfile(files[1], '<f4').reshape(model.output_shape)


class Ort(unittest.TestCase):
    def check(self, name, path, want, size):
        model = read(path)
        got, want = run_ort(path, model, picture(*size)), upsample(model, want)
        self.assertLess(abs(got - want).max(), 2e-5 * abs(want).max(), name)

    def test_networks_of_files(self):
        for name, (height, width, stride) in FORMS.items():
            path, _ = write(data(name + '.tflite'), name, height, width, stride)
            self.check(name, path, scores_in(contents(data(name + '.scores'))), (height, width))

    def test_seeded(self):
        for name, (height, width, stride) in NETWORKS.items():
            path, _ = write(name, name, height, width, stride)
            self.check(name, path, run_mseg(name, height, width, stride), (height, width))

    def test_half(self):
        """As ONNX Runtime runs the same rounded weights in float: NumPy does."""
        for name in ('caps', 'decoder', 'convdense'):
            height, width, stride = FORMS[name]
            path, _ = write(data(name + '.tflite'), name, height, width, stride, 'half')
            model, image = read(path), picture(height, width)
            want = model.run(enter(model, image))
            self.assertLess(abs(run_ort(path, model, image) - want).max(), 2e-5 * abs(want).max(), name)


if __name__ == '__main__':
    if not shutil.which('node') or not any(os.path.isdir(os.path.join(MODULES, 'onnxruntime-' + k)) for k in ('node', 'web')):
        print('SKIP: node, or onnxruntime-node in the folder $MSEG_NODE_MODULES, is not there: ONNX Runtime NOT tested', flush=True)
    else:
        unittest.main(argv=sys.argv[:1])
