"""Statistics files of the bundled U-Net and, with DEPTHC_SHARED, of the benchmark U-Net: the same data in 1, 2 and 8
shards, merged in random order, gives the same bytes, statistics and converted files alike; damaged files are refused in
one line; the range-only conversion of the benchmark U-Net stays within its cost. Usage: tools/suites/statistics"""
import random
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from common import DEPTHC, ROOT, SHARED, Checks, Run, depthc

SEED = 5
# 16 samples, ranges only.
SECONDS, MEGABYTES = 5, 400


def shards(checks, model, data, folder, options=()):
    """The statistics file of all samples, after holding shards against it."""
    whole = folder / "whole.stats"
    run = depthc("calibrate", model, "--data", data, *options, "-o", whole)
    print(f"    {whole.stat().st_size / 1e3:.0f} kB in {run.seconds:.1f} s, {run.megabytes:.0f} MB")
    converted = []
    for count in (1, 2, 8):
        parts = []
        for shard in range(1, count + 1):
            parts.append(folder / f"{shard}of{count}.stats")
            depthc("calibrate", model, "--data", data, *options, "-o", parts[-1], "--shard", f"{shard}/{count}",
                   "--threads", random.choice([1, 2]))
        same = True
        for order in range(3):
            random.shuffle(parts)
            cut = random.randrange(1, count) if count > 1 else 0
            rest = parts[cut:]
            if cut:
                depthc("merge", *parts[:cut], "-o", folder / "first.stats")
                rest.insert(random.randrange(len(rest) + 1), folder / "first.stats")
            depthc("merge", *rest, "-o", folder / "merged.stats")
            same &= (folder / "merged.stats").read_bytes() == whole.read_bytes()
        checks.expect(f"{count} shards, merged in three random orders: the same statistics", same)
        for precision in ("int8", "int16x8"):
            out = folder / f"{count}{precision}.tflite"
            depthc("convert", model, "-o", out, "--precision", precision, "--statistics", folder / "merged.stats",
                   *options)
            converted.append(out)
    for precision in ("int8", "int16x8"):
        direct = folder / f"direct{precision}.tflite"
        depthc("convert", model, "-o", direct, "--precision", precision, "--calibration", data, *options,
               "--no-equalization", "--no-bias-correction")
        files = {f.read_bytes() for f in [direct, *(f for f in converted if f.name.endswith(f"{precision}.tflite"))]}
        checks.expect(f"{precision} files of all of them and of --calibration: the same bytes", len(files) == 1)
    return whole


def damage(checks, model, stats, folder):
    """Cut and changed files are converted or refused with one line; nothing crashes."""
    data = stats.read_bytes()
    bad = folder / "bad.stats"
    crashes = refused = 0
    for round in range(40):
        changed = bytearray(data[: random.randrange(len(data))] if round % 2 else data)
        if not round % 2:
            for _ in range(4):
                changed[random.randrange(min(len(changed), 2000 if round % 4 else len(changed)))] = random.randrange(256)
        bad.write_bytes(changed)
        run = Run([DEPTHC, "convert", model, "-o", folder / "bad.tflite", "--precision", "int8", "--statistics", bad])
        errors = [line for line in run.err.splitlines() if line.startswith("error[")]
        refused += run.code == 65
        crashes += run.code not in (0, 65) or run.timed_out or (run.code == 65) != (len(errors) == 1)
    checks.expect(f"40 damaged files: {refused} refused, none crashes", crashes == 0 and refused > 20)


def main():
    random.seed(SEED)
    checks = Checks()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        print("bundled U-Net")
        model, options = ROOT / "golden/networks/unet-direct.onnx", ("--recipe", "stereo_direct")
        (folder / "bundled").mkdir()
        stats = shards(checks, model, ROOT / "golden/scenes/calibration", folder / "bundled", options)
        damage(checks, model, stats, folder)
        other = Run([DEPTHC, "convert", ROOT / "golden/networks/vit-direct.onnx", "-o", folder / "x.tflite", "--precision",
                     "int8", "--statistics", stats])
        checks.expect("another model's statistics are refused", other.code == 65 and "another model" in other.err)
        if SHARED:
            print("benchmark U-Net")
            script = Path(SHARED) / "tools/bench_models.py"
            subprocess.run([sys.executable, str(script), name], check=True, stdout=subprocess.DEVNULL)
            data = folder / "samples"
            data.mkdir()
            for i, sample in enumerate(np.load(folder / "unet_calib.npy")):
                np.save(data / f"{i:03}.npy", sample[None])
            run = depthc("convert", folder / "unet.onnx", "-o", folder / "unet.tflite", "--precision", "int8",
                         "--calibration", data, "--no-equalization", "--no-bias-correction", "--threads", 2)
            checks.expect(f"ranges only: {run.seconds:.1f} s (at most {SECONDS})", run.seconds <= SECONDS)
            checks.expect(f"{run.megabytes:.0f} MB (at most {MEGABYTES})", run.megabytes <= MEGABYTES)
        else:
            checks.skipped += 1
    checks.finish()


if __name__ == "__main__":
    main()
