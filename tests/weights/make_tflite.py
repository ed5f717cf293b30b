#!/usr/bin/python3
"""Writes the small .tflite files of tests/weights/data, the values that they hold, and damaging patches.

Needs Debian's python3-flatbuffers and python3-numpy. Field numbers and codes: tensorflow/lite/schema/schema.fbs.

NAME.tflite   a MobileNetV2 (all 17 blocks, a few channels each) with a head, written the way one converter or another does
NAME.values   what went in, as real numbers computed here: per tensor name[64], rank, shape[4] (int32), values (float32)
patches.txt   base|status|part of the message|offset=byte ...: single faults, as changed bytes of NAME.tflite
"""
import os
import struct

import flatbuffers
import numpy as np

FLOAT32, FLOAT16, INT32, UINT8, INT64, INT8 = 0, 1, 2, 3, 4, 9
ADD, AVERAGE_POOL_2D, CONCATENATION, CONV_2D, DEPTHWISE_CONV_2D, DEQUANTIZE, FULLY_CONNECTED = 0, 1, 2, 3, 4, 6, 9
LOGISTIC, RELU, RELU6, RESHAPE, RESIZE_BILINEAR, SOFTMAX, PAD = 14, 19, 21, 22, 23, 25, 34
BATCH_TO_SPACE_ND, SPACE_TO_BATCH_ND, MEAN, ARG_MAX, QUANTIZE = 37, 38, 40, 56, 114
MUL, TRANSPOSE, SUB, DIV, SQUEEZE, CAST, MINIMUM = 18, 39, 41, 42, 43, 53, 57
CODES = [ADD, AVERAGE_POOL_2D, CONCATENATION, CONV_2D, DEPTHWISE_CONV_2D, DEQUANTIZE, FULLY_CONNECTED, LOGISTIC, RELU, RELU6,
         RESHAPE, RESIZE_BILINEAR, SOFTMAX, PAD, BATCH_TO_SPACE_ND, SPACE_TO_BATCH_ND, MEAN, ARG_MAX, QUANTIZE]
STRIDED_SLICE, MAXIMUM, PADV2, TILE, EXPAND_DIMS, SHAPE, PACK, RESIZE_NEAREST_NEIGHBOR = 45, 55, 60, 69, 70, 77, 83, 97
BROADCAST_TO = 130
FORM_CODES = CODES + [MUL, TRANSPOSE, SUB, DIV, SQUEEZE, CAST, MINIMUM]  # of make_forms.py
MORE_CODES = FORM_CODES + [STRIDED_SLICE, MAXIMUM, PADV2, TILE, EXPAND_DIMS, SHAPE, PACK, RESIZE_NEAREST_NEIGHBOR, BROADCAST_TO]
NONE, ACT_RELU, ACT_RELU6 = 0, 1, 3
SAME, VALID = 0, 1
I8, I32, BOOL, F32 = 'i8', 'i32', 'bool', 'f32'

STRIDES = [1, 2, 1, 2, 1, 1, 2, 1, 1, 1, 1, 1, 1, 2, 1, 1, 1]
CHANNELS = [2, 3, 3, 4, 4, 4, 5, 5, 5, 5, 6, 6, 6, 7, 7, 7, 8]
HEAD, CLASSES, LAST = 5, 6, 9
NUMPY = {FLOAT32: '<f4', FLOAT16: '<f2', INT32: '<i4', UINT8: 'u1', INT64: '<i8', INT8: 'i1'}


# ---- the file ----

def table(b, fields):
    """fields: {number: (kind, value)}; kind 'ref' for an offset made before."""
    b.StartObject(max(fields, default=-1) + 1)
    for number, (kind, value) in fields.items():
        if kind == 'ref':
            b.PrependUOffsetTRelativeSlot(number, value, 0)
        elif kind == I8:
            b.PrependInt8Slot(number, value, 0)
        elif kind == BOOL:
            b.PrependBoolSlot(number, value, False)
        elif kind == I32:
            b.PrependInt32Slot(number, value, 0)
        elif kind == F32:
            b.PrependFloat32Slot(number, value, 0.0)
        elif kind == 'one':  # an int32 whose default is 1
            b.PrependInt32Slot(number, value, 1)
    return b.EndObject()


