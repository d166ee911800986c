"""Cases of the library's transposed convolution, which preparation expands into a padded ordinary convolution of
rearranged weights and a rearrangement of its channels into the image (nnlib hexagon/src/expand_transpose_conv_nodes.c,
src/transpose_conv_procweights.c).
"""

import numpy as np

from . import recording, supernode
from .binary32 import F, code_of_zero, step_and_zero
from .convolution import channel_scales, ends
from .matrix_multiply import fully_connected
from .supernode_flat import three_by_three

BRANCHES = {
    "transposed.stride1": "",
    "transposed.strideAbove1": "",
    "transposed.filtersPaddedTo32": "",
    "transposed.depth32": "",
    "transposed.input": "",
    "transposed.3322": "",
    "transposed.fullyConnected": "",
    "transposed.flat": "preparation makes strides of 1",
    "transposed.groups": "the delegate passes no groups",
    "transposed.evenSameStride1": "the library refuses it: the paddings of the delegate leave a row too many",
}


def rearranged(codes, strides, zero):
    """Codes [out, h, w, in] as those of the convolution [h / sh, w / sw, in, sh * sw * out], and how many filters are
    in each of the sh * sw blocks."""
    filters, height, width, depth = codes.shape
    rows, columns = -(-height // strides[0]), -(-width // strides[1])
    blocks = -(-filters // 32) * 32 if 1 < strides[1] < 5 or strides[1] == 8 else filters
    edges = ((0, blocks - filters), (0, rows * strides[0] - height), (0, columns * strides[1] - width), (0, 0))
    full = np.pad(codes, edges, constant_values=zero)
    split = full.reshape(blocks, rows, strides[0], columns, strides[1], depth)
    by_phase = split.transpose(1, 3, 5, 2, 4, 0).reshape(rows, columns, depth, -1)
    return by_phase[::-1, ::-1], blocks


def suits_fully_connected(weights):
    """Whether a convolution of weights as large as its image becomes a matrix product."""
    inputs, outputs = int(np.prod(weights.shape[:3])), weights.shape[3]
    return inputs % 16 == 0 and inputs >= 32 and outputs % 16 == 0 and outputs >= 32


def transposed(data, codes, ranges, paddings, strides, bias, shape, architecture, scales=None):
    """Result of extents `shape` [b, h, w, out]; `paddings` are those of the result, above, below, left, right."""
    zero = code_of_zero(*ranges[1])
    filters = codes.shape[0]
    weights, blocks = rearranged(codes, strides, zero)
    phases = strides[0] * strides[1]
    branches = ["transposed.stride1" if phases == 1 else "transposed.strideAbove1"]
    if blocks != filters:
        branches.append("transposed.filtersPaddedTo32")
    rows, columns = weights.shape[:2]
    edges = [[rows - 1, rows - 1], [columns - 1, columns - 1]]
    if phases == 1:
        edges = [[edges[i][j] - paddings[2 * i + j] for j in (0, 1)] for i in (0, 1)]
    input_zero = step_and_zero(*ranges[0])[1]
    full = np.pad(data, ((0, 0), *edges, (0, 0)), constant_values=input_zero)
    spread = np.zeros((phases, blocks), np.int32)
    spread[:, :filters] = bias.reshape(-1)
    if scales is not None:
        factors = np.ones((phases, blocks), F)
        factors[:, :filters] = scales.reshape(-1)
        scales = factors.reshape(1, 1, 1, -1)
    if phases == 1 and scales is None and weights.shape == (3, 3, 2, 2):
        kind = "3322"
        result, low, high, _ = three_by_three(full, weights, ranges, spread, "VALID")
    elif scales is None and full.shape[:3] == (1, rows, columns) and suits_fully_connected(weights):
        kind = "fullyConnected"
        flat = weights.reshape(1, 1, -1, weights.shape[3])
        result, low, high, _ = fully_connected(full, flat, ranges, spread)
    else:
        kind = "input" if codes.shape[3] <= 4 and scales is None else "depth32"
        result, low, high, _ = supernode.convolution(
            full, weights, ranges, (1, 1), spread, "VALID", kind, architecture, scales
        )
    branches.append(f"transposed.{kind}")
    if phases > 1:
        batches, height, width, _ = result.shape
        result = result.reshape(batches, height, width, *strides, blocks)[..., :filters]
        result = result.transpose(0, 1, 3, 2, 4, 5).reshape(batches, height * strides[0], width * strides[1], filters)
        result = result[:, paddings[0] :, paddings[2] :][:, : shape[1], : shape[2]]
    if result.shape != tuple(shape):
        raise ValueError(f"the result is {result.shape}, not {tuple(shape)}")
    return np.ascontiguousarray(result), low, high, branches


def cases(rng):
    result = []
    number = recording.scalar

    def add(name, shape, filters, strides, padding, architecture="v66", zeros=(128, 128, 100), scaled=False, bias=True):
        channels, height, width, _ = filters
        data = rng.integers(0, 256, (1, *shape)).astype(np.uint8)
        codes = rng.integers(0, 256, filters).astype(np.uint8)
        extents, paddings = [], []
        for extent, filter_extent, stride in zip(shape, (height, width), strides):
            same = padding == "SAME"
            extents.append(extent * stride if same else extent * stride + max(filter_extent - stride, 0))
            total = max((extent - 1) * stride + filter_extent - extents[-1], 0)
            paddings += [total // 2] * 2
        step, weight_step = 0.031, 0.004
        product = F(step) * F(weight_step)
        taps = -(-height // strides[0]) * -(-width // strides[1]) * shape[2]
        size = 74 * 100 * np.sqrt(taps)
        values = rng.integers(-int(size), int(size), (1, 1, 1, channels)).astype(np.int32)
        bias_range = (F(-(2.0**31)) * product, F(2.0**31) * product) if bias else (F(0), F(0))
        output = ends(product * F(size / 130), zeros[2])
        ranges = (ends(step, zeros[0]), ends(weight_step, zeros[1]), bias_range, output)
        scales = channel_scales(rng, channels).reshape(1, 1, 1, -1) if scaled else None
        shape_out = (1, *extents, channels)
        codes_out, low, high, branches = transposed(
            data, codes, ranges, paddings, strides, values, shape_out, architecture, scales
        )
        low_high = [number(value) for pair in ranges for value in pair]
        pads = np.array(paddings, np.int32).reshape(1, 1, 2, 2)
        inputs = [data, codes, *low_high[:4], pads, recording.strides(*strides), values, *low_high[4:]]
        inputs += [] if scales is None else [scales]
        outputs = [codes_out, number(low), number(high)]
        result.append(
            recording.case(
                name,
                "QuantizedTransposeConv2d_8x8p32to8",
                inputs,
                outputs,
                architecture=architecture,
                branches=branches,
            )
        )

    for architecture in ("v60", "v65", "v66"):
        for size, stride in ((2, 2), (3, 2), (4, 2), (3, 1), (3, 3), (5, 3)):
            for padding in ("SAME", "VALID"):
                add(
                    f"{size}x{size} stride {stride} {padding}",
                    (3, 4, 6),
                    (5, size, size, 6),
                    (stride, stride),
                    padding,
                    architecture,
                    zeros=(90, 131 if size == 3 else 128, 100),
                    scaled=size == 4,
                )
    for depth in (1, 3, 4):
        for stride in (1, 2):
            add(f"depth {depth} stride {stride}", (3, 2, depth), (4, 3, 3, depth), (stride, stride), "SAME")
            name = f"depth {depth} stride {stride} with scales"
            add(name, (2, 2, depth), (4, 3, 3, depth), (stride, stride), "SAME", scaled=True)
    add("3x3 two channels", (4, 3, 2), (2, 3, 3, 2), (1, 1), "SAME", zeros=(7, 128, 9))
    add("without bias", (3, 3, 8), (4, 4, 4, 8), (2, 2), "SAME", bias=False)
    add("strides 2 and 1", (3, 3, 6), (4, 3, 3, 6), (2, 1), "VALID")
    add("strides 1 and 2", (3, 3, 6), (4, 3, 3, 6), (1, 2), "VALID")
    add("filter smaller than stride", (3, 3, 6), (4, 2, 2, 6), (3, 3), "SAME")
    add("33 filters", (2, 2, 5), (33, 2, 2, 5), (2, 2), "SAME", scaled=True)
    for architecture in ("v60", "v66"):
        add("one pixel 2x2 stride 2", (1, 1, 32), (3, 2, 2, 32), (2, 2), "SAME", architecture)
        add("one pixel 3x3 stride 1", (1, 1, 16), (32, 3, 3, 16), (1, 1), "SAME", architecture)
        add("one pixel 2x2 stride 2 with scales", (1, 1, 32), (3, 2, 2, 32), (2, 2), "SAME", architecture, scaled=True)
    add("asymmetric weights", (2, 3, 5), (6, 4, 4, 5), (2, 2), "SAME", zeros=(50, 40, 200))
    add("asymmetric weights with scales", (2, 3, 5), (6, 4, 4, 5), (2, 2), "SAME", zeros=(50, 190, 200), scaled=True)
    return result
