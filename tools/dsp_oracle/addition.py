"""Sums, differences and products: op_add_d32.c, op_add.c and op_addsubmul_8to32.c of hexagon/ops/src, and the copy with
scaling of hexagon/src/tensor_copy_scaled.c.

The first run of a node is recorded: where no output range is given, later runs start from the range that was found.
"""

import numpy as np

from dsp_oracle import ranges
from dsp_oracle.elementwise import clipped8, clipped16, ends, multiplied, shifted
from dsp_oracle.ranges import F, Refused, s16
from dsp_oracle.recording import case, hashed, pattern, pattern_array, scalar

ADD, SUBTRACT, SUBTRACT_REVERSED, MULTIPLY = range(4)

BRANCHES = {
    "range: zero code integral": "",
    "range: low end moved": "",
    "range: high end moved": "",
    "range: both ends moved": "",
    "add: range given": "",
    "add: range given, shift 0 or less": "",
    "add: range given, shift limited to 7": "",
    "add: range given, output scale too large": "refused by the library",
    "add: range estimated, first run suffices": "",
    "add: range estimated, low end exceeded": "",
    "add: range estimated, high end exceeded": "",
    "add: offset saturates": "only a difference with a given range can, and the delegate gives differences none",
    "add: flat": "",
    "add: flat, other shapes": "operands of other shapes always become depth-32",
    "broadcast: none": "",
    "broadcast: first operand": "",
    "broadcast: batches or rows": "",
    "broadcast: rows and columns": "",
    "broadcast: columns or depth": "",
    "broadcast: scalar, ends shifted": "",
    "broadcast: scalar, low end 0": "",
    "broadcast: scalar, high end 0": "",
    "broadcast: scalar, reversed": "",
    "broadcast: scalar, one code left": "",
    "copy: plain": "",
    "copy: complement": "",
    "copy: scaled": "",
    "copy: fill": "",
    "multiply: first run suffices": "",
    "multiply: low end exceeded": "",
    "multiply: high end exceeded": "",
    "multiply: scalar above 0": "",
    "multiply: scalar below 0": "",
    "multiply: scalar 0": "",
    "multiply to 32 bits": "",
}


def roles(x_shape, y_shape):
    """Whether the second operand is the larger, and for each extent whether it is broadcast or 1 in both."""
    swapped, straight, flags = False, False, []
    for x, y in zip(x_shape, y_shape):
        flags.append(x == y == 1 or x != y)
        if x != y:
            if y == 1 and not swapped:
                straight = True
            elif x == 1 and not straight:
                swapped = True
            else:
                raise Refused("incompatible extents")
    return swapped, flags


def broadcast_branch(flags, shape, swapped):
    taken = ["broadcast: first operand"] * swapped
    if flags[1] and flags[2]:
        return taken + ["broadcast: rows and columns"]
    if (flags[3] and shape[3] > 1) or (flags[2] and shape[2] > 1):
        return taken + ["broadcast: columns or depth"]
    return taken + ["broadcast: batches or rows" if flags[0] and shape[0] > 1 or flags[1] and shape[1] > 1
                    else "broadcast: none"]


def copied(x, scale, offset):
    """tensor_copy_scaled_d32: scale in 1/32768, offset in 1/128."""
    x = x.astype(np.int64)
    if scale == 0:
        return np.full(x.shape, ranges.u8((offset + 64) >> 7), np.uint8), "copy: fill"
    if offset == 0 and scale >= 32704:
        return x.astype(np.uint8), "copy: plain"
    if offset == 32640 and scale <= -32705:
        return clipped8(255 - x), "copy: complement"
    return clipped8(shifted(clipped16(((x * scale) >> 8) + offset), 7)), "copy: scaled"


