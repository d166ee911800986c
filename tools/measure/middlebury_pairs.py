"""Writes the real stereo scenes of the shared data at the size and disparity range of the bundled networks: 192x128
pixels, disparity in px of that width, as folders with left.png, right.png and disparity.png (16 bit, 1/256 px, 0 where
the truth is unknown)."""
from pathlib import Path

import numpy as np
from PIL import Image

from middlebury import SCENES, _find

WIDTH, HEIGHT, LARGEST = 192, 128, 47.0
# Pixels of disparity per unit of the file, and where the truth of the left view is.
TRUTH = {"cones": ("disp2", 0.25), "teddy": ("disp2", 0.25), "Cloth3": ("disp1", 0.5), "Motorcycle": (None, 1.0)}


def _disparity(folder, name):
    stem, scale = TRUTH[name]
    if stem:
        codes = np.asarray(Image.open(_find(folder, stem)).convert("L"), np.float64)
        return np.where(codes > 0, codes * scale, 0)
    with np.load(next(Path(folder).glob("*.npz"))) as archive:
        values = archive[archive.files[0]].astype(np.float64)
    return np.where(np.isfinite(values), values, 0)


def _crop(width, height):
    """The middle part of the shape that is wanted."""
    if width * HEIGHT > height * WIDTH:
        wanted = height * WIDTH // HEIGHT
        left = (width - wanted) // 2
        return left, 0, left + wanted, height
    wanted = width * HEIGHT // WIDTH
    top = (height - wanted) // 2
    return 0, top, width, top + wanted


def write(shared, output):
    """The names of the scenes that fit; the others have larger disparities than the networks know."""
    written = []
    for name, (folder, stems) in sorted(SCENES.items()):
        folder = Path(shared) / "data/stereo" / folder
        views = [Image.open(_find(folder, stem)).convert("RGB") for stem in stems]
        truth = _disparity(folder, name)
        if truth.shape != (views[0].height, views[0].width):
            raise SystemExit(f"{folder}: the truth is {truth.shape}, the picture {views[0].size}")
        box = _crop(*views[0].size)
        scale = WIDTH / (box[2] - box[0])
        small = Image.fromarray(truth.astype(np.float32)).crop(box).resize((WIDTH, HEIGHT), Image.NEAREST)
        disparity = np.asarray(small, np.float64) * scale
        if disparity.max() > LARGEST:
            print(f"{name}: left out, disparities up to {disparity.max():.1f} px", flush=True)
            continue
        target = Path(output) / name
        target.mkdir(parents=True, exist_ok=True)
        for view, side in zip(views, ("left", "right")):
            view.crop(box).resize((WIDTH, HEIGHT), Image.LANCZOS).save(target / f"{side}.png")
        Image.fromarray(np.round(disparity * 256).astype(np.uint16)).save(target / "disparity.png")
        written.append(name)
    return written
