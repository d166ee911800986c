"""Windows and reductions: op_avgpool_d32.c with src/integral_buffer.c and asm_src/avgpool_d32.S, op_maxpool_d32.c,
op_reducing_mean.c, op_argmax.c, op_argmin.c and op_argminmax_8_d32.c of hexagon/ops/src.

Flat pools are turned into depth-32 pools before they run. Operands have four columns and rows of padding in front, as
the library's conversion to depth-32 gives them.
"""

import numpy as np

from dsp_oracle import ranges
from dsp_oracle.elementwise import clipped8, clipped16, ends, multiplied, shifted
from dsp_oracle.ranges import F, Refused, s16
from dsp_oracle.recording import case, scalar, strides

BRANCHES = {
    "average: to one element": "",
    "average: to one element, range narrower than the gain allows": "",
    "average: to one element, empty depth lanes": "what an earlier node left in the lanes decides the range",
    "average: 3x3 with step 1": "",
    "average: 3x3 with step 1, borders": "",
    "average: 2x2 with column step 2": "",
    "average: 2x2 with column step 2, borders": "",
    "average: integral image": "",
    "average: integral image, borders before": "",
    "average: integral image, borders after": "",
    "average: integral image, window larger than the input": "",
    "average: input trimmed": "",
    "max: to one element": "",
    "max: one row or column": "",
    "max: 2x2 with step 2": "",
    "max: 3x3 with step 1": "",
    "max: 3x3 with step 2": "",
    "max: rolling buffer": "",
    "max: window too wide for the padding": "refused by the library",
    "mean: all axes": "",
    "mean: one axis": "",
    "mean: several axes": "",
    "mean: output range given": "",
    "mean: output range of the input": "the delegate gives the output range",
    "mean: multiplier limited": "",
    "mean: several axes, groups that are not aligned": "the library overwrites its own sums",
    "argument": "",
    "argument: ties": "",
}

