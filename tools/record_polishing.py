#!/usr/bin/env python3
"""Records what NumPy gives for polished activations: Tests/QuantizationTests/Recorded/polishing.json.

    tools/record_polishing.py [OUTPUT.json]

The functions of LogNP (arXiv 2503.16709, section 4.2) in extended precision, the tables between int8 codes and 4-bit
codes for given ranges, the least squared errors over all ranges of a grid, the best codebooks by trying every one on few
codes, and what LogNP leaves of the error of even steps on clipped Student-t data. Needs tools/requirements.txt.
"""
import itertools
import json
import sys
from pathlib import Path

import numpy as np

SEED = 20250316
ELEMENTS = 3000
# Elements are odd multiples of this, so that the file can hold them as integers and none lies on 0.
UNIT = 2.0 ** -9
LEVELS = 16


def half_away(x):
    return np.sign(x) * np.floor(np.abs(x) + 0.5)


def forward(x, alpha):
    """As printed: sign(x) [log2(|x| + alpha) - log2 alpha]."""
    return np.sign(x) * (np.log2(np.abs(x) + alpha) - np.log2(alpha))


def inverse(u, alpha):
    """As printed: sign(u) [2^(|u| + log2 alpha) - alpha]."""
    return np.sign(u) * (2 ** (np.abs(u) + np.log2(alpha)) - alpha)


def functions(random):
    """In 64 bits of mantissa, where the printed forms lose nothing that binary64 shows at these arguments."""
    wide = np.longdouble
    for alpha in (0.01, 0.37, 1.0, 24.0):
        x = np.concatenate([random.standard_t(3, 12) * alpha * 8, [0.0, alpha, -alpha]])
        u = forward(wide(x), wide(alpha))
        back = inverse(wide(u.astype(np.float64)), wide(alpha))
        yield {"alpha": alpha, "x": x.tolist(), "forward": u.astype(float).tolist(),
               "inverse": back.astype(float).tolist()}  # fmt: skip


def even_levels(low, high):
    """A uniform asymmetric quantiser of 4 bits: the points behind its codes."""
    low, high = min(low, 0), max(high, 0)
    step = (high - low) / (LEVELS - 1)
    if step <= 0:
        return np.zeros(1)
    zero = np.clip(half_away(-low / step), 0, LEVELS - 1)
    return step * (np.arange(LEVELS) - zero)


def codes_of(reals, scale, zero):
    return np.clip(half_away(reals / scale) + zero, -128, 127).astype(int)


def tables(levels, scale, zero):
    """Meanings of the 4-bit codes as int8 codes, and the 4-bit code of every int8 code: the nearest meaning."""
    meanings = np.unique(np.append(codes_of(levels, scale, zero), zero))
    nearest = np.abs(np.arange(-128, 128)[:, None] - meanings).argmin(1)
    return meanings, nearest


def squared_error(x, levels, scale, zero):
    meanings, nearest = tables(levels, scale, zero)
    return float(np.sum((x - scale * (meanings[nearest[codes_of(x, scale, zero) + 128]] - zero)) ** 2))


def least_error(x, scale, zero, alpha=None):
    """Over all pairs of ends on a grid of fortieths."""
    go = (lambda v: forward(v, alpha)) if alpha else (lambda v: v)
    back = (lambda v: inverse(v, alpha)) if alpha else (lambda v: v)
    low, high = go(min(x.min(), 0)), go(max(x.max(), 0))
    parts = np.arange(2, 41) / 40
    pairs = itertools.product(parts * low if low < 0 else [0.0], parts * high if high > 0 else [0.0])
    return min(squared_error(x, back(even_levels(a, b)), scale, zero) for a, b in pairs)


def parameters(x):
    """int8 parameters of the whole tensor, the scale in binary32."""
    low, high = min(x.min(), 0), max(x.max(), 0)
    scale = float(np.float32((high - low) / 255))
    return scale, int(half_away(-128 - low / scale))


