#!/usr/bin/python3
"""test_real_onnx.py MSEG: one network of other people as ONNX (tf2onnx, operator set 8), GraphDef and TensorFlow Lite: its logits are those of
ONNX Runtime and of one another."""
import os
import subprocess
import sys
import tempfile
import unittest

import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..'))
import shared

MSEG = os.path.abspath(sys.argv.pop(1))
NAMES = {'onnx': 'aiseg_deeplab_nchw.onnx', 'pb': 'aiseg_frozen_inference_graph.pb',
         'tflite': 'aiseg_deeplab_aiseg513_dm05_float.tflite'}
PHOTO, LOGITS = 'reference/humans_0_513.png', 'reference/aiseg_onnx_logits65x65x2.f32'


class Same(unittest.TestCase):
    def test_logits(self):
        files = {kind: shared.path('models-more', name) for kind, name in NAMES.items()}
        photo, reference = shared.path('models-more', PHOTO), shared.path('models-more', LOGITS)
        if shared.missing([*files.values(), photo, reference], "one network in three formats, and ONNX Runtime's logits, are"):
            return
        logits = {}
        with tempfile.TemporaryDirectory() as folder:
            for kind, path in files.items():
                out = os.path.join(folder, kind)
                done = subprocess.run([MSEG, 'run', '-q', '--size', '513', '--os', '8', '-m', path, '--scores', out, '-o', out + '.masks',
                                       photo], capture_output=True, text=True, check=False)
                self.assertEqual(done.returncode, 0, done.stderr)
                logits[kind] = np.load(os.path.join(out, 'humans_0_513.npy'))
        wanted = np.fromfile(reference, '<f4').reshape(2, 65, 65).transpose(1, 2, 0)
        self.assertEqual(logits['onnx'].shape, wanted.shape)
        self.assertLess(np.abs(logits['onnx'] - wanted).max(), 1e-3)
        for a in NAMES:
            for b in NAMES:
                self.assertLess(np.abs(logits[a] - logits[b]).max(), 2e-4, (a, b))


if __name__ == '__main__':
    unittest.main()