def add_scalar(x, x_range, y_code, y_range, operator):
    """A scalar without a given range: the ends are moved and the codes kept where a zero code allows it."""
    low, high = F(x_range[0]), F(x_range[1])
    step, zero = ranges.step_and_zero(low, high)
    y_step, y_zero = ranges.step_and_zero(*y_range)
    value = F(y_code - y_zero) * y_step
    if operator != ADD:
        value = -value
    new_zero = F(zero) - value / step
    width = high - low
    scale, offset = 32768, 0
    if F(-0.25) <= new_zero <= F(255.25):
        taken = ["broadcast: scalar, ends shifted"]
        out_low = F(-ranges.rounded(new_zero)) * step
        out_high = out_low + width
    else:
        up = value > 0
        taken = ["broadcast: scalar, low end 0" if up else "broadcast: scalar, high end 0"]
        out_low, out_high = (F(0), high + value) if up else (low + value, F(0))
        scale = ranges.rounded(F(32768) * width / (out_high - out_low))
        if up:
            scale = s16(scale)
            offset = 128 * 255 - ((255 * scale) >> 8)
    if operator == SUBTRACT_REVERSED:
        taken.append("broadcast: scalar, reversed")
        scale, offset = -scale, 255 * 128 - offset
        out_low, out_high = -out_high, -out_low
    if -128 <= scale <= 128 and (offset + 64) >> 7 == (scale * 255 + offset * 256 + 16384) >> 15:
        taken.append("broadcast: scalar, one code left")
        scale = 0
    result, branch = copied(x, s16(scale), offset)
    return result, out_low, out_high, taken + [branch]


class AddScaling:
    """set_addsub_scaling_for_output_range: the factors of the operands and what is added after."""

    def __init__(self, steps, zeros, low, high, operator, fixed):
        out_scale = F(255) / (high - low)
        factors = [out_scale * steps[0], out_scale * steps[1]]
        largest = factors[0] + factors[1] if operator == ADD else max(factors)
        if operator == SUBTRACT:
            factors[1] = -factors[1]
        elif operator == SUBTRACT_REVERSED:
            factors[0] = -factors[0]
        power = ranges.exponent(F(largest * F(16384.0 / 16380.0)))
        if power > 6 and (not fixed or power > 12):
            raise Refused("the output range is too small")
        self.shift = min(6 - power, 7)
        self.limited = 6 - power > 7
        self.before = 1 - self.shift if fixed and self.shift <= 0 else 0
        unit = ranges.power_of_two(self.shift)
        self.factors = [ranges.rounded(factor * (unit * F(256))) for factor in factors]
        self.zero = (zeros[0] * self.factors[0] + zeros[1] * self.factors[1]) >> (8 - self.before)
        offset = ranges.rounded((-low * out_scale) * (F(2) if self.before else unit)) - self.zero
        self.offset = offset if self.before else s16(offset)
        self.saturates = self.offset != offset
        self.net = F(1) / (out_scale * unit)

    def sums(self, a, b):
        return (a * self.factors[0] + b * self.factors[1]) >> (8 - self.before)

    def codes(self, sums):
        return clipped8(shifted(clipped16(sums + self.offset), 1 if self.before else self.shift))

    def branches(self):
        given = "add: range given" + (", shift 0 or less" if self.before else "")
        limited = ["add: range given, shift limited to 7"] * self.limited
        return [given, *limited, *["add: offset saturates"] * self.saturates]


def estimated(low_all, high_all):
    """The range a first run starts from: an eighth of what could come out."""
    high_all = max(high_all, low_all + F(0.001))
    low, high, branch = ranges.constrained(F(0.125) * low_all, F(0.125) * high_all, 0)
    return low, high, branch


def widened(actual_low, actual_high, low, high, exceeds):
    """The range of the second run, or nil with the first run good; `exceeds` tells which ends do not suffice."""
    width = actual_high - actual_low
    width = width + max(F(0.15) * width, F(1e-4))
    new_low = min(F(0), actual_high - width) if exceeds[0] else low
    new_high = max(F(0), actual_low + width) if exceeds[1] else high
    if new_low < 0:
        return ranges.constrained(new_low, new_high, 0)
    return new_low, new_high, None


