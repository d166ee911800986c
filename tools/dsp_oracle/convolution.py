"""Cases of the library's convolutions, ordinary and of few input channels; what the depthwise one shares with them."""

import numpy as np

from . import recording, supernode
from .binary32 import F

NODES = {
    "depth32": "Supernode_8x8p32to8_d32",
    "input": "InputSupernode_8x8p32to8_outd32",
    "depthwise": "DepthwiseSupernode_8x8p32to8_d32",
}
SMALLEST_SCALE = F(0.0009766)
"""The smallest channel scale that the delegate passes on."""

BRANCHES = {
    "depth32.same": "",
    "depth32.valid": "",
    "depth32.stride1": "",
    "depth32.stride2": "",
    "depth32.stride3": "",
    "input.same": "",
    "input.valid": "",
    "input.stride1": "",
    "input.stride2": "",
    "weights.unsigned": "",
    "weights.unsigned.v60": "",
    "weights.unsigned.v66StrideAbove2": "",
    "weights.unsigned.tooLarge": "",
    "weights.signed.unscaled": "",
    "weights.signed.saturated": "",
    "weights.signed.scaledByMinimum": "",
    "weights.signed.scaledByMaximum": "",
    "factors.none": "",
    "factors.channel": "",
    "factors.weight": "",
    "factors.weightAndChannel": "",
    "range.minimum0": "",
    "range.zeroIsACode": "",
    "range.minimumNearest": "",
    "range.maximumNearest": "",
    "range.bothShifted": "",
    "range.empty": "the node refuses such a range",
    "range.free.maximumOut": "the delegate gives both ends",
    "range.free.minimumOut": "the delegate gives both ends",
    "range.minimumFixed.maximumOut": "the delegate gives both ends",
    "range.minimumFixed.minimumNearest": "the delegate gives both ends",
    "range.maximumFixed.maximumNearest": "the delegate gives both ends",
    "range.maximumFixed.minimumOut": "the delegate gives both ends",
    "range.estimated": "the delegate gives both ends, so no layer runs again with a wider range",
    "gain.upTo1": "",
    "gain.above1": "",
    "multiplier.clamped": "",
    "multiplier.rounded": "",
    "multiplier.halfAddedToAnInteger": "",
    "bias.rounded": "",
    "bias.missing": "the delegate gives a bias of every channel",
    "bias.half": "",
    "bias.correctionRounded": "",
    "bias.correctionWraps": "needs more than 33,025 weights of an output channel, all of the largest codes",
    "accumulator.wraps": "",
    "shift.wraps": "",
    "output.below0": "",
    "output.above255": "",
}


def ends(scale, zero):
    """The ends of the range that a tensor of TFLite has for uint8."""
    return F(F(scale) * F(0 - zero)), F(F(scale) * F(255 - zero))


def operands(data, codes, ranges, strides, bias, scales=None):
    (low_in, high_in), (low_w, high_w), (low_b, high_b), (low_out, high_out) = ranges
    number = recording.scalar
    result = [data, codes, number(low_in), number(high_in), number(low_w), number(high_w)]
    result += [recording.strides(*strides), bias, number(low_b), number(high_b), number(low_out), number(high_out)]
    return result if scales is None else [*result, scales]


def evaluated(name, kind, data, codes, ranges, strides, bias, padding, architecture, scales=None):
    """The case of a node."""
    if kind == "depthwise":
        result = supernode.depthwise(data, codes, ranges, strides, bias, padding, scales)
    else:
        result = supernode.convolution(data, codes, ranges, strides, bias, padding, kind, architecture, scales)
    codes_out, low, high, branches = result
    return recording.case(
        name,
        NODES[kind],
        operands(data, codes, ranges, strides, bias, scales),
        [codes_out, recording.scalar(low), recording.scalar(high)],
        padding,
        architecture,
        branches,
    )


def spread(data, codes, kind, input_zero, weight_zero, strides, padding):
    """How far the sums of products lie from zero."""
    under = supernode.windows(data, codes.shape[:2], strides, padding, input_zero) - input_zero
    pattern = "bhwyxd,yxdo->bhwd" if kind == "depthwise" else "bhwyxi,yxio->bhwo"
    return max(np.abs(np.einsum(pattern, under, codes.astype(np.int64) - weight_zero, optimize=True)).max(), 1)


