"""The networks of make_networks.py in 8 bits: quantised after training, as converters do it, from the ranges of the maps.

Maps are unsigned bytes, real = (byte - zero point) * scale; ReLU and ReLU6 are the ends of their range, and what is joined has one
scale. Weights are signed bytes with a scale per channel (ONNX Runtime's and TensorFlow Lite's newer way) or unsigned bytes with one scale
and zero point (the way of the default model)."""

import os
import sys

import numpy as np
import torch
import torch.nn.functional as F

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "weights"))
import make_tflite as tflite

PICTURE = np.float32(1 / 128), 128  # the format of RGB: -1 to 0.9922


def map_format(low, high):
    """Scale and zero point of a map with these values."""
    low, high = min(low, 0), max(high, 0)
    scale = np.float32((high - low) / 255)
    return scale, int(np.rint(-low / scale))


class Quantised:
    """network: a Network; ranges: least and largest value of every tensor; per_channel: see above. formats: scale and zero point of
    every tensor; weights: by layer, the stored ones (OIHW), their scales and zero point, and the stored biases."""

    def __init__(self, network, ranges, per_channel):
        self.layers, self.shape, self.per_channel = network.layers, network.shape, per_channel
        self.formats = self.map_formats(ranges)
        self.weights = [self.constants(layer) if layer.kind == "conv" else None for layer in self.layers]

    def map_formats(self, ranges):
        formats = [PICTURE] + [None] * len(self.layers)
        for tensor in range(len(self.layers), 0, -1):
            layer = self.layers[tensor - 1]
            if formats[tensor] is None:
                formats[tensor] = map_format(*((0, 6) if layer.activation == "relu6" else ranges[tensor]))
            if layer.kind in ("concat", "broadcast"):
                for part in layer.inputs:
                    formats[part] = formats[tensor]
        for tensor, layer in enumerate(self.layers, 1):
            if layer.kind == "pool":
                formats[tensor] = formats[layer.inputs[0]]
        return formats

    def constants(self, layer):
        rows = layer.weight.reshape(layer.shape[0], -1)
        if self.per_channel:
            scales, zero = (np.abs(rows).max(1) / 127).astype("f4"), 0
        else:
            scale, zero = map_format(rows.min(), rows.max())
            scales = np.full(len(rows), scale)
        stored = np.rint(layer.weight / scales.reshape(-1, 1, 1, 1)) + zero
        stored = np.clip(stored, -127, 127).astype("i1") if self.per_channel else np.clip(stored, 0, 255).astype("u1")
        return stored, scales, zero, np.rint(layer.bias / self.bias_scales(layer, scales)).astype("i4")

    def bias_scales(self, layer, scales):
        return self.formats[layer.inputs[0]][0] * scales

    # ---- what it computes ----

    def logits(self, picture):
        """picture: bytes, 1 x 3 x h x w. The logits' bytes in TensorFlow Lite's arithmetic (its kernels of XNNPACK); float64 holds every
        sum exactly."""
        tensors = [torch.from_numpy(picture)]
        for i, layer in enumerate(self.layers):
            tensors.append(self.run(i, layer, [tensors[t] for t in layer.inputs]))
        return tensors[-1].numpy()

    def run(self, i, layer, x):
        if layer.kind == "broadcast":
            return x[0].expand(-1, -1, *layer.shape[1:])
        if layer.kind == "concat":
            return torch.cat(x, 1)
        if layer.kind == "pool":
            n = x[0].shape[2] * x[0].shape[3]
            return ((x[0].long().sum((2, 3), keepdim=True) + n // 2) // n).byte()
        return self.add(i, layer, x) if layer.kind == "add" else self.conv(i, layer, x[0])

    def conv(self, i, layer, x):
        stored, scales, zero, bias = self.weights[i]
        (scale_in, zero_in), (scale_out, zero_out) = self.formats[layer.inputs[0]], self.formats[i + 1]
        weight = torch.from_numpy(stored.astype("f8") - zero)
        sums = F.conv2d(x.double() - zero_in, weight, torch.from_numpy(bias).double(), layer.stride, layer.padding, layer.rate,
                        layer.groups)
        scale = torch.from_numpy((scale_in * scales / scale_out).astype("f4")).reshape(-1, 1, 1)
        return (torch.round(sums.float() * scale) + zero_out).clamp(0, 255).byte()

    def add(self, i, layer, x):
        scale_out, zero_out = self.formats[i + 1]
        ratios = [self.formats[t][0] / scale_out for t in layer.inputs]
        shift = 20 - int(np.floor(np.log2(max(ratios))))
        total = 1 << (shift - 1)
        for part, ratio, t in zip(x, ratios, layer.inputs):
            total = total + (part.long() - self.formats[t][1]) * int(np.rint(ratio * 2.0**shift))
        return ((total >> shift) + zero_out).clamp(0, 255).byte()

    # ---- files ----

    def save_onnx(self, path):
        """Picture 1 x h x w x 3. QLinearConv and its kin, QuantizeLinear and DequantizeLinear around ordinary operators and channels
        last throughout take ONNX Runtime 1.30 the same time within 2%, weights of unsigned bytes more than twice as long."""
        import onnx
        from onnx import TensorProto, helper, numpy_helper

        nodes, constants = [helper.make_node("Transpose", ["picture"], ["t0"], perm=[0, 3, 1, 2])], {}

        def constant(name, value):
            constants[name] = numpy_helper.from_array(np.asarray(value), name)
            return name

        def format_of(tensor):
            scale, zero = self.formats[tensor]
            return [constant("scale%d" % tensor, np.float32(scale)), constant("zero%d" % tensor, np.uint8(zero))]

        def operand(tensor):
            return ["t%d" % tensor] + format_of(tensor)

        def append(kind, inputs, tensor, **attributes):
            nodes.append(helper.make_node(kind, inputs, ["t%d" % tensor], **attributes))

        for tensor, layer in enumerate(self.layers, 1):
            if layer.kind == "conv":
                stored, scales, zero, bias = self.weights[tensor - 1]
                weight = [constant("w%d" % tensor, stored), constant("ws%d" % tensor, scales),
                          constant("wz%d" % tensor, np.full(len(scales), zero, stored.dtype))]
                append("QLinearConv", operand(layer.inputs[0]) + weight + format_of(tensor) + [constant("b%d" % tensor, bias)], tensor,
                       kernel_shape=[layer.kernel] * 2, strides=[layer.stride] * 2, dilations=[layer.rate] * 2,
                       pads=[layer.padding] * 4, group=layer.groups)
            elif layer.kind == "pool":
                append("QLinearGlobalAveragePool", operand(layer.inputs[0]) + format_of(tensor), tensor, domain="com.microsoft",
                       channels_last=0)
            elif layer.kind == "broadcast":
                shape = constant("shape%d" % tensor, np.array((1, *layer.shape), np.int64))
                append("Expand", ["t%d" % layer.inputs[0], shape], tensor)
            elif layer.kind == "concat":
                append("Concat", ["t%d" % t for t in layer.inputs], tensor, axis=1)
            else:
                append("QLinearAdd", operand(layer.inputs[0]) + operand(layer.inputs[1]) + format_of(tensor), tensor,
                       domain="com.microsoft")
        channels, height, width = self.shape(0)
        picture = helper.make_tensor_value_info("picture", TensorProto.UINT8, (1, height, width, channels))
        logits = helper.make_tensor_value_info("t%d" % len(self.layers), TensorProto.UINT8, (1, *self.layers[-1].shape))
        graph = helper.make_graph(nodes, "network", [picture], [logits], list(constants.values()))
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13), helper.make_opsetid("com.microsoft", 1)])
        model.ir_version = 7
        onnx.save(model, path)

    def save_tflite(self, path):
        """Up to the logits. With a scale per channel all bytes are signed, but the picture's."""
        f = tflite.File(old_codes=False, force_defaults=True)
        kind, less = (tflite.INT8, 128) if self.per_channel else (tflite.UINT8, 0)
        tensors = []
        for tensor, (scale, zero) in enumerate(self.formats):
            channels, height, width = self.shape(tensor)
            tensors.append(f.tensor([1, height, width, channels], kind, None, [scale], [zero - less]))
        f.inputs = tensors[:1]
        if less:
            scale, zero = self.formats[0]
            f.inputs = [f.tensor(f.tensors[tensors[0]]["shape"], tflite.UINT8, None, [scale], [zero])]
            f.op(tflite.QUANTIZE, f.inputs, tensors[0])
        for i, layer in enumerate(self.layers):
            self.append_operator(f, i, layer, [tensors[t] for t in layer.inputs], tensors[i + 1])
        with open(path, "wb") as out:
            out.write(f.bytes())

    def append_operator(self, f, i, layer, x, y):
        channels, height, width = self.shape(layer.inputs[0])
        if layer.kind == "conv":
            self.append_conv(f, i, layer, x[0], y)
        elif layer.kind == "pool":
            f.op(tflite.AVERAGE_POOL_2D, x, y, 5,
                 {0: (tflite.I8, tflite.VALID), 1: (tflite.I32, width), 2: (tflite.I32, height), 3: (tflite.I32, width),
                  4: (tflite.I32, height), 5: (tflite.I8, tflite.NONE)})
        elif layer.kind == "broadcast":
            size = f.tensor([2], tflite.INT32, np.array(layer.shape[1:]))
            f.op(tflite.RESIZE_BILINEAR, x + [size], y, 15, {2: (tflite.BOOL, True)})
        elif layer.kind == "concat":
            f.op(tflite.CONCATENATION, x, y, 10, {0: (tflite.I32, 3), 1: (tflite.I8, tflite.NONE)})
        else:
            f.op(tflite.ADD, x, y, 11, {0: (tflite.I8, tflite.NONE)})

    def append_conv(self, f, i, layer, x, y):
        stored, scales, zero, bias = self.weights[i]
        depthwise = layer.groups > 1
        kept = scales if self.per_channel else scales[:1]
        order = (1, 2, 3, 0) if depthwise else (0, 2, 3, 1)
        weight = stored.transpose(order)
        kind, axis = (tflite.INT8, 3 * depthwise) if self.per_channel else (tflite.UINT8, 0)  # else Google's runtime leaves XNNPACK
        w = f.tensor(weight.shape, kind, weight, kept, [zero] * len(kept), axis)
        b = f.tensor([len(bias)], tflite.INT32, bias, self.bias_scales(layer, kept), [0] * len(kept))
        activation = {"none": tflite.NONE, "relu": tflite.ACT_RELU, "relu6": tflite.ACT_RELU6}[layer.activation]
        options = {0: (tflite.I8, tflite.SAME), 1: (tflite.I32, layer.stride), 2: (tflite.I32, layer.stride)}
        if depthwise:
            options.update({3: (tflite.I32, 1), 4: (tflite.I8, activation), 5: ("one", layer.rate), 6: ("one", layer.rate)})
            f.op(tflite.DEPTHWISE_CONV_2D, [x, w, b], y, 2, options)
        else:
            options.update({3: (tflite.I8, activation), 4: ("one", layer.rate), 5: ("one", layer.rate)})
            f.op(tflite.CONV_2D, [x, w, b], y, 1, options)
