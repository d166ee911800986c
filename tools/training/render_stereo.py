"""Renders rectified stereo scenes at known disparity.

A scene is a stack of textured surfaces (a background, and objects in front of it). Each surface has a disparity
that is a plane, a plane with waves, or a plane with a bulge, as a function of the left image's coordinates.
The left view samples every surface at the pixel itself; the right view solves x_left - d(x_left, y) = x_right.
The nearest surface (largest disparity) wins, so occlusion is exact in both views. Views then get slightly
different exposure, and noise.

Every scene depends only on (split, index): the same scene comes out in any order and on any machine with the same
NumPy version.

    python render_stereo.py --split calibration --count 16 -o DIR     # left.png, right.png per scene
    python render_stereo.py --split test --count 4 --disparity -o DIR # and disparity.png (16 bit, 1/256 px)
"""

import argparse
import pathlib

import numpy as np

HEIGHT, WIDTH = 128, 192
MIN_DISPARITY, MAX_DISPARITY = 1.0, 47.0
SPLITS = {"train": 1, "calibration": 2, "validation": 3, "test": 4}
ATLAS = 256

_Y, _X = np.meshgrid(np.arange(HEIGHT, dtype=np.float32), np.arange(WIDTH, dtype=np.float32), indexing="ij")


def scene_generator(split, index):
    """The random generator of one scene."""
    return np.random.default_rng([SPLITS[split], index])


def _double(grid):
    """Periodic linear interpolation to twice the size."""
    for axis in (0, 1):
        between = 0.5 * (grid + np.roll(grid, -1, axis))
        doubled = [n * (2 if i == axis else 1) for i, n in enumerate(grid.shape)]
        grid = np.stack([grid, between], axis + 1).reshape(doubled)
    return grid


def _noise_atlas(rng):
    """A periodic ATLAS x ATLAS texture with four independent channels, several octaves each, standard deviation 1."""
    decay, cells = rng.uniform(0.55, 1.0), 16
    total = rng.standard_normal((cells, cells, 4), np.float32)
    weight = 1.0
    while cells < ATLAS:
        cells, weight = 2 * cells, weight * decay
        total = _double(total) + np.float32(weight) * rng.standard_normal((cells, cells, 4), np.float32)
    return total / total.std((0, 1), keepdims=True)


def _sample_atlas(atlas, u, v):
    """Bilinear samples of the periodic atlas at coordinates u, v (flat arrays)."""
    u0, v0 = np.floor(u), np.floor(v)
    fu, fv = (u - u0)[:, None], (v - v0)[:, None]
    iu, iv = u0.astype(np.int32) % ATLAS, v0.astype(np.int32) % ATLAS
    iu1, iv1 = (iu + 1) % ATLAS, (iv + 1) % ATLAS
    flat = atlas.reshape(-1, 4)
    top = flat[iv * ATLAS + iu] * (1 - fu) + flat[iv * ATLAS + iu1] * fu
    bottom = flat[iv1 * ATLAS + iu] * (1 - fu) + flat[iv1 * ATLAS + iu1] * fu
    return top * (1 - fv) + bottom * fv