def drawn(
    rng,
    name,
    kind,
    shape,
    filters,
    strides=(1, 1),
    padding="SAME",
    architecture="v66",
    zeros=(128, 128, 128),
    gain=None,
    scales=None,
    output=None,
    step=0.02,
    weight_codes=(0, 256),
    bias_size=1.0,
    data=None,
    codes=None,
    bias_step=None,
):
    """A random node. `zeros` are the zero codes of input, weights and output; `gain` is the ratio of the product's
    step and the output's, by default one that fills the output's range; `output` a range in its place; `bias_size`
    the bias in spreads of the sums."""
    if data is None:
        data = rng.integers(0, 256, shape).astype(np.uint8)
    if codes is None:
        codes = rng.integers(*weight_codes, filters).astype(np.uint8)
    weight_step = 0.007
    product = F(step) * F(weight_step)
    size = spread(data, codes, kind, zeros[0], zeros[1], strides, padding)
    channels = codes.shape[2] if kind == "depthwise" else codes.shape[3]
    bias_step = product if bias_step is None else F(bias_step)
    values = rng.integers(-1000, 1001, (1, 1, 1, channels)) / 1000 * bias_size * size
    per_product = product / bias_step if bias_step else F(1e6)
    bias = np.clip(values * per_product, -(2**31), 2**31 - 1).astype(np.int32)
    if output is None:
        gain = 160.0 / size if gain is None else gain
        output = ends(product / gain, zeros[2])
    elif isinstance(output, str):
        largest = F(product * F(size))
        output = {"relu": (F(0), largest), "relu6": (F(0), F(6)), "symmetric": (-largest, largest)}[output]
    ranges = (
        ends(step, zeros[0]),
        ends(weight_step, zeros[1]),
        (F(-(2.0**31)) * bias_step, F(2.0**31) * bias_step),
        output,
    )
    if scales is not None:
        scales = np.asarray(scales, F).reshape(1, 1, 1, channels)
    return evaluated(name, kind, data, codes, ranges, strides, bias, padding, architecture, scales)


def channel_scales(rng, count):
    """Random scales with the largest, the smallest that the delegate passes on, and neighbours of both."""
    scales = rng.uniform(0.01, 1, count).astype(F)
    scales[: min(4, count)] = [1, SMALLEST_SCALE, np.nextafter(F(1), F(0)), F(1 / 1024) * F(1.5)][: min(4, count)]
    return scales


