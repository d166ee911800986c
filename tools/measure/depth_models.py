"""Third-party depth models the whole way: recorded in LiteRT or ONNX Runtime, run by both engines, exported, exported
again, run in LiteRT, and the float ones converted to INT8. Usage: tools/suites/depth-models [--only TEXT]"""
import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from common import ROOT, Checks, ac_sqnr, depthc, litert, litert_run, skip_without_shared, table

REFERENCE, BUILTIN = "BUILTIN_REF", "BUILTIN_WITHOUT_DEFAULT_DELEGATES"
LITE_MONO = [f"onnx/depth/lite-mono-{size}_640x192_decoder.onnx" for size in ("tiny", "small", "8m")]
# The hybrid operators quantise activations by the extremes of each tensor, so that one unit in the last place of a float
# sum can move codes behind it: engines that sum floats in another order than LiteRT leave `approximate`. Such a model is
# held to this share of the range at the 99.9th percentile instead, and counted as skipped.
HYBRID_LIMIT = {"pydnet": 0.03}
# Model, recipe, resolver of the recording, samples, engines. Plain Swift takes minutes for PyDNet++.
CASES = [
    ("tflite/depth/fast_depth_224_int8.tflite", "fast_depth", REFERENCE, 10, ["fast", "reference"]),
    ("tflite/depth/mcu/models__depth_full_quant.tflite", "mcu_depth", REFERENCE, 10, ["fast", "reference"]),
    ("tflite/depth/mcu/models__depth_qat_int8.tflite", "mcu_depth_qat", REFERENCE, 10, ["fast", "reference"]),
    ("tflite/depth/mcu/models__depth_model_fp32.tflite", "mcu_depth", REFERENCE, 10, ["fast", "reference"]),
    ("tflite/depth/mcu/models__depth_model_quant8_dynR.tflite", "mcu_depth", BUILTIN, 10, ["fast", "reference"]),
    ("tflite/depth/mcu/models_64x64__depth_model_fp32.tflite", "mcu_depth_64", REFERENCE, 10, ["fast", "reference"]),
    ("tflite/depth/pydnet++_448x640_dynint8.tflite", "pydnet", BUILTIN, 2, ["fast"]),
    *[(model, "lite_mono_decoder", None, 2, ["fast", "reference"]) for model in LITE_MONO],
]


def record(model, recipe, resolver, count, folder, shared):
    """A golden set of the foreign runtime; pictures for models that take them, else seeded random numbers."""
    command = [sys.executable, ROOT / "tools/record_golden.py", model, "-o", folder, "--recipe", recipe]
    if resolver:
        command += ["--resolver", resolver]
    if recipe == "lite_mono_decoder":
        command += ["--random", str(count), "--seed", "11"]
    else:
        pictures = sorted((shared / "data/calib_rgb").glob("*.png"))
        command += ["--images", *pictures[:count]]
    subprocess.run([str(part) for part in command], check=True, stdout=subprocess.DEVNULL)
    return json.loads((folder / "case.json").read_text())


def validation(model, golden, *options):
    """The report of `depthc validate`, and whether it was satisfied."""
    run = depthc("validate", model, "--golden", golden, "--json", "-", *options, check=False)
    if run.code not in (0, 1):
        return None, run.err.strip().splitlines()[-1:]
    return json.loads(run.out), run.code == 0


def expect_recorded(checks, what, recipe, report, good):
    """The recorded outputs, within the set's tolerance or what is known of the recipe's models."""
    if good is True or recipe not in HYBRID_LIMIT or report is None:
        return checks.expect(what, good is True)
    shares = [float(o["statistics"]["percentile999"]) / float(o["statistics"]["referenceRange"]) for o in report["outputs"]]
    checks.expect(f"{what}: outside, 99.9 % within {max(shares):.2g} of the range", max(shares) <= HYBRID_LIMIT[recipe])
    checks.skipped += 1
    print(f"  SKIPPED {what}", flush=True)


def recorded(case, folder):
    """Inputs and outputs of every sample, by name."""
    for sample in case["samples"]:
        yield [
            {entry["name"]: np.load(folder / sample / part / entry["file"]) for entry in case[part]}
            for part in ("inputs", "outputs")
        ]


def open_litert(path, kind):
    """LiteRT's kernels of a kind, or its optimised ones where the reference kernels lack an operator (ELU)."""
    return litert(path, kind if kind != "reference" or has_reference(path) else "builtin", threads=1)


def has_reference(path):
    """Whether LiteRT's reference kernels run the file."""
    try:
        litert(path, "reference", threads=1)
        return True
    except (RuntimeError, ValueError):
        return False


