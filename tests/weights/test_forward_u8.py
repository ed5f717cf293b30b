#!/usr/bin/python3
"""forward_u8.py, by which tests of the engine in 8 bits judge, against what Google's runtime (XNNPACK) makes of the same file: every
element of the first sum, the features and the scores. Needs models and golden/tflite of $MSEG_SHARED."""
import os
import sys

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, '..')]
import shared
from forward_u8 import Forward8
from PIL import Image

MODEL, PHOTO = 'deeplabv3_mnv2_dm05_pascal_quant.tflite', '2011_000003'


def golden(part):
    return shared.path('golden/tflite', 'q050_%s_%s_xnn.npy' % (PHOTO, part))


def main():
    model, picture = shared.path('models', MODEL), shared.path('golden/tflite', 'input_u8_513_%s.png' % PHOTO)
    parts = ('firstadd', 'backbone', 'logits33')
    if shared.missing([model, picture] + [golden(part) for part in parts], 'the integer forward pass'):
        return 0
    f = Forward8(open(model, 'rb').read())
    f.run(np.array(Image.open(picture))[None], f.scores)
    first = [op.outputs[0] for op in f.ops if op.name == 'add'][0]
    features = [op.inputs[0] for op in f.ops if op.name == 'average_pool'][0]
    wrong = 0
    for part, tensor in zip(parts, (first, features, f.scores)):
        want, got = np.load(golden(part)), f.values[tensor]
        differ = int((want.reshape(got.shape) != got).sum())
        print('%s: %d of %d elements differ' % (part, differ, got.size))
        wrong += differ
    return wrong != 0


sys.exit(main())
