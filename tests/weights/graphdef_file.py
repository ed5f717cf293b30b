"""GraphDefs by hand, a node at a time. Numbers of fields: tensorflow/core/framework/{graph,node_def,attr_value,tensor,tensor_shape}.proto;
of types: types.proto."""
import struct

import numpy as np

FLOAT, DOUBLE, INT32, UINT8, STRING, INT64, BOOL, HALF = 1, 2, 3, 4, 7, 9, 10, 19
TYPES = {'f4': FLOAT, 'f8': DOUBLE, 'i4': INT32, 'i8': INT64, 'f2': HALF}


def varint(value):
    value &= (1 << 64) - 1
    out = b''
    while value > 127:
        out += bytes([value & 127 | 128])
        value >>= 7
    return out + bytes([value])


def number(field, value):
    return varint(field << 3) + varint(value)


def message(field, content):
    return varint(field << 3 | 2) + varint(len(content)) + content


def real(field, value):
    return varint(field << 3 | 5) + struct.pack('<f', value)


def shape_of(dims):
    return b''.join(message(2, number(1, int(d))) for d in dims)


def tensor(array, how='content'):
    """how: content, listed (float_val and so on), once (one value, to be repeated)."""
    array = np.asarray(array)
    kind = array.dtype.str[1:]
    out = number(1, TYPES[kind]) + message(2, shape_of(array.shape))
    flat = array.reshape(-1)
    if how == 'content':
        return out + message(4, flat.tobytes())
    if how == 'once':
        assert (flat == flat[0]).all()
        flat = flat[:1]
    if kind == 'f4':
        return out + message(5, flat.tobytes())
    if kind == 'f8':
        return out + message(6, flat.tobytes())
    if kind == 'f2':
        return out + message(13, b''.join(varint(int(v)) for v in flat.view('u2')))
    return out + message(7 if kind == 'i4' else 10, b''.join(varint(int(v)) for v in flat))


def attribute(value):
    """bool, int, float, text, ('type', n), ('shape', dims), ('tensor', bytes), a list of integers, or None: an empty one."""
    if isinstance(value, bool):
        return number(5, value)
    if isinstance(value, int):
        return number(3, value)
    if isinstance(value, float):
        return real(4, value)
    if isinstance(value, str):
        return message(2, value.encode())
    if isinstance(value, list):
        return message(1, message(3, b''.join(varint(v) for v in value)))
    if value is None:
        return b''
    kind, content = value
    if kind == 'type':
        return number(6, content)
    return message(7, shape_of(content)) if kind == 'shape' else message(8, content)


class Node:
    def __init__(self, name, op, inputs, attributes):
        self.name, self.op, self.inputs, self.attributes = name, op, list(inputs), dict(attributes)

    def bytes(self):
        out = message(1, self.name.encode()) + message(2, self.op.encode())
        out += b''.join(message(3, i.encode()) for i in self.inputs)
        return out + b''.join(message(5, message(1, k.encode()) + message(2, attribute(v))) for k, v in self.attributes.items())


class Graph:
    def __init__(self):
        self.nodes = []

    def add(self, name, op, inputs=(), **attributes):
        self.nodes.append(Node(name, op, inputs, attributes))
        return name

    def find(self, name):
        return next(n for n in self.nodes if n.name == name)

    def bytes(self, order=None):
        nodes = self.nodes if order is None else [self.nodes[i] for i in order]
        return b''.join(message(1, n.bytes()) for n in nodes) + message(4, number(1, 440))  # versions: producer
