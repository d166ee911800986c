"""Prints what tools/quickstart made as a short table. Arguments: OUTPUT_FOLDER SOURCE_MODEL."""
import json
import sys
from pathlib import Path

from common import table

out, source = Path(sys.argv[1]), Path(sys.argv[2])


def read(name):
    return json.loads((out / name).read_text())


error = read("validate.json")["outputs"][0]
rows = [("model", "bytes", "RMSE to float", "SQNR", "latency (median)")]
rows.append((source.name, source.stat().st_size, "", "", ""))
for kind in ("float", "int8"):
    path = out / f"stereo_unet_{kind}.tflite"
    statistics = error["statistics"] if kind == "int8" else None
    rows.append((
        path.name, path.stat().st_size,
        f"{statistics['rootMeanSquare']:.3f} {error['unit']}" if statistics else "",
        f"{statistics['sqnr']:.1f} dB" if statistics else "",
        f"{read(f'bench_{kind}.json')['medianMilliseconds']:.1f} ms"))
table(rows)
pictures = sorted((out / "disparity").glob("*.png"))
print(f"disparity: {', '.join(str(p) for p in pictures)}")