class Surface:
    """One textured surface: disparity, outline and texture as functions of left image coordinates."""

    def __init__(self, rng, background):
        self.background = background
        self.cx, self.cy = rng.uniform(0, WIDTH), rng.uniform(0, HEIGHT)
        self.radius = rng.uniform(8, 45)
        self._choose_disparity(rng)
        self._choose_outline(rng)
        self._choose_texture(rng)

    def _choose_disparity(self, rng):
        self.bulge, self.wave, self.frequency, self.phase = 0.0, 0.0, (0.0, 0.0), 0.0
        if self.background:
            self.cx, self.cy = WIDTH / 2, HEIGHT / 2
            self.base = rng.uniform(3, 20)
            self.slope_x = rng.uniform(-0.06, 0.06) if rng.random() < 0.7 else 0.0
            self.slope_y = rng.uniform(-0.12, 0.18) if rng.random() < 0.7 else 0.0
            if rng.random() < 0.3:
                self.wave = rng.uniform(0.5, 2.5)
                self.frequency = rng.uniform(-0.08, 0.08), rng.uniform(-0.08, 0.08)
                self.phase = rng.uniform(0, 2 * np.pi)
        else:
            self.base = rng.uniform(4, 45) if rng.random() < 0.5 else rng.uniform(4, 28)
            slanted = rng.random() < 0.5
            self.slope_x = rng.uniform(-0.25, 0.25) if slanted else 0.0
            self.slope_y = rng.uniform(-0.25, 0.25) if slanted else 0.0
            if rng.random() < 0.3:
                self.bulge = min(rng.uniform(1, 8), 0.3 * self.radius)

    def _choose_outline(self, rng):
        self.kind = rng.choice(["ellipse", "rectangle", "polygon", "bar"], p=[0.3, 0.3, 0.25, 0.15])
        angle = rng.uniform(0, np.pi) if rng.random() < 0.7 else 0.0
        self.cos, self.sin = float(np.cos(angle)), float(np.sin(angle))
        self.aspect = rng.uniform(0.4, 1.0)
        if self.kind == "bar":
            self.aspect, self.radius = rng.uniform(0.06, 0.15), rng.uniform(30, 90)
            self.bulge = 0.0
        normals = np.sort(rng.uniform(0, 2 * np.pi, rng.integers(4, 8)))
        self.normals = [(float(np.cos(t)), float(np.sin(t)), rng.uniform(0.5, 1.0)) for t in normals]

    def _choose_texture(self, rng):
        angle, scale = rng.uniform(0, 2 * np.pi), float(np.exp(rng.uniform(np.log(0.5), np.log(2.5))))
        self.tcos, self.tsin = float(scale * np.cos(angle)), float(scale * np.sin(angle))
        self.offset = rng.uniform(0, ATLAS), rng.uniform(0, ATLAS)
        self.colour = rng.uniform(0.1, 0.9, 3).astype(np.float32)
        contrast = np.exp(rng.uniform(np.log(0.03), np.log(0.25)))
        grey = rng.standard_normal((4, 1)).repeat(3, 1)
        tint = rng.standard_normal((4, 3))
        self.mix = (contrast * (0.7 * grey + 0.5 * tint) / 1.7).astype(np.float32)
        self.pattern = rng.choice(["none", "stripes", "checks", "dots"], p=[0.6, 0.13, 0.14, 0.13])
        self.pattern_period = rng.uniform(5, 30)
        self.pattern_colour = rng.uniform(-0.35, 0.35, 3).astype(np.float32)

    def disparity(self, x, y):
        d = self.base + self.slope_x * (x - self.cx) + self.slope_y * (y - self.cy)
        if self.wave:
            d = d + self.wave * np.sin(self.frequency[0] * x + self.frequency[1] * y + self.phase)
        if self.bulge:
            r2 = ((x - self.cx) ** 2 + (y - self.cy) ** 2) / self.radius**2
            d = d + self.bulge * np.maximum(0, 1 - r2)
        return np.clip(d, MIN_DISPARITY, MAX_DISPARITY)

    def left_coordinate(self, x_right, y):
        """Solves x - d(x, y) = x_right; disparity changes by less than one pixel per pixel, so iteration converges."""
        x = x_right + self.base
        for _ in range(12 if self.bulge or self.wave else 8):
            x = x_right + self.disparity(x, y)
        return x

    def covers(self, x, y):
        if self.background:
            return np.ones(x.shape, bool)
        u = (self.cos * (x - self.cx) + self.sin * (y - self.cy)) / self.radius
        v = (self.cos * (y - self.cy) - self.sin * (x - self.cx)) / self.radius
        if self.kind == "ellipse":
            return u * u + (v / self.aspect) ** 2 <= 1
        if self.kind == "polygon":
            inside = np.ones(x.shape, bool)
            for nx, ny, distance in self.normals:
                inside &= u * nx + v * ny <= distance
            return inside & (u * u + v * v <= 4)
        return (np.abs(u) <= 1) & (np.abs(v) <= self.aspect)

    def colour_at(self, atlas, x, y):
        u = self.tcos * x - self.tsin * y + self.offset[0]
        v = self.tsin * x + self.tcos * y + self.offset[1]
        colour = self.colour + _sample_atlas(atlas, u, v) @ self.mix
        if self.pattern != "none":
            s, t = u / self.pattern_period, v / self.pattern_period
            if self.pattern == "stripes":
                weight = 0.5 + 0.5 * np.clip(6 * np.sin(2 * np.pi * s), -1, 1)
            elif self.pattern == "checks":
                weight = 0.5 + 0.5 * np.clip(8 * np.sin(np.pi * s) * np.sin(np.pi * t), -1, 1)
            else:
                distance = np.hypot(s - np.round(s), t - np.round(t))
                weight = np.clip((0.3 - distance) * self.pattern_period + 0.5, 0, 1)
            colour = colour + weight[:, None] * self.pattern_colour
        return colour


