"""Operators that move codes: op_pad.c, op_pad_d32.c, op_mirrorpad.c, op_split.c, op_slice.c, op_stridedslice.c,
op_reshape.c, op_transpose.c, op_depthspace.c and op_batchspace.c of hexagon/ops/src, and the depth-32 forms of the last
two and of split, whose results are the flat ones'.

There is a depth-32 form of the mirroring pad, but preparation never takes it: it looks for the amounts in operand 3,
where the delegate's node has the high end of the range.

Ranges are passed on; only what is filled in is computed. Operands stand in the order of the delegate's builders.
"""

import numpy as np

from dsp_oracle import binary32
from dsp_oracle.binary32 import F, clamped, half_away
from dsp_oracle.recording import case, scalar

BRANCHES = {
    "pad: nothing": "",
    "pad: width or height": "",
    "pad: depth": "",
    "pad: depth and width": "",
    "pad: batches": "",
    "pad: fewer than four rows": "",
    "pad: zero code clamped": "",
    "pad: zero code far outside": "refused by the library",
    "mirror: reflect": "",
    "mirror: symmetric": "",
    "mirror: depth": "",
    "mirror: batches": "",
    "mirror: as many rows as there are": "refused by the library, which asks for fewer",
    "split: along depth": "",
    "split: along another axis": "",
    "split: negative axis": "",
    "split: one part": "",
    "slice: all four extents": "",
    "slice: fewer extents, the last ones": "",
    "slice: size -1": "",
    "strided: begin mask": "",
    "strided: end mask": "",
    "strided: shrink mask": "",
    "strided: negative begin or end": "",
    "strided: negative step": "",
    "strided: fewer extents, the last ones": "",
    "strided: end past the extent": "refused by the library",
    "reshape": "",
    "reshape: unknown extent": "",
    "reshape: lower rank": "",
    "transpose": "",
    "transpose: lower rank": "",
    "space to depth": "",
    "depth to space": "",
    "depth to space: crop": "the delegate gives none",
    "space to batch: padded": "",
    "space to batch: not padded": "",
    "space to batch: rows alone": "",
    "batch to space: cropped": "",
    "batch to space: not cropped": "",
    "batch to space: rows alone": "",
}


def integers(values, shape):
    return np.array(values, np.int32).reshape(shape)


class Recorder:
    """Makes operands, numbers ranges, and collects cases."""

    def __init__(self, rng):
        self.rng, self.cases = rng, []

    def codes(self, *shape):
        return self.rng.integers(0, 256, shape, np.uint8)

    def range(self):
        """A range with a zero code, another one each time."""
        number = len(self.cases)
        step, zero = F(0.5) ** F(2 + number % 6), number * 37 % 256
        return F(-zero * step), F((255 - zero) * step)

    def add(self, name, node, before, after, results, branches, ends=None, ranged=True, padding="NONE"):
        """`before` and `after` are the operands around the range; `ranged`: whether the node has one."""
        low, high = ends or self.range()
        pair = [scalar(low), scalar(high)] if ranged else []
        outputs = [np.ascontiguousarray(result) for result in results]
        self.cases.append(
            case(name, node, [*before, *pair, *after], outputs + pair, padding=padding, branches=branches)
        )


def padded(codes, pads, code):
    """The last rows of `pads` belong to the last extents."""
    amounts = [(0, 0)] * (4 - len(pads)) + [tuple(row) for row in pads]
    return np.pad(codes, amounts, constant_values=code)


def zero_code(low, high):
    """As the pad operators find it: 255 x 0 less the low end, over the width, in this order."""
    return clamped(half_away(F(F(255) * (F(0) - F(low))) / (F(high) - F(low))), 0, 255)


