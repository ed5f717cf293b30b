#!/usr/bin/python3
"""test_graphdef_real.py MSEG: a network as a frozen TensorFlow graph against the same one as .tflite, both other people's: scores of the
same photos, also of ones that do not fill the canvas, are within 2e-4. Needs models-more and images of $MSEG_SHARED."""
import os
import subprocess
import sys
import tempfile

import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..'))
import shared

MODELS = ['aiseg_frozen_inference_graph.pb', 'aiseg_deeplab_aiseg513_dm05_float.tflite']
PHOTOS = ['airplane_0', 'bird_0', 'bird_1', 'cat_0']
MOST = 2e-4


def scores(mseg, model, folder):
    photos = [shared.path('images', name + '.jpg') for name in PHOTOS]
    subprocess.run([mseg, 'run', '-m', model, '--scores', folder, '-o', folder + '-masks'] + photos, check=True, capture_output=True)
    return [np.load(os.path.join(folder, name + '.npy')) for name in PHOTOS]


def main():
    models = [shared.path('models-more', name) for name in MODELS]
    if shared.missing(models + [shared.path('images', name + '.jpg') for name in PHOTOS], 'a real frozen graph'):
        return 0
    worst = 0
    with tempfile.TemporaryDirectory() as folder:
        graph, tflite = (scores(os.path.abspath(sys.argv[1]), model, os.path.join(folder, str(i))) for i, model in enumerate(models))
        for name, a, b in zip(PHOTOS, graph, tflite):
            difference = float(np.abs(a - b).max())
            print('%s: %s scores differ by %.2g of %.2g' % (name, a.shape, difference, float(np.abs(b).max())))
            worst = max(worst, difference)
    return not worst <= MOST


sys.exit(main())
