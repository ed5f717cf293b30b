"""What a network of make_tflite.File means: a forward pass in NumPy, in double precision. Integers are scale * (stored - zero
point), nothing is rounded to a map's scale. What a convolution or dense layer gives in integers whose zero point is their least
value is a ReLU's, and a ReLU6's when it cannot be above 6."""
import numpy as np

from make_tflite import (ADD, ARG_MAX, AVERAGE_POOL_2D, CAST, CONCATENATION, CONV_2D, DEPTHWISE_CONV_2D, DEQUANTIZE, DIV,
                         EXPAND_DIMS, FLOAT16, FLOAT32, FULLY_CONNECTED, INT8, MAXIMUM, MEAN, MINIMUM, MUL, NUMPY, PACK, PAD, PADV2,
                         QUANTIZE, RELU, RELU6, RESHAPE, RESIZE_BILINEAR, RESIZE_NEAREST_NEIGHBOR, SHAPE, SOFTMAX, SQUEEZE,
                         STRIDED_SLICE, SUB, TILE, TRANSPOSE, UINT8)

FLOATS = (FLOAT32, FLOAT16)
LEAST = {UINT8: 0, INT8: -128}


def clamp(x, activation):
    return {0: lambda: x, 1: lambda: np.maximum(x, 0), 3: lambda: np.clip(x, 0, 6)}[activation]()


def real(t, stored):
    """The numbers that stored values of tensor t are."""
    if t['kind'] in FLOATS or not t['scales']:
        return stored.astype('f8') if t['kind'] in FLOATS else stored
    along = [1] * max(stored.ndim, 1)
    if len(t['scales']) > 1:
        along[t['axis']] = -1
    scales = np.array(t['scales'], 'f4').astype('f8').reshape(along)
    return ((stored.astype('f8') - t['zeros'][0]) * scales).reshape(stored.shape)


class Forward:
    def __init__(self, f, stored_input):
        """f: a File; stored_input: what its input tensor holds."""
        t = f.tensors[f.inputs[0]]
        self.f, self.values = f, {f.inputs[0]: real(t, stored_input.reshape(t['shape']))}
        for op in f.ops:
            code = f.codes[op['code']]
            run = {CONV_2D: self.conv, DEPTHWISE_CONV_2D: self.conv, FULLY_CONNECTED: self.dense}.get(code, self.plain)
            self.values[op['outputs'][0]] = run(code, op)

    def get(self, index):
        if index not in self.values:
            t = self.f.tensors[index]
            self.values[index] = real(t, np.frombuffer(self.f.buffers[t['buffer']], NUMPY[t['kind']]).reshape(t['shape']))
        return self.values[index]

    def finish(self, x, op, activation):
        """The activation, also one that only the range of the output tells."""
        t = self.f.tensors[op['outputs'][0]]
        if activation < 3 and t['kind'] in LEAST and t['zeros'][0] == LEAST[t['kind']]:
            activation = 3 if np.float32(t['scales'][0]) * np.float32(255) <= 6 else 1
        return clamp(x, activation).reshape(t['shape'])

    def bias(self, op):
        return self.get(op['inputs'][2]) if len(op['inputs']) > 2 and op['inputs'][2] >= 0 else 0

    def conv(self, code, op):
        x, w = self.get(op['inputs'][0]), self.get(op['inputs'][1])
        o = {number: value for number, (_, value) in op['options'].items()}
        depthwise = code == DEPTHWISE_CONV_2D
        rate, stride, pads = o[6] if depthwise else o[5], o[1], [(0, 0)]
        for n, kernel in zip(x.shape[1:3], w.shape[1:3]):
            reach = (kernel - 1) * rate + 1
            zeros = max((-(-n // stride) - 1) * stride + reach - n, 0) if o[0] == 0 else 0
            pads.append((zeros // 2, zeros - zeros // 2))
        x = np.pad(x, pads + [(0, 0)])
        oh, ow = (((n - (kernel - 1) * rate - 1) // stride) + 1 for n, kernel in zip(x.shape[1:3], w.shape[1:3]))
        y = 0
        for i in range(w.shape[1]):
            for j in range(w.shape[2]):
                part = x[:, i * rate:i * rate + (oh - 1) * stride + 1:stride, j * rate:j * rate + (ow - 1) * stride + 1:stride]
                y = y + (part * w[0, i, j] if depthwise else part @ w[:, i, j].T)
        return self.finish(y + self.bias(op), op, o[4] if depthwise else o[3])

    def dense(self, code, op):
        w = self.get(op['inputs'][1])
        return self.finish(self.get(op['inputs'][0]).reshape(-1, w.shape[1]) @ w.T + self.bias(op), op, op['options'][0][1])

    def resize(self, x, op):
        o = {number: value for number, (_, value) in op['options'].items()}
        for axis, to in zip((1, 2), self.get(op['inputs'][1])):
            n, at = x.shape[axis], np.arange(to, dtype='f8')
            half = np.maximum((at + 0.5) * n / to - 0.5, 0)
            at = at * (n - 1) / max(to - 1, 1) if o.get(2) else half if o.get(3) else at * n / to
            low = np.minimum(at.astype(int), n - 1)
            part = (at - low).reshape([-1 if k == axis else 1 for k in range(4)])
            x = x.take(low, axis) * (1 - part) + x.take(np.minimum(low + 1, n - 1), axis) * part
        return x

    def nearest(self, x, size):
        for axis, to in zip((1, 2), size):
            x = x.take(np.arange(to) * x.shape[axis] // to, axis)
        return x

    def plain(self, code, op):
        x = [self.get(i) for i in op['inputs']]
        shape = self.f.tensors[op['outputs'][0]]['shape']
        if code == SOFTMAX:
            e = np.exp(x[0] - x[0].max(-1, keepdims=True))
            return e / e.sum(-1, keepdims=True)
        return {ADD: lambda: x[0] + x[1], MUL: lambda: x[0] * x[1], SUB: lambda: x[0] - x[1], DIV: lambda: x[0] / x[1],
                MINIMUM: lambda: np.minimum(x[0], x[1]), MAXIMUM: lambda: np.maximum(x[0], x[1]),
                RELU: lambda: clamp(x[0], 1), RELU6: lambda: clamp(x[0], 3),
                PAD: lambda: np.pad(x[0], x[1]), PADV2: lambda: np.pad(x[0], x[1], constant_values=x[2].item()),
                SHAPE: lambda: np.array(x[0].shape), PACK: lambda: np.array(x), TILE: lambda: np.tile(x[0], x[1]),
                STRIDED_SLICE: lambda: x[0][x[1][0]:x[2][0]:x[3][0]].reshape(shape),
                EXPAND_DIMS: lambda: np.expand_dims(x[0], x[1].item()),
                RESIZE_NEAREST_NEIGHBOR: lambda: self.nearest(x[0], x[1]),
                CAST: lambda: x[0], QUANTIZE: lambda: x[0], DEQUANTIZE: lambda: x[0],
                RESHAPE: lambda: x[0].reshape(x[1]), SQUEEZE: lambda: x[0].reshape(shape),
                TRANSPOSE: lambda: x[0].transpose(x[1]), CONCATENATION: lambda: np.concatenate(x, 3),
                AVERAGE_POOL_2D: lambda: x[0].mean((1, 2), keepdims=True), MEAN: lambda: x[0].mean((1, 2)).reshape(shape),
                RESIZE_BILINEAR: lambda: self.resize(x[0], op), ARG_MAX: lambda: x[0].argmax(3)}[code]()
