"""Side by side: depthc, onnx2tf (with and without TensorFlow), ai-edge-quantizer and ONNX Runtime on one ONNX model.

Usage: tools/compare-peers [MODEL.onnx CALIBRATION.npy TEST.npy] [--peers NAME,NAME] [--tensorflow]
Without a model the bundled stereo U-Net is used. The arrays hold samples along their first axis, in the model's layout.
Peers are installed into .venv-peers/ on first use; the TensorFlow one (2.6 GB) only with --tensorflow.
"""
import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnxruntime
from PIL import Image

from common import DEPTHC, ROOT, Run, ac_sqnr, litert, litert_float_run, operators, table

ENVIRONMENTS = {
    # Its own pins contradict each other on Python 3.11: installed without them, in versions that work together.
    "onnx2tf": ["--ignore-requires-python", "--no-deps", "onnx2tf==2.6.9", "onnx==1.20.1", "onnxruntime==1.24.4",
                "ai-edge-litert==2.1.2", "numpy==2.2.6", "opencv-python-headless==4.13.0.92", "onnxsim==0.6.5",
                "onnxoptimizer==0.4.2", "onnxscript==0.6.2", "onnx-ir", "sne4onnx==2.0.1", "sng4onnx==2.0.1",
                "psutil==5.9.5", "protobuf==7.35.1", "h5py==3.14.0", "ml-dtypes==0.5.4", "flatbuffers==25.12.19",
                "tqdm==4.67.1", "backports.strenum", "packaging", "typing-extensions", "rich", "markdown-it-py", "mdurl",
                "pygments", "coloredlogs", "humanfriendly", "sympy", "mpmath", "setuptools==81.0.0", "requests",
                "urllib3", "idna", "certifi", "charset-normalizer"],
    "ai-edge-quantizer": ["ai-edge-quantizer==0.10.0", "ai-edge-litert==2.3.0", "numpy==2.4.6"],
    "onnx2tf-tensorflow": ["onnx2tf==1.29.24", "tensorflow==2.19.0", "tf-keras==2.19.0", "onnx==1.19.1",
                           "onnxruntime==1.23.0", "ai-edge-litert==2.1.0", "numpy==1.26.4", "onnx-graphsurgeon",
                           "sng4onnx", "onnxsim", "psutil", "protobuf", "h5py", "ml_dtypes"],
    "onnxruntime": None,
}


def interpreter(name):
    """The Python of a peer's environment, made when it is missing; None when it cannot be made."""
    packages = ENVIRONMENTS[name]
    if packages is None:
        return sys.executable
    folder = ROOT / ".venv-peers" / name
    marker = folder / "ready"
    if not marker.exists():
        print(f"installing {name}", file=sys.stderr, flush=True)
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        pip = [str(folder / "bin/pip"), "install", "--quiet", "--disable-pip-version-check"]
        if subprocess.run(pip + packages).returncode != 0:
            return None
        marker.touch()
    return str(folder / "bin/python")


def bundled():
    """The bundled stereo U-Net with its calibration pairs and the pairs of its test split."""
    folder = ROOT / "golden/scenes"

    def pairs(split):
        samples = []
        for scene in sorted((folder / split).iterdir()):
            sides = [np.asarray(Image.open(scene / f"{side}.png").convert("RGB"), np.float32) for side in ("left", "right")]
            samples.append(np.concatenate(sides, axis=2).transpose(2, 0, 1) / np.float32(255))
        return np.stack(samples)

    return ROOT / "golden/networks/unet-direct.onnx", pairs("calibration"), pairs("test")


