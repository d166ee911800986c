#!/usr/bin/env python3
"""Records what NumPy says of the noise of a small quantised network, operator by operator, for Tests/DepthCompilerTests.

The network: QUANTIZE, a 1x1 convolution with ReLU whose result is clipped, a 1x1 convolution, DEQUANTIZE.
Usage: tools/record_noise_analysis.py [OUTPUT.json]
    (default: Tests/DepthCompilerTests/Recorded/noise_analysis.json)
Needs tools/requirements.txt.
"""
import json
import sys
from pathlib import Path

import numpy as np

SEED = 20240611
HEIGHT, WIDTH, CHANNELS, SAMPLES = 4, 5, (3, 6, 2), 2
# Scale and zero point of the input, of the first result (whose largest values are clipped) and of the second.
PARAMETERS = [(0.0123, -7), (0.0061, -128), (0.0317, 11)]


def real(codes, parameters):
    return parameters[0] * (codes - parameters[1])


def rounded(values):
    return np.sign(values) * np.floor(np.abs(values) + 0.5)


def layer(x, weights, bias, relu):
    y = x @ weights.T + bias
    return np.maximum(y, 0) if relu else y


def rescaled(sums, multiplier):
    """Integers times a real below 1 as gemmlowp and LiteRT's reference kernels round it: twice."""
    fraction, exponent = np.frexp(multiplier)
    assert (exponent <= 0).all()
    product = sums.astype(np.int64) * rounded(fraction * 2.0**31).astype(np.int64)
    nudged = product + np.where(product >= 0, 1 << 30, 1 - (1 << 30))
    high = np.sign(nudged) * (np.abs(nudged) >> 31)
    mask = (1 << -exponent.astype(np.int64)) - 1
    return (high >> -exponent.astype(np.int64)) + ((high & mask) > (mask >> 1) + (high < 0))


def integer_layer(codes, weights, bias, scales, source, target, relu):
    sums = (codes - source[1]) @ weights.T + bias
    result = rescaled(sums, source[0] * scales / target[0]) + target[1]
    return np.clip(result, max(-128, target[1]) if relu else -128, 127)


def decibels(wanted, actual):
    return 10 * np.log10(np.sum(np.square(wanted)) / np.sum(np.square(actual - wanted)))


def main():
    rng = np.random.default_rng(SEED)
    parameters = [(float(np.float32(s)), z) for s, z in PARAMETERS]
    x = rng.uniform(-1.5, 1.5, (SAMPLES, HEIGHT, WIDTH, CHANNELS[0])).astype(np.float32).astype(np.float64)
    layers = []
    for number in range(2):
        shape = (CHANNELS[number + 1], CHANNELS[number])
        weights = rng.normal(0, 0.7, shape).astype(np.float32).astype(np.float64)
        bias = rng.normal(0, 0.4, shape[0]).astype(np.float32).astype(np.float64)
        scales = (np.abs(weights).max(1) / 127).astype(np.float32).astype(np.float64)
        layers.append({
            "weights": weights, "bias": bias, "scales": scales, "codes": rounded(weights / scales[:, None]),
            "biasCodes": rounded(bias / (parameters[number][0] * scales))})

    floats = [x]
    for number, each in enumerate(layers):
        floats.append(layer(floats[-1], each["weights"], each["bias"], number == 0))
    codes = [np.clip(rounded(x / parameters[0][0]) + parameters[0][1], -128, 127)]
    exact = [x]
    for number, each in enumerate(layers):
        exact.append(layer(real(codes[-1], parameters[number]), each["weights"], each["bias"], number == 0))
        codes.append(integer_layer(
            codes[-1], each["codes"], each["biasCodes"], each["scales"], parameters[number], parameters[number + 1],
            number == 0))

    operators = []
    for number in range(3):
        scale, zero_point = parameters[number]
        actual = real(codes[number], parameters[number])
        low, high = scale * (-128 - zero_point), scale * (127 - zero_point)
        outside = (exact[number] < low - scale / 2) | (exact[number] > high + scale / 2)
        changed = floats[number] + actual - exact[number]
        for position in range(number, 2):
            changed = layer(changed, layers[position]["weights"], layers[position]["bias"], position == 0)
        operators.append({
            "own": decibels(exact[number], actual), "accumulated": decibels(floats[number], actual),
            "clipped": float(outside.mean()),
            "outputError": float(np.sqrt(np.square(changed - floats[-1]).mean()))})
    total = float(np.sqrt(np.square(real(codes[-1], parameters[-1]) - floats[-1]).mean()))
    assert operators[1]["clipped"] > 0.02

    output = Path(sys.argv[1] if len(sys.argv) > 1 else "Tests/DepthCompilerTests/Recorded/noise_analysis.json")
    output.parent.mkdir(exist_ok=True)
    output.write_text(json.dumps({
        "producer": f"NumPy {np.__version__}", "seed": SEED, "command": "tools/record_noise_analysis.py",
        "shape": [HEIGHT, WIDTH], "channels": CHANNELS, "scales": [s for s, _ in parameters],
        "zeroPoints": [z for _, z in parameters], "input": [sample.ravel().tolist() for sample in x],
        "layers": [{key: value.ravel().tolist() for key, value in each.items()} for each in layers],
        "expected": {"operators": operators, "total": total}}) + "\n")


if __name__ == "__main__":
    main()
