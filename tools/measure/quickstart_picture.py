"""Puts the quickstart's results side by side: left image, the INT8 disparity of every network, and below it the INT8 error
against the float source (black 0 px, white 0.5 px and more). Arguments: OUTPUT_FOLDER PICTURE.png NETWORK..."""
import sys
from pathlib import Path

import numpy as np
from PIL import Image

root = Path(__file__).resolve().parents[2]
out, picture, networks = Path(sys.argv[1]), sys.argv[2], sys.argv[3:]
left = np.asarray(Image.open(root / "golden/scenes/test/000/left.png").convert("RGB"))
above, below = [left], [np.zeros_like(left)]
for network in networks:
    wanted = np.load(root / f"golden/{network}/000/outputs/disparity.npy").reshape(left.shape[:2])
    error = np.abs(np.load(out / network / "disparity.npy").reshape(left.shape[:2]) - wanted)
    print(f"{network}: INT8 error mean {error.mean():.4f} px, maximum {error.max():.3f} px")
    above.append(np.asarray(Image.open(out / network / "disparity.png").convert("RGB")))
    below.append(np.repeat(np.clip(error / 0.5 * 255, 0, 255).astype(np.uint8)[..., None], 3, 2))
rows = np.concatenate([np.concatenate(above, 1), np.concatenate(below, 1)])
Image.fromarray(rows).save(picture, optimize=True)
print(picture)
