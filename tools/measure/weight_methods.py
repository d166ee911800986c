#!/usr/bin/env python3
"""How close INT8 files come to their float models by how weights were rounded, as Markdown tables.

    tools/measure/weight_methods.py [--only TEXT]...

Networks: the bundled direct ones (calibrated on golden/scenes/calibration, held against ONNX Runtime on
golden/scenes/test) and, where DEPTHC_SHARED names other people's models, the benchmark networks with seeded weights and
the Lite-Mono tiny decoder on seeded random features.
"""
import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from common import ROOT, SHARED, depthc

METHODS = {
    "nearest": ["--weights", "nearest", "--no-compensation", "--no-bias-correction"],
    "nearest, bias correction": ["--weights", "nearest", "--no-compensation", "--bias-correction"],
    "GPTQ": ["--weights", "gptq", "--no-compensation", "--no-bias-correction"],
    "AdaRound": ["--weights", "adaround", "--no-compensation", "--no-bias-correction"],
    "compensation, nearest": ["--weights", "nearest", "--compensation", "--no-bias-correction"],
    "compensation, GPTQ": ["--weights", "gptq", "--compensation", "--no-bias-correction"],
    "compensation, AdaRound": ["--weights", "adaround", "--compensation", "--no-bias-correction"],
}


def record(model, target, *arguments):
    """ONNX Runtime's outputs as a golden set."""
    command = [sys.executable, ROOT / "tools/record_golden.py", model, "-o", target, *arguments]
    subprocess.run([str(part) for part in command], check=True, stdout=subprocess.DEVNULL)
    return target


def bundled(name, folder):
    model = ROOT / f"golden/networks/{name}.onnx"
    scenes = sorted((ROOT / "golden/scenes/test").iterdir())
    golden = record(model, folder / "test", "--stereo", *scenes)
    return model, ["--calibration", ROOT / "golden/scenes/calibration", "--recipe", ROOT / "converters/stereo_direct.yaml"], golden


def benchmark(name, folder):
    made = folder.parent / "benchmark"
    if not made.exists():
        made.mkdir()
        subprocess.run([sys.executable, f"{SHARED}/tools/bench_models.py", made], check=True, stdout=subprocess.DEVNULL)
    for part in ("calib", "test"):
        for i, sample in enumerate(np.load(made / f"{name}_{part}.npy")):
            (folder / part / f"{i:03}").mkdir(parents=True)
            np.save(folder / part / f"{i:03}/input.npy", sample[None])
    golden = record(made / f"{name}.onnx", folder / "golden", "--inputs", *sorted((folder / "test").iterdir()))
    return made / f"{name}.onnx", ["--calibration", folder / "calib"], golden


def lite_mono(name, folder):
    model = f"{SHARED}/models/onnx/depth/{name}.onnx"
    calibration, golden = (
        record(model, folder / part, "--random", count, "--seed", seed, "--recipe", "lite_mono_decoder")
        for part, count, seed in (("calib", 16, 21), ("golden", 4, 22)))
    return model, ["--calibration", calibration], golden


def networks():
    for name in ("unet-direct", "vit-direct"):
        yield name, bundled
    if SHARED:
        for name in ("unet", "unet_plain", "vit"):
            yield name, benchmark
        yield "lite-mono-tiny_640x192_decoder", lite_mono


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", action="append", help="networks whose names contain TEXT")
    only = parser.parse_args().only or [""]
    with tempfile.TemporaryDirectory() as temporary:
        for name, prepare in networks():
            if not any(text in name for text in only):
                continue
            folder = Path(temporary) / f"{name}-data"
            folder.mkdir()
            model, calibration, golden = prepare(name, folder)
            print(f"\n{name}\n\n| weights | AC-SQNR, dB | RMSE, share of the range | s | MB |\n|---|---|---|---|---|", flush=True)
            for method, options in METHODS.items():
                file = Path(temporary) / "int8.tflite"
                run = depthc(
                    "convert", model, "-o", file, "--precision", "int8", *calibration, *options, "--threads", 2)
                held = depthc("validate", file, "--golden", golden, "--json", "-", "--min-sqnr=-1000", check=False)
                outputs = [output["statistics"] for output in json.loads(held.out)["outputs"]]
                sqnr = np.mean([float(output["acSQNR"]) for output in outputs])
                share = np.mean([float(output["rootMeanSquare"]) / float(output["referenceRange"]) for output in outputs])
                print(f"| {method} | {sqnr:.2f} | {share:.5f} | {run.seconds:.1f} | {run.megabytes:.0f} |", flush=True)


if __name__ == "__main__":
    main()
