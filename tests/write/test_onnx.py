#!/usr/bin/python3
"""test_onnx.py WRITE_ONNX SCORES_OF: ONNX files that mseg writes (write_onnx.c), read by onnx_file.py: their numbers are those that went in,
transposed by NumPy, and their graph gives, in NumPy, the scores that forward.py has of the same networks in tests/weights/data, and
those of mseg for networks that only it knows; ONNX's own library and protoc read them, where they are installed."""
import json
import os
import re
import shutil
import subprocess
import sys
import unittest

import numpy as np

from onnx_written import FORMS, NETWORKS, contents, data, enter, picture, read, run_mseg, scores_in, stored_values, transposed, upsample, write

try:
    import onnx
    import onnx.numpy_helper
except ImportError:
    onnx = None

PROTO, PROTOC = '/usr/include/onnx/onnx.proto', shutil.which('protoc')


class Values(unittest.TestCase):
    def check(self, model, tensors, half=False):
        names = {name for name in model.constants if name.endswith(('.weight', '.bias'))}
        self.assertEqual(names, {name for name in tensors if name.endswith(('.weight', '.bias'))})
        for name in names:
            want, got = transposed(name, tensors[name]), model.constants[name]
            if half and name.endswith('.weight'):
                want = np.clip(want, -65504, 65504).astype('<f2')
            self.assertEqual((got.dtype, got.shape), (want.dtype, want.shape), name)
            self.assertEqual(got.tobytes(), np.ascontiguousarray(want).tobytes(), name)

    def test_of_files(self):
        """Nothing but bounds that other weights make 6 changes numbers; integers are multiplied in double and rounded once."""
        for name, size in FORMS.items():
            path, _ = write(data(name + '.tflite'), name, *size)
            stored = stored_values(name)
            stored.pop('input', None)
            self.check(read(path), {n: v for n, v in stored.items()})

    def test_seeded(self):
        for name, size in NETWORKS.items():
            path, tensors = write(name, name, *size)
            self.check(read(path), tensors)

    def test_half(self):
        for name in ('caps', 'turned', 'convdense'):
            path, tensors = write(data(name + '.tflite'), name, *FORMS[name], 'half')
            self.check(read(path), tensors, half=True)


class Graph(unittest.TestCase):
    def check(self, model, height, width):
        self.assertEqual((model.ir_version, model.operator_set, model.producer), (7, 13, 'mseg'))
        self.assertEqual((model.input, model.input_shape), ('input', [1, 3, height, width]))
        self.assertEqual((model.output, model.output_shape[0]), ('logits', 1))
        self.assertIn(model.output_shape[2:], ([height, width], []))
        used = {name for node in model.nodes for name in node.inputs if name}
        self.assertEqual(set(model.constants) - used, set())
        for node in model.nodes:
            self.assertEqual(node.name, node.output)
            if node.type == 'Clip':
                bounds = [model.constants[name] for name in node.inputs[1:]]
                self.assertEqual([(b.dtype, b.shape, float(b)) for b in bounds], [('<f4', (), 0), ('<f4', (), 6)])
            if node.type == 'Conv':
                weight = node.inputs[1].removesuffix('.float')
                self.assertEqual(weight, node.name + '.weight')
                self.assertEqual(node.inputs[2:], [node.name + '.bias'] if node.name + '.bias' in model.constants else [])

    def test_means_what_the_file_meant(self):
        for name, (height, width, stride) in FORMS.items():
            for how in ([], ['half']):
                model = read(write(data(name + '.tflite'), name, height, width, stride, *how)[0])
                self.check(model, height, width)
                want = upsample(model, scores_in(contents(data(name + '.scores'))))
                got = model.run(enter(model, picture(height, width)))
                self.assertEqual(list(got.shape), model.output_shape)
                # Float: rounded inputs and stored scores. Half: 2^-12 of each weight, through 60 layers.
                self.assertLess(abs(got - want).max(), (0.015 if how else 2e-5) * abs(want).max(), (name, how))

    def test_means_what_mseg_runs(self):
        for name, (height, width, stride) in NETWORKS.items():
            model = read(write(name, name, height, width, stride)[0])
            self.check(model, height, width)
            want, got = upsample(model, run_mseg(name, height, width, stride)), model.run(enter(model, picture(height, width)))
            self.assertEqual(list(got.shape), model.output_shape)
            self.assertLess(abs(got - want).max(), 2e-5 * abs(want).max(), name)

    def test_texts(self):
        model = read(write(data('labelled.tflite'), 'labelled', 33, 33, 16)[0])
        description = json.loads(model.properties['mseg'])
        self.assertEqual((model.name, model.properties['name']), ('a n\u00e4me', 'a n\u00e4me'))
        self.assertEqual(len(description['labels']), model.output_shape[1])
        self.assertEqual(model.properties['labels'].split('\n'), description['labels'])
        self.assertEqual([description[key] for key in ('height', 'width', 'output_stride')], [33, 33, 16])
        self.assertEqual(set(read(write(data('caps.tflite'), 'caps', *FORMS['caps'])[0]).properties), {'mseg', 'name'})

    def test_file_is_hardly_larger_than_its_numbers(self):
        path, tensors = write('mnv2', 'mnv2', 65, 65, 16)
        self.assertLess(os.path.getsize(path), sum(t.nbytes for t in tensors.values()) + 40000)


