"""Fits the constants of the DSP's cost model to published latencies, with other means than the program's own.

The cycles and bytes of every node come from the program (the test suite writes them: DSP_CALIBRATION_ROWS=rows.json swift
test --filter CalibrationTests); the constants, their residuals and the errors of networks left out are found here with
SciPy and recorded beside them.

    .venv/bin/python tools/measure/dsp_calibration.py rows.json Tests/DSPEmulatorTests/Recorded/calibration.json
"""
import itertools
import json
import sys

import numpy as np
import scipy.optimize

# No chip does better than this: cycles and bytes a second.
LIMITS = {"cycles": 2.2e9, "bytes": {"qcs8250": 44e9}, "otherwise": 85e9}


def predicted(row, cycles, bandwidth):
    nodes = np.array(row["nodes"])
    return row["fixed"] + np.maximum(nodes[:, 0] / cycles, nodes[:, 1] / bandwidth).sum()


def fit(machine, rows):
    limits = [np.log(LIMITS["cycles"]), np.log(LIMITS["bytes"].get(machine, LIMITS["otherwise"]))]

    def loss(point):
        point = np.minimum(point, limits)
        errors = [np.log(predicted(row, *np.exp(point)) / row["measured"]) for row in rows]
        return float(np.dot(errors, errors))

    best = None
    for start in itertools.product(np.log([5e7, 2e8, 7e8, 2e9]), np.log([2e9, 1e10, 4e10])):
        result = scipy.optimize.minimize(
            loss, start, method="Nelder-Mead",
            options={"xatol": 1e-12, "fatol": 1e-18, "maxiter": 4000, "initial_simplex": [
                start, [start[0] + 0.3, start[1]], [start[0], start[1] + 0.3]]})
        result = scipy.optimize.minimize(
            loss, result.x, method="Nelder-Mead", options={"xatol": 1e-12, "fatol": 1e-20, "maxiter": 4000})
        if best is None or result.fun < best.fun:
            best = result
    return np.exp(np.minimum(best.x, limits))


def main():
    rows_path, target = sys.argv[1:3]
    with open(rows_path, encoding="utf-8") as file:
        machines = json.load(file)
    fits = []
    for entry in machines:
        rows = entry["rows"]
        constants = fit(entry["machine"], rows)
        ratios = [predicted(row, *constants) / row["measured"] for row in rows]
        left_out = []
        for index, row in enumerate(rows):
            others = rows[:index] + rows[index + 1:]
            left_out.append(predicted(row, *fit(entry["machine"], others)) / row["measured"])
        fits.append({
            "machine": entry["machine"], "cyclesPerSecond": constants[0], "bytesPerSecond": constants[1],
            "ratios": ratios, "leftOutRatios": left_out})
        print(f"{entry['machine']}: {constants[0] / 1e9:.3f} G cycles/s, {constants[1] / 1e9:.2f} GB/s")
        for row, ratio, left in zip(rows, ratios, left_out):
            print(f"  {row['network']:24} measured {1e3 * row['measured']:8.3f} ms, predicted x {ratio:.2f}, left out x {left:.2f}")
    with open(target, "w", encoding="utf-8") as file:
        json.dump({
            "producer": f"NumPy {np.__version__}, SciPy {scipy.__version__}",
            "source": "quic/ai-hub-models v0.27.1, qai_hub_models/models/*_quantized/perf.yaml",
            "command": "tools/measure/dsp_calibration.py", "fits": fits}, file, indent=1)
        file.write("\n")


if __name__ == "__main__":
    main()
