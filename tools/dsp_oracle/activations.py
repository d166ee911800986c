"""Tanh, sigmoid and L2 normalisation: op_tanh_d32.c (flat and depth-32 forms share it) and op_l2normalize_8.c of
hexagon/ops/src. Softmax is in `softmax`.

Tanh and sigmoid are tables of 256 codes, made once per input range in fixed point: the distance from the zero code is
scaled to 13 fractional bits of 1.25 x (12 for sigmoid), a quadratic in each of 16 segments follows, and the result is
averaged with the middle of the output range. The vector code that makes the table gives what its scalar reference
gives: products round half up, sums do not saturate within the tables' values.
"""

import numpy as np

from dsp_oracle import binary32
from dsp_oracle.binary32 import F, clamped, exponent, half_away, over_255
from dsp_oracle.recording import case, scalar

BRANCHES = {
    "table: gain above 32768": "",
    "table: gain from 1/2": "",
    "table: gain below 1/2": "",
    "table: multiplier saturated": "",
    "table: zero code 0": "",
    "table: zero code 255": "",
    "normalise: zero row": "",
    "normalise: norm's integer part a power of two, sign lost": "",
    "normalise: other norms": "",
    "normalise: depth of more than a vector": "",
    "normalise: depth of whole vectors": "",
    "normalise: zero row of more than 128 codes": "only 128 codes are written then; what the others are is not defined",
    "normalise: along another axis": "the delegate gives no axis",
}

# Per segment: second-, first- and zero-order coefficient.
TANH = (
    (-7994, 26172, 0), (-21652, 25098, 6418), (-29653, 22283, 12354), (-31481, 18480, 17462), (-28797, 14485, 21590),
    (-23876, 10862, 24761), (-18511, 7879, 27104), (-13703, 5579, 28784), (-9826, 3883, 29965), (-6894, 2671, 30782),
    (-4766, 1822, 31342), (-3262, 1236, 31723), (-2217, 835, 31981), (-1500, 563, 32155), (-1011, 378, 32272),
    (-677, 254, 32351),
)  # fmt: skip
SIGMOID = (
    (-8026, 26275, 0), (-21738, 25197, 6443), (-29770, 22371, 12403), (-31605, 18553, 17531), (-28910, 14542, 21675),
    (-23970, 10905, 24859), (-18584, 7910, 27210), (-13757, 5601, 28898), (-9865, 3899, 30083), (-6921, 2681, 30904),
    (-4785, 1829, 31466), (-3275, 1240, 31848), (-2226, 838, 32107), (-1506, 565, 32282), (-1015, 380, 32399),
    (-680, 255, 32479),
)  # fmt: skip


def table(low, high, sigmoid):
    """The 256 results of an input range, and the branches taken."""
    low, high = F(low), F(high)
    zero = clamped(half_away(F(-255) * low / (high - low)), 0, 255)
    gain = F(over_255(high - low) * F(1.25 * 8192))
    if sigmoid:
        gain = F(gain * F(0.5))
    power = exponent(gain)
    shift = 15 - max(power, 0)
    if shift < 0:
        factor, shift, branches = 32767, 0, ["table: gain above 32768"]
    else:
        wanted = half_away(gain * F(1 << shift))
        factor = clamped(wanted, -32768, 32767)
        branches = ["table: gain from 1/2" if power >= 0 else "table: gain below 1/2"]
        branches += ["table: multiplier saturated"] if wanted != factor else []
    branches += [f"table: zero code {zero}"] if zero in (0, 255) else []

    middle = (255 if sigmoid else 254) * 128
    codes = []
    for code in range(256):
        distance = code - zero
        x = min(32767, (abs(distance) * factor + ((1 << shift) >> 1)) >> shift)
        second, first, none = (SIGMOID if sigmoid else TANH)[x >> 11]
        x &= 0x7FF
        value = ((second * x + 0x4000) >> 15) + first
        value = ((value * x * 4 + 0x4000) >> 15) + none
        value = ~value if distance < 0 else value
        value = (value + middle + 1) >> 1
        codes.append(clamped((value + 64) >> 7, 0, 255))
    return np.array(codes, np.uint8), branches


def output_range(sigmoid):
    return (F(0), F(1)) if sigmoid else (F(-1), F(128.0 / 127.0))


