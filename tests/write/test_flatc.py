#!/usr/bin/python3
"""test_flatc.py CONVERT: what Debian's flatc, Python's zipfile and a walk through the bytes find in .tflite files that mseg writes.
CONVERT: convert_file. Without flatc what needs it is not tested, which a line with SKIP says."""
import json
import os
import shutil
import struct
import subprocess
import sys
import tempfile
import zipfile

HERE = os.path.dirname(os.path.abspath(__file__))
LABELLED = os.path.join(HERE, '../weights/data/labelled.tflite')  # six classes; ImageNet's mean and deviation
LABELS = ['background', 'boat', 'dog "Rex"', 'boat', 'f\u00e9e', 'traffic light']
MEAN, STD = [123.675, 116.28, 103.53], [58.395, 57.12, 57.375]


def run(*command):
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 0, (command, result.stdout, result.stderr)


def convert(program, source, target, size=0, stride=0, *form):
    run(program, source, target, str(size), str(stride), *(form or ('float',)))
    with open(target, 'rb') as file:
        return file.read()


def flatc_json(path, schema, folder):
    run('flatc', '--json', '--strict-json', '--raw-binary', '-o', folder, os.path.join(HERE, schema), '--', path)
    with open(os.path.join(folder, os.path.splitext(os.path.basename(path))[0] + '.json'), encoding='utf-8') as text:
        return json.load(text)


def follow(raw, at):
    return at + struct.unpack_from('<I', raw, at)[0]


def field(raw, table, number):
    vtable = table - struct.unpack_from('<i', raw, table)[0]
    size, = struct.unpack_from('<H', raw, vtable)
    place = struct.unpack_from('<H', raw, vtable + 4 + 2 * number)[0] if 4 + 2 * number < size else 0
    return follow(raw, table + place) if place else None


def check_alignment(raw):
    """TensorFlow Lite's kernels read weights where they lie: buffers begin at multiples of 16."""
    buffers = field(raw, follow(raw, 0), 4)
    count, seen = struct.unpack_from('<I', raw, buffers)[0], 0
    for i in range(count):
        data = field(raw, follow(raw, buffers + 4 + 4 * i), 0)
        assert (data is None) == (i == 0), i
        assert data is None or (data + 4) % 16 == 0, (i, data)
        seen += data is not None
    assert seen > 60, seen


def names(graph, indices):
    return [graph['tensors'][i]['name'] for i in indices]


def operators(model):
    """[(code, version, options, names of inputs, name of output)]"""
    graph, codes = model['subgraphs'][0], model['operator_codes']
    assert all(code.get('deprecated_builtin_code', 0) >= 0 for code in codes)
    return [(codes[op.get('opcode_index', 0)].get('builtin_code', 'ADD'), codes[op.get('opcode_index', 0)].get('version', 1),
             op.get('builtin_options', {}), names(graph, op['inputs']), *names(graph, op['outputs'])) for op in graph['operators']]


def check_graph(model, size, classes):
    graph = model['subgraphs'][0]
    tensors = {t['name']: t for t in graph['tensors']}
    assert model['version'] == 3 and len(tensors) == len(graph['tensors'])
    assert names(graph, graph['inputs']) == ['input'] and names(graph, graph['outputs']) == ['logits']
    assert tensors['input']['shape'] == [1, size, size, 3] and tensors['logits']['shape'] == [1, size, size, classes]
    assert model['buffers'][0] == {}
    made = set(names(graph, graph['inputs']))
    for code, _, _, inputs, output in operators(model):
        assert all(name in made or tensors[name].get('buffer', 0) > 0 for name in inputs), (code, inputs)
        assert output not in made and tensors[output].get('buffer', 0) == 0, output
        made.add(output)


def check_mobilenet(program, folder):
    path = os.path.join(folder, 'v2.tflite')
    raw = convert(program, 'mnv2:0.1:classes=3', path, 65, 16, 'float', 'symmetric')
    check_alignment(raw)
    model = flatc_json(path, 'tflite.fbs', folder)
    check_graph(model, 65, 3)
    ops = operators(model)
    counts = {code: sum(op[0] == code for op in ops) for code in {op[0] for op in ops}}
    # The stem, 16 expansions, 17 projections, pooling, aspp0, projection, classifier; zeros before the stem and three strides of 2.
    assert counts['CONV_2D'] == 1 + 16 + 17 + 4 and counts['DEPTHWISE_CONV_2D'] == 17 and counts['PAD'] == 4, counts
    assert counts['MEAN'] == 1 and counts['CONCATENATION'] == 1 and counts['RESIZE_BILINEAR'] == 2 and counts['ADD'] >= 10, counts
    stem = next(op for op in ops if op[4] == 'backbone.stem')
    assert stem[2] == {'padding': 'VALID', 'stride_w': 2, 'stride_h': 2, 'activation': 'RELU6'}, stem
    atrous = next(op for op in ops if op[4] == 'backbone.block14.depthwise')
    assert atrous[1] == 2 and atrous[2] == {'stride_w': 1, 'stride_h': 1, 'depth_multiplier': 1, 'activation': 'RELU6',
                                            'dilation_w_factor': 2, 'dilation_h_factor': 2}, atrous
    assert next(op for op in ops if op[0] == 'MEAN')[2] == {'keep_dims': True}
    assert next(op for op in ops if op[0] == 'CONCATENATION')[2] == {'axis': 3}
    assert all(op[2] == {'align_corners': True} for op in ops if op[0] == 'RESIZE_BILINEAR')


