#!/usr/bin/python3
"""test_classify.py MSEG: 'mseg classify' with a trained MobileNetV2 on the ImageNet photos of $MSEG_SHARED (else ../shared beside the
checkout), whose file names say what is on them. Needs NumPy and Pillow."""

import glob
import json
import os
import re
import subprocess
import sys
import tempfile
import unittest

import numpy as np
from PIL import Image

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import shared

MODEL = shared.path("models/mobilenet_v2_1.0_224_quant.tflite")
LABELS = shared.path("models/imagenet_labels.txt")
PHOTOS = sorted(glob.glob(shared.path("images/n*.JPEG")))
# Measured in float: 44 and 53 with the default crop, 45 and 53 without. Fewer by this many is a break, not rounding.
FLOORS = {"0.875": (42, 51), "1": (43, 51)}


def classify(*arguments, program=sys.argv[1]):
    done = subprocess.run([program, "classify", "-m", MODEL, "--precision", "float", *arguments], check=True, capture_output=True)
    return done.stdout.decode()


def results(*arguments):
    return [json.loads(line) for line in classify("-l", LABELS, "--json", "-", *arguments).splitlines()]


def plain(name):
    return re.sub("[^a-z0-9]", "", name.lower())


def right(photo, name):
    """n02013706_limpkin.JPEG against "limpkin, Aramus pictus"."""
    wanted = plain(os.path.basename(photo).split("_", 1)[1].rsplit(".", 1)[0])
    return any(plain(synonym) == wanted for synonym in name.split(","))


class Classify(unittest.TestCase):
    def test_photos_are_recognised(self):
        for crop, floors in FLOORS.items():
            hits = [[right(row["path"], entry["name"]) for entry in row["top"]] for row in results("--crop", crop, *PHOTOS)]
            top1, top5 = sum(hit[0] for hit in hits), sum(any(hit) for hit in hits)
            print(f"crop {crop}: of {len(hits)} photos, {top1} right at once, {top5} among the first five")
            self.assertEqual(len(hits), 58)
            self.assertGreaterEqual(top1, floors[0])
            self.assertGreaterEqual(top5, floors[1])

    def test_default_crop(self):
        self.assertEqual(results(PHOTOS[0]), results("--crop", "0.875", PHOTOS[0]))

    def test_crop_and_resize_are_pillows(self):
        """Pillow's central 70% of a photo, resized, gives the same probabilities up to its rounding."""
        with tempfile.TemporaryDirectory() as folder:
            for photo in PHOTOS[:6]:
                image = Image.open(photo).convert("RGB")
                left, top = (int(n * (1 - 0.7) / 2) for n in image.size)
                image = image.crop((left, top, image.width - left, image.height - top)).resize((224, 224), Image.BILINEAR)
                image.save(os.path.join(folder, "cropped.png"))
                ours = results("-k", "1000", "--crop", "0.7", photo)[0]["top"]
                theirs = results("-k", "1000", "--crop", "1", os.path.join(folder, "cropped.png"))[0]["top"]
                value = lambda rows: {row["class"]: row["probability"] for row in rows}
                ours, theirs = value(ours), value(theirs)
                worst = max(abs(ours[i] - theirs[i]) for i in set(ours) & set(theirs))
                self.assertGreater(len(set(ours) & set(theirs)), 950)
                self.assertLess(worst, 0.05, photo)

    def test_probabilities_are_sorted_and_add_up(self):
        row = results("-k", "1000", PHOTOS[0])[0]
        values = np.array([entry["probability"] for entry in row["top"]])
        self.assertTrue((np.diff(values) <= 0).all())
        self.assertAlmostEqual(values.sum(), 1, delta=1e-3)
        self.assertEqual(len({entry["class"] for entry in row["top"]}), 1000)

    def test_text_says_the_same(self):
        lines = classify("-l", LABELS, "-k", "3", *PHOTOS[:2]).splitlines()
        expected = []
        for row in results("-k", "3", *PHOTOS[:2]):
            expected.append(row["path"])
            for entry in row["top"]:
                expected.append(f"  {100 * entry['probability']:6.2f}%  {entry['class']:4d}  {entry['name']}")
        self.assertEqual(lines, expected)

    def test_threads_change_nothing(self):
        self.assertEqual(results("-j", "1", *PHOTOS[:4]), results("-j", "2", *PHOTOS[:4]))

    def test_wrong_labels_are_refused(self):
        with tempfile.NamedTemporaryFile("w", suffix=".txt") as labels:
            labels.write("cat\ndog\n")
            labels.flush()
            done = subprocess.run([sys.argv[1], "classify", "-m", MODEL, "-l", labels.name, PHOTOS[0]], capture_output=True, check=False)
            self.assertEqual(done.returncode, 2)
            self.assertIn(b"2 labels for a model of 1001 classes", done.stderr)


if not shared.missing([MODEL, LABELS, *(PHOTOS or [shared.path("images/n*.JPEG")])], "classification is"):
    unittest.main(argv=sys.argv[:1])