class Comparison:
    def __init__(self, model, calibration, test, folder):
        self.model, self.calibration, self.test, self.folder = Path(model), calibration, test, Path(folder)
        session = onnxruntime.InferenceSession(str(model), providers=["CPUExecutionProvider"])
        self.input = session.get_inputs()[0].name
        self.golden = np.concatenate([session.run(None, {self.input: x[None]})[0] for x in test])
        for part, array in (("calibration", calibration), ("calibration_nhwc", calibration.transpose(0, 2, 3, 1))):
            (self.folder / part).mkdir()
            np.save(self.folder / f"{part}/{self.input}.npy", array[:, None])
        self.rows = [("tool", "seconds", "peak MB", "file MB", "TRANSPOSE", "AC-SQNR dB", "max error", "note")]

    def evaluate(self, path):
        """Runs a file on the test samples, whatever layout it takes; XNNPACK first, else the builtin kernels."""
        if path.suffix == ".onnx":
            session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
            return np.concatenate([session.run(None, {self.input: x[None]})[0] for x in self.test]), "ONNX Runtime"
        for resolver in ("default", "builtin"):
            try:
                runtime = litert(path, resolver)
                result = np.concatenate([litert_float_run(runtime, [x[None]])[0] for x in self.test])
                if result.shape != self.golden.shape:
                    result = result.transpose(0, 3, 1, 2)
                return result, "XNNPACK" if resolver == "default" else "refused by XNNPACK"
            except (RuntimeError, ValueError) as error:
                last = str(error).strip().splitlines()[-1]
        raise RuntimeError(last)

    def add(self, tool, run, path):
        path = Path(path)
        cost = (f"{run.seconds:.1f}", f"{run.megabytes:.0f}")
        if run.code != 0 or not path.exists():
            reason = (run.err.strip().splitlines() or ["no message"])[-1][:90]
            self.rows.append((tool, *cost, "-", "-", "-", "-", f"fails: {reason}"))
            return
        size = f"{path.stat().st_size / 1e6:.2f}"
        transposes = operators(path).get("TRANSPOSE", 0) if path.suffix == ".tflite" else "-"
        try:
            result, note = self.evaluate(path)
            error = f"{ac_sqnr(self.golden, result):.2f}", f"{np.abs(result - self.golden).max():.4f}"
        except RuntimeError as failure:
            error, note = ("-", "-"), f"does not run: {str(failure)[:80]}"
        self.rows.append((tool, *cost, size, transposes, *error, note))

    def depthc(self):
        for precision in ("float", "int8"):
            out = self.folder / f"{precision}.tflite"
            arguments = [DEPTHC, "convert", self.model, "-o", out, "--precision", precision]
            if precision == "int8":
                arguments += ["--calibration", self.samples()]
            self.add(f"depthc {precision}", Run(arguments), out)

    def samples(self):
        folder = self.folder / "samples"
        if not folder.exists():
            folder.mkdir()
            for i, sample in enumerate(self.calibration):
                np.save(folder / f"{i:03}.npy", sample[None])
        return folder

    def peer(self, name, python):
        script = ROOT / "tools/measure/peers" / f"{name.replace('-', '_')}.py"
        out = self.folder / name
        out.mkdir()
        run = Run([python, script, self.model, self.folder, out], limit=900)
        for path in sorted(p for kind in ("float", "int8") for p in out.glob(f"{kind}*") if p.suffix in (".tflite", ".onnx")):
            run.code = 0
            self.add(f"{name} {path.stem}", run, path)
        if not any(out.glob("int8.*")):
            run.code = run.code or 1
            self.add(f"{name} int8", run, out / "int8.tflite")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", nargs="?")
    parser.add_argument("calibration", nargs="?")
    parser.add_argument("test", nargs="?")
    parser.add_argument("--peers", default="onnxruntime,onnx2tf,ai-edge-quantizer")
    parser.add_argument("--tensorflow", action="store_true", help="include the TensorFlow path of onnx2tf (2.6 GB)")
    options = parser.parse_args()
    if options.model:
        model, calibration, test = options.model, np.load(options.calibration), np.load(options.test)
    else:
        model, calibration, test = bundled()
    names = [n for n in options.peers.split(",") if n] + (["onnx2tf-tensorflow"] if options.tensorflow else [])
    with tempfile.TemporaryDirectory() as folder:
        comparison = Comparison(model, calibration, test, folder)
        comparison.depthc()
        for name in names:
            python = interpreter(name)
            if python is None:
                comparison.rows.append((name, "-", "-", "-", "-", "-", "-", "cannot be installed"))
                continue
            comparison.peer(name, python)
        print(f"{Path(model).name}: {len(calibration)} calibration samples, {len(test)} test samples")
        table(comparison.rows)


if __name__ == "__main__":
    main()
