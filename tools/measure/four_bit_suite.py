"""The checks of tools/suites/four-bit: bundled networks at W4A8 and W4A4, in depthc and LiteRT.
Usage: tools/suites/four-bit [--networks NAME,...]"""
import argparse
import re
import tempfile
from pathlib import Path

import numpy as np

from common import Checks, depthc_run, fit, litert, litert_run
from four_bit_files import TAKE_INT4, activation_types, unpacked, weights
from four_bit_models import cases
from four_bit_runs import against_truth, convert, predict

SCENES, SAMPLES, COMPARED = 6, 16, 2
# AbsRel of depth over the float network's. docs/FOURBIT.md has what 24 scenes give; 6 scatter by a few hundredths.
LIMITS = {"w4a8": 1.1, "w4a4": 1.3}
LARGEST_SHARE = 0.55


def stereo(case):
    """The first test scenes as the source takes them."""
    from PIL import Image
    for scene in sorted(case.test.iterdir())[:COMPARED]:
        views = [np.asarray(Image.open(scene / f"{side}.png").convert("RGB"), np.float32) for side in ("left", "right")]
        yield (np.concatenate(views, 2)[None] / np.float32(255)).transpose(0, 3, 1, 2)


def in_litert(file, inputs, resolver):
    """The first output for every input, or None where the resolver has not all the kernels."""
    try:
        interpreter = litert(file, resolver, 1)
        return [litert_run(interpreter, [fit(x, interpreter)])[0] for x in inputs]
    except (RuntimeError, ValueError):
        return None


def in_depthc(file, inputs):
    return [next(iter(depthc_run(file, {"stereo": x.transpose(0, 2, 3, 1).copy()}).values())) for x in inputs]


def same(first, second):
    return first is not None and second is not None and all(map(np.array_equal, first, second))


def check_equality(checks, name, file, inputs, folder):
    """LiteRT's reference kernels, or for a file they refuse the optimised ones, which must then give what they give for a
    copy with INT8 weights, and the reference kernels on that copy."""
    ours = in_depthc(file, inputs)
    reference = in_litert(file, inputs, "reference")
    if reference is not None:
        checks.expect(f"{name}: LiteRT's reference kernels give depthc's depth", same(reference, ours))
        return ours
    copy = folder / "unpacked.tflite"
    unpacked(file, copy)
    checks.expect(f"{name}: LiteRT gives the same for INT4 weights and for INT8 weights with their codes",
                  same(in_litert(file, inputs, "builtin"), in_litert(copy, inputs, "builtin")))
    checks.expect(f"{name}: on these LiteRT's reference kernels give depthc's depth",
                  same(in_litert(copy, inputs, "reference"), ours))
    return ours


def check_weights(checks, name, file, int8, folder):
    small = sum(size for builtin, _, size, _ in weights(file) if builtin in TAKE_INT4)
    large = sum(size for builtin, _, size, _ in weights(int8) if builtin in TAKE_INT4)
    four = sum(kind == "INT4" for _, kind, _, _ in weights(file))
    checks.expect(f"{name}: {four} layers of INT4 weights; convolution and FULLY_CONNECTED weights take {small / large:.3f} "
                  f"of INT8's (at most {LARGEST_SHARE})", four > 0 and small <= LARGEST_SHARE * large)
    lowest, highest = unpacked(file, folder / "unpacked.tflite")
    checks.expect(f"{name}: INT4 codes {lowest} to {highest}", -7 <= lowest and highest <= 7)


def check_accuracy(checks, case, precision, file, golden, folder):
    key = "absRelDepth"
    base = against_truth(case.truth, golden)[key]
    ratio = against_truth(case.truth, predict(file, case, folder / f"golden-{file.stem}"))[key] / base
    checks.expect(f"{case.name} {precision}: AbsRel of depth {ratio:.3f}x float's (at most {LIMITS[precision]})",
                  ratio <= LIMITS[precision])


def check(checks, case, folder):
    """All checks of one network."""
    files = {}

    def make(label, *options):
        files[label] = folder / f"{label}.tflite"
        run, _ = convert(case, files[label], options)
        return run.err + run.out

    inputs = list(stereo(case))
    make("float", "--precision", "float")
    make("int8", "--precision", "int8")
    golden = predict(files["float"], case, folder / "golden-float")
    make("w4a8", "--precision", "w4a8")
    check_weights(checks, f"{case.name} w4a8", files["w4a8"], files["int8"], folder)
    check_equality(checks, f"{case.name} w4a8", files["w4a8"], inputs, folder)
    check_accuracy(checks, case, "w4a8", files["w4a8"], golden, folder)
    make("w4a4-int8", "--precision", "w4a4", "--activation-storage", "int8")
    said = make("w4a4-int4", "--precision", "w4a4", "--activation-storage", "int4")
    stored = check_equality(checks, f"{case.name} w4a4 in INT8 tensors", files["w4a4-int8"], inputs, folder)
    checks.expect(f"{case.name} w4a4: INT4 and INT8 tensors give the same depth in depthc",
                  same(in_depthc(files["w4a4-int4"], inputs), stored))
    count = activation_types(files["w4a4-int4"]).get("INT4", 0)
    checks.expect(f"{case.name} w4a4: {count} INT4 activations", count > 0)
    checks.expect(f"{case.name} w4a4: LiteRT refuses INT4 activations",
                  in_litert(files["w4a4-int4"], inputs, "builtin") is None)
    checks.expect(f"{case.name} w4a4: the conversion says so", re.search(r"LiteRT.*(refuse|not run)", said) is not None)
    check_accuracy(checks, case, "w4a4", files["w4a4-int8"], golden, folder)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--networks", default="unet-direct", help="such as unet-hilbert2,vit-direct")
    options = parser.parse_args()
    checks = Checks()
    with tempfile.TemporaryDirectory() as temporary:
        for name in options.networks.split(","):
            for case in cases([name], temporary, SCENES, SAMPLES):
                folder = Path(temporary) / name
                folder.mkdir()
                try:
                    check(checks, case, folder)
                except (RuntimeError, SystemExit) as failure:
                    checks.expect(f"{name}: {failure}", False)
    checks.finish()


if __name__ == "__main__":
    main()
