#!/usr/bin/python3
"""forward_u8.py MODEL INPUT OUT [TENSOR ...]: a quantised .tflite run in integers in NumPy, by the rules of docs/numerics.md ("8
bits"), which are those of Google's runtime with XNNPACK in every element. INPUT: the raw bytes of the input tensor. Writes OUT.N.bin
for each tensor asked for (by default what the last convolution or dense layer makes) as the file stores it, and prints its number,
shape, scale and zero point. As a module: Forward8(bytes of the file).run(array).values[tensor]. Needs python3-numpy."""
import sys

import numpy as np

from real_models import Reader

TYPES = {0: '<f4', 1: '<f2', 2: '<i4', 3: 'u1', 4: '<i8', 9: 'i1'}
RANGE = {'u1': (0, 255), 'i1': (-128, 127)}
NAMES = {0: 'add', 1: 'average_pool', 2: 'concatenation', 3: 'conv', 4: 'depthwise', 6: 'dequantize', 9: 'dense', 19: 'relu',
         21: 'relu', 22: 'reshape', 23: 'resize', 25: 'softmax', 34: 'pad', 37: 'batch_to_space', 38: 'space_to_batch',
         39: 'transpose', 40: 'mean', 43: 'reshape', 45: 'sizes', 55: 'maximum', 56: 'arg_max', 57: 'minimum', 60: 'pad',
         70: 'reshape', 77: 'sizes', 83: 'sizes', 114: 'quantize'}
WEIGHTED = ('conv', 'depthwise', 'dense')
f32 = np.float32


class Tensor:
    def __init__(self, r, at, buffers):
        self.shape = [int(n) for n in r.array(at, 0, '<i4')]
        self.type = TYPES.get(r.scalar(at, 1, 'b'))
        quant = r.child(at, 4)
        self.scales, zeros = r.array(quant, 2, '<f4'), r.array(quant, 3, '<i8')
        self.zero = int(zeros[0]) if len(zeros) else 0
        self.scale = self.scales[0] if len(self.scales) else f32(0)
        raw = r.array(buffers[r.scalar(at, 2, 'I')], 0, 'u1')
        self.data = raw.view(self.type).reshape(self.shape) if len(raw) and self.type else None

    def is_bytes(self):
        return self.type in RANGE and len(self.scales) > 0

    def same(self, other):
        return self.type == other.type and self.scale == other.scale and self.zero == other.zero


class Op:
    def __init__(self, r, at, codes):
        self.code = codes[r.scalar(at, 0, 'I')]
        self.name = NAMES.get(self.code, 'code %d' % self.code)
        self.inputs, self.outputs = ([int(n) for n in r.array(at, n, '<i4')] for n in (1, 2))
        self.r, self.options = r, r.child(at, 4)

    def option(self, number, kind='i', default=0):
        at = self.r.field(self.options, number) if self.options else 0
        return self.r.number(kind, at) if at else default


