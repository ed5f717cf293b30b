"""Single faults in the networks of make_forms.py, as FAULTS of make_tflite.py. Most texts are no more than the place that the
message names. Status OK: the same in other words, no fault."""
import numpy as np

from make_tflite import *


def result(net, layer):
    """The tensor that a layer's operator writes."""
    return net.f.tensors[output(net, layer)]


def stored(net, op, position, element, value):
    """One element of an operator's input, a constant."""
    t = net.f.tensors[op['inputs'][position]]
    values = np.frombuffer(net.f.buffers[t['buffer']], NUMPY[t['kind']]).copy()
    values[element] = value
    net.f.buffers[t['buffer']] = values.tobytes()


def float_constant(net, layer, position, element, value):
    stored(net, net.f.ops[net.at[layer]], position, element, value)


def stem_pad(net):
    return net.f.ops[net.at['backbone.stem'] - 1]


def become(net, layer, code, options_type=None):
    """Another operator."""
    op = net.f.ops[net.at[layer]]
    op.update(code=MORE_CODES.index(code), type=op['type'] if options_type is None else options_type)


def one_class(net):
    """Constants of the right sizes from elsewhere: a bias for the weights, a 6 for the bias."""
    spare = operand(net, 'backbone.block1.depthwise.bound', limit(net, 'backbone.block1.depthwise.bound'))
    operand(net, 'head.classifier', 1).update(shape=[1, 1, 1, HEAD + 2], buffer=operand(net, 'head.projection', 2)['buffer'])
    operand(net, 'head.classifier', 2).update(shape=[1], buffer=spare['buffer'])
    result(net, 'head.classifier')['shape'][3] = 1


def kernel_value(net, layer, y, x, value):
    """Of the first channel."""
    t = operand(net, layer, 1)
    values = np.frombuffer(net.f.buffers[t['buffer']], NUMPY[t['kind']]).reshape(t['shape']).copy()
    values[0, y, x, 0] = value
    net.f.buffers[t['buffer']] = values.tobytes()


def limit(net, layer):
    """The position of MINIMUM's constant among its inputs."""
    return [operand(net, layer, i)['buffer'] > 0 for i in (0, 1)].index(True)


def ints_of(net, operator, values):
    """Other int32 values for an operator's last input."""
    buffer = net.f.tensors[net.f.ops[operator]['inputs'][-1]]['buffer']
    net.f.buffers[buffer] = np.array(values, '<i4').tobytes()


