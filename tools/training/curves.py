"""Curves that carry a scalar q in [0, 1] (disparity as a share of its range) in several bounded components.

Hilbert curves of order p after arXiv 2405.14024 (section 2.3): the polygon through the centres of a 2^p x 2^p grid,
shrunk into [k, 1-k]^2 with k = 0.1, every edge the same share of q. The phase curve has a coarse component, q itself,
and the point of a circle that turns CYCLES times while q runs through its range: a helix, whose turns lie 1 / CYCLES
apart in the coarse component, so that nothing far away in q is near in space.
"""

import math

import numpy as np
import torch

MARGIN = 0.1
CYCLES = 4
RADIUS = 0.4
GRID = 256


def hilbert_nodes(order):
    """The 4^order nodes as an array [4^order, 2] of (x, y), in the order of rising q."""
    nodes = np.zeros((1, 2), int)
    for level in range(order):
        size = 2**level
        x, y = nodes.T
        nodes = np.concatenate([
            np.stack([y, x], 1),
            np.stack([x, y + size], 1),
            np.stack([x + size, y + size], 1),
            np.stack([2 * size - 1 - y, size - 1 - x], 1),
        ])
    return MARGIN + (1 - 2 * MARGIN) * nodes / (2**order - 1)


def nearest_on_polygon(nodes, points):
    """q of the nearest point of the polygon, the index of its edge, and the distance; points is an array [n, 2]."""
    starts, steps = nodes[:-1], np.diff(nodes, axis=0)
    best = np.full(len(points), np.inf)
    q, edge = np.zeros(len(points)), np.zeros(len(points), int)
    for index, (start, step) in enumerate(zip(starts, steps)):
        t = np.clip((points - start) @ step / (step @ step), 0, 1)
        distance = ((points - start - t[:, None] * step) ** 2).sum(1)
        closer = distance < best
        best[closer], edge[closer], q[closer] = distance[closer], index, (index + t[closer]) / len(starts)
    return q, edge, np.sqrt(best)


class Hilbert:
    """Components (x, y) of a Hilbert curve, for tensors [n, c, h, w]."""

    channels = 2

    def __init__(self, order):
        self.nodes = torch.tensor(hilbert_nodes(order), dtype=torch.float32)
        self.edges = len(self.nodes) - 1
        axis = (np.arange(GRID) + 0.5) / GRID * 1.2 - 0.1
        points = np.stack(np.meshgrid(axis, axis, indexing="ij"), -1).reshape(-1, 2)
        self.nearest = torch.tensor(nearest_on_polygon(self.nodes.double().numpy(), points)[1])

    def encode(self, q):
        position = q.clamp(0, 1) * self.edges
        edge = position.floor().long().clamp(max=self.edges - 1)
        start, end = self.nodes[edge], self.nodes[edge + 1]
        point = start + (position - edge).unsqueeze(-1) * (end - start)
        return point.squeeze(1).movedim(-1, 1)

    def decode(self, components):
        """q of the nearest point (the edge from a grid, the place on it exactly), and the squared distance to it."""
        cell = ((components.detach() + 0.1) / 1.2 * GRID).floor().long().clamp(0, GRID - 1)
        edge = self.nearest[cell[:, 0] * GRID + cell[:, 1]]
        start, step = self.nodes[edge].movedim(-1, 1), (self.nodes[edge + 1] - self.nodes[edge]).movedim(-1, 1)
        offset = components - start
        t = ((offset * step).sum(1) / (step * step).sum(1)).clamp(0, 1)
        distance = ((offset - t.unsqueeze(1) * step) ** 2).sum(1, keepdim=True)
        return ((edge + t) / self.edges).unsqueeze(1), distance


class Phase:
    """Components (coarse, x, y) of the phase curve, for tensors [n, c, h, w]."""

    channels = 3

    def encode(self, q):
        angle = 2 * math.pi * CYCLES * q
        return torch.cat([q, 0.5 + RADIUS * torch.cos(angle), 0.5 + RADIUS * torch.sin(angle)], 1)

    def decode(self, components):
        """The coarse value moved by the phase's difference to its own, see `unwrap`; and the squared distance of
        (x, y) to the circle."""
        coarse, x, y = components[:, :1], components[:, 1:2] - 0.5, components[:, 2:] - 0.5
        radius = torch.sqrt(x * x + y * y + 1e-8)
        phase = torch.atan2(y, x + 1e-12) / (2 * math.pi)
        difference = phase - CYCLES * coarse
        difference = difference - difference.detach().round()
        folded = torch.maximum(torch.minimum(difference, (0.5 - difference) / 3), (-0.5 - difference) / 3)
        weight = (radius / (0.5 * RADIUS)).clamp(max=1)  # keeps gradients finite at the circle's centre
        return coarse + weight * folded / CYCLES, (radius - RADIUS) ** 2


class Direct:
    channels = 1

    def encode(self, q):
        return q

    def decode(self, components):
        return components, torch.zeros_like(components)


CURVES = {
    "direct": Direct,
    "hilbert1": lambda: Hilbert(1),
    "hilbert2": lambda: Hilbert(2),
    "hilbert3": lambda: Hilbert(3),
    "hilbert4": lambda: Hilbert(4),
    "phase": Phase,
}
