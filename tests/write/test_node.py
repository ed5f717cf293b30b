#!/usr/bin/python3
"""test_node.py CONVERT RUN [MODEL...]: .tflite files as mseg writes them, run by Google's TensorFlow Lite under Node, give mseg's
logits: those of seeded networks and of model files that are named, in float, with weights in half precision, and in 8 bits.
CONVERT, RUN: convert_file, run_file. Needs node and, in the folder $MSEG_NODE_MODULES, the package @tensorflow/tfjs-tflite; without
them nothing is tested, which a line with SKIP says."""
import os
import shutil
import subprocess
import sys
import tempfile

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
MODULES = os.environ.get('MSEG_NODE_MODULES', '')
PACKAGE = os.path.join(MODULES, '@tensorflow/tfjs-tflite')
# Sums in other orders and products that are not rounded: float's 6e-8 of numbers that add up to more than the largest logit.
NEAR = 1e-4
NETWORKS = [  # description, size, output stride, rules
    ('mnv2:0.35', 65, 16, []), ('mnv2:0.35', 64, 32, ['half_pixel']), ('mnv2:0.35', 72, 8, ['legacy', 'symmetric']),
    ('mnv2:0.35:aspp', 65, 8, []), ('mnv2:0.35:separable', 50, 8, ['half_pixel', 'symmetric']),
    ('mnv2:0.35:decoder', 65, 16, []), ('mnv2:0.35:decoder', 80, 16, ['half_pixel']), ('mnv2:0.35:decoder:aspp', 64, 16, ['legacy']),
    ('mnv2:0.35:nopool', 65, 16, ['symmetric']), ('mnv2:0.35:imagenet', 64, 32, []), ('mnv1:0.25', 65, 16, ['unbiased']),
    ('mnv1:0.25:imagenet', 64, 32, ['symmetric']), ('resnet14:0.25', 65, 16, ['symmetric']), ('resnet14:0.25:beta', 64, 8, ['half_pixel'])]
SAMPLINGS = ['align_corners', 'half_pixel', 'legacy']


def run(*command):
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 0, (command, result.stdout, result.stderr)
    return result.stdout


def node(model, values, folder):
    """The output of the model for these, and what it is: name, shape, type."""
    given, out = os.path.join(folder, 'in.bin'), os.path.join(folder, 'out.bin')
    values.tofile(given)
    name, shape, kind = run('node', os.path.join(HERE, 'run_tflite.js'), MODULES, model, given, out).split()
    return name, np.fromfile(out, {'float32': 'f4', 'int8': 'i1'}[kind]).reshape([int(n) for n in shape.split(',')])


def enlarge(logits, size, sampling):
    """Bilinearly, in double."""
    logits = logits.astype('f8')
    for axis in (0, 1):
        n, at = logits.shape[axis], np.arange(size, dtype='f8')
        at = {'align_corners': at * (n - 1) / max(size - 1, 1), 'legacy': at * n / size,
              'half_pixel': np.clip((at + 0.5) * n / size - 0.5, 0, n - 1)}[sampling]
        low = np.minimum(at.astype(int), n - 1)
        part = (at - low).reshape([-1 if k == axis else 1 for k in range(3)])
        logits = logits.take(low, axis) * (1 - part) + logits.take(np.minimum(low + 1, n - 1), axis) * part
    return logits


class Mseg:
    """What mseg makes of a picture."""

    def __init__(self, program, model, size, pixels, folder):
        picture, out = os.path.join(folder, 'picture.rgb'), os.path.join(folder, 'result.bin')
        pixels.tofile(picture)
        words = run(program, model, str(size), picture, out).split()
        rule = np.array(words[:6], 'f4').reshape(3, 2)
        self.scale, self.offset, self.form = rule[:, 0], rule[:, 1], words[9]
        self.quant, self.zero, self.sampling = np.float32(words[6]), int(words[7]), SAMPLINGS[int(words[8])]
        with open(out, 'rb') as result:
            shape = np.fromfile(result, '<i4', 3)
            self.logits = np.fromfile(result, '<f4', int(np.prod(shape))).reshape(shape)
            self.labels = np.fromfile(result, 'u1')


def check(name, size, model, program, folder, form):
    pixels = np.random.default_rng(size).integers(0, 256, (size, size, 3)).astype('u1')
    ours = Mseg(program, model, size, pixels, folder)
    given = pixels * ours.scale + ours.offset
    if form == 'int8':
        given = np.clip(np.rint(given * (1 / ours.quant)) + ours.zero, -128, 127).astype('i1')
    what, theirs = node(model, given.astype('f4') if form != 'int8' else given, folder)
    assert what == 'logits', what
    assert (ours.form == 'int8') == (form == 'int8'), (name, ours.form)
    if form == 'int8' and len(ours.labels):
        other = int((theirs[0].argmax(-1).ravel() != ours.labels).sum())
        assert other == 0, (name, f'{other} of {ours.labels.size} labels differ')
        print(f'{name} at {size}, {form}: all {ours.labels.size} labels of {len(set(ours.labels))} classes are equal')
        return
    wanted = enlarge(ours.logits, size, ours.sampling) if len(ours.labels) else ours.logits[0, 0]
    theirs = theirs[0].astype('f8')
    assert theirs.shape == wanted.shape, (name, theirs.shape, wanted.shape)
    if form == 'int8':
        assert theirs.argmax() == wanted.argmax() and theirs.max() > theirs.min(), name
        print(f'{name} at {size}, {form}: class {theirs.argmax()}')
        return
    error, largest = np.abs(theirs - wanted).max(), np.abs(wanted).max()
    assert largest > 0 and error <= NEAR * largest, (name, form, error, largest)
    print(f'{name} at {size}, {form}: off by {error:.1e} of {largest:.2f}')


def main():
    convert, program, models = sys.argv[1], sys.argv[2], sys.argv[3:]
    if not shutil.which('node') or not os.path.isdir(PACKAGE):
        print('SKIP: no node, or no @tensorflow/tfjs-tflite in $MSEG_NODE_MODULES: written .tflite files in Google\'s runtime NOT tested')
        return
    with tempfile.TemporaryDirectory() as folder:
        model = os.path.join(folder, 'model.tflite')
        for name, size, stride, rules in NETWORKS if not models else [(path, 0, 0, []) for path in models]:
            for form in ('float', 'half', 'int8'):
                if form == 'int8' and (models or name.startswith('resnet')):
                    continue
                side = int(run(convert, name, model, str(size), str(stride), form, *rules).split()[0])
                check(' '.join([os.path.basename(name), *rules]), side, model, program, folder, form)


if __name__ == '__main__':
    main()
