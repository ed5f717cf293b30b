"""Networks of make_forms.py in integers with one thing that keeps them from being run so, as FORM_FAULTS of form_faults.py. Status
REASON: the file opens, and the text is in the reason."""
from form_faults import result
from make_tflite import *

NAN, INFINITY = float('nan'), float('inf')
LAYER = 'backbone.block8.expand'


def flat_scale(net, layer, position, value):
    """Of one of an operator's inputs, all entries."""
    t = operand(net, layer, position)
    t['scales'] = [value] * len(t['scales'])


QUANT_FAULTS = [
    ('stuffed8', 'REASON', 'makes no bytes, or such without', lambda n: result(n, LAYER).update(scales=[NAN])),
    ('stuffed8', 'REASON', 'makes no bytes, or such without', lambda n: result(n, LAYER).update(scales=[INFINITY])),
    ('stuffed8', 'REASON', 'makes no bytes, or such without', lambda n: result(n, LAYER).update(scales=[0])),
    ('stuffed8', 'REASON', 'makes no bytes, or such without', lambda n: result(n, LAYER).update(scales=[-1])),
    ('stuffed8', 'REASON', 'makes no bytes, or such without', lambda n: result(n, LAYER).update(scales=[1e-40])),
    ('acuity', 'REASON', 'averages numbers of', lambda n: result(n, 'pool').update(scales=[1e-6])),
    ('acuity', 'REASON', 'averages numbers of', lambda n: result(n, 'pool').update(scales=[100])),
    ('stuffed8', 'REASON', 'makes no bytes, or such without', lambda n: result(n, LAYER).update(zeros=[256])),
    ('stuffed8', 'REASON', 'makes no bytes, or such without', lambda n: result(n, LAYER).update(zeros=[-1])),
    ('stuffed8', 'REASON', 'makes no bytes, or such without', lambda n: result(n, LAYER).update(kind=FLOAT32)),
    ('stuffed8', 'REASON', 'one kind only is signed', lambda n: result(n, LAYER).update(kind=INT8)),
    ('stuffed8', 'REASON', 'weights of scale 0', lambda n: flat_scale(n, LAYER, 1, 0)),
    ('stuffed8', 'REASON', 'a scale along dimension 3', lambda n: operand(n, 'backbone.block3.depthwise', 1).update(axis=3)),
    ('stuffed8', 'REASON', 'a bias of another scale', lambda n: flat_scale(n, LAYER, 2, 0.5)),
    ('stuffed8', 'REASON', 'leaves only byte 0', lambda n: result(n, LAYER).update(scales=[100])),
    ('convdense', 'REASON', 'signed weights with a zero point', lambda n: operand(n, LAYER, 1).update(
        zeros=[1] * len(operand(n, LAYER, 1)['zeros']))),
    ('stuffed8', 'REASON', 'of another scale than it reads', lambda n: result(n, 'pool').update(scales=[0.5])),
    ('acuity', 'REASON', 'adds numbers of', lambda n: result(n, 'backbone.block2.add').update(scales=[1e-4])),
    ('acuity', 'REASON', 'adds numbers of', lambda n: result(n, 'backbone.block2.add').update(scales=[1e4])),
    ('acuity', 'REASON', 'by 256 or more', lambda n: result(n, 'head.classifier').update(scales=[1e-9])),
    ('decoder', 'REASON', 'joins bytes of another scale', lambda n: result(n, 'concat').update(scales=[0.5])),
]