def add_codes(x, y, x_range, y_range, operator, out_range=None, flat=False):
    """Codes, range and branches of a sum or difference of 8-bit operands."""
    swapped, flags = (False, [False] * 4) if flat else roles(x.shape, y.shape)
    a, b, a_range, b_range = (y, x, y_range, x_range) if swapped else (x, y, x_range, y_range)
    if swapped and operator == SUBTRACT:
        operator = SUBTRACT_REVERSED
    if all(flags) and out_range is None:
        return add_scalar(a, a_range, b.item(), b_range, operator)
    taken = ["add: flat"] if flat else broadcast_branch(flags, a.shape, swapped)
    (a_step, a_zero), (b_step, b_zero) = ranges.step_and_zero(*a_range), ranges.step_and_zero(*b_range)
    steps, zeros = (a_step, b_step), (a_zero, b_zero)
    a, b = a.astype(np.int64), b.astype(np.int64)
    if out_range is not None:
        low, high = F(out_range[0]), F(out_range[1])
        if not flat:
            low = min(F(0), low)
            high = max(low + F(1e-6), max(F(0), high))
        low, high, branch = ranges.constrained(low, high, 3)
        scaling = AddScaling(steps, zeros, low, high, operator, True)
        return scaling.codes(scaling.sums(a, b)), low, high, [*taken, branch, *scaling.branches()]
    (a_low, a_high), (b_low, b_high) = ((F(end) for end in span) for span in (a_range, b_range))
    if operator == ADD:
        high_all, low_all = a_high + b_high, a_low + b_low
    elif operator == SUBTRACT:
        high_all, low_all = a_high - b_low, a_low - b_high
    else:
        high_all, low_all = b_high - a_low, b_low - a_high
    low, high, branch = estimated(low_all, high_all)
    taken.append(branch)
    scaling = AddScaling(steps, zeros, low, high, operator, False)
    sums = scaling.sums(a, b)
    found = [min(int(sums.min()), scaling.zero), max(int(sums.max()), scaling.zero)]
    actual_low, actual_high = (F(value - scaling.zero) * scaling.net for value in found)
    exceeds = actual_low < low, actual_high > high
    if not any(exceeds):
        taken.append("add: range estimated, first run suffices")
        return scaling.codes(sums), low, high, taken
    taken += [f"add: range estimated, {end} end exceeded" for end, over in zip(("low", "high"), exceeds) if over]
    low, high, branch = widened(actual_low, actual_high, low, high, exceeds)
    scaling = AddScaling(steps, zeros, low, high, operator, False)
    return scaling.codes(scaling.sums(a, b)), low, high, taken + [branch] * bool(branch)


class MultiplyScaling:
    """set_mul_scaling_for_output_range: products keep 16 bits, shifted by a multiple of 256."""

    def __init__(self, steps, zeros, low, high):
        self.unit = steps[0] * steps[1]
        self.bias = (((2 * zeros[0] - 255) * (2 * zeros[1] - 255) + 256) >> 9) * 256
        out_scale = F(255) / (high - low)
        factor = out_scale * self.unit
        self.shift = min(-ranges.exponent(factor), 7)
        unit = ranges.power_of_two(self.shift)
        self.factor = s16(ranges.rounded(factor * unit * F(32768)))
        offset = ((self.bias * self.factor + 16384) >> 15) + ranges.rounded(-low * out_scale * unit)
        self.offset = (offset + 32768) % 65536 - 32768

    def codes(self, products):
        return clipped8(shifted(clipped16(multiplied(products, self.factor) + self.offset), self.shift & 7))

    def unclipped(self, product):
        """Of an end of the found products, as the library checks it."""
        code = ((product * self.factor + 16384) >> 15) + self.offset
        return ((code >> (self.shift - 1)) + 1) >> 1 if self.shift > 0 else code


