"""Softmax along depth: op_softmax_d32.c of hexagon/ops/src with hexagon/include/hvx_mathops.h. Flat and depth-32 forms
share the arithmetic but for depths 1 and 2; v60 has tables of its own for powers and reciprocals.

Per row: the distance of each code from the largest, times the range over ln 2, in 16 fractional bits; a power of two of
its fraction with 15 bits, shifted by its integer part; their sum over depth; a reciprocal of 16 bits; a product. Each
narrowing cuts off but those that round are said to.
"""

import numpy as np

from dsp_oracle.binary32 import F, exponent, half_away, over_255, power_of_two
from dsp_oracle.recording import case, scalar

BRANCHES = {
    "general: power of two by segments of v65": "",
    "general: power of two by the table of v60": "",
    "general: depth up to 4": "",
    "general: multiplier saturated": "",
    "general: shift of 31": "",
    "general: powers below 2^-31": "",
    "general: flat, depth a multiple of 4": "",
    "general: flat, other depths": "",
    "general: depth-32, depth of whole slices": "",
    "general: depth-32, part of a slice": "",
    "general: range times beta too large": "refused by the library",
    "flat: depth 1": "",
    "flat: depth 2": "",
    "flat: depth 2, table reaches 255": "",
    "flat: depth from 1408": "another algorithm, whose tables come from expf and expm1f of a library not public",
}

# Per segment of a quarter: orders 0, 1 and 2, in binary fixed point.
POWER_V65 = ((32769, 22652, 4300), (32876, 21816, 5119), (33371, 19857, 6087), (34675, 16404, 7230))
RECIPROCAL_V65 = (
    (0x8001, 0x7D56, 0x2E12),
    (0x7DE8, 0x6AB6, 0x199B),
    (0x794E, 0x5751, 0x0F69),
    (0x736C, 0x472E, 0x09E2),
)
# Per sixteenth: orders 0, 1 and 2 of 2^-x.
POWER_V60 = np.array((
    (32767, 31379, 30048, 28774, 27554, 26386, 25268, 24196, 23170, 22188, 21247, 20347, 19484, 18658, 17867, 17109),
    (-22709, -21746, -20824, -19941, -19096, -18286, -17511, -16769, -16058, -15377, -14725, -14101, -13503, -12930,
    -12382, -11857),
    (7703, 7377, 7064, 6765, 6478, 6203, 5940, 5688, 5447, 5216, 4995, 4783, 4580, 4386, 4200, 4022),
))  # fmt: skip


def s16(values):
    return np.clip(values, -32768, 32767)


def product(a, b):
    """The doubled product's upper half, rounded half up: 15 fractional bits."""
    return s16((a * b + 0x4000) >> 15)


def quarters(x, coefficients, signs):
    """A polynomial in x of 16 bits by the segments of a quarter; each step saturates."""
    none, first, second = np.array(coefficients).T[:, x >> 14]
    value = s16((second * x + signs[0] * (first << 15)) >> 16)
    return s16((value * x + signs[1] * (none << 15)) >> 16)


def power(fraction, old):
    """2^-fraction, 15 fractional bits."""
    if not old:
        return quarters(0xFFFF - fraction, POWER_V65, (1, 1))
    none, first, second = POWER_V60[:, fraction >> 12]
    x = (fraction & 0x0FFF) >> 1
    return s16(none + product(s16(first + product(second, x)), x))


def refined(divisor, value):
    """A Newton step towards 2^29 / divisor."""
    error = s16(product(divisor, value) - (1 << 14))
    return s16(value - product(s16(error + error), value))


def reciprocal(divisor, old):
    """2^29 / divisor, of 0x4000 and up."""
    if not old:
        half = quarters(divisor << 2 & 0xFFFF, RECIPROCAL_V65, (-1, 1))
        return refined(divisor, s16(half + half))
    wrapped = (2 * divisor + 0x8000) % 0x10000 - 0x8000
    value = s16(product(wrapped, s16(product(wrapped, 10598) - 5306)) + 16569)
    return refined(divisor, refined(divisor, value))


def scaling(low, high, beta, depth):
    """Multiplier, its shift, and the bits that a sum over depth takes."""
    gain = F(F(F(high) - F(low)) * F(beta) * F(1.0 / (255.0 * 0.69314718055994)))
    shift = min(31, 7 - exponent(gain))
    if shift < 0:
        raise ValueError("refused by the library")
    wanted = half_away(gain * power_of_two(shift + 8))
    branches = ["general: multiplier saturated"] if wanted > 32767 else []
    branches += ["general: shift of 31"] if shift == 31 else []
    bits = max(2, (depth - 1).bit_length())
    branches += ["general: depth up to 4"] if bits == 2 else []
    return min(wanted, 32767), shift, bits, branches


