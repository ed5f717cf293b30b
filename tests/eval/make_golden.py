#!/usr/bin/python3
"""Writes golden_metrics.h: what NumPy says about the scenes that scene() draws (the same as draw() of test_metrics.c)."""
import numpy as np

CLASSES, IGNORE = 6, 255  # class 4 is nowhere, class 5 in predictions only
SIZES = [(61, 44), (1, 1), (1, 37), (53, 1), (160, 120), (333, 250)]


class Random:
    def __init__(self, seed):
        self.state = seed

    def __call__(self, n):
        self.state = (self.state * 6364136223846793005 + 1442695040888963407) % 2**64
        return (self.state >> 33) % n


def draw(seed, width, height, choices):
    random = Random(seed)
    ids = np.full((height, width), choices[random(len(choices))], np.uint8)
    for _ in range(12):
        x, y = random(width), random(height)
        w, h = 1 + random(width), 1 + random(height)
        ids[y:y + h, x:x + w] = choices[random(len(choices))]
    return ids


def scene(i):
    width, height = SIZES[i]
    truth = draw(100 + i, width, height, [0, 1, 2, 3, IGNORE])
    prediction = draw(200 + i, width, height, [0, 1, 2, 3, 5])
    mostly = draw(300 + i, width, height, [0, 1]) == 0
    prediction[mostly & (truth != IGNORE)] = truth[mostly & (truth != IGNORE)]
    return truth, prediction


def erode(mask):
    padded = np.pad(mask, 1)
    h, w = mask.shape
    return np.all([padded[y:y + h, x:x + w] for y in range(3) for x in range(3)], axis=0)


def boundary(mask):
    """Cheng et al., arXiv 2103.16562: the mask without what is left of it after d erosions."""
    d = max(1, int(round(0.02 * np.hypot(*mask.shape))))
    inner = mask
    for _ in range(d):
        inner = erode(inner)
    return mask & ~inner


def counts(truth, prediction, classes=CLASSES, ignore=IGNORE):
    """Confusion matrix and, per class, boundary pixels in both, in the truth, in the prediction."""
    valid = truth != ignore
    matrix = np.bincount(truth[valid].astype(int) * classes + prediction[valid], minlength=classes**2)
    edges = []
    for c in range(classes):
        t, p = boundary((truth == c) & valid), boundary((prediction == c) & valid)
        edges.append([(t & p).sum(), t.sum(), p.sum()])
    return matrix.reshape(classes, classes), np.array(edges)


def figures(matrix, edges):
    with np.errstate(invalid="ignore", divide="ignore"):
        hits, truth, predicted = np.diag(matrix), matrix.sum(1), matrix.sum(0)
        iou = hits / (truth + predicted - hits)
        edge = edges[:, 0] / (edges[:, 1] + edges[:, 2] - edges[:, 0])
        return {
            "iou": iou, "precision": hits / predicted, "recall": hits / truth, "boundary_iou": edge,
            "miou": np.nanmean(iou), "pixel_accuracy": hits.sum() / matrix.sum(),
            "mean_accuracy": np.nanmean(hits / truth),
            "frequency_weighted_iou": np.nansum(truth / matrix.sum() * np.nan_to_num(iou)),
            "mean_boundary_iou": np.nanmean(edge),
        }


def c_array(values):
    return "{" + ", ".join("NAN" if np.isnan(v) else repr(float(v)) for v in values) + "}"


def main():
    parts = [counts(*scene(i)) for i in range(len(SIZES))]
    matrix, edges = sum(p[0] for p in parts), sum(p[1] for p in parts)
    f = figures(matrix, edges)
    per_image = [figures(*p) if p[0].any() else None for p in parts]
    with open(__file__.rsplit("/", 1)[0] + "/golden_metrics.h", "w") as out:
        print("/* Made by make_golden.py (NumPy). */", file=out)
        print(f"enum {{ CLASSES = {CLASSES}, IMAGES = {len(SIZES)} }};", file=out)
        print("static const int golden_sizes[IMAGES][2] = {" + ", ".join(f"{{{w}, {h}}}" for w, h in SIZES) + "};", file=out)
        rows = ",\n    ".join("{" + ", ".join(map(str, row)) + "}" for row in matrix)
        print(f"static const uint64_t golden_confusion[CLASSES][CLASSES] = {{\n    {rows}}};", file=out)
        for key in ["iou", "precision", "recall", "boundary_iou"]:
            print(f"static const double golden_{key}[CLASSES] = {c_array(f[key])};", file=out)
        for key in ["miou", "pixel_accuracy", "mean_accuracy", "frequency_weighted_iou", "mean_boundary_iou"]:
            print(f"static const double golden_{key} = {float(f[key])!r};", file=out)
        for key in ["miou", "pixel_accuracy", "mean_boundary_iou"]:
            values = [g[key] if g else np.nan for g in per_image]
            print(f"static const double golden_image_{key}[IMAGES] = {c_array(values)};", file=out)


if __name__ == "__main__":
    main()