NAN = float('nan')
FORM_FAULTS = [
    ('toco', 'UNSUPPORTED', 'backbone.block3.expand', lambda n: result(n, 'backbone.block3.expand').update(zeros=[1])),
    ('toco', 'UNSUPPORTED', 'backbone.block5.depthwise', lambda n: result(n, 'backbone.block5.depthwise').update(scales=[0.03])),
    ('toco', 'UNSUPPORTED', 'backbone.block6.depthwise',
     lambda n: result(n, 'backbone.block6.depthwise').update(scales=[0.02354])),
    ('toco', 'UNSUPPORTED', 'head.projection', lambda n: result(n, 'head.projection').update(zeros=[3])),
    ('toco', 'UNSUPPORTED', 'head.image_pooling', lambda n: result(n, 'head.image_pooling').update(zeros=[128])),
    ('acuity', 'UNSUPPORTED', 'backbone.block5.expand', lambda n: result(n, 'backbone.block5.expand').update(scales=[0.03])),
    ('pertensor', 'UNSUPPORTED', 'backbone.block3.expand', lambda n: result(n, 'backbone.block3.expand').update(zeros=[-127])),
    ('pertensor', 'UNSUPPORTED', 'backbone.block3.expand', lambda n: result(n, 'backbone.block3.expand').update(zeros=[0])),
    # Bounds: too few, negative, not used, with a product for the minimum, not a number, without end.
    ('equalized', 'UNSUPPORTED', 'backbone.block2.depthwise', lambda n: inputs(
        n, 'backbone.block2.depthwise.bound', 1, n.f.ops[n.at['backbone.stem.bound']]['inputs'][1])),
    ('equalized', 'UNSUPPORTED', 'backbone.block2.depthwise',
     lambda n: operand(n, 'backbone.block2.depthwise.bound', 1).update(zeros=[127])),
    ('equalized', 'UNSUPPORTED', 'backbone.block2.depthwise', lambda n: n.f.ops[
        n.at['backbone.block2.depthwise.bound'] + 1].update(inputs=[output(n, 'backbone.block2.depthwise')])),
    ('equalized', 'UNSUPPORTED', 'backbone.block2.depthwise',
     lambda n: n.f.ops[n.at['backbone.block2.depthwise.bound']].update(code=FORM_CODES.index(MUL), type=21)),
    ('caps', 'UNSUPPORTED', 'backbone.block2.depthwise', lambda n: float_constant(
        n, 'backbone.block2.depthwise.bound', limit(n, 'backbone.block2.depthwise.bound'), 2, -3)),
    ('caps', 'UNSUPPORTED', 'backbone.block2.depthwise', lambda n: float_constant(
        n, 'backbone.block2.depthwise.bound', limit(n, 'backbone.block2.depthwise.bound'), 1, NAN)),
    ('caps', 'UNSUPPORTED', 'backbone.block2.depthwise', lambda n: float_constant(
        n, 'backbone.block2.depthwise.bound', limit(n, 'backbone.block2.depthwise.bound'), 1, float('inf'))),
    ('sixth', 'UNSUPPORTED', 'backbone.block7.expand', lambda n: float_constant(
        n, 'backbone.block7.expand.bound', limit(n, 'backbone.block7.expand.bound'), 0, -6)),
    ('sixth', 'UNSUPPORTED', 'backbone.block7.expand', lambda n: n.f.ops[n.at['backbone.block7.expand.bound']].update(
        code=FORM_CODES.index(SUB), type=28)),
    # Dense layers: without an activation, one too many, an unknown one, not in a row; zeros on the other side of an odd map.
    ('teachable', 'UNSUPPORTED', 'head.dense0', lambda n: options(n, 'head.dense0', 0, NONE)),
    ('teachable', 'UNSUPPORTED', 'head.classifier', lambda n: options(n, 'head.classifier', 0, ACT_RELU)),
    ('teachable', 'UNSUPPORTED', 'head.dense1', lambda n: options(n, 'head.dense1', 0, 4)),
    ('teachable', 'UNSUPPORTED', 'head.classifier', lambda n: inputs(n, 'head.dense1', 0, output(n, 'pool'))),
    ('teachable', 'UNSUPPORTED', 'head.classifier', lambda n: inputs(n, 'head.classifier', 0, output(n, 'head.dense0'))),
    ('teachable', 'UNSUPPORTED', 'block1.depthwise', lambda n: constant_input(n, 'backbone.block1.depthwise', -1, 2, 0)),
    ('teachable', 'UNSUPPORTED', 'block1.depthwise', lambda n: constant_input(n, 'backbone.block1.depthwise', -1, 6, 1)),
    ('teachable', 'UNSUPPORTED', 'MEAN', lambda n: constant_input(n, 'pool', 0, 1, 3)),
    # A softmax of another temperature.
    ('teachable', 'UNSUPPORTED', 'SOFTMAX', lambda n: options(n, 'softmax', 0, 0.5)),
    ('convdense', 'UNSUPPORTED', 'head.dense0', lambda n: options(n, 'head.dense0', 3, 4)),
    # Something between the zeros; another rate; zeros that are none.
    ('stuffed', 'UNSUPPORTED', 'backbone.block8.depthwise', lambda n: kernel_value(n, 'backbone.block8.depthwise', 1, 2, 2)),
    ('stuffed', 'UNSUPPORTED', 'backbone.block15.depthwise',
     lambda n: kernel_value(n, 'backbone.block15.depthwise', 2, 2, 1e-30)),
    ('stuffed', 'UNSUPPORTED', 'backbone.block8', lambda n: (options(n, 'backbone.block8.depthwise', 5, 2),
                                                             options(n, 'backbone.block8.depthwise', 6, 2))),
    ('stuffed8', 'UNSUPPORTED', 'backbone.block15.depthwise', lambda n: kernel_value(n, 'backbone.block15.depthwise', 4, 3, 1)),
    ('stuffed8', 'UNSUPPORTED', 'backbone.block14.depthwise',
     lambda n: operand(n, 'backbone.block14.depthwise', 1).update(zeros=[7])),
    # In front of the network: no number, a division by zero, an activation, the picture's sides exchanged.
    ('inside', 'UNSUPPORTED', 'backbone.stem', lambda n: float_constant(n, 'before0', 1, 1, NAN)),
    ('inside', 'UNSUPPORTED', 'backbone.stem', lambda n: float_constant(n, 'before1', 1, 2, 0)),
    ('inside', 'UNSUPPORTED', 'backbone.stem', lambda n: options(n, 'before0', 0, ACT_RELU)),
    ('inside', 'UNSUPPORTED', 'backbone.stem', lambda n: inputs(n, 'before1', 0, n.f.inputs[0])),
    ('inside8', 'UNSUPPORTED', 'backbone.stem', lambda n: float_constant(n, 'before0', 0, 0, float('inf'))),
    ('turned', 'UNSUPPORTED', 'backbone.stem', lambda n: ints_of(n, n.at['first'], [0, 3, 2, 1])),
    ('turned', 'UNSUPPORTED', 'backbone.stem', lambda n: ints_of(n, n.at['first'], [0, 2, 3, 3])),
    ('dynamic', 'FORMAT', 'scales', lambda n: operand(n, 'backbone.block4.expand', 1)['scales'].__setitem__(1, NAN)),
    ('dynamic', 'UNSUPPORTED', 'zero point', lambda n: operand(n, 'backbone.block4.expand', 1)['zeros'].__setitem__(1, 1)),
    ('mobilenet1', 'UNSUPPORTED', 'backbone.block3.depthwise', lambda n: options(n, 'backbone.block3.depthwise', 4, ACT_RELU)),
    ('mobilenet1', 'UNSUPPORTED', 'backbone.block3.pointwise', lambda n: options(n, 'backbone.block3.pointwise', 3, NONE)),
    ('mobilenet1', 'UNSUPPORTED', 'backbone.block7.depthwise', lambda n: inputs(n, 'backbone.block7.depthwise', 0,
                                                               output(n, 'backbone.block5.pointwise'))),
    # The decoder: another order, other features, one resize unlike the other, no activation.
    ('decoder', 'UNSUPPORTED', 'head.low_level', lambda n: swap(n, 'decoder', 0, 1)),
    ('decoder', 'UNSUPPORTED', 'head.low_level', lambda n: inputs(n, 'head.low_level', 0, output(n, 'backbone.block2.expand'))),
    ('decoder', 'UNSUPPORTED', 'operator', lambda n: options(n, 'enlarge', 2, True)),
    ('decoder', 'UNSUPPORTED', 'operator', lambda n: options(n, 'enlarge', 3, True)),
    ('decoder', 'UNSUPPORTED', 'head.decoder1.depthwise', lambda n: options(n, 'head.decoder1.depthwise', 4, ACT_RELU6)),
    ('decoder', 'UNSUPPORTED', 'head.decoder0.pointwise', lambda n: options(n, 'head.decoder0.pointwise', 3, 4)),
    # Ones put around a map; more zeros than 32 bits tell; sizes where maps or constants belong.
    ('computed', 'UNSUPPORTED', 'PADV2', lambda n: stored(n, stem_pad(n), 2, 0, 127)),
    ('computed', 'UNSUPPORTED', 'PADV2', lambda n: stored(n, stem_pad(n), 1, 3, (1 << 32) + 1)),
    ('computed', 'UNSUPPORTED', 'PADV2', lambda n: stored(n, stem_pad(n), 1, 3, 1 - (1 << 32))),
    ('computed', 'UNSUPPORTED', 'head.classifier', lambda n: inputs(
        n, 'head.classifier', 0, n.f.ops[n.at['head.classifier'] - 1]['inputs'][1])),
    ('expanded', 'UNSUPPORTED', 'backbone.block2', lambda n: inputs(n, 'backbone.block2.add', 1, n.size)),
    ('expanded', 'UNSUPPORTED', 'CONV_2D', lambda n: inputs(n, 'head.aspp0', 2, n.size)),
    ('expanded', 'UNSUPPORTED', 'backbone.block2.depthwise', lambda n: inputs(
        n, 'backbone.block2.depthwise.bound', limit(n, 'backbone.block2.depthwise.bound'), n.size)),
    ('expanded', 'FORMAT', 'which has a value already', lambda n: n.f.ops[n.at['head.aspp0']].update(outputs=[n.size])),
    # The larger of something else than 0, on either side.
    ('expanded', 'UNSUPPORTED', 'backbone.block3.expand', lambda n: float_constant(
        n, 'backbone.block3.expand.zero', limit(n, 'backbone.block3.expand.zero'), 0, 1)),
    ('expanded', 'UNSUPPORTED', 'backbone.block3.depthwise', lambda n: float_constant(
        n, 'backbone.block3.depthwise.zero', limit(n, 'backbone.block3.depthwise.zero'), 0, 1)),
    ('expanded', 'UNSUPPORTED', 'backbone.block4.expand', lambda n: float_constant(
        n, 'backbone.block4.expand.zero', limit(n, 'backbone.block4.expand.zero'), 0, -1e-30)),
    # One value as a whole map in other words; a map of more than one, scores (also behind a softmax) by nearest neighbours.
    ('expanded', 'OK', '-', lambda n: become(n, 'copies', BROADCAST_TO)),
    ('expanded', 'OK', '-', lambda n: (become(n, 'copies', RESIZE_NEAREST_NEIGHBOR, 74), inputs(n, 'copies', 1, n.spare))),
    ('expanded', 'UNSUPPORTED', 'TILE', lambda n: become(n, 'half', TILE)),
    ('expanded', 'UNSUPPORTED', 'BROADCAST_TO', lambda n: become(n, 'half', BROADCAST_TO)),
    ('expanded', 'UNSUPPORTED', 'RESIZE_NEAREST_NEIGHBOR', lambda n: become(n, 'half', RESIZE_NEAREST_NEIGHBOR, 74)),
    ('expanded', 'UNSUPPORTED', 'RESIZE_NEAREST_NEIGHBOR', lambda n: become(n, 'argmax', SOFTMAX, 0)),
    ('expanded', 'UNSUPPORTED', 'gives one score', one_class),
    # A resize to a size that a map tells.
    ('toco', 'UNSUPPORTED', 'RESIZE_BILINEAR', lambda n: inputs(n, 'resize', 1, output(n, 'head.projection'))),
    # Inputs whose numbers mean nothing: of no type of pictures, or a scale or zero point that is none; bytes cast without theirs.
    ('toco', 'UNSUPPORTED', 'input has an unknown type (4)', lambda n: n.f.tensors[n.f.inputs[0]].update(kind=INT64)),
    ('toco', 'FORMAT', 'input has a scale', lambda n: n.f.tensors[n.f.inputs[0]].update(scales=[0.0])),
    ('toco', 'FORMAT', 'input has a scale', lambda n: n.f.tensors[n.f.inputs[0]].update(scales=[-0.01])),
    ('toco', 'FORMAT', 'input has a scale', lambda n: n.f.tensors[n.f.inputs[0]].update(scales=[NAN])),
    ('turned', 'FORMAT', 'input has a scale', lambda n: n.f.tensors[n.f.inputs[0]].update(zeros=[128])),
    ('turned', 'UNSUPPORTED', '(CAST, code 53) makes something else',
     lambda n: n.f.ops[n.at['first'] + 1].update(code=FORM_CODES.index(CAST))),
    # Number formats that tell no activation, or one where none belongs.
    ('toco', 'UNSUPPORTED', 'backbone.block3.expand', lambda n: result(n, 'backbone.block3.expand').update(scales=[0.0])),
    ('toco', 'UNSUPPORTED', 'backbone.block3.expand', lambda n: result(n, 'backbone.block3.expand').update(scales=[-0.02])),
    ('toco', 'UNSUPPORTED', 'backbone.block3.expand', lambda n: result(n, 'backbone.block3.expand').update(zeros=[1 << 40])),
    ('acuity', 'UNSUPPORTED', 'backbone.block5.depthwise', lambda n: result(n, 'backbone.block5.depthwise').update(zeros=[127])),
    ('toco', 'UNSUPPORTED', 'at backbone.block3.project: operator 12 (CONV_2D, code 3) holds no numbers below 0',
     lambda n: result(n, 'backbone.block3.project').update(zeros=[0])),
    ('pertensor', 'UNSUPPORTED', '(ADD, code 0) holds no numbers below 0',
     lambda n: result(n, 'backbone.block2.add').update(zeros=[-128])),
    # Bounds above that of the activation before them; so far off that weights leave float's range; a weight that has left it.
    ('caps', 'UNSUPPORTED', 'is bounded by 12', lambda n: options(n, 'backbone.stem', 3, ACT_RELU6)),
    ('caps', 'UNSUPPORTED', 'is bounded by 3.4e+38', lambda n: float_constant(
        n, 'backbone.block2.depthwise.bound', limit(n, 'backbone.block2.depthwise.bound'), 1, 3.4e38)),
    ('caps', 'UNSUPPORTED', 'is bounded by 1e-30', lambda n: float_constant(
        n, 'backbone.block2.depthwise.bound', limit(n, 'backbone.block2.depthwise.bound'), 1, 1e-30)),
    ('stuffed', 'FORMAT', 'block3.expand.weight has a value', lambda n: float_constant(n, 'backbone.block3.expand', 1, 2, NAN)),
    ('stuffed', 'FORMAT', 'head.aspp0.bias has a value', lambda n: float_constant(n, 'head.aspp0', 2, 1, float('-inf'))),
    # Shapes that are not what the operator makes: zeros below, a size, channels together, a kernel without its padding.
    ('teachable', 'UNSUPPORTED', '(PAD, code 34) makes something else',
     lambda n: constant_input(n, 'backbone.block1.depthwise', -1, 3, 3)),
    ('teachable', 'UNSUPPORTED', '(PAD, code 34) makes something else',
     lambda n: constant_input(n, 'backbone.block1.depthwise', -1, 5, 0)),
    ('toco', 'UNSUPPORTED', '(RESIZE_BILINEAR, code 23) makes something else',
     lambda n: ints_of(n, len(n.f.ops) - 2, [33, 50])),
    ('dynamic', 'UNSUPPORTED', '(DEPTHWISE_CONV_2D, code 4) makes something else',
     lambda n: options(n, 'backbone.block13.depthwise', 0, VALID)),
    # Behind the scores: the largest along rows, rows as columns, classes nowhere; other numbers than the scores given out.
    ('toco', 'UNSUPPORTED', '(ARG_MAX, code 56) behind the scores mixes', lambda n: ints_of(n, len(n.f.ops) - 1, [2])),
    ('turned', 'UNSUPPORTED', '(TRANSPOSE, code 39) behind the scores mixes', lambda n: (
        ints_of(n, len(n.f.ops) - 1, [0, 2, 1, 3]),
        n.f.tensors[n.f.ops[-1]['outputs'][0]].update(shape=[1, 49, 33, CLASSES]))),
    ('mobilenet1', 'UNSUPPORTED', '(SQUEEZE, code 43) behind the scores mixes',
     lambda n: n.f.tensors[n.f.ops[-2]['outputs'][0]].update(shape=[CLASSES, 1])),
    ('pertensor', 'UNSUPPORTED', '(SQUEEZE, code 43) behind the scores mixes',
     lambda n: n.f.ops[-2].update(code=FORM_CODES.index(SQUEEZE))),
    ('dynamic', 'UNSUPPORTED', 'gives out other numbers', lambda n: setattr(n.f, 'output', n.at['pool'])),
]
