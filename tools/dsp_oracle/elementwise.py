"""Requantisation from 8 to 8 bits and operators of one operand: op_requantize.c, op_relu.c, op_neg.c, op_sqrt.c,
op_minimum_maximum.c and op_div.c of hexagon/ops/src.

`Quantized_CastInt8ToUInt8` and `Quantized_CastUInt8ToInt8` are absent from the published library; they flip the
highest bit, as the delegate expects of them.
"""

import numpy as np

from dsp_oracle import ranges
from dsp_oracle.ranges import F, Refused, clamp, s16, u8
from dsp_oracle.recording import case, hashed, pattern, pattern_array, scalar

BRANCHES = {
    "requantise: gain near 1": "",
    "requantise: gain above 1": "",
    "requantise: gain above 1, mantissa saturates": "",
    "requantise: gain below 1": "",
    "requantise: gain below 1, saturates": "the range where the gain rounds to 1 lies in `gain near 1`",
    "requantise: product saturates": "",
    "relu": "",
    "relu X": "",
    "neg": "",
    "sqrt": "",
    "minimum and maximum: both operands requantised": "",
    "minimum and maximum: one operand requantised": "",
    "minimum and maximum: no operand requantised": "",
    "minimum and maximum: multiplier wraps at 16 bits": "",
    "minimum and maximum: scalar operand": "",
    "minimum and maximum: scalar operand of code 0": "reads memory that the library never wrote",
    "minimum and maximum: same shapes": "",
    "minimum and maximum: operand of one depth vector": "",
    "minimum and maximum: other broadcasting": "",
    "div: by depth": "",
    "div: by a scalar": "",
    "cast": "",
}


def multiplied(a, b):
    """Q6_Vh_vmpy_VhRh_s1_rnd_sat: the product of 15-bit fractions."""
    return np.clip((2 * a * b + 0x8000) >> 16, -32768, 32767)


def shifted(x, n):
    """An arithmetic shift to the right that rounds halves up."""
    return (x + ((1 << n) >> 1)) >> n


def clipped16(x):
    return np.clip(x, -32768, 32767)


def clipped8(x):
    return np.clip(x, 0, 255).astype(np.uint8)


def requantise(x, in_low, in_high, out_low, out_high):
    in_low, in_high, out_low, out_high = F(in_low), F(in_high), F(out_low), F(out_high)
    if ranges.adjusted(out_low, out_high) != (out_low, out_high):
        raise Refused("the zero code of the output range is no integer")
    in_width, out_width = in_high - in_low, out_high - out_low
    gain = in_width / out_width
    in_zero = u8(ranges.rounded(F(-255) * in_low / in_width))
    out_zero = u8(ranges.rounded(F(-255) * out_low / out_width))
    if ranges.exponent(gain) > 15:
        raise Refused("the output range is too small")
    x = x.astype(np.int64)
    if abs(gain - F(1)) < ranges.NEAR_ZERO:
        return clipped8(clipped16(x + (out_zero - in_zero))), out_low, out_high, ["requantise: gain near 1"]
    if gain > 1:
        mantissa = ranges.rounded(ranges.fraction(gain) * F(32768))
        taken = ["requantise: gain above 1" + (", mantissa saturates" if mantissa > 32767 else "")]
        wide = shifted((x - in_zero) * s16(mantissa), 15 - ranges.exponent(gain))
        if (clipped16(wide) != wide).any():
            taken.append("requantise: product saturates")
        product = clipped16(wide)
    else:
        mantissa = ranges.rounded(gain * F(32768))
        taken = ["requantise: gain below 1" + (", saturates" if mantissa > 32767 else "")]
        product = multiplied(x - in_zero, s16(mantissa))
    return clipped8(clipped16(product + out_zero)), out_low, out_high, taken


def relu(x, low, high):
    return np.maximum(x, np.uint8(ranges.quantized(0, low, high)))


def relu_x(x, low, high, limit):
    zero, top = ranges.quantized(0, low, high), ranges.quantized(limit, low, high)
    return np.minimum(np.maximum(x, np.uint8(zero)), np.uint8(top))


SQUARE_ROOTS = np.floor(np.sqrt(np.arange(256) * 255.0) + 0.5).astype(np.uint8)


def jointly_quantised(x, low, high, out_low, out_high):
    """To the range of the output with 12 bits after the point: the codes, and whether the multiplier wraps."""
    in_step, in_zero = ranges.step_and_zero(low, high)
    out_step, out_zero = ranges.step_and_zero(out_low, out_high)
    factor = ranges.rounded_half_away(F(4096) * (in_step / out_step))
    wide = shifted((x.astype(np.int64) - in_zero) * (factor & 0xFFFF), 12)
    return clipped8(clipped16(clipped16(wide) + out_zero)), factor > 0xFFFF


