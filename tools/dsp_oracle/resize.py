"""Bilinear and nearest-neighbour resizing: op_resizebilinear.c, op_resizebilinear_d32.c and op_resizenear.c of
hexagon/ops/src, asm_src/resizebilinear_d32_h.S.

The nodes take four or five operands (codes, size, range, whether corners are aligned). The public library refuses to
make them of six, as the delegate of today gives, with half-pixel centres last.
"""

import numpy as np

from dsp_oracle.binary32 import F
from dsp_oracle.recording import case, hashed, scalar

BRANCHES = {
    "d32: same size": "",
    "d32: x2": "",
    "d32: x2, last group of columns rounds up": "",
    "d32: x2, other groups of columns round down": "",
    "d32: x2, odd height": "",
    "d32: x2, left padding of 2": "the library's own padding of depth-32 operands is 4",
    "d32: general": "",
    "d32: general, corners aligned": "",
    "d32: general, corners aligned, one row or column": "",
    "d32: general, last row or column": "",
    "d32: general, batches with an even number of depth slices": "the library runs past its operands, and fails",
    "flat: same size": "",
    "flat: x2": "",
    "flat: x4": "",
    "flat: x4, one column": "the neighbour of the last column is read from the next row, and past the end",
    "flat: corners aligned x4": "",
    "flat: corners aligned x4, rows not of whole vectors": "the threads write over each other's rows; one column too",
    "flat: corners aligned x4, depth above 2": "refused by the library",
    "flat: general": "",
    "flat: general, corners aligned": "",
    "flat: general, corners aligned to one row or column": "divides by zero",
    "nearest": "",
    "nearest: corners aligned": "",
    "nearest: corners aligned, one row or column": "",
}


def integers(codes):
    return codes.astype(np.int64)


def positions(size, new, aligned, bias):
    """Fixed-point sample positions, 32 fractional bits: the quotient of the sizes rounded, `bias` at the start."""
    if aligned and new > 1:
        step = (((size - 1) << 32) + ((new - 1) >> 1)) // (new - 1)
    else:
        step = ((size << 32) + (new >> 1)) // new
    return [bias + index * step for index in range(new)]


def taps(size, new, aligned, bits):
    """Left sample, right sample and fraction of `bits` bits for each result; the last sample alone at the end."""
    result = []
    for position in positions(size, new, aligned, 1 << (31 - bits)):
        first, fraction = position >> 32, (position & 0xFFFFFFFF) >> (32 - bits)
        if first >= size - 1:
            first, fraction = size - 1, 0
        result.append((first, min(first + 1, size - 1), fraction))
    return map(np.array, zip(*result))


