"""An ONNX file read without ONNX's own library, and what its graph means: a forward pass in NumPy. Numbers of fields: onnx/onnx.proto;
operators: onnx/docs/Operators.md, set 13."""
import struct

import numpy as np

FLOAT, INT64, FLOAT16 = 1, 7, 10
NUMPY = {FLOAT: '<f4', INT64: '<i8', FLOAT16: '<f2'}


def varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 0x7f) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value - (1 << 64) if value >> 63 else value, at


def fields(data):
    """[(number, value)] of a message of protocol buffers; messages, texts and packed lists are bytes."""
    at, found = 0, []
    while at < len(data):
        tag, at = varint(data, at)
        kind = tag & 7
        if kind == 0:
            value, at = varint(data, at)
        elif kind == 2:
            size, at = varint(data, at)
            assert at + size <= len(data), 'a field leads outside its message'
            value, at = data[at:at + size], at + size
        elif kind == 5:
            value, at = struct.unpack_from('<f', data, at)[0], at + 4
        else:
            raise ValueError('wire type %d' % kind)
        found.append((tag >> 3, value))
    return found


def many(message, number):
    return [value for n, value in message if n == number]


def one(message, number, default=None):
    values = many(message, number)
    assert len(values) <= 1, 'field %d is there %d times' % (number, len(values))
    return values[0] if values else default


def text(message, number):
    return one(message, number, b'').decode('utf-8')


class Node:
    def __init__(self, message):
        self.inputs = [name.decode() for name in many(message, 1)]
        self.output, = (name.decode() for name in many(message, 2))
        self.name, self.type, self.attributes = text(message, 3), text(message, 4), {}
        for a in map(fields, many(message, 5)):
            kind = one(a, 20)
            self.attributes[text(a, 1)] = {2: lambda: one(a, 3), 3: lambda: text(a, 4), 7: lambda: many(a, 8)}[kind]()


def outside(message):
    """Name and shape of the graph's input or output, which are of floats."""
    tensor = fields(one(fields(one(message, 2)), 1))
    assert one(tensor, 1) == FLOAT
    return text(message, 1), [one(fields(d), 1) for d in many(fields(one(tensor, 2)), 1)]


class Model:
    def __init__(self, data):
        model = fields(data)
        graph = fields(one(model, 7))
        self.ir_version, self.producer = one(model, 1), text(model, 2)
        self.operator_set, = (one(fields(o), 2) for o in many(model, 8))
        self.properties = {text(e, 1): text(e, 2) for e in map(fields, many(model, 14))}
        self.name = text(graph, 2)
        self.nodes = [Node(fields(n)) for n in many(graph, 1)]
        self.constants = {}
        for t in map(fields, many(graph, 5)):
            assert text(t, 8) not in self.constants
            self.constants[text(t, 8)] = np.frombuffer(one(t, 9), NUMPY[one(t, 2)]).reshape(many(t, 1))
        (self.input, self.input_shape), = map(outside, map(fields, many(graph, 11)))
        (self.output, self.output_shape), = map(outside, map(fields, many(graph, 12)))

    def run(self, picture, dtype='f8'):
        """The output for a picture [1, 3, height, width]; .sizes then has every map's shape."""
        values = {name: c.astype(dtype) if c.dtype.kind == 'f' else c for name, c in self.constants.items()}
        values[self.input] = picture.astype(dtype)
        for node in self.nodes:
            assert node.output not in values, node.output
            values[node.output] = OPERATORS[node.type](node.attributes, *(values[n] if n else None for n in node.inputs))
        self.sizes = {name: value.shape for name, value in values.items()}
        return values[self.output]


def windows(a, x, pad):
    """[(row, column, the inputs that meet that tap)]."""
    kernel, stride, rate, p = a['kernel_shape'], a['strides'], a.get('dilations', [1, 1]), a['pads']
    x = np.pad(x, [(0, 0), (0, 0), (p[0], p[2]), (p[1], p[3])], constant_values=pad)
    h, w = ((n - (k - 1) * r - 1) // s + 1 for n, k, r, s in zip(x.shape[2:], kernel, rate, stride))
    for i in range(kernel[0]):
        for j in range(kernel[1]):
            yield i, j, x[:, :, i * rate[0]:, j * rate[1]:][:, :, :(h - 1) * stride[0] + 1:stride[0], :(w - 1) * stride[1] + 1:stride[1]]


def conv(a, x, weight, bias=None):
    y, (out, each) = 0, weight.shape[:2]
    assert list(weight.shape[2:]) == a['kernel_shape'] and each * a['group'] == x.shape[1]
    assert a['group'] == 1 or (a['group'] == out and each == 1)
    for i, j, part in windows(a, x, 0):
        w = weight[:, :, i, j]
        y = y + (part * w.reshape(1, -1, 1, 1) if a['group'] > 1 else np.einsum('oc,nchw->nohw', w, part, optimize=True))
    return y if bias is None else y + bias.reshape(1, -1, 1, 1)


def max_pool(a, x):
    return np.max([part for _, _, part in windows(a, x, -np.inf)], 0)


def resize(a, x, region, scales, sizes):
    """Bilinear; where a position of the output lies is given by both sizes (Resize, coordinate_transformation_mode)."""
    assert a['mode'] == 'linear' and region is None and scales is None and tuple(sizes[:2]) == x.shape[:2]
    for axis, to in ((2, int(sizes[2])), (3, int(sizes[3]))):
        n, at = x.shape[axis], np.arange(to, dtype='f8')
        at = {'align_corners': at * (n - 1) / max(to - 1, 1), 'half_pixel': (at + 0.5) * n / to - 0.5,
              'asymmetric': at * n / to}[a['coordinate_transformation_mode']]
        at = np.clip(at, 0, n - 1)
        low = np.floor(at).astype(int)
        part = (at - low).reshape([-1 if k == axis else 1 for k in range(4)])
        x = x.take(low, axis) * (1 - part) + x.take(np.minimum(low + 1, n - 1), axis) * part
    return x


def cast(a, x):
    assert a['to'] == FLOAT
    return x


OPERATORS = {'Conv': conv, 'MaxPool': max_pool, 'Resize': resize, 'Cast': cast,
             'Relu': lambda a, x: np.maximum(x, 0), 'Clip': lambda a, x, least, most: np.clip(x, least, most),
             'Add': lambda a, x, y: x + y, 'Concat': lambda a, *x: np.concatenate(x, a['axis']),
             'GlobalAveragePool': lambda a, x: x.mean((2, 3), keepdims=True), 'Flatten': lambda a, x: x.reshape(x.shape[0], -1)}
