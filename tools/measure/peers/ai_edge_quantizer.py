"""ai-edge-quantizer on a float file that depthc wrote: every static recipe with INT8 weights and activations.
Arguments: MODEL DATA_FOLDER OUT_FOLDER [SETTING...]; writes OUT_FOLDER/int8-SETTING.tflite for every setting, or for those
named. The files have INT8 inputs and outputs."""
import sys
from pathlib import Path

sys.path.pop(0)
import numpy as np
from ai_edge_litert.interpreter import Interpreter
from ai_edge_quantizer import calibrator, quantizer, recipe
from ai_edge_quantizer.algorithm_manager import AlgorithmName
from ai_edge_quantizer.utils import qsv_utils

model, data, out, *wanted = sys.argv[1:]
source = f"{data}/float.tflite"
key = next(iter(Interpreter(source).get_signature_list()))
arrays = {path.stem: np.load(path) for path in sorted(Path(data, "calibration_nhwc").glob("*.npy"))}
samples = [{name: array[i] for name, array in arrays.items()} for i in range(len(next(iter(arrays.values()))))]


def extremes(tool):
    """The extremes of all samples instead of their moving average, which is the tool's choice."""
    statistics = calibrator.Calibrator(source, qsv_update_func=qsv_utils.min_max_update)
    statistics.calibrate({key: samples}, tool._recipe_manager)
    return statistics.get_model_qsvs()


SETTINGS = {
    "minmax-moving-average": (AlgorithmName.MIN_MAX_UNIFORM_QUANT, lambda tool: tool.calibrate({key: samples})),
    "minmax": (AlgorithmName.MIN_MAX_UNIFORM_QUANT, extremes),
    "octav": (AlgorithmName.OCTAV, lambda tool: tool.calibrate({key: samples})),
    "mse": (AlgorithmName.MSE, lambda tool: tool.calibrate({key: samples})),
}
reached = 0
for name, (algorithm, calibrate) in SETTINGS.items():
    if wanted and name not in wanted:
        continue
    try:
        tool = quantizer.Quantizer(source, recipe.static_wi8_ai8(algorithm))
        tool.quantize(calibrate(tool)).export_model(f"{out}/int8-{name}.tflite")
        reached += 1
    except Exception as error:
        print(f"{name}: {error}", file=sys.stderr)
sys.exit(0 if reached else 1)
