#!/usr/bin/python3
"""Writes the networks of the race (race.sh): MobileNetV2 1.0 + DeepLabv3, 513 x 513, 21 classes, batch norm folded, random weights.

  a  output stride 16    b  output stride 8    c  output stride 16 with ASPP

FOLDER/NAME/ gets network.onnx (opset 13), network_opset9.onnx (for OpenCV), network.txt + weights.f32 (for peer_dnnl.cc), input.f32
(1 x 3 x 513 x 513, as 8-bit RGB normalised to -1 .. 1) and logits.f32 (1 x 21 x h x w, PyTorch in float64: what every peer must
find). The pooled branch is what a user's export has: global average pool, 1x1, broadcast, concatenation.

The same in 8 bits (networks8.py): network8.onnx and network8_channel.tflite with a scale per channel of the weights, network8.tflite
with one, input.u8 (513 x 513 x 3, the same picture) and logits8.u8 (1 x 21 x h x w, of network8.onnx in TensorFlow Lite's arithmetic).

Needs Debian's python3-torch, python3-onnx and python3-flatbuffers. Usage: make_networks.py FOLDER"""

import dataclasses
import json
import math
import os
import sys

import numpy as np
import torch
import torch.nn.functional as F

from networks8 import Quantised

SIZE, CLASSES = 513, 21
MADDS = {"a": 2_740_709_056, "b": 8_825_853_632, "c": 5_363_508_928}  # the counts known for this network
OPTIONS = {"a": (16, False), "b": (8, False), "c": (16, True)}
# Table 2 of arXiv 1801.04381: expansion, output channels, repeats, stride of the first.
BLOCKS = [(1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)]
ACTIVATIONS = {"none": lambda x: x, "relu": F.relu, "relu6": F.relu6}


