#!/usr/bin/python3
"""Writes tests/fuzz/corpus/safetensors: networks of a channel or two, by every kind of name and in every type. Usage:
make_safetensors.py"""
import json
import os

import numpy as np

import safetensors
import torch_nets

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), '../fuzz/corpus/safetensors')
ABOUT = {'version': 1, 'input': {'scale': [0.5, 0.25, 2], 'offset': [-1, 0, 1], 'pad': [0, 127.5, 0]}, 'sampling': 'half_pixel',
         'padding': 'symmetric', 'output_stride': 8, 'width': 65, 'height': 33, 'labels': ['a', 'b']}


def upper_half(a):
    return (a.view('u4') >> 16).astype('u2')


def main():
    os.makedirs(FOLDER, exist_ok=True)
    torch_nets.STEM = torch_nets.LAST = torch_nets.DEPTH = 1
    torch_nets.CLASSES = 2
    torch_nets.CHANNELS = [1] * 16 + [2]
    plain, segmentation = torch_nets.Net(1, False), torch_nets.Net(2, True)
    own = {'backbone.stem.weight': np.ones((2, 3, 3, 3), 'f2'), 'head.classifier.bias': np.zeros(2, 'f4')}
    doubles = {name: a.astype('f8') if a.dtype == 'f4' else a for name, a in plain.tensors(torch_nets.hugging_face(False)).items()}
    halves = {name: upper_half(a) if a.dtype == 'f4' else a for name, a in plain.tensors(torch_nets.torchvision).items()}
    for name, tensors, how in (
            ('torchvision', plain.tensors(torch_nets.torchvision), {'metadata': {'format': 'pt'}}),
            ('bfloat16', halves, {'types': {name: 'BF16' for name, a in halves.items() if a.dtype == 'u2'}}),
            ('float64', doubles, {}),
            ('segmentation', segmentation.tensors(torch_nets.hugging_face(True)), {}),
            ('resnet', torch_nets.ResNet(3, (3, 4, 6, 3), True).tensors(), {}),
            ('own', own, {'metadata': {'format': 'mseg', 'mseg': json.dumps(ABOUT)}})):
        safetensors.write(os.path.join(FOLDER, name), tensors, **how)


if __name__ == '__main__':
    main()
