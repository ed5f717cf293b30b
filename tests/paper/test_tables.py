#!/usr/bin/python3
"""test_tables.py MSEG: what 'mseg info --paper' prints against arXiv 1801.04381 and counts known beforehand."""

import json
import math
import subprocess
import sys
import unittest

# Table 7: parameters in millions, multiply-adds in billions, and how many percent mseg's may differ (parameters: 0.5).
TABLE_7 = {
    "V1 OS16 ASPP": (11.15, 14.25, 1), "V1 OS8 ASPP MF": (11.15, 941.9, 6),
    "V2* OS16 ASPP": (4.52, 5.8, 1), "V2* OS8 ASPP MF": (4.52, 387, 1),
    "V2* OS16": (2.11, 2.75, 1), "V2* OS8 MF": (2.11, 152.6, 1),
    "ResNet-101 OS16 ASPP": (58.16, 81.0, 1), "ResNet-101 OS8 ASPP MF": (58.16, 4870.6, 1),
}
# Counted by others on the same networks: folded parameters, with batch norm, multiply-adds as executed.
KNOWN = {"V2* OS16": (2_097_013, 2_113_557, 2_740_709_056), "V2* OS16 ASPP": (4_506_229, 4_523_541, 5_363_508_928)}


def mseg(*options):
    return subprocess.run([sys.argv[1], "info", "--paper", *options], check=True, capture_output=True).stdout.decode()


def off(ours, papers):
    return abs(100 * (ours / papers - 1))


class Tables(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.tables = json.loads(mseg("--json"))
        cls.rows = {row["system"]: row for row in cls.tables["table7"]}

    def test_table_7_is_the_papers(self):
        self.assertEqual(list(self.rows), list(TABLE_7))
        for name, (params, madds, percent) in TABLE_7.items():
            row = self.rows[name]
            self.assertEqual((row["paper_params_millions"], row["paper_madds_billions"]), (params, madds))
            self.assertLess(off(row["params"] / 1e6, params), 0.5, name)
            self.assertLess(off(row["madds_tensorflow"] / 1e9, madds), percent, name)

    def test_known_counts(self):
        for name, (folded, params, madds) in KNOWN.items():
            row = self.rows[name]
            self.assertEqual((row["params_folded"], row["params"], row["madds"]), (folded, params, madds))

    def test_multi_scale_is_the_sum_of_its_scales(self):
        total = 0
        for scale in (0.5, 0.75, 1, 1.25, 1.5, 1.75):
            plan = subprocess.run([sys.argv[1], "info", "mnv2", "--os", "8", "--json", "--size", str(int(512 * scale + 1))], check=True,
                                  capture_output=True).stdout
            total += 2 * json.loads(plan)["madds"]
        self.assertEqual(self.rows["V2* OS8 MF"]["madds"], total)

    def test_one_operator_saves_memory(self):
        """Block 1 expands 257 x 257 pixels to 96 channels; as one operator, the largest map is that block's output or smaller."""
        row = self.rows["V2* OS16"]
        self.assertEqual(row["largest_tensor_bytes_unfused"], 257 * 257 * 96 * 4)
        self.assertLessEqual(row["largest_tensor_bytes"], 257 * 257 * 32 * 4)
        self.assertLess(row["memory_bytes"] * 3, row["memory_bytes_unfused"])

    def test_table_3(self):
        for row in self.tables["table3"]:
            for network in ("mnv1", "mnv2"):
                self.assertAlmostEqual(row[network]["kilobytes"], row["side"] ** 2 * row[network]["channels"] * 2 / 1000)
        channels = {row["side"]: (row["mnv1"]["channels"], row["mnv2"]["channels"]) for row in self.tables["table3"]}
        self.assertEqual(channels, {112: (64, 32), 56: (128, 24), 28: (256, 32), 14: (512, 96), 7: (1024, 1280), 1: (1024, 1280)})

    def test_table_4(self):
        rows = {row["system"]: row for row in self.tables["table4"]}
        self.assertEqual(rows["MobileNetV2"]["params"], 3_504_872)  # torchvision's mobilenet_v2
        self.assertEqual(rows["MobileNetV1"]["params"], 4_231_976)  # Keras' MobileNet without what batch norm does not train
        self.assertEqual(rows["MobileNetV2"]["madds"], 300_774_272)  # likewise, by any counter of multiplies
        self.assertLess(off(rows["MobileNetV2 (1.4)"]["madds"], 585e6), 1)
        self.assertNotIn("params", rows["NASNet-A"])

    def test_text_says_the_same(self):
        lines = {name: line for line in mseg().splitlines() for name in TABLE_7 if line.startswith(name + "  ")}
        self.assertEqual(set(lines), set(TABLE_7))
        for name, line in lines.items():
            row, words = self.rows[name], line[len(name):].split()
            ours = [row["paper_miou"], row["paper_params_millions"], row["params"] / 1e6, None, row["params_folded"] / 1e6,
                    row["paper_madds_billions"], row["madds_tensorflow"] / 1e9, None, row["madds"] / 1e9]
            for value, word in zip(ours, words):
                if value is not None:
                    self.assertTrue(math.isclose(value, float(word), abs_tol=0.006), (name, value, word))


unittest.main(argv=sys.argv[:1])