def in_litert(path, case, folder, kind):
    """Outputs of an exported file in LiteRT, with the reference's, by sample; layouts as the file's metadata says."""
    interpreter = open_litert(path, kind)
    inspected = json.loads(depthc("inspect", path, "--json").out)
    ports = {part: inspected["metadata"][part] for part in ("inputs", "outputs")}
    own_inputs = [detail["name"] for detail in interpreter.get_input_details()]
    own_outputs = [detail["name"] for detail in interpreter.get_output_details()]
    by_own = {part: {port["name"]: port for port in ports[part]} for part in ports}
    for inputs, outputs in recorded(case, folder):
        values = []
        for name in own_inputs:
            port = by_own["inputs"][name]
            value = inputs[port["sourceName"]]
            values.append(value.transpose(port["permutation"]) if port.get("permutation") else value)
        results = dict(zip(own_outputs, litert_run(interpreter, values)))
        for name, port in by_own["outputs"].items():
            value = results[name]
            if port.get("permutation"):
                value = value.transpose(np.argsort(port["permutation"]))
            yield port["sourceName"], value, outputs[port["sourceName"]], inputs


def float_weights(model, target):
    """A float copy of a dynamic-range file, made with LiteRT's own schema: int8 weights become scale * (code - zero)."""
    from ai_edge_litert import schema_py_generated as schema
    import flatbuffers

    root = schema.ModelT.InitFromPackedBuf(bytearray(model.read_bytes()), 0)
    graph = root.subgraphs[0]
    stored = set()
    for index, tensor in enumerate(graph.tensors):
        data = root.buffers[tensor.buffer].data
        if tensor.type != schema.TensorType.INT8 or data is None or len(data) == 0:
            continue
        stored.add(index)
        codes = np.frombuffer(bytes(bytearray(data)), np.int8).reshape(tensor.shape).astype(np.float32)
        scale = np.asarray(tensor.quantization.scale, np.float32)
        zero = np.asarray(tensor.quantization.zeroPoint, np.float32)
        if scale.size > 1:
            shape = [1] * codes.ndim
            shape[tensor.quantization.quantizedDimension] = -1
            scale, zero = scale.reshape(shape), zero.reshape(shape)
        buffer = schema.BufferT()
        buffer.data = np.frombuffer((scale * (codes - zero)).astype(np.float32).tobytes(), np.uint8)
        root.buffers.append(buffer)
        tensor.buffer, tensor.type, tensor.quantization = len(root.buffers) - 1, schema.TensorType.FLOAT32, None
    codes = [code.builtinCode for code in root.operatorCodes]
    plain = {}
    for operation in graph.operators:
        if codes[operation.opcodeIndex] == schema.BuiltinOperator.DEQUANTIZE and operation.inputs[0] in stored:
            plain[operation.outputs[0]] = operation.inputs[0]
    graph.operators = [o for o in graph.operators if o.outputs[0] not in plain]
    for operation in graph.operators:
        operation.inputs = [plain.get(int(i), int(i)) for i in operation.inputs]
    builder = flatbuffers.Builder(1 << 20)
    builder.Finish(root.Pack(builder), b"TFL3")
    target.write_bytes(bytes(builder.Output()))


def check_export(checks, model, case, golden, folder, integer):
    """Exports and their repetition: same bytes, and LiteRT's results."""
    files = [folder / f"{name}.tflite" for name in ("one", "two", "again")]
    depthc("convert", model, "-o", files[0], "--threads", 1)
    depthc("convert", model, "-o", files[1], "--threads", 2)
    checks.expect("the same bytes with 1 and 2 threads", files[0].read_bytes() == files[1].read_bytes())
    depthc("convert", files[0], "-o", files[2])
    checks.expect("exported again: the same bytes", files[0].read_bytes() == files[2].read_bytes())
    report, good = validation(files[0], golden)
    expect_recorded(checks, f"exported file in depthc: {case['tolerance']['name']}", case["recipe"], report, good)
    same, worst = True, 0.0
    for _, value, reference, _ in in_litert(files[0], case, golden, "reference" if integer else "builtin"):
        same &= np.array_equal(value, reference)
        scale = np.ptp(reference.astype(np.float64)) or 1
        worst = max(worst, float(np.quantile(np.abs(value.astype(np.float64) - reference), 0.999) / scale))
    if integer:
        checks.expect("exported file in LiteRT: the same bytes as the source", same)
    else:
        checks.expect(f"exported file in LiteRT: 99.9 % within {worst:.1e} of the range", worst <= 1e-4)
    return files[0]


