#!/usr/bin/env python3
"""Records Gauss-Newton factors that NumPy forms from whole Jacobians:
Tests/QuantizationTests/Recorded/output_curvature.json.

    tools/record_output_curvature.py [--seed 11]

The network: a 3x3 convolution with ReLU, a 3x3 convolution, both with zero padding (NHWC, weights OHWI), on two samples.
Its Jacobian is written down entry by entry: the derivative of output (q, o) by the first convolution's sum at position p
and channel c is weights[o, p - q, c] where that sum is positive, else 0. A factor is the mean over samples of
sum over p of J_p' J_p, with outputs divided by the square root of their count times their variance.
"""
import argparse
import json
from pathlib import Path

import numpy as np

HEIGHT, WIDTH, INPUTS, MIDDLE, OUTPUTS, SAMPLES = 5, 6, 2, 4, 3, 2


def convolution(x, weights, bias):
    padded = np.pad(x, ((1, 1), (1, 1), (0, 0)))
    y = np.tile(bias, (HEIGHT, WIDTH, 1))
    for i in range(3):
        for j in range(3):
            y += padded[i:i + HEIGHT, j:j + WIDTH] @ weights[:, i, j].T
    return y


def jacobian(sums, weights):
    """Shape: outputs' positions and channels, layer's positions and channels."""
    result = np.zeros((HEIGHT, WIDTH, OUTPUTS, HEIGHT, WIDTH, MIDDLE))
    for y in range(HEIGHT):
        for x in range(WIDTH):
            for i in range(3):
                for j in range(3):
                    py, px = y + i - 1, x + j - 1
                    if 0 <= py < HEIGHT and 0 <= px < WIDTH:
                        result[y, x, :, py, px] = weights[:, i, j] * (sums[py, px] > 0)
    return result.reshape(HEIGHT * WIDTH * OUTPUTS, HEIGHT * WIDTH, MIDDLE)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=11)
    random = np.random.default_rng(parser.parse_args().seed)

    def numbers(*shape, scale=1.0):
        return random.normal(0, scale, shape).astype(np.float32).astype(np.float64)

    # Channels that resemble each other make factors that are far from diagonal.
    common = numbers(OUTPUTS, 3, 3, 1)
    first, second = numbers(MIDDLE, 3, 3, INPUTS, scale=0.4), numbers(OUTPUTS, 3, 3, MIDDLE, scale=0.3) + common
    second = second.astype(np.float32).astype(np.float64)
    biases = numbers(MIDDLE, scale=0.3), numbers(OUTPUTS)
    samples = numbers(SAMPLES, HEIGHT, WIDTH, INPUTS)
    factors = [np.zeros((MIDDLE, MIDDLE)), np.zeros((OUTPUTS, OUTPUTS))]
    for sample in samples:
        sums = convolution(sample, first, biases[0])
        result = convolution(np.maximum(sums, 0), second, biases[1])
        unit = result.size * result.var()
        slopes = jacobian(sums, second)
        factors[0] += np.einsum("opc,opd->cd", slopes, slopes) / unit / SAMPLES
        factors[1] += np.eye(OUTPUTS) * HEIGHT * WIDTH / unit / SAMPLES
    folder = Path(__file__).resolve().parent.parent / "Tests/QuantizationTests/Recorded"
    record = {
        "provenance": f"tools/record_output_curvature.py, NumPy {np.__version__}",
        "height": HEIGHT, "width": WIDTH, "channels": [INPUTS, MIDDLE, OUTPUTS],
        "weights": [first.ravel().tolist(), second.ravel().tolist()], "biases": [b.tolist() for b in biases],
        "samples": [s.ravel().tolist() for s in samples], "factors": [f.ravel().tolist() for f in factors]}  # fmt: skip
    (folder / "output_curvature.json").write_text(json.dumps(record) + "\n")


main()
