"""ai-edge-quantizer on the float file that depthc wrote. Arguments: MODEL INPUT DATA_FOLDER OUT_FOLDER."""
import sys
from pathlib import Path

sys.path.pop(0)
import numpy as np
from ai_edge_litert.interpreter import Interpreter
from ai_edge_quantizer import quantizer, recipe

model, name, data, out = sys.argv[1:]
source = f"{data}/depthc_float.tflite"
interpreter = Interpreter(source)
signatures = interpreter.get_signature_list()
key, inputs = next(iter(signatures.items())) if signatures else ("serving_default", {"inputs": [name]})
samples = np.load(f"{data}/calibration_nhwc.npy")
tool = quantizer.Quantizer(source, recipe.static_wi8_ai8())
calibration = tool.calibrate({key: [{inputs["inputs"][0]: x[None]} for x in samples]})
tool.quantize(calibration).export_model(f"{out}/int8.tflite")
