"""One conversion and what its file's depth is worth: kept in a folder of JSON files, one for every model, options and
binary of depthc, so that a second run costs nothing."""
import functools
import hashlib
import json
import tempfile
from pathlib import Path

import numpy as np

from common import DEPTHC, Run, ac_sqnr

# Disparities below this many px are counted as this when they become depths.
LEAST_DISPARITY = 1.0


@functools.cache
def binary():
    """Names the binary that converts."""
    return hashlib.sha256(DEPTHC.read_bytes()).hexdigest()[:12]


def predict(file, case, folder, samples=None):
    """The first output of a file on the test samples, in depthc's fast engine: an array with a map for every sample."""
    limit = ["--samples", samples] if samples else []
    run = Run([DEPTHC, "golden", file, "--data", case.test, "-o", folder, *case.common, *limit], limit=3600)
    if run.code != 0:
        raise RuntimeError(f"golden: {reason(run)}")
    recorded = json.loads((Path(folder) / "case.json").read_text())
    maps = [np.load(Path(folder) / name / "outputs" / recorded["outputs"][0]["file"]) for name in recorded["samples"]]
    return np.stack([m.squeeze().astype(np.float64) for m in maps])


def against_truth(truth, found):
    """Errors of disparity over all pixels whose truth is known, and AbsRel and delta1 of depth, 1 / disparity."""
    known = truth > 0
    right, got = truth[known], found[known]
    error = np.abs(got - right)
    ratio = np.maximum(got, LEAST_DISPARITY) / right
    return {
        "absRelDepth": float(np.mean(np.abs(1 / ratio - 1))), "absRelDisparity": float(np.mean(error / right)),
        "rmse": float(np.sqrt(np.mean(error ** 2))), "epe": float(error.mean()),
        "d1": float(np.mean((error > 3) & (error > 0.05 * right))),
        "delta1": float(np.mean(np.maximum(ratio, 1 / ratio) < 1.25))}


def against_float(golden, found):
    """Errors to the float network's own output; relative ones where this is above 1 % of its largest value."""
    error = np.abs(found - golden)
    large = golden > 0.01 * golden.max()
    ratio = np.maximum(found[large], 1e-9) / golden[large]
    return {
        "absRelToFloat": float(np.mean(error[large] / golden[large])), "rmseToFloat": float(np.sqrt(np.mean(error ** 2))),
        "delta1ToFloat": float(np.mean(np.maximum(ratio, 1 / ratio) < 1.25)),
        "acSQNR": ac_sqnr(golden, found)}


def reason(run):
    """Why a command failed, in depthc's words."""
    for line in reversed(run.err.strip().splitlines()):
        try:
            return json.loads(line)["message"]
        except (ValueError, KeyError, TypeError):
            continue
    return (run.err.strip().splitlines() or [f"ended with {run.code}"])[-1]


def convert(case, target, options, limit=3600):
    """`depthc convert`; the finished command and its JSON summary, or RuntimeError with depthc's reason."""
    summary = Path(target).with_suffix(".json")
    quantised = ["--calibration", case.calibration, "--samples", case.samples, *case.options]
    run = Run([DEPTHC, "convert", case.source, "-o", target, "--json", summary, *case.common,
               *([] if "float" in options else quantised), *options], limit=limit)
    if run.code != 0:
        raise RuntimeError("took too long" if run.timed_out else reason(run))
    return run, json.loads(summary.read_text())


class Results:
    """Figures of conversions, kept in `folder`."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)

    def path(self, case, options):
        text = json.dumps([case.name, [str(o) for o in case.options + list(options)], case.samples,
                           sorted(p.name for p in case.test.iterdir()), case.calibration.name])
        return self.folder / f"{case.name}-{hashlib.sha256(text.encode()).hexdigest()[:10]}-{binary()}.json"

    def golden(self, case):
        """The float network's depth, by depthc."""
        kept = self.folder / f"{case.name}-{len(list(case.test.iterdir()))}-{binary()}-float.npy"
        if not kept.exists():
            self.measure(case, ["--precision", "float"])
        return np.load(kept)

    def measure(self, case, options):
        """The figures of one conversion: errors, bytes, seconds, megabytes, or {"refused": reason}."""
        path = self.path(case, options)
        if path.exists():
            return json.loads(path.read_text())
        is_float = list(options) == ["--precision", "float"]
        with tempfile.TemporaryDirectory() as folder:
            try:
                run, summary = convert(case, f"{folder}/model.tflite", options)
                found = predict(f"{folder}/model.tflite", case, f"{folder}/golden")
                if is_float:
                    np.save(self.folder / f"{case.name}-{len(found)}-{binary()}-float.npy", found)
                figures = {
                    "bytes": summary["outputBytes"], "integerShare": summary.get("integerShare", 0.0), "seconds": run.seconds,
                    "processor": run.processor_seconds,
                    "megabytes": run.megabytes, "methods": summary.get("methods"),
                    **against_float(found if is_float else self.golden(case), found)}
                if case.truth is not None:
                    figures |= against_truth(case.truth, found)
                lines = [line for line in (run.err + run.out).splitlines() if "/s," not in line]
                figures["messages"] = lines
            except RuntimeError as failure:
                figures = {"refused": str(failure)[:300]}
        path.write_text(json.dumps({"model": case.name, "options": [str(o) for o in options], **figures}, indent=1) + "\n")
        return figures
