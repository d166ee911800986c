"""Puts the quickstart's result beside its input: left image, INT8 disparity, and the INT8 error against the float source
(black 0 px, white 0.5 px and more). Arguments: OUTPUT_FOLDER_OF_QUICKSTART PICTURE.png"""
import sys
from pathlib import Path

import numpy as np
import onnxruntime
from PIL import Image

root = Path(__file__).resolve().parents[2]
out, picture = Path(sys.argv[1]), sys.argv[2]
scene = root / "golden/models/stereo_unet/test/000"
left, right = (np.asarray(Image.open(scene / f"{s}.png").convert("RGB")) for s in ("left", "right"))
stereo = np.concatenate([left, right], 2).transpose(2, 0, 1)[None].astype(np.float32) / np.float32(255)
session = onnxruntime.InferenceSession(str(root / "golden/models/stereo_unet.onnx"), providers=["CPUExecutionProvider"])
reference = session.run(None, {"stereo": stereo})[0].reshape(left.shape[:2])
result = np.load(out / "disparity/disparity.npy").reshape(left.shape[:2])
error = np.clip(np.abs(result - reference) / 0.5 * 255, 0, 255).astype(np.uint8)
disparity = np.asarray(Image.open(out / "disparity/disparity.png").convert("RGB"))
row = np.concatenate([left, disparity, np.repeat(error[..., None], 3, 2)], 1)
Image.fromarray(row).resize((row.shape[1] * 2, row.shape[0] * 2), Image.NEAREST).save(picture, optimize=True)
print(f"{picture}: mean error {np.abs(result - reference).mean():.3f} px, maximum {np.abs(result - reference).max():.2f} px")
