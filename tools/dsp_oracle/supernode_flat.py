"""What the library's convolution nodes on flat tensors compute: `Supernode_8x8p32to8` where preparation leaves it as it
is, and `Supernode3322_8x8p32to8` (nnlib hexagon/ops/src/op_supernode.c, asm_src/gvconv2dbbb_h.S,
ops/src/op_supernode3322.c, asm_src/gvconv3322bbb_h.S).
"""

import numpy as np

from .binary32 import LARGEST, F, clamped, code_of_zero, half_even, rounded_away, times_31, truncated, wrapped
from .supernode import padded, windows


def saturated_even(value):
    return clamped(half_even(value), -(2**31), LARGEST)


def sums_of_products(data, codes, strides, padding, input_zero, weight_zero):
    under = windows(data, codes.shape[:2], strides, padding, input_zero) - input_zero
    return np.einsum("bhwyxi,yxio->bhwo", under, codes.astype(np.int64) - weight_zero, optimize=True)


def shifted(data, size, strides, padding, fill):
    """The image padded so that the first window starts where the flat node lets it start: the node finds the padding
    before the image from the extents of its result, and takes zeros for whatever the last windows lack."""
    edges = []
    for extent, filter_extent, stride in zip(data.shape[1:3], size, strides):
        count, _, _ = padded(extent, filter_extent, stride, padding)
        _, before, _ = padded(count, filter_extent, stride, padding)
        edges.append((before, max((count - 1) * stride + filter_extent - before - extent, 0)))
    return np.pad(data, ((0, 0), *edges, (0, 0)), constant_values=fill)


def steps(ranges):
    """Steps of the product and of the bias, and the output's range as given."""
    (low_in, high_in), (low_w, high_w), (low_b, high_b), (low_out, high_out) = [(F(a), F(b)) for a, b in ranges]
    product = F((high_in - low_in) / F(255)) * F((high_w - low_w) / F(255))
    return product, (high_b - low_b) / F(2.0**32), low_out, high_out


def flat(data, codes, ranges, strides, bias, padding):
    """`Supernode_8x8p32to8`: a 16-bit reciprocal of the output's range; up to three rows of output by scalar code,
    which rounds the bias in another way. Batches, and filters with a multiple of 16 weights, are left out."""
    product, bias_step, low, high = steps(ranges)
    ratio, offset = bias_step / product, -low / product
    zero = code_of_zero(*ranges[0])
    full = shifted(data, codes.shape[:2], strides, padding, zero)
    sums = sums_of_products(full, codes, strides, "VALID", zero, code_of_zero(*ranges[1]))
    values = [int(value) for value in bias.reshape(-1)]
    if sums.shape[1] <= 3:
        branches = ["flat.upTo3Rows"]
        extent = truncated((high - low) / product + F(0.5))
        reciprocal = 0x00FF0000 // extent
        start = np.array([saturated_even(F(value) * ratio) for value in values], np.int64)
        total = np.trunc(np.float64(wrapped(sums + start).astype(F) + offset)).astype(np.int64)
        total = np.clip(total, -(2**31), LARGEST)
    else:
        branches = ["flat.above3Rows"]
        extent = rounded_away((high - low) / product)
        reciprocal = 0x00FF0000 // extent
        if reciprocal > 0xFFFF:
            branches.append("flat.reciprocalCut")
        reciprocal &= 0xFFFF
        start = np.array([truncated(F(F(F(value) * ratio) + offset) + F(0.5)) for value in values], np.int64)
        total = wrapped(sums + start)
    scaled = wrapped(total * reciprocal + 2**15)
    if (scaled != total * reciprocal + 2**15).any():
        branches.append("flat.productWraps")
    return np.clip(scaled >> 16, 0, 255).astype(np.uint8), low, high, branches


def three_by_three(data, codes, ranges, bias, padding):
    """`Supernode3322_8x8p32to8`: 3 x 3, two channels in and out, stride 1."""
    (low_in, high_in), weights = ranges[0], ranges[1]
    high_in = max(F(high_in), F(low_in) + F(1e-18))
    product, bias_step, low, high = steps([(low_in, high_in), *ranges[1:]])
    extent = saturated_even((high - low) / product)
    multiplier, shift = 0x7F80000000 // extent, 0
    while multiplier >= 2**31:
        shift += 1
        multiplier = 0x7F80000000 // ((extent + 1) << shift)
    branches = ["3322.gainBelow1" if shift == 0 else "3322.gainFrom1"]
    ratio, offset = bias_step / product, -low / product
    start = [saturated_even(F(F(F(int(value)) * ratio) + offset)) for value in bias.reshape(-1)]
    sums = sums_of_products(data, codes, (1, 1), padding, code_of_zero(low_in, high_in), code_of_zero(*weights))
    shifted = wrapped(wrapped(sums + np.array(start, np.int64)) << shift)
    return np.clip(times_31(shifted, multiplier), 0, 255).astype(np.uint8), low, high, branches
