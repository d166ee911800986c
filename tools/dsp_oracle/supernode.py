"""What the library's convolution nodes compute (nnlib hexagon/include/supernode_utils.h, ops/src/op_supernode_new.c,
ops/src/op_dwise_snode_8bit.c, src/supernode_procweights.c), for output ranges that are given.
"""

import dataclasses

import numpy as np

from .binary32 import (
    LARGEST,
    F,
    code_of_zero,
    exponent,
    half_even,
    half_up_unsigned,
    scaled,
    step_and_zero,
    times_31,
    with_zero_code,
    wrapped,
)

LOCAL_MEMORY = 256 * 1024
"""Bytes of the memory that 32 output channels' weights must fit into for the kernels with signed weights."""


def padded(extent, filter_extent, stride, padding):
    """`nn_pad_compute_outsize_and_pad`: the result's extent, padding before, padding after."""
    difference = extent - filter_extent
    if padding == "VALID":
        return (difference // stride + 1 if difference >= 0 else 0), 0, 0
    result = (extent + stride - 1) // stride
    total = max((result - 1) * stride - difference, 0)
    return result, total // 2, total - total // 2


def windows(data, size, strides, padding, fill):
    """The codes under each tap: int64 [batch, out height, out width, filter height, filter width, depth]."""
    height, before_h, after_h = padded(data.shape[1], size[0], strides[0], padding)
    width, before_w, after_w = padded(data.shape[2], size[1], strides[1], padding)
    edges = ((0, 0), (before_h, after_h), (before_w, after_w), (0, 0))
    full = np.pad(data.astype(np.int64), edges, constant_values=fill)
    result = np.empty((data.shape[0], height, width, *size, data.shape[3]), np.int64)
    for y in range(size[0]):
        for x in range(size[1]):
            rows = slice(y, y + (height - 1) * strides[0] + 1, strides[0])
            columns = slice(x, x + (width - 1) * strides[1] + 1, strides[1])
            result[:, :, :, y, x] = full[:, rows, columns]
    return result


@dataclasses.dataclass
class Weights:
    """Weights as the kernels see them, int64 [height, width, in, out]."""

    values: np.ndarray
    sums: np.ndarray
    """Per output channel, padding of the depth included."""
    step: np.float32
    offset: int
    """What the kernel still subtracts of each weight."""
    scales: list
    """Per output channel, of 2^31; 2^31 - 1 where the weights were not scaled."""
    count: int
    """Weights of an output channel, padding of the depth included."""


def signed_weights(codes, zero, branches):
    """`do_perlane_weight_scaling`: signed weights, and K << 23 of the channels that had to be scaled by K / 256."""
    codes = codes.astype(np.int64)
    values = np.empty_like(codes)
    scales = []
    for channel in range(codes.shape[-1]):
        of = codes[..., channel]
        if zero >= 130 and of.min() < zero - 129:
            scale = (128 * 256 + 127) // (zero - int(of.min()))
            branches.append("weights.signed.scaledByMinimum")
        elif zero <= 126 and of.max() > zero + 128:
            scale = (127 * 256 + 127) // (int(of.max()) - zero)
            branches.append("weights.signed.scaledByMaximum")
        else:
            values[..., channel] = np.clip(of - zero, -128, 127)
            saturated = (np.abs(2 * (of - zero) + 1) > 255).any()
            branches.append("weights.signed.saturated" if saturated else "weights.signed.unscaled")
            scales.append(LARGEST)
            continue
        values[..., channel] = (((128 * 256 + 128 - scale * zero) + scale * of) >> 8) - 128
        scales.append(scale << 23)
    return values, scales


def convolution_weights(codes, low, high, signed, depth_multiple, branches):
    step, zero = step_and_zero(low, high)
    channels = codes.shape[-1]
    depth = -(-codes.shape[2] // depth_multiple) * depth_multiple
    count = codes.shape[0] * codes.shape[1] * depth
    if signed:
        values, scales = signed_weights(codes, zero, branches)
        return Weights(values, values.sum((0, 1, 2)), step, 0, scales, count)
    branches.append("weights.unsigned")
    values = codes.astype(np.int64)
    missing = codes.shape[0] * codes.shape[1] * (depth - codes.shape[2])
    return Weights(values, values.sum((0, 1, 2)) + missing * zero, step, zero, [LARGEST] * channels, count)


def channel_factors(given, weights, branches):
    """`find_k_kinv`: the factor of each channel, its reciprocal, the largest factor; None without factors."""
    has_weight_scales = any(scale != LARGEST for scale in weights.scales)
    if given is None and not has_weight_scales:
        branches.append("factors.none")
        return None, None, F(1)
    channels = len(weights.scales)
    given = [F(1)] * channels if given is None else [F(value) for value in given.reshape(-1)]
    if any(not F(1 / 2048) <= value <= 1 for value in given):
        raise ValueError("a channel scale is out of range")
    if not has_weight_scales:
        branches.append("factors.channel")
        return given, [F(1) if value == 1 else F(1) / value for value in given], F(1)
    branches.append("factors.weightAndChannel" if any(value != 1 for value in given) else "factors.weight")
    of_weights = [F(F(scale) * F(2.0**-31)) for scale in weights.scales]
    factors = [of if by == 1 else F(of / by) for of, by in zip(given, of_weights)]
    reciprocals = [by if of == 1 else F(by / of) for of, by in zip(given, of_weights)]
    return factors, reciprocals, max([F(1), *factors])


def output_range(low, high, branches):
    """`setup_initial_output_range` with both ends given."""
    low, high = F(low), F(high)
    if low > 0 or high < 0 or low >= high:
        raise ValueError("the output range is not valid")
    if low < 0:
        low, high, branch = with_zero_code(low, high, 3)
        branches.append(branch)
    else:
        branches.append("range.minimum0")
    return low, high


def multipliers(product_step, output_step, factors, largest, channels, branches):
    """`fill_info_minmax_basics`: the left shift and each channel's multiplier of 2^31."""
    gain = F(largest * product_step) / output_step
    shift = 0 if gain <= 1 else exponent(gain)
    branches.append("gain.upTo1" if shift == 0 else "gain.above1")
    if factors is None:
        exact = [scaled(gain, 31 - shift)] * channels
    else:
        common = scaled(product_step / output_step, 31 - shift)
        exact = [F(common * factor) for factor in factors]
    result = []
    for value in exact:
        rounded = half_up_unsigned(value)
        if rounded >= LARGEST:
            branches.append("multiplier.clamped")
        if 2**23 <= value < 2**24 and rounded != int(value):
            branches.append("multiplier.halfAddedToAnInteger")
        elif value < 2**23 and value != int(value):
            branches.append("multiplier.rounded")
        result.append(min(rounded, LARGEST))
    return shift, result


def biases(values, low, high, product_step, output_low, reciprocals, sums, input_zero, branches):
    """`fill_bias_buf`: bias, output minimum and the product of weight sums and input zero in units of the product."""
    bias_step = F(high - low) / F(2.0**32)
    ratio = bias_step / product_step
    offset = -output_low / product_step
    result = []
    for channel, total in enumerate(sums):
        bias = int(values[channel]) if channel < len(values) else 0
        value = F(F(F(bias) * ratio) + offset)
        if reciprocals is not None:
            value = F(value * reciprocals[channel])
        correction = wrapped(int(total) * input_zero)
        if correction != int(total) * input_zero:
            branches.append("bias.correctionWraps")
        if int(F(correction)) != correction:
            branches.append("bias.correctionRounded")
        exact = F(value - F(correction))
        if abs(exact) < 2**23 and abs(exact - np.trunc(exact)) == F(0.5):
            branches.append("bias.half")
        rounded = half_even(exact)
        if not -(2**31) <= rounded <= LARGEST:
            raise ValueError("the bias does not fit into 32 bits")
        result.append(rounded)
    branches.append("bias.rounded" if len(values) >= len(sums) else "bias.missing")
    return np.array(result, np.int64)


def finished(sums, shift, multiplier, branches):
    """The last step: wrapped accumulators times 2^shift, which wraps as well, times the multiplier, to codes."""
    accumulated = wrapped(sums)
    if (accumulated != sums).any():
        branches.append("accumulator.wraps")
    shifted = wrapped(accumulated << shift)
    if (shifted != accumulated << shift).any():
        branches.append("shift.wraps")
    exact = times_31(shifted, multiplier)
    for branch, taken in (("output.below0", exact < 0), ("output.above255", exact > 255)):
        if taken.any():
            branches.append(branch)
    return np.clip(exact, 0, 255).astype(np.uint8)


def convolution(data, codes, ranges, strides, bias, padding, kind, architecture, channel_scales=None):
    """A convolution of codes [b, h, w, in] with codes [h, w, in, out]; `ranges` are the low and high ends of input,
    weights, bias and output, `kind` is `depth32` or `input` (input depth up to 4). Result, its range, branches."""
    (low_in, high_in), (low_w, high_w), (low_b, high_b), wanted = ranges
    branches = [f"{kind}.{padding.lower()}", f"{kind}.stride{strides[1]}"]
    channels = codes.shape[-1]
    if kind == "input":
        signed, multiple = False, 4
    else:
        depth = -(-codes.shape[2] // 32) * 32
        fits = codes.shape[0] * codes.shape[1] * depth * 32 <= LOCAL_MEMORY
        signed, multiple = architecture != "v60" and fits, 32
        if architecture == "v66" and strides[1] > 2:
            signed = False
            branches.append("weights.unsigned.v66StrideAbove2")
        elif not signed:
            branches.append("weights.unsigned.v60" if fits else "weights.unsigned.tooLarge")
    low_out, high_out = output_range(*wanted, branches)
    input_step, input_zero = step_and_zero(low_in, max(F(high_in), F(low_in) + F(1e-18)))
    weights = convolution_weights(codes, low_w, high_w, signed, multiple, branches)
    factors, reciprocals, largest = channel_factors(channel_scales, weights, branches)
    product_step = F(input_step * weights.step)
    output_step, _ = step_and_zero(low_out, high_out)
    shift, multiplier = multipliers(product_step, output_step, factors, largest, channels, branches)
    start = biases(
        bias.reshape(-1), F(low_b), F(high_b), product_step, low_out, reciprocals, weights.sums, input_zero, branches
    )
    under = windows(data, codes.shape[:2], strides, padding, input_zero)
    sums = np.einsum("bhwyxi,yxio->bhwo", under, weights.values - weights.offset, optimize=True)
    sums += start + input_zero * weights.offset * weights.count
    return finished(sums, shift, multiplier, branches), low_out, high_out, branches


def depthwise(data, codes, ranges, strides, bias, padding, channel_scales=None):
    """A depthwise convolution of codes [b, h, w, d] with codes [h, w, d, 1]."""
    (low_in, high_in), (low_w, high_w), (low_b, high_b), wanted = ranges
    size = codes.shape[:2]
    branches = [f"depthwise.{padding.lower()}", f"depthwise.stride{strides[1]}", f"depthwise.width{size[1]}"]
    low_out, high_out = output_range(*wanted, branches)
    input_step, input_zero = step_and_zero(low_in, max(F(high_in), F(low_in) + F(1e-18)))
    zero = code_of_zero(low_w, high_w)
    step = F(F(high_w) - F(low_w)) / F(255)
    values = codes[..., 0].astype(np.int64) - zero
    weights = Weights(values, values.sum((0, 1)), step, 0, [LARGEST] * codes.shape[2], 0)
    factors, reciprocals, largest = channel_factors(channel_scales, weights, branches)
    kernel = "3x3" if size == (3, 3) and factors is None else "anyHeight"
    branches.append(f"depthwise.{kernel}")
    product_step = F(input_step * step)
    output_step, _ = step_and_zero(low_out, high_out)
    shift, multiplier = multipliers(product_step, output_step, factors, largest, codes.shape[2], branches)
    start = biases(
        bias.reshape(-1), F(low_b), F(high_b), product_step, low_out, reciprocals, weights.sums, input_zero, branches
    )
    if factors is not None and codes.shape[2] > 32 and (size[1], strides[1]) in ((5, 2), (7, 1)):
        # These two kernels do not step on to the multipliers of the next 32 channels.
        branches.append("depthwise.multipliersOfFirst32")
        multiplier = [multiplier[channel % 32] for channel in range(len(multiplier))]
    under = windows(data, size, strides, padding, input_zero)
    sums = np.einsum("bhwyxd,yxd->bhwd", under, values, optimize=True) + start
    return finished(sums, shift, multiplier, branches), low_out, high_out, branches


