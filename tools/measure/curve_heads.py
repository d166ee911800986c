"""The checks of tools/suites/curve-heads, on tools/reproduce-hilbert's figures for 6 scenes."""
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from common import DEPTHC, ROOT, Checks

# Floors below what docs/HILBERT.md has for 50 scenes, by about as much as 6 scenes scatter.
LEAST_SD_GAIN = {"hilbert2": 2.0, "hilbert3": 3.0, "hilbert4": 5.0, "phase": 2.8}
LEAST_PHASE_RMSE_GAIN = {"unet": 1.1, "vit": 0.6}
LARGEST_EPE_CHANGE = 0.02  # px, of the direct and the phase networks by INT8

checks = Checks()
with tempfile.TemporaryDirectory() as folder:
    environment = os.environ | {"DEPTHC_BINARY": str(DEPTHC)}
    environment.pop("DEPTHC_SHARED", None)
    subprocess.run(
        [sys.executable, ROOT / "tools/measure/reproduce_hilbert.py", "--scenes", "6", "--rounds", "0", folder],
        check=True, env=environment, stdout=subprocess.DEVNULL)
    networks = json.loads((Path(folder) / "hilbert.json").read_text())["networks"]
checks.expect("twelve networks are bundled", len(networks) == 12)
for name, network in networks.items():
    head = name.split("-", 1)[1]
    rendered = network["data"]["rendered"]
    int8 = rendered["int8"]
    checks.expect(f"{name}: LiteRT's reference kernels give depthc's depth", network["equality"]["reference"]["maximum"] == 0)
    if head in LEAST_SD_GAIN:
        gain = int8["standardDeviationGain"]
        checks.expect(f"{name}: SD {gain:.2f}x below the direct network's", gain >= LEAST_SD_GAIN[head])
    if head == "phase":
        checks.expect(f"{name}: RMSE {int8['rmseGain']:.2f}x below", int8["rmseGain"] >= LEAST_PHASE_RMSE_GAIN[name.split("-")[0]])
        checks.expect(f"{name}: no jump", int8["jumps"] == 0)
    if head in ("direct", "phase"):
        change = abs(int8["meanError"] - rendered["float"]["meanError"])
        checks.expect(f"{name}: EPE changes by {change:.4f} px", change <= LARGEST_EPE_CHANGE)
checks.finish()
