#!/usr/bin/python3
"""PyTorch: a frozen, optimised trace, in whichever memory format is faster here. Usage: peer_torch.py FOLDER THREADS RUNS"""

import os

import peer

folder, threads, runs = peer.arguments()
os.environ["OMP_NUM_THREADS"] = str(threads)

import torch

import make_networks

torch.set_num_threads(threads)
torch.set_num_interop_threads(1)


def prepare(memory_format):
    module = make_networks.Module(make_networks.Network(*make_networks.OPTIONS[os.path.basename(folder)]))
    module = module.eval().to(memory_format=memory_format)
    picture = torch.from_numpy(peer.picture(folder)).contiguous(memory_format=memory_format)
    module = torch.jit.optimize_for_inference(torch.jit.freeze(torch.jit.trace(module, picture)))
    for _ in range(peer.WARM_UP):
        module(picture)
    return lambda: module(picture)


with torch.no_grad():
    candidates = [prepare(memory_format) for memory_format in (torch.contiguous_format, torch.channels_last)]
    best = min(candidates, key=lambda run: min(peer.milliseconds(run, 5)))
    peer.report("PyTorch %s JIT" % torch.__version__.split("+")[0], folder, best, runs)
