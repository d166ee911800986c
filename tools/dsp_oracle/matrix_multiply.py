"""Cases of the library's matrix product and of what takes its 32-bit results (nnlib hexagon/ops/src/op_matmul.c,
op_biasadd.c, op_requantize.c, op_superfc_d32.c, src/quantize.c).
"""

import numpy as np

from . import recording
from .binary32 import (
    LARGEST,
    F,
    clamped,
    code_of_zero,
    half_away,
    half_even,
    step_and_zero,
    times_31,
    truncated,
    wrapped,
)
from .convolution import ends
from .supernode import multipliers, output_range

BRANCHES = {
    "product.vector": "",
    "product.vector.weightsMisread": "",
    "product.scalar": "",
    "bias.added": "",
    "bias.saturated": "",
    "bias.sumWraps": "",
    "range.zeroIsACode": "",
    "range.maximumOut": "",
    "range.minimumOut": "",
    "range.minimum0": "",
    "range.minimumNearest": "",
    "range.maximumNearest": "",
    "range.bothShifted": "",
    "range.empty": "the node refuses such a range",
    "requantize.gainFrom1": "",
    "requantize.offsetBefore": "",
    "requantize.offsetAfter.few": "",
    "requantize.offsetAfter.smallGain": "",
    "requantize.offsetAfter.offsetSaturated": "the range holds zero, so the offset is a code",
    "requantize.unaligned": "tensors start at multiples of 128 bytes",
    "requantize.noExtent": "",
    "requantize.differenceSaturated": "",
    "gain.upTo1": "",
    "gain.above1": "",
    "multiplier.clamped": "",
    "multiplier.rounded": "",
    "multiplier.halfAddedToAnInteger": "",
    "fullyConnected.biasRounded": "",
    "fullyConnected.sumWraps": "",
}