def minimum_maximum(operator, a, b, a_range, b_range, out_range):
    taken, operands = [], []
    for operand, span in ((a, a_range), (b, b_range)):
        if (F(span[0]), F(span[1])) != (F(out_range[0]), F(out_range[1])):
            operand, wraps = jointly_quantised(operand, *span, *out_range)
            taken += ["minimum and maximum: multiplier wraps at 16 bits"] * wraps
            operands.append((operand, True))
        else:
            operands.append((operand, False))
    changed = sum(done for _, done in operands)
    taken.append(f"minimum and maximum: {('no', 'one', 'both')[changed]} operand{'s' * (changed > 1)} requantised")
    a, b = (operand for operand, _ in operands)
    ones = (1, 1, 1, 1)
    if a.shape == ones or b.shape == ones:
        if (a if a.shape == ones else b).item() == 0:
            raise Refused("reads what was never written")
        taken.append("minimum and maximum: scalar operand")
    elif a.shape == b.shape:
        taken.append("minimum and maximum: same shapes")
    elif a.shape[3] == b.shape[3] and (a.shape[:3] == ones[:3] or b.shape[:3] == ones[:3]):
        taken.append("minimum and maximum: operand of one depth vector")
    else:
        taken.append("minimum and maximum: other broadcasting")
    return operator(a, b), taken


def divide(a, b, a_range, b_range, out_range):
    """With the output range given, as the delegate does."""
    a_step = (F(a_range[1]) - F(a_range[0])) / F(255)
    b_step = (F(b_range[1]) - F(b_range[0])) / F(255)
    divisors = [F(b_range[0]) + F(code) * b_step for code in b.ravel().tolist()]
    if F(0) in divisors:
        raise Refused("division by zero")
    numerators = [F(a_range[0]) + F(code) * a_step for code in range(256)]
    codes = a.reshape(-1, len(divisors))
    result = np.empty_like(codes)
    for index, divisor in enumerate(divisors):
        column = codes[:, index].tolist()
        result[:, index] = [ranges.quantized(numerators[code] / divisor, *out_range) for code in column]
    return result.reshape(a.shape), ["div: by a scalar" if len(divisors) == 1 else "div: by depth"]


def ends(*spans):
    return [scalar(value) for span in spans for value in span]


def requantise_cases(rng):
    codes = np.arange(256, dtype=np.uint8).reshape(1, 1, 1, 256)
    steps = [
        (0.02, 0.02), (0.02, 0.0200005), (0.02, 0.020001), (0.02, 0.0200015), (0.02, 0.01999), (0.02, 0.0200025),
        (0.02, 0.021), (0.02, 0.019), (0.02, 0.01), (0.02, 0.0100001), (0.02, 0.0099997), (0.02, 0.04), (0.02, 0.0399),
        (0.02, 0.005), (0.02, 0.3), (0.02, 5.0), (0.02, 600.0), (0.02, 3000.0), (0.02, 0.00057), (0.02, 1.3e-5),
        (0.02, 1e-6), (0.1, 0.0061), (1e-8, 1e-8), (3e4, 2e4), (0.0078125, 0.00390625), (0.003921569, 0.00390625),
        (0.0235, 0.0156), (0.0247, 0.0431), (0.25, 0.2501), (1.5, 1.49995),
    ]
    zeros = [(128, 128), (0, 0), (255, 255), (0, 255), (255, 0), (3, 200), (117, 131)]
    found = []
    for index, (in_step, out_step) in enumerate(steps):
        in_zero, out_zero = zeros[index % len(zeros)]
        spans = ranges.of_codes(in_step, in_zero), ranges.of_codes(out_step, out_zero)
        result, low, high, taken = requantise(codes, *spans[0], *spans[1])
        for node, shape in (("Requantize_8to8", (1, 1, 1, 256)), ("Requantize_8to8_d32", (1, 2, 4, 32))):
            found.append(case(
                f"step {in_step} zero {in_zero} to step {out_step} zero {out_zero}", node,
                [codes.reshape(shape), *ends(*spans)], [result.reshape(shape), scalar(low), scalar(high)],
                branches=taken))
    for shape in ((1, 1, 1, 1), (2, 3, 5, 33), (1, 1, 1, 129)):
        x = rng.integers(0, 256, shape, dtype=np.uint8)
        spans = ranges.of_codes(0.031, 77), ranges.of_codes(0.017, 140)
        result, low, high, taken = requantise(x, *spans[0], *spans[1])
        for node in ("Requantize_8to8", "Requantize_8to8_d32"):
            found.append(case(f"shape {list(shape)}", node, [x, *ends(*spans)],
                              [result, scalar(low), scalar(high)], branches=taken))
    return found