def numbers(b, fmt, values):
    size = struct.calcsize(fmt)
    b.StartVector(size, len(values), size)
    put = {'<i': b.PrependInt32, '<f': b.PrependFloat32, '<q': b.PrependInt64}[fmt]
    for v in reversed(values):
        put(v)
    return b.EndVector()


def refs(b, offsets):
    b.StartVector(4, len(offsets), 4)
    for o in reversed(offsets):
        b.PrependUOffsetTRelative(o)
    return b.EndVector()


def data_vector(b, raw):
    b.StartVector(1, len(raw), 16)
    b.head = b.Head() - len(raw)
    b.Bytes[b.Head():b.Head() + len(raw)] = raw
    return b.EndVector()


class File:
    """Tensors and operators in memory; bytes() writes them."""

    def __init__(self, old_codes=True, force_defaults=False, codes=CODES):
        self.codes = codes
        self.tensors, self.ops, self.buffers = [], [], [b'']
        self.old_codes, self.force_defaults, self.version, self.inputs = old_codes, force_defaults, 3, []
        self.output = -1  # that of the last operator

    def tensor(self, shape, kind, array=None, scales=(), zeros=(), axis=0):
        buffer = 0
        if array is not None:
            buffer = len(self.buffers)
            self.buffers.append(np.ascontiguousarray(array, NUMPY[kind]).tobytes())
        self.tensors.append(dict(shape=[int(d) for d in shape], kind=kind, buffer=buffer, scales=[float(s) for s in scales],
                                 zeros=[int(z) for z in zeros], axis=axis))
        return len(self.tensors) - 1

    def op(self, code, inputs, output, options_type=0, options=None):
        self.ops.append(dict(code=self.codes.index(code), inputs=list(inputs), outputs=[output], type=options_type,
                             options=dict(options or {})))
        return output

    def bytes(self):
        b = flatbuffers.Builder(1 << 16)
        b.ForceDefaults(self.force_defaults)
        buffers = []
        for raw in self.buffers:
            buffers.append(table(b, {0: ('ref', data_vector(b, raw))} if raw else {}))
        tensors = []
        for t in self.tensors:
            fields = {0: ('ref', numbers(b, '<i', t['shape']))}
            if t['scales']:
                fields[4] = ('ref', table(b, {2: ('ref', numbers(b, '<f', t['scales'])),
                                              3: ('ref', numbers(b, '<q', t['zeros'])), 6: (I32, t['axis'])}))
            fields[1] = (I8, t['kind'])
            fields[2] = (I32, t['buffer'])
            tensors.append(table(b, fields))
        ops = []
        for o in self.ops:
            fields = {1: ('ref', numbers(b, '<i', o['inputs'])), 2: ('ref', numbers(b, '<i', o['outputs']))}
            if o['type']:
                fields[4] = ('ref', table(b, o['options']))
            fields[0] = (I32, o['code'])
            fields[3] = (I8, o['type'])
            ops.append(table(b, fields))
        codes = []
        for code in self.codes:
            fields = {0: (I8, min(code, 127)), 2: ('one', 2 if code == BROADCAST_TO else 1)}  # that field has no room for more
            if not self.old_codes:
                fields[3] = (I32, code)
            codes.append(table(b, fields))
        graph = table(b, {0: ('ref', refs(b, tensors)), 1: ('ref', numbers(b, '<i', self.inputs)),
                          2: ('ref', numbers(b, '<i', [self.ops[self.output]['outputs'][0]])), 3: ('ref', refs(b, ops))})
        root = table(b, {1: ('ref', refs(b, codes)), 2: ('ref', refs(b, [graph])), 4: ('ref', refs(b, buffers)),
                         0: (I32, self.version)})
        b.Finish(root, b'TFL3')
        return bytes(b.Output())


# ---- the network ----

