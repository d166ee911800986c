"""Cases of the library's depthwise convolution."""

import numpy as np

from .convolution import BRANCHES as ORDINARY
from .convolution import channel_scales, drawn

OWN = (
    "depthwise.same",
    "depthwise.valid",
    "depthwise.stride1",
    "depthwise.stride2",
    "depthwise.width3",
    "depthwise.width5",
    "depthwise.width7",
    "depthwise.3x3",
    "depthwise.anyHeight",
    "depthwise.multipliersOfFirst32",
)
SHARED = ("factors.none", "factors.channel", "gain.upTo1", "gain.above1", "multiplier.clamped", "multiplier.rounded")
SHARED += ("bias.rounded", "range.minimum0", "range.zeroIsACode", "range.bothShifted")
SHARED += ("output.below0", "output.above255")
OTHERS = {name: reason for name, reason in ORDINARY.items() if not name.startswith(("depth32", "input"))}
BRANCHES = (
    {name: reason or "not repeated here" for name, reason in OTHERS.items()}
    | dict.fromkeys(OWN + SHARED, "")
    | {
        "depthwise.flat": "the library has no such kernel",
        "depthwise.stride3": "a horizontal stride above 2 leaves the result unwritten, without an error",
        "depthwise.height1": "the node fails when it runs",
        "depthwise.otherWidths": "only 3, 5 and 7 have kernels: above 7 preparation fails, else a crash",
        "depthwise.multiplier": "the delegate passes a depth multiplier of 1",
    }
)


def cases(rng):
    result = []

    def add(name, shape, size, **options):
        result.append(drawn(rng, name, "depthwise", (1, *shape), (*size, shape[2], 1), **options))

    for architecture in ("v60", "v65", "v66"):
        for width in (3, 5, 7):
            for stride in (1, 2):
                add(
                    f"{width}x{width} stride {stride}",
                    (7, 9, 4),
                    (width, width),
                    strides=(stride, stride),
                    padding="VALID" if width == 5 else "SAME",
                    architecture=architecture,
                    zeros=(7, 141, 33),
                    scales=channel_scales(rng, 4) if stride == 1 else None,
                )
    for depth in (1, 31, 32, 33, 40, 64):
        scales = channel_scales(rng, depth) if depth in (31, 40) else None
        add(f"3x3 depth {depth}", (3, 4, depth), (3, 3), scales=scales, zeros=(100, 128, 0))
    for width in (3, 5, 7):
        for stride in (1, 2):
            for padding in ("SAME", "VALID"):
                add(
                    f"2x{width} stride {stride} {padding}",
                    (4, 11, 3),
                    (2, width),
                    strides=(stride, stride),
                    padding=padding,
                    zeros=(250, 3, 250),
                )
    for zero in (0, 1, 254, 255):
        add(f"weights' zero {zero}", (4, 5, 3), (3, 3), zeros=(99, zero, 100))
        add(f"input's zero {zero}", (4, 5, 3), (5, 5), zeros=(zero, 99, 100), scales=channel_scales(rng, 3))
    for gain in (0.5, 0.9999999, 1.0, 1.0000001, 1.9999999, 5.0):
        add(f"gain {gain}", (3, 4, 3), (3, 3), gain=gain, bias_size=0.1)
        add(f"gain {gain} with scales", (3, 4, 3), (3, 3), gain=gain, bias_size=0.1, scales=channel_scales(rng, 3))
    for output in ("relu", "relu6", "symmetric"):
        add(f"range of {output}", (3, 4, 3), (3, 3), output=output)
    add("two batches", (3, 4, 3), (3, 3), data=rng.integers(0, 256, (2, 3, 4, 3)).astype(np.uint8))
    for size, stride in (((3, 3), 1), ((2, 3), 2), ((5, 5), 1), ((5, 5), 2), ((3, 5), 2), ((7, 7), 1), ((2, 7), 2)):
        for depth in (40, 72):
            add(
                f"{size[0]}x{size[1]} stride {stride} depth {depth} with scales",
                (3, 5, depth),
                size,
                strides=(stride, stride),
                scales=channel_scales(rng, depth),
                zeros=(80, 128, 90),
            )
    return result