def check_versions(program, folder):
    """By TensorFlow's op_version.cc: of half pixels 3, of INT8 2, and of its convolutions 3."""
    path = os.path.join(folder, 'versions.tflite')
    for form, wanted in [('float', {'CONV_2D': {1}, 'ADD': {1}, 'RESIZE_BILINEAR': {3}, 'CONCATENATION': {1}, 'MEAN': {1}}),
                         ('half', {'CONV_2D': {1}, 'DEQUANTIZE': {3}}),
                         ('int8', {'CONV_2D': {3}, 'DEPTHWISE_CONV_2D': {3}, 'ADD': {2}, 'CONCATENATION': {2}, 'MEAN': {2}, 'PAD': {2}})]:
        convert(program, 'mnv2:0.1:classes=3', path, 48, 16, form, 'half_pixel', 'symmetric')
        ops = operators(flatc_json(path, 'tflite.fbs', folder))
        for code, versions in wanted.items():
            assert {op[1] for op in ops if op[0] == code} == versions, (form, code)


def check_int8(program, folder):
    path = os.path.join(folder, 'bytes.tflite')
    convert(program, 'mnv1:0.1:classes=3', path, 33, 16, 'int8')
    tensors = {t['name']: t for t in flatc_json(path, 'tflite.fbs', folder)['subgraphs'][0]['tensors']}
    assert {t['type'] for name, t in tensors.items() if not name.endswith(('bias', 'axes', 'size'))} == {'INT8'}
    assert {t['type'] for name, t in tensors.items() if name.endswith('bias')} == {'INT32'}
    depthwise, stem = tensors['backbone.block0.depthwise.weight'], tensors['backbone.stem.weight']['quantization']
    assert depthwise['quantization']['quantized_dimension'] == 3 and 'quantized_dimension' not in stem
    assert len(depthwise['quantization']['scale']) == depthwise['shape'][3] and set(stem['zero_point']) == {0}
    for scale, sums in zip(stem['scale'], tensors['backbone.stem.bias']['quantization']['scale']):
        assert abs(sums - scale / 128) <= 1e-6, (sums, scale)  # the input's is 1/128; flatc prints six decimals
    assert tensors['input']['quantization'] == {'scale': [0.007812], 'zero_point': [0]}, tensors['input']


def check_metadata(program, folder):
    path, inner = os.path.join(folder, 'labelled.tflite'), os.path.join(folder, 'meta.bin')
    convert(program, LABELLED, path)
    model = flatc_json(path, 'tflite.fbs', folder)
    entries = {entry['name']: bytes(model['buffers'][entry['buffer']]['data']) for entry in model['metadata']}
    assert set(entries) == {'TFLITE_METADATA', 'mseg'} and json.loads(entries['mseg'])['labels'] == LABELS
    assert entries['TFLITE_METADATA'][4:8] == b'M001'
    with open(inner, 'wb') as out:
        out.write(entries['TFLITE_METADATA'])
    meta = flatc_json(inner, 'metadata.fbs', folder)
    graph = meta['subgraph_metadata'][0]
    image, scores = graph['input_tensor_metadata'][0], graph['output_tensor_metadata'][0]
    assert meta['name'] == 'a network' and meta['min_parser_version'] == '1.0.0'
    assert image['content'] == {'content_properties_type': 'ImageProperties', 'content_properties': {'color_space': 'RGB'}}, image
    unit = image['process_units'][0]
    assert unit['options_type'] == 'NormalizationOptions'
    for found, wanted in [*zip(unit['options']['mean'], MEAN), *zip(unit['options']['std'], STD)]:
        assert abs(found - wanted) <= 2e-7 * wanted + 5e-7, (found, wanted)  # two roundings of a float, and flatc's of six decimals
    assert [(f['name'], f['type']) for f in scores['associated_files']] == [('labels.txt', 'TENSOR_AXIS_LABELS')]


def check_again(program, folder):
    """What flatc makes of its own JSON is the same network, and writing what was written changes nothing."""
    path, again = os.path.join(folder, 'labelled.tflite'), os.path.join(folder, 'again.tflite')
    raw = convert(program, LABELLED, path)
    assert convert(program, path, again) == raw
    flatc_json(path, 'tflite.fbs', folder)
    run('flatc', '-b', '--strict-json', '-o', folder, os.path.join(HERE, 'tflite.fbs'), os.path.join(folder, 'labelled.json'))
    with open(os.path.join(folder, 'labelled.tflite'), 'rb') as archive:
        archive = archive.read()
    rebuilt = os.path.join(folder, 'rebuilt.tflite')
    with open(os.path.join(folder, 'labelled.bin'), 'rb') as body, open(rebuilt, 'wb') as out:
        out.write(body.read())
    assert archive == raw and convert(program, rebuilt, again) == raw


def check_archive(program, folder):
    path = os.path.join(folder, 'labelled.tflite')
    convert(program, LABELLED, path)
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None and archive.namelist() == ['labels.txt']
        assert archive.read('labels.txt').decode() == ''.join(label + '\n' for label in LABELS)


def main():
    with tempfile.TemporaryDirectory() as folder:
        check_archive(sys.argv[1], folder)
        check_alignment(convert(sys.argv[1], 'mnv2:0.1', os.path.join(folder, 'half.tflite'), 33, 8, 'half'))
        if not shutil.which('flatc'):
            print('SKIP: no flatc (flatbuffers-compiler): the tables of written .tflite files NOT tested')
            return
        for check in (check_mobilenet, check_versions, check_int8, check_metadata, check_again):
            check(sys.argv[1], folder)


if __name__ == '__main__':
    main()