def ordinary(rng):
    """Convolutions on the depth-32 layout."""
    result = []

    def add(name, shape, filters, **options):
        result.append(drawn(rng, name, "depth32", (1, *shape), filters, **options))

    for architecture in ("v60", "v65", "v66"):
        for depth, channels in ((3, 5), (4, 33), (31, 3), (32, 32), (33, 7), (64, 4), (11, 40)):
            scales = channel_scales(rng, channels) if depth % 2 or depth == 4 else None
            add(f"1x1 depth {depth}", (2, 5, depth), (1, 1, depth, channels), architecture=architecture, scales=scales)
        for stride in (1, 2, 3):
            for padding in ("SAME", "VALID"):
                add(
                    f"3x3 stride {stride} {padding}",
                    (7, 6, 6),
                    (3, 3, 6, 5),
                    strides=(stride, stride),
                    padding=padding,
                    architecture=architecture,
                    zeros=(3, 128, 100),
                )
        for zero in (0, 1, 100, 127, 128, 129, 130, 200, 254, 255):
            add(f"weights' zero {zero}", (2, 3, 9), (2, 1, 9, 6), architecture=architecture, zeros=(77, zero, 90))
        for zero in (40, 170):
            add(
                f"weights' zero {zero} and channel scales",
                (2, 3, 9),
                (1, 2, 9, 6),
                architecture=architecture,
                zeros=(77, zero, 90),
                scales=channel_scales(rng, 6),
            )
    add("weights within signed range of zero 200", (2, 3, 8), (1, 1, 8, 4), zeros=(9, 200, 50), weight_codes=(72, 256))
    add("weights one below signed range", (2, 3, 8), (1, 1, 8, 4), zeros=(9, 200, 50), weight_codes=(71, 256))
    for zero in (0, 1, 127, 254, 255):
        add(f"input's zero {zero}", (3, 4, 5), (3, 3, 5, 4), zeros=(zero, 131, 120))
        add(f"output's zero {zero}", (3, 4, 5), (2, 3, 5, 4), zeros=(120, 131, zero))
    gains = (0.25, 0.5, 1.0, 2.0, 4.0, 0.9999999, 1.0000001, 1.9999999, 2.0000002, 0.0003, 0.0021, 7.3, 129.0, 4000.0)
    for gain in gains:
        add(f"gain {gain}", (2, 3, 5), (1, 1, 5, 4), gain=gain, bias_size=0.1, architecture="v65")
        add(
            f"gain {gain} with scales", (2, 3, 4), (1, 1, 4, 4), gain=gain, bias_size=0.1, scales=channel_scales(rng, 4)
        )
    for exponent in (7, 8, 9, 12, 20):
        add(f"gain 2^-{exponent} and more", (2, 3, 5), (1, 1, 5, 8), gain=1.3 * 2.0**-exponent, bias_size=0.02)
    for output in ("relu", "relu6", "symmetric"):
        add(f"range of {output}", (3, 3, 5), (2, 2, 5, 6), output=output)
    for low, high in ((-1.0, 1.0), (-0.1, 1.7), (-1.7, 0.13), (-0.5, 1.0), (-1.0, 0.0), (-3.0, 0.001)):
        add(f"range {low} to {high}", (2, 3, 5), (1, 1, 5, 6), output=(F(low), F(high)), step=0.01)
    add("bias far outside", (2, 2, 5), (1, 1, 5, 6), bias_size=40.0)
    add("bias of a wide step", (2, 2, 5), (1, 1, 5, 6), bias_step=0.37)
    add("bias of a narrow step", (2, 2, 5), (1, 1, 5, 6), bias_step=1e-9, bias_size=3.0)
    add("bias of no range", (2, 2, 5), (1, 1, 5, 6), bias_step=0)
    add("1x1 of two batches", (3, 2, 5), (1, 1, 5, 6), data=rng.integers(0, 256, (2, 3, 2, 5)).astype(np.uint8))
    add("even filter", (4, 5, 5), (2, 4, 5, 2), strides=(1, 2), zeros=(60, 120, 60))
    add("filter larger than the image", (2, 2, 5), (5, 5, 5, 2), zeros=(60, 120, 60))
    codes = rng.integers(0, 256, (1, 1, 9, 6)).astype(np.uint8)
    codes[..., 2:4] = 128
    add("channels of zeros", (2, 2, 9), (1, 1, 9, 6), codes=codes, scales=[1, 0.5, SMALLEST_SCALE, 0.3, 0.2, 0.1])
    deep = rng.integers(0, 256, (1, 1, 1, 8224)).astype(np.uint8)
    for architecture in ("v60", "v65", "v66"):
        for depth in (8192, 8224):
            add(
                f"1x1 depth {depth}",
                (1, 1, depth),
                (1, 1, depth, 1),
                architecture=architecture,
                zeros=(201, 90, 100),
                data=deep[..., :depth],
            )
    data = np.full((1, 2, 2, 5), 255, np.uint8)
    data[0, 0, 0] = 3
    step = F(F(0.02) * F(0.007))
    for architecture in ("v60", "v65", "v66"):
        for sign, code, least in (("positive", 255, 2**31 - 1), ("negative", 0, -(2**31))):
            codes = np.full((1, 1, 5, 4), code, np.uint8)
            inward = np.array([10000, 60000, 120000, 140000]).reshape(1, 1, 1, 4)
            bias = (least - np.sign(least) * inward).astype(np.int32)
            wide = (F(-(2.0**31)) * step, F(2.0**31) * step)
            ranges = (ends(0.02, 0), ends(0.007, 128), wide, ends(F(step * F(2.0**24)), 0))
            name = f"sum wraps, {sign} bias"
            result.append(evaluated(name, "depth32", data, codes, ranges, (1, 1), bias, "SAME", architecture))
    return result


def few_channels(rng):
    """The node for input depths up to 4, which prepares in place of the ordinary one."""
    result = []

    def add(name, shape, filters, **options):
        result.append(drawn(rng, name, "input", (1, *shape), filters, **options))

    for depth in (1, 2, 3, 4):
        for stride in (1, 2):
            for padding in ("SAME", "VALID"):
                add(
                    f"3x3 depth {depth} stride {stride} {padding}",
                    (6, 7, depth),
                    (3, 3, depth, 5),
                    strides=(stride, stride),
                    padding=padding,
                    zeros=(20 * depth, 255 - 60 * depth, 10),
                )
    for architecture in ("v60", "v65", "v66"):
        add("7x7 stride 2", (9, 9, 3), (7, 7, 3, 8), strides=(2, 2), architecture=architecture, zeros=(128, 121, 0))
        add("1x1", (3, 4, 3), (1, 1, 3, 33), architecture=architecture, zeros=(0, 140, 0), output="relu6")
    for zero in (0, 255):
        add(f"weights' zero {zero}", (3, 4, 3), (3, 3, 3, 4), zeros=(50, zero, 100))
        add(f"input's zero {zero}", (3, 4, 3), (3, 3, 3, 4), zeros=(zero, 120, 100))
    for gain in (0.5, 0.9999999, 1.0, 1.0000001, 3.1):
        add(f"gain {gain}", (2, 3, 2), (1, 1, 2, 4), gain=gain, bias_size=0.1)
    add("two batches", (3, 4, 3), (3, 3, 3, 4), data=rng.integers(0, 256, (2, 3, 4, 3)).astype(np.uint8))
    return result


def cases(rng):
    return ordinary(rng) + few_channels(rng)