# Code ranges as a quantiser gives them, wide and narrow ones, and ends of the branches.
RANGES = [
    (-1, 1), (-8, 7.9375), (-4, 3.96875), (0, 6), (-6, 0), (-0.5, 0.5), (-3.2, 3.2), (-6.4, 6.4), (-2.5, 10),
    (-10, 2.5),
    (0, 0.0127), (-0.006, 0.006), (-0.001, 0.001), (-16, 15.875), (-100, 100), (-900, 900), (-3000, 2500), (0, 2000),
    (-12.7, 0.05), (-7.33, 21.4), (0, 255 / 10240 * 0.99999), (-0.4, 0.4),
]  # fmt: skip


def table_cases():
    """Every code of every range, in both forms of both operators."""
    cases = []
    codes = np.arange(256, dtype=np.uint8).reshape(1, 2, 4, 32)
    # A step just below a power of two makes a multiplier of 32768, which saturates.
    step = np.nextafter(F(4 / 10240), F(0))
    saturating = (F(-128) * step, F(127) * step)
    for sigmoid in (False, True):
        name = "Sigmoid" if sigmoid else "Tanh"
        for low, high in [*RANGES, saturating, (F(2) * saturating[0], F(2) * saturating[1])]:
            results, branches = table(low, high, sigmoid)
            outputs = [results[codes], *map(scalar, output_range(sigmoid))]
            for form in ("", "_d32"):
                cases.append(
                    case(
                        f"{F(low)!s} to {F(high)!s}",
                        f"Quantized{name}_8{form}",
                        [codes, scalar(low), scalar(high)],
                        outputs,
                        branches=branches,
                    )  # fmt: skip
                )
    return cases


def normalised(codes, low, high):
    """Every row along depth over its norm, at a step of 1/128 from code 128, and the branches taken. The quotient is
    2^15 by the norm's integer part; a power of two there makes 32768, which 16 bits hold as -32768."""
    zero = binary32.code_of_zero(low, high)
    depth = codes.shape[3]
    result = np.empty(codes.shape, np.uint8)
    branches = []
    if depth >= 128:
        branches.append(f"normalise: depth of {'more than a vector' if depth % 128 else 'whole vectors'}")
    for index in np.ndindex(codes.shape[:3]):
        row = codes[index].astype(np.int64) - zero
        norm = int(np.sqrt(F(np.sum(row * row)), dtype=F))
        if norm == 0:
            result[index] = 127
            branches.append("normalise: zero row")
            continue
        shift = norm.bit_length() - 1
        factor = 32768 // norm << shift
        if factor == 32768:
            factor = -32768
            branches.append("normalise: norm's integer part a power of two, sign lost")
        else:
            branches.append("normalise: other norms")
        result[index] = np.clip(row * factor >> (shift + 8), -128, 127) + 128
    return result, branches


def norm_cases(rng):
    cases = []
    for shape, low, high in [
        ((1, 3, 4, 5), -1, 1), ((2, 2, 3, 1), -4, 3.96875), ((1, 1, 7, 31), 0, 6), ((1, 1, 6, 32), -2, 0),
        ((1, 1, 4, 33), -8, 7.9375), ((1, 1, 3, 128), -1, 1), ((1, 1, 3, 200), -0.3, 0.7), ((1, 2, 2, 256), -1, 1),
        ((1, 1, 64, 3), -1, 127 / 128),
    ]:  # fmt: skip
        codes = rng.integers(0, 256, shape, np.uint8)
        zero = binary32.code_of_zero(low, high)
        if shape[3] <= 128:
            codes[0, 0, 0] = zero
        if shape == (1, 1, 64, 3):
            # Small norms, so that their integer parts meet many powers of two.
            codes = np.clip(zero + rng.integers(-9, 10, shape), 0, 255).astype(np.uint8)
        result, branches = normalised(codes, low, high)
        outputs = [result, scalar(-1), scalar(1)]
        inputs = [codes, scalar(low), scalar(high)]
        cases.append(case(f"{list(shape)} {low} to {high}", "L2Normalize_8", inputs, outputs, branches=branches))
    return cases


def cases(rng):
    return table_cases() + norm_cases(rng)
