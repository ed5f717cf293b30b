"""Single faults of the graphs of make_graphdef.py: base, status, part of the message, what breaks it."""
import numpy as np

from graphdef_file import message, number, tensor


def attribute(node, key, value):
    return lambda g: g.find(node).attributes.__setitem__(key, value)


def without(node, key):
    return lambda g: g.find(node).attributes.pop(key)


def op(node, name):
    return lambda g: setattr(g.find(node), 'op', name)


def reads(node, index, name):
    return lambda g: g.find(node).inputs.__setitem__(index, name)


def dims(node, *sizes):
    """The constant gets that shape, whatever its values."""
    shape = b''.join(message(2, number(1, s)) for s in sizes)
    return attribute(node, 'value', ('tensor', number(1, 1) + message(2, shape) + message(4, bytes(16))))


def value(node, array, how='content'):
    return attribute(node, 'value', ('tensor', tensor(np.array(array), how)))


STEM, BLOCK4 = 'backbone.stem', 'backbone.block4.depthwise'

FAULTS = [
    ('export', 'FORMAT', 'node backbone.block3.expand/BatchNorm (FusedBatchNormV3) reads nowhere, which is not in the file',
     reads('backbone.block3.expand/BatchNorm', 1, 'nowhere')),
    ('export', 'FORMAT', 'depends on itself', reads('backbone.block3.expand', 0, 'backbone.block4.expand/out')),
    ('export', 'FORMAT', 'node mul (Sub) is there twice', lambda g: setattr(g.find('sub'), 'name', 'mul')),
    ('export', 'FORMAT', 'no node at byte', lambda g: setattr(g.find('mul'), 'op', '')),
    ('export', 'FORMAT', 'node backbone.stem (Conv2D) has a "strides" that is not a list', attribute(STEM, 'strides', 2)),
    ('export', 'FORMAT', 'has a "strides" that is not a list of so many', attribute(STEM, 'strides', [1, 2, 2])),
    ('export', 'FORMAT', 'has a "strides" that is not a list of integers of use', attribute(STEM, 'strides', [1, 1 << 40, 2, 1])),
    ('export', 'FORMAT', 'has strides 1, 0, 2, 1', attribute(STEM, 'strides', [1, 0, 2, 1])),
    ('export', 'FORMAT', 'has strides 2, 2, 2, 1', attribute(STEM, 'strides', [2, 2, 2, 1])),
    ('export', 'FORMAT', 'has dilations 1, -1, 1, 1', attribute(STEM, 'dilations', [1, -1, 1, 1])),
    ('export', 'FORMAT', 'has a "padding" that is not a text', attribute(STEM, 'padding', 1)),
    ('export', 'FORMAT', 'has no padding that there is', attribute(STEM, 'padding', 'SOME')),
    ('export', 'FORMAT', 'has no padding that there is', without(STEM, 'padding')),
    ('export', 'FORMAT', 'has a "epsilon" that is not a number', attribute('backbone.stem/BatchNorm', 'epsilon', 1)),
    ('export', 'FORMAT', 'has an epsilon that is no finite', attribute('backbone.stem/BatchNorm', 'epsilon', float('inf'))),
    ('export', 'FORMAT', '"is_training" that is not true or false', attribute('backbone.stem/BatchNorm', 'is_training', 0.5)),
    ('export', 'FORMAT', '"DstT" that is not a type', attribute('Cast', 'DstT', 1)),
    ('export', 'FORMAT', '"shrink_axis_mask" that is not an integer', attribute('side0', 'shrink_axis_mask', True)),
    ('export', 'UNSUPPORTED', 'node backbone.stem (Conv2D) has channels first (NCHW)', attribute(STEM, 'data_format', 'NCHW')),
    ('export', 'UNSUPPORTED', 'node AvgPool (AvgPool) has channels first', attribute('AvgPool', 'data_format', 'NCHW')),
    ('export', 'UNSUPPORTED', 'batch norm for training', attribute('backbone.stem/BatchNorm', 'is_training', True)),
    ('export', 'UNSUPPORTED', 'batch norm for training', without('backbone.stem/BatchNorm', 'is_training')),
    ('export', 'FORMAT', 'node backbone.stem/weights (Const) has 16 bytes where its shape needs 432',
     dims('backbone.stem/weights', 3, 3, 3, 4)),
    ('export', 'FORMAT', 'has an impossible shape', dims('backbone.stem/weights', 3, 3, 3, -4)),
    ('export', 'FORMAT', 'has an impossible shape', dims('backbone.stem/weights', 1 << 30, 1 << 30, 1 << 30, 4)),
    ('export', 'FORMAT', 'has an impossible shape', dims('backbone.stem/weights', 3, 3, 1 << 40, 4)),
    ('export', 'FORMAT', 'has 2 values where its shape needs 1', attribute('crop0', 'value', (
        'tensor', number(1, 3) + message(2, b'') + message(7, b'\x21\x21')))),
    ('export', 'FORMAT', 'node crop0 (Const) has no value', without('crop0', 'value')),
    ('export', 'UNSUPPORTED', 'takes numbers that mseg does not follow', attribute(
        'backbone.stem/weights', 'value', ('tensor', number(1, 99) + message(2, b'') + message(4, bytes(16))))),
    ('export', 'UNSUPPORTED', 'that is not a kernel [height', value('backbone.stem/weights', np.zeros((3, 4), 'f4'))),
    ('export', 'UNSUPPORTED', 'has a kernel for 4 channels and a map of 3', value('backbone.stem/weights', np.zeros((1, 1, 4, 4), 'f4'))),
    ('export', 'FORMAT', 'a value that is no finite number', value('backbone.block0.project/BatchNorm/gamma', np.full(2, np.nan, 'f4'))),
    ('export', 'UNSUPPORTED', 'that is not one value for each of its 4 channels', value('backbone.stem/BatchNorm/beta', np.zeros(3, 'f4'))),
    ('export', 'UNSUPPORTED', 'a constant that is not a kernel [height, width, channels, 1]', value(
        'backbone.block0.depthwise/weights', np.zeros((1, 1, 4, 2), 'f4'))),
    ('export', 'FORMAT', 'splits', value('backbone.block7.depthwise/paddings', np.array([[2, 1], [2, 2]], 'i4'))),
    ('export', 'FORMAT', 'joins', value('backbone.block7.depthwise/crops', np.array([[0, 99], [0, 0]], 'i4'))),
    ('export', 'FORMAT', 'takes away dimension 1, which is 33', attribute('Squeeze', 'squeeze_dims', [1])),
    ('export', 'FORMAT', 'reads output 4 of a node that has fewer', reads('rest0', 1, 'unstack:4')),
    ('export', 'FORMAT', 'node mul (Mul) has 1 inputs', lambda g: g.find('mul').inputs.pop()),
    ('export', 'UNSUPPORTED', 'node crop0 (VariableV2) has its values in a checkpoint', op('crop0', 'VariableV2')),
    ('export', 'UNSUPPORTED', 'a detector (node SemanticPredictions (NonMaxSuppressionV3))', op('SemanticPredictions', 'NonMaxSuppressionV3')),
    ('export', 'UNSUPPORTED', 'without a place for the picture', op('ImageTensor', 'IteratorGetNext')),
    ('export', 'UNSUPPORTED', 'is a second input', lambda g: (g.add('other', 'Placeholder', dtype=('type', 1)), reads('cut/labels', 0, 'other')(g))),
    ('export', 'UNSUPPORTED', 'takes no pixels', attribute('ImageTensor', 'dtype', ('type', 7))),
    ('export', 'UNSUPPORTED', 'takes something else than a picture', attribute('ImageTensor', 'shape', ('shape', [1, -1, 3, 3, 3]))),
    ('export', 'UNSUPPORTED', 'has no activation where RELU6', op('backbone.block4.expand/Relu6', 'Elu')),
    ('export', 'UNSUPPORTED', 'pads a picture of 33x49 to 38x49', value('zero0', np.int32(5))),
    ('frozen', 'FORMAT', 'has explicit paddings of no use', attribute(STEM, 'explicit_paddings', [0, 1, 0, 1, 0, 1, 0, 0])),
    ('export', 'FORMAT', 'puts a dimension where none', value('first', np.int32(9))),
    ('simulated', 'FORMAT', 'has 17 bits', attribute('backbone.stem/quant', 'num_bits', 17)),
    ('simulated', 'FORMAT', 'a range of no use (1 to', value('backbone.stem/min', np.float32(1))),
    ('simulated', 'FORMAT', 'a range of no use (0 to -6)', attribute('backbone.stem/act_quant', 'max', -6.0)),
    ('matmul', 'FORMAT', 'adds 3 values to a map of 6 channels', value('dense/bias', np.zeros(3, 'f4'))),
    ('matmul', 'UNSUPPORTED', 'dense/MatMul', attribute('dense/MatMul', 'transpose_a', True)),
    ('slim', 'UNSUPPORTED', 'has a kernel for 9 channels and a map of 1', value('Mean/axes', np.array([1, 3], 'i4'))),
]