def multiply_codes(x, y, x_range, y_range):
    """QuantizedMul_8x8to8_d32: the range is always estimated."""
    swapped, flags = roles(x.shape, y.shape)
    a, b, a_range, b_range = (y, x, y_range, x_range) if swapped else (x, y, x_range, y_range)
    (a_low, a_high), (b_low, b_high) = ((F(end) for end in span) for span in (a_range, b_range))
    (a_step, a_zero), (b_step, b_zero) = ranges.step_and_zero(*a_range), ranges.step_and_zero(*b_range)
    if all(flags):
        value = F(b.item() - b_zero) * b_step
        low, high = a_low * value, a_high * value
        if value > 0:
            return *copied_between(a, 32767, 0, low, high), ["multiply: scalar above 0", "copy: plain"]
        if value < 0:
            return *copied_between(a, -32768, 32640, high, low), ["multiply: scalar below 0", "copy: complement"]
        return *copied_between(a, 0, 0, low, F(0.5)), ["multiply: scalar 0", "copy: fill"]
    taken = broadcast_branch(flags, a.shape, swapped)
    high_all = max(a_high * b_high, a_low * b_low)
    low_all = min(a_high * b_low, a_low * b_high)
    low, high, branch = estimated(low_all, high_all)
    taken.append(branch)
    scaling = MultiplyScaling((a_step, b_step), (a_zero, b_zero), low, high)
    products = (a.astype(np.int64) - a_zero) * (b.astype(np.int64) - b_zero) - scaling.bias
    products = (products + 32768) % 65536 - 32768
    found = [min(int(products.min()), -scaling.bias), max(int(products.max()), -scaling.bias)]
    actual_low, actual_high = (F(value + scaling.bias) * scaling.unit for value in found)
    exceeds = scaling.unclipped(found[0]) < 0, scaling.unclipped(found[1]) > 255
    if not any(exceeds):
        return scaling.codes(products), low, high, taken + ["multiply: first run suffices"]
    taken += [f"multiply: {end} end exceeded" for end, over in zip(("low", "high"), exceeds) if over]
    low, high, branch = widened(actual_low, actual_high, low, high, exceeds)
    scaling = MultiplyScaling((a_step, b_step), (a_zero, b_zero), low, high)
    return scaling.codes(products), low, high, taken + [branch] * bool(branch)


def copied_between(x, scale, offset, low, high):
    return copied(x, scale, offset)[0], low, high


def multiply_32(x, y, x_range, y_range):
    """QuantizedMul_8x8to32: exact, with 7 bits after the point."""
    (x_step, x_zero), (y_step, y_zero) = ranges.step_and_zero(*x_range), ranges.step_and_zero(*y_range)
    high = x_step * y_step * F(1 << 24)
    return ((x.astype(np.int32) - x_zero) * (y.astype(np.int32) - y_zero) * 128).astype(np.int32), -high, high


def recorded(name, node, x, y, x_range, y_range, operator, out_range=None, tensors=None):
    """A case of a sum, difference or product; large operands and results by pattern and hash in `tensors`."""
    if operator == MULTIPLY:
        result, low, high, taken = multiply_codes(x, y, x_range, y_range)
    else:
        result, low, high, taken = add_codes(x, y, x_range, y_range, operator, out_range, node == "QuantizedAdd_8p8to8")
    given = [] if out_range is None else ends(out_range)
    inputs = [*(tensors or (x, y)), *ends(x_range, y_range), *given]
    return case(name, node, inputs, [hashed(result) if tensors else result, scalar(low), scalar(high)], branches=taken)


