"""Time and memory of files with INT4 weights beside the same codes as INT8 weights, in depthc and in LiteRT.

    .venv/bin/python tools/measure/four_bit_speed.py W4A8.tflite... [--rounds N] [--threads N]

Every file gets a twin whose INT4 weights are INT8, so that both compute the same. Rounds alternate between the files and
the runtimes, so that whatever else the machine does falls on all; the table has the least time of each, and the peak
memory of depthc for one run of each file.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path

import numpy as np
from common import depthc, litert
from four_bit_files import unpacked


def litert_milliseconds(interpreter, runs=5):
    """The least time of a run, on codes from a seed."""
    random = np.random.default_rng(1)
    for detail in interpreter.get_input_details():
        kind, shape = detail["dtype"], detail["shape"]
        values = random.random(shape) if kind == np.float32 else random.integers(-128, 128, shape)
        interpreter.set_tensor(detail["index"], values.astype(kind))
    least = float("inf")
    for _ in range(runs):
        begin = time.perf_counter()
        interpreter.invoke()
        least = min(least, 1e3 * (time.perf_counter() - begin))
    return least


def depthc_milliseconds(path, threads):
    report = depthc("bench", path, "--threads", threads, "--runs", 5, "--json", "-")
    return json.loads(report.out)["minimumMilliseconds"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="+", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    print("| file | bytes INT4 / INT8 | depthc ms INT4 / INT8 | ratio | LiteRT ms INT4 / INT8 | ratio | depthc peak MB |")
    print("|---|--:|--:|--:|--:|--:|--:|")
    with tempfile.TemporaryDirectory() as folder:
        for four in arguments.models:
            eight = Path(folder) / "int8.tflite"
            unpacked(four, eight)
            files = (four, eight)
            runtimes = [litert(path, threads=arguments.threads) for path in files]
            ours, theirs = [float("inf")] * 2, [float("inf")] * 2
            for _ in range(arguments.rounds):
                for index, path in enumerate(files):
                    ours[index] = min(ours[index], depthc_milliseconds(path, arguments.threads))
                    theirs[index] = min(theirs[index], litert_milliseconds(runtimes[index]))
            peaks = [depthc("bench", path, "--runs", 1).megabytes for path in files]
            sizes = [path.stat().st_size for path in files]
            print(f"| {four.stem} | {sizes[0]} / {sizes[1]} | {ours[0]:.2f} / {ours[1]:.2f} | {ours[0] / ours[1]:.2f} |"
                  f" {theirs[0]:.2f} / {theirs[1]:.2f} | {theirs[0] / theirs[1]:.2f} | {peaks[0]:.1f} / {peaks[1]:.1f} |",
                  flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
