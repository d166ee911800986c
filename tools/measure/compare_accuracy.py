"""Side by side: the error of depth that INT8 adds to the float model, for depthc and every peer that can convert the
model, on samples that were not used for calibration.

Usage: tools/compare-accuracy [--models NAME,...] [--peers NAME,...] [--quick] [--tensorflow] [--cache DIR] [--json FILE]

Peers are tried in all their settings and the one with the least error on the test samples counts. They are installed
into .venv-peers/ on first use. `--cache` keeps what the float models and the peers made. Third-party models need
DEPTHC_SHARED; --quick leaves out those whose conversion takes minutes.
"""
import argparse
import hashlib
import json
import shutil
import sys
import tempfile
from pathlib import Path

import numpy as np

import head_times
from accuracy_models import models
from accuracy_runs import convert, errors, in_depthc, in_litert, in_onnxruntime
from common import ROOT, Run, depthc, table
from compare_peers import interpreter

OURS = {"int8": ["--precision", "int8"], "mixed": ["--precision", "mixed", "--budget", "7%"]}
READ_ONNX = ("onnxruntime", "onnx2tf", "onnx2tf-tensorflow")
COLUMNS = ["model", "tool", "runs in", "RMSE", "AC-SQNR dB", "of best peer", "MACs in INT8", "seconds", "MB",
           "time in depthc", "time in LiteRT"]


def prepare(model, folder):
    """What the peers' scripts read: calibration arrays in both layouts, and the float file of depthc."""
    if (folder / "float.tflite").exists():
        return
    for part in ("calibration", "calibration_nhwc"):
        (folder / part).mkdir(exist_ok=True)
    for name in model.calibration[0]:
        stacked = np.stack([sample[name] for sample in model.calibration])
        np.save(folder / f"calibration/{name}.npy", stacked)
        if model.source.suffix == ".onnx":
            stacked = stacked.transpose(0, 1, 3, 4, 2).copy()
        np.save(folder / f"calibration_nhwc/{name}.npy", stacked)
    depthc("convert", model.source, "-o", folder / "float.tflite", "--precision", "float")


def peer_files(name, model, folder):
    """The files that a peer makes, and the seconds it took for all of them; kept in `folder` until its script changes."""
    if model.source.suffix != ".onnx" and name in READ_ONNX:
        raise RuntimeError("reads ONNX only")
    script = ROOT / "tools/measure/peers" / f"{name.replace('-', '_')}.py"
    out = folder / f"{name}-{hashlib.sha256(script.read_bytes()).hexdigest()[:8]}"
    if not (out / "run.json").exists():
        python = interpreter(name)
        if python is None:
            raise RuntimeError("cannot be installed")
        shutil.rmtree(out, ignore_errors=True)
        out.mkdir()
        run = Run([python, script, model.source, folder, out], limit=3600)
        (out / "log.txt").write_text(run.out + run.err)
        (out / "run.json").write_text(json.dumps({"seconds": run.seconds}))
    files = sorted(p for p in out.glob("int8*") if p.suffix in (".onnx", ".tflite"))
    return files, json.loads((out / "run.json").read_text())["seconds"], (out / "log.txt").read_text()


def row(model, tool, runtime, error, file, seconds, summary=None):
    """A row of the table as a dictionary; the columns that need other rows stay empty."""
    share = f"{100 * summary['integerShare']:.1f} %" if summary else "-"
    return dict(zip(COLUMNS, [model.name, tool, runtime, error[0], error[1], "", share, seconds,
                              file.stat().st_size / 1e6, "", ""]))


def peer(name, model, golden, folder):
    """The row of a peer's best setting, and lines about the others."""
    notes = []
    try:
        files, seconds, log = peer_files(name, model, folder)
    except RuntimeError as failure:
        return [], [f"{model.name}, {name}: {failure}"]
    found = []
    for file in files:
        setting = file.stem.removeprefix("int8").strip("-")
        try:
            results, runtime = (in_onnxruntime(file, model.test), "ONNX Runtime") if file.suffix == ".onnx" else in_litert(
                file, model.test)
            tool = f"{name} {setting}".strip()
            found.append(row(model, tool, runtime, errors(golden, results), file, seconds / len(files)))
            notes.append(f"{model.name}, {found[-1]['tool']}: RMSE {found[-1]['RMSE']:.4g}")
        except Exception as failure:
            notes.append(f"{model.name}, {name} {setting}: does not run: {str(failure).strip().splitlines()[-1][:120]}")
    if not files:
        reasons = [line for line in log.splitlines() if "Error:" in line] or ["no message"]
        notes.append(f"{model.name}, {name}: no file: {reasons[0][:150]}")
    return sorted(found, key=lambda r: (not np.isfinite(r["RMSE"]), r["RMSE"]))[:1], notes


def ours(model, golden, folder, rounds):
    """The rows of depthc, in depthc and in LiteRT, with the latency of every file over the INT8 one's."""
    rows, files = [], {}
    for name, options in OURS.items():
        files[name], summary, seconds = convert(model, folder, name, options)
        results, runtime = in_litert(files[name], model.test)
        rows.append(row(model, f"depthc {name}", runtime, errors(golden, results), files[name], seconds, summary))
        results = in_depthc(files[name], model.test)
        rows.append(row(model, f"depthc {name}", "depthc", errors(golden, results), files[name], seconds, summary))
    if rounds:
        for column, measure in (("time in depthc", head_times.in_depthc), ("time in LiteRT", head_times.in_litert)):
            ratios, _ = measure(files, "int8", rounds)
            for entry in rows:
                entry[column] = f"{ratios[entry['tool'].split()[1]]:.3f}"
    return rows


def compare(model, peers, folder, rounds):
    """All rows of one model and notes about peers' settings."""
    folder.mkdir(parents=True, exist_ok=True)
    golden = model.golden(folder)
    prepare(model, folder)
    rows, notes = ours(model, golden, folder, rounds), []
    theirs = []
    for name in peers:
        best, lines = peer(name, model, golden, folder)
        theirs += best
        notes += lines
    least = min((r["RMSE"] for r in theirs if np.isfinite(r["RMSE"])), default=None)
    for entry in rows + theirs:
        entry["of best peer"] = f"{entry['RMSE'] / least:.3f}" if least else "-"
    return rows + theirs, notes


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", default="", help="names or first parts of names, such as bench or lite")
    parser.add_argument("--peers", default="onnxruntime,ai-edge-quantizer,onnx2tf")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--tensorflow", action="store_true", help="include the TensorFlow path of onnx2tf (2.6 GB)")
    parser.add_argument("--rounds", type=int, default=5, help="rounds of timing; 0 for none")
    parser.add_argument("--cache")
    parser.add_argument("--json")
    options = parser.parse_args()
    peers = [n for n in options.peers.split(",") if n] + (["onnx2tf-tensorflow"] if options.tensorflow else [])
    with tempfile.TemporaryDirectory() as temporary:
        cache = Path(options.cache or temporary).resolve()
        rows, notes = [], []
        for model in models([n for n in options.models.split(",") if n], options.quick, cache):
            print(model.name, file=sys.stderr, flush=True)
            found, lines = compare(model, peers, cache / model.name, options.rounds)
            rows += found
            notes += lines
            printed = [[f"{c:.4g}" if isinstance(c, float) else c for c in entry.values()] for entry in found]
            table([COLUMNS, *printed])
            print("\n".join(lines), flush=True)
    if options.json:
        Path(options.json).write_text(json.dumps({"rows": rows, "notes": notes}, indent=1))


if __name__ == "__main__":
    main()
