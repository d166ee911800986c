"""Prints what tools/quickstart made as a short table. Arguments: OUTPUT_FOLDER NETWORK..."""
import json
import sys
from pathlib import Path

from common import ROOT, table

out = Path(sys.argv[1])
rows = [("network", "source", "INT8 file", "RMSE to float", "SQNR", "latency (median)")]
for network in sys.argv[2:]:
    error = json.loads((out / network / "validate.json").read_text())["outputs"][0]
    statistics = error["statistics"]
    rows.append((
        network, (ROOT / f"golden/networks/{network}.onnx").stat().st_size, (out / f"{network}.tflite").stat().st_size,
        f"{statistics['rootMeanSquare']:.4f} {error['unit']}", f"{statistics['sqnr']:.1f} dB",
        f"{json.loads((out / network / 'bench.json').read_text())['medianMilliseconds']:.1f} ms"))
table(rows)
