"""4-bit conversion from poor calibration samples and of extreme weights: nothing may fail, and depthc has to warn where
it can know.

Usage: tools/four-bit robustness [--models NAME,...] [--counts 1,4,16,32,128] [--precisions w4a8,w4a4] [--scenes N]
                                 [--cache DIR] [--markdown FILE]

The bundled networks are calibrated on 1 to 128 rendered scenes, on Middlebury pairs (with DEPTHC_SHARED), on noise, and on
pictures of one grey; AbsRel of depth is over the float network's on rendered test scenes. A U-Net with random weights gets
outlier channels: one channel of a convolution times 1e4, the weights that read it times 1e-4, which leaves the function
what it is; its error is AC-SQNR to the float network.
"""
import argparse
import sys
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper
from PIL import Image

import calibration_cost
import middlebury_pairs
from common import ROOT, SHARED, Checks
from four_bit import PRECISIONS, markdown
from four_bit_models import Case, cases, rendered
from four_bit_runs import Results

FACTOR = 1e4
TEST_PICTURES = 4


def stereo_folder(folder, pairs):
    """Folders with left.png and right.png."""
    for i, pair in enumerate(pairs):
        (folder / f"{i:03}").mkdir(parents=True, exist_ok=True)
        for name, array in zip(("left", "right"), pair):
            Image.fromarray(array).save(folder / f"{i:03}/{name}.png")
    return folder


def calibrations(counts, cache):
    """(what it is, folder, number of samples, whether depthc can know that it is poor)."""
    largest = max(counts, default=0)
    for count in counts:
        yield f"{count} rendered", rendered("calibration", largest, cache), count, count == 1
    if SHARED:
        names = middlebury_pairs.write(SHARED, cache / "real")
        yield f"{len(names)} of Middlebury", cache / "real", len(names), False
    random = np.random.default_rng(3)
    noise = [random.integers(0, 256, (2, 128, 192, 3)).astype(np.uint8) for _ in range(16)]
    yield "16 of white noise", stereo_folder(cache / "noise", noise), 16, False
    for level in (0, 127):
        grey = [np.full((2, 128, 192, 3), level, np.uint8)] * 16
        yield f"16 of one grey, {level}", stereo_folder(cache / f"grey-{level}", grey), 16, True


def outliers(source, target, channels):
    """Multiplies the first `channels` channels of the second convolution by 1e4 and what reads them by 1e-4."""
    model = onnx.load(source)
    tensors = {t.name: t for t in model.graph.initializer}
    first, second = [node for node in model.graph.node if node.op_type == "Conv"][2:4]

    def scale(name, change):
        array = numpy_helper.to_array(tensors[name]).copy()
        change(array)
        tensors[name].CopyFrom(numpy_helper.from_array(array, name))

    def up(array):
        array[:channels] *= np.float32(FACTOR)

    def down(array):
        array[:, :channels] /= np.float32(FACTOR)

    scale(first.input[1], up)
    scale(first.input[2], up)
    scale(second.input[1], down)
    onnx.save(model, target)


def outlier_cases(cache):
    folder = cache / "outliers"
    folder.mkdir(parents=True, exist_ok=True)
    calibration_cost.unet(folder / "unet.onnx", 0.25)
    pictures = calibration_cost.pictures(16 + TEST_PICTURES)
    for name, part in (("calibration", pictures[:16]), ("test", pictures[16:])):
        (folder / name).mkdir(exist_ok=True)
        for i, picture in enumerate(part):
            np.save(folder / name / f"{i:03}.npy", picture[None])
    for channels in (0, 1, 4):
        source = folder / f"unet-{channels}.onnx"
        outliers(folder / "unet.onnx", source, channels)
        yield Case(f"random-unet-{channels}-outliers", source, folder / "calibration", folder / "test", samples=16)


def warnings(figures):
    return [line for line in figures.get("messages", []) if "warning" in line.lower()]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", default="unet-direct,vit-direct")
    parser.add_argument("--counts", default="1,4,16,32,128")
    parser.add_argument("--precisions", default="w4a8,w4a4")
    parser.add_argument("--scenes", type=int, default=12)
    parser.add_argument("--cache", type=Path, default=ROOT / "out/four-bit")
    parser.add_argument("--markdown", type=Path)
    options = parser.parse_args()
    results, checks, rows, said = Results(options.cache / "results"), Checks(), [], []
    precisions = options.precisions.split(",")

    def measure(case, label, key, base, must_warn):
        row = [case.name, label]
        for precision in precisions:
            figures = results.measure(case, PRECISIONS[precision].split())
            what = f"{case.name}, {label}, {precision}"
            failed = figures.get("refused") or not np.isfinite(figures[key])
            checks.expect(f"{what}: {figures.get('refused', 'converts')}", not failed)
            row.append("-" if failed else f"{figures[key] / base:.2f}x" if base else f"{figures[key]:.1f} dB")
            if must_warn and not failed:
                checks.expect(f"{what}: warns", bool(warnings(figures)))
            said.extend(line for line in warnings(figures) if line not in said)
        rows.append(row)

    counts = [int(n) for n in options.counts.split(",") if n]
    for case in cases([n for n in options.models.split(",") if n], options.cache, options.scenes):
        base = results.measure(case, ["--precision", "float"])["absRelDepth"]
        for label, folder, count, must_warn in calibrations(counts, options.cache):
            case.calibration, case.samples = folder, count
            measure(case, label, "absRelDepth", base, must_warn)
    for case in outlier_cases(options.cache):
        measure(case, "16 random", "acSQNR", None, not case.name.endswith("-0-outliers"))
    text = markdown(["network", "calibration samples", *(p.upper() for p in precisions)], rows)
    text += "\n" + "\n".join(f"- `{line}`" for line in said) + "\n"
    print(text)
    if options.markdown:
        options.markdown.write_text(text)
    checks.finish()


if __name__ == "__main__":
    sys.exit(main())
