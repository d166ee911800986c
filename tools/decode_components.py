"""Decodes the components that networks with curve heads emit, in binary64, by the definitions of docs/HEADS.md."""
import numpy as np

MARGIN = 0.1


def hilbert_nodes(order):
    """Nodes of the Hilbert curve [4^order, 2] by turtle: A -> +BF-AFA-FB+, B -> -AF+BFB+FA-, shrunk into the margins."""
    text = "A"
    for _ in range(order):
        text = "".join({"A": "+BF-AFA-FB+", "B": "-AF+BFB+FA-"}.get(c, c) for c in text)
    place, direction, nodes = np.array([0, 0]), np.array([1, 0]), [(0, 0)]
    for c in text:
        if c == "F":
            place = place + direction
            nodes.append(tuple(place))
        elif c == "+":
            direction = np.array([-direction[1], direction[0]])
        elif c == "-":
            direction = np.array([direction[1], -direction[0]])
    return MARGIN + (1 - 2 * MARGIN) * np.array(nodes) / (2**order - 1)


def nearest_on_hilbert(order, points):
    """q of the nearest point of the curve for points [..., 2]."""
    nodes = hilbert_nodes(order)
    best, q = np.full(points.shape[:-1], np.inf), np.zeros(points.shape[:-1])
    for index, (start, step) in enumerate(zip(nodes[:-1], np.diff(nodes, axis=0))):
        offset = points - start
        share = np.clip(offset @ step / (step @ step), 0, 1)
        distance = ((offset - share[..., None] * step) ** 2).sum(-1)
        closer = distance < best
        best[closer] = distance[closer]
        q[closer] = (index + share[closer]) / (len(nodes) - 1)
    return q


def unwrapped_phase(turns, values):
    """q from (coarse, x, y) in the last axis."""
    phase = np.arctan2(values[..., 2] - 0.5, values[..., 1] - 0.5) / (2 * np.pi)
    difference = phase - turns * values[..., 0]
    difference -= np.floor(difference + 0.5)
    folded = np.maximum(np.minimum(difference, (0.5 - difference) / 3), (-0.5 - difference) / 3)
    return values[..., 0] + folded / turns


def decode(curve, order, values):
    """q from components in the last axis; `curve` is `hilbert` or `phase`."""
    values = values.astype(np.float64)
    return nearest_on_hilbert(order, values) if curve == "hilbert" else unwrapped_phase(order, values)
