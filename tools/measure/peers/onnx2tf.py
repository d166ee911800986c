"""onnx2tf: float and full-integer files. Arguments: MODEL DATA_FOLDER OUT_FOLDER; writes OUT_FOLDER/float.tflite and
OUT_FOLDER/int8.tflite."""
import shutil
import subprocess
import sys
from pathlib import Path

sys.path.pop(0)
import numpy as np

model, data, out = sys.argv[1:]
model = shutil.copy(model, out)  # onnx2tf rewrites the file that it reads, even one without write permission.
command = [str(Path(sys.executable).parent / "onnx2tf"), "-i", model, "-o", f"{out}/saved", "-oiqt"]
for path in sorted(Path(data, "calibration_nhwc").glob("*.npy")):
    np.save(f"{out}/{path.name}", np.concatenate(np.load(path)))
    command += ["-cind", path.stem, f"{out}/{path.name}", "[[[[0]]]]", "[[[[1]]]]"]
run = subprocess.run(command, capture_output=True, text=True)
stem = Path(model).stem
for kind, endings in {"float": ["_float32"], "int8": ["_integer_quant", "_full_integer_quant"]}.items():
    for ending in endings:
        path = Path(out) / "saved" / f"{stem}{ending}.tflite"
        if path.exists():
            shutil.copy(path, f"{out}/{kind}.tflite")
            break
sys.stderr.write((run.stderr or run.stdout)[-4000:] + f"\nError: onnx2tf ended with {run.returncode}\n")
sys.exit(run.returncode)
