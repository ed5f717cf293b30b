#!/usr/bin/python3
"""Writes small frozen TensorFlow graphs (.pb) into data: a MobileNetV2 (all 17 blocks, a few channels each) with a head, in the forms
in which TensorFlow, slim, DeepLab's export and Keras leave one. As make_forms.py, and:

NAME.values   per layer the weight and the bias that mseg must run, batch norm folded (double, rounded once); "input", [3, 3]: a byte
              becomes byte * the first row + the second, and what lies beside the picture is the third
NAME.scores   height, width, classes and the scores of make_forms.picture(), computed here while the graph is made, in NumPy and double
graphdefs.txt base|status|part of the message|offset,bytes taken out,hexadecimal bytes put in: single faults

Needs python3-numpy.
"""
import os
import struct

import numpy as np

from graphdef_faults import FAULTS
from graphdef_file import BOOL, FLOAT, INT32, STRING, UINT8, Graph, tensor
from make_forms import picture
from make_tflite import CHANNELS, CLASSES, HEAD, LAST, STRIDES, write_values

EPSILON = np.float32(0.001)


def same(n, kernel, stride, rate):
    zeros = max((-(-n // stride) - 1) * stride + (kernel - 1) * rate + 1 - n, 0)
    return zeros // 2, zeros - zeros // 2


def convolve(x, w, stride, rate, depthwise, pads=None):
    """x [h, w, c], w [kh, kw, in, out] or [kh, kw, c, 1]."""
    kernel = w.shape[0]
    (t, b), (l, r) = pads or [same(n, kernel, stride, rate) for n in x.shape[:2]]
    x = np.pad(x, [(t, b), (l, r), (0, 0)])
    oh, ow = ((n - (kernel - 1) * rate - 1) // stride + 1 for n in x.shape[:2])
    y = 0
    for i in range(kernel):
        for j in range(kernel):
            part = x[i * rate:i * rate + (oh - 1) * stride + 1:stride, j * rate:j * rate + (ow - 1) * stride + 1:stride]
            y = y + (part * w[i, j, :, 0] if depthwise else part @ w[i, j])
    return y


def on_grid(values, low, high, bits=8, narrow=False):
    """TensorFlow's fake quantisation, step by step in float32."""
    f = np.float32
    first, last = f(1 if narrow else 0), f(2 ** bits - 1)
    scale = f((f(high) - f(low)) / (last - first))
    zero = f(np.clip(f(first - f(f(low) / scale)), first, last))
    zero = np.floor(zero + f(0.5))
    least, most = f((first - zero) * scale), f((last - zero) * scale)
    shifted = (np.clip(values.astype('f4'), least, most) - least).astype('f4')
    steps = np.floor((shifted / scale).astype('f4') + f(0.5))
    return ((steps * scale).astype('f4') + least).astype('f4')


class Frozen:
    """norm: bias, apart (FusedBatchNormV3), folded (Mul, Add), keras (as it is computed: Rsqrt of constants and so on). atrous: batches,
    dilations. store: how constants lie in the file. before: see start(). fake: with fake quantisation. head: deeplab, classifier."""

    def __init__(self, seed, size, output_stride=32, norm='bias', atrous='dilations', store='content', before='none', fake=False,
                 head='deeplab', clip=False, order=None, tail='argmax', mean=(127.5, 127.5, 127.5), explicit=False):
        self.random = np.random.RandomState(seed)
        self.size, self.norm, self.atrous, self.store, self.fake, self.clip = size, norm, atrous, store, fake, clip
        self.order, self.explicit = order, explicit
        self.g, self.values, self.at = Graph(), [], {}
        self.rule = np.array([[2 / 255] * 3, [-1.0] * 3, [0.0] * 3])
        x = self.start(before, np.array(mean, 'f4'))
        x = self.conv(x, 'backbone.stem', 3, 4, 2, 1, 'Relu6')
        now, rate = 2, 1
        for n in range(17):
            turned = STRIDES[n] == 2 and now == output_stride
            stride = 1 if turned else STRIDES[n]
            x = self.block(x, n, stride, rate)
            now, rate = now * stride, rate * (2 if turned else 1)
        if head == 'deeplab':
            x = self.deeplab(x)
        else:
            x = self.classifier(x, head)
        self.scores = x[1]
        self.finish(x, tail, head)
        self.values.insert(0, ('input', [3, 3], self.rule))

    # ---- nodes; a map is (name, values) ----

    def const(self, name, array, how=None):
        array = np.asarray(array)
        how = how or ('once' if self.store == 'once' and array.size > 1 and (array == array.flat[0]).all() else
                      'listed' if self.store == 'once' else self.store)
        self.g.add(name, 'Const', value=('tensor', tensor(array, how)), dtype=('type', FLOAT))
        return name

    def weight(self, name, array):
        """A constant as slim's variables are read."""
        return self.g.add(name + '/read', 'Identity', [self.const(name, array)])

    def start(self, before, mean):
        g, (h, w) = self.g, self.size
        photo = picture(h, w).astype('f8')
        if before == 'none':  # floats of known size
            g.add('input', 'Placeholder', dtype=('type', FLOAT), shape=('shape', [-1, h, w, 3]))
            return 'input', photo * (2 / 255) - 1
        if before == 'fixed':  # bytes, scaled as Keras does
            g.add('input', 'Placeholder', dtype=('type', UINT8), shape=('shape', [1, -1, -1, 3]))
            x = g.add('float', 'Cast', ['input'], SrcT=('type', UINT8), DstT=('type', FLOAT))
            x = g.add('resized', 'ResizeBilinear', [x, self.const('size', np.array([h, w], 'i4'))])
            x = g.add('minus', 'Sub', [x, self.const('mean', np.array([120, 110, 100], 'f4'))])
            x = g.add('over', 'RealDiv', [x, self.const('std', np.array([60, 50, 40], 'f4'))])
            std, rgb = np.array([60, 50, 40]), np.array([120, 110, 100])
            self.rule = np.array([1 / std, -rgb / std, (128 - rgb) / std])
            return x, (photo - rgb) / std
        return self.export(photo, mean, before == 'ranged')

    def number(self, name, value, kind='i4'):
        return self.const(name, np.array(value, kind))

    def part(self, name, x, begin, end, drop=1):
        ends = [self.const('%s/stack%s' % (name, s), np.array([v], 'i4')) for s, v in (('', begin), ('_1', end), ('_2', 1))]
        return self.g.add(name, 'StridedSlice', [x] + ends, shrink_axis_mask=drop, begin_mask=0, end_mask=0, ellipsis_mask=0,
                          new_axis_mask=0)

    def export(self, photo, mean, ranged):
        """DeepLab's export_model.py: bytes of any size, scaled to a range of sizes (ranged), padded to the crop size with the mean."""
        g, (h, w) = self.g, self.size
        g.add('ImageTensor', 'Placeholder', dtype=('type', UINT8), shape=('shape', [1, -1, -1, 3]))
        self.photo_size = self.part('size', g.add('Shape', 'Shape', ['ImageTensor']), 1, 3, 0)
        x = g.add('Squeeze', 'Squeeze', ['ImageTensor'], squeeze_dims=[0])
        x = g.add('Cast', 'Cast', [x], SrcT=('type', UINT8), DstT=('type', FLOAT))
        if ranged:
            x = self.to_range(x, max(h, w))
        shape = g.add('Shape_1', 'Shape', [x])
        target = []
        for i, n in enumerate((h, w)):
            side = self.part('side%d' % i, shape, i, i + 1)
            gap = g.add('gap%d' % i, 'Maximum', [g.add('sub%d' % i, 'Sub', [self.number('crop%d' % i, n), side]),
                                                 self.number('zero%d' % i, 0)])
            target.append(g.add('target%d' % i, 'Add', [side, gap]))
        pixel = g.add('pixel', 'Reshape', [self.const('mean_pixel', mean), self.const('pixel/shape', np.array([1, 1, 3], 'i4'))])
        right = g.add('rank_is', 'Equal', [g.add('rank', 'Rank', [x]), self.number('three', 3)])
        g.add('data', 'Const', value=('tensor', b'\x08\x07\x12\0\x42\4oops'), dtype=('type', STRING))
        g.add('Assert', 'Assert', [right, 'data'])
        x = g.add('less', 'Sub', [x, pixel, '^Assert'])
        if ranged:  # as in 2018: three dimensions are padded
            shape = g.add('Shape_2', 'Shape', [x])
            pads = [g.add('stack_%d' % i, 'Pack', [self.number('none%d' % i, 0), g.add('rest%d' % i, 'Sub', [
                target[i], self.part('now%d' % i, shape, i, i + 1)])], axis=0, N=2) for i in range(2)]
            pads.append(self.const('stack_2', np.array([0, 0], 'i4')))
            x = g.add('Pad', 'Pad', [x, g.add('paddings', 'Pack', pads, axis=0, N=3)])
            return self.scaled(g.add('more', 'Add', [x, pixel]), photo, mean)
        x = g.add('ExpandDims', 'ExpandDims', [x, self.number('first', 0)])
        sides = g.add('unstack', 'Unpack', [g.add('Shape_2', 'Shape', [x])], num=4, axis=0)
        pads = [self.const('stack_0', np.array([0, 0], 'i4'))]
        for i in range(2):
            rest = g.add('rest%d' % i, 'Sub', [target[i], '%s:%d' % (sides, i + 1)])
            pads.append(g.add('stack_%d' % (i + 1), 'Pack', [self.number('none%d' % i, 0), rest], axis=0, N=2))
        pads.append(self.const('stack_3', np.array([0, 0], 'i4')))
        x = g.add('Pad', 'Pad', [x, g.add('paddings', 'Pack', pads, axis=0, N=4)])
        return self.scaled(g.add('more', 'AddV2', [g.add('Squeeze_1', 'Squeeze', [x], squeeze_dims=[0]), pixel]), photo, mean)

    def scaled(self, x, photo, mean):
        g = self.g
        x = g.add('ExpandDims_1', 'ExpandDims', [x, self.number('first_1', 0)])
        x = g.add('mul', 'Mul', [self.number('mul/x', 2 / 255, 'f4'), x])
        x = g.add('sub', 'Sub', [x, self.number('sub/y', 1, 'f4')])
        self.rule[2] = mean * (2 / 255) - 1
        return x, photo * (2 / 255) - 1

    def to_range(self, x, most):
        """preprocess_utils.resize_to_range: the shorter side becomes 20, unless the longer one then has more than most."""
        g = self.g
        shape = g.add('range/Shape', 'Shape', [x])
        sides = [g.add('range/float%d' % i, 'Cast', [self.part('range/side%d' % i, shape, i, i + 1)], SrcT=('type', INT32),
                       DstT=('type', FLOAT)) for i in range(2)]
        sizes = []
        for name, op, to in (('large', 'Minimum', 20), ('small', 'Maximum', most)):
            factor = g.add('range/%s' % name, 'RealDiv', [self.number('range/%s/to' % name, to, 'f4'),
                                                          g.add('range/%s/of' % name, op, sides)])
            ints = [g.add('range/%s/int%d' % (name, i), 'Cast', [g.add('range/%s/floor%d' % (name, i), 'Floor', [
                g.add('range/%s/mul%d' % (name, i), 'Mul', [s, factor])])], DstT=('type', INT32)) for i, s in enumerate(sides)]
            sizes.append(g.add('range/%s/size' % name, 'Pack', ints, axis=0, N=2))
        longest = g.add('range/longest', 'Max', [sizes[0], self.const('range/axes', np.array([0], 'i4'))], keep_dims=False)
        over = g.add('range/over', 'Greater', [g.add('range/longest/float', 'Cast', [longest], DstT=('type', FLOAT)),
                                               self.number('range/most', most, 'f4')])
        branches = [g.add('range/cond/%d' % i, 'Switch', [s, over]) for i, s in enumerate(sizes)]
        new = g.add('range/cond/Merge', 'Merge', [branches[0], g.add('range/cond/true', 'Identity', [branches[1] + ':1'])])
        x = g.add('range/ExpandDims', 'ExpandDims', [x, self.number('range/first', 0)])
        x = g.add('range/resize', 'ResizeBilinear', [x, new], align_corners=True)
        return g.add('range/Squeeze', 'Squeeze', [x], squeeze_dims=[0])

    # ---- layers ----

    def conv(self, x, name, kernel, out, stride, rate, act, depthwise=False):
        g, (x, v) = self.g, x
        c = v.shape[2]
        w = self.random.randn(kernel, kernel, c, 1 if depthwise else out).astype('f4') / np.float32(kernel * 2 if depthwise else c)
        stored = self.weight(name + '/weights', w)
        if self.fake:
            low, high = float(w.min()) * 0.9 - 0.01, float(w.max()) * 0.9 + 0.01
            ends = [self.number('%s/%s' % (name, e), s, 'f4') for e, s in (('min', low), ('max', high))]
            stored = g.add(name + '/quant', 'FakeQuantWithMinMaxVars', [stored] + ends, num_bits=8, narrow_range=False)
            w = on_grid(w, low, high)
        op = 'DepthwiseConv2dNative' if depthwise else 'Conv2D'
        common = dict(strides=[1, stride, stride, 1], data_format='NHWC')
        if rate > 1 and self.atrous == 'batches':
            y = self.in_batches(x, v, name, op, stored, rate, common)
        elif stride > 1 and self.explicit and not depthwise:
            (t, b), (l, r) = (same(n, kernel, stride, 1) for n in v.shape[:2])
            y = g.add(name, op, [x, stored], padding='EXPLICIT', explicit_paddings=[0, 0, t, b, l, r, 0, 0], **common)
        elif stride > 1 and self.explicit:  # as Keras pads
            (t, b), (l, r) = (same(n, kernel, stride, 1) for n in v.shape[:2])
            pads = self.const(name + '/pads', np.array([[0, 0], [t, b], [l, r], [0, 0]], 'i4'))
            y = g.add(name, op, [g.add(name + '/Pad', 'Pad', [x, pads]), stored], padding='VALID', **common)
        else:
            y = g.add(name, op, [x, stored], padding='SAME', dilations=[1, rate, rate, 1], **common)
        self.at[name] = name
        y, w, b = self.normalise(y, name, w, out, depthwise)
        v = convolve(v, w.astype('f8'), stride, rate, depthwise) + b.astype('f8')
        order = [out, kernel, kernel, c] if not depthwise else [1, kernel, kernel, c]
        self.values.append((name + '.weight', order, w.transpose(2, 0, 1, 3)[None, ..., 0].transpose(0, 2, 3, 1) if depthwise else
                            w.transpose(3, 0, 1, 2)))
        self.values.append((name + '.bias', [out], b))
        return self.act((y, v), name, act)

    def normalise(self, y, name, w, out, depthwise):
        """What stands behind a convolution. Returns its weights and bias as they are then."""
        g, r = self.g, self.random
        along = (1, 1, -1, 1) if depthwise else (1, 1, 1, -1)
        gamma, beta, mean = (r.randn(out).astype('f4') for _ in range(3))
        variance = r.uniform(0.5, 2, out).astype('f4')
        if self.store == 'once' and r.rand() < 0.5:
            gamma = np.ones(out, 'f4')
        if self.norm == 'bias':
            return g.add(name + '/BiasAdd', 'BiasAdd', [y, self.weight(name + '/biases', beta)], data_format='NHWC'), w, beta
        if self.norm == 'apart':
            parts = [self.weight('%s/BatchNorm/%s' % (name, p), a) for p, a in
                     (('gamma', gamma), ('beta', beta), ('moving_mean', mean), ('moving_variance', variance))]
            y = g.add(name + '/BatchNorm', 'FusedBatchNormV3', [y] + parts, epsilon=float(EPSILON), is_training=False,
                      data_format='NHWC')
            factor = gamma.astype('f8') / np.sqrt(variance.astype('f8') + EPSILON.astype('f8'))
            bias = ((0 - mean.astype('f8')) * factor + beta.astype('f8')).astype('f4')
            return y, (w.astype('f8') * factor.reshape(along)).astype('f4'), bias
        if self.norm == 'folded':
            y = g.add(name + '/mul', 'Mul', [y, self.const(name + '/factor', gamma)])
            less = r.rand() < 0.3
            y = g.add(name + '/add', 'Sub' if less else 'AddV2', [y, self.const(name + '/offset', -beta if less else beta)])
            return y, (w.astype('f8') * gamma.astype('f8').reshape(along)).astype('f4'), beta
        p = name + '/batchnorm/'
        k = g.add(p + 'add', 'AddV2', [self.weight(p + 'variance', variance), self.number(p + 'epsilon', EPSILON, 'f4')])
        k = g.add(p + 'mul', 'Mul', [g.add(p + 'Rsqrt', 'Rsqrt', [k]), self.weight(p + 'gamma', gamma)])
        y = g.add(p + 'mul_1', 'Mul', [y, k])
        b = g.add(p + 'sub', 'Sub', [self.weight(p + 'beta', beta), g.add(p + 'mul_2', 'Mul', [self.weight(p + 'mean', mean), k])])
        factor = ((1 / np.sqrt((variance + EPSILON).astype('f8'))).astype('f4') * gamma).astype('f4')
        return (g.add(p + 'add_1', 'AddV2', [y, b]), (w.astype('f8') * factor.astype('f8').reshape(along)).astype('f4'),
                (beta - (mean * factor).astype('f4')).astype('f4'))

    def in_batches(self, x, v, name, op, stored, rate, common):
        h, w, _ = v.shape
        bottom, right = (rate + -(n + 2 * rate) % rate for n in (h, w))
        block = self.const(name + '/block', np.array([rate, rate], 'i4'))
        pads = self.const(name + '/paddings', np.array([[rate, bottom], [rate, right]], 'i4'))
        crops = self.const(name + '/crops', np.array([[0, bottom - rate], [0, right - rate]], 'i4'))
        x = self.g.add(name + '/SpaceToBatchND', 'SpaceToBatchND', [x, block, pads])
        x = self.g.add(name, op, [x, stored], padding='VALID', dilations=[1, 1, 1, 1], **common)
        return self.g.add(name + '/BatchToSpaceND', 'BatchToSpaceND', [x, block, crops])

    def act(self, x, name, act):
        g, (x, v) = self.g, x
        if act and self.clip:
            x = g.add(name + '/Maximum', 'Maximum', [x, self.number(name + '/0', 0, 'f4')])
            if act == 'Relu6':
                x = g.add(name + '/Minimum', 'Minimum', [self.number(name + '/6', 6, 'f4'), x])
        elif act:
            x = g.add(name + '/' + act, act, [x])
        v = np.clip(v, 0, 6 if act == 'Relu6' else None) if act else v
        if self.fake and act == 'Relu6':
            x = g.add(name + '/act_quant', 'FakeQuantWithMinMaxArgs', [x], min=0.0, max=6.0, num_bits=8)
        return g.add(name + '/out', 'Identity', [x]), v

    def block(self, x, n, stride, rate):
        start, name, c = x, 'backbone.block%d.' % n, x[1].shape[2]
        if n:
            x = self.conv(x, name + 'expand', 1, c + 2, 1, 1, 'Relu6')
        x = self.conv(x, name + 'depthwise', 3, x[1].shape[2], stride, rate, 'Relu6', True)
        x = self.conv(x, name + 'project', 1, CHANNELS[n], 1, 1, None)
        if n and STRIDES[n] == 1 and c == CHANNELS[n]:
            pair = [x, start] if n % 2 else [start, x]
            x = self.g.add(name + 'add', 'AddV2', [p[0] for p in pair]), pair[0][1] + pair[1][1]
        return x

    def pool(self, x, keep):
        x, v = x
        mean = v.mean((0, 1), keepdims=True)
        if keep is None:
            return self.g.add('AvgPool', 'AvgPool', [x], ksize=[1, v.shape[0], v.shape[1], 1], strides=[1] + (
                [1, 1] if self.order else list(v.shape[:2])) + [1], padding='VALID', data_format='NHWC'), mean
        return self.g.add('Mean', 'Mean', [x, self.const('Mean/axes', np.array([1, 2], 'i4'))], keep_dims=keep), mean

    def resize(self, name, x, size):
        return self.g.add(name, 'ResizeBilinear', [x, self.const(name + '/size', np.array(size, 'i4'))], align_corners=True)

    def deeplab(self, x):
        h, w, _ = x[1].shape
        p, v = self.conv(self.pool(x, None), 'head.image_pooling', 1, HEAD, 1, 1, 'Relu')
        branches = [(self.resize('pooled', p, [h, w]), np.broadcast_to(v, (h, w, HEAD))),
                    self.conv(x, 'head.aspp0', 1, HEAD + 1, 1, 1, 'Relu')]
        x = self.g.add('concat', 'ConcatV2', [b[0] for b in branches] + [self.number('concat/axis', 3)], N=len(branches))
        x = self.conv((x, np.concatenate([b[1] for b in branches], 2)), 'head.projection', 1, HEAD + 2, 1, 1, 'Relu')
        return self.logits(x)

    def logits(self, x):
        norm, self.norm = self.norm, 'bias'
        x = self.conv(x, 'head.classifier', 1, CLASSES, 1, 1, None)
        self.norm = norm
        return x

    def classifier(self, x, head):
        x = self.conv(x, 'backbone.last', 1, LAST, 1, 1, 'Relu6')
        if head == 'conv':
            return self.logits(self.pool(x, True))
        x, v = self.pool(x, False)
        w, b = self.random.randn(LAST, CLASSES).astype('f4'), self.random.randn(CLASSES).astype('f4')
        turned = head == 'turned'
        y = self.g.add('dense/MatMul', 'MatMul', [x, self.weight('dense/kernel', w.T if turned else w)], transpose_a=False,
                       transpose_b=turned)
        y = self.g.add('dense/BiasAdd', 'BiasAdd', [y, self.weight('dense/bias', b)])
        self.values += [('head.classifier.weight', [CLASSES, 1, 1, LAST], w.T), ('head.classifier.bias', [CLASSES], b)]
        return y, v @ w.astype('f8') + b

    def finish(self, x, tail, head):
        g, x = self.g, x[0]
        if head != 'deeplab':
            if head == 'conv':
                x = g.add('SpatialSqueeze', 'Squeeze', [x], squeeze_dims=[1, 2])
            g.add('Predictions', 'Softmax', [x])
            return
        x = self.resize('up', x, self.size)
        if tail == 'argmax':
            g.add('labels', 'ArgMax', [x, self.number('labels/axis', 3)])
            return
        p = g.add('probabilities', 'Softmax', [x])  # export: both, cut and resized to the photo
        x = g.add('RawSemanticPredictions', 'Cast', [g.add('ArgMax', 'ArgMax', [x, self.number('axis', 3)])], DstT=('type', INT32))
        size = [self.part('cut/%d' % i, self.photo_size, i, i + 1) for i in range(2)]
        begin = self.const('cut/begin', np.zeros(3, 'i4'))
        if self.order:
            count = g.add('cut/count', 'Pack', [self.number('cut/all', 1)] + size, axis=0, N=3)
            all_of = self.const('cut/scores/count', np.array([1, *self.size, CLASSES], 'i4'))
            x = g.add('cut/labels', 'Slice', [x, begin, count])
            p = g.add('cut/scores', 'Slice', [p, self.const('cut/scores/begin', np.zeros(4, 'i4')), all_of])
        else:
            end = g.add('cut/end', 'Pack', [self.number('cut/all', 0)] + size, axis=0, N=3)
            cut = [begin, end, self.const('cut/step', np.ones(3, 'i4'))]
            x = g.add('cut/labels', 'StridedSlice', [x] + cut, begin_mask=7, end_mask=1, shrink_axis_mask=0)
            p = g.add('cut/scores', 'StridedSlice', [p] + cut, begin_mask=7, end_mask=1, shrink_axis_mask=0)
        x = g.add('four', 'ExpandDims', [x, self.number('last', 3)])
        x = g.add('nearest', 'ResizeNearestNeighbor', [x, self.photo_size], align_corners=True)
        g.add('SemanticPredictions', 'Squeeze', [x], squeeze_dims=[3])
        g.add('SemanticProbabilities', 'ResizeBilinear', [p, self.photo_size], align_corners=True)

    def bytes(self):
        order = None
        if self.order == 'shuffled':
            order = np.random.RandomState(5).permutation(len(self.g.nodes))
        if self.order == 'reversed':
            order = range(len(self.g.nodes) - 1, -1, -1)
        return self.g.bytes(order)


FILES = {
    'export': dict(seed=1, size=[33, 49], output_stride=8, norm='apart', atrous='batches', before='export', tail='export'),
    'ranged': dict(seed=2, size=[33, 33], output_stride=16, norm='folded', before='ranged', tail='export', order='reversed',
                   mean=(120, 130, 140)),
    'frozen': dict(seed=3, size=[32, 48], output_stride=16, norm='keras', store='listed', clip=True, explicit=True,
                   order='shuffled'),
    'simulated': dict(seed=4, size=[33, 33], norm='bias', fake=True, store='once'),
    'matmul': dict(seed=5, size=[64, 64], norm='apart', store='once', before='fixed', head='matmul'),
    'slim': dict(seed=6, size=[64, 64], norm='folded', head='conv'),
}


def splice(good, bad):
    start = next(i for i, (a, b) in enumerate(zip(good, bad)) if a != b)
    end = next((i for i, (a, b) in enumerate(zip(good[start:][::-1], bad[start:][::-1])) if a != b),
               min(len(good), len(bad)) - start)
    return start, len(good) - end - start, bad[start:len(bad) - end].hex()


def main():
    folder = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'data')
    for name, choices in FILES.items():
        net = Frozen(**choices)
        with open(os.path.join(folder, name + '.pb'), 'wb') as out:
            out.write(net.bytes())
        write_values(os.path.join(folder, name + '.values'), net.values)
        with open(os.path.join(folder, name + '.scores'), 'wb') as out:
            out.write(struct.pack('<3i', *net.scores.shape) + net.scores.astype('<f4').tobytes())
    with open(os.path.join(folder, 'graphdefs.txt'), 'w') as out:
        for base, status, text, fault in FAULTS:
            good = Frozen(**FILES[base]).bytes()
            net = Frozen(**FILES[base])
            fault(net.g)
            at, taken, put = splice(good, net.bytes())
            assert len(put) < 1600, (text, len(put))
            out.write('%s|%s|%s|%d,%d,%s\n' % (base, status, text, at, taken, put))


if __name__ == '__main__':
    main()