class Forward8:
    def __init__(self, data):
        r = Reader(data)
        root = r.number('I', 0)
        graph = r.tables(root, 2)[0]
        codes = [max(r.scalar(c, 0, 'b'), r.scalar(c, 3, 'i')) for c in r.tables(root, 1)]
        buffers = r.tables(root, 4)
        self.tensors = [Tensor(r, t, buffers) for t in r.tables(graph, 0)]
        self.ops = [Op(r, o, codes) for o in r.tables(graph, 3)]
        self.input = int(r.array(graph, 1, '<i4')[0])
        self.outputs = [int(n) for n in r.array(graph, 2, '<i4')]
        self.scores = ([o.outputs[0] for o in self.ops if o.name in WEIGHTED] or self.outputs)[-1]

    def run(self, x, last=None):
        """Up to the operator that makes tensor last (None: all)."""
        t = self.tensors[self.input]
        self.values = {self.input: np.frombuffer(x, t.type).reshape(t.shape) if isinstance(x, bytes) else x}
        for op in self.ops:
            out = self.tensors[op.outputs[0]]
            x = [self.get(i) for i in op.inputs]
            made = None if x[0] is None or op.name == 'softmax' else getattr(self, op.name)(op, x, out)  # not what follows that
            self.values[op.outputs[0]] = None if made is None else made.reshape(out.shape)
            if op.outputs[0] == last:
                break
        return self

    def get(self, index):
        return None if index < 0 else self.values[index] if index in self.values else self.tensors[index].data

    def of(self, op, input):
        return self.tensors[op.inputs[input]]

    @staticmethod
    def store(y, t, activation=0):
        """y, integers that the zero point has been added to, between the type's and the activation's bounds."""
        low, high = RANGE[t.type]
        if activation:
            low = max(low, t.zero)
        if activation == 3:
            high = min(high, int(np.rint(f32(6) / t.scale + f32(t.zero))))
        return np.clip(y, low, high).astype(t.type)

    # ---- convolutions ----

    @staticmethod
    def window(x, kernel, stride, rate, same, fill):
        """Yields kernel row, kernel column and what of x meets it."""
        ends, pads = [], [(0, 0)]
        for n, k, s, d in zip(x.shape[1:3], kernel, stride, rate):
            reach = (k - 1) * d + 1
            out = -(-n // s) if same else (n - reach) // s + 1
            zeros = max((out - 1) * s + reach - n, 0)
            pads.append((zeros // 2, zeros - zeros // 2))
            ends.append((out - 1) * s + 1)
        x = np.pad(x, pads + [(0, 0)], constant_values=fill)
        for i in range(kernel[0]):
            for j in range(kernel[1]):
                top, left = i * rate[0], j * rate[1]
                yield i, j, x[:, top:top + ends[0]:stride[0], left:left + ends[1]:stride[1]]

    def requantize(self, op, acc, out, activation):
        """Sums of products and bias as bytes: one product in floats of 32 bits, rounded to even."""
        factor = self.of(op, 0).scale * self.of(op, 1).scales / out.scale
        assert acc.min() >= -2**31 and acc.max() < 2**31
        return self.store(np.rint(acc.astype('f4') * factor.astype('f4')).astype('i8') + out.zero, out, activation)

    def conv(self, op, x, out):
        depthwise = op.name == 'depthwise'
        zero = self.of(op, 0).zero
        w = x[1].astype('f8') - self.of(op, 1).zero
        rate = [op.option(n, 'i', 1) for n in ((6, 5) if depthwise else (5, 4))]
        acc = 0
        for i, j, part in self.window(x[0].astype('f8') - zero, w.shape[1:3], [op.option(2), op.option(1)], rate,
                                      op.option(0, 'b') == 0, 0):
            acc = acc + (part * w[0, i, j] if depthwise else part @ w[:, i, j].T)
        if len(x) > 2 and x[2] is not None:
            acc = acc + x[2]
        return self.requantize(op, acc, out, op.option(4 if depthwise else 3, 'b'))

    depthwise = conv

    def dense(self, op, x, out):
        w = x[1].astype('f8') - self.of(op, 1).zero
        acc = (x[0].reshape(-1, w.shape[1]).astype('f8') - self.of(op, 0).zero) @ w.T
        if len(x) > 2 and x[2] is not None:
            acc = acc + x[2]
        return self.requantize(op, acc, out, op.option(0, 'b'))

    # ---- other arithmetic ----

    def add(self, op, x, out):
        a, b = self.of(op, 0), self.of(op, 1)
        ratios = [a.scale / out.scale, b.scale / out.scale]
        shift = 20 - int(np.floor(np.log2(max(ratios))))
        ma, mb = (int(np.rint(np.float64(ratio) * 2.0 ** shift)) for ratio in ratios)
        acc = (x[0].astype('i8') - a.zero) * ma + (x[1].astype('i8') - b.zero) * mb + (1 << (shift - 1))
        return self.store((acc >> shift) + out.zero, out, op.option(0, 'b'))

    def average_pool(self, op, x, out):
        kernel, stride, same = (op.option(4), op.option(3)), (op.option(2), op.option(1)), op.option(0, 'b') == 0
        assert not same and self.of(op, 0).same(out)
        acc = sum(part.astype('i8') for _, _, part in self.window(x[0], kernel, stride, (1, 1), False, 0))
        n = kernel[0] * kernel[1]
        y = np.where(acc > 0, (acc + n // 2) // n, -((-acc + n // 2) // n))
        return self.store(y, out, op.option(5, 'b'))

    def mean(self, op, x, out):
        a = self.of(op, 0)
        n = x[0].shape[1] * x[0].shape[2]
        acc = x[0].astype('i8').sum((1, 2)) - n * a.zero
        factor = a.scale / (f32(n) * out.scale)
        return self.store(np.rint(acc.astype('f4') * f32(factor)).astype('i8') + out.zero, out)

    def resize(self, op, x, out):
        align, half = op.option(2, 'b'), op.option(3, 'b')

        def axis(n, to):
            at = np.arange(to, dtype='f4')
            if align and to > 1:
                u = at * (f32(n - 1) / f32(to - 1))
            elif half:
                u = (at + f32(0.5)) * (f32(n) / f32(to)) - f32(0.5)
            else:
                u = at * (f32(n) / f32(to))
            u = np.clip(u, 0, n - 1)
            low = np.floor(u)
            weight = np.rint((u - low) * f32(2048)).astype('i8')
            return low.astype('i8'), np.minimum(low.astype('i8') + 1, n - 1), weight
        (top, bottom, v), (left, right, h) = axis(x[0].shape[1], out.shape[1]), axis(x[0].shape[2], out.shape[2])
        y = x[0].astype('i8')
        y = y[:, :, left] * 2048 + (y[:, :, right] - y[:, :, left]) * h[:, None]
        y = y[:, top] * 2048 + (y[:, bottom] - y[:, top]) * v[:, None, None]
        return self.store((y + (1 << 21)) >> 22, out)

    # ---- bytes as others ----

    def rescale(self, x, a, out):
        if a.scale == out.scale and a.type != out.type and a.zero - RANGE[a.type][0] == out.zero - RANGE[out.type][0]:
            return (x.astype('i8') - RANGE[a.type][0] + RANGE[out.type][0]).astype(out.type)
        assert a.type == out.type
        m = int(np.rint(f32(256) * (a.scale / out.scale)))
        return self.store((((x.astype('i8') - a.zero) * m + 128) >> 8) + out.zero, out)

    def quantize(self, op, x, out):
        a = self.of(op, 0)
        if a.is_bytes():
            return self.rescale(x[0], a, out)
        low, high = RANGE[out.type]
        y = np.rint(np.clip(x[0] * (f32(1) / out.scale), low - out.zero, high - out.zero))
        return self.store(y.astype('i8') + out.zero, out)

    def concatenation(self, op, x, out):
        assert all(self.of(op, i).same(out) for i in range(len(x)))
        return np.concatenate(x, op.option(0) % len(out.shape))

    def dequantize(self, op, x, out):
        a = self.of(op, 0)
        return (x[0].astype('f4') - f32(a.zero)) * a.scale if a.is_bytes() else x[0].astype('f4')

    # ---- no arithmetic ----

    def relu(self, op, x, out):
        assert self.of(op, 0).same(out)
        y = self.store(x[0].astype('i8'), out, 1)
        return np.minimum(y, int(np.floor(f32(6) / out.scale + f32(0.5))) + out.zero).astype(out.type) if op.code == 21 else y

    def minimum(self, op, x, out):
        assert self.of(op, 0).same(out) and self.of(op, 1).same(out)
        return np.minimum(x[0], x[1])

    def maximum(self, op, x, out):
        assert self.of(op, 0).same(out) and self.of(op, 1).same(out)
        return np.maximum(x[0], x[1])

    def pad(self, op, x, out):
        return np.pad(x[0], x[1], constant_values=x[2].item() if len(x) > 2 else out.zero)

    def space_to_batch(self, op, x, out):
        (p, q), zero = x[1], self.of(op, 0).zero
        y = np.pad(x[0], [(0, 0)] + [tuple(n) for n in x[2]] + [(0, 0)], constant_values=zero)
        n, h, w, c = y.shape
        return y.reshape(n, h // p, p, w // q, q, c).transpose(2, 4, 0, 1, 3, 5)

    def batch_to_space(self, op, x, out):
        (p, q), ((top, bottom), (left, right)) = x[1], x[2]
        n, h, w, c = x[0].shape
        y = x[0].reshape(p, q, n // (p * q), h, w, c).transpose(2, 3, 0, 4, 1, 5).reshape(n // (p * q), h * p, w * q, c)
        return y[:, top:h * p - bottom, left:w * q - right]

    def reshape(self, op, x, out):
        return x[0]

    def sizes(self, op, x, out):
        return None  # each tensor has its own

    def transpose(self, op, x, out):
        return x[0].transpose(x[1])

    def arg_max(self, op, x, out):
        return x[0].argmax(int(x[1].reshape(-1)[0])).astype(out.type)


def main():
    model, picture, prefix = sys.argv[1:4]
    f = Forward8(open(model, 'rb').read())
    wanted = [int(n) for n in sys.argv[4:]] or [f.scores]
    f.run(open(picture, 'rb').read(), None if len(wanted) > 1 else wanted[0])
    for k, index in enumerate(wanted):
        t = f.tensors[index]
        f.values[index].tofile('%s.%d.bin' % (prefix, k))
        print(index, t.shape, t.type, '%.9g' % t.scale, t.zero)


if __name__ == '__main__':
    main()