def pad_cases(record):
    plan = [
        ((1, 3, 4, 5), [[0, 0], [1, 2], [2, 1], [0, 0]], "_d32"),
        ((1, 2, 3, 33), [[0, 0], [0, 1], [3, 0], [0, 0]], "_d32"),
        ((1, 2, 3, 32), [[1, 1], [1, 0], [0, 2], [0, 0]], "_d32"), ((2, 2, 2, 4), [[1, 2], [0, 0], [0, 0], [0, 0]], ""),
        ((1, 2, 3, 4), [[0, 0], [0, 0], [0, 0], [2, 3]], ""), ((1, 2, 3, 4), [[0, 0], [1, 1], [1, 2], [1, 0]], ""),
        ((1, 3, 3, 2), [[0, 0], [0, 0], [0, 0], [0, 0]], ""), ((1, 4, 4, 3), [[1, 1], [1, 1], [0, 0]], "_d32"),
        ((1, 1, 4, 6), [[2, 1], [0, 0]], "_d32"), ((1, 1, 1, 9), [[3, 4]], ""),
    ]  # fmt: skip
    for shape, pads, form in plan:
        amounts = [[0, 0]] * (4 - len(pads)) + pads
        outer = any(sum(row) for row in amounts[1:3])
        branches = ["pad: fewer than four rows"] if len(pads) < 4 else []
        branches += ["pad: batches"] if sum(amounts[0]) else []
        branches += ["pad: width or height"] if outer else []
        if sum(amounts[3]):
            branches.append("pad: depth and width" if sum(amounts[2]) else "pad: depth")
        branches += [] if any(map(sum, amounts)) else ["pad: nothing"]
        codes = record.codes(*shape)
        low, high = record.range()
        result = padded(codes, pads, zero_code(low, high))
        operand = integers(pads, (1, 1, len(pads), 2))
        for end in ("", form) if form else ("",):
            name = f"{list(shape)} by {pads}".replace(" ", "")
            record.add(name, f"QuantizedPad_8{end}", [codes], [operand], [result], branches, (low, high))
    for low, high in [(0.01, 2.55), (-2.55, -0.01), (-0.3, 1), (-1, 0.7)]:
        codes, pads = record.codes(1, 2, 2, 3), [[0, 0], [1, 1], [1, 1], [0, 0]]
        exact = -255 * low / (high - low)
        branches = ["pad: width or height"] + (["pad: zero code clamped"] if not 0 <= exact <= 255 else [])
        result = padded(codes, pads, zero_code(low, high))
        for form in ("", "_d32"):
            record.add(f"range {low} to {high}", f"QuantizedPad_8{form}", [codes], [integers(pads, (1, 1, 4, 2))],
                       [result], branches, (low, high))  # fmt: skip


def mirror_cases(record):
    plan = [
        ((1, 4, 5, 3), [[0, 0], [1, 2], [3, 1], [0, 0]]), ((1, 3, 3, 32), [[0, 0], [2, 2], [2, 2], [0, 0]]),
        ((1, 2, 4, 33), [[0, 0], [1, 0], [0, 3], [0, 0]]), ((2, 3, 2, 4), [[0, 0], [0, 2], [1, 1], [0, 0]]),
        ((1, 3, 3, 4), [[0, 0], [1, 1], [1, 2], [2, 3]]), ((3, 2, 2, 3), [[1, 2], [1, 1], [0, 0], [0, 0]]),
    ]  # fmt: skip
    for shape, pads in plan:
        for mode in ("reflect", "symmetric"):
            codes = record.codes(*shape)
            result = np.pad(codes, pads, mode)
            branches = [f"mirror: {mode}"]
            branches += ["mirror: depth"] if sum(pads[3]) else []
            branches += ["mirror: batches"] if sum(pads[0]) else []
            name = f"{mode} {list(shape)} by {pads}".replace(", ", ",")
            record.add(name, "MirrorPad_8", [codes, integers(pads, (1, 1, 4, 2))], [], [result], branches,
                       padding=f"MIRROR_{mode.upper()}")  # fmt: skip


def split_cases(record):
    for shape, axis, parts in [((1, 2, 3, 64), 3, 2), ((1, 2, 2, 12), 3, 3), ((1, 3, 2, 33), 3, 3),
        ((2, 2, 1, 8), 3, 1),
                               ((1, 2, 3, 8), -1, 2), ((4, 2, 1, 3), 0, 2), ((1, 6, 2, 3), 1, 3), ((2, 2, 4, 3), 2, 2),
                               ((1, 1, 2, 5), 3, 5)]:  # fmt: skip
        codes = record.codes(*shape)
        results = np.split(codes, parts, axis)
        branches = ["split: negative axis"] if axis < 0 else []
        branches.append(
            "split: one part" if parts == 1 else f"split: along {'depth' if axis % 4 == 3 else 'another axis'}"
        )
        ends = record.range()
        for form in ("", "_d32") if axis % 4 == 3 and parts > 1 else ("",):
            name = f"{list(shape)} along {axis} into {parts}"
            record.add(
                name, f"QuantizedSplit_8{form}", [integers(axis, (1, 1, 1, 1)), codes], [], results, branches, ends
            )