RECIPROCALS = [0x7FFFFFFF] + [(2**32 // n + 1) // 2 for n in range(2, 129)]


def extent(size, window, step, padding):
    """The output extent, and what lies before and after the input."""
    if padding == "VALID":
        return (size - window) // step + 1, 0, 0
    out = (size + step - 1) // step
    total = max(0, (out - 1) * step + window - size)
    return out, total // 2, total - total // 2


class Axis:
    """One direction of setup_integral_buffer_plan: the window and the input, trimmed where that changes nothing."""

    def __init__(self, size, window, step, padding):
        self.out, self.before, self.after = extent(size, window, step, padding)
        self.size, self.window, self.step, self.beyond = size, window, step, 0
        if self.out < 1:
            raise Refused("input too small")
        if self.after == 0 and step > 1:
            self.size = min(size, window + (self.out - 1) * step)
        self.trimmed = self.size < size
        if self.out == 1:
            self.window, self.before, self.after, self.step = self.size, 0, 0, 1
        elif window - 1 - self.size > 0:
            self.beyond = window - 1 - self.size
            shrink = window - max(self.before, self.after) - self.size
            if shrink > 0:
                self.window -= 2 * shrink
                self.beyond -= 2 * shrink
                self.before -= shrink
                self.after -= shrink

    def border_scales(self):
        """What the sum over a border is of the sum over the rest of the window: minus p / (window - p), 15 bits."""
        scales = []
        for p in range(1, max(self.before, self.after) + 1):
            p = max(p, self.beyond + 1)
            rest = self.window - p
            if rest <= p:
                scales.append(-0x8000)
            else:
                scales.append(-(((RECIPROCALS[rest - 1] * p & 0xFFFFFFFF) + 0x8000) >> 16))
        return scales


def scaled15(x, factor):
    """Q6_Vw_vmpyo_VwVh_s1_rnd_sat."""
    return np.clip((x * factor + (1 << 14)) >> 15, -(2**31), 2**31 - 1)


def bordered(core, axis):
    """Rows (the first axis) of an integral image, with the rows for the borders before and after."""
    scales, size = axis.border_scales(), axis.size
    rows = {index: core[index] for index in range(size + 1)}
    for p in range(1, axis.before + 1):
        rows[-p] = core[0] * 0 if p <= axis.beyond else scaled15(rows[axis.window - p], scales[p - 1])
    for p in range(1, axis.after + 1):
        delta = core[size] - core[size - min(size, axis.window - p)]
        rows[size + p] = core[size] - scaled15(delta, scales[p - 1])
    return np.stack([rows[index] for index in range(-axis.before, size + axis.after + 1)])


def by_integral_image(x, vertical, horizontal):
    """x: rows, columns, depth."""
    core = np.zeros((vertical.size + 1, horizontal.size + 1, x.shape[2]), np.int64)
    core[1:, 1:] = np.cumsum(np.cumsum(x[: vertical.size, : horizontal.size].astype(np.int64) * 256, 0), 1)
    columns = bordered(core.transpose(1, 0, 2), horizontal).transpose(1, 0, 2)
    columns[0] = 0
    image = bordered(columns, vertical)
    area = vertical.window * horizontal.window
    shift = (area - 1).bit_length() + 1
    mantissa = ((16384 << shift) // area + 1) >> 1
    result = np.empty((vertical.out, horizontal.out, x.shape[2]), np.uint8)
    for i in range(vertical.out):
        for j in range(horizontal.out):
            top, left = i * vertical.step, j * horizontal.step
            bottom, right = top + vertical.window, left + horizontal.window
            area_sum = image[bottom, right] - image[top, right] - image[bottom, left] + image[top, left]
            short = clipped16(shifted(area_sum, shift & 15))
            result[i, j] = clipped8(shifted(multiplied(short, mantissa), 6))
    return result


def averaged(a, b):
    return (a + b + 1) >> 1


def three_by_three(x, borders):
    """avgpool_slice_hvx_3x3_stride1; a border is the average of its two neighbours, rows first."""
    x = x.astype(np.int64)
    if borders:
        x = np.concatenate([averaged(x[:1], x[1:2]), x, averaged(x[-1:], x[-2:-1])])
        x = np.concatenate([averaged(x[:, :1], x[:, 1:2]), x, averaged(x[:, -1:], x[:, -2:-1])], 1)
    rows = x[:-2] + x[1:-1] + x[2:]
    return clipped8(multiplied(rows[:, :-2] + rows[:, 1:-1] + rows[:, 2:], 3641))


def two_by_two(x, vertical, horizontal):
    """avgpool_2x2_inner_func; a border repeats the last row or column."""
    x = x[: vertical.size, : horizontal.size].astype(np.int64)
    x = np.pad(x, ((vertical.before, vertical.after), (horizontal.before, horizontal.after), (0, 0)), "edge")
    top = np.arange(vertical.out) * vertical.step
    left = np.arange(horizontal.out) * 2
    total = sum(x[np.ix_(top + i, left + j)] for i in (0, 1) for j in (0, 1))
    return clipped8(shifted(total, 2))


def to_one_element(x, low, high, area):
    """avgpool_reduce_to_1x1_post_worker_thread: sums with a range of their own. x: batches, rows, columns, depth."""
    taken = ["average: to one element"]
    sums = x.astype(np.int64).sum((1, 2), keepdims=True)
    step = (F(high) - F(low)) / F(F(255) * F(area))
    zero = -F(low) / step
    least, greatest = int(sums.min()), int(sums.max())
    if x.shape[3] % 32:
        raise Refused("the range depends on what the empty depth lanes hold")
    out_low = min(F(0), F(least) - zero) * step
    out_high = max(max(F(0), F(greatest) - zero) * step, out_low + F(0.001))
    width = out_high - out_low
    if F(255.1) * step >= width:
        taken.append("average: to one element, range narrower than the gain allows")
        factor = F(255.1) * step / width
        out_low, out_high = out_low * factor, out_high * factor
    out_low, out_high, codes_per_unit = ranges.adjusted_and_scaled(out_low, out_high)
    scale = step * codes_per_unit
    shift = min(31, max(0, -ranges.exponent(scale)))
    factor = s16(ranges.rounded(scale * ranges.power_of_two(shift + 15)))
    out_zero = F(0)
    if out_low < 0:
        out_zero = -out_low * codes_per_unit / (F(factor) * ranges.power_of_two(-(shift + 15)))
    offset = ranges.rounded(F(2) * (out_zero - zero))
    short = scaled15(2 * sums + offset, factor) >> shift
    return clipped8(clipped16(shifted(short, 1))), out_low, out_high, taken


def average_pool(x, low, high, window, step, padding):
    """QuantizedAvgPool_8_d32."""
    vertical = Axis(x.shape[1], window[0], step[0], padding)
    horizontal = Axis(x.shape[2], window[1], step[1], padding)
    taken = ["average: input trimmed"] * (vertical.trimmed or horizontal.trimmed)
    before = vertical.before > 0 or horizontal.before > 0
    after = vertical.after > 0 or horizontal.after > 0
    if (vertical.out, horizontal.out) == (1, 1):
        inner = x[:, : vertical.size, : horizontal.size]
        result, low, high, more = to_one_element(inner, low, high, vertical.window * horizontal.window)
        return result, low, high, taken + more
    windows, steps = (vertical.window, horizontal.window), (vertical.step, horizontal.step)
    if windows == (3, 3) and steps == (1, 1) and min(vertical.size, horizontal.size) > 1:
        taken.append("average: 3x3 with step 1" + ", borders" * (before or after))
        planes = [three_by_three(plane, before or after) for plane in x]
    elif windows == (2, 2) and steps[1] == 2:
        taken.append("average: 2x2 with column step 2" + ", borders" * (before or after))
        planes = [two_by_two(plane, vertical, horizontal) for plane in x]
    else:
        taken.append("average: integral image")
        taken += ["average: integral image, borders before"] * before
        taken += ["average: integral image, borders after"] * after
        beyond = vertical.beyond > 0 or horizontal.beyond > 0
        taken += ["average: integral image, window larger than the input"] * beyond
        planes = [by_integral_image(plane, vertical, horizontal) for plane in x]
    return np.stack(planes), F(low), F(high), taken


def max_pool(x, window, step, padding):
    """QuantizedMaxPool_8_d32; borders count as 0, as good as absent."""
    (rows, top, bottom), (columns, left, right) = (
        extent(x.shape[axis + 1], window[axis], step[axis], padding) for axis in (0, 1))
    after = -(4 + x.shape[2]) % 4
    if columns > 1 and (left > 4 or right > 4 + after):
        raise Refused("insufficient width padding")
    padded = np.pad(x, ((0, 0), (top, bottom), (left, right), (0, 0)))
    result = np.zeros((x.shape[0], rows, columns, x.shape[3]), np.uint8)
    for i in range(window[0]):
        for j in range(window[1]):
            part = padded[:, i : i + (rows - 1) * step[0] + 1 : step[0], j : j + (columns - 1) * step[1] + 1 : step[1]]
            result = np.maximum(result, part)
    if (rows, columns) == (1, 1):
        return result, ["max: to one element"]
    if 1 in (rows, columns):
        return result, ["max: one row or column"]
    known = {(2, 2): "max: 2x2 with step 2", (3, 1): "max: 3x3 with step 1", (3, 2): "max: 3x3 with step 2"}
    square = window[0] == window[1] and step[0] == step[1]
    return result, [known.get((window[0], step[0]), "max: rolling buffer") if square else "max: rolling buffer"]


def mean(x, low, high, axes, out_range):
    """QuantizedMean_8 with the output range given: exact sums, a multiplier of 31 bits, the low 16 bits kept."""
    count = int(np.prod([x.shape[axis] for axis in axes]))
    kept = x.size // count
    taken = ["mean: output range given", "mean: all axes" if len(axes) == 4 or kept == 1
             else "mean: one axis" if len(axes) == 1 else "mean: several axes"]
    extents = list(x.shape)
    for position, axis in enumerate(axes):
        groups, inner = int(np.prod(extents[:axis])), int(np.prod(extents[axis + 1 :]))
        if position > 0 and kept > 1 and groups > 1 and inner > 32 and inner % 32:
            raise Refused("the library overwrites sums of groups that are not aligned")
        extents[axis] = 1
    sums = x.astype(np.int64).sum(tuple(axes), keepdims=True)
    low, high, _ = ranges.adjusted_for_zero(low, high)
    in_step, in_zero = ranges.step_and_zero(low, high)
    out_step, out_zero = ranges.step_and_zero(*out_range)
    wanted = in_step / (out_step * F(count))
    factor = min(F(0.99999), wanted)
    taken += ["mean: multiplier limited"] * bool(wanted > factor)
    shift = -ranges.exponent(factor)
    mantissa = int(np.floor(float(ranges.fraction(factor)) * 2**31))
    product = ((sums - in_zero * count) * mantissa + (1 << 30)) >> 31
    codes = shifted(product, shift) + out_zero
    return clipped8((codes + 32768) % 65536 - 32768), taken


def argument(x, axis, largest):
    """The first index of the largest or smallest code."""
    best = x.max(axis, keepdims=True) if largest else x.min(axis, keepdims=True)
    result = (x.argmax(axis) if largest else x.argmin(axis)).astype(np.int32)
    ties = ((x == best).sum(axis) > 1).any()
    return np.expand_dims(result, axis), ["argument"] + ["argument: ties"] * bool(ties)


def pool_cases(rng):
    found = []
    shapes = [
        ((1, 7, 7, 64), (7, 7), (1, 1), "VALID"), ((2, 5, 6, 32), (5, 6), (2, 2), "VALID"),
        ((1, 3, 3, 64), (5, 5), (3, 3), "SAME"), ((1, 9, 7, 32), (7, 5), (4, 3), "VALID"),
        ((1, 6, 7, 35), (3, 3), (1, 1), "SAME"), ((2, 5, 8, 3), (3, 3), (1, 1), "SAME"),
        ((1, 2, 2, 4), (3, 3), (1, 1), "SAME"), ((1, 6, 7, 33), (3, 3), (1, 1), "VALID"),
        ((1, 1, 7, 8), (3, 3), (1, 1), "SAME"), ((1, 6, 8, 34), (2, 2), (2, 2), "VALID"),
        ((1, 7, 9, 5), (2, 2), (2, 2), "SAME"), ((1, 7, 9, 5), (2, 2), (2, 2), "VALID"),
        ((1, 6, 7, 3), (2, 2), (1, 2), "SAME"), ((1, 6, 7, 3), (2, 2), (2, 1), "SAME"),
        ((1, 7, 9, 4), (3, 3), (2, 2), "SAME"), ((1, 8, 10, 4), (3, 3), (2, 2), "SAME"),
        ((1, 8, 10, 4), (3, 3), (2, 2), "VALID"), ((1, 11, 13, 3), (5, 5), (1, 1), "SAME"),
        ((1, 11, 13, 3), (5, 3), (2, 3), "SAME"), ((1, 5, 4, 3), (11, 9), (1, 1), "SAME"),
        ((1, 3, 4, 2), (12, 12), (1, 1), "SAME"), ((1, 3, 5, 2), (6, 8), (1, 2), "SAME"),
        ((1, 21, 17, 2), (4, 4), (3, 3), "SAME"), ((1, 9, 9, 2), (1, 1), (2, 2), "VALID"),
        ((1, 6, 5, 3), (1, 4), (1, 1), "SAME"), ((1, 13, 12, 2), (9, 7), (1, 1), "VALID"),
        ((1, 2, 2, 2), (9, 9), (1, 1), "SAME"), ((1, 1, 6, 3), (2, 2), (2, 2), "SAME"),
        ((1, 5, 1, 3), (3, 3), (2, 2), "SAME"),
    ]
    for index, (shape, window, step, padding) in enumerate(shapes):
        for kind in ("random", "extreme") if index % 3 == 0 else ("random",):
            x = rng.integers(0, 256, shape, dtype=np.uint8)
            if kind == "extreme":
                x = np.where(x < 100, np.uint8(0), np.uint8(255))
            span = ranges.of_codes(0.0236, (0, 128, 255, 77)[index % 4])
            name = f"{kind} {list(shape)}, window {window}, step {step}, {padding}"
            operands = [x, *ends(span), strides(*window), strides(*step)]
            result, low, high, taken = average_pool(x, *span, window, step, padding)
            found.append(case(name, "QuantizedAvgPool_8_d32", operands, [result, scalar(low), scalar(high)],
                              padding, branches=taken))
            if max(window) < 10:
                result, taken = max_pool(x, window, step, padding)
                found.append(case(name, "QuantizedMaxPool_8_d32", operands, [result, *ends(span)], padding,
                                  branches=taken))
    for value, zero, depth in ((100, 100, 32), (101, 100, 32), (99, 100, 32), (255, 0, 64), (0, 255, 32)):
        x = np.full((1, 7, 5, depth), value, np.uint8)
        span = ranges.of_codes(0.01, zero)
        result, low, high, taken = average_pool(x, *span, (7, 5), (1, 1), "VALID")
        found.append(case(f"code {value} everywhere, zero code {zero}, depth {depth}", "QuantizedAvgPool_8_d32",
                          [x, *ends(span), strides(7, 5), strides(1, 1)], [result, scalar(low), scalar(high)], "VALID",
                          branches=taken))
    return found


def reduction_cases(rng):
    found = []
    shapes = [
        ((1, 5, 6, 7), [1, 2]), ((1, 5, 6, 40), [1, 2]), ((1, 7, 7, 129), [1, 2]), ((1, 4, 5, 33), [3]),
        ((1, 4, 5, 33), [1]), ((1, 4, 5, 33), [2]), ((2, 4, 5, 32), [1, 2]), ((2, 4, 5, 6), [0, 1, 2, 3]),
        ((1, 3, 4, 130), [1, 2, 3]), ((2, 3, 4, 5), [2, 3]), ((1, 16, 16, 64), [2, 1]),
    ]
    for index, (shape, axes) in enumerate(shapes):
        x = rng.integers(0, 256, shape, dtype=np.uint8)
        for in_codes, out_codes in (((0.021, 128), (0.011, 100)), ((0.021, 3), (0.03, 0)))[: 1 + index % 2]:
            span, out_range = ranges.of_codes(*in_codes), ranges.of_codes(*out_codes)
            result, taken = mean(x, *span, axes, out_range)
            found.append(case(
                f"{list(shape)} over {axes}, steps and zeros {in_codes} {out_codes}", "QuantizedMean_8",
                [x, *ends(span), np.array(axes, np.int32).reshape(1, 1, 1, -1), *ends(out_range)],
                [result, *ends(out_range)], branches=taken))
    for in_codes, out_codes in (((0.02, 0), (0.00007, 128)), ((0.02, 128), (0.0199, 128)), ((2.0, 200), (0.01, 0))):
        x = np.arange(256, dtype=np.uint8).reshape(1, 1, 1, 256)
        span, out_range = ranges.of_codes(*in_codes), ranges.of_codes(*out_codes)
        result, taken = mean(x, *span, [1], out_range)
        found.append(case(f"every code, steps and zeros {in_codes} {out_codes}", "QuantizedMean_8",
                          [x, *ends(span), np.ones((1, 1, 1, 1), np.int32), *ends(out_range)],
                          [result, *ends(out_range)], branches=taken))
    shapes = [
        ((1, 5, 6, 7), 3), ((1, 3, 9, 40), 3), ((2, 3, 2, 300), 3), ((1, 7, 5, 9), 1), ((1, 7, 5, 9), 2),
        ((1, 1, 1, 130), 3), ((1, 3, 130, 1), 2), ((3, 2, 2, 5), 0),
    ]
    for shape, axis in shapes:
        x = rng.integers(120, 126, shape, dtype=np.uint8)
        span = ranges.of_codes(0.02, 128)
        for largest in (True, False):
            flat, depth32 = ("ArgMax_8toInt32", "ArgMax_8_d32") if largest else ("ArgMin_8", "ArgMin_8_d32")
            result, taken = argument(x, axis, largest)
            operands = [x, np.full((1, 1, 1, 1), axis, np.int32), *ends(span)]
            for node in (flat, depth32) if axis == 3 else (flat,):
                found.append(case(f"{list(shape)} over {axis}", node, operands, [result], branches=taken))
    return found


def cases(rng):
    return pool_cases(rng) + reduction_cases(rng)
