"""Concatenation and packing: op_concat_d32.c, op_concat.c and op_pack.c of hexagon/ops/src, memconvert_hvx.S of
hexagon/asm_src.

Concatenations become depth-32 before they run, unless their result is one row and one column.
"""

import numpy as np

from dsp_oracle import ranges
from dsp_oracle.elementwise import clipped8, clipped16, multiplied, shifted
from dsp_oracle.ranges import F
from dsp_oracle.recording import case, scalar

BRANCHES = {
    "concat: codes kept": "",
    "concat: codes kept, gain below 1": "",
    "concat: scaled": "",
    "concat: shifted": "",
    "concat: sum saturates": "no input leaves the range of the output",
    "concat: range adjusted for zero": "",
    "concat: range starts at 0": "",
    "concat: depth": "",
    "concat: other axis": "",
    "flat concat: codes kept": "",
    "flat concat: scaled": "",
    "flat concat: shifted": "",
    "flat concat: offset wraps at 16 bits": "",
    "flat concat: other axis than depth": "refused by the library",
    "pack: codes kept": "",
    "pack: scaled": "",
    "pack: shifted": "",
}


def joined(inputs, spans, axis):
    """QuantizedConcat_8_d32."""
    spans = [(F(low), F(high)) for low, high in spans]
    low, high = min(span[0] for span in spans), max(span[1] for span in spans)
    taken = ["concat: depth" if axis == 3 else "concat: other axis"]
    if low < 0:
        low, high, changed = ranges.adjusted_for_zero(low, high)
        taken += ["concat: range adjusted for zero"] * changed
    else:
        taken.append("concat: range starts at 0")
        low = min(low, F(0))
    codes_per_unit = F(255) / (high - low)
    parts = []
    for x, (in_low, in_high) in zip(inputs, spans):
        offset = ranges.to_int((in_low - low) * codes_per_unit * F(128))
        gain = ranges.to_int(codes_per_unit * ((in_high - in_low) / F(255)) * F(32768))
        gain = gain if 0 <= gain <= 32767 else 32767
        if offset == 0 and gain >= 32704:
            taken.append("concat: codes kept" + ", gain below 1" * (gain < 32767))
        else:
            taken.append("concat: shifted" if offset else "concat: scaled")
        wide = ((x.astype(np.int64) * gain) >> 8) + offset
        taken += ["concat: sum saturates"] * bool((clipped16(wide) != wide).any())
        parts.append(clipped8(shifted(clipped16(wide), 7)))
    return np.concatenate(parts, axis), low, high, taken


def wrapped16(x):
    return (x + 32768) % 65536 - 32768


def converted(x, offset, gain):
    """memconvert_hvx: (x + offset) * gain / 32768, sums modulo 16 bits."""
    return clipped8(multiplied(wrapped16(x.astype(np.int64) + offset), gain))


def joined_flat(inputs, spans, axis):
    """QuantizedConcat_8, along the depth alone; the offset is in codes of the input."""
    assert axis == 3
    low = min(F(0), *(F(span[0]) for span in spans))
    high = max(F(span[1]) for span in spans)
    codes_per_unit = F(255) / (high - low)
    taken, parts = [], []
    for x, (in_low, in_high) in zip(inputs, spans):
        in_low = min(F(0), F(in_low))
        step = ranges.div_255(F(in_high) - in_low)
        offset = max(0, ranges.rounded((in_low - low) / step))
        gain = ranges.rounded(codes_per_unit * step * F(32768))
        if offset == 0 and gain >= 32704:
            taken.append("flat concat: codes kept")
            parts.append(x)
        else:
            taken.append("flat concat: shifted" if offset else "flat concat: scaled")
            taken += ["flat concat: offset wraps at 16 bits"] * (offset > 32767 - 255)
            parts.append(converted(x, wrapped16(offset), min(gain, 32767)))
    return np.concatenate(parts, axis), low, high, taken


def packed(inputs, spans, axis):
    """QuantizedPack_8: along a new axis in front of the extents after `axis`; the batches, 1, disappear.

    The offset, in codes of the output, is added to codes of the input."""
    low = min(F(0), *(F(span[0]) for span in spans))
    high = max(F(0), *(F(span[1]) for span in spans))
    codes_per_unit = F(255) / (high - low)
    taken, parts = [], []
    for x, (in_low, in_high) in zip(inputs, spans):
        in_low = min(F(0), F(in_low))
        offset = max(0, ranges.rounded((in_low - low) * codes_per_unit))
        gain = min(32767, ranges.rounded(codes_per_unit * ranges.div_255(F(in_high) - in_low) * F(32768)))
        if offset == 0 and gain >= 32704:
            taken.append("pack: codes kept")
            part = x
        else:
            taken.append("pack: shifted" if offset else "pack: scaled")
            part = converted(x, offset, gain)
        shape = [*x.shape[1 : axis + 1], 1, *x.shape[axis + 1 :]]
        parts.append(part.reshape(shape))
    return np.concatenate(parts, axis), low, high, taken


def recorded(name, node, operation, inputs, spans, axis, stated_axis):
    result, low, high, taken = operation(inputs, spans, axis)
    lows, highs = ([scalar(span[end]) for span in spans] for end in (0, 1))
    operands = [np.full((1, 1, 1, 1), stated_axis, np.int32), *inputs, *lows, *highs]
    return case(name, node, operands, [result, scalar(low), scalar(high)], branches=taken)


