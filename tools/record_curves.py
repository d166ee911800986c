#!/usr/bin/env python3
"""Records what NumPy gives for Hilbert and phase curves: Tests/CurveHeadTests/Recorded/numpy.json.

    tools/record_curves.py [--seed 3]

The polygon comes from the curve's definition as a rewriting system (each quadrant a turned copy), the nearest point
from all edges in binary64, the phase from arctan2.
"""
import argparse
import json
from pathlib import Path

import numpy as np

MARGIN, RADIUS = 0.1, 0.4


def walk(order):
    """Nodes of the Hilbert curve by turtle: A -> +BF-AFA-FB+, B -> -AF+BFB+FA-."""
    text = "A"
    for _ in range(order):
        text = "".join({"A": "+BF-AFA-FB+", "B": "-AF+BFB+FA-"}.get(c, c) for c in text)
    place, direction, nodes = np.array([0, 0]), np.array([1, 0]), [(0, 0)]
    for c in text:
        if c == "F":
            place = place + direction
            nodes.append(tuple(place))
        elif c == "+":
            direction = np.array([-direction[1], direction[0]])
        elif c == "-":
            direction = np.array([direction[1], -direction[0]])
    return np.array(nodes)


def nearest(nodes, points):
    start, step = nodes[:-1], np.diff(nodes, axis=0)
    offset = points[:, None] - start
    share = np.clip((offset * step).sum(-1) / (step * step).sum(-1), 0, 1)
    distance = ((offset - share[..., None] * step) ** 2).sum(-1)
    edge = distance.argmin(1)
    second = np.partition(distance + 1e9 * (np.abs(np.arange(len(start)) - edge[:, None]) < 2), 0, 1)[:, 0]
    clear = second - distance.min(1) > 1e-9
    return (edge + share[np.arange(len(points)), edge]) / len(start), clear


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=3)
    seed = parser.parse_args().seed
    random = np.random.default_rng(seed)
    curves = []
    for order in range(1, 7):
        grid = walk(order)
        nodes = MARGIN + (1 - 2 * MARGIN) * grid / (2**order - 1)
        points = random.uniform(0, 1, (200, 2))
        q, clear = nearest(nodes, points)
        curves.append({"order": order, "first": grid[:4].tolist(), "last": grid[-1].tolist(),
                       "points": points[clear].tolist(), "q": q[clear].tolist()})  # fmt: skip
    phases = []
    for turns in (1, 3, 4, 8):
        q = random.uniform(0, 1, 100)
        angle = 2 * np.pi * turns * q
        noise = random.normal(0, 0.02, (100, 3))
        values = np.stack([q, 0.5 + RADIUS * np.cos(angle), 0.5 + RADIUS * np.sin(angle)], 1) + noise
        phase = np.arctan2(values[:, 2] - 0.5, values[:, 1] - 0.5) / (2 * np.pi)
        # Where coarse value and phase agree to a quarter of a turn, the nearest of all q with that phase.
        whole = np.arange(-1, turns + 2)
        candidates = (phase[:, None] + whole) / turns
        chosen = candidates[np.arange(100), np.abs(candidates - values[:, :1]).argmin(1)]
        agree = np.abs(chosen - values[:, 0]) * turns < 0.25
        phases.append({"turns": turns, "values": values[agree].tolist(), "q": chosen[agree].tolist()})
    path = Path(__file__).resolve().parents[1] / "Tests/CurveHeadTests/Recorded/numpy.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    header = {"producer": "NumPy", "version": np.__version__, "seed": seed, "command": "tools/record_curves.py"}
    path.write_text(json.dumps(header | {"hilbert": curves, "phase": phases}) + "\n")
    print(path, [len(c["q"]) for c in curves], [len(c["q"]) for c in phases])


if __name__ == "__main__":
    main()
