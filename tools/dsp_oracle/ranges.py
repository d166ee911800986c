"""Ranges, steps and zero codes of the Hexagon library in binary32: quantize.h and quantize.c of hexagon.

Every step is rounded to binary32 where the library's C code rounds it; products and sums are not contracted, except
where the library asks for a fused multiply-add by name.
"""

import math
import struct

import numpy as np

F = np.float32
# Zero points closer than 2^-14 to an integer count as integers.
NEAR_ZERO, NEAR_ONE = F(6.1035156e-05), F(0.999938965)


class Refused(Exception):
    """The library ends the run with an error here."""


def bits(x):
    return struct.unpack("<I", struct.pack("<f", x))[0]


def exponent(x):
    """As of frexp: 0 for 0.5 <= |x| < 1."""
    return ((bits(x) >> 23) & 0xFF) - 126


def fraction(x):
    return F(struct.unpack("<f", struct.pack("<I", (bits(x) & 0x807FFFFF) | (126 << 23)))[0])


def power_of_two(n):
    return F(2.0) ** F(n)


def to_int(x):
    """Conversion to int32 towards zero, saturating."""
    return int(max(-(2**31), min(2**31 - 1, math.trunc(float(x)))))


def rounded(x):
    """To the nearest integer, halves away from zero, by adding a half in binary32."""
    x = F(x)
    return to_int(x + np.copysign(F(0.5), x))


def rounded_half_away(x):
    """As of round() in binary64."""
    return to_int(math.copysign(math.floor(abs(float(x)) + 0.5), float(x)))


def clamp(x, low, high):
    return max(low, min(high, x))


def u8(x):
    return clamp(x, 0, 255)


def s16(x):
    return clamp(x, -32768, 32767)


def fused(a, b, c):
    """a * b + c with one rounding to binary32: rounded to odd in binary64 first."""
    product, c = float(a) * float(b), float(c)
    high = product + c
    back = high - product
    low = (product - (high - back)) + (c - back)
    if low and not struct.unpack("<Q", struct.pack("<d", high))[0] & 1:
        high = math.nextafter(high, math.copysign(math.inf, low))
    return F(high)


def div_255(x):
    """x / 255 from two constants, the larger product fused with the sum."""
    x = F(x)
    small = F(-F(float.fromhex("0xF.EFEFFp-36")) * x)
    return fused(x, F(float.fromhex("0x8.08081p-11")), small)


def step_and_zero(low, high):
    step = div_255(F(high) - F(low))
    return step, u8(rounded(-F(low) / step))


def quantized(value, low, high):
    """The code of a real number."""
    value, low, high = F(value), F(low), F(high)
    levels = float((value - low) * (F(255) / max(F(1e-18), high - low)))
    return u8(to_int(math.copysign(math.floor(abs(levels) + 0.5), levels)))


def adjusted(low, high):
    """The range that contains zero and has an integral zero code."""
    return adjusted_and_scaled(low, high)[:2]


def adjusted_and_scaled(low, high):
    """quantize_adjust_range: the range, and 255 over its width as the library rounds it."""
    low, high = min(F(0), F(low)), max(F(0), F(high))
    width = max(F(1e-18), high - low)
    if low < 0:
        z = -low * (F(255) / width)
        whole = np.floor(z)
        part = z - whole
        if NEAR_ZERO < part < NEAR_ONE:
            if whole > 0 and (whole > 253 or (part - F(1)) * low >= part * high):
                width = F(-255) * low / whole
                high = low + width
            else:
                low = high * (whole + F(1)) / (whole - F(254))
                width = high - low
    return F(low), F(high), F(255) / width


def adjusted_for_zero(low, high):
    """adjust_minmax_for_zero: the range, and whether it was changed."""
    low, high = F(low), F(high)
    width = high - low
    if not width >= F(1e-6) or low == 0:
        return low, high, False
    z = F(-255) * low / width
    whole = np.floor(z)
    part = z - whole
    if part <= NEAR_ZERO or part >= NEAR_ONE:
        return low, high, False
    if whole > 0 and (whole > 253 or (part - F(1)) * low >= part * high):
        return low, F(low - F(255) * low / whole), True
    return F(high * (whole + F(1)) / (whole - F(254))), high, True


def constrained(low, high, fixed):
    """adjust_minmax_for_zero_with_constraints: the range and the branch; in `fixed`, bit 0 is low and bit 1 high."""
    low, high = F(low), F(high)
    width = high - low
    if not width > 0 or low == 0:
        return low, high, "range: zero code integral"
    z = F(-255) * low / width
    whole = np.floor(z)
    part = z - whole
    if part <= NEAR_ZERO or part >= NEAR_ONE:
        return low, high, "range: zero code integral"
    by_low, by_high = (part - F(1)) * low, part * high
    nearest = whole + F(1) if part >= F(0.5) else whole
    if fixed == 0:
        move, zero = ("high", whole) if whole >= 1 and (whole >= 254 or by_low >= by_high) else ("low", whole + F(1))
    elif fixed == 1:
        out = whole >= 1 and (z >= F(192.25) or by_low * F(8) > by_high)
        move, zero = ("high", whole) if out else ("low", nearest)
    elif fixed == 2:
        out = z >= F(63.75) and (whole >= 254 or by_low > by_high * F(8))
        move, zero = ("high", nearest) if out else ("low", whole + F(1))
    elif z <= F(63.75):
        move, zero = "low", nearest
    elif z >= F(192.25):
        move, zero = "high", nearest
    else:
        by = (z - nearest) * width * F(1 / 255)
        return F(low + by), F(high + by), "range: both ends moved"
    if move == "high":
        return low, F(low - F(255) * low / zero), "range: high end moved"
    return F(high * zero / (zero - F(255))), high, "range: low end moved"


def of_codes(step, zero):
    """The range of a tensor as the delegate states it: the reals of the codes 0 and 255."""
    step = F(step)
    return F(step * F(0 - zero)), F(step * F(255 - zero))
