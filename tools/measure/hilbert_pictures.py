"""Pictures of tools/reproduce-hilbert: what quantisation does to a plane.

One picture per kind of network and scene. Columns: left view, truth, float direct, and INT8 of the direct, an order-3
Hilbert and a phase head where they are there. Rows: disparity (light is near), with the plane's place; the plane,
stretched to black and white about each column's own mean; the slope of the disparity along rows, 0.3 px per pixel about
the truth's slope stretched likewise. Terraces are stripes in both.
"""
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from common import depthc

BOX = 32, 24
ZOOM = 6
CANDIDATES = 12


def _truth(scene):
    return np.asarray(Image.open(scene / "disparity.png"), np.float64) / 256


def _depth(path, recipe, scene):
    """The disparity that depthc writes, rows from the top."""
    with tempfile.TemporaryDirectory() as folder:
        depthc("run", path, "--input", scene, "--recipe", recipe, "-o", folder)
        data = next(Path(folder).glob("*.pfm")).read_bytes()
    _, size, _, body = data.split(b"\n", 3)
    width, height = map(int, size.split())
    return np.frombuffer(body, "<f4").reshape(height, width)[::-1].astype(np.float64)


def _plane(truth, prediction):
    """The corner of the window that is most of a slanted plane, in truth and in what the float network makes of it; and
    how far from one it is."""
    width, height = BOX
    y, x = np.mgrid[:height, :width]
    basis = np.stack([x.ravel(), y.ravel(), np.ones(x.size)], 1).astype(float)
    fit = np.linalg.pinv(basis)
    best = (np.inf, None)
    for top in range(4, truth.shape[0] - height - 4, 4):
        for left in range(4, truth.shape[1] - width - 4, 4):
            window = truth[top:top + height, left:left + width]
            if (window <= 0).any():
                continue
            slope = fit @ window.ravel()
            off = np.abs(window.ravel() - basis @ slope).max()
            if off > 0.5 or not 0.02 < abs(slope[0]) < 0.15:
                continue
            guess = prediction[top:top + height, left:left + width]
            error = np.abs(guess.ravel() - basis @ (fit @ guess.ravel())).mean() + off
            if error < best[0]:
                best = (error, (left, top))
    return best


def _choose(scenes, network):
    found = []
    for scene in scenes[:CANDIDATES]:
        error, corner = _plane(_truth(scene), _depth(network.float, network.recipe, scene))
        if corner:
            found.append((error, scene, corner))
    return min(found, key=lambda f: f[0]) if found else None


def _grey(values, low, high):
    return np.clip((values - low) / max(high - low, 1e-6) * 255, 0, 255).astype(np.uint8)


def _strip(scene, corner, columns):
    left, top = corner
    width, height = BOX
    truth = columns[0][1]
    window = slice(top, top + height), slice(left, left + width)
    span = 0.6 * (truth[window].max() - truth[window].min())
    slope = np.diff(truth[window], axis=1).mean()
    bright = truth[truth > 0].max()
    cell, rows = width * ZOOM, truth.shape[0] + 2 * height * ZOOM
    image = Image.new("RGB", ((cell + 6) * (len(columns) + 1), rows + 40), "white")
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(13)
    view = Image.open(scene / "left.png").convert("RGB")
    draw.text((0, 2), f"left view, {scene.name}", "black", font)
    image.paste(view.resize((cell, truth.shape[0])), (0, 22))
    for number, (label, depth) in enumerate(columns, 1):
        x = number * (cell + 6)
        draw.text((x, 2), label, "black", font)
        whole = Image.fromarray(_grey(depth, 0, bright)).convert("RGB")
        ImageDraw.Draw(whole).rectangle([left, top, left + width, top + height], outline=(230, 60, 40))
        image.paste(whole.resize((cell, truth.shape[0])), (x, 22))
        part = depth[window]
        shades = (
            _grey(part, part.mean() - span, part.mean() + span),
            _grey(np.diff(part, axis=1), slope - 0.15, slope + 0.15))
        for row, shade in enumerate(shades):
            zoomed = Image.fromarray(shade).resize((cell, height * ZOOM), Image.NEAREST)
            image.paste(zoomed, (x, 28 + truth.shape[0] + row * (height * ZOOM + 6)))
    for row, label in enumerate(("plane, stretched", "slope along rows")):
        draw.text((0, 28 + truth.shape[0] + row * (height * ZOOM + 6)), label, "black", font)
    return image


def write(networks, data, out):
    """The names of the pictures written."""
    written = []
    for kind in dict.fromkeys(n.kind for n in networks):
        by_head = {n.head: n for n in networks if n.kind == kind}
        direct = by_head.get("direct")
        if not direct:
            continue
        for name, folder in data.items():
            scenes = sorted(p for p in folder.iterdir() if p.is_dir())
            chosen = _choose(scenes, direct)
            if not chosen:
                print(f"no plane found in the {name} scenes; no picture", flush=True)
                continue
            _, scene, corner = chosen
            columns = [("truth", _truth(scene)), ("float, direct", _depth(direct.float, direct.recipe, scene))]
            for head in ("direct", "hilbert3", "phase"):
                if head in by_head:
                    network = by_head[head]
                    columns.append((f"INT8, {head}", _depth(network.int8, network.recipe, scene)))
            path = out / f"{kind}-{name}.png"
            _strip(scene, corner, columns).save(path, optimize=True)
            written.append(path.name)
            print(f"wrote {path}", flush=True)
    return written