def slice_cases(record):
    for shape, begins, sizes in [((2, 4, 5, 6), [1, 1, 2, 3], [1, 2, 3, 2]),
        ((1, 4, 5, 6), [0, 1, 0, 2], [1, -1, -1, 3]),
                                 ((1, 4, 5, 6), [2, 1], [2, 4]), ((1, 1, 3, 40), [33], [-1]),
                                 ((1, 3, 4, 5), [1, 0, 0], [2, 4, 5])]:  # fmt: skip
        codes = record.codes(*shape)
        first = [0] * (4 - len(begins)) + begins
        counts = [-1] * (4 - len(sizes)) + sizes
        places = tuple(slice(b, None if s == -1 else b + s) for b, s in zip(first, counts))
        branches = ["slice: all four extents" if len(begins) == 4 else "slice: fewer extents, the last ones"]
        branches += ["slice: size -1"] if -1 in sizes else []
        operands = [codes, integers(begins, (1, 1, 1, -1)), integers(sizes, (1, 1, 1, -1))]
        record.add(
            f"{list(shape)} from {begins} by {sizes}", "QuantizedSlice_8", operands, [], [codes[places]], branches
        )


def strided(codes, begins, ends, steps, begin_mask, end_mask, shrink_mask):
    """Begins, ends and steps of the last extents; bit 0 of the masks is the batch. Extents of the shrink mask are
    dropped, the others move to the end."""
    missing = 4 - len(begins)
    places, branches = [], ["strided: fewer extents, the last ones"] if missing else []
    for axis, extent in enumerate(codes.shape):
        begin, end, step = (0, extent, 1) if axis < missing else (v[axis - missing] for v in (begins, ends, steps))
        if begin < 0:
            begin = max(0, begin + extent)
            branches.append("strided: negative begin or end")
        if end < 0:
            end = max(-1, end + extent)
            branches.append("strided: negative begin or end")
        if shrink_mask >> axis & 1:
            end, step = begin + 1, 1
            branches.append("strided: shrink mask")
        else:
            if begin_mask >> axis & 1:
                begin = extent - 1 if step < 0 else 0
                branches.append("strided: begin mask")
            if end_mask >> axis & 1:
                end = -1 if step < 0 else extent
                branches.append("strided: end mask")
        branches += ["strided: negative step"] if step < 0 else []
        places.append(np.arange(begin, end, step))
    if any(place.size == 0 or place.min() < 0 or place.max() >= n for place, n in zip(places, codes.shape)):
        raise ValueError("refused by the library")
    result = codes[np.ix_(*places)]
    kept = [n for axis, n in enumerate(result.shape) if not shrink_mask >> axis & 1]
    return result.reshape([1] * (4 - len(kept)) + kept), branches


def strided_cases(record):
    plan = [
        ((1, 6, 7, 5), [0, 1, 2, 0], [1, 6, 7, 5], [1, 2, 3, 1], 0, 0, 0),
        ((1, 6, 7, 5), [0, 0, 0, 4], [1, 6, 7, 5], [1, 1, 1, 1], 0, 0, 8),
        ((1, 6, 7, 5), [0, 3, 0, 1], [0, 0, 0, 5], [1, 1, 2, 2], 5, 7, 0),
        ((2, 3, 4, 6), [1, -2, -3, 0], [2, -1, 4, -2], [1, 1, 1, 1], 0, 0, 1),
        ((1, 5, 4, 3), [0, 4, 3, 2], [1, 0, 0, 0], [1, -1, -2, -1], 0, 8, 0),
        ((1, 5, 4, 3), [0, 0, 0, 0], [1, 0, 0, 3], [1, -2, -1, 1], 6, 6, 0),
        ((1, 5, 4, 9), [1, 2], [4, 8], [1, 3], 0, 0, 0), ((1, 3, 8, 3), [2, 0, 0], [3, 8, 3], [1, 4, 1], 8, 8, 2),
        ((2, 3, 4, 5), [1, 2, 0, 0], [2, 3, 4, 5], [1, 1, 1, 1], 0, 12, 3),
        ((1, 4, 4, 8), [0, -9, 0, 0], [1, 3, 4, 8], [1, 1, 1, 2], 0, 0, 0),
    ]  # fmt: skip
    for shape, begins, ends, steps, *masks in plan:
        codes = record.codes(*shape)
        result, branches = strided(codes, begins, ends, steps, *masks)
        operands = [codes] + [integers(values, (1, 1, 1, -1)) for values in (begins, ends, steps)]
        operands += [integers(mask, (1, 1, 1, 1)) for mask in masks]
        name = f"{list(shape)} {begins}:{ends}:{steps} masks {masks}".replace(", ", ",")
        record.add(name, "QuantizedStridedSlice_8", operands, [], [result], branches)


