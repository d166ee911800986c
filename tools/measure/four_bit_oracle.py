"""Whose integers layers with int4 weights give: LiteRT by resolver, NumPy by rule of rounding, depthc by engine.

    .venv/bin/python tools/measure/four_bit_oracle.py [--cases N] [--seed N] [--no-depthc]

Every case is a .tflite file of one random layer (`tools/golden/four_bit_layers.py`) and its twin with the same codes as
int8 weights, which LiteRT's reference kernels run: they give the oracle's integers. The table tells, for every resolver,
how many results differ from the oracle's, from those of the twin in the same resolver, and from NumPy's by five rules of
rounding. depthc must give the integers of the oracle on both engines.
"""

import argparse
import contextlib
import os
import sys
import tempfile
from collections import defaultdict
from fractions import Fraction
from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from common import Checks, depthc

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "golden"))
from four_bit_layers import four_bit_layer  # noqa: E402

RESOLVERS = {
    "BUILTIN_REF": OpResolverType.BUILTIN_REF,
    "BUILTIN": OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
    "XNNPACK": OpResolverType.AUTO,
}
OPERATORS = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")


def sums(layer):
    """The exact sums of products plus bias of every result, by windows."""
    input, weight = layer.inputs[0], layer.inputs[1]
    x = input.values.astype(np.int64) - int(input.zero_points[0])
    w = weight.values.astype(np.int64)
    bias = 0 if layer.inputs[2] is None else layer.inputs[2].values.astype(np.int64)
    if layer.operator == "FULLY_CONNECTED":
        return x.reshape(-1, w.shape[1]) @ w.T + bias
    options = layer.options
    window, stride = w.shape[1:3], (options.strideH, options.strideW)
    dilation = (options.dilationHFactor, options.dilationWFactor)
    reach = [(k - 1) * d + 1 for k, d in zip(window, dilation)]
    extents, before = [], []
    for size, span, step in zip(x.shape[1:3], reach, stride):
        out = -(-size // step) if options.padding == 0 else -(-(size - span + 1) // step)
        extents.append(out)
        before.append(max(0, (out - 1) * step + span - size) // 2 if options.padding == 0 else 0)
    room = [(b, s + k) for b, s, k in zip(before, stride, reach)]
    x = np.pad(x, ((0, 0), *room, (0, 0)))
    windows = np.stack([
        np.stack([
            x[:, ky * dilation[0]:ky * dilation[0] + (extents[0] - 1) * stride[0] + 1:stride[0],
              kx * dilation[1]:kx * dilation[1] + (extents[1] - 1) * stride[1] + 1:stride[1]]
            for kx in range(window[1])], -2)
        for ky in range(window[0])], -3)  # fmt: skip
    if layer.operator == "DEPTHWISE_CONV_2D":
        repeated = np.repeat(windows, w.shape[3] // x.shape[3], axis=-1)
        return np.einsum("nhwyxc,yxc->nhwc", repeated, w[0]) + bias
    groups = np.split(windows, layer.groups, -1)
    kernels = np.split(w, layer.groups, 0)
    return np.concatenate([np.einsum("nhwyxc,oyxc->nhwo", a, b) for a, b in zip(groups, kernels)], -1) + bias


def factors(layer):
    scales = np.float64(layer.inputs[0].scales[0]) * layer.inputs[1].scales.astype(np.float64)
    return np.broadcast_to(scales / np.float64(layer.result.scales[0]), layer.inputs[1].values.shape[
        3 if layer.operator == "DEPTHWISE_CONV_2D" else 0])


def fixed_point(real):
    """A multiplier of 31 bits and a power of two, as LiteRT's QuantizeMultiplier."""
    mantissa, exponent = np.frexp(real)
    multiplier = int(np.floor(Fraction(float(mantissa)) * 2**31 + Fraction(1, 2)))
    if multiplier == 2**31:
        multiplier, exponent = multiplier // 2, exponent + 1
    return (0, 0) if exponent < -31 else (multiplier, int(exponent))


def half_away(numerator, bits):
    """numerator / 2^bits to the nearest integer, halves away from zero."""
    half = (1 << bits) >> 1
    return np.where(numerator >= 0, (numerator + half) >> bits, -((-numerator + half) >> bits))


def twice(total, real):
    """Halves up after 31 bits, then halves away from zero: MultiplyByQuantizedMultiplier."""
    multiplier, exponent = fixed_point(real)
    high = ((total << max(exponent, 0)) * multiplier + (1 << 30)) >> 31
    return half_away(high, max(-exponent, 0))


def twice_up(total, real):
    """Halves up after 31 bits and again."""
    multiplier, exponent = fixed_point(real)
    high = ((total << max(exponent, 0)) * multiplier + (1 << 30)) >> 31
    return (high + ((1 << max(-exponent, 0)) >> 1)) >> max(-exponent, 0)


def once(total, real):
    """Halves up, once: the single-rounding form."""
    multiplier, exponent = fixed_point(real)
    shift = 31 - exponent
    return (total * multiplier + (1 << (shift - 1))) >> shift


def binary64(total, real):
    """The product in binary64, halves away from zero."""
    product = total * real
    return np.sign(product) * np.floor(np.abs(product) + 0.5)


def binary32(total, real):
    """The product in binary32, halves to even: XNNPACK."""
    return np.rint(total.astype(np.float32) * np.float32(real))


RULES = {"two roundings": twice, "two, halves up": twice_up, "one rounding": once, "binary64, away": binary64, "binary32, even": binary32}


def limits(layer):
    low, high = -128, 127
    zero, scale = int(layer.result.zero_points[0]), layer.result.scales[0]
    bounds = {"none": (None, None), "relu": (0, None), "relu6": (0, 6), "reluN1To1": (-1, 1)}
    below, above = bounds[layer.attributes["activation"]]
    code = lambda real: zero + int(np.floor(np.float32(abs(real)) / scale + np.float32(0.5)) * np.sign(real))  # noqa: E731
    return (low if below is None else max(low, code(below)), high if above is None else min(high, code(above)))


def by_rule(layer, rule):
    total, low_high = sums(layer), limits(layer)
    columns = [RULES[rule](total[..., c], real) for c, real in enumerate(factors(layer))]
    return np.clip(np.stack(columns, -1) + int(layer.result.zero_points[0]), *low_high).astype(np.int8)


@contextlib.contextmanager
def quiet():
    """LiteRT's log lines go nowhere."""
    saved, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved), os.close(nowhere)


def litert(model, input, resolver):
    """LiteRT's result; None when the resolver lacks the operator's version."""
    try:
        with quiet():
            runner = Interpreter(model_content=model, experimental_op_resolver_type=RESOLVERS[resolver], num_threads=1)
            runner.allocate_tensors()
            runner.set_tensor(runner.get_input_details()[0]["index"], input.values)
            runner.invoke()
            return runner.get_tensor(runner.get_output_details()[0]["index"])
    except (RuntimeError, ValueError):
        return None


def ours(model, input, engine, folder):
    (folder / "layer.tflite").write_bytes(model)
    np.save(folder / "input.npy", input.values)
    depthc("run", folder / "layer.tflite", "--input", folder / "input.npy", "--engine", engine, "-o", folder / "out")
    return np.load(next((folder / "out").glob("*.npy")))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", type=int, default=180, help="layers for every operator")
    parser.add_argument("--seed", type=int, default=4)
    parser.add_argument("--no-depthc", action="store_true", help="compare LiteRT and NumPy only")
    arguments = parser.parse_args()
    random = np.random.default_rng(arguments.seed)
    checks = Checks()
    count, largest = defaultdict(int), defaultdict(int)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for operator in OPERATORS:
            for number in range(arguments.cases):
                layer = four_bit_layer(random, operator, number)
                twin = layer.with_int8_weights()
                model, twin_model = layer.model(), twin.model()
                exact = litert(twin_model, layer.inputs[0], "BUILTIN_REF")
                by_rules = {rule: by_rule(layer, rule).reshape(exact.shape) for rule in RULES}
                for resolver in RESOLVERS:
                    value = litert(model, layer.inputs[0], resolver)
                    if value is None:
                        continue
                    key = operator, resolver
                    count[key] += value.size
                    count[*key, "oracle"] += int((value != exact).sum())
                    largest[key] = max(largest[key], int(np.abs(value.astype(int) - exact).max()))
                    count[*key, "twin"] += int((value != litert(twin_model, layer.inputs[0], resolver)).sum())
                    for rule in RULES:
                        count[*key, rule] += int((value != by_rules[rule]).sum())
                rule = "binary64, away" if operator == "FULLY_CONNECTED" else "two roundings"
                count[operator] += exact.size
                count[operator, "rule"] += int((exact != by_rules[rule]).sum())
                for engine in () if arguments.no_depthc else ("fast", "reference"):
                    value = ours(model, layer.inputs[0], engine, folder).reshape(exact.shape)
                    count[operator, engine] += int((value != exact).sum())
    print("| operator | resolver | results | not the oracle's | by | not the twin's |", " | ".join(RULES), "|")
    print("|---|---|" + "--:|" * (4 + len(RULES)))
    for operator in OPERATORS:
        for resolver in RESOLVERS:
            key = operator, resolver
            if not count[key]:
                print(f"| {operator} | {resolver} | not registered |" + " |" * (3 + len(RULES)))
                continue
            rules = " | ".join(str(count[*key, rule]) for rule in RULES)
            print(f"| {operator} | {resolver} | {count[key]} | {count[*key, 'oracle']} | {largest[key]}"
                  f" | {count[*key, 'twin']} | {rules} |")  # fmt: skip
    for operator in OPERATORS:
        rule = "binary64, halves away" if operator == "FULLY_CONNECTED" else "two roundings, the second away from zero"
        checks.expect(f"{operator}: the oracle's {count[operator]} results are those of exact sums and {rule}",
                      count[operator, "rule"] == 0)  # fmt: skip
        if count[operator, "BUILTIN_REF"]:
            checks.expect(f"{operator}: BUILTIN_REF on int4 weights gives the oracle's results",
                          count[operator, "BUILTIN_REF", "oracle"] == 0)  # fmt: skip
        for engine in () if arguments.no_depthc else ("fast", "reference"):
            checks.expect(f"{operator}: {count[operator, engine]} results of depthc's {engine} engine are not the oracle's",
                          count[operator, engine] == 0)  # fmt: skip
    return checks.finish()


if __name__ == "__main__":
    sys.exit(main())
