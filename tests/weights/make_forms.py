#!/usr/bin/python3
"""Writes more small .tflite files into data: the forms in which other tools than today's converter leave a network. As
make_tflite.py (its .values and patches, here forms.txt), and:

NAME.values   also "input", [2, 3]: a byte becomes byte * the first row + the second; the weights as mseg runs them, so bounds
              other than 6 are gone (arXiv 1906.04721: min(relu(x), c) = c / 6 * relu6(6 / c * x))
NAME.quants   of forms in integers: what bytes stand for, a line per layer: its name, scale and zero point (as an unsigned
              byte's), of the sum, of the concatenation that it is part of, how it is joined, bounds, whether it is a MEAN
NAME.scores   height, width, classes (int32) and the scores (float32) of picture(), computed here by forward.py
"""
import os
import struct
import zlib

import numpy as np

from form_faults import FORM_FAULTS
from forward import Forward, real
from make_tflite import *
from quant_faults import QUANT_FAULTS

V1_STRIDES = [1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1]
V1_CHANNELS = [4, 5, 5, 6, 6, 7, 7, 7, 7, 7, 7, 8, 8]
SIX = np.float32(6) / np.float32(255)
SIXES = [float(SIX), 0.023528477, 0.0219, 0.0205]  # scales of ReLU6's outputs: 6 (more, in double), as TOCO has it, less
CAPS = [6, 3, 1.5, 12, 0.75]  # bounds that a power of two makes 6: no rounding
QUANTIZED = {'u8': (UINT8, 0, 255), 'i8': (INT8, -128, 127), 'i8t': (INT8, -128, 127)}


def picture(height, width):
    """Bytes of a linear congruential generator, as the C test makes them."""
    state, out = 1, np.zeros(height * width * 3, 'u1')
    for i in range(out.size):
        state = (state * 1664525 + 1013904223) & 0xffffffff
        out[i] = state >> 24
    return out.reshape(height, width, 3)


