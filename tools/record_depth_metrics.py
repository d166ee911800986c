#!/usr/bin/env python3
"""Records what NumPy and SciPy say of small depth maps, for Tests/EvaluationTests.

Usage: tools/record_depth_metrics.py [OUTPUT.json]     (default: Tests/EvaluationTests/Recorded/depth_maps.json)
Needs tools/requirements.txt.
"""
import json
import sys
from pathlib import Path

import numpy as np
import scipy
from scipy.fft import dctn
from scipy.ndimage import binary_dilation
from scipy.stats import median_abs_deviation

SEED = 20240522
RANGE = 48.0
HEIGHT, WIDTH = 18, 22


def windows(array):
    return np.lib.stride_tricks.sliding_window_view(array, (4, 4))


def smoothness(truth, prediction):
    known = (windows(truth) > 0).all((2, 3))
    a, b = (dctn(windows(x), type=2, axes=(2, 3), norm="ortho").reshape(*known.shape, 16)[..., 1:]
            for x in (truth, prediction))
    measured = known & (np.abs(a) > 1e-4 * truth.max()).any(2)
    lengths = np.linalg.norm(a, axis=2) * np.linalg.norm(b, axis=2)
    flat = np.linalg.norm(b, axis=2) < 1e-9
    cosine = np.where(flat, 0, (a * b).sum(2) / np.where(flat, 1, lengths))
    return int(measured.sum()), float(cosine[measured].mean())


def edges(truth):
    marked = np.zeros(truth.shape, bool)
    known = truth > 0
    for axis in (0, 1):
        step = (np.abs(np.diff(truth, axis=axis)) > 1)
        first, second = [slice(None)] * 2, [slice(None)] * 2
        first[axis], second[axis] = slice(None, -1), slice(1, None)
        step &= known[tuple(first)] & known[tuple(second)]
        marked[tuple(first)] |= step
        marked[tuple(second)] |= step
    return binary_dilation(marked, np.ones((5, 5), bool))


def case(name, truth, reference, candidate):
    truth, reference, candidate = (np.round(x, 4) for x in (truth, reference, candidate))
    known = truth > 0
    error = np.abs(candidate - truth)[known]
    relative = error / truth[known]
    with np.errstate(divide="ignore"):
        ratio = np.maximum(candidate[known] / truth[known], truth[known] / candidate[known])
    difference = (candidate - reference).astype(np.float32)
    jumps = np.abs(candidate - reference) > 0.1 * RANGE
    near = edges(truth)
    count, score = smoothness(truth, candidate)
    return {
        "name": name, "width": WIDTH, "range": RANGE,
        "truth": truth.ravel().tolist(), "reference": reference.ravel().tolist(),
        "candidate": candidate.ravel().tolist(),
        "expected": {
            "absRel": relative.mean(), "rmse": np.sqrt((error ** 2).mean()), "meanError": error.mean(),
            "d1": ((error > 3) & (relative > 0.05)).mean(), "delta1": (ratio < 1.25).mean(),
            "windows": count, "smoothness": score,
            "standardDeviation": 1.4826 * median_abs_deviation(difference.ravel().astype(np.float64)) / RANGE,
            "quantizationRMSE": np.sqrt(((candidate - reference) ** 2).mean()) / RANGE, "jumps": jumps.mean(),
            "jumpsAtEdges": float((jumps & near).sum() / jumps.sum()) if jumps.any() else None, "edges": near.mean(),
        },
    }


def main():
    random = np.random.default_rng(SEED)
    y, x = np.mgrid[:HEIGHT, :WIDTH].astype(float)
    plane = 12 + 0.03 * x - 0.02 * y
    float_plane = plane + random.normal(0, 0.003, plane.shape)
    step = RANGE / 255
    object_ = plane + 9 * ((x > 6) & (x < 14) & (y > 4) & (y < 12))
    object_[:3, :5] = 0
    noisy = object_ + random.normal(0, 0.2, plane.shape)
    jumping = np.where(random.random(plane.shape) < 0.02, 47 - noisy, noisy + random.normal(0, 0.05, plane.shape))
    wrong = random.uniform(1, 47, plane.shape)
    cases = [
        case("smooth plane", plane, plane, float_plane),
        case("terraced plane", plane, float_plane, np.round(float_plane / step) * step),
        case("fronto-parallel plane", np.full(plane.shape, 20.0), plane, float_plane),
        case("object with jumps", object_, noisy, jumping),
        case("unrelated", object_, plane, wrong),
    ]
    # The fronto-parallel truth has no window to measure, so that no mean exists.
    for entry in cases:
        for key, value in entry["expected"].items():
            if isinstance(value, float) and np.isnan(value):
                entry["expected"][key] = None
    default = Path(__file__).resolve().parents[1] / "Tests/EvaluationTests/Recorded/depth_maps.json"
    output = Path(sys.argv[1]) if len(sys.argv) > 1 else default
    output.write_text(json.dumps({
        "producer": f"NumPy {np.__version__}, SciPy {scipy.__version__}", "seed": SEED,
        "command": "tools/record_depth_metrics.py", "cases": cases}) + "\n")
    for entry in cases:
        print(entry["name"], entry["expected"])


if __name__ == "__main__":
    main()
