"""The networks on which 4-bit conversion is measured: source, recipe, samples to calibrate on, other samples to test on,
and the truth of these where it is known."""
import subprocess
import sys
from pathlib import Path

import numpy as np
from PIL import Image

import accuracy_models
import middlebury
from common import ROOT, SHARED
from middlebury_pairs import _disparity

BUNDLED = ("unet-direct", "unet-hilbert2", "unet-hilbert3", "vit-direct", "vit-hilbert2", "vit-hilbert3")
# A scalar output that convert gives an exact head.
EXACT = ("unet-exact2", "vit-exact2")
# HITNet is tested on two whole scenes and calibrated on crops of two others.
HITNET_CALIBRATION, HITNET_TEST = ("cones", "Cloth3"), ("teddy", "Motorcycle")
NAMES = (*BUNDLED, *EXACT, "hitnet", "pydnet", "lite-mono-tiny", "lite-mono-small", "lite-mono-8m")


class Case:
    """`calibration` and `test`: folders as depthc reads them. `truth`: disparity in px, 0 where unknown, one map a test
    sample in the order of their names; None where only the float network's own depth is there to compare with."""

    def __init__(self, name, source, calibration, test, recipe=None, options=(), truth=None, samples=32):
        self.name, self.source, self.recipe, self.options = name, Path(source), recipe, list(options)
        self.calibration, self.test, self.truth, self.samples = Path(calibration), Path(test), truth, samples

    @property
    def common(self):
        """Options of every command on this model."""
        return ["--recipe", self.recipe] if self.recipe else []


def rendered(split, count, folder):
    """A folder of rendered scenes, with the truth beside them; kept from run to run."""
    folder = Path(folder) / f"{split}-{count}"
    if not (folder / f"{count - 1:03d}/disparity.png").exists():
        subprocess.run([sys.executable, ROOT / "tools/training/render_stereo.py", "--split", split, "--count", str(count),
                        "--disparity", "-o", folder], check=True)
    return folder


def _truth(folder):
    return np.stack([np.asarray(Image.open(p / "disparity.png"), np.float64) / 256 for p in sorted(folder.iterdir())])


def _bundled(name, cache, scenes, samples):
    kind, head = name.split("-")
    options = []
    if head.startswith("exact"):
        options, head = ["--head", "hilbert", "--order", head[-1]], "direct"
    test = rendered("test", scenes, cache)
    return Case(name, ROOT / f"golden/networks/{kind}-{head}.onnx", rendered("calibration", samples, cache), test,
                ROOT / f"converters/stereo_{head}.yaml", options, _truth(test), samples)


def _write(samples, folder):
    """One folder a sample with INPUT.npy, in the source's layout."""
    for i, sample in enumerate(samples):
        (folder / f"{i:03}").mkdir(parents=True, exist_ok=True)
        for name, array in sample.items():
            np.save(folder / f"{i:03}/{name}.npy", array)
    return folder


def _hitnet(cache):
    shared, folder = Path(SHARED), cache / "hitnet"
    calibration = [{"input": c} for scene in HITNET_CALIBRATION for c in middlebury.crops(shared, scene, 8)]
    truth = []
    for scene in HITNET_TEST:
        disparity = _disparity(shared / "data/stereo" / middlebury.SCENES[scene][0], scene)
        small = Image.fromarray(disparity.astype(np.float32)).resize((320, 240), Image.NEAREST)
        truth.append(np.asarray(small, np.float64) * 320 / disparity.shape[1])
    return Case("hitnet", shared / "models/onnx/depth/hitnet_240x320_fp32.onnx",
                _write(calibration, folder / "calibration"),
                _write([{"input": middlebury.whole(shared, scene)} for scene in HITNET_TEST], folder / "test"),
                truth=np.stack(truth), samples=16)


def _other(name, cache):
    model = next(accuracy_models.models([name], False, cache))
    return Case(name, model.source, _write(model.calibration, cache / name / "calibration"),
                _write(model.test, cache / name / "test"), samples=len(model.calibration))


def cases(names, cache, scenes=24, samples=16):
    """The models called `names`, made one by one; a name that ends with - stands for all that begin with it. Those of
    other people are left out when DEPTHC_SHARED does not name their folder."""
    for name in names:
        if name not in NAMES and not name.endswith("-"):
            raise SystemExit(f"{name} is none of {', '.join(NAMES)}")
    cache = Path(cache)
    for name in NAMES:
        if not any(name == wanted or wanted.endswith("-") and name.startswith(wanted) for wanted in names):
            continue
        if name in BUNDLED or name in EXACT:
            yield _bundled(name, cache, scenes, samples)
        elif not SHARED:
            print(f"{name} is left out: DEPTHC_SHARED does not name the folder of third-party models", file=sys.stderr)
        else:
            yield _hitnet(cache) if name == "hitnet" else _other(name, cache)
