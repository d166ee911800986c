#!/usr/bin/env python3
"""Records what NumPy gives for the integers of exact heads: Tests/CurveHeadTests/Recorded/exact_heads.json.

    tools/record_exact_heads.py [--seed 4]

Every case is a 1x1 convolution on random int8 codes. The hinges come from `tools/measure/head_oracle.py`, the components
from walking the curve piece by piece.
"""
import argparse
import json
import sys
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tools/measure"))
from head_oracle import Oracle, multiply  # noqa: E402

PIXELS, CHANNELS = 64, 6
ACTIVATIONS = {"none": 0, "relu": 1, "relu6": 3}
CASES = [
    ("hilbert", 1, "none"), ("hilbert", 2, "relu"), ("hilbert", 3, "none"), ("hilbert", 4, "relu6"),
    ("serpentine", 1, "none"), ("serpentine", 2, "relu6"), ("serpentine", 4, "relu"), ("thermometer", 1, "relu"),
    ("thermometer", 3, "none"),
]  # fmt: skip


def components(oracle, hinges):
    """Codes (x, y) of every pixel: each component is the rounded sum of its pieces."""
    result = []
    for axis in (0, 1):
        mine = [(i, sign, codes) for i, (a, sign, codes) in enumerate(oracle.pieces) if a == axis]
        total = sum(hinges[..., i] - (255 if sign < 0 else 0) for i, sign, _ in mine)
        scale = np.float32(mine[0][2] / 255)
        result.append(np.clip(multiply(total, float(np.float32(1 / 255)) * float(scale) / float(np.float32(1 / 255))) - 128,
                              -128, 127))
    return np.stack(result, -1)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=4)
    seed = parser.parse_args().seed
    random = np.random.default_rng(seed)
    cases = []
    for kind, order, activation in CASES:
        input_scale, weight_scale = (float(np.float32(s)) for s in random.uniform(0.003, 0.02, 2))
        zero = int(random.integers(-128, 20))
        codes = random.integers(-128, 128, (PIXELS, CHANNELS))
        weights = random.integers(-127, 128, CHANNELS)
        bias = int(random.integers(-3000, 3000))
        sums = (codes - zero) @ weights + bias
        # A result range inside that of the accumulator, so that some pixels saturate at both ends.
        low, high = (min(0.0, np.quantile(sums, 0.05)), np.quantile(sums, 0.95))
        scale = float(np.float32((high - low) * input_scale * weight_scale / 255))
        output_zero = -128 if activation != "none" else int(np.clip(round(-128 - low * input_scale * weight_scale / scale), -128, 127))
        oracle = Oracle(kind, order, np.float32(input_scale), np.float32(weight_scale), (np.float32(scale), output_zero),
                        ACTIVATIONS[activation])
        hinges = oracle.hinges(sums)
        entry = {
            "kind": kind, "order": order, "activation": activation, "inputScale": input_scale, "inputZeroPoint": zero,
            "weightScale": weight_scale, "outputScale": scale, "outputZeroPoint": output_zero, "bias": bias,
            "weights": weights.tolist(), "codes": codes.ravel().tolist(), "hinges": hinges.ravel().tolist(),
            "real": oracle.real(sums).tolist(), "step": oracle.step,
        }
        if kind != "thermometer":
            entry["components"] = components(oracle, hinges).ravel().tolist()
        cases.append(entry)
    target = ROOT / "Tests/CurveHeadTests/Recorded/exact_heads.json"
    record = {"producer": f"NumPy {np.__version__}", "seed": seed, "command": "tools/record_exact_heads.py", "cases": cases}
    target.write_text(json.dumps(record) + "\n")
    print(f"{len(cases)} cases, {target.stat().st_size} bytes")


if __name__ == "__main__":
    main()