def doubled_depth32(codes):
    """Columns first, mean rounded down; then rows, rounded up in the last group of four columns of the operand and
    down in the others (its last vector leaves the assembly loop)."""
    x = integers(codes)
    batches, height, width, depth = x.shape
    right = x[:, :, [*range(1, width), width - 1]]
    wide = np.stack([x, (x + right) >> 1], 3).reshape(batches, height, 2 * width, depth)
    below = wide[:, [*range(1, height), height - 1]]
    column = np.arange(2 * width) // 2
    up = (column // 4 == (width - 1) // 4).astype(np.int64)[:, None]
    branches = ["d32: x2", "d32: x2, last group of columns rounds up"]
    branches += ["d32: x2, other groups of columns round down"] if width > 4 else []
    branches += ["d32: x2, odd height"] if height % 2 else []
    return np.stack([wide, (wide + below + up) >> 1], 2).reshape(batches, 2 * height, 2 * width, depth), branches


def general_depth32(codes, height, width, aligned):
    """Rows first with weights of 7 bits, kept in 16; then columns with fractions of 15 bits."""
    x = integers(codes)
    top, bottom, weight = taps(x.shape[1], height, aligned, 7)
    weight = weight[:, None, None]
    rows = x[:, top] * (128 - weight) + x[:, bottom] * weight
    left, right, weight = taps(x.shape[2], width, aligned, 15)
    first = rows[:, :, left]
    result = first + (((rows[:, :, right] - first) * weight[:, None] + 0x4000) >> 15)
    branches = ["d32: general", "d32: general, last row or column"]
    if aligned:
        branches.append("d32: general, corners aligned")
        if 1 in (height, width, *x.shape[1:3]):
            branches.append("d32: general, corners aligned, one row or column")
    return (result + 64) >> 7, branches


def bilinear_depth32(codes, height, width, aligned):
    if not aligned and (height, width) == (2 * codes.shape[1], 2 * codes.shape[2]):
        return doubled_depth32(codes)
    if (height, width) == codes.shape[1:3]:
        return codes, ["d32: same size"]
    if codes.shape[0] > 1 and (codes.shape[3] + 31) // 32 % 2 == 0:
        raise ValueError("the library runs past its operands")
    return general_depth32(codes, height, width, aligned)


def neighbours(x):
    height, width = x.shape[1:3]
    below, right = [*range(1, height), height - 1], [*range(1, width), width - 1]
    return x[:, :, right], x[:, below], x[:, below][:, :, right]


def multiplied_size(codes, factor):
    """x2 and x4 of the flat form: weighted sums, rounded half up once; two-tap ones by their own shorter shift."""
    x = integers(codes)
    batches, height, width, depth = x.shape
    right, below, across = neighbours(x)
    bits = factor.bit_length() - 1
    result = np.empty((batches, height, factor, width, factor, depth), np.int64)
    for row in range(factor):
        left_sum = x * (factor - row) + below * row
        right_sum = right * (factor - row) + across * row
        for column in range(factor):
            total = left_sum * (factor - column) + right_sum * column
            result[:, :, row, :, column] = (total + (1 << (2 * bits - 1))) >> (2 * bits)
    return result.reshape(batches, factor * height, factor * width, depth), [f"flat: x{factor}"]


def aligned_x4(codes, height):
    """Four times the columns with corners aligned: columns by 7 bits, then rows by 15, whose rounding term is added
    twice. Each column of the operand but the last is left neighbour of four or five results in a row."""
    x = integers(codes)
    width = x.shape[2]
    result_width = 4 * width
    third = (width - 1) // 3
    # The left sample of each result: not from the table of fractions but by repetition in three parts.
    left = [0] * result_width
    for part in range(3):
        start = part * (4 * third + 1) + 1
        for index in range(start, result_width):
            left[index] = min(third * part + (index - start) // 4, width - 1)
    for part in range(3):
        index = part * (4 * third + 1)
        left[index] = left[index + 1]
    left = np.array(left)
    right = np.minimum(left + 1, width - 1)
    whole = np.array(positions(width, result_width, True, 1 << 16))
    weight = np.where(whole >> 32 >= width - 1, 0, (whole & 0xFFFFFFFF) >> 25)[:, None]
    columns = x[:, :, left] * (128 - weight) + x[:, :, right] * weight
    top, weights = [], []
    for position in positions(x.shape[1], height, True, 1 << 16):
        last = position >> 32 >= x.shape[1] - 1
        top.append(x.shape[1] - 1 if last else position >> 32)
        weights.append(0 if last else (position + (1 << 16) & 0xFFFFFFFF) >> 17)
    top, weight = np.array(top), np.array(weights)[:, None, None]
    first = columns[:, top]
    second = columns[:, np.minimum(top + 1, x.shape[1] - 1)]
    result = first + (((second - first) * weight + 0x4000) >> 15)
    return (result + 64) >> 7, ["flat: corners aligned x4"]


def between(start, end, part):
    """A step that is not contracted to a fused multiply-add."""
    return start + (end - start) * part


def general_flat(codes, height, width, aligned):
    """binary32 throughout; half is added and the rest cut off."""
    x = codes.astype(F)
    if aligned:
        steps = F(x.shape[1] - 1) / F(height - 1), F(x.shape[2] - 1) / F(width - 1)
    else:
        steps = F(x.shape[1]) / F(height), F(x.shape[2]) / F(width)
    places = [np.arange(new).astype(F) * step for new, step in zip((height, width), steps)]
    parts = [place - np.floor(place) for place in places]
    whole = [(place - part).astype(np.int64) for place, part in zip(places, parts)]
    (top, bottom), (left, right) = [
        (np.minimum(first, size - 1), np.minimum(first + 1, size - 1)) for first, size in zip(whole, x.shape[1:3])
    ]
    across = parts[1][:, None]
    upper = between(x[:, top][:, :, left], x[:, top][:, :, right], across)
    lower = between(x[:, bottom][:, :, left], x[:, bottom][:, :, right], across)
    result = between(upper, lower, parts[0][:, None, None])
    return np.trunc(result + F(0.5)), ["flat: general, corners aligned" if aligned else "flat: general"]


def is_power_of_two(number):
    return number & (number - 1) == 0


def bilinear_flat(codes, height, width, aligned):
    _, old_height, old_width, depth = codes.shape
    if not aligned and (height, width) == (2 * old_height, 2 * old_width):
        if is_power_of_two(depth) and (depth >= 128 or is_power_of_two(old_width)):
            return multiplied_size(codes, 2)
    if not aligned and (height, width) == (4 * old_height, 4 * old_width) and depth < 32 and is_power_of_two(depth):
        if (old_width - 1) * depth % 128 == 0:
            raise ValueError("the library reads past the row")
        return multiplied_size(codes, 4)
    if (height, width) == (old_height, old_width):
        return codes, ["flat: same size"]
    if aligned and width == 4 * old_width and (old_width - 1) % 3 == 0 and old_width * depth < 384:
        if depth > 2 or width * depth % 128:
            raise ValueError("refused by the library, or a race of its threads")
        return aligned_x4(codes, height)
    if aligned and 1 in (height, width):
        raise ValueError("the library divides by zero")
    return general_flat(codes, height, width, aligned)


def nearest(codes, height, width, aligned):
    """The sample at the product's integer part; with corners aligned rounded half away from zero. Sizes of one row or
    column keep the other scale."""
    old_height, old_width = codes.shape[1:3]
    branch = "nearest"
    steps = F(old_height) / F(height), F(old_width) / F(width)
    if aligned:
        branch = "nearest: corners aligned, one row or column"
        if height > 1 and width > 1:
            branch = "nearest: corners aligned"
            steps = F(old_height - 1) / (F(height) - F(1)), F(old_width - 1) / (F(width) - F(1))
    places = [np.arange(new).astype(F) * step for new, step in zip((height, width), steps)]
    if aligned:
        # round() of binary64.
        places = [np.minimum(np.floor(place.astype(np.float64) + 0.5), size - 1) for place, size in
                  zip(places, (old_height, old_width))]  # fmt: skip
    rows, columns = (place.astype(np.int64) for place in places)
    if rows.max() >= old_height or columns.max() >= old_width:
        raise ValueError("the library reads past the operand")
    return codes[:, rows][:, :, columns], [branch]


NODES = {
    "QuantizedResizeBilinear_8": bilinear_flat,
    "QuantizedResizeBilinear_8_d32": bilinear_depth32,
    "ResizeNearestNeighbor_8": nearest,
}
# Operand shape, new height and width.
DEPTH32 = [
    ((1, 4, 8, 32), 8, 16), ((1, 5, 7, 31), 10, 14), ((2, 3, 5, 31), 6, 10), ((1, 2, 4, 3), 4, 8),
    ((1, 3, 9, 33), 6, 18),
    ((1, 1, 1, 3), 2, 2), ((1, 4, 13, 8), 8, 26), ((1, 4, 6, 3), 4, 6), ((1, 4, 4, 32), 7, 9), ((1, 8, 8, 33), 5, 3),
    ((1, 7, 5, 3), 14, 15), ((1, 3, 3, 31), 9, 9), ((1, 5, 5, 4), 20, 20), ((1, 16, 16, 3), 8, 8), ((1, 9, 7, 3), 3, 2),
    ((2, 4, 3, 3), 5, 11), ((1, 1, 5, 3), 4, 10), ((1, 5, 1, 3), 10, 3), ((1, 6, 6, 1), 17, 19), ((1, 3, 10, 1), 5, 30),
    ((1, 2, 2, 3), 1, 1), ((1, 4, 8, 3), 8, 17), ((1, 10, 3, 2), 21, 50),
]  # fmt: skip
# Preparation leaves the flat form alone where depth is at most 2 and the new width a power of two.
FLAT = [
    ((1, 4, 8, 1), 8, 16), ((2, 3, 16, 2), 6, 32), ((1, 5, 64, 2), 10, 128), ((1, 3, 128, 1), 6, 256),
    ((1, 1, 1, 1), 2, 2),
    ((1, 4, 4, 1), 16, 16), ((1, 3, 16, 2), 12, 64), ((2, 2, 64, 2), 8, 256), ((1, 5, 8, 2), 5, 8),
    ((1, 5, 6, 1), 9, 16),
    ((1, 9, 12, 2), 4, 8), ((1, 7, 10, 1), 21, 32), ((2, 3, 5, 2), 7, 16), ((1, 8, 16, 1), 4, 4), ((1, 5, 3, 2), 1, 1),
    ((1, 6, 2, 1), 7, 4),
]  # fmt: skip
FLAT_ALIGNED = [
    ((1, 4, 64, 1), 8, 256), ((1, 5, 16, 2), 20, 64), ((2, 3, 64, 2), 12, 256), ((1, 1, 64, 1), 4, 256),
    ((1, 6, 64, 1), 3, 256),
    ((1, 4, 8, 1), 8, 16), ((1, 5, 6, 2), 9, 16), ((1, 7, 10, 1), 21, 32), ((1, 9, 12, 2), 4, 8), ((1, 1, 5, 1), 3, 8),
    ((1, 4, 4, 2), 4, 4), ((1, 5, 4, 1), 8, 32),
]  # fmt: skip
NEAREST = [
    ((1, 4, 4, 3), 8, 8), ((1, 5, 7, 1), 13, 9), ((1, 8, 8, 32), 4, 4), ((2, 3, 5, 31), 7, 10), ((1, 9, 10, 2), 3, 7),
    ((1, 4, 4, 33), 4, 4), ((1, 3, 3, 2), 1, 6), ((1, 3, 4, 1), 6, 1), ((1, 1, 1, 4), 3, 5), ((1, 6, 11, 1), 23, 40),
]  # fmt: skip


def operands(rng, shape):
    """Random codes with every second image's ends stretched, so that means meet odd sums and full scale."""
    codes = rng.integers(0, 256, shape, np.uint8)
    codes[rng.random(shape) < 0.15] = 255
    codes[rng.random(shape) < 0.15] = 0
    return codes


def cases(rng):
    result, number = [], 0
    plan = [("QuantizedResizeBilinear_8_d32", DEPTH32, (False, True)), ("QuantizedResizeBilinear_8", FLAT, (False,)),
            ("QuantizedResizeBilinear_8", FLAT_ALIGNED, (True,)),
            ("ResizeNearestNeighbor_8", NEAREST, (False, True))]  # fmt: skip
    for node, sizes, alignments in plan:
        for shape, height, width in sizes:
            for aligned in alignments:
                codes = operands(rng, shape)
                values, branches = NODES[node](codes, height, width, aligned)
                if values.min() < 0 or values.max() > 255:
                    raise ValueError(f"{node}: a result outside of 8 bits")
                values = np.asarray(values).astype(np.uint8)
                number += 1
                low, high = F(-0.25 * (number % 5)), F(1 + number % 7)
                size = np.array([height, width], np.int32).reshape(1, 1, 1, 2)
                inputs = [codes, size, scalar(low), scalar(high)]
                # Four operands say what five with a zero say.
                if aligned or number % 2:
                    inputs.append(np.full((1, 1, 1, 1), aligned, np.int32))
                stored = values if values.size <= 3000 else hashed(values)
                name = f"{list(shape)} to {height}x{width}" + (", corners aligned" if aligned else "")
                result.append(case(name, node, inputs, [stored, scalar(low), scalar(high)], branches=branches))
    return result