def channel(x, scale, zero):
    alpha = float(np.percentile(np.abs(x), 95))
    low, high = float(min(x.min(), 0)), float(max(x.max(), 0))
    even = tables(even_levels(low, high), scale, zero)
    log = tables(inverse(even_levels(forward(low, alpha), forward(high, alpha)), alpha), scale, zero)
    return {"samples": half_away(x / UNIT).astype(int).tolist(), "alpha": alpha,
            "channel": {"expansion": even[0].tolist(), "thresholds": even[1].tolist(),
                        "error": squared_error(x, even_levels(low, high), scale, zero),
                        "leastError": least_error(x, scale, zero)},
            "lognp": {"expansion": log[0].tolist(), "thresholds": log[1].tolist(),
                      "error": squared_error(
                          x, inverse(even_levels(forward(low, alpha), forward(high, alpha)), alpha), scale, zero),
                      "leastError": least_error(x, scale, zero, alpha)}}  # fmt: skip


def odd(x):
    """The nearest odd multiples of UNIT."""
    return (2 * np.floor(x / UNIT / 2) + 1) * UNIT


def tensors(random):
    yield "normal", [odd(random.normal(m, s, ELEMENTS)) for m, s in ((0, 1), (0.4, 0.3), (-1, 2))]
    yield "rectified", [odd(np.maximum(random.normal(m, 1, ELEMENTS), 0)) for m in (0.0, 1.0, -1.5)]
    yield "heavy", [odd(np.clip(random.standard_t(3, ELEMENTS), -c, c) * s) for c, s in ((30, 0.2), (10, 1), (3, 1))]


def ratios(random):
    """Mean squared error of LogNP over that of even steps, 4 bits, both from least to largest element."""
    for clip in (1.0, 3.0, 10.0, 30.0):
        x = odd(np.clip(random.standard_t(2, 20000), -clip, clip))
        alpha = float(np.percentile(np.abs(x), 95))
        def error(go, back):
            levels = even_levels(go(x.min()), go(x.max()))
            step = levels[1] - levels[0]
            rounded = np.clip(half_away(go(x) / step) * step, levels[0], levels[-1])
            return np.mean((x - back(rounded)) ** 2)
        even = error(lambda v: v, lambda v: v)
        log = error(lambda v: forward(v, alpha), lambda v: inverse(v, alpha))
        counts = np.unique(half_away(x / UNIT).astype(int), return_counts=True)
        yield {"clip": clip, "alpha": alpha, "elements": counts[0].tolist(), "counts": counts[1].tolist(),
               "ratio": float(log / even)}  # fmt: skip


def best_codebook(random, occupied):
    """Least squared error of 16 int8 codes, the zero point 5 among them, by trying all sets of means: 15 borders that
    leave groups of neighbours, one of which may mean 0 whatever its mean."""
    codes = np.sort(random.choice(np.arange(-128, 128), occupied, replace=False))
    counts = random.integers(1, 200, occupied)
    best = np.inf
    reals = codes - 5
    for borders in itertools.combinations(range(1, occupied), LEVELS - 1):
        groups = np.split(np.arange(occupied), borders)
        free = [np.sum(counts[g] * (reals[g] - np.average(reals[g], weights=counts[g])) ** 2) for g in groups]
        zero = [np.sum(counts[g] * reals[g] ** 2) for g in groups]
        best = min(best, sum(free) + min(z - f for z, f in zip(zero, free)))
    for borders in itertools.combinations(range(1, occupied), LEVELS - 2):
        groups = np.split(np.arange(occupied), borders)
        best = min(best, sum(
            np.sum(counts[g] * (reals[g] - np.average(reals[g], weights=counts[g])) ** 2) for g in groups))
    return {"zeroPoint": 5, "codes": codes.tolist(), "counts": counts.tolist(), "error": float(best)}


def main():
    default = Path(__file__).resolve().parents[1] / "Tests/QuantizationTests/Recorded/polishing.json"
    output = Path(sys.argv[1]) if len(sys.argv) > 1 else default
    random = np.random.default_rng(SEED)
    cases = []
    for name, channels in tensors(random):
        scale, zero = parameters(np.concatenate(channels))
        cases.append({"name": name, "scale": scale, "zeroPoint": zero,
                      "channels": [channel(x, scale, zero) for x in channels]})  # fmt: skip
    output.write_text(json.dumps({
        "producer": f"NumPy {np.__version__}", "command": "tools/record_polishing.py", "seed": SEED, "unit": UNIT,
        "functions": list(functions(random)), "tensors": cases, "ratios": list(ratios(random)),
        "codebooks": [best_codebook(random, 19) for _ in range(3)]}, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
