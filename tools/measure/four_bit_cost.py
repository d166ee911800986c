"""What 4-bit conversion costs: minutes and peak memory for every model, and as calibration samples and layer widths grow,
beside what QuartDepth's recipe (arXiv 2503.16709: 20,000 iterations a block with batch 1) would take.

Usage: tools/four-bit cost [--models NAME,...] [--samples 1,4,16,32,128] [--widths 0.25,0.5,1] [--parts models,samples,widths]
                           [--cache DIR] [--picture FILE.png] [--json FILE]

Times are of processors (user and system, all threads) as well as on the clock; on a machine that others share only the
first compare. The recipe's time is 20,000 times the processor time of one forward and backward pass of all linear layers
in PyTorch on one thread, when DEPTHC_TORCH_PYTHON names an interpreter that has it; else 20,000 times three times depthc's
own float forward pass. Both leave out normalisation, activations, rounding and the optimiser, and so are lower bounds.
Samples vary on the U-Net of tools/calibration-cost at width 0.5, widths with 16 samples.
"""
import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

import calibration_cost
from common import ROOT, depthc, table
from four_bit_files import layers
from four_bit_models import NAMES, Case, cases
from four_bit_runs import convert

ITERATIONS = 20_000
PRECISIONS = {"W8A8": ["--precision", "int8"], "W4A8": ["--precision", "w4a8"], "W4A4": ["--precision", "w4a4"]}
COLOURS = {"W8A8": (86, 180, 233), "W4A8": (0, 92, 175), "W4A4": (213, 94, 0), "20,000 iterations a block": (120, 120, 120)}
FIXED_WIDTH, FIXED_SAMPLES = 0.5, 16


def recipe(case, folder):
    """Processor seconds of 20,000 iterations of every block, and how they were found."""
    file = Path(folder) / "float.tflite"
    convert(case, file, ["--precision", "float"])
    python = os.environ.get("DEPTHC_TORCH_PYTHON")
    if python:
        text = json.dumps(layers(file))
        script = ROOT / "tools/measure/four_bit_torch.py"
        run = subprocess.run([python, script], input=text, capture_output=True, text=True, check=True)
        return ITERATIONS * sum(json.loads(run.stdout)), "PyTorch, measured"
    run = depthc("bench", file, "--threads", 1, "--json", "-")
    return ITERATIONS * 3 * json.loads(run.out)["minimumMilliseconds"] / 1000, "three times depthc's forward pass"


def measure(case):
    """Cost by precision: seconds on the clock, of processors, megabytes; and the recipe's processor seconds."""
    result = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, options in PRECISIONS.items():
            try:
                run, summary = convert(case, f"{folder}/model.tflite", options, limit=7200)
                result[name] = {"seconds": run.seconds, "processor": run.processor_seconds, "megabytes": run.megabytes,
                                "macs": summary["multiplyAccumulates"]}
            except RuntimeError as failure:
                result[name] = {"refused": str(failure)}
        result["recipe"], result["how"] = recipe(case, folder)
    print(f"{case.name}, {case.samples} samples: {json.dumps(result)}", file=sys.stderr, flush=True)
    return result


def synthetic(width, count, folder):
    """The U-Net of tools/calibration-cost with random weights, and smooth random pictures."""
    source = folder / f"unet-{width:g}.onnx"
    if not source.exists():
        calibration_cost.unet(source, width)
    samples = folder / f"samples-{count}"
    if not samples.exists():
        samples.mkdir(parents=True)
        for i, picture in enumerate(calibration_cost.pictures(count)):
            np.save(samples / f"{i:03}.npy", picture[None])
    return Case(f"unet width {width:g}", source, samples, samples, samples=count)


def cell(figures):
    if "refused" in figures:
        return "-"
    return f"{figures['processor'] / 60:.2f} ({figures['seconds'] / 60:.2f}) min, {figures['megabytes'] / 1000:.2f} GB"


def report(title, rows):
    """The table of `rows`, pairs of a label and what `measure` gave."""
    print(f"\n{title}: minutes of processors (on the clock), peak memory")
    table([[title, *PRECISIONS, "20,000 iterations a block"]] + [
        [label, *(cell(found[name]) for name in PRECISIONS), f"{found['recipe'] / 60:.0f} min ({found['how']})"]
        for label, found in rows], )


def panels(title, ticks, found):
    """Time and memory by `ticks`, as calibration_cost draws them."""
    def values(key, factor):
        return {name: [f[name][key] * factor if key in f[name] else None for f in found] for name in PRECISIONS}
    times = values("processor", 1) | {"20,000 iterations a block": [f["recipe"] for f in found]}
    return [(f"processor time by {title}", ticks, times, "s"),
            (f"peak memory by {title}", ticks, values("megabytes", 1), "MB")]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", default=",".join(NAMES))
    parser.add_argument("--samples", default="1,4,16,32,128")
    parser.add_argument("--widths", default="0.25,0.5,1")
    parser.add_argument("--parts", default="models,samples,widths")
    parser.add_argument("--cache", type=Path, default=ROOT / "out/four-bit")
    parser.add_argument("--picture", type=Path, default=ROOT / "docs/images/quantization/four-bit-cost.png")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    found, drawn, parts = {}, [], options.parts.split(",")
    print(f"load of the machine: {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        if "models" in parts:
            found["models"] = {case.name: measure(case) for case in cases(options.models.split(","), options.cache)}
            report("model", found["models"].items())
        counts = [int(n) for n in options.samples.split(",")] if "samples" in parts else []
        widths = [float(w) for w in options.widths.split(",")] if "widths" in parts else []
        for title, ticks, made in (
            ("samples", counts, lambda n: synthetic(FIXED_WIDTH, n, folder)),
            ("width of the layers", widths, lambda w: synthetic(w, FIXED_SAMPLES, folder)),
        ):
            if ticks:
                found[title] = {tick: measure(made(tick)) for tick in ticks}
                report(title, found[title].items())
                drawn += panels(title, ticks, list(found[title].values()))
    if options.json:
        options.json.write_text(json.dumps(found, indent=1) + "\n")
    if drawn:
        calibration_cost.COLOURS = COLOURS
        calibration_cost.picture(options.picture, drawn)
        print(f"\n{options.picture}")


if __name__ == "__main__":
    main()