class Form(Net):
    """kind: f32, dynamic (int8 weights, float maps), u8 (one zero point), i8 (a scale per channel), i8t (one scale). ranges: of
    the maps by name, from the same network in f32. relu6: fused, implicit (nothing but the range tells), relu (fused, and the
    range), sixth (RELU, MINIMUM 6), maximum (MAXIMUM 0, MINIMUM 6, in both orders), caps (RELU and a MINIMUM per channel). ends:
    types of the picture and the scores, and of an integer picture scale and zero point. before: operators in front of the network
    (code, values, whether these are first). copies: the operator that enlarges the pooled features, unless it is a resize."""

    def __init__(self, seed, size, output_stride=32, kind='f32', ranges=None, network='v2', relu6='fused', relu='fused',
                 padding='same', stuffed=False, before=(), ends=('f32', 'f32'), channels_first=False, head='deeplab', dense=(),
                 last_bias=True, pooling='average', sampling=2, tail=(), bytes_in=False, copies=None, codes=FORM_CODES):
        self.seed, self.kind, self.ranges, self.relu6, self.relu, self.padding = seed, kind, ranges, relu6, relu, padding
        self.stuffed, self.sampling, self.last_bias, self.copies, self.convs = stuffed, sampling, last_bias, copies, 0
        self.f = File(False, True, codes)
        self.joins = {}
        self.values, self.at, self.caps, self.names = [], {}, {}, {}
        self.rule = (np.full(3, 2 / 255), np.full(3, -1.0))
        x = self.start(size, ends, before, channels_first, bytes_in)
        if 'nearest' in tail:
            self.size = self.computed_size()
        x = self.conv(x, 'backbone.stem', 3, 4, 2, 1, 'relu6')
        now, rate, taps = 2, 1, []
        strides = STRIDES if network == 'v2' else V1_STRIDES
        for n, wanted in enumerate(strides):
            turned = wanted == 2 and now == output_stride
            stride = 1 if turned else wanted
            x = (self.block if network == 'v2' else self.v1_block)(x, n, stride, rate)
            taps.append(self.tap)
            now, rate = now * stride, rate * (2 if turned else 1)
        if head == 'classifier':
            if network == 'v2':
                x = self.conv(x, 'backbone.last', 1, LAST, 1, 1, 'relu6')
            x = self.classifier(x, pooling, dense)
        else:
            x = self.deeplab(x, pooling, taps[2] if head == 'decoder' else None)
        self.scores = x
        self.finish(x, size, ends, channels_first, tail)
        self.values.insert(0, ('input', [2, 3], np.array(self.rule)))

    # ---- tensors ----

    def random(self, name):
        return np.random.RandomState((zlib.crc32(name.encode()) + self.seed) & 0x7fffffff)

    def map(self, shape, name, act=None, floats=False):
        """The output called name. Its number format holds what the network in f32 gave, or what the activation allows."""
        if self.kind not in QUANTIZED or floats:
            index = self.f.tensor([1] + list(shape), FLOAT32)
        else:
            kind, least, most = QUANTIZED[self.kind]
            low, high = self.ranges[name]
            if act == 'relu6':
                scale, zero = SIXES[len(self.names) % 4], least
            elif act == 'relu':
                scale, zero = high * 1.1 / 255, least
            else:
                low, high = min(low, -0.01 * high) * 1.05, max(high, 0.01) * 1.05
                scale = (high - low) / 255
                zero = int(round(least - low / scale))
            index = self.f.tensor([1] + list(shape), kind, None, [np.float32(scale)], [zero])
        self.names[index] = name
        return index

    def scale(self, index):
        return self.f.tensors[index]['scales']

    def weights(self, name, shape, axis, gain):
        """Of a layer: a tensor of them, and their real values."""
        values = self.random(name).randn(*shape) * gain
        if self.kind == 'f32':
            return self.f.tensor(shape, FLOAT32, values), values.astype('f4').astype('f8')
        along = tuple(a for a in range(len(shape)) if a != axis)
        if self.kind == 'u8':
            scale = np.array([(values.max() - values.min()) / 255], 'f4')
            zero = int(round(-values.min() / scale[0]))
            t = dict(kind=UINT8, low=0, high=255)
        else:
            per_channel = self.kind != 'i8t' and len(shape) == 4
            most = np.abs(values).max(along) if per_channel else np.array([np.abs(values).max()])
            scale, zero, t = (most / 127).astype('f4'), 0, dict(kind=INT8, low=-127, high=127)
        spread = scale.astype('f8').reshape([-1 if a == axis and len(scale) > 1 else 1 for a in range(len(shape))])
        stored = np.clip(np.rint(values / spread) + zero, t['low'], t['high'])
        index = self.f.tensor(shape, t['kind'], stored, scale, [zero] * len(scale), 0 if self.kind == 'u8' else axis)
        return index, real(self.f.tensors[index], stored)

    def bias(self, name, x, weight, out):
        values = self.random(name + '.bias').randn(out) * 0.5
        if self.kind not in QUANTIZED:
            return self.f.tensor([out], FLOAT32, values), values.astype('f4').astype('f8')
        scales = (np.float32(self.scale(x)[0]) * np.array(self.scale(weight), 'f4')).astype('f4')
        stored = np.rint(values / scales)
        index = self.f.tensor([out], INT32, stored, scales, [0] * len(scales))
        return index, real(self.f.tensors[index], stored)

    def keep(self, name, shape, values, before, caps):
        """What the network as mseg runs it has there: values times before / 6 of the channels read, 6 / caps of those written."""
        if before is not None and len(shape) == 4:
            values = values * (before / 6)
        if caps is not None:
            sixth = np.where(caps > 0, 6 / np.where(caps > 0, caps, 1), 0)
            values = values * (sixth if shape[0] == 1 or len(shape) == 1 else sixth.reshape(-1, 1, 1, 1))
        self.values.append((name, shape, values))

    # ---- layers ----

    def activation(self, act):
        """The fused one."""
        if act == 'relu6' and self.relu6 != 'fused':
            return NONE if self.relu6 == 'implicit' else ACT_RELU
        if act == 'relu' and self.relu == 'implicit':
            return NONE
        return {None: NONE, 'relu': ACT_RELU, 'relu6': ACT_RELU6}[act]

    def conv(self, x, name, kernel, out, stride, rate, act, depthwise=False, bias=True):
        h, w, c = self.shape(x)
        size = kernel + (kernel - 1) * (rate - 1) if self.stuffed else kernel
        shape = [1, kernel, kernel, c] if depthwise else [out, kernel, kernel, c]
        gain = (2.0 / (kernel * kernel * (1 if depthwise else c))) ** 0.5
        weight, values = self.weights(name, shape, 3 if depthwise else 0, gain)
        before, caps = self.caps.get(x), None
        bounded = self.relu6 == 'caps' and act == 'relu6' and not name.endswith('expand')
        if bounded:
            caps = np.array([CAPS[(k + self.convs) % 5] for k in range(out)])
            if name.endswith('block4.depthwise'):
                caps[1] = 0
            if self.kind in QUANTIZED:
                caps[caps > 11] = 0.375
        self.keep(name + '.weight', shape, values, before, caps)
        if size > kernel:
            self.stuff(weight, size, rate)
        b = -1
        if bias:
            b, values = self.bias(name, x, weight, out)
            self.keep(name + '.bias', [out], values, None, caps)
        pad = SAME
        if stride == 2 and self.padding != 'same':
            x, pad = self.pad(x, kernel), VALID
        bounds = self.relu6 in ('sixth', 'maximum', 'caps') and act == 'relu6' and not (self.relu6 == 'caps' and not bounded)
        fused = ACT_RELU6 if self.relu6 == 'caps' and act == 'relu6' and not bounded else self.activation(act)
        plain = bounds and self.kind == 'f32' and (self.convs % 3 == 1 or self.relu6 == 'maximum')  # MINIMUM before a RELU
        y = self.map([-(-h // stride), -(-w // stride), out], name + '.wide' if bounds else name, 'wide' if bounds else act)
        self.at[name] = len(self.f.ops)
        self.emit(x, weight, b, y, pad, stride, 1 if size > kernel else rate, NONE if plain else fused, depthwise)
        self.convs += 1
        return self.bound(y, name, caps, plain) if bounds else y

    def emit(self, x, weight, bias, y, pad, stride, rate, act, depthwise):
        super().emit(x, weight, bias, y, pad, stride, rate, act, depthwise)
        inputs = self.f.ops[-1]['inputs']
        if inputs[-1] == -1:
            inputs.pop()

    def stuff(self, weight, size, rate):
        """A 3x3 kernel of that rate as a larger one with zeros (their number for it) between."""
        t = self.f.tensors[weight]
        small = np.frombuffer(self.f.buffers[t['buffer']], NUMPY[t['kind']]).reshape(t['shape'])
        large = np.full(small.shape[:1] + (size, size) + small.shape[3:], t['zeros'][0] if t['zeros'] else 0, small.dtype)
        large[:, ::rate, ::rate] = small
        t['shape'] = list(large.shape)
        self.f.buffers[t['buffer']] = large.tobytes()

    def bound(self, y, name, caps, plain):
        """MINIMUM with 6 or with one value for each channel, and RELU."""
        shape = self.shape(y)
        t = self.f.tensors[y]
        values = np.array([6.0] if caps is None else caps)
        if self.kind in QUANTIZED:  # 6 / 128: all bounds are whole steps
            t['scales'], t['zeros'] = [6 / 128], [-128]
            limit = self.f.tensor([len(values)], INT8, np.rint(values / (6 / 128)) - 128, [6 / 128], [-128])
        else:
            limit = self.f.tensor([] if caps is None else [len(values)], FLOAT32, values)
        least = self.relu6 == 'maximum'
        if least and self.convs % 2:
            y, plain = self.zero_or_more(y, name), False
        self.at[name + '.bound'] = len(self.f.ops)
        order = [limit, y] if self.convs % 2 and self.kind == 'f32' else [y, limit]
        z = self.f.op(MINIMUM, order, self.map(shape, name, 'relu'), 44, {})
        self.same_format(y, z)
        if plain and least:
            z = self.zero_or_more(z, name)
        elif plain or self.kind in QUANTIZED:
            y, z = z, self.f.op(RELU, [z], self.map(shape, name, 'relu'))
            self.same_format(y, z)
        if caps is not None:
            self.caps[z] = caps
        return z

    def zero_or_more(self, y, name):
        """RELU as MAXIMUM with 0."""
        zero = self.f.tensor([], FLOAT32, 0.0)
        self.at[name + '.zero'] = len(self.f.ops)
        return self.f.op(MAXIMUM, [zero, y] if self.convs // 2 % 2 else [y, zero], self.map(self.shape(y), name), 39, {})

    def same_format(self, a, b):
        self.f.tensors[b].update(scales=list(self.f.tensors[a]['scales']), zeros=list(self.f.tensors[a]['zeros']))

    def pad(self, x, kernel):
        h, w, c = self.shape(x)
        (t, b), (l, r) = ((1, 1) if n % 2 else (0, 1) for n in (h, w))
        pads = self.ints([0, 0, t, b, l, r, 0, 0], [4, 2])
        y = self.map([h + t + b, w + l + r, c], self.names[x])
        self.same_format(x, y)
        if self.padding == 'padv2':
            old, zeros = self.f.tensors[x], self.f.tensors[pads]
            zeros.update(kind=INT64)
            self.f.buffers[zeros['buffer']] = np.frombuffer(self.f.buffers[zeros['buffer']], '<i4').astype('<i8').tobytes()
            zero = self.f.tensor([], old['kind'], (old['zeros'] or [0])[0], old['scales'], old['zeros'])
            self.f.op(PADV2, [x, pads, zero], y, 43, {})
        else:
            self.f.op(PAD, [x, pads], y, 22, {})
        if x in self.caps:
            self.caps[y] = self.caps[x]
        return y

    def block(self, x, n, stride, rate):
        start, name, c = x, 'backbone.block%d.' % n, self.shape(x)[2]
        if n:
            x = self.conv(x, name + 'expand', 1, c + 2, 1, 1, 'relu6')
        x = self.tap = self.conv(x, name + 'depthwise', 3, self.shape(x)[2], stride, rate, 'relu6', True)
        x = self.conv(x, name + 'project', 1, CHANNELS[n], 1, 1, None)
        if n and STRIDES[n] == 1 and c == CHANNELS[n]:
            self.at[name + 'add'] = len(self.f.ops)
            x = self.f.op(ADD, [x, start] if n % 2 else [start, x], self.map(self.shape(x), name + 'add'), 11, {0: (I8, NONE)})
        return x

    def v1_block(self, x, n, stride, rate):
        name = 'backbone.block%d.' % n
        x = self.tap = self.conv(x, name + 'depthwise', 3, self.shape(x)[2], stride, rate, 'relu6', True)
        return self.conv(x, name + 'pointwise', 1, V1_CHANNELS[n], 1, 1, 'relu6')

    def pool(self, x, kind):
        h, w, c = self.shape(x)
        self.at['pool'] = len(self.f.ops)
        if kind == 'average':
            y = self.map([1, 1, c], 'pool')
            self.same_format(x, y)
            return self.f.op(AVERAGE_POOL_2D, [x], y, 5, {0: (I8, VALID), 1: (I32, 2), 2: (I32, 2), 3: (I32, w), 4: (I32, h)})
        flat = kind in ('flat', 'computed', 'expanded')
        y = self.map([c] if flat else [1, 1, c], 'pool')
        if x in self.caps:
            self.caps[y] = self.caps[x]
        y = self.f.op(MEAN, [x, self.ints([1, 2])], y, 27, {} if flat else {0: (BOOL, True)})
        if kind == 'expanded':
            for axis, shape in ((1, [1, c]), (2, [1, 1, c])):
                y = self.f.op(EXPAND_DIMS, [y, self.ints([axis])], self.map(shape, 'pool'), 52, {})
        return self.computed_reshape(y, [1, 1, c]) if kind == 'computed' else y

    def computed_reshape(self, x, shape):
        """As Keras has it, whose batches have any size: [the first of the tensor's own sizes] + shape."""
        sizes = self.f.op(SHAPE, [x], self.f.tensor([len(self.shape(x)) + 1], INT32), 55, {})
        ends = [self.ints([k]) for k in (0, 1, 1)]
        batch = self.f.op(STRIDED_SLICE, [sizes] + ends, self.f.tensor([], INT32), 32, {4: (I32, 1)})
        rest = [self.f.tensor([], INT32, np.array(k)) for k in shape]
        self.size = self.f.op(PACK, [batch] + rest, self.f.tensor([len(rest) + 1], INT32), 59, {0: (I32, len(rest) + 1)})
        y = self.map(shape, self.names[x])
        self.same_format(x, y)
        return self.f.op(RESHAPE, [x, self.size], y)

    def computed_size(self):
        """Height and width of the picture."""
        sizes = self.f.op(SHAPE, [self.f.inputs[0]], self.f.tensor([4], INT32), 55, {})
        return self.f.op(STRIDED_SLICE, [sizes] + [self.ints([k]) for k in (1, 3, 1)], self.f.tensor([2], INT32), 32, {})

    def resize(self, x, size, name):
        options = {2: (BOOL, self.sampling == 2), 3: (BOOL, self.sampling == 3)}
        y = self.map(size + self.shape(x)[2:], name)
        self.same_format(x, y)
        return self.f.op(RESIZE_BILINEAR, [x, self.ints(size)], y, 15, options)

    def join(self, parts, name, reformat):
        """Concatenation along the channels; without reformat a part keeps the bytes of another scale, as TOCO had it."""
        size, y = self.shape(parts[0])[:2], None
        if self.kind in QUANTIZED:
            widest = max(parts, key=lambda p: self.scale(p)[0])
            for i, p in enumerate(parts):
                if self.scale(p) != self.scale(widest) and reformat:
                    y = self.map(self.shape(p), self.names[p])
                    self.same_format(widest, y)
                    parts[i] = self.f.op(QUANTIZE, [p], y)
                    self.joins[self.names[p]] = 1
                elif not reformat:
                    self.same_format(widest, p)
        y = self.map(size + [sum(self.shape(p)[2] for p in parts)], name)
        self.same_format(parts[0], y)
        self.at[name] = len(self.f.ops)
        return self.f.op(CONCATENATION, parts, y, 10, {0: (I32, 3), 1: (I8, NONE)})

    def copy(self, x, size):
        self.at['copies'], self.spare = len(self.f.ops), self.ints(size)
        return self.f.op(self.copies, [x, self.ints([1] + size + [1])], self.map(size + self.shape(x)[2:], 'pooled'), 51, {})

    def deeplab(self, x, pooling, tap):
        size, features = self.shape(x)[:2], x
        p = self.conv(self.pool(x, pooling), 'head.image_pooling', 1, HEAD, 1, 1, 'relu')
        p = self.copy(p, size) if self.copies else self.resize(p, size, 'pooled')
        parts = [p, self.conv(features, 'head.aspp0', 1, HEAD + 1, 1, 1, 'relu')]
        x = self.conv(self.join(parts, 'concat', self.relu != 'implicit'), 'head.projection', 1, HEAD + 2, 1, 1, 'relu')
        if tap:
            low = self.conv(tap, 'head.low_level', 1, 3, 1, 1, 'relu')
            self.at['enlarge'] = len(self.f.ops)
            x = self.join([self.resize(x, self.shape(tap)[:2], 'enlarged'), low], 'decoder', True)
            for n in range(2):
                x = self.conv(x, 'head.decoder%d.depthwise' % n, 3, self.shape(x)[2], 1, 1, 'relu', True)
                x = self.conv(x, 'head.decoder%d.pointwise' % n, 1, HEAD, 1, 1, 'relu')
        return self.conv(x, 'head.classifier', 1, CLASSES, 1, 1, None)

    def classifier(self, x, pooling, dense):
        """dense: kind of each layer, 'fc' or 'conv', the last of which is the classifier."""
        x = self.pool(x, pooling)
        for n, kind in enumerate(dense):
            last = n == len(dense) - 1
            name, out, act = ('head.classifier', CLASSES, None) if last else ('head.dense%d' % n, 10 - 3 * n, 'relu')
            if kind == 'conv':
                x = self.conv(x, name, 1, out, 1, 1, act, bias=self.last_bias or not last)
                continue
            c = self.f.tensors[x]['shape'][-1]
            weight, values = self.weights(name, [out, c], 0, (2.0 / c) ** 0.5)
            self.keep(name + '.weight', [out, 1, 1, c], values, self.caps.get(x), None)
            b = -1
            if self.last_bias or not last:
                b, values = self.bias(name, x, weight, out)
                self.values.append((name + '.bias', [out], values))
            self.at[name] = len(self.f.ops)
            x = self.f.op(FULLY_CONNECTED, [x, weight, b], self.map([out], name, act), 8, {0: (I8, self.activation(act))})
        return x

    # ---- ends ----

    def start(self, size, ends, before, channels_first, bytes_in):
        """The picture's tensor and what makes the stem's input of it."""
        kind, *rule = ends[0] if isinstance(ends[0], tuple) else (ends[0],)
        shape = [1, 3] + size if channels_first else [1] + size + [3]
        x = self.f.tensor(shape, {'f32': FLOAT32, 'u8': UINT8, 'i8': INT8}[kind], None, np.array(rule[:1], 'f4'), rule[1:])
        self.f.inputs, self.names[x] = [x], 'picture'
        if rule:
            scale, least = np.float64(np.float32(rule[0])), {'u8': 0, 'i8': -128}[kind]
            self.rule = (np.full(3, scale), np.full(3, scale * (least - rule[1])))
        if bytes_in:
            self.rule = (np.ones(3), np.zeros(3))
        if channels_first:
            self.at['first'] = len(self.f.ops)
            t = self.f.tensors[x]
            y = self.f.tensor([1] + size + [3], t['kind'], None, t['scales'], t['zeros'])
            x = self.f.op(TRANSPOSE, [x, self.ints([0, 2, 3, 1])], y, 26, {})
        if kind != 'f32' and self.kind not in QUANTIZED:
            x = self.f.op(DEQUANTIZE, [x], self.map(size + [3], 'floats'))
        for n, (code, values, first) in enumerate(before):
            k = self.f.tensor([len(values)] if len(values) > 1 else [], FLOAT32, np.array(values))
            self.at['before%d' % n] = len(self.f.ops)
            x = self.f.op(code, [k, x] if first else [x, k], self.map(size + [3], 'before%d' % n, floats=True),
                          {ADD: 11, MUL: 21, SUB: 28, DIV: 29}[code], {0: (I8, NONE)})
            a, b, k = self.rule[0], self.rule[1], np.array(values, 'f4').astype('f8')
            self.rule = {ADD: lambda: (a, b + k), MUL: lambda: (a * k, b * k), DIV: lambda: (a / k, b / k),
                         SUB: lambda: (-a, k - b) if first else (a, b - k)}[code]()
        if self.kind in QUANTIZED and (kind == 'f32' or self.f.tensors[x]['kind'] != QUANTIZED[self.kind][0]):
            y = self.map(size + [3], 'stem input')
            if rule:  # other integers for the same numbers
                self.f.tensors[y].update(scales=self.scale(x), zeros=[self.f.tensors[x]['zeros'][0] - 128])
            x = self.f.op(QUANTIZE, [x], y)
        self.names[x] = 'stem input'
        return x

    def finish(self, x, size, ends, channels_first, tail):
        shape = self.shape(x)
        for what in tail:
            if what == 'resize':
                self.at['resize'] = len(self.f.ops)
                x = self.resize(x, size, self.names[x])
            elif what == 'half':
                self.at['half'] = len(self.f.ops)
                x = self.resize(x, [-(-n // 2) for n in size], self.names[x])
            elif what == 'nearest':  # TensorFlow Lite has it for real numbers
                x = self.f.op(CAST, [x], self.f.tensor([1] + self.shape(x), FLOAT32), 37, {})
                x = self.f.op(EXPAND_DIMS, [x, self.ints([3])], self.f.tensor([1] + self.shape(x) + [1], FLOAT32), 52, {})
                x = self.f.op(RESIZE_NEAREST_NEIGHBOR, [x, self.size], self.f.tensor([1] + size + [1], FLOAT32), 74, {})
            elif what == 'computed':
                x = self.computed_reshape(x, shape[-1:])
            elif what == 'argmax':
                self.at['argmax'] = len(self.f.ops)
                x = self.f.op(ARG_MAX, [x, self.ints([3], [])], self.f.tensor([1] + self.shape(x)[:2], INT64), 40, {0: (I8, INT64)})
            elif what == 'turn':
                h, w, c = self.shape(x)
                x = self.f.op(TRANSPOSE, [x, self.ints([0, 3, 1, 2])], self.map([c, h, w], self.names[x]), 26, {})
            elif what in ('squeeze', 'reshape'):
                y = self.map([shape[-1]], self.names[x])
                self.same_format(x, y)
                x = self.f.op(SQUEEZE, [x], y) if what == 'squeeze' else self.f.op(RESHAPE, [x, self.ints([1, shape[-1]])], y)
            elif what == 'softmax':
                y = self.map(self.shape(x), self.names[x])
                if self.kind in QUANTIZED:
                    self.f.tensors[y].update(scales=[1 / 256], zeros=[QUANTIZED[self.kind][1]])
                self.at['softmax'] = len(self.f.ops)
                x = self.f.op(SOFTMAX, [x], y, 9, {0: (F32, 1.0)})
        if self.kind in QUANTIZED and ends[1] == 'f32' and tail[-1:] != ('argmax',):
            self.f.op(DEQUANTIZE, [x], self.f.tensor([1] + self.shape(x), FLOAT32))
        elif ends[1] == 'u8' and self.kind != 'u8':
            t = self.f.tensors[x]
            self.f.op(QUANTIZE, [x], self.f.tensor(t['shape'], UINT8, None, t['scales'], [t['zeros'][0] + 128]))


NORMALIZE = [(SUB, [120.5, 115.25, 101], False), (DIV, [58.5, 57.25, 57.5], False)]
FORMS = {
    # TOCO, Acuity: no activation but in the range; the pooled branch's bytes have another scale than they were resized to.
    'toco': dict(seed=1, size=[33, 49], output_stride=16, kind='u8', relu6='implicit', relu='implicit',
                 ends=(('u8', 1 / 128, 128), 'u8'), tail=('resize', 'argmax')),
    'acuity': dict(seed=2, size=[33, 33], kind='u8', relu6='relu', pooling='mean', tail=('resize',)),
    'pertensor': dict(seed=3, size=[49, 33], output_stride=16, kind='i8t', relu6='implicit', ends=(('u8', 1 / 127.5, 127), 'f32'),
                   tail=('resize',)),
    'equalized': dict(seed=4, size=[64, 64], kind='i8t', relu6='caps', padding='explicit', ends=(('u8', 1 / 127.5, 127), 'f32'),
                      head='classifier', pooling='flat', dense=['fc'], tail=('softmax',)),
    'caps': dict(seed=5, size=[33, 49], output_stride=16, relu6='caps', tail=('resize',)),
    'sixth': dict(seed=6, size=[64, 64], relu6='sixth', head='classifier', pooling='average', dense=['conv'], tail=('squeeze',)),
    'teachable': dict(seed=7, size=[66, 66], padding='explicit', head='classifier', pooling='flat', dense=['fc', 'fc', 'fc'],
                      last_bias=False, tail=('softmax',)),
    'convdense': dict(seed=8, size=[64, 64], kind='i8', ends=(('u8', 1 / 255, 0), 'u8'), head='classifier', pooling='average',
                      dense=['conv', 'conv'], tail=('reshape', 'softmax')),
    'stuffed': dict(seed=9, size=[33, 41], output_stride=8, stuffed=True, tail=('resize',)),
    'stuffed8': dict(seed=10, size=[33, 33], output_stride=16, kind='u8', stuffed=True, ends=(('u8', 1 / 128, 128), 'u8'),
                     tail=('resize',)),
    'inside': dict(seed=11, size=[33, 33], before=NORMALIZE, bytes_in=True, tail=('resize',)),
    'inside8': dict(seed=12, size=[33, 33], kind='u8', before=[(MUL, [0.0078125], True), (ADD, [-1], False)], bytes_in=True,
                    tail=('resize',)),
    'turned': dict(seed=13, size=[33, 49], channels_first=True, before=[(SUB, [1.5], True)], ends=(('i8', 1 / 64, -3), 'f32'),
                   sampling=3,
                   tail=('resize', 'turn')),
    'dynamic': dict(seed=14, size=[64, 64], kind='dynamic', head='classifier', pooling='mean', dense=['conv', 'fc'],
                    tail=('softmax',)),
    'mobilenet1': dict(seed=15, size=[64, 64], network='v1', head='classifier', dense=['conv'], tail=('squeeze', 'softmax')),
    'mobilenet1u8': dict(seed=16, size=[64, 64], network='v1', kind='u8', relu6='implicit', ends=(('u8', 1 / 128, 128), 'u8'),
                         head='classifier', dense=['conv'], tail=('reshape', 'softmax')),
    'decoder': dict(seed=17, size=[64, 64], output_stride=16, kind='i8', ends=(('u8', 1 / 127.5, 127), 'f32'), head='decoder',
                    sampling=0, tail=('resize', 'argmax')),
    # Keras' head of MobileNetV1, of which only the batch is not fixed; the pooled branch by copies, labels enlarged.
    'computed': dict(seed=18, size=[64, 64], network='v1', kind='i8', padding='padv2', ends=(('u8', 1 / 127.5, 127), 'f32'),
                     head='classifier', pooling='computed', dense=['conv'], tail=('computed', 'softmax'), codes=MORE_CODES),
    'expanded': dict(seed=19, size=[33, 33], relu6='maximum', pooling='expanded', copies=TILE, tail=('half', 'argmax', 'nearest'),
                     codes=MORE_CODES),
}


def stored_picture(net, size, choices):
    bytes_ = picture(*size)
    t = net.f.tensors[net.f.inputs[0]]
    if t['kind'] == FLOAT32:
        x = bytes_.astype('f4') if choices.get('bytes_in') else bytes_ * (2 / 255) - 1
    else:
        x = bytes_.astype('i4') - (128 if t['kind'] == INT8 else 0)
    return np.ascontiguousarray(x.transpose(2, 0, 1) if choices.get('channels_first') else x, NUMPY[t['kind']])


def ranges_of(choices):
    """Of the maps of a network in integers: those that the same has in floats."""
    if choices.get('kind') not in QUANTIZED:
        return None
    fused = choices.get('relu6') in ('implicit', 'relu')
    plain = dict(choices, kind='f32', ends=('f32', 'f32'), relu='fused', tail=())
    twin = Form(**dict(plain, relu6='fused') if fused else plain)
    values = Forward(twin.f, stored_picture(twin, choices['size'], plain)).values
    return {name: (values[i].min(), values[i].max()) for i, name in twin.names.items() if i in values}


def build(choices):
    """The network."""
    return Form(ranges=ranges_of(choices), **choices)


def quants(net):
    """The lines of NAME.quants, by what the file's own tensors say."""
    rows = {}

    def tensor(index):
        t = net.f.tensors[index]
        return [np.float32(t['scales'][0]), t['zeros'][0] + (128 if t['kind'] == INT8 else 0)]

    for name, number in net.at.items():
        op = net.f.ops[number]
        code, made = net.f.codes[op['code']], op['outputs'][0]
        if code in (CONV_2D, DEPTHWISE_CONV_2D, FULLY_CONNECTED):
            fused = op['options'][{CONV_2D: 3, DEPTHWISE_CONV_2D: 4, FULLY_CONNECTED: 0}[code]][1]
            scale, zero = tensor(made)
            top = min(255, int(np.rint(np.float32(6) / scale + np.float32(zero)))) if fused == ACT_RELU6 else 255
            rows.setdefault(name, {}).update(quant=tensor(made), bounds=[zero, top] if fused else [0, 0])
        elif code == ADD:
            rows[name[:-3] + 'project']['sum'] = tensor(made)
        elif name == 'pool':
            rows['head.pool'] = dict(quant=tensor(made), mean=int(code == MEAN))
        elif code == CONCATENATION:
            parts = {'concat': [('head.image_pooling', 'pooled'), ('head.aspp0', 'head.aspp0')],
                     'decoder': [('head.projection', 'enlarged'), ('head.low_level', 'head.low_level')]}[name]
            for layer, part in parts:
                rows[layer].update(joined=tensor(made), joining=net.joins.get(part, 0))
            if name == 'decoder':
                rows['head.join'] = dict(quant=tensor(made))
    none = [0, 0]
    return ['%s %.9g %d %.9g %d %.9g %d %d %d %d %d' % tuple(
        [name] + row['quant'] + row.get('sum', none) + row.get('joined', none) + [row.get('joining', 0)] +
        row.get('bounds', none) + [row.get('mean', 0)]) for name, row in rows.items()]


def main():
    folder = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'data')
    for name, choices in FORMS.items():
        net = build(choices)
        with open(os.path.join(folder, name + '.tflite'), 'wb') as out:
            out.write(net.f.bytes())
        write_values(os.path.join(folder, name + '.values'), net.values)
        if choices.get('kind') in QUANTIZED and name not in ('toco', 'equalized', 'inside8'):
            with open(os.path.join(folder, name + '.quants'), 'w') as out:
                out.write('\n'.join(quants(net)) + '\n')
        scores = Forward(net.f, stored_picture(net, choices['size'], choices)).values[net.scores]
        shape = ([1, 1] + list(scores.shape))[-3:] if scores.ndim < 4 else scores.shape[1:]
        with open(os.path.join(folder, name + '.scores'), 'wb') as out:
            out.write(struct.pack('<3i', *shape) + scores.astype('<f4').tobytes())
    write_patches(os.path.join(folder, 'forms.txt'), FORM_FAULTS, lambda name: build(FORMS[name]))
    write_patches(os.path.join(folder, 'quants.txt'), QUANT_FAULTS, lambda name: build(FORMS[name]))


if __name__ == '__main__':
    main()
