"""ONNX Runtime's static quantisation (QDQ, per channel) with signed and unsigned activations, ranges by min-max and by
percentile. Arguments: MODEL DATA_FOLDER OUT_FOLDER [SETTING...]; writes OUT_FOLDER/int8-SETTING.onnx for every setting, or
for those named."""
import sys
from pathlib import Path

sys.path.pop(0)
import numpy as np
import onnx
from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

model, data, out, *wanted = sys.argv[1:]
source = f"{out}/source.onnx"
loaded = onnx.load(model)
if loaded.opset_import[0].version < 13:  # Per-channel DequantizeLinear begins there.
    loaded = onnx.version_converter.convert_version(loaded, 13)
onnx.save(loaded, source)
arrays = {path.stem: np.load(path) for path in sorted(Path(data, "calibration").glob("*.npy"))}
try:
    # Folds the shape arithmetic in front of a Resize, whose scales are rounded otherwise, so that the file does not run.
    quant_pre_process(source, f"{out}/prepared.onnx", skip_symbolic_shape=True)
    source = f"{out}/prepared.onnx"
except Exception as error:
    print(f"quant_pre_process: {error}", file=sys.stderr)


class Reader(CalibrationDataReader):
    """Samples, one stride after the other: otherwise percentiles keep every tensor of all samples in memory."""

    def __init__(self):
        self.set_range(0, len(self))

    def __len__(self):
        return len(next(iter(arrays.values())))

    def set_range(self, start_index, end_index):
        self.rest = iter([{name: array[i] for name, array in arrays.items()} for i in range(start_index, end_index)])

    def get_next(self):
        return next(self.rest, None)


reached = 0
for method in (CalibrationMethod.MinMax, CalibrationMethod.Percentile):
    for activations in (QuantType.QInt8, QuantType.QUInt8):
        setting = f"{method.name.lower()}-{activations.name.lower()}"
        if wanted and setting not in wanted:
            continue
        try:
            quantize_static(
                source, f"{out}/int8-{setting}.onnx", Reader(), quant_format=QuantFormat.QDQ, per_channel=True,
                activation_type=activations, weight_type=QuantType.QInt8, calibrate_method=method,
                calibration_cache_path=f"{out}/{method.name}.json", extra_options={"CalibStridedMinMax": 1})
            reached += 1
        except Exception as error:
            print(f"{setting}: {error}", file=sys.stderr)
sys.exit(0 if reached else 1)