def joined_cases(rng):
    codes = np.arange(256, dtype=np.uint8).reshape(1, 2, 4, 32)
    found = []
    for ratio in (1.0, 0.99999, 32704.5 / 32768, 32704 / 32768, 32703.5 / 32768, 0.997, 0.75, 0.5, 0.031, 0.0001):
        for zero in (0, 128, 255):
            spans = [ranges.of_codes(0.02, zero), ranges.of_codes(F(0.02) * F(ratio), zero)]
            found.append(recorded(f"ratio of steps {ratio:.9g}, zero code {zero}", "QuantizedConcat_8_d32", joined,
                                  [codes, codes], spans, 3, 3))
    for (first, second) in (((0.02, 0), (0.02, 255)), ((0.02, 3), (0.021, 200)), ((0.001, 255), (0.05, 1)),
                            ((0.02, 128), (0.019, 131)), ((0.02, 254), (0.0001, 1))):
        spans = [ranges.of_codes(*first), ranges.of_codes(*second)]
        found.append(recorded(f"steps and zeros {first} {second}", "QuantizedConcat_8_d32", joined, [codes, codes],
                              spans, 3, 3))
    one_sided = (
        ((0.5, 2.0), (0.1, 3.0)), ((-2.0, -0.5), (-1.0, -0.25)), ((0.0, 6.0), (0.0, 5.99)), ((-1.0, 0.0),) * 2,
    )
    for spans in one_sided:
        found.append(recorded(f"ranges {spans}", "QuantizedConcat_8_d32", joined, [codes, codes], spans, 3, 3))
    shapes = [
        ([(1, 3, 5, 32), (1, 3, 5, 32)], 3), ([(1, 3, 5, 7), (1, 3, 5, 40), (1, 3, 5, 3)], 3),
        ([(2, 3, 5, 33), (2, 3, 5, 31)], 3), ([(1, 3, 5, 8), (1, 3, 2, 8)], 2), ([(1, 3, 5, 8), (1, 4, 5, 8)], 1),
        ([(1, 3, 5, 8), (2, 3, 5, 8)], 0), ([(1, 2, 3, depth) for depth in (1, 2, 3, 4, 5, 6, 7)], 3),
        ([(1, 1, 4, 100), (1, 1, 4, 28)], 3),
    ]
    for extents, axis in shapes:
        inputs = [rng.integers(0, 256, shape, dtype=np.uint8) for shape in extents]
        spans = [ranges.of_codes(0.01 + 0.007 * index, 100 + 9 * index) for index in range(len(extents))]
        found.append(recorded(f"shapes {[list(shape) for shape in extents]} on {axis}", "QuantizedConcat_8_d32", joined,
                              inputs, spans, axis, axis))
    return found


def flat_cases(rng):
    codes = np.arange(256, dtype=np.uint8).reshape(1, 1, 1, 256)
    found = []
    for first, second in (((0.02, 128), (0.02, 128)), ((0.02, 0), (0.01, 0)), ((0.02, 128), (0.02, 100)),
                          ((0.02, 0), (0.02, 255)), ((0.02, 0), (0.01998, 0)), ((0.02, 0), (0.01996, 0)),
                          ((0.05, 255), (0.0003, 9)), ((0.05, 255), (0.001, 40)), ((0.031, 77), (0.0173, 140))):
        spans = [ranges.of_codes(*first), ranges.of_codes(*second)]
        found.append(recorded(f"steps and zeros {first} {second}", "QuantizedConcat_8", joined_flat, [codes, codes],
                              spans, 3, 3))
    for depths in ((100, 28), (1, 2, 130, 7), (129, 127, 1)):
        inputs = [rng.integers(0, 256, (2, 1, 1, depth), dtype=np.uint8) for depth in depths]
        spans = [ranges.of_codes(0.01 + 0.007 * index, 100 + 9 * index) for index in range(len(depths))]
        found.append(recorded(f"depths {depths}", "QuantizedConcat_8", joined_flat, inputs, spans, 3, 3))
    return found


def packed_cases(rng):
    found = []
    codes = np.arange(256, dtype=np.uint8).reshape(1, 2, 4, 32)
    for first, second in (((0.02, 128), (0.02, 128)), ((0.02, 0), (0.01, 0)), ((0.02, 128), (0.02, 100)),
                          ((0.02, 0), (0.02, 255)), ((0.02, 128), (0.01, 100)), ((0.02, 0), (0.01998, 0))):
        spans = [ranges.of_codes(*first), ranges.of_codes(*second)]
        found.append(recorded(f"steps and zeros {first} {second}", "QuantizedPack_8", packed, [codes, codes], spans,
                              3, 3))
    for axis in (0, 1, 2, 3):
        inputs = [rng.integers(0, 256, (1, 3, 5, 7), dtype=np.uint8) for _ in range(3)]
        spans = [ranges.of_codes(0.01 + 0.007 * index, 100 + 9 * index) for index in range(3)]
        found.append(recorded(f"three of [1, 3, 5, 7] on {axis}", "QuantizedPack_8", packed, inputs, spans, axis, axis))
    return found


def cases(rng):
    return joined_cases(rng) + flat_cases(rng) + packed_cases(rng)
