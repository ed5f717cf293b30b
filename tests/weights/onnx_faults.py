"""Single faults of the files of make_onnx.py: base, status, part of the message, what breaks it."""
import numpy as np
from onnx import helper, numpy_helper


def find(m, name):
    return next(n for n in m.graph.node if n.name == name)


def attribute(node, key, value):
    def change(m):
        n = find(m, node)
        kept = [a for a in n.attribute if a.name != key] + ([helper.make_attribute(key, value)] if value is not None else [])
        del n.attribute[:]
        n.attribute.extend(kept)
    return change


def reads(node, index, name):
    return lambda m: find(m, node).input.__setitem__(index, name)


def op(node, name):
    return lambda m: setattr(find(m, node), 'op_type', name)


def tensor(name, **fields):
    def change(m):
        t = next(t for t in m.graph.initializer if t.name == name)
        for key, value in fields.items():
            setattr(t, key, value)
    return change


def dims(name, *sizes):
    def change(m):
        t = next(t for t in m.graph.initializer if t.name == name)
        del t.dims[:]
        t.dims.extend(sizes)
    return change


def array(name, values):
    def change(m):
        t = next(t for t in m.graph.initializer if t.name == name)
        t.CopyFrom(numpy_helper.from_array(values, name))
    return change


def opset(version):
    return lambda m: setattr(m.opset_import[0], 'version', version)


def swap(first, second):
    """The two nodes in the other order."""
    def change(m):
        a, b = find(m, first), find(m, second)
        kept = type(a)()
        kept.CopyFrom(a)
        a.CopyFrom(b)
        b.CopyFrom(kept)
    return change


def zero_points(m):
    """The stem's weights get a zero point that differs from channel to channel."""
    node = next(n for n in m.graph.node if n.op_type == 'DequantizeLinear' and n.input[0] == 'backbone.stem.weight')
    array(node.input[2], np.array([0, 1, 0, 0], 'i1'))(m)


