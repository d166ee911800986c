"""Cases of the library's convolutions on flat tensors: the ordinary node with up to 4 input channels and stride 3,
which preparation leaves flat, and the node for 3 x 3 filters with two channels in and out.
"""

import numpy as np

from . import recording, supernode_flat
from .binary32 import F
from .convolution import ends, operands, spread

BRANCHES = {
    "flat.upTo3Rows": "",
    "flat.above3Rows": "",
    "flat.reciprocalCut": "",
    "flat.productWraps": "",
    "flat.rangeEstimated": "the delegate gives both ends of the range",
    "flat.299x299": "takes stride 2",
    "flat.batches": "the node refuses more than one image unless a filter has a multiple of 16 weights",
    "flat.weightsMultipleOf16": "not recorded: the kernel reads on into the next row at the right border",
    "3322.gainBelow1": "",
    "3322.gainFrom1": "",
}


def drawn(rng, name, shape, filters, stride, padding, zeros, gain=None, output=None, bias_size=1.0, architecture="v66"):
    """A random node, as `convolution.drawn`; which of the two it is says the stride."""
    data = rng.integers(0, 256, shape).astype(np.uint8)
    codes = rng.integers(0, 256, filters).astype(np.uint8)
    step, weight_step = 0.02, 0.007
    product = F(step) * F(weight_step)
    size = spread(data, codes, "flat", zeros[0], zeros[1], (stride, stride), padding)
    bias = rng.integers(-1000, 1001, (1, 1, 1, filters[3])) / 1000 * bias_size * size
    bias = np.clip(bias, -(2**31), 2**31 - 1).astype(np.int32)
    if output is None:
        output = ends(product / (160.0 / size if gain is None else gain), zeros[2])
    output = (F(output[0]), F(output[1]))
    ranges = (
        ends(step, zeros[0]),
        ends(weight_step, zeros[1]),
        (F(-(2.0**31)) * product, F(2.0**31) * product),
        output,
    )
    if stride == 1:
        node = "Supernode3322_8x8p32to8"
        codes_out, low, high, branches = supernode_flat.three_by_three(data, codes, ranges, bias, padding)
    else:
        node = "Supernode_8x8p32to8"
        codes_out, low, high, branches = supernode_flat.flat(data, codes, ranges, (stride, stride), bias, padding)
    return recording.case(
        name,
        node,
        operands(data, codes, ranges, (stride, stride), bias),
        [codes_out, recording.scalar(low), recording.scalar(high)],
        padding,
        architecture,
        branches,
    )


def cases(rng):
    result = []

    def add(name, shape, filters, stride=3, padding="SAME", zeros=(128, 121, 90), **options):
        result.append(drawn(rng, name, shape, filters, stride, padding, zeros, **options))

    for depth, channels in ((1, 3), (2, 5), (3, 8), (4, 33)):
        for rows in (8, 13):
            for padding in ("SAME", "VALID"):
                zeros = (60 * depth, 255 - 50 * depth, 128)
                add(
                    f"3x3 depth {depth}, {rows} rows, {padding}",
                    (1, rows, 10, depth),
                    (3, 3, depth, channels),
                    padding=padding,
                    zeros=zeros,
                )
    for rows in (4, 16):
        for architecture in ("v60", "v65"):
            add(f"5x5, {rows} rows", (1, rows, 7, 3), (5, 5, 3, 32), architecture=architecture)
        for gain in (0.0007, 0.3, 0.99, 1.3):
            add(f"gain {gain}, {rows} rows", (1, rows, 9, 2), (2, 2, 2, 4), gain=gain, bias_size=0.2)
        for low, high in ((0.0, 6.0), (-1.0, 1.0), (0.0, 0.9)):
            add(f"range {low} to {high}, {rows} rows", (1, rows, 8, 3), (3, 3, 3, 4), output=(low, high))
        add(f"bias far outside, {rows} rows", (1, rows, 6, 3), (3, 3, 3, 4), bias_size=30.0)
    for index, (rows, columns) in enumerate(((1, 1), (3, 4), (5, 7), (2, 33))):
        for padding in ("SAME", "VALID")[: 1 if rows < 3 else 2]:
            zeros = ((0, 128, 0), (255, 3, 255), (128, 255, 128), (17, 0, 80))[index]
            add(f"{rows} x {columns}, {padding}", (1, rows, columns, 2), (3, 3, 2, 2), 1, padding, zeros)
    for gain in (0.0007, 0.5, 0.9999, 1.0, 1.2, 2.0, 5.0):
        add(f"gain {gain}", (1, 3, 5, 2), (3, 3, 2, 2), 1, gain=gain, bias_size=0.2)
    for low, high in ((0.0, 6.0), (-1.0, 1.0), (-0.3, 4.1)):
        add(f"range {low} to {high}", (1, 4, 5, 2), (3, 3, 2, 2), 1, output=(low, high))
    add("two batches", (2, 4, 5, 2), (3, 3, 2, 2), 1)
    return result
