#!/usr/bin/python3
"""Each backbone of the paper once in full, 513 x 513, against PyTorch in float64 with the same seeded weights; minutes, so outside the
test run. Usage: full_size.py BUILD/tests/test_paper"""

import subprocess
import sys
import tempfile

import make_goldens

CASES = (("mnv2", 16), ("mnv2:aspp", 8), ("mnv1:aspp", 16), ("resnet101:beta:aspp", 16))

writer = make_goldens.Writer()
for architecture, output_stride in CASES:
    writer.forward(architecture, output_stride, 513, 513)
    print(writer.lines[-1], flush=True)
with tempfile.TemporaryDirectory() as folder:
    writer.save(folder)
    sys.exit(subprocess.run([sys.argv[1], folder], check=False).returncode)
