"""Converts HITNet to float and INT8 and holds the files against ONNX Runtime, LiteRT and ONNX Runtime's own static
quantisation, all in one run. Usage: tools/suites/hitnet [--no-peer]   (--no-peer skips ONNX Runtime's quantisation)"""
import json
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnx
import onnxruntime

import middlebury
from common import (Checks, depthc, depthc_run, fit, litert, litert_run, operators, rmse, skip_without_shared, table)


def session(path):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 2
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def quantize_with_onnxruntime(model, samples, folder):
    """ONNX Runtime's static quantisation as its users run it: opset raised to 13, QDQ, per channel, min-max."""
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

    class Reader(CalibrationDataReader):
        def __init__(self):
            self.rest = iter([{"input": s} for s in samples])

        def get_next(self):
            return next(self.rest, None)

    raised = onnx.version_converter.convert_version(onnx.load(model), 13)
    onnx.save(raised, f"{folder}/opset13.onnx")
    quantize_static(
        f"{folder}/opset13.onnx", f"{folder}/peer.onnx", Reader(), quant_format=QuantFormat.QDQ, per_channel=True,
        activation_type=QuantType.QInt8, weight_type=QuantType.QInt8)
    return session(f"{folder}/peer.onnx")


def main():
    shared = skip_without_shared()
    checks = Checks()
    model = shared / "models/onnx/depth/hitnet_240x320_fp32.onnx"
    reference = session(model)
    inputs = {scene: middlebury.whole(shared, scene) for scene in middlebury.SCENES}
    golden = {scene: reference.run(None, {"input": x})[0] for scene, x in inputs.items()}
    samples = [c for scene in ("cones", "teddy", "Cloth3") for c in middlebury.crops(shared, scene)]

    with tempfile.TemporaryDirectory() as folder:
        print("HITNet, float")
        run = depthc("convert", model, "-o", f"{folder}/float.tflite", "--precision", "float")
        size = Path(f"{folder}/float.tflite").stat().st_size
        checks.expect(f"file of {size / 1e6:.2f} MB (at most 6) in {run.seconds:.1f} s, {run.megabytes:.0f} MB", size <= 6e6)
        runtime = litert(f"{folder}/float.tflite")
        builtin = litert(f"{folder}/float.tflite", "builtin")
        for scene, x in inputs.items():
            nhwc = fit(x, runtime)
            results = {
                "LiteRT": litert_run(runtime, [nhwc])[0], "LiteRT without XNNPACK": litert_run(builtin, [nhwc])[0],
                "depthc": next(iter(depthc_run(f"{folder}/float.tflite", {"input": nhwc}).values())),
                "depthc on the source": next(iter(depthc_run(model, {"input": x}).values())),
            }
            for name, result in results.items():
                worst = float(np.abs(result - golden[scene]).max())
                checks.expect(f"{scene}, {name}: within {worst:.5f} px of ONNX Runtime (at most 0.005)", worst <= 0.005)

        print("HITNet, INT8, calibrated on 15 crops of cones, teddy and Cloth3, tested on Motorcycle")
        calibration = Path(folder) / "calibration"
        calibration.mkdir()
        for i, sample in enumerate(samples):
            np.save(calibration / f"{i:03}.npy", sample)
        run = depthc(
            "convert", model, "-o", f"{folder}/int8.tflite", "--precision", "int8", "--calibration", calibration,
            "--json", f"{folder}/report.json", "--threads", 2)
        size = Path(f"{folder}/int8.tflite").stat().st_size
        checks.expect(f"converts in {run.seconds:.1f} s (under 60)", run.seconds < 60)
        checks.expect(f"with {run.megabytes:.0f} MB (under 1500)", run.megabytes < 1500)
        checks.expect(f"to {size / 1e6:.2f} MB (at most 3)", size <= 3e6)
        report = json.loads(Path(f"{folder}/report.json").read_text())
        share = report["integerShare"]
        checks.expect(f"{share * 100:.2f} % of the multiply-accumulates on INT8 (at least 95)", share >= 0.95)
        for group in report["float"]:
            print(f"    float, {group['reason']}: {', '.join(f'{n} {op}' for op, n in group['operators'].items())}")
        counts = operators(f"{folder}/int8.tflite")
        transposes = counts.get("TRANSPOSE", 0)
        checks.expect(f"{transposes} TRANSPOSE (at most 6; the source has 80)", transposes <= 6)

        scene = "Motorcycle"
        nhwc = fit(inputs[scene], litert(f"{folder}/int8.tflite", "builtin"))
        results = {
            "depthc": next(iter(depthc_run(f"{folder}/int8.tflite", {"input": nhwc}).values())),
            "depthc reference engine": next(
                iter(depthc_run(f"{folder}/int8.tflite", {"input": nhwc}, engine="reference").values())),
            "LiteRT XNNPACK": litert_run(litert(f"{folder}/int8.tflite"), [nhwc])[0],
            "LiteRT without XNNPACK": litert_run(litert(f"{folder}/int8.tflite", "builtin"), [nhwc])[0],
        }
        if "--no-peer" not in sys.argv:
            results["ONNX Runtime static INT8"] = quantize_with_onnxruntime(model, samples, folder).run(
                None, {"input": inputs[scene]})[0]
        rows = [("engine", "RMSE px", "mean", "median", "90 %", "max")]
        for name, result in results.items():
            error = np.abs(result - golden[scene])
            rows.append((name, f"{rmse(result, golden[scene]):.3f}", f"{error.mean():.3f}", f"{np.median(error):.3f}",
                         f"{np.percentile(error, 90):.3f}", f"{error.max():.2f}"))
        table(rows)
        peer = results.get("ONNX Runtime static INT8")
        for name in ("depthc", "LiteRT XNNPACK"):
            if peer is not None:
                ours, theirs = rmse(results[name], golden[scene]), rmse(peer, golden[scene])
                checks.expect(f"{name}: RMSE {ours:.3f} px below ONNX Runtime's {theirs:.3f}", ours < theirs)
        same = np.array_equal(results["depthc"], results["depthc reference engine"])
        checks.expect("both engines give the same bits", same)
        differing = float(np.mean(results["depthc"] != results["LiteRT without XNNPACK"]))
        print(f"    {differing * 100:.3f} % of the output pixels differ from LiteRT without XNNPACK")
        data = Path(folder) / "data"
        data.mkdir()
        np.save(data / "000.npy", inputs[scene])
        depthc("compare", model, f"{folder}/int8.tflite", "--data", data, "--layers", "--json", f"{folder}/layers.json")
        layers = json.loads(Path(f"{folder}/layers.json").read_text())["layers"]
        print("    where the error enters: the first layers, and those that lose most against the layer before them")

        def sqnr(i):
            return min(float(layers[i]["sqnr"]), 200.0)

        losses = sorted(range(1, len(layers)), key=lambda i: sqnr(i) - sqnr(i - 1))[:12]
        rows = [("layer", "SQNR dB", "before dB", "type")]
        for i in [0, 1, 2, *sorted(losses)]:
            rows.append((layers[i]["name"].split(";")[0][-60:], f"{sqnr(i):.1f}",
                         f"{sqnr(i - 1):.1f}" if i else "", layers[i]["type"]))
        table(rows)
    checks.finish()


if __name__ == "__main__":
    main()
