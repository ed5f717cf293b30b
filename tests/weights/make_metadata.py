#!/usr/bin/python3
"""Writes small .tflite files with metadata into tests/weights/data, out of those of make_tflite.py.

Needs Debian's python3-flatbuffers and python3-numpy. Field numbers: metadata_schema.fbs of tflite-support ("M001").

labelled.tflite   plain.tflite (a segmenter of 6 classes, float32) with a normalisation and labels, stored in a zip archive behind it
named.tflite      pointwise.tflite (a classifier of 6 classes, uint8) likewise, the labels deflated
metadata.txt      NAME|STATUS|part of the message|labels with ; between|scale, offset, pad of the channels, or "assumed"|tail in
                  hexadecimal: labelled.tflite's first bytes (their number is the first line) and that tail are the file
"""
import io
import os
import struct
import zipfile

import flatbuffers
import numpy as np

from make_tflite import I8, numbers, refs, table

DATA = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'data')
LABELS = ['background', 'boat', 'dog "Rex"', 'boat', 'f\u00e9e', 'traffic light']
LABEL_TEXT = '\n'.join(LABELS).encode() + b'\n'
DESCRIPTIONS, AXIS_LABELS, VALUE_LABELS = 1, 2, 3
NORMALISATION, THRESHOLD = 1, 3  # members of the union of process units
DEEPLAB = ([127.5], [127.5])
LOCAL, CENTRAL, END = b'PK\x03\x04', b'PK\x01\x02', b'PK\x05\x06'


# ---- metadata ----

def associated_file(b, name, kind=AXIS_LABELS, locale=None):
    fields = {0: ('ref', b.CreateString(name)), 1: ('ref', b.CreateString('What it is.'))}
    if locale is not None:
        fields[3] = ('ref', b.CreateString(locale))
    return table(b, {**fields, 2: (I8, kind)})


def unit(b, kind, options):
    """options: means and deviations; None: left out."""
    if options is None:
        return table(b, {0: (I8, kind)})
    fields = {n: ('ref', numbers(b, '<f', values)) for n, values in enumerate(options) if values is not None}
    return table(b, {1: ('ref', table(b, fields)), 0: (I8, kind)})


def metadata(files=(('labels.txt',),), units=((NORMALISATION, DEEPLAB),), outputs=1, subgraphs=True):
    """files: of the last output."""
    b = flatbuffers.Builder(1024)
    fields = {0: ('ref', b.CreateString('A model')), 2: ('ref', b.CreateString('v1')), 7: ('ref', b.CreateString('1.0.0'))}
    if subgraphs:
        image = {0: ('ref', b.CreateString('image')), 4: ('ref', refs(b, [unit(b, *u) for u in units]))}
        tensors = [table(b, {0: ('ref', b.CreateString('other'))}) for _ in range(outputs - 1)]
        named = {0: ('ref', b.CreateString('mask')), 6: ('ref', refs(b, [associated_file(b, *f) for f in files]))}
        subgraph = {2: ('ref', refs(b, [table(b, image)])), 3: ('ref', refs(b, [*tensors, table(b, named)]))}
        fields[3] = ('ref', refs(b, [table(b, subgraph)]))
    b.Finish(table(b, fields), b'M001')
    return bytes(b.Output())


def follow(raw, at):
    return at + struct.unpack_from('<I', raw, at)[0]


