"""ONNX files that mseg writes, for the tests that read them; and what they must mean. Programs: write_onnx.c and scores_of.c, the first two
arguments."""
import json
import os
import re
import subprocess
import sys
import tempfile

import numpy as np

from onnx_file import Model, resize

HERE = os.path.dirname(os.path.abspath(__file__))
DATA = os.path.join(HERE, '../weights/data')
WRITE_ONNX, SCORES_OF = sys.argv[1:3]
TEMPORARY = tempfile.TemporaryDirectory()

# What make_forms.py and make_metadata.py have written: height, width, output stride.
FORMS = {'toco': (33, 49, 16), 'caps': (33, 49, 16), 'stuffed': (33, 41, 8), 'inside': (33, 33, 32), 'turned': (33, 49, 32),
         'decoder': (64, 64, 16), 'convdense': (64, 64, 32), 'teachable': (66, 66, 32), 'mobilenet1': (64, 64, 32),
         'dynamic': (64, 64, 32)}
# Seeded ones: height, width, output stride. All kernels, strides, rates, padding and heads that mseg has, odd and even sizes.
NETWORKS = {'mnv2:0.35:aspp:classes=5': (49, 81, 16), 'mnv2:0.2:separable:classes=3': (65, 65, 8),
            'mnv2:0.35:decoder:classes=4': (65, 33, 16), 'mnv2:0.5:last:nopool': (33, 65, 32), 'mnv1:0.25:aspp': (65, 49, 16),
            'resnet14:0.25': (65, 97, 16), 'resnet14:0.25:beta:classes=2': (49, 33, 8)}


def write(model, name, height, width, stride, *how, status=0):
    """The file's path, and what went in: {name: array}."""
    path = os.path.join(TEMPORARY.name, re.sub('[^a-z0-9.]', '_', name + ''.join(how)) + '.onnx')
    done = subprocess.run([WRITE_ONNX, model, path, str(height), str(width), str(stride), *how], capture_output=True)
    assert done.returncode == status, (name, done.returncode, done.stderr)
    if status:
        return done.stderr.decode()
    tensors, at = {}, 0
    while at < len(done.stdout):
        end = done.stdout.index(b'\n', at)
        name, *shape = done.stdout[at:end].decode().split()
        shape = [int(n) for n in shape]
        count = int(np.prod(shape))
        tensors[name] = np.frombuffer(done.stdout, '<f4', count, end + 1).reshape(shape)
        at = end + 1 + 4 * count
    return path, tensors


def data(name):
    return os.path.join(DATA, name)


def contents(path):
    with open(path, 'rb') as file:
        return file.read()


def stored_values(name):
    """What make_forms.py put into the file: {name: array}."""
    raw, at, found = contents(data(name + '.values')), 0, {}
    while at < len(raw):
        rank, *shape = np.frombuffer(raw, '<i4', 5, at + 64)
        shape = [int(n) for n in shape[:rank]]
        count = int(np.prod(shape))
        found[raw[at:at + 64].rstrip(b'\0').decode()] = np.frombuffer(raw, '<f4', count, at + 84).reshape(shape)
        at += 84 + 4 * count
    return found


def scores_in(raw):
    """[height, width, classes]"""
    return np.frombuffer(raw, '<f4', -1, 12).reshape(np.frombuffer(raw, '<i4', 3))


def picture(height, width):
    """make_forms.py's: bytes of a linear congruential generator."""
    state, out = 1, np.zeros(height * width * 3, 'u1')
    for i in range(out.size):
        state = (state * 1664525 + 1013904223) & 0xffffffff
        out[i] = state >> 24
    return out.reshape(height, width, 3)


def enter(model, image):
    """The picture as the file's own description says that it enters."""
    rule = json.loads(model.properties['mseg'])['input']
    return (image * np.array(rule['scale']) + np.array(rule['offset'])).transpose(2, 0, 1)[None]


def read(path):
    return Model(contents(path))


def transposed(name, tensor):
    """[out, kh, kw, in] as [out, in, kh, kw]; depthwise [1, kh, kw, channels] as [channels, 1, kh, kw]."""
    if tensor.ndim < 4:
        return tensor
    return tensor.transpose((3, 0, 1, 2) if name.endswith('depthwise.weight') else (0, 3, 1, 2))


def upsample(model, scores):
    """Scores [height, width, classes] as the file's output."""
    if len(model.output_shape) == 2:
        return scores.reshape(1, -1)
    mode = {'align_corners': 'align_corners', 'half_pixel': 'half_pixel', 'legacy': 'asymmetric'}
    rule = {'mode': 'linear', 'coordinate_transformation_mode': mode[json.loads(model.properties['mseg'])['sampling']]}
    return resize(rule, scores.transpose(2, 0, 1)[None].astype('f8'), None, None, model.output_shape)


def run_mseg(model, height, width, stride):
    """mseg's own scores of picture(), [height, width, classes]."""
    return scores_in(subprocess.run([SCORES_OF, model, str(height), str(width), str(stride)], stdout=subprocess.PIPE, check=True).stdout)
