#!/usr/bin/env python3
"""Records the ranges that NumPy and SciPy choose for small distributions, for Tests/QuantizationTests.

Usage: tools/record_range_methods.py [OUTPUT.json]     (default: Tests/QuantizationTests/Recorded/range_methods.json)
Needs tools/requirements.txt.
"""
import json
import sys
from pathlib import Path

import numpy as np
import scipy
from scipy.optimize import minimize
from scipy.stats import entropy

SEED = 20251121
SAMPLES, ELEMENTS = 4, 1500
# Elements are whole multiples of this, so that the file can hold them as integers.
UNIT = 2.0 ** -12
SIDE = 2048
# Divergences closer than this are equal: the narrower range wins.
TIE = 1e-12


def distributions(random):
    size = (SAMPLES, ELEMENTS)
    spread = np.linspace(0.7, 1.4, SAMPLES)[:, None]
    normal = random.normal(0, 1, size) * spread
    outlier = random.laplace(0.2, 0.3, size)
    outlier[2, 7] = 40
    yield "normal", normal
    yield "laplace", random.laplace(0, 1, size) * spread
    yield "rectified", np.maximum(random.normal(0.3, 1, size) * spread, 0)
    yield "negative", -random.gamma(1.5, 0.8, size) * spread - UNIT
    yield "outlier", outlier
    yield "two peaks", np.where(random.random(size) < 0.3, random.normal(-3, 0.2, size), random.normal(1, 0.5, size))


def histogram(x):
    """Counts in bins as wide as the smallest power of two for which SIDE bins on either side of 0 hold everything."""
    width = 2.0 ** (np.floor(np.log2(np.abs(x).max())) + 1 - np.log2(SIDE))
    return np.bincount((np.floor(x / width) + SIDE).astype(int), minlength=2 * SIDE).astype(float), width


def least_divergence(x, levels):
    """The bins on each side of 0 that the entropy method keeps, by SciPy's relative entropy of every candidate."""
    counts, width = histogram(x)
    if x.min() >= 0:
        counts, centre = counts[SIDE:].copy(), None
    elif x.max() < 0:
        counts, centre = counts[:SIDE][::-1], None
    else:
        centre = SIDE
    if x.max() >= 0:  # Zeros are exact in every range: their bin counts as much as the next one.
        zero = 0 if centre is None else centre
        counts[zero] = counts[zero + 1]
    best = (np.inf, SIDE)
    for reach in range(levels if centre is None else levels // 2, SIDE + 1):
        low, high = (0, reach) if centre is None else (centre - reach, centre + reach)
        inner = counts[low:high]
        clipped = inner.copy()
        clipped[0] += counts[:low].sum()
        clipped[-1] += counts[high:].sum()
        group = np.minimum(np.arange(inner.size) // (inner.size // levels), levels - 1)
        occupied = np.bincount(group, clipped > 0, levels)
        totals = np.bincount(group, inner, levels)
        quantised = np.where(clipped > 0, (totals / np.maximum(occupied, 1))[group], 0)
        divergence = entropy(clipped, quantised)
        if divergence < best[0] - TIE:
            best = divergence, reach
    return best[1], width


def squared_error(ends, x, levels):
    low, high = min(ends[0], 0), max(ends[1], 0)
    if high <= low:
        return np.inf
    scale = (high - low) / (levels - 1)
    zero = np.rint(-low / scale)
    codes = np.clip(np.rint(x / scale) + zero, 0, levels - 1)
    return np.mean((x - (codes - zero) * scale) ** 2)


def least_squared_error(x, levels):
    """Mean squared error of the best range: the best of a fine grid, improved by a simplex search."""
    low, high = min(x.min(), 0), max(x.max(), 0)
    steps = np.linspace(0.02, 1, 120)
    lows = steps * low if low < 0 else [0.0]
    highs = steps * high if high > 0 else [0.0]
    _, a, b = min((squared_error((a, b), x, levels), a, b) for a in lows for b in highs)
    found = minimize(squared_error, [a, b], (x, levels), method="Nelder-Mead", options={"xatol": 1e-7, "fatol": 1e-12})
    return min(float(found.fun), float(squared_error((a, b), x, levels)))


def kept(x, percent):
    """The outermost elements that stay when (100 - percent) / 2 percent go at either end."""
    ordered = np.sort(x)
    left_out = int(x.size * (100 - percent) / 200)
    return [ordered[left_out], ordered[-1 - left_out]]


def main():
    default = Path(__file__).resolve().parents[1] / "Tests/QuantizationTests/Recorded/range_methods.json"
    output = Path(sys.argv[1]) if len(sys.argv) > 1 else default
    cases = []
    for name, values in distributions(np.random.default_rng(SEED)):
        integers = np.rint(values / UNIT).astype(int)
        x = integers * UNIT
        reach, width = least_divergence(x.ravel(), 256)
        cases.append({
            "name": name,
            "samples": integers.tolist(),
            "minmax": [x.min(), x.max()],
            "average": [x.min(1).mean(), x.max(1).mean()],
            "percentile": {p: kept(x.ravel(), float(p)) for p in ("99", "99.9")},
            "entropy": reach * width,
            "leastSquaredError": {n: least_squared_error(x.ravel(), int(n)) for n in ("16", "256")},
        })
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(json.dumps({
        "producer": f"NumPy {np.__version__}, SciPy {scipy.__version__}", "command": "tools/record_range_methods.py",
        "seed": SEED, "unit": UNIT, "cases": cases}, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
