"""The models on which the accuracy of post-training quantisation is measured: sources, samples to calibrate on, other
samples to test on, and what the float model makes of these."""
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnxruntime
from PIL import Image

import middlebury
from accuracy_runs import in_onnxruntime
from common import ROOT, SHARED, litert, litert_float_run
from depth_models import float_weights


class Model:
    """`calibration` and `test`: lists of dictionaries from input name to array with a batch axis, in the source's
    layout."""

    def __init__(self, name, source, calibration, test):
        self.name, self.source, self.calibration, self.test = name, Path(source), calibration, test

    def golden(self, folder):
        """The first output of the float model on the test samples: ONNX Runtime, or for TFLite sources LiteRT on a copy
        with float weights. Kept in `folder`."""
        path = Path(folder, "golden.npy")
        if not path.exists():
            if self.source.suffix == ".onnx":
                results = in_onnxruntime(self.source, self.test)
            else:
                float_weights(self.source, Path(folder, "float_weights.tflite"))
                interpreter = litert(Path(folder, "float_weights.tflite"))
                results = [litert_float_run(interpreter, list(sample.values()))[0] for sample in self.test]
            np.save(path, np.concatenate(results))
        return np.load(path)

    def samples(self, folder):
        """The calibration samples as depthc reads them: one folder per sample with INPUT.npy."""
        root = Path(folder, "samples")
        for i, sample in enumerate(self.calibration):
            (root / f"{i:03}").mkdir(parents=True, exist_ok=True)
            for name, array in sample.items():
                np.save(root / f"{i:03}/{name}.npy", array)
        return root


def _bundled(kind):
    def pairs(split):
        for scene in sorted((ROOT / "golden/scenes" / split).iterdir()):
            sides = [np.asarray(Image.open(scene / f"{side}.png").convert("RGB"), np.float32) for side in ("left", "right")]
            yield {"stereo": np.concatenate(sides, axis=2).transpose(2, 0, 1)[None] / np.float32(255)}

    source = ROOT / f"golden/networks/{kind}-direct.onnx"
    return Model(f"{kind}-direct", source, list(pairs("calibration")), list(pairs("test")))


def _lite_mono(size, shared):
    """Seeded features in [0, 1), as tools/record_golden.py makes them."""
    source = shared / f"models/onnx/depth/lite-mono-{size}_640x192_decoder.onnx"
    inputs = onnxruntime.InferenceSession(str(source), providers=["CPUExecutionProvider"]).get_inputs()

    def sample(index):
        random = np.random.default_rng([11, index])
        return {entry.name: random.random(entry.shape, np.float32) for entry in inputs}

    return Model(f"lite-mono-{size}", source, [sample(i) for i in range(16)], [sample(i) for i in range(16, 20)])


def _pydnet(shared):
    """Pictures of the shared calibration folder: every second one calibrates, six of the others test."""
    files = sorted(p for p in (shared / "data/calib_rgb").iterdir() if p.suffix in (".png", ".jpg", ".bmp"))

    def sample(path):
        picture = Image.open(path).convert("RGB").resize((640, 448), Image.BILINEAR)
        return {"im0": np.asarray(picture, np.float32)[None] / np.float32(255)}

    return Model("pydnet", shared / "models/tflite/depth/pydnet++_448x640_dynint8.tflite",
                 [sample(p) for p in files[::2]], [sample(p) for p in files[1::4]])


def _hitnet(shared):
    calibration = [{"input": c} for scene in ("cones", "teddy", "Cloth3") for c in middlebury.crops(shared, scene)]
    return Model("hitnet", shared / "models/onnx/depth/hitnet_240x320_fp32.onnx", calibration,
                 [{"input": middlebury.whole(shared, "Motorcycle")}])


def _bench(name, shared, cache):
    folder = Path(cache, "bench")
    if not (folder / f"{name}.onnx").exists():
        folder.mkdir(parents=True, exist_ok=True)
        script = shared / "tools/bench_models.py"
        subprocess.run([sys.executable, str(script), str(folder)], check=True, stdout=subprocess.DEVNULL)
    samples = [[{"input": x[None]} for x in np.load(folder / f"{name}_{part}.npy")] for part in ("calib", "test")]
    return Model(f"bench-{name}", folder / f"{name}.onnx", *samples)


def models(names, quick, cache):
    """The models whose names contain one of `names` (all of them without names), each made when its turn comes.
    Those of other people need DEPTHC_SHARED."""
    makers = {"unet-direct": lambda: _bundled("unet"), "vit-direct": lambda: _bundled("vit")}
    if SHARED:
        shared = Path(SHARED)
        for size in ("tiny", "small", "8m"):
            makers[f"lite-mono-{size}"] = lambda size=size: _lite_mono(size, shared)
        makers["pydnet"] = lambda: _pydnet(shared)
        makers["hitnet"] = lambda: _hitnet(shared)
        for name in ("unet_plain", "unet", "vit"):
            makers[f"bench-{name}"] = lambda name=name: _bench(name, shared, cache)
    for name, make in makers.items():
        wanted = not names or any(part in (name, name.split("-")[0]) for part in names)
        if wanted and not (quick and name.split("-")[0] in ("pydnet", "hitnet", "bench")):
            yield make()