def table_cases():
    """Every pair of codes."""
    spans = [
        ((0.02, 128), (0.02, 128), (0.04, 128)), ((0.02, 128), (0.05, 100), (0.06, 110)),
        ((0.03, 0), (0.02, 255), (0.04, 120)), ((0.02, 17), (0.021, 200), (0.0205, 90)),
        ((0.0157, 0), (0.0231, 0), (0.0235, 0)), ((0.02, 128), (0.02, 128), (0.0003, 131)),
        ((0.5, 128), (0.0021, 60), (0.6, 128)), ((0.02, 255), (0.004, 255), (0.021, 255)),
        ((0.02, 128), (0.02, 128), (3.0, 77)), ((0.02, 128), (0.03, 90), (0.00039, 3)),
        ((0.02, 1), (0.02, 3), (0.0006, 250)), ((0.01, 128), (0.01, 128), (0.0003125, 128)),
    ]
    rows, columns = pattern_array("rows"), pattern_array("columns")
    tensors = pattern("rows"), pattern("columns")
    found, seen = [], set()
    for x_codes, y_codes, out_codes in spans:
        x_range, y_range, out_range = (ranges.of_codes(*codes) for codes in (x_codes, y_codes, out_codes))
        operands = (rows, columns, x_range, y_range)
        name = f"all pairs, steps and zeros {x_codes} {y_codes}"
        for node in ("QuantizedAdd_8p8to8", "QuantizedAdd_8p8to8_d32"):
            found.append(recorded(f"{name} to {out_codes}", node, *operands, ADD, out_range, tensors))
        if (x_codes, y_codes) in seen:
            continue
        seen.add((x_codes, y_codes))
        for node in ("QuantizedAdd_8p8to8", "QuantizedAdd_8p8to8_d32"):
            found.append(recorded(name, node, *operands, ADD, None, tensors))
        found.append(recorded(name, "QuantizedSub_8p8to8_d32", *operands, SUBTRACT, None, tensors))
        found.append(recorded(name, "QuantizedMul_8x8to8_d32", *operands, MULTIPLY, None, tensors))
        result, low, high = multiply_32(*operands)
        found.append(case(name, "QuantizedMul_8x8to32", [*tensors, *ends(x_range, y_range)],
                          [hashed(result), scalar(low), scalar(high)], branches=["multiply to 32 bits"]))
    return found


def shape_cases(rng):
    """Broadcasting, and data that leaves parts of the range unused."""
    shapes = [
        ((1, 3, 5, 33), (1, 3, 5, 33)), ((1, 1, 1, 65), (1, 1, 1, 65)), ((1, 4, 6, 40), (1, 1, 1, 40)),
        ((1, 1, 1, 40), (2, 3, 4, 40)), ((1, 5, 3, 8), (1, 5, 3, 1)), ((1, 5, 3, 8), (1, 5, 1, 8)),
        ((1, 5, 1, 1), (1, 5, 3, 8)), ((2, 5, 3, 8), (1, 1, 3, 8)), ((2, 5, 7, 8), (2, 1, 1, 1)),
        ((1, 5, 7, 8), (1, 1, 7, 1)), ((1, 2, 9, 1), (1, 2, 1, 1)),
    ]
    values = [(0, 256, 0, 256), (100, 160, 90, 170), (130, 135, 100, 104), (200, 256, 0, 30), (0, 20, 0, 256)]
    x_range, y_range, out_range = (ranges.of_codes(*codes) for codes in ((0.021, 131), (0.034, 99), (0.045, 120)))
    found = []
    for index, (x_shape, y_shape) in enumerate(shapes):
        x_low, x_high, y_low, y_high = values[index % len(values)]
        x = rng.integers(x_low, x_high, x_shape, dtype=np.uint8)
        y = rng.integers(y_low, y_high, y_shape, dtype=np.uint8)
        name = f"shapes {list(x_shape)} {list(y_shape)}, codes from {x_low} and {y_low}"
        for node, operator, span in (
            ("QuantizedAdd_8p8to8_d32", ADD, out_range), ("QuantizedAdd_8p8to8_d32", ADD, None),
            ("QuantizedAdd_8p8to8", ADD, out_range), ("QuantizedAdd_8p8to8", ADD, None),
            ("QuantizedSub_8p8to8_d32", SUBTRACT, None), ("QuantizedMul_8x8to8_d32", MULTIPLY, None),
        ):
            if node == "QuantizedAdd_8p8to8" and x_shape != y_shape:
                continue
            given = "" if span is None else ", range given"
            found.append(recorded(name + given, node, x, y, x_range, y_range, operator, span))
        result, low, high = multiply_32(x, y, x_range, y_range)
        found.append(case(name, "QuantizedMul_8x8to32", [x, y, *ends(x_range, y_range)],
                          [result, scalar(low), scalar(high)], branches=["multiply to 32 bits"]))
    return found


