"""Converting a model with depthc under given options, and the depth that files give, in the runtimes that run them."""
import json
from pathlib import Path

import numpy as np
import onnxruntime

from common import ac_sqnr, depthc, depthc_run, litert, litert_float_run, rmse


def convert(model, folder, name, options):
    """`depthc convert` with a list of options; returns the file, depthc's JSON summary and the seconds it took."""
    file, summary = Path(folder, f"depthc-{name}.tflite"), Path(folder, f"depthc-{name}.json")
    run = depthc("convert", model.source, "-o", file, "--calibration", model.samples(folder), "--json", summary, *options,
                 limit=3600)
    return file, json.loads(summary.read_text()), run.seconds


def in_litert(file, samples):
    """The first output under XNNPACK (which runs what it refuses with LiteRT's own kernels), and the runtime's name; the
    kernels without XNNPACK where it refuses the whole file."""
    for resolver, name in (("default", "LiteRT"), ("builtin", "LiteRT without XNNPACK")):
        try:
            interpreter = litert(file, resolver)
            return [litert_float_run(interpreter, list(sample.values()))[0] for sample in samples], name
        except (RuntimeError, ValueError) as error:
            failure = str(error).strip().splitlines()[-1]
    raise RuntimeError(failure)


def in_depthc(file, samples):
    """The first output in depthc."""
    interpreter = litert(file)
    shapes = {detail["name"]: tuple(detail["shape"]) for detail in interpreter.get_input_details()}
    first = interpreter.get_output_details()[0]["name"].replace("/", "_")
    results = []
    for sample in samples:
        inputs = {name: x if x.shape == shapes[name] else x.transpose(0, 2, 3, 1).copy() for name, x in sample.items()}
        results.append(depthc_run(file, inputs)[first])
    return results


def in_onnxruntime(file, samples):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
    return [session.run(None, sample)[0] for sample in samples]


def errors(golden, results):
    """RMSE and AC-SQNR over all test samples; `results` may be channels-last."""
    found = np.concatenate([result.reshape(golden[:1].shape) for result in results])
    return rmse(found, golden), ac_sqnr(golden, found)