def check_float(checks, model, case, golden, folder):
    """A dynamic-range source as a float file, held against a float file that was made without depthc."""
    own, other = folder / "float.tflite", folder / "other_float.tflite"
    depthc("convert", model, "-o", own, "--precision", "float")
    float_weights(model, other)
    interpreter = litert(other, "builtin", threads=1)
    names = [detail["name"] for detail in interpreter.get_output_details()]
    worst = 0.0
    for name, value, _, inputs in in_litert(own, case, golden, "builtin"):
        reference = dict(zip(names, litert_run(interpreter, list(inputs.values()))))[name]
        scale = np.ptp(reference) or 1
        worst = max(worst, float(np.quantile(np.abs(value - reference), 0.999) / scale))
    checks.expect(f"float weights: 99.9 % within {worst:.1e} of a float file made in Python", worst <= 1e-4)


def check_int8(checks, model, case, golden, folder):
    """INT8 from the recorded inputs: error, and how many of LiteRT's results depthc repeats."""
    file = folder / "int8.tflite"
    run = depthc("convert", model, "-o", file, "--precision", "int8", "--calibration", golden, "--json", folder / "c.json")
    summary = json.loads((folder / "c.json").read_text())
    report, _ = validation(file, golden, "--min-sqnr=-1000")
    sqnr = [float(output["statistics"]["acSQNR"]) for output in report["outputs"]]
    depthc("golden", file, "--data", golden, "-o", folder / "own")
    own_case = json.loads((folder / "own/case.json").read_text())
    differing = steps = 0
    own = list(recorded(own_case, folder / "own"))
    theirs = {}
    for index, (name, value, _, _) in enumerate(in_litert(file, case, golden, "reference")):
        theirs.setdefault(name, []).append(value)
    inspected = json.loads(depthc("inspect", file, "--json").out)
    permutations = {port["sourceName"]: port.get("permutation") for port in inspected["metadata"]["outputs"]}
    count = 0
    for name, values in theirs.items():
        for (_, outputs), value in zip(own, values):
            mine = outputs[name]
            if permutations[name]:
                mine = mine.transpose(np.argsort(permutations[name]))
            levels = np.unique(value)
            step = np.diff(levels).min() if levels.size > 1 else 1
            differing += int((mine != value).sum())
            steps = max(steps, float(np.abs(mine.astype(np.float64) - value).max() / step))
            count += value.size
    share = differing / max(count, 1)
    # Against the reference kernels one step, from float operators; LiteRT's optimised kernels, which stand in where the
    # reference has no ELU, also round resizing otherwise, and that passes through the layers behind.
    exact = has_reference(file)
    checks.expect(
        f"INT8: AC-SQNR {', '.join(f'{s:.1f}' for s in sqnr)} dB, {100 * summary['integerShare']:.1f} % of the "
        f"multiply-accumulates, {100 * share:.3g} % of LiteRT's results differ (up to {steps:.2g} steps{'' if exact else ', optimised kernels'})",
        steps <= (1.01 if exact else 2.01))
    return min(sqnr), run.seconds, file.stat().st_size


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="")
    options = parser.parse_args()
    shared = skip_without_shared()
    checks, rows = Checks(), [["model", "AC-SQNR dB", "convert s", "bytes", "source bytes"]]
    for name, recipe, resolver, count, engines in CASES:
        if options.only not in Path(name).name:
            continue
        model = shared / "models" / name
        print(model.name, flush=True)
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary)
            golden = folder / "golden"
            case = record(model, recipe, resolver, count, golden, shared)
            integer = case["tolerance"]["name"] == "exact"
            for engine in engines:
                report, good = validation(model, golden, "--engine", engine)
                worst = max((float(o["statistics"]["maximum"]) for o in report["outputs"]), default=0) if report else good
                what = f"{engine} engine: {case['tolerance']['name']}, {count} samples, worst {worst}"
                expect_recorded(checks, what, recipe, report, good)
            try:
                check_export(checks, model, case, golden, folder, integer)
                if "dyn" in name:
                    check_float(checks, model, case, golden, folder)
                if not integer:
                    sqnr, seconds, size = check_int8(checks, model, case, golden, folder)
                    rows.append([model.name, f"{sqnr:.1f}", f"{seconds:.1f}", size, model.stat().st_size])
            except (SystemExit, RuntimeError, ValueError) as error:
                checks.expect(str(error).strip().splitlines()[-1], False)
    if len(rows) > 1:
        table(rows)
    checks.finish()


if __name__ == "__main__":
    main()