def small_cases(rng):
    """Scalars, codes near the zero codes, and ranges that are far from the codes."""
    found = []
    x = np.arange(256, dtype=np.uint8).reshape(1, 2, 4, 32)
    for x_codes, y_codes, code in (
        ((0.02, 128), (0.02, 128), 200), ((0.02, 128), (0.02, 128), 128), ((0.02, 128), (0.02, 128), 3),
        ((0.02, 128), (0.05, 0), 255), ((0.02, 128), (0.05, 255), 0), ((0.02, 0), (1.0, 0), 255),
        ((0.02, 0), (1.0, 255), 0), ((0.0001, 0), (1.0, 0), 255), ((0.0001, 0), (1.0, 255), 0),
        ((0.02, 7), (0.11, 40), 99),
    ):
        x_range, y_range = ranges.of_codes(*x_codes), ranges.of_codes(*y_codes)
        y = np.full((1, 1, 1, 1), code, np.uint8)
        name = f"steps and zeros {x_codes} {y_codes}, scalar code {code}"
        for node, operator in (("QuantizedAdd_8p8to8_d32", ADD), ("QuantizedSub_8p8to8_d32", SUBTRACT),
                               ("QuantizedMul_8x8to8_d32", MULTIPLY)):
            found.append(recorded(name, node, x, y, x_range, y_range, operator))
        found.append(recorded(f"{name} first", "QuantizedSub_8p8to8_d32", y, x, y_range, x_range, SUBTRACT))
        out_range = ranges.of_codes(0.03, 111)
        name += ", range given"
        found.append(recorded(name, "QuantizedAdd_8p8to8_d32", x, y, x_range, y_range, ADD, out_range))
    for low, high in ((-1.0, 1.0), (-0.3, 1.7), (-2.0, 0.05), (0.5, 4.0), (-3.0, -1.0), (0.0, 6.0)):
        span, out_range = ranges.of_codes(0.01, 128), (F(low), F(high))
        y = rng.integers(0, 256, x.shape, dtype=np.uint8)
        if low <= 0 <= high:
            found.append(recorded(f"to {low}..{high}", "QuantizedAdd_8p8to8", x, y, span, span, ADD, out_range))
        found.append(recorded(f"to {low}..{high}", "QuantizedAdd_8p8to8_d32", x, y, span, span, ADD, out_range))
    near = (128, 128, 130, 127), (0, 0, 2, 1), (255, 255, 254, 250), (10, 240, 12, 241)
    for x_zero, y_zero, x_code, y_code in near:
        x_range, y_range = ranges.of_codes(0.02, x_zero), ranges.of_codes(0.03, y_zero)
        a, b = np.full((1, 1, 3, 5), x_code, np.uint8), np.full((1, 1, 3, 5), y_code, np.uint8)
        for node, operator in (("QuantizedAdd_8p8to8_d32", ADD), ("QuantizedAdd_8p8to8", ADD),
                               ("QuantizedSub_8p8to8_d32", SUBTRACT), ("QuantizedMul_8x8to8_d32", MULTIPLY)):
            found.append(recorded(f"near zero codes {x_zero} {y_zero}", node, a, b, x_range, y_range, operator))
    return found


def cases(rng):
    return table_cases() + shape_cases(rng) + small_cases(rng)
