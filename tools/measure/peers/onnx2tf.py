"""onnx2tf: float and full-integer files. Arguments: MODEL INPUT DATA_FOLDER OUT_FOLDER."""
import shutil
import subprocess
import sys
from pathlib import Path

model, name, data, out = sys.argv[1:]
program = Path(sys.executable).parent / "onnx2tf"
run = subprocess.run([
    str(program), "-i", model, "-o", f"{out}/saved", "-oiqt", "-cind", name, f"{data}/calibration_nhwc.npy",
    "[[[[0]]]]", "[[[[1]]]]"], capture_output=True, text=True)
stem = Path(model).stem
for kind, endings in {"float": ["_float32"], "int8": ["_integer_quant", "_full_integer_quant"]}.items():
    for ending in endings:
        path = Path(out) / "saved" / f"{stem}{ending}.tflite"
        if path.exists():
            shutil.copy(path, f"{out}/{kind}.tflite")
            break
sys.stderr.write((run.stderr or run.stdout)[-4000:])
sys.exit(run.returncode)