def reshape_cases(record):
    for shape, new in [((1, 2, 3, 4), [1, 1, 6, 4]), ((2, 3, 4, 5), [-1, 20]), ((1, 4, 4, 3), [48]),
        ((1, 2, 6, 4), [3, -1, 2]),
                       ((1, 1, 1, 24), [1, 2, 3, 4])]:  # fmt: skip
        codes = record.codes(*shape)
        result = codes.reshape(new)
        result = result.reshape([1] * (4 - result.ndim) + list(result.shape))
        branches = ["reshape: unknown extent"] if -1 in new else ["reshape"]
        branches += ["reshape: lower rank"] if len(new) < 4 else []
        record.add(
            f"{list(shape)} to {new}",
            "Reshape",
            [codes, integers(new, (1, 1, 1, -1))],
            [],
            [result],
            branches,
            ranged=False,
        )


def transpose_cases(record):
    for shape, order in [((1, 3, 4, 5), [0, 2, 1, 3]), ((2, 3, 4, 5), [0, 3, 1, 2]), ((1, 4, 8, 32), [0, 2, 3, 1]),
                         ((2, 3, 4, 5), [3, 2, 1, 0]), ((1, 3, 4, 5), [1, 0]), ((1, 2, 3, 33), [2, 0, 1]),
                         ((2, 2, 2, 2), [1, 0, 3, 2]),
                         ((1, 1, 6, 7), [0, 1, 2, 3])]:  # fmt: skip
        codes = record.codes(*shape)
        fixed = 4 - len(order)
        result = codes.transpose([*range(fixed), *(fixed + axis for axis in order)])
        branches = ["transpose: lower rank" if fixed else "transpose"]
        record.add(
            f"{list(shape)} by {order}", "Transpose_8", [codes, integers(order, (1, 1, 1, -1))], [], [result], branches
        )