def general(codes, low, high, beta, old):
    x = codes.astype(np.int64)
    factor, shift, bits, branches = scaling(low, high, beta, x.shape[3])
    distance = (x.max(3, keepdims=True) - x) * 256 * factor >> shift
    whole = np.minimum(distance >> 16, 31)
    if (distance >> 16).max() > 31:
        branches.append("general: powers below 2^-31")
    exact = (power(distance & 0xFFFF, old) << (16 - bits)) >> whole
    # Rounded here, cut off below.
    short = s16((exact + ((1 << (16 - bits)) >> 1)) >> (16 - bits))
    total = exact.sum(3, keepdims=True)
    normal = 31 - np.array([int(value).bit_length() for value in total.ravel()]).reshape(total.shape)
    inverse = product(reciprocal((total << normal) >> 16, old), 255 << 7)
    result = s16((short * inverse >> (bits + 3 - normal)) >> 12)
    branches.append(f"general: power of two by {'the table of v60' if old else 'segments of v65'}")
    return np.clip((result + 32) >> 6, 0, 255).astype(np.uint8), branches


def approximate_exponential(x):
    """e^x from a cubic of the fraction, in binary32 without fused steps."""
    bits = half_away(F(x) * F(16384.0 / 0.69314718056))
    part = F(F(bits & 0x3FFF) * F(1.0 / 16384.0))
    cubic = F(1) + part * (F(0.69051585) + part * (F(0.23793659) + part * F(0.07154756)))
    return F(power_of_two(bits >> 14) * cubic)


def pair(codes, low, high, beta):
    """Depth 2: a table over the distance of the two gives the larger's result; the other is its difference to 255."""
    step = over_255(F(beta) * (F(high) - F(low)))
    table, branches = [128], ["flat: depth 2"]
    for distance in range(1, 256):
        if table[-1] == 255 and distance > 1:
            table.append(255)
            branches.append("flat: depth 2, table reaches 255")
        else:
            table.append(half_away(F(255) / (F(1) + approximate_exponential(-step * F(distance)))))
    distance = codes[..., 0].astype(np.int64) - codes[..., 1]
    larger = np.array(table)[np.abs(distance)]
    first = np.where(distance < 0, 255 - larger, larger)
    return np.stack([first, 255 - first], 3).astype(np.uint8), branches


def softmax(codes, low, high, beta, depth32, old):
    depth = codes.shape[3]
    if not depth32 and depth == 1:
        return np.full(codes.shape, 255, np.uint8), ["flat: depth 1"]
    if not depth32 and depth == 2:
        return pair(codes, low, high, beta)
    if not depth32 and depth >= 1408:
        raise ValueError("the library's histogram algorithm is not modelled")
    result, branches = general(codes, low, high, beta, old)
    if depth32:
        form = "depth-32, part of a slice" if depth % 32 else "depth-32, depth of whole slices"
    else:
        form = "flat, other depths" if depth % 4 else "flat, depth a multiple of 4"
    return result, [*branches, f"general: {form}"]


# Depth, low and high end, beta.
ROWS = [
    (1, -1, 1, 1), (2, -4, 3.96875, 1), (2, -40, 39, 1), (2, -0.1, 0.1, 0.5), (3, -8, 7.9375, 1),
    (4, -1, 0.9921875, 2), (5, 0, 255, 1),
    (10, -16, 15.875, 1), (12, -100, 99, 1), (31, -4, 3.96875, 1), (32, -4, 3.96875, 1), (33, -4, 3.96875, 0.25),
    (64, -8, 7.9375, 1),
    (65, -2, 1.984375, 1), (100, -0.001, 0.001, 1), (128, -30, 29.765625, 1), (132, -8, 7.9375, 0.125),
    (257, -6, 6, 1), (512, -3, 3, 1),
    (40, 0, 1e-6, 1), (48, 0, 5.522 * 4, 1), (7, -10000, 10000, 1),
    # Just below 255 ln 2, where the multiplier would be 32768.
    (21, 0, 176.75249, 1),
]  # fmt: skip


def rows(rng, depth):
    """Rows of random codes, of equal ones, of one that stands out, of two, and of neighbouring codes."""
    count = 4 if depth > 200 else 6
    codes = rng.integers(0, 256, (count, depth), np.uint8)
    codes[0] = 77
    codes[1] = 3
    codes[1, depth // 2] = 255
    codes[2] = rng.integers(120, 136, depth)
    if count > 4:
        codes[4] = rng.choice([0, 255], depth)
    return codes.reshape(1, 2, count // 2, depth)


def cases(rng):
    result = []
    for depth, low, high, beta in ROWS:
        codes = rows(rng, depth)
        for depth32 in (False, True):
            for architecture in ("v60", "v65", "v66"):
                if architecture == "v65" and depth > 64:
                    continue
                values, branches = softmax(codes, low, high, beta, depth32, architecture == "v60")
                inputs = [codes, scalar(low), scalar(high)] + ([scalar(beta)] if beta != 1 or depth % 2 else [])
                node = "QuantizedSoftmax_8" + ("_d32" if depth32 else "")
                result.append(
                    case(
                        f"depth {depth}, {low} to {high}, beta {beta}",
                        node,
                        inputs,
                        [values, scalar(0), scalar(1)],
                        architecture=architecture,
                        branches=branches,
                    )  # fmt: skip
                )
    return result
