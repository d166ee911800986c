"""Turns INT8 files into float ones (`convert --precision float`) and holds the results against what they should be: the
float network they were made from, which knows no rounding at all, and LiteRT running the same file."""
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

from common import ROOT, SHARED, Checks, ac_sqnr, depthc, depthc_run, litert, litert_run


def real(array, detail):
    scale, zero = detail["quantization"]
    return array if array.dtype.kind == "f" else scale * (array.astype(np.float64) - zero)


def compare(checks, name, int8, twin, pictures, folder):
    """`pictures`: arrays as the float twin takes them."""
    depthc("convert", int8, "-o", f"{folder}/float.tflite", "--precision", "float")
    quantized, back, exact = litert(int8, "builtin"), litert(f"{folder}/float.tflite"), litert(twin)
    entry, result = quantized.get_input_details()[0], quantized.get_output_details()[0]
    figures, difference, largest = [], 0, 0
    for picture in pictures:
        codes = picture
        if entry["dtype"] != np.float32:
            scale, zero = entry["quantization"]
            codes = np.round(picture / scale + zero)
        wanted = litert_run(exact, [picture])[0]
        found = litert_run(back, [picture])[0]
        figures.append((ac_sqnr(wanted, real(litert_run(quantized, [codes])[0], result)), ac_sqnr(wanted, found)))
        ours = depthc_run(f"{folder}/float.tflite", {back.get_input_details()[0]["name"]: picture})
        difference = max(difference, np.abs(next(iter(ours.values())) - found).max())
        largest = max(largest, np.abs(found).max())
    before, after = np.mean(figures, 0)
    checks.expect(f"{name}: AC-SQNR to its float twin {before:.1f} dB in INT8, {after:.1f} dB with integer weights only",
                  after > before + 3)
    # Sums of float products in another order, over some tens of layers: `approximate` of docs/NUMERICS.md.
    checks.expect(f"{name}: depthc and LiteRT differ by at most {difference:.2g} of {largest:.3g}",
                  difference <= 1e-4 * largest)


def main():
    checks = Checks()
    with tempfile.TemporaryDirectory() as folder:
        recipe = ["--recipe", ROOT / "converters/stereo_direct.yaml"]
        model = ROOT / "golden/networks/unet-direct.onnx"
        depthc("convert", model, "-o", f"{folder}/twin.tflite", "--precision", "float", *recipe)
        depthc("convert", model, "-o", f"{folder}/int8.tflite", "--precision", "int8", *recipe,
               "--calibration", ROOT / "golden/scenes/calibration")
        scenes = []
        for scene in sorted((ROOT / "golden/scenes/test").iterdir()):
            views = [np.asarray(Image.open(scene / f"{s}.png").convert("RGB")) for s in ("left", "right")]
            scenes.append(np.concatenate(views, 2)[None].astype(np.float32) / np.float32(255))
        compare(checks, "stereo_direct", f"{folder}/int8.tflite", f"{folder}/twin.tflite", scenes, folder)
        if SHARED:
            models = Path(SHARED) / "models/tflite/depth/mcu"
            pictures = [
                np.asarray(Image.open(p).convert("L").resize((32, 32)), np.float32).reshape(1, 32, 32, 1) / 255
                for p in sorted((Path(SHARED) / "data/calib_rgb").glob("slambook2*.png"))[:4]]
            compare(checks, "models__depth_full_quant", models / "models__depth_full_quant.tflite",
                    models / "models__depth_model_fp32.tflite", pictures, folder)
        else:
            print("  skipped models__depth_full_quant: DEPTHC_SHARED does not name the folder of third-party models")
            checks.skipped += 1
    checks.finish()


if __name__ == "__main__":
    main()
