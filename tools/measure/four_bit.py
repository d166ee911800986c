"""Depth at 4 bits, side by side: float, W8A8, W4A8 and W4A4 of depthc, the baselines that depthc computes itself, and its
own stages switched on one after the other, on samples that were not used for calibration.

Usage: tools/four-bit [--models NAME,...] [--tables side,baselines,ablation,shares] [--precisions w4a8,w4a4] [--scenes N]
                      [--samples N] [--cache DIR] [--csv FILE] [--markdown FILE]

Models with truth (stereo): AbsRel of depth (1 / disparity, disparities below 1 px counted as 1 px) and of disparity, RMSE
and EPE in px, D1 (worse than 3 px and 5 %), delta1, and the ratio of each AbsRel to the float network's. The others: AbsRel,
RMSE and delta1 against the float network's own output. Figures are kept in the cache by model, options and binary.
A model name ending with - stands for all that begin with it. "(rejected)": held-out samples decided against the fitted
weights, and the file has those of `nearest`. "Even steps": W4A4 without polished values. W4A4 stores 4-bit activations in INT8 tensors here; INT4
tensors hold the same integers, which tools/suites/four-bit checks.
"""
import argparse
import csv
import sys
from pathlib import Path

from common import ROOT
from four_bit_models import NAMES, cases
from four_bit_runs import Results, binary

PLAIN = "--no-compensation --no-bias-correction --no-equalization --no-channel-balancing --polish none"
PRECISIONS = {"w4a8": "--precision w4a8", "w4a4": "--precision w4a4 --activation-storage int8"}
SIDE = {"float": "--precision float", "W8A8": "--precision int8",
        "W4A8": PRECISIONS["w4a8"], "W4A4": PRECISIONS["w4a4"],
        "W4A4, even steps": f"{PRECISIONS['w4a4']} --polish none"}
# What a table calls a method, and its options beside the precision.
BASELINES = {
    "nearest, min-max, every layer at 4 bits": f"{PLAIN} --range minmax --weights nearest --eight-bit none",
    "nearest, min-max": f"{PLAIN} --range minmax --weights nearest --eight-bit ends",
    "nearest, percentile 99.99": f"{PLAIN} --range 99.99 --weights nearest --eight-bit ends",
    "AdaRound": f"{PLAIN} --range mse --weights adaround --eight-bit ends",
    "block reconstruction (BRECQ)": f"{PLAIN} --range mse --weights brecq --eight-bit ends",
    "GPTQ": f"{PLAIN} --range mse --weights gptq --eight-bit ends",
    "depthc": "",
}
STAGES = {
    "least squared error ranges, nearest": f"{PLAIN} --range mse --weights nearest --eight-bit ends",
    "... equalisation": "--no-compensation --no-bias-correction --polish none --range mse --weights nearest "
                        "--eight-bit ends",
    "... bias correction": "--no-compensation --polish none --weights nearest --eight-bit ends",
    "... GPTQ": "--no-compensation --polish none --weights gptq --eight-bit ends",
    "... AdaRound in its place": "--no-compensation --polish none --weights adaround --eight-bit ends",
    "... compensation": "--compensation --polish none --weights adaround --eight-bit ends",
    "... KFAC objective": "--compensation --polish none --weights kfac --eight-bit ends",
    "... polishing": "--compensation --polish auto --weights kfac --eight-bit ends",
    "... sensitive layers at 8 bits": "--compensation --polish auto --weights kfac --eight-bit auto",
    "the default": "",
}
# How much keeps 8 bits beyond the first and last layers.
SHARES = {f"{share} % at 8 bits": f"--eight-bit-share {share}%" for share in (10, 20, 30)}
WITH_TRUTH = [("AbsRel depth %", "absRelDepth", 100, 2), ("of float", "absRelDepth", None, 2),
              ("AbsRel disparity %", "absRelDisparity", 100, 2), ("of float", "absRelDisparity", None, 2),
              ("RMSE px", "rmse", 1, 3), ("EPE px", "epe", 1, 3), ("D1 %", "d1", 100, 2), ("delta1 %", "delta1", 100, 2)]
