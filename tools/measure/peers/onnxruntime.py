"""ONNX Runtime's static quantisation (QDQ, per channel, min-max). Arguments: MODEL INPUT DATA_FOLDER OUT_FOLDER."""
import sys

sys.path.pop(0)
import numpy as np
import onnx
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

model, name, data, out = sys.argv[1:]
source = onnx.load(model)
if source.opset_import[0].version < 13:
    source = onnx.version_converter.convert_version(source, 13)
onnx.save(source, f"{out}/source.onnx")


class Reader(CalibrationDataReader):
    rest = iter([{name: x[None]} for x in np.load(f"{data}/calibration.npy")])

    def get_next(self):
        return next(self.rest, None)


quantize_static(f"{out}/source.onnx", f"{out}/int8.onnx", Reader(), quant_format=QuantFormat.QDQ, per_channel=True,
                activation_type=QuantType.QInt8, weight_type=QuantType.QInt8)
