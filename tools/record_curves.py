#!/usr/bin/env python3
"""Records what NumPy gives for Hilbert and phase curves: Tests/CurveHeadTests/Recorded/numpy.json.

    tools/record_curves.py [--seed 3]

The polygon comes from the curve as a rewriting system, the nearest point from all edges in binary64, the phase from
arctan2 and a search over all turns.
"""
import argparse
import json
from pathlib import Path

import numpy as np
from decode_components import MARGIN, hilbert_nodes, nearest_on_hilbert

RADIUS = 0.4


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=3)
    seed = parser.parse_args().seed
    random = np.random.default_rng(seed)
    curves = []
    for order in range(1, 7):
        nodes = hilbert_nodes(order)
        grid = np.round((nodes - MARGIN) / (1 - 2 * MARGIN) * (2**order - 1)).astype(int)
        points = random.uniform(0, 1, (200, 2))
        curves.append({"order": order, "first": grid[:4].tolist(), "last": grid[-1].tolist(),
                       "points": points.tolist(), "q": nearest_on_hilbert(order, points).tolist()})  # fmt: skip
    phases = []
    for turns in (1, 3, 4, 8):
        q = random.uniform(0, 1, 100)
        angle = 2 * np.pi * turns * q
        noise = random.normal(0, 0.02, (100, 3))
        values = np.stack([q, 0.5 + RADIUS * np.cos(angle), 0.5 + RADIUS * np.sin(angle)], 1) + noise
        phase = np.arctan2(values[:, 2] - 0.5, values[:, 1] - 0.5) / (2 * np.pi)
        # Where coarse value and phase agree to an eighth of a turn, the nearest of all q with that phase.
        whole = np.arange(-1, turns + 2)
        candidates = (phase[:, None] + whole) / turns
        chosen = candidates[np.arange(100), np.abs(candidates - values[:, :1]).argmin(1)]
        agree = np.abs(chosen - values[:, 0]) * turns < 0.125
        phases.append({"turns": turns, "values": values[agree].tolist(), "q": chosen[agree].tolist()})
    path = Path(__file__).resolve().parents[1] / "Tests/CurveHeadTests/Recorded/numpy.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    header = {"producer": "NumPy", "version": np.__version__, "seed": seed, "command": "tools/record_curves.py"}
    path.write_text(json.dumps(header | {"hilbert": curves, "phase": phases}) + "\n")
    print(path, [len(c["q"]) for c in curves], [len(c["q"]) for c in phases])


if __name__ == "__main__":
    main()