def unary_cases(rng):
    codes = np.arange(256, dtype=np.uint8).reshape(1, 1, 2, 128)
    found = []
    for step, zero in ((0.02, 128), (0.05, 0), (0.0235294, 255), (0.013, 61), (1e-5, 9)):
        span = ranges.of_codes(step, zero)
        name = f"step {step} zero {zero}"
        found.append(case(name, "QuantizedRelu_8", [codes, *ends(span)], [relu(codes, *span), *ends(span)],
                          branches=["relu"]))
        for limit in (6.0, 1.0):
            found.append(case(f"{name} limit {limit}", "QuantizedReluX_8", [codes, *ends(span), scalar(limit)],
                              [relu_x(codes, *span, limit), *ends(span)], branches=["relu X"]))
        for node in ("QuantizedNeg_8", "QuantizedNeg_8_d32"):
            found.append(case(name, node, [codes, *ends(span)], [~codes, scalar(-span[1]), scalar(-span[0])],
                              branches=["neg"]))
    for step in (0.02, 1.0, 3.7e-4):
        span = ranges.of_codes(step, 0)
        found.append(case(f"step {step}", "QuantizedSqrt_8", [codes, *ends(span)],
                          [SQUARE_ROOTS[codes], scalar(np.sqrt(span[0])), scalar(np.sqrt(span[1]))],
                          branches=["sqrt"]))
    span = ranges.of_codes(0.02, 100)
    for node, taken, result in (
        ("Quantized_CastInt8ToUInt8", codes.view(np.int8), codes ^ 0x80),
        ("Quantized_CastUInt8ToInt8", codes, (codes ^ 0x80).view(np.int8)),
    ):
        found.append(case("all codes", node, [taken, *ends(span)], [result, *ends(span)], branches=["cast"]))
    return found


def minimum_maximum_cases(rng):
    found = []
    operators = (("QuantizedMinimum_8", np.minimum), ("QuantizedMaximum_8", np.maximum))
    spans = [
        ((0.02, 128), (0.02, 128), (0.02, 128)), ((0.02, 128), (0.05, 100), (0.05, 100)),
        ((0.03, 0), (0.02, 255), (0.04, 120)), ((0.02, 17), (0.021, 200), (0.0205, 90)),
        ((0.02, 128), (1.0, 3), (0.9, 1)), ((0.5, 128), (0.02, 60), (0.03, 128)),
        ((0.1, 0), (0.1, 0), (0.00625, 0)), ((0.02, 128), (0.0004, 128), (0.0003, 128)),
    ]
    rows, columns = pattern_array("rows"), pattern_array("columns")
    for a_codes, b_codes, out_codes in spans:
        a_range, b_range, out_range = (ranges.of_codes(*codes) for codes in (a_codes, b_codes, out_codes))
        for node, operator in operators:
            result, taken = minimum_maximum(operator, rows, columns, a_range, b_range, out_range)
            found.append(case(
                f"all pairs, steps and zeros {a_codes} {b_codes} {out_codes}", node,
                [pattern("rows"), pattern("columns"), *ends(a_range, b_range, out_range)],
                [hashed(result), *ends(out_range)], branches=taken))
    shapes = [
        ((1, 3, 5, 7), (1, 1, 1, 1)), ((1, 1, 1, 1), (2, 3, 4, 5)), ((2, 3, 5, 33), (1, 1, 1, 33)),
        ((1, 1, 1, 9), (1, 4, 5, 9)), ((1, 4, 5, 9), (1, 4, 1, 9)), ((1, 4, 5, 1), (1, 4, 5, 9)),
        ((2, 3, 1, 9), (1, 1, 5, 9)), ((1, 5, 7, 3), (1, 5, 7, 3)),
    ]
    a_range, b_range, out_range = (ranges.of_codes(*codes) for codes in ((0.02, 30), (0.03, 128), (0.025, 110)))
    for a_shape, b_shape in shapes:
        a = rng.integers(1, 256, a_shape, dtype=np.uint8)
        b = rng.integers(1, 256, b_shape, dtype=np.uint8)
        if a.size == 1:
            a[:] = 140
        if b.size == 1:
            b[:] = 140
        for node, operator in operators:
            result, taken = minimum_maximum(operator, a, b, a_range, b_range, out_range)
            found.append(case(f"shapes {list(a_shape)} {list(b_shape)}", node,
                              [a, b, *ends(a_range, b_range, out_range)], [result, *ends(out_range)], branches=taken))
    return found


def divide_cases(rng):
    found = []
    for name, count, b_codes, out_codes in (
        ("reciprocals of all codes but 0", 255, (0.0078, 0), (0.5, 0)),
        ("reciprocals, zero code inside", 60, (0.031, 0), (0.04, 100)),
        ("reciprocal of one number", 1, (0.031, 0), (0.04, 0)),
    ):
        b = np.arange(1, count + 1, dtype=np.uint8).reshape(1, 1, 1, count)
        a, a_range = np.zeros_like(b), (F(1), F(1))
        b_range, out_range = ranges.of_codes(*b_codes), ranges.of_codes(*out_codes)
        result, taken = divide(a, b, a_range, b_range, out_range)
        found.append(case(name, "QuantizedDiv_8", [a, b, *ends(a_range, b_range, out_range)],
                          [result, *ends(out_range)], branches=taken))
    return found


def cases(rng):
    return requantise_cases(rng) + unary_cases(rng) + minimum_maximum_cases(rng) + divide_cases(rng)