def space_to_depth(codes, size):
    b, h, w, d = codes.shape
    return (
        codes.reshape(b, h // size, size, w // size, size * d)
        .transpose(0, 1, 3, 2, 4)
        .reshape(b, h // size, w // size, -1)
    )


def depth_to_space(codes, size):
    b, h, w, d = codes.shape
    rows = codes.reshape(b, h, w, size, d // size).transpose(0, 1, 3, 2, 4)
    return rows.reshape(b, h * size, w * size, d // (size * size))


def depth_cases(record):
    for shape, size in [((1, 4, 6, 3), 2), ((2, 3, 6, 1), 3), ((1, 8, 8, 8), 4), ((1, 2, 4, 33), 2), ((1, 2, 2, 4), 1)]:
        codes = record.codes(*shape)
        block = integers(size, (1, 1, 1, 1))
        record.add(
            f"{list(shape)} by {size}",
            "SpaceToDepth_8",
            [codes, block],
            [],
            [space_to_depth(codes, size)],
            ["space to depth"],
        )
    for shape, size, depth32 in [((1, 2, 3, 12), 2, False), ((2, 2, 1, 9), 3, False), ((1, 3, 3, 128), 2, True),
        ((1, 2, 3, 64), 2, True),
                                 ((1, 2, 2, 288), 3, True), ((1, 1, 2, 16), 4, False),
                                 ((1, 3, 2, 20), 2, False)]:  # fmt: skip
        codes, block, ends = record.codes(*shape), integers(size, (1, 1, 1, 1)), record.range()
        for form in ("", "_d32") if depth32 else ("",):
            record.add(f"{list(shape)} by {size}", f"DepthToSpace_8{form}", [codes, block], [],
                       [depth_to_space(codes, size)], ["depth to space"], ends)  # fmt: skip


def space_to_batch(codes, sizes, pads, code):
    (rows, columns), amounts = (*sizes, 1)[:2], [(0, 0), *map(tuple, pads), (0, 0), (0, 0)][: 1 + len(pads)]
    x = np.pad(codes, [*amounts, *[(0, 0)] * (4 - len(amounts))], constant_values=code)
    b, h, w, d = x.shape
    x = x.reshape(b, h // rows, rows, w // columns, columns, d).transpose(2, 4, 0, 1, 3, 5)
    return x.reshape(rows * columns * b, h // rows, w // columns, d)


def batch_to_space(codes, sizes, crops):
    (rows, columns), ((top, bottom), (left, right)) = (*sizes, 1)[:2], [*map(tuple, crops), (0, 0)][:2]
    b, h, w, d = codes.shape
    x = codes.reshape(rows, columns, b // (rows * columns), h, w, d).transpose(2, 3, 0, 4, 1, 5)
    x = x.reshape(b // (rows * columns), h * rows, w * columns, d)
    return x[:, top : h * rows - bottom, left : w * columns - right]


def batch_cases(record):
    """The delegate makes these around dilated depthwise convolutions."""
    for shape, sizes, pads in [((1, 6, 6, 3), [2, 2], [[1, 1], [1, 1]]), ((1, 7, 5, 32), [2, 2], [[2, 3], [2, 3]]),
        ((1, 6, 4, 5), [3, 2], [[0, 0], [0, 0]]),
                               ((2, 5, 4, 33), [4, 4], [[3, 4], [2, 2]]), ((1, 6, 3, 4), [2], [[1, 1]]),
                               ((1, 9, 8, 8), [3, 1], [[3, 3], [0, 0]])]:  # fmt: skip
        codes, ends = record.codes(*shape), record.range()
        result = space_to_batch(codes, sizes, pads, binary32.code_of_zero(*ends))
        filled = any(map(sum, pads))
        branches = [f"space to batch: {'padded' if filled else 'not padded'}"]
        branches += ["space to batch: rows alone"] if len(sizes) == 1 else []
        operands = [codes, integers(sizes, (1, 1, 1, -1)), integers(pads, (1, 1, len(pads), 2))]
        for form in ("", "_d32")[: len(sizes)]:
            record.add(
                f"{list(shape)} by {sizes} pads {pads}".replace(", ", ","),
                f"SpaceToBatchND_8{form}",
                operands,
                [],
                [result],
                branches,
                ends,
            )
    for shape, sizes, crops in [((4, 4, 4, 3), [2, 2], [[1, 1], [1, 1]]),
        ((8, 3, 4, 33), [2, 2], [[0, 1], [1, 0]]), ((6, 2, 3, 5), [3, 2], [[0, 0], [0, 0]]),
                                ((16, 3, 2, 8), [4, 4], [[0, 3], [1, 2]]), ((2, 3, 3, 4), [2], [[0, 1]]),
                                ((3, 3, 4, 32), [3, 1], [[0, 0], [0, 0]])]:  # fmt: skip
        codes, ends = record.codes(*shape), record.range()
        cut = any(map(sum, crops))
        branches = [f"batch to space: {'cropped' if cut else 'not cropped'}"]
        branches += ["batch to space: rows alone"] if len(sizes) == 1 else []
        operands = [codes, integers(sizes, (1, 1, 1, -1)), integers(crops, (1, 1, len(crops), 2))]
        for form in ("", "_d32")[: len(sizes)]:
            record.add(f"{list(shape)} by {sizes} crops {crops}".replace(", ", ","), f"BatchToSpaceND_8{form}",
                operands, [],
                       [batch_to_space(codes, sizes, crops)], branches, ends)  # fmt: skip


def cases(rng):
    record = Recorder(rng)
    for family in (
        pad_cases,
        mirror_cases,
        split_cases,
        slice_cases,
        strided_cases,
        reshape_cases,
        transpose_cases,
        depth_cases,
        batch_cases,
    ):
        family(record)
    return record.cases
