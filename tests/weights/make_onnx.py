#!/usr/bin/python3
"""Writes the small ONNX files of tests/weights/data/onnx, the values that they hold, and faults.

Needs Debian's python3-onnx, python3-numpy and, for what it shares with make_tflite.py, python3-flatbuffers.

NAME.onnx    a MobileNetV2 (all 17 blocks, a few channels each) with a head, as one exporter or another writes it
NAME.values  what went in, as mseg is to hold it: per tensor name[64], rank, shape[4] (int32), values (float32)
faults.txt   base|status|part of the message|offset,bytes taken out,hexadecimal bytes put in ...
"""
import copy
import os
import sys

import numpy as np
from onnx import TensorProto, checker, helper, numpy_helper

from make_tflite import CHANNELS, CLASSES, HEAD, LAST, STRIDES, write_values
from onnx_faults import FAULTS

MICROSOFT = 'com.microsoft'
STEM = 4


class Net:
    """A graph in the making: nodes and initializers. Names of layers are mseg's."""

    def __init__(self, opset, seed, size, norm=True, clip='attribute', half=False, quant=None, nhwc=False, auto_pad=False):
        self.random, self.opset, self.size = np.random.RandomState(seed), opset, size
        self.norm, self.clip, self.half, self.quant, self.nhwc, self.auto_pad = norm, clip, half, quant, nhwc, auto_pad
        self.nodes, self.initializers, self.values, self.count = [], [], [], 0
        self.out = (TensorProto.FLOAT, [None] * 4)  # type and shape of the output
        self.scale = {}  # of values in bytes: the names of scale and zero point

    def node(self, op, inputs, name=None, outputs=1, domain='', **attributes):
        self.count += 1
        name = name or f'{op}_{self.count}'
        made = [name + '.out'] + [f'{name}.out{i}' for i in range(1, outputs)]
        self.nodes.append(helper.make_node(op, inputs, made, name=name, domain=domain, **attributes))
        return made[0]

    def constant(self, array, name=None, typed=False):
        """typed: as a list of numbers, not as raw bytes."""
        self.count += 1
        name = name or f'constant_{self.count}'
        array = np.asarray(array, order='C')
        if typed:
            kind = helper.NP_TYPE_TO_TENSOR_TYPE[array.dtype] if hasattr(helper, 'NP_TYPE_TO_TENSOR_TYPE') else TensorProto.FLOAT
            self.initializers.append(helper.make_tensor(name, kind, array.shape, array.ravel().tolist()))
        else:
            self.initializers.append(numpy_helper.from_array(array, name))
        return name

    def floats(self, *shape, low=-1.0, high=1.0):
        return self.random.uniform(low, high, shape).astype('f4')

    def keep(self, name, array):
        self.values.append((name, array.shape, array))

    # ---- layers: x a value, in_ its channels

    def activate(self, x, kind, layer):
        if kind == 'relu6' and self.clip == 'attribute':
            return self.node('Clip', [x], layer + '/Clip', min=0.0, max=6.0)
        if kind == 'relu6' and self.clip == 'constants':
            bounds = [self.node('Constant', [], value=numpy_helper.from_array(np.array(v, 'f4'), 'v')) for v in (0, 6)]
            return self.node('Clip', [x, *bounds], layer + '/Clip')
        if kind == 'relu6' and self.clip == 'min':
            return self.node('Min', [self.constant(np.array(6, 'f4')), self.node('Relu', [x])])
        return self.node('Relu', [x]) if kind else x

    def zeros(self, kernel, stride, rate):
        """Where padding is by the file: before and after, of a map of odd size (both rules are the same there)."""
        reach = (kernel - 1) * rate
        if self.auto_pad:
            return {'auto_pad': 'SAME_UPPER'}
        return {'pads': [reach // 2] * 4}

    def bytes_of(self, x, low, high, kind='int8', name=None):
        """x, floats, as bytes whose range is that; and back as floats when the form is QuantizeLinear and DequantizeLinear."""
        scale = np.float32((high - low) / 255)
        dtype = np.int8 if kind == 'int8' else np.uint8
        zero = dtype(np.clip(np.round(-low / scale) + np.iinfo(dtype).min, np.iinfo(dtype).min, np.iinfo(dtype).max))
        names = [self.constant(np.array(scale)), self.constant(np.array(zero))]
        q = self.node('QuantizeLinear', [x, *names], name)
        self.scale[q] = names
        return q

    def around(self, x, low, high):
        if self.quant != 'qdq':
            return x
        q = self.bytes_of(x, low, high)
        return self.node('DequantizeLinear', [q, *self.scale[q]])

    def stored(self, layer, part, array, scales):
        """Weights as bytes of these scales, along dimension 0; the numbers that they stand for."""
        at = (-1,) + (1,) * (array.ndim - 1)
        held = np.clip(np.round(array / scales.reshape(at)), -127, 127).astype('i1')
        return held, (held.astype('f8') * scales.reshape(at).astype('f8')).astype('f4')

    def conv(self, x, layer, in_, out, kernel=1, stride=1, rate=1, activation=None, depthwise=False, scores=False):
        w = self.floats(out, 1 if depthwise else in_, kernel, kernel)
        b = self.floats(out)
        options = dict(kernel_shape=[kernel] * 2, strides=[stride] * 2, dilations=[rate] * 2, group=out if depthwise else 1)
        options.update(self.zeros(kernel, stride, rate) if kernel > 1 else {})
        bounds = (0, 6) if activation == 'relu6' else (0, 9) if activation else (-4, 5)
        if self.quant:
            return self.quantized_conv(x, layer, w, b, options, bounds)
        if self.half:
            w = w.astype('f2')
        self.keep(layer + '.weight', (w.transpose(1, 2, 3, 0) if depthwise else w.transpose(0, 2, 3, 1)).astype('f4'))
        inputs = [x, self.constant(w, layer + '.weight', typed=layer == 'backbone.stem' and not self.half)]
        if not self.norm or scores:
            self.keep(layer + '.bias', b)
            return self.activate(self.node('Conv', [*inputs, self.constant(b, layer + '.bias')], layer, **options), activation, layer)
        x = self.node('Conv', inputs, layer, **options)
        parts = [('gamma', self.floats(out)), ('beta', b), ('mean', self.floats(out)), ('variance', self.floats(out, low=0.1))]
        for part, array in parts:
            self.keep(f'{layer}.norm.{part}', array)
        self.keep(layer + '.norm.epsilon', np.array([0.001], 'f4'))
        x = self.node('BatchNormalization', [x] + [self.constant(array, f'{layer}.{part}') for part, array in parts],
                      layer + '/BatchNorm', epsilon=0.001)
        return self.activate(x, activation, layer)

    def quantized_conv(self, x, layer, w, b, options, bounds):
        """Activations are only the bounds of the bytes."""
        scales = (np.abs(w).max((1, 2, 3)) / 127).astype('f4')
        held, real = self.stored(layer, 'weight', w, scales)
        self.keep(layer + '.weight', real.transpose(1, 2, 3, 0) if options['group'] > 1 else real.transpose(0, 2, 3, 1))
        weights = [self.constant(held, layer + '.weight'), self.constant(scales), self.constant(np.zeros(len(scales), 'i1'))]
        q = x if self.quant == 'operators' else self.nodes[[n.output[0] for n in self.nodes].index(x)].input[0]
        step = numpy_helper.to_array(next(t for t in self.initializers if t.name == self.scale[q][0]))
        sums = (step * scales).astype('f4')
        bias = np.round(b / sums).astype('i4')
        self.keep(layer + '.bias', (bias.astype('f8') * sums.astype('f8')).astype('f4'))
        if self.quant == 'operators':
            scale = np.float32((bounds[1] - bounds[0]) / 255)
            out = [self.constant(np.array(scale)), self.constant(np.array(np.round(-bounds[0] / scale), 'u1'))]
            y = self.node('QLinearConv', [x, *self.scale[x], *weights, *out, self.constant(bias)], layer, **options)
            self.scale[y] = out
            return y
        w = self.node('DequantizeLinear', weights, axis=0)
        b = self.node('DequantizeLinear', [self.constant(bias), self.constant(sums)], axis=0)
        return self.around(self.node('Conv', [x, w, b], layer, **options), *bounds)

    def add(self, x, y):
        if self.quant != 'operators':
            return self.around(self.node('Add', [x, y]), -5, 6)
        out = [self.constant(np.array(0.05, 'f4')), self.constant(np.array(101, 'u1'))]
        z = self.node('QLinearAdd', [x, *self.scale[x], y, *self.scale[y], *out], domain=MICROSOFT)
        self.scale[z] = out
        return z

    # ---- the network

    def backbone(self, x, output_stride):
        x = self.conv(x, 'backbone.stem', 3, STEM, 3, 2, activation='relu6')
        channels, reached, rate = STEM, 2, 1
        for i, (out, stride) in enumerate(zip(CHANNELS, STRIDES)):
            name, before, own, hidden = f'backbone.block{i}', x, rate, channels * 2 if i else channels
            if stride == 2 and reached == output_stride:
                stride, rate = 1, rate * 2
            reached *= stride
            if i:
                x = self.conv(x, name + '.expand', channels, hidden, activation='relu6')
            x = self.conv(x, name + '.depthwise', hidden, hidden, 3, stride, own, 'relu6', depthwise=True)
            x = self.conv(x, name + '.project', hidden, out)
            x = self.add(before, x) if stride == 1 and channels == out else x
            channels = out
        return x, channels

    def mean(self, x, how):
        if how == 'axes':
            return self.node('ReduceMean', [x, self.constant(np.array([-2, 3], 'i8'))], keepdims=0)
        return self.node('GlobalAveragePool', [x])

    def resize(self, x, height, width, align='align_corners', factor=None):
        if self.opset < 10:
            return self.node('Upsample', [x], scales=[1.0, 1.0, factor, factor], mode='linear')
        if self.opset < 11:
            return self.node('Resize', [x, self.constant(np.array([1, 1, factor, factor], 'f4'))], mode='linear')
        sizes = self.constant(np.array([1, self.of_scores, height, width], 'i8'))
        return self.node('Resize', [x, '', '', sizes], mode='linear', coordinate_transformation_mode=align)

    def deeplab(self, x, output_stride, labels=False, align='align_corners'):
        """The resizes' factors are those of maps of side 5 and 33."""
        height, width = (-(-n // output_stride) for n in self.size)
        x, channels = self.backbone(x, output_stride)
        pooled = self.conv(self.around(self.mean(x, 'pool'), -4, 5), 'head.image_pooling', channels, HEAD, activation='relu')
        self.of_scores = HEAD
        pooled = self.resize(pooled, height, width, align, float(height))
        x = self.node('Concat', [pooled, self.conv(x, 'head.aspp0', channels, HEAD, activation='relu')], axis=1)
        x = self.around(x, 0, 9)
        x = self.conv(x, 'head.projection', 2 * HEAD, HEAD, activation='relu')
        x = self.conv(x, 'head.classifier', HEAD, CLASSES, scores=True)
        self.of_scores = CLASSES
        x = self.resize(x, *self.size, align, self.size[0] / height)
        if labels:
            self.out = (TensorProto.INT64, [None] * 3)
            x = self.node('ArgMax', [x], axis=1, keepdims=0)
        return x

    def classifier(self, x, dense):
        self.out = (TensorProto.FLOAT, [None] * 2)
        x, channels = self.backbone(x, 32)
        x = self.conv(x, 'backbone.last', channels, LAST, activation='relu6')
        w, b = self.floats(CLASSES, LAST), self.floats(CLASSES)
        if dense == 'gemm':  # the batch is computed: Shape, Gather, Unsqueeze, Concat, Reshape
            x = self.mean(x, 'pool')
            batch = self.node('Gather', [self.node('Shape', [x]), self.constant(np.array(0))])
            shape = self.node('Concat', [self.node('Unsqueeze', [batch, self.constant(np.array([0]))]), self.constant(np.array([-1]))],
                              axis=0)
            x = self.node('Reshape', [x, shape])
            x = self.node('Gemm', [x, self.constant(w, 'classifier.1.weight'), self.constant(b)], 'dense', transB=1)
        elif dense == 'matmul':
            x = self.node('MatMul', [self.mean(x, 'axes'), self.constant(w.T)], 'dense')
            x = self.node('Add', [x, self.constant(b)])
        else:
            return self.quantized_classifier(x, w, b)
        self.keep('head.classifier.weight', w.reshape(CLASSES, 1, 1, LAST))
        self.keep('head.classifier.bias', b)
        return self.node('Softmax', [x], axis=1)

    def quantized_classifier(self, x, w, b):
        scales = (np.abs(w).max(1) / 127).astype('f4')
        held, real = self.stored('head.classifier', 'weight', w, scales)
        self.keep('head.classifier.weight', real.reshape(CLASSES, 1, 1, LAST))
        out = [self.constant(np.array(6 / 255, 'f4')), self.constant(np.array(0, 'u1'))]
        pooled = self.node('QLinearGlobalAveragePool', [x, *self.scale[x], *out], domain=MICROSOFT, channels_last=0)
        sums = (np.float32(6 / 255) * scales).astype('f4')
        bias = np.round(b / sums).astype('i4')
        self.keep('head.classifier.bias', (bias.astype('f8') * sums.astype('f8')).astype('f4'))
        last = [self.constant(np.array(0.1, 'f4')), self.constant(np.array(100, 'u1'))]
        x = self.node('QGemm', [self.node('Flatten', [pooled]), *out, self.constant(held), self.constant(scales),
                                self.constant(np.zeros(CLASSES, 'i1')), self.constant(bias), *last], 'dense', domain=MICROSOFT, transB=1)
        return self.node('DequantizeLinear', [x, *last])

    def model(self, x, output, shape, elem=TensorProto.FLOAT):
        dims = [1, *shape, 3] if self.nhwc else [1, 3, *shape]
        inputs = [helper.make_tensor_value_info('image', elem, dims)]
        if self.opset < 9:  # IR version 3 lists initializers as inputs, too
            inputs = [helper.make_tensor_value_info(t.name, t.data_type, list(t.dims)) for t in self.initializers] + inputs
        graph = helper.make_graph(self.nodes, 'graph', inputs, [helper.make_tensor_value_info(output, *self.out)],
                                  self.initializers)
        sets = [helper.make_opsetid('', self.opset)] + ([helper.make_opsetid(MICROSOFT, 1)] if self.quant == 'operators' else [])
        return helper.make_model(graph, opset_imports=sets, ir_version=3 if self.opset < 9 else 7, producer_name='make_onnx.py')


RULE = np.array([[2 / 255] * 3 + [-1] * 3], 'f4')


def upsample8():
    net = Net(8, 1, (33, 33))
    return net, net.model('image', net.deeplab('image', 8), net.size)


def nhwc10():
    """As tf2onnx writes a graph with its pre-processing: bytes with channels last, made floats, * 2/255, - 1; classes last."""
    net = Net(10, 2, (33, 33), norm=False, nhwc=True, auto_pad=True)
    x = net.node('Cast', ['image'], to=TensorProto.FLOAT)
    x = net.node('Mul', [x, net.constant(np.array([2 / 255], 'f4'))])
    x = net.node('Sub', [x, net.constant(np.array([1, 0.5, 0.25], 'f4'))])
    y = net.deeplab(net.node('Transpose', [x], 'transpose', perm=[0, 3, 1, 2]), 16)
    net.keep('input', np.array([2 / 255] * 3 + [-1, -0.5, -0.25], 'f4'))
    return net, net.model('image', net.node('Transpose', [y], perm=[0, 2, 3, 1]), net.size, TensorProto.UINT8)


def gemm13():
    """Of any size, and with a second output that is left out."""
    net = Net(13, 3, (64, 64), clip='constants')
    y = net.classifier('image', 'gemm')
    net.node('Sigmoid', ['backbone.block3.expand.out'], 'aux')
    std, mean = np.array([0.229, 0.224, 0.225]), np.array([0.485, 0.456, 0.406])
    net.keep('input', np.concatenate([1 / (255 * std), -mean / std]).astype('f4'))
    return net, net.model('image', y, ('height', 'width'))


def matmul18():
    net = Net(18, 4, (33, 49), clip='min', half=True, norm=False)
    return net, net.model('image', net.classifier('image', 'matmul'), net.size)


def labels16():
    net = Net(16, 5, (64, 64), clip='constants')
    return net, net.model('image', net.deeplab('image', 16, labels=True, align='pytorch_half_pixel'), net.size)


def qdq13():
    net = Net(13, 6, (33, 33), quant='qdq')
    return net, net.model('image', net.deeplab(net.around('image', -1, 1), 16), net.size)


def operators13():
    net = Net(13, 7, (64, 64), quant='operators')
    return net, net.model('image', net.classifier(net.bytes_of('image', -1, 1, 'uint8'), 'qgemm'), net.size)


FILES = {f.__name__: f for f in (upsample8, nhwc10, gemm13, matmul18, labels16, qdq13, operators13)}


def graph_at(raw):
    """Where the graph's own bytes begin: behind version, producer, key and length."""
    at = raw.index(b'make_onnx.py') + len(b'make_onnx.py') + 1
    while raw[at] >= 128:
        at += 1
    return at + 1


def splices(good, bad):
    """What makes bad of good: a change of the graph's length and one in it."""
    a, b = graph_at(good), graph_at(bad)
    head = [f'0,{a},{bad[:b].hex()}'] if good[:a] != bad[:b] else []
    return ' '.join(head + [splice(good, bad, a, b)])


def splice(good, bad, at, bad_at):
    """The one change from there on."""
    good, bad = good[at:], bad[bad_at:]
    before = next((i for i, (a, b) in enumerate(zip(good, bad)) if a != b), min(len(good), len(bad)))
    behind = 0
    while behind < min(len(good), len(bad)) - before and good[-1 - behind] == bad[-1 - behind]:
        behind += 1
    return f'{at + before},{len(good) - before - behind},{bad[before:len(bad) - behind].hex()}'


def main(folder):
    models = {}
    for name, build in FILES.items():
        net, models[name] = build()
        if net.opset < 18 and net.quant != 'operators':  # what python3-onnx 1.12 knows
            checker.check_model(models[name])
        with open(os.path.join(folder, name + '.onnx'), 'wb') as out:
            out.write(models[name].SerializeToString())
        given = [] if any(v[0] == 'input' for v in net.values) else [('input', (6,), RULE[0])]
        write_values(os.path.join(folder, name + '.values'), net.values + given)
    with open(os.path.join(folder, 'faults.txt'), 'w', encoding='ascii') as out:
        for base, status, text, fault in FAULTS:
            bad = copy.deepcopy(models[base])
            fault(bad)
            out.write(f'{base}|{status}|{text}|{splices(models[base].SerializeToString(), bad.SerializeToString())}\n')


if __name__ == '__main__':
    main(sys.argv[1] if len(sys.argv) > 1 else os.path.join(os.path.dirname(os.path.abspath(__file__)), 'data/onnx'))
