"""What the peers in Python share: peer_x.py FOLDER THREADS RUNS times one network of make_networks.py and prints a line of JSON."""

import json
import os
import statistics
import sys
import time

import numpy as np

WARM_UP = 3


def arguments():
    return sys.argv[1], int(sys.argv[2]), int(sys.argv[3])


def picture(folder):
    return np.fromfile(os.path.join(folder, "input.f32"), "<f4").reshape(1, 3, 513, 513)


def milliseconds(run, runs):
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        run()
        times.append((time.perf_counter() - start) * 1e3)
    return times


def report(name, folder, run, runs):
    """run: computes the logits, 1 x 21 x h x w."""
    logits = None
    for _ in range(WARM_UP):
        logits = run()
    times = milliseconds(run, runs)
    wanted = np.fromfile(os.path.join(folder, "logits.f32"), "<f4")
    error = float(np.abs(np.asarray(logits).ravel() - wanted).max() / np.abs(wanted).max())
    print(json.dumps({"name": name, "min_ms": min(times), "median_ms": statistics.median(times), "error": error}))