@dataclasses.dataclass
class Layer:
    """kind: conv, pool (global average), broadcast, concat or add. Tensor 0 is the input, tensor i + 1 what layer i makes."""

    kind: str
    inputs: list
    shape: tuple  # of the output: channels, height, width
    kernel: int = 1
    stride: int = 1
    rate: int = 1
    groups: int = 1
    activation: str = "none"
    weight: np.ndarray = None  # OIHW
    bias: np.ndarray = None

    @property
    def padding(self):
        return self.rate * (self.kernel // 2)  # TensorFlow's SAME, as every side here is odd

    @property
    def madds(self):
        return self.weight.size * self.shape[1] * self.shape[2] if self.kind == "conv" else 0


class Network:
    def __init__(self, output_stride, aspp, seed=1):
        self.random = np.random.RandomState(seed)
        self.layers = []
        features = self.backbone(output_stride)
        self.head(features, aspp, output_stride)

    def shape(self, tensor):
        return self.layers[tensor - 1].shape if tensor else (3, SIZE, SIZE)

    def append(self, *args, **kwargs):
        self.layers.append(Layer(*args, **kwargs))
        return len(self.layers)

    def conv(self, tensor, channels, activation, kernel=1, stride=1, rate=1, depthwise=False):
        in_channels, height, width = self.shape(tensor)
        fan = (1 if depthwise else in_channels) * kernel * kernel
        deviation = math.sqrt((1 if activation == "none" else 2) / fan)  # He: keeps the size of activations
        weight = self.random.normal(0, deviation, (channels, fan // kernel**2, kernel, kernel)).astype(np.float32)
        bias = self.random.normal(0, 0.1, channels).astype(np.float32)
        shape = (channels, -(-height // stride), -(-width // stride))
        groups = channels if depthwise else 1
        return self.append("conv", [tensor], shape, kernel, stride, rate, groups, activation, weight, bias)

    def backbone(self, output_stride):
        x = self.conv(0, 32, "relu6", kernel=3, stride=2)
        reached, rate = 2, 1
        for expansion, channels, repeats, first_stride in BLOCKS:
            for stride in [first_stride] + [1] * (repeats - 1):
                later = rate
                if reached == output_stride:
                    later, stride = rate * stride, 1
                block, reached = x, reached * stride
                expanded = self.shape(x)[0] * expansion
                if expansion > 1:
                    x = self.conv(x, expanded, "relu6")
                x = self.conv(x, expanded, "relu6", kernel=3, stride=stride, rate=rate, depthwise=True)
                x = self.conv(x, channels, "none")
                if self.shape(x) == self.shape(block):
                    x = self.append("add", [block, x], self.shape(x))
                rate = later
        return x

    def head(self, features, aspp, output_stride):
        channels, height, width = self.shape(features)
        pooled = self.conv(self.append("pool", [features], (channels, 1, 1)), 256, "relu")
        branches = [self.append("broadcast", [pooled], (256, height, width)), self.conv(features, 256, "relu")]
        for rate in (6, 12, 18) if aspp else ():
            branches.append(self.conv(features, 256, "relu", kernel=3, rate=rate * 16 // output_stride))
        joined = self.append("concat", branches, (256 * len(branches), height, width))
        self.conv(self.conv(joined, 256, "relu"), CLASSES, "none")

    def madds(self):
        return sum(layer.madds for layer in self.layers)


class Module(torch.nn.Module):
    """The network as a PyTorch user would have it."""

    def __init__(self, network):
        super().__init__()
        self.layers = network.layers
        self.convs = torch.nn.ModuleDict()
        for i, layer in enumerate(self.layers):
            if layer.kind == "conv":
                conv = torch.nn.Conv2d(layer.weight.shape[1] * layer.groups, layer.shape[0], layer.kernel, layer.stride,
                                       layer.padding, layer.rate, layer.groups)
                conv.weight.data, conv.bias.data = torch.from_numpy(layer.weight), torch.from_numpy(layer.bias)
                self.convs[str(i)] = conv

    def run(self, i, x):
        layer = self.layers[i]
        if layer.kind == "conv":
            return ACTIVATIONS[layer.activation](self.convs[str(i)](x[0]))
        if layer.kind == "pool":
            return F.adaptive_avg_pool2d(x[0], 1)
        if layer.kind == "broadcast":
            return x[0].expand(-1, -1, *layer.shape[1:])
        return torch.cat(x, 1) if layer.kind == "concat" else x[0] + x[1]

    def tensors(self, picture):
        tensors = [picture]
        for i, layer in enumerate(self.layers):
            tensors.append(self.run(i, [tensors[t] for t in layer.inputs]))
        return tensors

    def forward(self, picture):
        return self.tensors(picture)[-1]


def save_onnx(network, path, opset):
    """Before opset 11 Clip's limits are attributes (OpenCV 4.6 wants them so)."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    nodes, constants = [], []

    def constant(name, value):
        constants.append(numpy_helper.from_array(value, name))
        return name

    def clip(tensor, output):
        if opset < 11:
            return helper.make_node("Clip", [tensor], [output], min=0.0, max=6.0)
        return helper.make_node("Clip", [tensor, "zero", "six"], [output])

    if opset >= 11:
        constant("zero", np.float32(0))
        constant("six", np.float32(6))
    for i, layer in enumerate(network.layers):
        inputs, output = ["t%d" % t for t in layer.inputs], "t%d" % (i + 1)
        if layer.kind == "conv":
            straight = output if layer.activation == "none" else output + "_linear"
            inputs += [constant("w%d" % i, layer.weight), constant("b%d" % i, layer.bias)]
            nodes.append(helper.make_node("Conv", inputs, [straight], kernel_shape=[layer.kernel] * 2, strides=[layer.stride] * 2,
                                          dilations=[layer.rate] * 2, pads=[layer.padding] * 4, group=layer.groups))
            if layer.activation == "relu6":
                nodes.append(clip(straight, output))
            elif layer.activation == "relu":
                nodes.append(helper.make_node("Relu", [straight], [output]))
        elif layer.kind == "pool":
            nodes.append(helper.make_node("GlobalAveragePool", inputs, [output]))
        elif layer.kind == "broadcast":
            shape = constant("s%d" % i, np.array((1, *layer.shape), np.int64))
            nodes.append(helper.make_node("Expand", inputs + [shape], [output]))
        elif layer.kind == "concat":
            nodes.append(helper.make_node("Concat", inputs, [output], axis=1))
        else:
            nodes.append(helper.make_node("Add", inputs, [output]))
    picture = helper.make_tensor_value_info("t0", TensorProto.FLOAT, (1, *network.shape(0)))
    logits = helper.make_tensor_value_info(output, TensorProto.FLOAT, (1, *network.layers[-1].shape))
    graph = helper.make_graph(nodes, "network", [picture], [logits], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)])
    model.ir_version = 7
    onnx.checker.check_model(model)
    onnx.save(model, path)


def save_text(network, folder):
    """A line a layer: kind, channels, height and width of the output, kernel, stride, rate, groups, activation, number of inputs,
    inputs. The weights of each convolution (OIHW) are followed by its biases."""
    files = os.path.join(folder, "network.txt"), os.path.join(folder, "weights.f32")
    with open(files[0], "w") as text, open(files[1], "wb") as weights:
        for layer in network.layers:
            print(layer.kind, *layer.shape, layer.kernel, layer.stride, layer.rate, layer.groups, layer.activation,
                  len(layer.inputs), *layer.inputs, file=text)
            if layer.kind == "conv":
                weights.write(layer.weight.tobytes() + layer.bias.tobytes())


def save8(network, ranges, rgb, folder):
    Quantised(network, ranges, per_channel=False).save_tflite(os.path.join(folder, "network8.tflite"))
    quantised = Quantised(network, ranges, per_channel=True)
    quantised.save_tflite(os.path.join(folder, "network8_channel.tflite"))
    quantised.save_onnx(os.path.join(folder, "network8.onnx"))
    rgb.transpose(0, 2, 3, 1).tofile(os.path.join(folder, "input.u8"))
    quantised.logits(rgb).tofile(os.path.join(folder, "logits8.u8"))


def save(name, folder):
    network = Network(*OPTIONS[name])
    if network.madds() != MADDS[name]:
        sys.exit("make_networks.py: network %s has %d MAdds, not %d" % (name, network.madds(), MADDS[name]))
    os.makedirs(folder, exist_ok=True)
    save_onnx(network, os.path.join(folder, "network.onnx"), 13)
    save_onnx(network, os.path.join(folder, "network_opset9.onnx"), 9)
    save_text(network, folder)
    rgb = np.random.RandomState(2).randint(0, 256, (1, 3, SIZE, SIZE)).astype(np.uint8)
    picture = rgb.astype(np.float32) * np.float32(2 / 255) - 1
    picture.astype("<f4").tofile(os.path.join(folder, "input.f32"))
    with torch.no_grad():
        tensors = Module(network).double().tensors(torch.from_numpy(picture).double())
    logits = tensors[-1]
    logits.numpy().astype("<f4").tofile(os.path.join(folder, "logits.f32"))
    save8(network, [(float(tensor.min()), float(tensor.max())) for tensor in tensors], rgb, folder)
    with open(os.path.join(folder, "network.json"), "w") as text:  # last: the folder is complete when this is there
        json.dump({"output_stride": OPTIONS[name][0], "aspp": OPTIONS[name][1], "madds": network.madds()}, text)
    print("%s: %d layers, %d MAdds, logits %s" % (name, len(network.layers), network.madds(), tuple(logits.shape)))


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    for name in OPTIONS:
        save(name, os.path.join(sys.argv[1], name))
