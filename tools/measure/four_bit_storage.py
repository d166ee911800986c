"""What 4-bit activations cost in INT8 storage: nodes that are there for the limits and tables only, and time in LiteRT and
depthc, beside the same network in W8A8 and with INT4 activation tensors, which LiteRT does not run.

Usage: tools/four-bit storage [--models NAME,...] [--threads N] [--runs N] [--cache DIR] [--markdown FILE]

Nodes by name; in brackets what the others have more or fewer than W8A8. Times are medians of interleaved runs in ms.
"""
import argparse
import json
import statistics
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np

from common import ROOT, depthc, litert
from four_bit import markdown
from four_bit_files import activation_types, builtins, load
from four_bit_models import BUNDLED, cases
from four_bit_runs import convert

FORMS = {
    "W8A8": ["--precision", "int8"],
    "W4A4, INT8 storage": ["--precision", "w4a4", "--activation-storage", "int8"],
    "W4A4, INT4 storage": ["--precision", "w4a4", "--activation-storage", "int4"],
}
COUNTED = ("QUANTIZE", "MAXIMUM", "CAST", "ADD", "GATHER")


def nodes(path):
    """How often every builtin occurs; read from the file, since LiteRT refuses some of them."""
    return Counter(builtins(load(path)))


def once_in_litert(runtime):
    begin = time.perf_counter()
    runtime.invoke()
    return 1000 * (time.perf_counter() - begin)


def once_in_depthc(path, threads):
    run = depthc("bench", path, "--runs", 5, "--threads", threads, "--json", "-")
    return json.loads(run.out)["medianMilliseconds"]


def times(files, threads, runs):
    """Median milliseconds of every file in LiteRT, None where LiteRT refuses it, and in depthc."""
    runtimes, refusals = {}, {}
    for name, file in files.items():
        try:
            runtimes[name] = litert(file, threads=threads)
        except (RuntimeError, ValueError) as error:
            refusals[name] = str(error).splitlines()[0]
            continue
        for detail in runtimes[name].get_input_details():
            runtimes[name].set_tensor(detail["index"], np.zeros(detail["shape"], detail["dtype"]))
    found = {name: ([], []) for name in files}
    for _ in range(runs):
        for name, file in files.items():
            if name in runtimes:
                found[name][0].append(once_in_litert(runtimes[name]))
            found[name][1].append(once_in_depthc(file, threads))
    return {name: (statistics.median(a) if a else None, statistics.median(b)) for name, (a, b) in found.items()}, refusals


def row(model, name, file, base, measured):
    counts = nodes(file)
    shown = [f"{counts[kind]} ({counts[kind] - base[kind]:+d})" if counts != base else str(counts[kind]) for kind in COUNTED]
    runtime, own = measured
    return [model, name, str(sum(counts.values())), *shown, str(activation_types(file).get("INT4", 0)),
            "refused" if runtime is None else f"{runtime:.2f}", f"{own:.2f}", f"{Path(file).stat().st_size / 1000:.0f}"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", default=",".join(BUNDLED))
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--runs", type=int, default=9)
    parser.add_argument("--cache", type=Path, default=ROOT / "out/four-bit")
    parser.add_argument("--markdown", type=Path)
    options = parser.parse_args()
    rows, messages = [], []
    for case in cases(options.models.split(","), options.cache):
        with tempfile.TemporaryDirectory() as folder:
            files = {}
            for index, (name, arguments) in enumerate(FORMS.items()):
                files[name] = f"{folder}/{index}.tflite"
                convert(case, files[name], arguments)
            base = nodes(files["W8A8"])
            measured, refusals = times(files, options.threads, options.runs)
            rows += [row(case.name, name, file, base, measured[name]) for name, file in files.items()]
            messages += [f"{case.name}, {name}: LiteRT says: {text}" for name, text in refusals.items()]
    header = ["model", "form", "nodes", *COUNTED, "INT4 activations", "LiteRT ms", "depthc ms", "kB"]
    text = markdown(header, rows) + "\n" + "\n".join(messages)
    print(text)
    if options.markdown:
        options.markdown.write_text(text + "\n")


if __name__ == "__main__":
    main()