def product(data, weights, low_a, high_a, low_b, high_b):
    """`QuantizedMatMul_8x8to32`: codes of K columns with codes [1, 1, K, N]."""
    depth, channels = weights.shape[2:]
    rows = data.size // depth
    a = data.reshape(rows, depth).astype(np.int64) - code_of_zero(low_a, high_a)
    b = weights.reshape(depth, channels).astype(np.int64) - code_of_zero(low_b, high_b)
    branch = "product.vector" if rows == 1 or depth % 16 == 0 else "product.scalar"
    branches = [branch]
    if branch == "product.vector" and depth <= 16 and channels > 32:
        # Weights are packed in blocks of 32 rows but read in blocks of 16: every second 32 channels read padding.
        branches.append("product.vector.weightsMisread")
        read = np.zeros_like(b)
        for first in range(0, channels, 64):
            count = min(32, channels - first)
            available = min(count, channels - first // 2)
            read[:, first : first + available] = b[:, first // 2 : first // 2 + available]
        b = read
    step = F((F(high_a) - F(low_a)) / F(255)) * F((F(high_b) - F(low_b)) / F(255))
    result = wrapped(a @ b).astype(np.int32).reshape(1, 1, rows, channels)
    return result, F(F(-(2.0**31)) * step), F(F(2.0**31) * step), branches


def bias_added(values, bias, low, high, low_b, high_b):
    """`QuantizedBiasAdd_32p32to32`: the bias in steps of the values, rounded half to even; sums wrap."""
    ratio = F(F(F(high_b) - F(low_b)) / F(2.0**32)) / F(F(F(high) - F(low)) / F(2.0**32))
    exact = [half_even(F(F(int(value)) * ratio)) for value in bias.reshape(-1)]
    added = np.array([clamped(value, -(2**31), LARGEST) for value in exact], np.int64)
    branches = ["bias.saturated" if (added != exact).any() else "bias.added"]
    total = values.astype(np.int64) + added
    result = wrapped(total)
    if (result != total).any():
        branches.append("bias.sumWraps")
    return result.astype(np.int32), branches


def adjusted(low, high):
    """`quantize_adjust_range`: the range moved outwards until it holds zero and zero has a code."""
    low, high = min(F(0), F(low)), max(F(0), F(high))
    extent = max(F(1e-18), high - low)
    if not low < 0:
        return low, high, "range.minimum0"
    zero = -low * F(F(255) / extent)
    whole = np.floor(zero)
    part = zero - whole
    if not F(6.1035156e-05) < part < F(0.999938965):
        return low, high, "range.zeroIsACode"
    if whole > 0 and (whole > 253 or (part - F(1)) * low >= part * high):
        return low, F(low + F(F(-255) * low / whole)), "range.maximumOut"
    return F(high * (whole + F(1)) / (whole - F(254))), high, "range.minimumOut"


def to_codes(values, step, low, high):
    """`nn_requantize_i32_to_qu8_hvx` for tensors that start at multiples of 128 bytes."""
    with np.errstate(divide="ignore", invalid="ignore"):
        per_step = F(255) / (high - low)
        gain = step * per_step
        offset = F(0.5) - low * per_step
        if gain >= 1 or not np.isfinite(gain):
            exact = (values.astype(F) * gain).astype(F) + offset
            branch = "requantize.gainFrom1" if np.isfinite(gain) else "requantize.noExtent"
            codes = np.nan_to_num(np.trunc(np.float64(exact)), nan=-1)
            return np.clip(codes, 0, 255).astype(np.uint8), [branch]
    multiplier = half_away(gain * F(2.0**31))
    values = values.astype(np.int64)
    if values.size >= 128 and multiplier >= 1024:
        branches = ["requantize.offsetBefore"]
        shifted = values - half_away(low / step)
        limited = np.clip(shifted, -(2**31), LARGEST)
        if (limited != shifted).any():
            branches.append("requantize.differenceSaturated")
        return np.clip(times_31(limited, multiplier), 0, 255).astype(np.uint8), branches
    branches = ["requantize.offsetAfter." + ("few" if values.size < 128 else "smallGain")]
    added = truncated(offset)
    halves = np.clip(times_31(values, multiplier), -32768, 32767) + added
    return np.clip(halves, 0, 255).astype(np.uint8), branches


def requantized(values, low, high, wanted=None):
    """`Requantize_32to8` with a range, `QuantizeDownAndShrinkRange_32to8` without."""
    step = F(F(high) - F(low)) * F(2.0**-32)
    if wanted is None:
        wanted = F(step * F(min(int(values.min()), 0))), F(step * F(max(int(values.max()), 0)))
    low_out, high_out, branch = adjusted(*wanted)
    codes, branches = to_codes(values, step, low_out, high_out)
    return codes, low_out, high_out, [branch, *branches]


def fully_connected(data, weights, ranges, bias):
    """`SuperFC_8x8p32to8`: matrix product, bias and requantisation in one."""
    (low_a, high_a), (low_b, high_b), (low_c, high_c), wanted = ranges
    depth, channels = weights.shape[2:]
    branches = ["fullyConnected.biasRounded"]
    low, high = output_range(*wanted, branches)
    step_a, zero_a = step_and_zero(low_a, high_a)
    step_b, zero_b = step_and_zero(low_b, high_b)
    step = F(step_a * step_b)
    output_step, _ = step_and_zero(low, high)
    shift, multiplier = multipliers(step, output_step, None, F(1), channels, branches)
    ratio = F(F(F(high_c) - F(low_c)) / F(2.0**32)) / step
    offset = -low / step
    start = [half_even(F(F(F(int(value)) * ratio) + offset)) for value in bias.reshape(-1)]
    start = np.array([clamped(value, -(2**31), LARGEST) for value in start], np.int64)
    a = data.reshape(-1, depth).astype(np.int64) - zero_a
    total = a @ (weights.reshape(depth, channels).astype(np.int64) - zero_b) + start
    if (wrapped(total) != total).any():
        branches.append("fullyConnected.sumWraps")
    codes = np.clip(times_31(wrapped(wrapped(total) << shift), multiplier), 0, 255).astype(np.uint8)
    return codes.reshape(1, 1, -1, channels), low, high, branches


def product_cases(rng):
    result = []
    shapes = [((1, 1, 1, depth), channels) for depth in (1, 3, 8, 15, 16, 17, 31, 32, 40) for channels in (5, 33)]
    shapes += [((1, 1, 1, 16), 100), ((1, 1, 1, 16), 32), ((1, 2, 2, 8), 48), ((1, 1, 1, 7), 130)]
    shapes += [((3, 1, 1, depth), channels) for depth in (16, 17, 32) for channels in (5, 40)]
    shapes += [((5, 1, 1, 48), 70), ((1, 1, 1, 1000), 3), ((1, 2, 3, 32), 33)]
    for index, (shape, channels) in enumerate(shapes):
        depth = int(np.prod(shape[1:])) if shape[1] == 2 and shape[2] == 2 else shape[3]
        data = rng.integers(0, 256, shape).astype(np.uint8)
        weights = rng.integers(0, 256, (1, 1, depth, channels)).astype(np.uint8)
        zeros = [(0, 128), (255, 0), (128, 255), (3, 1)][index % 4]
        operands = [*ends(rng.uniform(1e-4, 0.1), zeros[0]), *ends(rng.uniform(1e-4, 0.1), zeros[1])]
        values, low, high, branches = product(data, weights, *operands)
        name = f"{list(shape)} by {depth} x {channels}"
        inputs = [data, weights, *map(recording.scalar, operands)]
        outputs = [values, recording.scalar(low), recording.scalar(high)]
        result.append(recording.case(name, "QuantizedMatMul_8x8to32", inputs, outputs, branches=branches))
    return result


def bias_cases(rng):
    result = []
    for shape in ((1, 1, 1, 1), (1, 1, 3, 5), (2, 1, 3, 8), (1, 3, 1, 7), (1, 1, 1, 34)):
        for ratio in (1.0, 0.37, 1e-6, 3.3e5):
            step = F(rng.uniform(1e-6, 1e-3))
            low, high = F(F(-(2.0**31)) * step), F(F(2.0**31) * step)
            low_b, high_b = F(low * F(ratio)), F(high * F(ratio))
            values = rng.integers(-(2**20), 2**20, shape).astype(np.int32)
            bias = rng.integers(-(2**20), 2**20, (1, 1, 1, shape[3])).astype(np.int32)
            if ratio == 1.0:
                values.reshape(-1)[0], bias[..., 0] = 2**31 - 1, 2**30
            if ratio == 0.37:
                bias[..., 0], bias[..., -1] = 2**31 - 1, -(2**31)
            total, branches = bias_added(values, bias, low, high, low_b, high_b)
            inputs = [values, bias, *map(recording.scalar, (low, high, low_b, high_b))]
            outputs = [total, recording.scalar(low), recording.scalar(high)]
            name = f"{list(shape)}, bias step over step {ratio}"
            result.append(recording.case(name, "QuantizedBiasAdd_32p32to32", inputs, outputs, branches=branches))
    return result


def requantize_case(name, values, low, high, wanted=None):
    codes, low_out, high_out, branches = requantized(values, low, high, wanted)
    inputs = [values, recording.scalar(low), recording.scalar(high)]
    node = "QuantizeDownAndShrinkRange_32to8"
    if wanted is not None:
        inputs += [recording.scalar(wanted[0]), recording.scalar(wanted[1])]
        node = "Requantize_32to8"
    outputs = [codes, recording.scalar(low_out), recording.scalar(high_out)]
    return recording.case(name, node, inputs, outputs, branches=branches)


def requantize_cases(rng):
    result = []
    step = F(3.1e-4)
    low, high = F(F(-(2.0**31)) * step), F(F(2.0**31) * step)
    sizes = ((1, 1, 1, 1), (1, 1, 1, 31), (1, 1, 1, 65), (1, 1, 1, 97), (1, 1, 1, 127), (1, 1, 1, 128))
    sizes += ((1, 1, 1, 129), (1, 5, 3, 11), (1, 1, 2, 160))
    for shape in sizes:
        for gain in (0.9999999, 0.37, 0.0123, 1.0, 4.4, 3e-7):
            zero = int(rng.integers(0, 256))
            spread = int(min(200 / gain, 2**31 - 1))
            values = rng.integers(-spread, spread, shape).astype(np.int32)
            values.reshape(-1)[:: max(values.size // 3, 1)] = rng.integers(-(2**31), 2**31)
            result.append(
                requantize_case(f"{list(shape)}, gain {gain}", values, low, high, ends(step / F(gain), zero))
            )
    ranges = [(-1.0, 1.0), (-0.3, 5.9), (-5.9, 0.3), (0.0, 6.0), (0.5, 3.0), (-4.0, -1.0), (-1e-4, 6.0), (-6.0, 1e-5)]
    for wanted in ranges:
        for shape in ((1, 1, 1, 20), (1, 2, 5, 16)):
            values = rng.integers(-30000, 30000, shape).astype(np.int32)
            name = f"{list(shape)}, range {wanted[0]} to {wanted[1]}"
            result.append(requantize_case(name, values, low, high, tuple(map(F, wanted))))
    far = F(step * F(2.0**20))
    for shape in ((1, 1, 1, 20), (1, 1, 1, 130)):
        values = rng.integers(-(2**31), 2**31, shape).astype(np.int32)
        values.reshape(-1)[:2] = 2**31 - 1, -(2**31)
        result.append(requantize_case(f"{list(shape)}, wide range", values, low, high, (F(-(2.0**31)) * step, far)))
        result.append(requantize_case(f"{list(shape)}, narrow range far out", values, low, high, (F(-900.0), F(1e-3))))
        for name, bound in (("any values", 2**31), ("small values", 300), ("tiny values", 40)):
            values = rng.integers(-bound, bound, shape).astype(np.int32)
            result.append(requantize_case(f"{list(shape)}, {name}", values, low, high))
            result.append(requantize_case(f"{list(shape)}, {name} above 0", np.abs(values // 2), low, high))
            result.append(requantize_case(f"{list(shape)}, {name} below 0", -np.abs(values // 2), low, high))
        result.append(requantize_case(f"{list(shape)}, zeros", np.zeros(shape, np.int32), low, high))
    return result


def fully_connected_cases(rng):
    result = []
    number = recording.scalar
    options = [
        ((1, 1, 1, 32), 32, (128, 128, 128), None),
        ((1, 1, 1, 48), 48, (0, 255, 0), None),
        ((3, 1, 1, 64), 80, (255, 0, 255), None),
        ((2, 1, 1, 112), 32, (3, 131, 50), None),
        ((1, 2, 2, 16), 32, (100, 128, 0), None),
        ((1, 1, 1, 32), 64, (7, 128, 128), 0.9999999),
        ((1, 1, 1, 32), 48, (7, 128, 128), 1.0),
        ((1, 1, 1, 48), 32, (7, 128, 128), 2.7),
        ((1, 1, 1, 48), 33 + 15, (7, 128, 128), 0.003),
        ((1, 1, 1, 48), 32, (7, 130, 128), 0.0017),
    ]
    wanted = [(-1.0, 1.0), (-0.1, 2.0), (-2.0, 0.1)]
    options += [((1, 1, 1, 32), 32, (77, 128, 128), ends_) for ends_ in wanted]
    for index, (shape, channels, zeros, gain) in enumerate(options):
        depth = int(np.prod(shape[1:]))
        data = rng.integers(0, 256, shape).astype(np.uint8)
        weights = rng.integers(0, 256, (1, 1, depth, channels)).astype(np.uint8)
        step_a, step_b = 0.013, 0.0031
        step = F(F(step_a) * F(step_b))
        spread = 74 * 148 * np.sqrt(depth)
        bias = rng.integers(-int(spread), int(spread), (1, 1, 1, channels)).astype(np.int32)
        if index == 1:
            bias[..., :4] = [2**31 - 1, -(2**31), 2**31 - 2**16, 2**30]
        if isinstance(gain, tuple):
            output = tuple(map(F, gain))
        else:
            output = ends(step / F(160 / spread if gain is None else gain), zeros[2])
        ranges = (ends(step_a, zeros[0]), ends(step_b, zeros[1]), (F(-(2.0**31)) * step, F(2.0**31) * step), output)
        codes, low, high, branches = fully_connected(data, weights, ranges, bias)
        ends_of = [number(value) for pair in ranges for value in pair]
        inputs = [data, weights, *ends_of[:4], bias, *ends_of[4:]]
        name = f"{list(shape)} by {depth} x {channels}, {index}"
        outputs = [codes, number(low), number(high)]
        result.append(recording.case(name, "SuperFC_8x8p32to8", inputs, outputs, branches=branches))
    return result


def cases(rng):
    return product_cases(rng) + bias_cases(rng) + requantize_cases(rng) + fully_connected_cases(rng)
