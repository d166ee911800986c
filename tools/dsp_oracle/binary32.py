"""The library's binary32 arithmetic and fixed-point steps, one rounding at a time (nnlib hexagon/include/quantize.h).

Scalars are np.float32 throughout; integers are Python's or NumPy's int64, wrapped to 32 bits where the library wraps.
"""

import numpy as np

F = np.float32
LARGEST = 0x7FFFFFFF


def wrapped(value):
    """The low 32 bits as a signed number; scalars and int64 arrays."""
    if isinstance(value, np.ndarray):
        return value.astype(np.uint64).astype(np.uint32).view(np.int32).astype(np.int64)
    return (int(value) + 2**31) % 2**32 - 2**31


def clamped(value, low, high):
    return min(max(int(value), low), high)


def truncated(value):
    """C's conversion of a float to int32, which saturates on Hexagon."""
    return clamped(np.trunc(np.float64(value)), -(2**31), LARGEST)


def half_away(value):
    """`roundf_i32`: half is added in binary32, then truncation."""
    return truncated(F(value) + np.copysign(F(0.5), F(value)))


def half_up_unsigned(value):
    """`roundf_u32`: half is added in binary32, then truncation; negative gives 0."""
    return clamped(np.trunc(np.float64(F(value) + F(0.5))), 0, 2**32 - 1)


def rounded_away(value):
    """`roundf`: to the nearest integer, half away from zero, exactly."""
    value = float(value)
    return int(np.copysign(np.floor(abs(value) + 0.5), value)) if abs(value) < 2**52 else int(value)


def half_even(value):
    """The conversion instructions without `:chop`."""
    return int(np.rint(np.float64(value)))


def exponent(value):
    """`flt_getexp`: 0 for 0.5 up to 1, 1 for 1 up to 2."""
    return int((F(value).view(np.uint32) >> 23) & 0xFF) - 126


def power_of_two(power):
    return np.uint32(clamped(power + 127, 0, 255) << 23).view(F)


def scaled(value, power):
    """`flt_ldexp`"""
    return F(F(value) * power_of_two(power))


def over_255(value):
    """`flt_div_255`: a product in binary32 and one fused multiply-add. Both addends fit into a binary64 sum exactly."""
    value = F(value)
    low = F(F(-float.fromhex("0xF.EFEFFp-36")) * value)
    return F(np.float64(value) * float.fromhex("0x8.08081p-11") + np.float64(low))


def step_and_zero(low, high):
    """`get_qu8_level_size_zero`"""
    step = over_255(F(high) - F(low))
    return step, clamped(half_away(-F(low) / step), 0, 255)


def code_of_zero(low, high):
    """`quantize_uint8(0, low, high)`, which finds the zero code by another formula."""
    gain = F(F(255) / max(F(1e-18), F(high) - F(low)))
    return clamped(rounded_away((F(0) - F(low)) * gain), 0, 255)


def times_31(values, multiplier):
    """`vmpye` and `vmpyo:<<1:rnd:sat:shift`: the product over 2^31, half up, saturated to 32 bits; int64 arrays."""
    values = np.asarray(values, np.int64)
    return np.clip((values * np.asarray(multiplier, np.int64) + 2**30) >> 31, -(2**31), LARGEST)


def with_zero_code(low, high, fixed):
    """`adjust_minmax_for_zero_with_constraints`: the range moved until zero has a code; bits 0 and 1 of `fixed` say
    which ends are given. Also the branch taken."""
    low, high = F(low), F(high)
    extent = high - low
    if not extent > 0:
        return low, high, "range.empty"
    if low == 0:
        return low, high, "range.minimum0"
    zero = F(-255) * low / extent
    whole = np.floor(zero)
    part = zero - whole
    if part <= F(6.1035156e-05) or part >= F(0.999938965):
        return low, high, "range.zeroIsACode"
    toward_low = (part - F(1)) * low
    toward_high = part * high
    nearest = whole + F(1) if part >= F(0.5) else whole

    def moved_high(code):
        return low, F(low - F(255) * low / code)

    def moved_low(code):
        return F(high * code / (code - F(255))), high

    if fixed == 0:
        if whole >= 1 and (whole >= 254 or toward_low >= toward_high):
            return *moved_high(whole), "range.free.maximumOut"
        return *moved_low(whole + F(1)), "range.free.minimumOut"
    if fixed == 1:
        if whole >= 1 and (zero >= F(192.25) or toward_low * F(8) > toward_high):
            return *moved_high(whole), "range.minimumFixed.maximumOut"
        return *moved_low(nearest), "range.minimumFixed.minimumNearest"
    if fixed == 2:
        if zero >= F(63.75) and (whole >= 254 or toward_low > toward_high * F(8)):
            return *moved_high(nearest), "range.maximumFixed.maximumNearest"
        return *moved_low(whole + F(1)), "range.maximumFixed.minimumOut"
    if zero <= F(63.75):
        return *moved_low(nearest), "range.minimumNearest"
    if zero >= F(192.25):
        return *moved_high(nearest), "range.maximumNearest"
    shift = (zero - nearest) * extent * F(1.0 / 255.0)
    return F(low + shift), F(high + shift), "range.bothShifted"