class Back(unittest.TestCase):
    """mseg reads what it has written."""

    def each(self):
        for name, size in FORMS.items():
            yield name, data(name + '.tflite'), size
        for name, size in NETWORKS.items():
            yield name, name, size

    def test_same_scores_bit_for_bit(self):
        for name, model, (height, width, stride) in self.each():
            path, _ = write(model, name, height, width, stride)
            want, got = run_mseg(model, height, width, stride), run_mseg(path, height, width, stride)
            self.assertEqual((got.shape, got.tobytes()), (want.shape, want.tobytes()), name)

    def test_written_again_it_is_the_same_file(self):
        """With it every constant, the input rule, sampling, padding, output stride and labels have come back."""
        models = [*self.each(), ('labelled', data('labelled.tflite'), (33, 33, 16)), ('small', 'mnv2:0.35:decoder', (9, 9, 8))]
        for name, model, size in models:
            for how in ([], ['half']):
                path, _ = write(model, name, *size, *how)
                again, _ = write(path, name + 'again', *size, *how)
                self.assertEqual(contents(path), contents(again), (name, how))


class Refusals(unittest.TestCase):
    def test_integers(self):
        self.assertIn('write a .tflite file', write('mnv2:0.35', 'integers', 33, 33, 16, 'bytes', status=6))

    def test_too_large(self):
        """Known before numbers are loaded."""
        self.assertIn('more than the 2 GiB', write('resnet101:4', 'large', 33, 33, 16, status=7))


class Others(unittest.TestCase):
    """Files of all kinds, by what other people's tools say of them."""

    def each(self):
        for name, size in FORMS.items():
            for how in ([], ['half']):
                yield name, *write(data(name + '.tflite'), name, *size, *how)
        for name, size in NETWORKS.items():
            yield name, *write(name, name, *size)

    def test_protoc(self):
        if not PROTOC or not os.path.exists(PROTO):
            print(f'SKIP: protoc or {PROTO} is not there (protobuf-compiler, libonnx-dev): reading by it NOT tested', flush=True)
            return
        for name, path, _ in self.each():
            with open(path, 'rb') as file:
                done = subprocess.run([PROTOC, '--decode=onnx.ModelProto', '-I/usr/include/onnx', PROTO], stdin=file, capture_output=True)
            self.assertEqual((done.returncode, done.stderr), (0, b''), name)
            unknown = re.findall(rb'^ *[0-9]+[:{ ].*', done.stdout, re.M)
            self.assertEqual(unknown, [], name)
            self.assertEqual(len(re.findall(rb'^  node {', done.stdout, re.M)), len(read(path).nodes))

    def test_onnx(self):
        if onnx is None:
            print('SKIP: python3-onnx is not there: its checker and shapes NOT tested', flush=True)
            return
        for name, path, _ in self.each():
            model, ours = onnx.load(path), read(path)
            onnx.checker.check_model(model, full_check=True)
            inferred = onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True, data_prop=True).graph
            ours.run(np.zeros(ours.input_shape), 'f4')
            found = {v.name: tuple(d.dim_value for d in v.type.tensor_type.shape.dim) for v in [*inferred.value_info, *inferred.output]}
            self.assertEqual(set(found), {node.output for node in ours.nodes}, name)
            self.assertEqual(found, {value: ours.sizes[value] for value in found}, name)
            for t in model.graph.initializer:
                self.assertTrue(np.array_equal(onnx.numpy_helper.to_array(t), ours.constants[t.name]), (name, t.name))


if __name__ == '__main__':
    unittest.main(argv=sys.argv[:1])