def model_with_metadata(model):
    """The model behind a new root table whose last buffer, at the end of the file, is to be the metadata: what comes before the
    buffer's length."""
    root = follow(model, 0)
    vtable = root - struct.unpack_from('<i', model, root)[0]
    codes, subgraphs, buffers = (follow(model, root + struct.unpack_from('<H', model, vtable + 4 + 2 * n)[0]) for n in (1, 2, 4))
    count = struct.unpack_from('<I', model, buffers)[0]
    old = [follow(model, buffers + 4 + 4 * i) for i in range(count)]
    shift = -(-(160 + 4 * (count + 1)) // 16) * 16
    length = shift + len(model) + (-(shift + len(model)) - 4) % 16
    own = 144 + 4 * (count + 1)  # layout of the new buffer's table, then the table
    out = bytearray(length)

    def put(at, fmt, *values):
        struct.pack_into('<' + fmt, out, at, *values)
    put(0, 'I4s', 28, b'TFL3')
    put(8, '9H', 18, 24, 4, 8, 12, 0, 16, 0, 20)
    put(28, 'iIIIII', 20, 3, shift + codes - 36, shift + subgraphs - 40, 140 - 44, 52 - 48)
    put(52, 'III', 2, 72 - 56, 84 - 60)
    put(64, '4H', 8, 12, 4, 8)
    put(72, 'iIi', 8, 96 - 76, 0)
    put(84, 'iIi', 20, 120 - 88, count)
    put(96, 'I20s', 19, b'min_runtime_version')
    put(120, 'I16s', 15, b'TFLITE_METADATA')
    put(140, 'I', count + 1)
    for i, at in enumerate([shift + position for position in old] + [own + 8]):
        put(144 + 4 * i, 'I', at - (144 + 4 * i))
    put(own, '3H', 6, 8, 4)
    put(own + 8, 'iI', 8, length - (own + 12))
    out[shift:shift + len(model)] = model
    return bytes(out)


# ---- archives ----

def archive(before, files, method=zipfile.ZIP_STORED):
    """The zip archive of these (name, bytes), as it stands behind before."""
    out = io.BytesIO(before)
    with zipfile.ZipFile(out, 'a', method) as z:
        for name, data in files:
            entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            entry.compress_type = method
            z.writestr(entry, data)
    return out.getvalue()[len(before):]


def number(mark, offset, fmt, value):
    """A change of an archive: the number at that offset behind the first mark."""
    def change(z):
        at = z.index(mark) + offset
        return z[:at] + struct.pack(fmt, value) + z[at + struct.calcsize(fmt):]
    return change


def flip(text):
    return lambda z: z.replace(text, bytes([text[0] ^ 1]) + text[1:])


# ---- cases ----

class Cases:
    def __init__(self, prefix):
        self.prefix, self.lines = prefix, [str(len(prefix))]

    def add(self, name, labels=LABELS, rule=DEEPLAB, status='OK', text='', meta=None, data=LABEL_TEXT, entry='labels.txt',
            method=zipfile.ZIP_STORED, change=None, zipped=True, **how):
        """rule: means and deviations, None: assumed; data: of the file of labels; change: of the archive's bytes; how: see metadata."""
        meta = metadata(**how) if meta is None else meta
        tail = struct.pack('<I', len(meta)) + meta
        if zipped:
            z = archive(self.prefix + tail, [('other.txt', b'x\n'), (entry, data)] if entry else [('other.txt', b'x\n')], method)
            changed = change(z) if change else z
            assert changed != z or not change, name
            tail += changed
        numbers_ = 'assumed' if rule is None else ','.join('%.9g' % v for v in self.rule(*rule))
        labels = ';'.join(labels) if status == 'OK' and labels else '-'
        self.lines.append('|'.join([name, status, text, labels, numbers_, tail.hex()]))

    @staticmethod
    def rule(means, stds):
        """Byte b becomes (b - mean) / std; beside the picture is what 127.5 becomes."""
        means, stds = (np.broadcast_to(np.float32(v).astype(np.float64), 3) for v in (means, stds))
        return np.float32(np.concatenate([1 / stds, -means / stds, (127.5 - means) / stds]))

    def refuse(self, name, status, text, **how):
        self.add(name, status=status, text=text, rule=None, **how)


def good_cases(c):
    deflated = zipfile.ZIP_DEFLATED
    imagenet = ([123.675, 116.28, 103.53], [58.395, 57.12, 57.375])
    c.add('stored')
    c.add('deflated', method=deflated, data=b''.join(b'%s\n' % label.encode() for label in LABELS))
    for name, rule in [('per channel', imagenet), ('means', ([1, 2, 3], [2])), ('deviations', ([5], [1, 2, 4])), ('raw', ([0], [1]))]:
        c.add(name, rule=rule, units=[(NORMALISATION, rule)])
    c.add('another unit first', rule=([10], [20]), units=[(THRESHOLD, ([1], [2])), (NORMALISATION, ([10], [20]))])
    c.add('two normalisations', rule=([1], [2]), units=[(NORMALISATION, ([1], [2])), (NORMALISATION, ([3], [4]))])
    c.add('no normalisation', rule=None, units=[])
    c.add('no subgraph', [], None, subgraphs=False)
    c.add('no file of labels', [], files=[], zipped=False)
    c.add('only a description', [], files=[('labels.txt', DESCRIPTIONS)])
    c.add('no archive', [], zipped=False)
    c.add('not in the archive', [], entry=None)
    c.add('empty', [], data=b'')
    c.add('labels of values', files=[('labels.txt', VALUE_LABELS)])
    c.add('of the second output', outputs=2)
    c.add('axis before values', files=[('other.txt', VALUE_LABELS), ('labels.txt', AXIS_LABELS)])
    c.add('axis in a language before values', files=[('other.txt', VALUE_LABELS), ('labels.txt', AXIS_LABELS, 'de')])
    c.add('no language first', files=[('other.txt', AXIS_LABELS, 'de'), ('labels.txt', AXIS_LABELS)])
    c.add('empty language first', files=[('other.txt', AXIS_LABELS, 'de'), ('labels.txt', AXIS_LABELS, '')])
    c.add('the first of two', files=[('labels.txt', AXIS_LABELS), ('other.txt', AXIS_LABELS)])
    c.add('one language', files=[('labels.txt', AXIS_LABELS, 'en')])
    c.add('Windows', data=b'\xef\xbb\xbf' + LABEL_TEXT.replace(b'\n', b'\r\n'))
    c.add('no newline at the end', data=LABEL_TEXT[:-1])
    c.add('blanks', ['a b', '', 'c d', ''], data=b' a b \n\n\tc\td\t \r\n \n')
    c.add('255 bytes', ['x' * 255], data=b'x' * 255)
    c.add('cut off archive', [], change=lambda z: z[:-1])
    c.add('name in UTF-8', files=[('\u00e9.txt',)], entry='\u00e9.txt')


def damaged_metadata(c):
    def norm(name, means, stds, text):
        c.refuse(name, 'FORMAT', text, units=[(NORMALISATION, (means, stds))])
    norm('two means', [1, 2], [1], 'the normalisation has 2 means and 1 deviations, an RGB image has 1 or 3')
    norm('no deviations', [1], [], 'has 1 means and 0 deviations')
    norm('no list of means', None, [1], 'has 0 means and 1 deviations')
    norm('four deviations', [1], [1, 2, 3, 4], 'has 1 means and 4 deviations')
    norm('deviation 0', [1], [2, 2, 0], 'a normalisation by mean 1 and deviation 0')
    norm('deviation below 0', [1], [-2], 'a normalisation by mean 1 and deviation -2')
    norm('tiny deviation', [0], [1e-42], 'a normalisation by mean 0 and deviation 1')
    norm('infinite deviation', [1], [float('inf')], 'a normalisation by mean 1 and deviation inf')
    norm('mean that is none', [1, float('nan'), 1], [1], 'a normalisation by mean nan and deviation 1')
    c.refuse('no options', 'FORMAT', 'has 0 means and 0 deviations', units=[(NORMALISATION, None)])
    good = metadata()
    c.refuse('another schema', 'UNSUPPORTED', 'metadata of an unknown schema; mseg knows M001', meta=good.replace(b'M001', b'M002'))
    c.refuse('no metadata', 'FORMAT', 'there is no metadata where the file says', meta=b'')
    c.refuse('root outside', 'FORMAT', 'damaged metadata: an offset leads outside the file', meta=struct.pack('<I', 1 << 20) + good[4:])
    c.refuse('cut off', 'FORMAT', 'damaged metadata: ', meta=good[:len(good) // 2])
    c.refuse('no name', 'FORMAT', 'damaged metadata: a file of labels has no proper name', files=[('',)])
    c.refuse('long name', 'FORMAT', 'damaged metadata: a file of labels has no proper name', files=[('n' * 256,)])
    c.refuse('two lines of name', 'FORMAT', 'damaged metadata: a file of labels has no proper name', files=[('a\nb',)])


def damaged_archives(c):
    deflated, cannot = zipfile.ZIP_DEFLATED, 'labels.txt, the labels, cannot be unzipped: '
    limit = dict(method=deflated, status='LIMIT', rule=None)
    c.refuse('other bytes', 'FORMAT', cannot + 'CRC error', change=flip(b'traffic'))
    c.refuse('bad deflate', 'FORMAT', cannot, method=deflated, change=number(b'labels.txt', 10, '<I', 0xffffffff))
    # Of the second entry: everything is behind the first one's central header.
    second = archive(b'', [('other.txt', b'x\n')]).index(END) - archive(b'', [('other.txt', b'x\n')]).index(CENTRAL)
    c.refuse('says less', 'FORMAT', 'labels.txt, the labels, ', change=number(CENTRAL, second + 24, '<I', len(LABEL_TEXT) - 1))
    c.refuse('says more', 'FORMAT', 'labels.txt, the labels, ', change=number(CENTRAL, second + 24, '<I', len(LABEL_TEXT) + 1))
    c.refuse('bomb', 'FORMAT', 'labels.txt, the labels, ', method=deflated, data=b'a\n' * (1 << 20),
             change=number(CENTRAL, second + 24, '<I', 12))
    c.refuse('unknown method', 'FORMAT', cannot + 'Compression method not supported', change=number(CENTRAL, second + 10, '<H', 77))
    c.refuse('encrypted', 'FORMAT', cannot, change=number(CENTRAL, second + 8, '<H', 1))
    c.refuse('entry elsewhere', 'FORMAT', cannot, change=number(CENTRAL, second + 42, '<I', 1 << 30))
    c.refuse('no list', 'FORMAT', cannot, change=number(END, 16, '<I', 1))
    c.refuse('zero in the text', 'FORMAT', 'is not the text that the archive says', data=b'a\0b\n')
    c.refuse('not UTF-8', 'FORMAT', 'the labels inside (labels.txt): line 2 is not text in UTF-8', data=b'a\nb\xe9\nc\n')
    c.refuse('control character', 'FORMAT', 'the labels inside (labels.txt): line 1 is not text in UTF-8', data=b'a\x1b[1m\n')
    c.add('long line', text='line 3 is longer than 255 bytes', data=b'a\nb\n' + b'x' * 256 + b'\n', **limit)
    c.add('large', text='the labels inside (labels.txt) are larger than 1 MiB', data=b'a' * ((1 << 20) + 1), **limit)
    c.add('many lines', text='the labels inside (labels.txt) are more than 65536 lines', data=b'\n' * 65537, **limit)


def main():
    def write(name, data):
        with open(os.path.join(DATA, name), 'wb') as out:
            out.write(data)

    def prefix_of(name):
        with open(os.path.join(DATA, name), 'rb') as model:
            return model_with_metadata(model.read())

    def described(prefix, method, meta):
        whole = prefix + struct.pack('<I', len(meta)) + meta
        return whole + archive(whole, [('labels.txt', LABEL_TEXT)], method)
    prefix = prefix_of('plain.tflite')
    imagenet = metadata(units=[(NORMALISATION, ([123.675, 116.28, 103.53], [58.395, 57.12, 57.375]))])
    write('labelled.tflite', described(prefix, zipfile.ZIP_STORED, imagenet))
    write('named.tflite', described(prefix_of('pointwise.tflite'), zipfile.ZIP_DEFLATED, metadata(units=[(NORMALISATION, ([0], [1]))])))
    cases = Cases(prefix)
    good_cases(cases)
    damaged_metadata(cases)
    damaged_archives(cases)
    write('metadata.txt', '\n'.join(cases.lines).encode() + b'\n')


if __name__ == '__main__':
    main()
