#!/usr/bin/python3
"""test_foreign_models.py MSEG: real files of other people that mseg does not read: what the one line says that they are."""
import os
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..'))
import shared

MSEG = os.path.abspath(sys.argv.pop(1))
GIVE = '; give a .tflite, .pb, .onnx or .safetensors file'
FILES = [  # file, how the line begins, how it ends
    ('deeplabv3_mnv2_dm05_pascal_quant_edgetpu.tflite',
     'compiled for the Edge TPU (edgetpu-custom-op at operator 0): ', '; give the file that it was compiled from'),
    ('mobile_object_localizer_v1_1_meta.tflite', 'a detector (TFLite_Detection_PostProcess at operator 114): ',
     '; mseg reads MobileNet and ResNet classifiers and DeepLabv3'),
    # A MobileNetV2 with DeepLab's head, so nothing else: only the reason.
    ('jeju_mobilenet_v2_deeplab_v3_256_myquant.tflite', 'backbone.block14.depthwise has stride 1 and rate 1; ',
     'output stride 16 has 1 and 2 there'),
    ('README.md', 'a text file, not a model', GIVE),
]


class Foreign(unittest.TestCase):
    def test_files(self):
        for name, begins, ends in FILES:
            path = shared.path('models-more', name)
            if shared.missing([path], 'what it is called is'):
                continue
            with self.subTest(name):
                done = subprocess.run([MSEG, 'info', path], capture_output=True, text=True, check=False)
                self.assertEqual((done.returncode, done.stdout), (2, ''))
                self.assertEqual(done.stderr.count('\n'), 1)
                line = done.stderr.rstrip('\n')
                self.assertTrue(line.startswith(f'mseg: {path}: {begins}'), line)
                self.assertTrue(line.endswith(ends), line)


if __name__ == '__main__':
    unittest.main()