TO_FLOAT = [("AbsRel to float %", "absRelToFloat", 100, 2), ("RMSE to float", "rmseToFloat", 1, 4),
            ("delta1 to float %", "delta1ToFloat", 100, 2), ("AC-SQNR dB", "acSQNR", 1, 1)]
SIZES = [("kB", "bytes", 1e-3, 0)]


def rejected(figures):
    """True when held-out samples decided against the fitted weights, so that the file has those of `nearest`."""
    return any(m["name"].startswith("weights by") and not m["kept"] for m in figures.get("methods") or [])


def cells(figures, base, columns):
    if "refused" in figures:
        return ["-"] * len(columns)
    result = []
    for _, key, factor, digits in columns:
        value = figures[key] / base[key] if factor is None else figures[key] * factor
        result.append("" if value > 1e6 else f"{value:.{digits}f}{'x' if factor is None else ''}")
    return result


def markdown(header, rows):
    return "\n".join(["| " + " | ".join(header) + " |", "|---" * len(header) + "|",
                      *("| " + " | ".join(row) + " |" for row in rows)]) + "\n"


def precision(options):
    """The number format that options ask for, as tables name it."""
    return {"w4a8": "W4A8", "w4a4": "W4A4", "int8": "W8A8"}.get(options[options.index("--precision") + 1], "float")


def side(results, case):
    """Rows of one model in the side-by-side table."""
    return [(case.name, name, options.split()) for name, options in SIDE.items()]


def methods(which):
    def rows(results, case, precisions):
        return [(case.name, name, f"{PRECISIONS[p]} {options}".split())
                for p in precisions for name, options in which.items()]
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", default=",".join(NAMES))
    parser.add_argument("--tables", default="side,baselines,ablation")
    parser.add_argument("--precisions", default="w4a8,w4a4")
    parser.add_argument("--scenes", type=int, default=24, help="rendered test scenes")
    parser.add_argument("--samples", type=int, default=16, help="rendered calibration scenes")
    parser.add_argument("--cache", type=Path, default=ROOT / "out/four-bit")
    parser.add_argument("--csv", type=Path)
    parser.add_argument("--markdown", type=Path)
    options = parser.parse_args()
    results, precisions = Results(options.cache / "results"), options.precisions.split(",")
    flat, texts = [], []
    models = list(cases(options.models.split(","), options.cache, options.scenes, options.samples))
    for title in options.tables.split(","):
        for truth in (True, False):
            columns = (WITH_TRUTH if truth else TO_FLOAT) + SIZES
            rows = []
            for case in (c for c in models if (c.truth is not None) == truth):
                base = results.measure(case, SIDE["float"].split())
                wanted = side(results, case) if title == "side" else methods(
                    {"baselines": BASELINES, "ablation": STAGES, "shares": SHARES}[title])(results, case, precisions)
                for model, name, arguments in wanted:
                    figures = results.measure(case, arguments)
                    print(f"{model}, {precision(arguments)}, {name}: "
                          f"{figures.get('refused') or ' '.join(cells(figures, base, columns))}", file=sys.stderr, flush=True)
                    shown = f"{name} (rejected)" if rejected(figures) else name
                    label = [model, shown] if title == "side" else [model, precision(arguments), shown]
                    rows.append(label + cells(figures, base, columns))
                    flat.append({"table": title, "model": model, "precision": precision(arguments), "method": name,
                                 **{k: v for k, v in figures.items() if isinstance(v, (int, float, str))}})
            if rows:
                header = ["model", "bits"] if title == "side" else ["model", "bits", "method"]
                texts.append(f"### {title}, {'against the truth' if truth else 'against the float network'}\n\n"
                             + markdown(header + [c[0] for c in columns], rows))
    text = f"depthc {binary()}, {options.scenes} rendered scenes\n\n" + "\n".join(texts)
    print(text)
    if options.markdown:
        options.markdown.write_text(text)
    if options.csv:
        with open(options.csv, "w", newline="", encoding="utf-8") as file:
            fields = list(dict.fromkeys(key for row in flat for key in row))
            writer = csv.DictWriter(file, fields)
            writer.writeheader()
            writer.writerows(flat)


if __name__ == "__main__":
    main()