class Net:
    """kind: f32, f16 (through DEQUANTIZE), u8 (per tensor), i8 (per channel). See FILES for the other choices."""

    def __init__(self, seed, size, output_stride, kind='f32', aspp=None, pooling='average', last=False, classifier=None,
                 padding='same', activation='fused', atrous='dilation', no_bias=(), tail='resize', old_codes=True,
                 force_defaults=False):
        self.random = np.random.RandomState(seed)
        self.kind, self.padding, self.activation, self.atrous, self.no_bias = kind, padding, activation, atrous, no_bias
        self.f = File(old_codes, force_defaults)
        self.values, self.at = [], {}  # real values by name; operator number by name
        x = self.map(size + [3])
        self.f.inputs = [x]
        if kind == 'i8':  # float in and out, as the converter's default has it
            self.f.tensors[x].update(kind=FLOAT32, scales=[])
            x = self.f.op(QUANTIZE, [x], self.map(size + [3]))
        x = self.conv(x, 'backbone.stem', 3, 4, 2, 1, ACT_RELU6)
        now, rate = 2, 1
        for n in range(17):
            turned = STRIDES[n] == 2 and now == output_stride
            stride = 1 if turned else STRIDES[n]
            x = self.block(x, n, stride, rate)
            now, rate = now * stride, rate * (2 if turned else 1)
        if last:
            x = self.conv(x, 'backbone.last', 1, LAST, 1, 1, ACT_RELU6)
        if classifier:
            self.classify(x, classifier, pooling)
        else:
            x = self.head(x, aspp, pooling, 16 // output_stride if output_stride < 32 else 0.5)
            self.tail(x, size, tail)

    def map(self, shape):
        if self.kind == 'u8':
            return self.f.tensor([1] + shape, UINT8, None, [0.02], [int(self.random.randint(0, 255))])
        if self.kind == 'i8':
            return self.f.tensor([1] + shape, INT8, None, [0.02], [int(self.random.randint(-128, 127))])
        return self.f.tensor([1] + shape, FLOAT32)

    def shape(self, x):
        return self.f.tensors[x]['shape'][1:]

    def ints(self, values, shape=None):
        return self.f.tensor(shape or [len(values)], INT32, np.array(values))

    def constant(self, name, shape, axis):
        """A weight or (one dimension) a bias: random, and its real values kept."""
        r, bias = self.random, len(shape) == 1
        if self.kind in ('f32', 'f16'):
            values = r.randn(*shape).astype('f2' if self.kind == 'f16' else 'f4')
            if self.kind == 'f16':
                flat = values.reshape(-1)
                flat[0] = np.float16([6e-8, 3e-5, 65504, -0.0][r.randint(4)])  # subnormal, subnormal, largest, minus zero
            self.values.append((name, shape, values.astype('f4')))
            index = self.f.tensor(shape, FLOAT16 if self.kind == 'f16' else FLOAT32, values)
            if self.kind == 'f16':
                index = self.f.op(DEQUANTIZE, [index], self.f.tensor(shape, FLOAT32))
            return index
        per_channel = self.kind == 'i8'
        scales = r.uniform(0.001, 0.05, shape[axis] if per_channel else 1).astype('f4')
        if bias:
            kind, stored, zero = INT32, r.randint(-10000, 10000, shape), 0
        elif per_channel:
            kind, stored, zero = INT8, r.randint(-127, 128, shape), 0
        else:
            kind, stored, zero = UINT8, r.randint(0, 256, shape), int(r.randint(40, 200))
        along = [1] * len(shape)
        along[axis] = len(scales)
        real = (stored.astype('f8') - zero) * scales.astype('f8').reshape(along)
        self.values.append((name, shape, real.astype('f4')))
        return self.f.tensor(shape, kind, stored, scales, [zero] * len(scales), axis)

    def conv(self, x, name, kernel, out, stride, rate, act, depthwise=False):
        h, w, c = self.shape(x)
        weight = self.constant(name + '.weight', [1, kernel, kernel, c] if depthwise else [out, kernel, kernel, c],
                               3 if depthwise else 0)
        bias = -1 if name in self.no_bias else self.constant(name + '.bias', [out], 0)
        oh, ow = -(-h // stride), -(-w // stride)
        if rate > 1 and self.atrous != 'dilation':
            return self.conv_in_batches(x, name, weight, bias, out, rate, act, depthwise)
        pad = SAME
        if stride == 2 and self.padding != 'same':
            x, pad = self.pad(x, kernel), VALID
        y = self.map([oh, ow, out])
        fused = act if self.activation == 'fused' else NONE
        self.at[name] = len(self.f.ops)
        self.emit(x, weight, bias, y, pad, stride, rate, fused, depthwise)
        return y if fused == act else self.act(y, act)

    def emit(self, x, weight, bias, y, pad, stride, rate, act, depthwise):
        inputs = [x, weight] if bias == -1 and self.kind == 'f32' else [x, weight, bias]
        options = {0: (I8, pad), 1: (I32, stride), 2: (I32, stride)}
        if depthwise:
            options.update({3: (I32, 1), 4: (I8, act), 5: ('one', rate), 6: ('one', rate)})
            self.f.op(DEPTHWISE_CONV_2D, inputs, y, 2, options)
        else:
            options.update({3: (I8, act), 4: ('one', rate), 5: ('one', rate)})
            self.f.op(CONV_2D, inputs, y, 1, options)

    def act(self, x, act):
        return self.f.op(RELU6 if act == ACT_RELU6 else RELU, [x], self.map(self.shape(x))) if act else x

    def pad(self, x, kernel):
        h, w, c = self.shape(x)
        sides = [(1, 1), (1, 1)]
        if self.padding == 'explicit':  # what SAME would put
            sides = [(1, 1) if n % 2 else (0, 1) for n in (h, w)]
        (t, b), (l, r) = sides
        pads = self.ints([0, 0, t, b, l, r, 0, 0], [4, 2])
        return self.f.op(PAD, [x, pads], self.map([h + t + b, w + l + r, c]))

    def conv_in_batches(self, x, name, weight, bias, out, rate, act, depthwise):
        """As TOCO left an atrous convolution: split, VALID with a bias of zeros, joined, the bias added, the activation. Or (crops)
        split with whole rows and columns of blocks too many before, SAME, and these cropped when it is joined."""
        h, w, c = self.shape(x)
        crops = self.atrous == 'crops'
        top, left, inside, lost = (2 * rate, rate, SAME, 0) if crops else (rate, rate, VALID, 2)
        bottom, right = ((0 if crops else rate) + -(n + 2 * rate) % rate for n in (h, w))
        ph, pw = (h + top + bottom) // rate, (w + left + right) // rate
        block = self.ints([rate, rate])
        pads = self.ints([top, bottom, left, right], [2, 2])
        crops = self.ints([top, bottom, left, right] if crops else [0, bottom - rate, 0, right - rate], [2, 2])
        split = self.f.tensor([rate * rate, ph, pw, c], FLOAT32)
        self.f.op(SPACE_TO_BATCH_ND, [x, block, pads], split)
        y = self.f.tensor([rate * rate, ph - lost, pw - lost, out], FLOAT32)
        zeros = self.f.tensor([out], FLOAT32, np.zeros(out))
        self.at[name] = len(self.f.ops)
        self.emit(split, weight, zeros, y, inside, 1, 1, NONE, depthwise)
        joined = self.f.op(BATCH_TO_SPACE_ND, [y, block, crops], self.map([h, w, out]))
        added = self.f.op(ADD, [joined, bias], self.map([h, w, out]), 11, {0: (I8, NONE)})
        return self.act(added, act)

    def block(self, x, n, stride, rate):
        start, name, c = x, 'backbone.block%d.' % n, self.shape(x)[2]
        if n:
            x = self.conv(x, name + 'expand', 1, c + 2, 1, 1, ACT_RELU6)
        x = self.conv(x, name + 'depthwise', 3, self.shape(x)[2], stride, rate, ACT_RELU6, True)
        x = self.conv(x, name + 'project', 1, CHANNELS[n], 1, 1, NONE)
        if n and STRIDES[n] == 1 and c == CHANNELS[n]:
            order = [x, start] if n % 2 else [start, x]
            self.at[name + 'add'] = len(self.f.ops)
            x = self.f.op(ADD, order, self.map(self.shape(x)), 11, {0: (I8, NONE)})
        return x

    def pool(self, x, kind):
        h, w, c = self.shape(x)
        if kind == 'average':
            return self.f.op(AVERAGE_POOL_2D, [x], self.map([1, 1, c]), 5,
                             {0: (I8, VALID), 1: (I32, h), 2: (I32, w), 3: (I32, w), 4: (I32, h), 5: (I8, NONE)})
        if kind == 'mean':
            return self.f.op(MEAN, [x, self.ints([1, 2])], self.map([1, 1, c]), 27, {0: (BOOL, True)})
        flat = self.f.op(MEAN, [x, self.ints([-2, -3])], self.map([c]), 27, {0: (BOOL, False)})
        return self.f.op(RESHAPE, [flat, self.ints([1, 1, 1, c])], self.map([1, 1, c]))

    def resize(self, x, size):
        return self.f.op(RESIZE_BILINEAR, [x, self.ints(size)], self.map(size + self.shape(x)[2:]), 15, {2: (BOOL, True)})

    def head(self, x, aspp, pooling, wider):
        size, branches = self.shape(x)[:2], []
        if pooling:
            p = self.conv(self.pool(x, pooling), 'head.image_pooling', 1, HEAD, 1, 1, ACT_RELU)
            p = self.resize(p, size)
            branches.append(self.f.op(QUANTIZE, [p], self.map(size + [HEAD])) if self.kind in ('u8', 'i8') else p)
        branches.append(self.conv(x, 'head.aspp0', 1, HEAD + 1, 1, 1, ACT_RELU))
        for i in (1, 2, 3) if aspp else ():
            name, rate = 'head.aspp%d' % i, int(6 * i * wider)
            if aspp == 'full':
                branches.append(self.conv(x, name, 3, HEAD, 1, rate, ACT_RELU))
            else:
                y = self.conv(x, name + '.depthwise', 3, self.shape(x)[2], 1, rate, ACT_RELU, True)
                branches.append(self.conv(y, name + '.pointwise', 1, HEAD, 1, 1, ACT_RELU))
        if len(branches) > 1:
            joined = self.map(size + [sum(self.shape(b)[2] for b in branches)])
            self.at['concat'] = len(self.f.ops)
            x = self.f.op(CONCATENATION, branches, joined, 10, {0: (I32, 3), 1: (I8, NONE)})
        else:
            x = branches[0]
        x = self.conv(x, 'head.projection', 1, HEAD + 2, 1, 1, ACT_RELU)
        return self.conv(x, 'head.classifier', 1, CLASSES, 1, 1, NONE)

    def tail(self, x, size, tail):
        if self.kind == 'i8':
            x = self.f.op(DEQUANTIZE, [x], self.f.tensor([1] + self.shape(x), FLOAT32))
        if tail:
            x = self.resize(x, size)
        if tail == 'argmax':
            self.f.op(ARG_MAX, [x, self.ints([3], [])], self.f.tensor([1] + size, INT64), 40, {0: (I8, INT64)})
        if tail == 'softmax':
            self.f.op(SOFTMAX, [x], self.map(self.shape(x)), 9, {})

    def classify(self, x, classifier, pooling):
        x = self.pool(x, pooling)
        if classifier == 'conv':
            x = self.conv(x, 'head.classifier', 1, CLASSES, 1, 1, NONE)
        else:
            weight = self.constant('head.classifier.weight', [CLASSES, LAST], 0)
            name, shape, values = self.values.pop()
            self.values.append((name, [CLASSES, 1, 1, LAST], values))
            bias = self.constant('head.classifier.bias', [CLASSES], 0)
            y = self.f.tensor([1, CLASSES], FLOAT32)
            x = self.f.op(FULLY_CONNECTED, [x, weight, bias], y, 8, {0: (I8, NONE)})
        self.f.op(SOFTMAX, [x], self.f.tensor([1, CLASSES], FLOAT32), 9, {})


NO_BIAS = tuple('backbone.block%d.project' % n for n in range(17)) + ('head.aspp0',)
FILES = {
    'aspp': dict(seed=1, size=[65, 49], output_stride=16, aspp='full', force_defaults=True),
    'separable': dict(seed=2, size=[64, 80], output_stride=8, aspp='separable', pooling='mean',
                      padding='explicit', tail='softmax'),
    'float16': dict(seed=3, size=[33, 33], output_stride=16, kind='f16', activation='separate', no_bias=NO_BIAS, old_codes=False),
    'int8': dict(seed=4, size=[33, 33], output_stride=32, kind='i8', aspp='full', pooling='flat', old_codes=False),
    'uint8': dict(seed=5, size=[33, 65], output_stride=16, kind='u8', tail='argmax'),
    'plain': dict(seed=6, size=[64, 32], output_stride=32, pooling=None, last=True, no_bias=NO_BIAS,
                  padding='symmetric', tail=None),
    'batches': dict(seed=7, size=[65, 97], output_stride=16, aspp='full', atrous='batches'),
    'dense': dict(seed=8, size=[96, 64], output_stride=32, last=True, classifier='dense', pooling='mean', padding='explicit'),
    'crops': dict(seed=10, size=[33, 65], output_stride=16, atrous='crops', force_defaults=True),
    'pointwise': dict(seed=9, size=[64, 64], output_stride=32, kind='u8', last=True, classifier='conv'),
}


# ---- faults ----

def options(net, layer, number, value):
    o = net.f.ops[net.at[layer]]['options']
    o[number] = (o[number][0], value)


def inputs(net, layer, position, value):
    net.f.ops[net.at[layer]]['inputs'][position] = value


def operand(net, layer, position):
    return net.f.tensors[net.f.ops[net.at[layer]]['inputs'][position]]


def output(net, layer):
    return net.f.ops[net.at[layer]]['outputs'][0]


def swap(net, layer, a, b):
    i = net.f.ops[net.at[layer]]['inputs']
    i[a], i[b] = i[b], i[a]


def constant_input(net, layer, behind, position, value):
    """Element of the last input, a constant, of the operator that many behind the layer's convolution."""
    op = net.f.ops[net.at[layer] + behind]
    buffer = net.f.tensors[op['inputs'][-1]]['buffer']
    values = np.frombuffer(net.f.buffers[buffer], '<i4').copy()
    values[position] = value
    net.f.buffers[buffer] = values.tobytes()


# The fault: changes the network before it is written, or is another count of tensors.
FAULTS = [
    ('aspp', 'UNSUPPORTED', 'backbone.block3.expand: operator', lambda n: options(n, 'backbone.block3.expand', 3, ACT_RELU)),
    ('aspp', 'UNSUPPORTED', 'has no activation where RELU is expected', lambda n: options(n, 'head.projection', 3, NONE)),
    ('aspp', 'UNSUPPORTED', "backbone.block2: operator", lambda n: inputs(n, 'backbone.block2.add', 0,
                                                                         output(n, 'backbone.block2.project'))),
    ('aspp', 'UNSUPPORTED', 'block3.expand: operator', lambda n: inputs(n, 'backbone.block3.expand', 0,
                                                                      output(n, 'backbone.block2.project'))),
    ('aspp', 'UNSUPPORTED', 'is followed by an activation', lambda n: options(n, 'backbone.block2.add', 0, ACT_RELU)),
    ('aspp', 'UNSUPPORTED', 'image_pooling: operator', lambda n: swap(n, 'concat', 0, 1)),
    ('aspp', 'UNSUPPORTED', 'head.aspp2: operator', lambda n: swap(n, 'concat', 3, 4)),
    ('aspp', 'UNSUPPORTED', 'the concatenation: operator',
     lambda n: inputs(n, 'concat', 4, n.f.ops[n.at['concat']]['inputs'][2])),
    ('aspp', 'UNSUPPORTED', 'block14.depthwise has stride 1 and rate 3', lambda n: (
        options(n, 'backbone.block14.depthwise', 5, 3), options(n, 'backbone.block14.depthwise', 6, 3))),
    ('aspp', 'UNSUPPORTED', 'atrous rate 3x1', lambda n: options(n, 'backbone.block5.depthwise', 6, 3)),
    ('aspp', 'UNSUPPORTED', 'backbone.stem: operator 0 (CONV_2D, code 3) has stride 2x1',
     lambda n: options(n, 'backbone.stem', 1, 1)),
    ('aspp', 'UNSUPPORTED', 'is not a depthwise convolution, or one of a form',
     lambda n: options(n, 'backbone.block4.depthwise', 3, 2)),
    ('aspp', 'UNSUPPORTED', 'neither SAME nor symmetric', lambda n: options(n, 'backbone.block4.depthwise', 0, VALID)),
    ('aspp', 'UNSUPPORTED', '(LOGISTIC, code 14) is not part of it', lambda n: n.f.ops[-1].update(code=CODES.index(LOGISTIC))),
    ('aspp', 'UNSUPPORTED', 'has weights [7, 1, 1, 8] between 8 and 6', lambda n: operand(
        n, 'head.aspp0', 1)['shape'].__setitem__(0, 7)),
    ('aspp', 'UNSUPPORTED', 'a bias that is not one value', lambda n: inputs(
        n, 'head.aspp0', 2, n.f.ops[n.at['head.projection']]['inputs'][2])),
    ('aspp', 'UNSUPPORTED', 'is of a form that mseg does not know',
     lambda n: operand(n, 'head.aspp0', 1)['shape'].__setitem__(0, -6)),
    ('aspp', 'UNSUPPORTED', 'unknown type (4)', lambda n: operand(n, 'head.projection', 1).update(kind=INT64)),
    ('aspp', 'UNSUPPORTED', 'integer weight without a scale', lambda n: operand(n, 'head.projection', 1).update(kind=INT32)),
    ('aspp', 'UNSUPPORTED', 'schema version 2', lambda n: setattr(n.f, 'version', 2)),
    ('aspp', 'UNSUPPORTED', 'input is not one RGB image', lambda n: n.f.tensors[n.f.inputs[0]]['shape'].__setitem__(3, 4)),
    ('aspp', 'FORMAT', 'has 728 bytes where its shape needs 364',
     lambda n: operand(n, 'head.projection', 1).update(kind=FLOAT16)),
    ('aspp', 'FORMAT', 'tensor that does not exist', lambda n: inputs(n, 'backbone.block4.expand', 0, 10000)),
    ('aspp', 'FORMAT', 'tensor that does not exist', lambda n: inputs(n, 'backbone.block4.expand', 0, -2)),
    ('aspp', 'FORMAT', 'buffer that does not exist', lambda n: operand(n, 'backbone.block4.expand', 1).update(buffer=5000)),
    ('aspp', 'FORMAT', 'before anything writes it', lambda n: inputs(n, 'backbone.block4.expand', 0, output(n, 'head.aspp0'))),
    ('aspp', 'FORMAT', 'which has a value already', lambda n: n.f.ops[n.at['backbone.block4.expand']].update(
        outputs=[output(n, 'backbone.stem')])),
    ('aspp', 'FORMAT', 'options of another', lambda n: n.f.ops[n.at['backbone.block4.expand']].update(type=2)),
    ('aspp', 'LIMIT', '5000 tensors and', 5000),
    ('aspp', 'FORMAT', 'a list leaves the file', 1 << 30),
    # Zeros of the split at the top, at the left; SAME or not in the batches; crops at the top, at the left.
    ('batches', 'UNSUPPORTED', 'neither SAME nor symmetric', lambda n: constant_input(n, 'backbone.block14.depthwise', -1, 0, 3)),
    ('batches', 'UNSUPPORTED', 'neither SAME nor symmetric', lambda n: constant_input(n, 'backbone.block14.depthwise', -1, 2, 3)),
    ('batches', 'UNSUPPORTED', 'neither SAME nor symmetric', lambda n: constant_input(n, 'backbone.block14.depthwise', 1, 0, 1)),
    ('batches', 'UNSUPPORTED', 'neither SAME nor symmetric', lambda n: constant_input(n, 'backbone.block14.depthwise', 1, 2, 1)),
    ('crops', 'UNSUPPORTED', 'neither SAME nor symmetric', lambda n: options(n, 'backbone.block15.depthwise', 0, VALID)),
    ('crops', 'UNSUPPORTED', 'neither SAME nor symmetric', lambda n: constant_input(n, 'backbone.block15.depthwise', 1, 0, 2)),
    ('crops', 'UNSUPPORTED', 'neither SAME nor symmetric', lambda n: constant_input(n, 'backbone.block15.depthwise', 1, 2, 0)),
    ('uint8', 'FORMAT', 'scales or zero points', lambda n: operand(n, 'backbone.block4.expand', 1).update(zeros=[300])),
    ('uint8', 'FORMAT', 'scales or zero points', lambda n: operand(n, 'backbone.block4.expand', 1).update(scales=[float('nan')])),
    ('uint8', 'UNSUPPORTED', 'zero point changes', lambda n: operand(n, 'backbone.block4.expand', 1).update(zeros=[1 << 40])),
    ('int8', 'UNSUPPORTED', 'zero point changes', lambda n: operand(n, 'backbone.block4.expand', 1)['zeros'].__setitem__(3, 1)),
    ('int8', 'FORMAT', 'scales or zero points', lambda n: operand(n, 'backbone.block4.depthwise', 1).update(axis=2)),
    ('float16', 'UNSUPPORTED', 'block4.expand: operator 43 (CONV_2D, code 3) has no activation where RELU6', lambda n: n.f.ops[
        n.at['backbone.block4.expand'] + 1].update(inputs=[n.f.inputs[0]])),
]


def more_tensors(raw, count):
    """raw with another count of tensors in its list."""
    def follow(at):
        return at + struct.unpack_from('<I', raw, at)[0]

    def field(table, number):
        vtable = table - struct.unpack_from('<i', raw, table)[0]
        return table + struct.unpack_from('<H', raw, vtable + 4 + 2 * number)[0]
    graph = follow(follow(field(follow(0), 2)) + 4)
    at = follow(field(graph, 0))
    return raw[:at] + struct.pack('<I', count) + raw[at + 4:]


def write_values(path, values):
    with open(path, 'wb') as out:
        for name, shape, array in values:
            out.write(struct.pack('<64s5i', name.encode(), len(shape), *(list(shape) + [0] * (4 - len(shape)))))
            out.write(np.ascontiguousarray(array, '<f4').tobytes())


def write_patches(path, faults, build):
    """build(name): the network of that file."""
    good = {}
    with open(path, 'w') as out:
        for base, status, text, fault in faults:
            if base not in good:
                good[base] = build(base).f.bytes()
            if isinstance(fault, int):
                bad = more_tensors(good[base], fault)
            else:
                net = build(base)
                fault(net)
                bad = net.f.bytes()
            assert len(bad) == len(good[base]) and bad != good[base], (base, text)
            changed = ['%d=%d' % (i, b) for i, (a, b) in enumerate(zip(good[base], bad)) if a != b]
            assert len(changed) < 20, (base, text, len(changed))
            out.write('%s|%s|%s|%s\n' % (base, status, text, ' '.join(changed)))


def main():
    folder = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'data')
    os.makedirs(folder, exist_ok=True)
    for name, choices in FILES.items():
        net = Net(**choices)
        with open(os.path.join(folder, name + '.tflite'), 'wb') as out:
            out.write(net.f.bytes())
        write_values(os.path.join(folder, name + '.values'), net.values)
    write_patches(os.path.join(folder, 'patches.txt'), FAULTS, lambda name: Net(**FILES[name]))


if __name__ == '__main__':
    main()