def _compose(surfaces, atlas, right):
    """One view: colours, and the disparity of the nearest surface at each pixel."""
    nearest = np.full((HEIGHT, WIDTH), -1.0, np.float32)
    owner = np.zeros((HEIGHT, WIDTH), np.int32)
    coordinates = []
    for number, surface in enumerate(surfaces):
        x = surface.left_coordinate(_X, _Y) if right else _X
        d = surface.disparity(x, _Y).astype(np.float32)
        wins = surface.covers(x, _Y) & (d > nearest)
        nearest[wins], owner[wins] = d[wins], number
        coordinates.append(x.astype(np.float32))
    image = np.empty((HEIGHT, WIDTH, 3), np.float32)
    for number, surface in enumerate(surfaces):
        mine = owner == number
        if mine.any():
            image[mine] = surface.colour_at(atlas, coordinates[number][mine], _Y[mine])
    return image, nearest


def _blur(image, strength):
    """A 3x3 binomial blur of weight `strength`, edges repeated."""
    padded = np.pad(image, ((1, 1), (1, 1), (0, 0)), mode="edge")
    rows = 0.25 * padded[:-2] + 0.5 * padded[1:-1] + 0.25 * padded[2:]
    soft = 0.25 * rows[:, :-2] + 0.5 * rows[:, 1:-1] + 0.25 * rows[:, 2:]
    return (1 - strength) * image + strength * soft


def render(split, index):
    """Renders one scene: left and right as uint8 HxWx3, disparity of the left and of the right view in pixels as
    float32 HxW, and a mask of the left pixels that the right view sees too."""
    rng = scene_generator(split, index)
    atlas = _noise_atlas(rng)
    surfaces = [Surface(rng, True)] + [Surface(rng, False) for _ in range(rng.integers(2, 10))]
    (left, disparity), (right, right_disparity) = (_compose(surfaces, atlas, side) for side in (False, True))

    target = np.round(_X - disparity).astype(np.int64)
    seen = np.take_along_axis(right_disparity, np.clip(target, 0, WIDTH - 1), 1)
    visible = (target >= 0) & (seen - disparity < 1.0)

    blur, noise = rng.uniform(0.2, 0.9), rng.uniform(0.0, 0.015)
    views = []
    for view in (left, right):
        view = np.clip(_blur(view, blur), 0, 1) ** rng.uniform(0.95, 1.05)
        view = view * rng.uniform(0.96, 1.04, 3) + rng.uniform(-0.015, 0.015, 3)
        view = view + noise * rng.standard_normal(view.shape)
        views.append(np.round(np.clip(view, 0, 1) * 255).astype(np.uint8))
    return views[0], views[1], disparity, right_disparity, visible


def main():
    from PIL import Image

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--split", choices=sorted(SPLITS), required=True)
    parser.add_argument("--first", type=int, default=0, help="index of the first scene")
    parser.add_argument("--count", type=int, default=1)
    parser.add_argument("--disparity", action="store_true", help="also write disparity.png, 16 bit, value / 256 px")
    parser.add_argument("-o", "--output", type=pathlib.Path, required=True)
    arguments = parser.parse_args()
    for index in range(arguments.first, arguments.first + arguments.count):
        left, right, disparity, _, _ = render(arguments.split, index)
        folder = arguments.output / f"{index:03d}"
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(left).save(folder / "left.png", optimize=True)
        Image.fromarray(right).save(folder / "right.png", optimize=True)
        if arguments.disparity:
            Image.fromarray(np.round(disparity * 256).astype(np.uint16)).save(folder / "disparity.png", optimize=True)


if __name__ == "__main__":
    main()