STEM, DEPTHWISE, NORM = 'backbone.stem', 'backbone.block4.depthwise', 'backbone.block3.expand/BatchNorm'
FAULTS = [
    ('upsample8', 'FORMAT', 'node backbone.block3.expand/BatchNorm (BatchNormalization): reads nowhere before anything writes it',
     reads(NORM, 1, 'nowhere')),
    ('upsample8', 'FORMAT', 'reads backbone.block3.expand.out before anything writes it', swap('backbone.block3.expand', NORM)),
    ('upsample8', 'FORMAT', 'writes backbone.stem.out, which has a value already', lambda m: find(m, DEPTHWISE).output.append(STEM + '.out')),
    ('upsample8', 'FORMAT', 'node backbone.stem (Conv): its strides are 3 numbers, not 2', attribute(STEM, 'strides', [2, 2, 2])),
    ('upsample8', 'UNSUPPORTED', 'node backbone.stem (Conv): its pads have -1', attribute(STEM, 'pads', [-1, 1, 1, 1])),
    ('upsample8', 'FORMAT', 'node backbone.stem (Conv): its kernel_shape has 5 where its weights have 3',
     attribute(STEM, 'kernel_shape', [5, 5])),
    ('upsample8', 'UNSUPPORTED', 'node backbone.stem (Conv) is not a convolution', attribute(STEM, 'strides', [0, 2])),
    ('upsample8', 'UNSUPPORTED', 'node backbone.stem (Conv) has stride 1, not 2', attribute(STEM, 'strides', None)),
    ('upsample8', 'UNSUPPORTED', 'node backbone.stem (Conv) is not', attribute(STEM, 'auto_pad', 'SOME')),
    ('upsample8', 'UNSUPPORTED', 'node backbone.stem (Conv) is not', attribute(STEM, 'activation', 'Relu')),
    ('upsample8', 'UNSUPPORTED', 'with 2 and 1 zeros before: neither SAME nor symmetric', attribute(STEM, 'pads', [2, 1, 0, 1])),
    ('upsample8', 'UNSUPPORTED', 'node backbone.block4.depthwise (Conv) is not', attribute(DEPTHWISE, 'group', 2)),
    ('upsample8', 'UNSUPPORTED', 'makes 3x3 of 5x5 with 2 and 2 zeros before', attribute('backbone.block9.depthwise', 'dilations', [3, 3])),
    ('upsample8', 'FORMAT', 'node backbone.stem (Conv): tensor backbone.stem.weight has not the 216 values', dims('backbone.stem.weight', 4, 6, 3, 3)),
    ('upsample8', 'FORMAT', 'tensor backbone.block4.depthwise.weight has 288 bytes where its shape needs 432',
     dims('backbone.block4.depthwise.weight', 12, 1, 3, 3)),
    ('upsample8', 'FORMAT', 'tensor backbone.block4.depthwise.weight has an impossible shape',
     dims('backbone.block4.depthwise.weight', 1 << 20, 1 << 20, 3, 3)),
    ('upsample8', 'FORMAT', 'tensor backbone.block4.depthwise.weight has an impossible shape',
     dims('backbone.block4.depthwise.weight', -1, 1, 3, 3)),
    ('upsample8', 'UNSUPPORTED', 'is in another file (external data)', tensor('backbone.block4.project.weight', data_location=1)),
    ('upsample8', 'UNSUPPORTED', 'node backbone.block4.project (Conv) is not', tensor('backbone.block4.project.weight', data_type=8)),
    ('upsample8', 'FORMAT', 'node ' + NORM + ' (BatchNormalization): tensor backbone.block3.expand.gamma has 24 bytes where its shape needs 4', dims('backbone.block3.expand.gamma', 1)),
    ('upsample8', 'UNSUPPORTED', 'ONNX operator set 6; mseg knows', opset(6)),
    ('upsample8', 'UNSUPPORTED', 'ONNX operator set 99; mseg knows', opset(99)),
    ('upsample8', 'FORMAT', 'it names no operator set', lambda m: setattr(m.opset_import[0], 'domain', 'other')),
    ('upsample8', 'FORMAT', "no node writes the graph's output", lambda m: setattr(m.graph.output[0], 'name', 'nowhere')),
    ('upsample8', 'UNSUPPORTED', 'a network with 2 inputs', lambda m: m.graph.initializer.pop(0)),
    ('upsample8', 'UNSUPPORTED', 'node backbone.stem (Relu)', op(STEM, 'Relu')),
    ('upsample8', 'UNSUPPORTED', 'node backbone.stem (Conv) is not', lambda m: setattr(find(m, STEM), 'domain', 'com.other')),
    ('upsample8', 'UNSUPPORTED', 'node backbone.stem (Conv) has batch norm apart and bounds', attribute('backbone.stem/Clip', 'max', 5.0)),
    ('nhwc10', 'UNSUPPORTED', 'is not', attribute('transpose', 'perm', [0, 3, 2, 1])),
    ('nhwc10', 'UNSUPPORTED', 'makes 16x16 of 33x33', attribute(STEM, 'auto_pad', 'VALID')),
    ('gemm13', 'UNSUPPORTED', 'node dense (Gemm)', attribute('dense', 'alpha', 0.5)),
    ('gemm13', 'UNSUPPORTED', 'node dense (Gemm)', attribute('dense', 'transA', 1)),
    ('matmul18', 'FORMAT', 'node backbone.last (Conv): tensor backbone.last.bias has 36 bytes', dims('backbone.last.bias', 3)),
    ('labels16', 'UNSUPPORTED', 'ArgMax', lambda m: m.graph.node[-1].attribute.append(helper.make_attribute('select_last_index', 1))),
    ('qdq13', 'UNSUPPORTED', 'zero point changes from channel to channel',
     zero_points),
]
