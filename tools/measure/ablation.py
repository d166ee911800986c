"""What every method of post-training quantisation gains: depthc with the methods switched on one after the other, on the
models of tools/compare-accuracy. Writes the section "Ablation" of docs/QUANTIZATION.md.

Usage: tools/ablation [--models NAME,...] [--rows TEXT,...] [--quick] [--cache DIR] [--results FILE] [--write]

`--results` keeps figures in a JSON file, to which later runs on other models or rows add; --write puts all that it holds
into the document.
"""
import argparse
import json
import re
import sys
import tempfile
from pathlib import Path

from accuracy_models import models
from accuracy_runs import convert, errors, in_litert
from common import ROOT

RANGES, BASE = "--precision int8 --no-equalization --no-bias-correction --range", "--precision int8 --no-bias-correction"
# What the table calls a row, and the options of `depthc convert` behind it.
ROWS = {
    "ranges: min-max": f"{RANGES} minmax",
    "ranges: percentile 99.99": f"{RANGES} 99.99",
    "ranges: entropy": f"{RANGES} entropy",
    "ranges: least squared error": f"{RANGES} mse",
    "... and equalisation": BASE,
    "... and bias correction (the default)": "--precision int8",
    "default, GPTQ": "--precision int8 --weights gptq",
    "default, AdaRound": "--precision int8 --weights adaround",
    "default, compensation": "--precision int8 --compensation",
    "default, compensation and GPTQ": "--precision int8 --compensation --weights gptq",
    "default, compensation and AdaRound": "--precision int8 --compensation --weights adaround",
    "default, Hilbert head": "--precision int8 --head hilbert",
    "mixed, 3 %": "--precision mixed --budget 3%",
    "mixed, 7 %": "--precision mixed --budget 7%",
    "mixed, 12 %": "--precision mixed --budget 12%",
    "mixed, 7 %, without compensation": "--precision mixed --budget 7% --no-compensation",
    "mixed, 7 %, GPTQ": "--precision mixed --budget 7% --weights gptq",
    "mixed, 7 %, Hilbert head": "--precision mixed --budget 7% --head hilbert",
}
HEADING = "## Ablation\n"
INTRODUCTION = """
AC-SQNR of depth in dB against the float model, in LiteRT with XNNPACK, on samples that were not used for calibration;
`-` where depthc refuses. Made by `tools/ablation --write`.
"""


def measure(model, row, folder):
    """AC-SQNR and RMSE of one row on one model, or the reason why there is none."""
    try:
        file, summary, seconds = convert(model, folder, "ablation", ROWS[row].split())
        results, _ = in_litert(file, model.test)
    except (SystemExit, RuntimeError) as failure:
        return {"refused": str(failure).strip().splitlines()[-1][:200]}
    error, decibels = errors(model.golden(folder), results)
    return {"acSQNR": decibels, "rmse": error, "integerShare": summary["integerShare"], "seconds": seconds}


def markdown(results):
    """The table: a row for every method, a column for every model."""
    names = list(results)
    lines = ["| | " + " | ".join(names) + " |", "|---" * (len(names) + 1) + "|"]
    for row in ROWS:
        figures = [results[name].get(row, {}).get("acSQNR") for name in names]
        if any(figure is not None for figure in figures):
            cells = ["-" if figure is None else f"{figure:.1f}" for figure in figures]
            lines.append(f"| {row} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def write(results):
    """Replaces the section of the document, or adds it at the end."""
    document = ROOT / "docs/QUANTIZATION.md"
    text = document.read_text() if document.exists() else "# Post-training quantisation\n"
    section = f"{HEADING}{INTRODUCTION}\n{markdown(results)}"
    replaced, count = re.subn(f"{HEADING}.*?(?=\n## |\\Z)", lambda _: section, text, flags=re.DOTALL)
    document.write_text(replaced if count else f"{text.rstrip()}\n\n{section}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", default="", help="names or first parts of names, such as bench or lite")
    parser.add_argument("--rows", default="", help="parts of the rows' names")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--cache")
    parser.add_argument("--results")
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    kept = Path(options.results) if options.results else None
    results = json.loads(kept.read_text()) if kept and kept.exists() else {}
    with tempfile.TemporaryDirectory() as temporary:
        cache = Path(options.cache or temporary).resolve()
        for model in models([n for n in options.models.split(",") if n], options.quick, cache):
            folder = cache / model.name
            folder.mkdir(parents=True, exist_ok=True)
            for row in ROWS:
                if any(text in row for text in options.rows.split(",")):
                    figures = measure(model, row, folder)
                    results.setdefault(model.name, {})[row] = figures
                    print(f"{model.name}, {row}: {figures}", file=sys.stderr, flush=True)
                    if kept:
                        kept.write_text(json.dumps(results, indent=1))
    print(markdown(results))
    if options.write:
        write(results)


if __name__ == "__main__":
    main()
