#!/usr/bin/python3
"""Writes data/real.txt: shapes and checksums of every weight of the models in $MSEG_SHARED/models, found by TensorFlow's names in
the files (mseg finds them by place). Per line: model, tensor, 4 dimensions (0 beyond the rank), sum of the values, sum of each
value times (index mod 31 - 15). Needs python3-numpy.
"""
import os
import re
import struct
import sys

import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..'))
import shared

HERE = os.path.dirname(os.path.abspath(__file__))
MODELS = ['deeplabv3_257_mv_gpu', 'deeplabv3_mnv2_dm05_pascal_quant', 'deeplabv3_mnv2_pascal_quant', 'mobilenet_v2_1.0_224_quant']
NUMPY = {0: '<f4', 2: '<i4', 3: 'u1'}
PLACES = [(r'MobilenetV2/Conv/', 'backbone.stem'), (r'MobilenetV2/Conv_1/', 'backbone.last'),
          (r'MobilenetV2/expanded_conv/(\w+)/', 'backbone.block0.%s'),
          (r'MobilenetV2/expanded_conv_(\d+)/(\w+)/', 'backbone.block%s.%s'),
          (r'image_pooling/', 'head.image_pooling'), (r'aspp0/', 'head.aspp0'), (r'concat_projection/', 'head.projection'),
          (r'logits/semantic/', 'head.classifier'), (r'MobilenetV2/Logits/Conv2d_1c_1x1/', 'head.classifier')]


class Reader:
    def __init__(self, data):
        self.d = data

    def number(self, fmt, at):
        return struct.unpack_from('<' + fmt, self.d, at)[0]

    def field(self, table, n):
        vtable = table - self.number('i', table)
        offset = self.number('H', vtable + 4 + 2 * n) if 4 + 2 * n < self.number('H', vtable) else 0
        return table + offset if offset else 0

    def child(self, table, n):
        at = self.field(table, n)
        return at + self.number('I', at) if at else 0

    def scalar(self, table, n, fmt):
        at = self.field(table, n)
        return self.number(fmt, at) if at else 0

    def array(self, table, n, dtype):
        at = self.child(table, n) if table else 0
        return np.frombuffer(self.d, dtype, self.number('I', at), at + 4) if at else np.zeros(0, dtype)

    def tables(self, table, n):
        at = self.child(table, n) + 4
        return [at + 4 * i + self.number('I', at + 4 * i) for i in range(self.number('I', at - 4))]


def canonical(name):
    for pattern, place in PLACES:
        found = re.match(pattern, name)
        if found:
            return place % found.groups() if found.groups() else place
    return None


def weights(path):
    r = Reader(open(path, 'rb').read())
    root = r.number('I', 0)
    buffers = r.tables(root, 4)
    for t in r.tables(r.tables(root, 2)[0], 0):
        shape = r.array(t, 0, '<i4')
        raw = r.array(buffers[r.scalar(t, 2, 'I')], 0, 'u1')
        place = canonical(r.array(t, 3, 'u1').tobytes().decode())
        if len(raw) == 0 or place is None or len(shape) not in (1, 4):
            continue
        values = raw.view(NUMPY[r.scalar(t, 1, 'b')]).astype('f8')
        scale, zero = r.array(r.child(t, 4), 2, '<f4'), r.array(r.child(t, 4), 3, '<i8')
        if len(scale):
            values = (values - zero[0]) * np.float64(scale[0])
        yield place + ('.bias' if len(shape) == 1 else '.weight'), shape, values.astype('f4').astype('f8')


def main():
    with open(os.path.join(HERE, 'data/real.txt'), 'w') as out:
        for model in MODELS:
            for name, shape, values in sorted(weights(shared.path('models', model + '.tflite')), key=lambda w: w[0]):
                dims = ' '.join(str(d) for d in list(shape) + [0] * (4 - len(shape)))
                dot = float(np.dot(values, np.arange(values.size) % 31 - 15))
                out.write('%s %s %s %.17g %.17g\n' % (model, name, dims, values.sum(), dot))


if __name__ == '__main__':
    main()
