"""Middlebury stereo pairs from the shared data, as HITNet takes them: grey, 320x240, 0 to 1, left and right stacked."""
from pathlib import Path

import numpy as np
from PIL import Image

SCENES = {
    "cones": ("middlebury2003_cones", ("im2", "im6")),
    "teddy": ("middlebury2003_teddy", ("im2", "im6")),
    "Cloth3": ("middlebury2005-6_Cloth3", ("view1", "view5")),
    "Motorcycle": ("middlebury2014_motorcycle_skimage", ("left", "right")),
}


def _find(folder, stem):
    for path in sorted(Path(folder).iterdir()):
        if stem in path.stem and path.suffix.lower() in (".png", ".ppm", ".pgm", ".jpg"):
            return path
    raise FileNotFoundError(f"{stem} in {folder}")


def images(shared, scene):
    folder, stems = SCENES[scene]
    return [Image.open(_find(Path(shared) / "data/stereo" / folder, s)).convert("L") for s in stems]


def stacked(pair, box=None):
    channels = []
    for image in pair:
        part = image.crop(box) if box else image
        channels.append(np.asarray(part.resize((320, 240), Image.BILINEAR), np.float32) / np.float32(255))
    return np.stack(channels)[None]


def whole(shared, scene):
    return stacked(images(shared, scene))


def crops(shared, scene, count=5, share=0.75, seed=0):
    """Seeded crops of the same place in both images, `share` of the width and height each."""
    pair = images(shared, scene)
    width, height = pair[0].size
    generator = np.random.default_rng([seed, sorted(SCENES).index(scene)])
    w, h = int(width * share), int(height * share)
    for _ in range(count):
        x, y = int(generator.integers(0, width - w + 1)), int(generator.integers(0, height - h + 1))
        yield stacked(pair, (x, y, x + w, y + h))
