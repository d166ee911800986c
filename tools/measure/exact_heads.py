"""The checks of tools/suites/exact-heads. Usage: tools/suites/exact-heads [--only TEXT] [--rounds N] [--json FILE]"""
import argparse
import json
import sys
import tempfile
from pathlib import Path

import numpy as np

import head_times
import refused_heads
from common import ROOT, SHARED, Checks, depthc, depthc_run, litert, rmse, table
from depth_models import float_weights
from head_oracle import File, Oracle, accumulator

HEADS = [("hilbert", 2), ("hilbert", 3), ("hilbert", 4), ("serpentine", 2), ("serpentine", 3), ("thermometer", 2)]
GAINS = {("hilbert", 2): 5.0, ("hilbert", 3): 8.9, ("hilbert", 4): 17.0}
TOLERANCE = 0.03
# Models whose time is held to these limits, in depthc and in LiteRT.
TIMED, LIMITS = ("unet", "vit", "pydnet"), {("hilbert", 2): 1.07, ("serpentine", 2): 1.03}
INVERSE = {
    "identity": lambda y: y,
    "leaky": lambda y: np.where(y < 0, y / 0.2, y),
    "logistic": lambda y: np.log(y / (1 - y)),
}


class Case:
    """A model, how it becomes an INT8 file, its depth output, and what lies behind the head before any resize."""

    def __init__(self, name, source, output, tail, options, sample):
        self.name, self.source, self.output, self.tail = name, source, output, tail
        self.options, self.sample = options, sample

    def convert(self, target, *head):
        run = depthc("convert", self.source, "-o", target, *self.options, *head, limit=900)
        return [line for line in run.err.splitlines() if " head of order " in line]


def bundled(folder):
    for kind in ("unet", "vit"):
        sample = np.load(ROOT / f"golden/{kind}-direct/000/inputs/stereo.npy")
        yield Case(
            kind, ROOT / f"golden/networks/{kind}-direct.onnx", "disparity", "identity",
            ["--precision", "int8", "--calibration", ROOT / "golden/scenes/calibration", "--recipe", "stereo_direct"],
            [sample])


def third_party(folder):
    shared = Path(SHARED)
    pictures = shared / "data/calib_rgb"
    from PIL import Image

    def picture(size, dtype=np.float32, grey=False):
        image = Image.open(pictures / "coral_kite_and_cold.jpg").convert("L" if grey else "RGB").resize(size[::-1])
        array = np.asarray(image).reshape(1, *size, -1)
        return array if dtype == np.uint8 else (array / 255).astype(np.float32)

    float_weights(shared / "models/tflite/depth/pydnet++_448x640_dynint8.tflite", folder / "pydnet.tflite")
    yield Case(
        "pydnet", folder / "pydnet.tflite", "PSD/resize_images/ResizeBilinear", "leaky",
        ["--precision", "int8", "--calibration", pictures, "--samples", "8", "--recipe", "pydnet"],
        [picture((448, 640))])
    random = np.random.default_rng(11)
    for size in ("tiny", "small", "8m"):
        model = shared / f"models/onnx/depth/lite-mono-{size}_640x192_decoder.onnx"
        inspected = json.loads(depthc("inspect", model, "--json").out)
        calibration = folder / f"features-{size}"
        for number in range(9):
            sample = [random.normal(size=entry["shape"]).astype(np.float32) for entry in inspected["inputs"]]
            if number < 8:
                (calibration / str(number)).mkdir(parents=True)
                for entry, array in zip(inspected["inputs"], sample):
                    np.save(calibration / str(number) / f"{entry['name']}.npy", array)
        yield Case(
            f"lite-mono-{size}", model, "depth", "identity",
            ["--precision", "int8", "--calibration", calibration, "--recipe", "lite_mono_decoder"], sample)
    yield Case(
        "fastdepth", shared / "models/tflite/depth/fast_depth_224_int8.tflite", "StatefulPartitionedCall:0", "identity",
        ["--recipe", "fast_depth"], [picture((224, 224), np.uint8)])
    grey = picture((32, 32), np.uint8, grey=True)
    for file in ("models__depth_full_quant", "models__depth_qat_int8"):
        output = "StatefulPartitionedCall:0" if "full" in file else "Identity"
        yield Case(
            f"mcu {file[15:]}", shared / f"models/tflite/depth/mcu/{file}.tflite", output, "logistic", [], [grey])
    yield Case(
        "mcu float", shared / "models/tflite/depth/mcu/models__depth_model_fp32.tflite", "StatefulPartitionedCall:0",
        "logistic", ["--precision", "int8", "--calibration", pictures, "--recipe", "mcu_depth"],
        [(grey / 255).astype(np.float32)])


class Traced:
    """All tensors of a file after one run in LiteRT's reference kernels (its optimised ones where those lack ELU)."""

    def __init__(self, path, sample):
        from ai_edge_litert.interpreter import Interpreter, OpResolverType
        for kind in (OpResolverType.BUILTIN_REF, OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES):
            try:
                self.interpreter = Interpreter(
                    str(path), experimental_op_resolver_type=kind, experimental_preserve_all_tensors=True)
                self.interpreter.allocate_tensors()
                self.is_reference = kind == OpResolverType.BUILTIN_REF
                break
            except (RuntimeError, ValueError):
                continue
        for detail, array in zip(self.interpreter.get_input_details(), self.inputs(sample)):
            self.interpreter.set_tensor(detail["index"], array)
        self.interpreter.invoke()

    def inputs(self, sample):
        """The sample's arrays in the file's order and layout: matched by shape, channels last where need be."""
        rest = list(sample)
        for detail in self.interpreter.get_input_details():
            shape = tuple(detail["shape"])
            at, move = next((i, m) for i, a in enumerate(rest) for m in ((0, 1, 2, 3), (0, 2, 3, 1))
                            if tuple(np.array(a.shape)[list(m)]) == shape)
            yield np.ascontiguousarray(rest.pop(at).transpose(move))

    def tensor(self, index):
        return self.interpreter.get_tensor(index)

    def feeds(self, sample):
        return {d["name"]: a for d, a in zip(self.interpreter.get_input_details(), self.inputs(sample))}


def decoded_tensor(file):
    """The result of the table's GATHER."""
    return next(op for op in file.graph.operators if file.name(op) == "GATHER" and "/table" in
                file.graph.tensors[op.inputs[0]].name.decode()).outputs[0]


def measure(checks, case, folder, heads):
    """Checks every head of one model; returns rows of figures."""
    plain_path = folder / f"{case.name}.tflite"
    case.convert(plain_path)
    plain = File(plain_path)
    traced = Traced(plain_path, case.sample)
    output = json.loads(depthc("inspect", plain_path, "--json").out)["metadata"]["outputs"]
    name = next(o["name"] for o in output if o["sourceName"] == case.output)
    head, behind = plain.head(name)
    sums = accumulator(plain, head, traced.tensor(head.inputs[0]))
    input_scale, weight_scale = plain.quantization(head.inputs[0])[0], plain.quantization(head.inputs[1])[0]
    parameters = plain.quantization(head.outputs[0])
    scale, zero = float(parameters[0]), parameters[1]
    codes = traced.tensor(head.outputs[0])[0, :, :, 0].astype(np.float64)
    rows, files = [], {"plain": plain_path}
    optimised = xnnpack(plain_path, plain, traced, case, name)
    for kind, order in heads:
        path = folder / f"{case.name}-{kind}{order}.tflite"
        notes = case.convert(path, "--head", kind, "--order", order)
        files[f"{kind}{order}"] = path
        label = f"{case.name}, {kind} {order}"
        checks.expect(f"{label}: says in one line: {notes[0] if notes else 'nothing'}", len(notes) == 1)
        oracle = Oracle(kind, order, input_scale, weight_scale, parameters, head.builtinOptions.fusedActivationFunction)
        file, run = File(path), Traced(path, case.sample)
        hinge = file.hinges()
        same = np.array_equal(run.tensor(hinge.inputs[0]), traced.tensor(head.inputs[0]))
        checks.expect(f"{label}: the features are those of the plain file", same)
        wanted = oracle.hinges(sums)
        found = run.tensor(hinge.outputs[0])[0].astype(np.int64) + 128
        checks.expect(f"{label}: {wanted.size} hinge codes are the oracle's", np.array_equal(found, wanted))
        arc = oracle.position(found).ravel()[np.argsort(sums, axis=None, kind="stable")]
        checks.expect(f"{label}: their sum rises with the accumulator", bool(np.all(np.diff(arc) >= 0)))
        if behind[-1:] != ["RESIZE_BILINEAR"] or kind != "thermometer":
            rows.append(precision(checks, label, case, oracle, sums, (codes - zero) * scale,
                                  run.tensor(decoded_tensor(file)).reshape(sums.shape).astype(np.float64), (kind, order)))
        worst = difference(path, file, run, case, name)
        if run.is_reference:
            checks.expect(f"{label}: LiteRT's reference kernels give depthc's depth bit for bit", worst == 0)
        else:
            before = difference(plain_path, plain, traced, case, name)
            checks.expect(f"{label}: depthc's depth within {worst:.3g} of LiteRT's optimised kernels (the reference kernels lack "
                          f"ELU; {before:.3g} without the head, whose codes have steps of 0.004)", worst <= before + 1 / 256)
        found = xnnpack(path, file, run, case, name)
        checks.expect(f"{label}: under XNNPACK depth moves by {found:.3g} (RMSE; {optimised:.3g} without the head)",
                      found <= 1.1 * optimised)
    return rows, files


def difference(path, file, run, case, name):
    """The largest difference of the output `name` between depthc and the traced run."""
    own = depthc_run(path, run.feeds(case.sample))
    result = run.tensor(next(i for i in file.graph.outputs if file.graph.tensors[i].name.decode() == name))
    ours = own[name.replace("/", "_")].astype(np.float64)
    step = 1 if file.graph.tensors[file.graph.outputs[0]].type == 0 else float(file.quantization(file.graph.outputs[0])[0])
    return float(np.abs(ours - result).max()) * step


def xnnpack(path, file, run, case, name):
    """RMSE of the output `name` in default LiteRT against the traced run; real values."""
    interpreter = litert(path, "default")
    for detail, array in zip(interpreter.get_input_details(), run.inputs(case.sample)):
        interpreter.set_tensor(detail["index"], array)
    interpreter.invoke()
    index = next(i for i in file.graph.outputs if file.graph.tensors[i].name.decode() == name)
    step = 1 if file.graph.tensors[index].type == 0 else float(file.quantization(index)[0])
    found = next(interpreter.get_tensor(d["index"]) for d in interpreter.get_output_details() if d["name"] == name)
    return rmse(found.astype(np.float64), run.tensor(index).astype(np.float64)) * step


def precision(checks, label, case, oracle, sums, plain, decoded, head):
    """Rounding error of the head alone, before its tail, against the clipped accumulator."""
    real = oracle.real(sums)
    ours = INVERSE[case.tail](decoded)
    if case.tail == "leaky":
        plain, real = plain, real
    plain_error, error = rmse(plain, real), rmse(ours, real)
    worst = float(np.abs(ours - real).max() / oracle.step)
    # Half a step of x and y each, the accumulator's own unit, and float32's rounding of the table.
    allowed = 1 + oracle.unit / oracle.step + 4e-6 * float(np.abs(real).max()) / oracle.step
    gain = plain_error / error
    if head in GAINS:
        low = GAINS[head] * (1 - TOLERANCE)
        checks.expect(f"{label}: rounding RMSE {gain:.2f}x lower (at least {low:.2f})", gain >= low)
    checks.expect(f"{label}: farthest decoded value {worst:.2f} steps from the float tail (at most {allowed:.2f})", worst <= allowed)
    return [label, f"{oracle.length + 1}", f"{plain_error:.3g}", f"{error:.3g}", f"{gain:.2f}x", f"{worst:.2f}"]


def times(checks, name, files, rounds):
    timed = {key: files[key] for key in ("plain", "hilbert2", "serpentine2")}
    turns = 10 * rounds if name == "pydnet" else 50 * rounds
    rows = []
    for runtime, (ratios, base) in {
        "depthc": head_times.undisturbed_in_depthc(timed, "plain", rounds, 5 if name == "pydnet" else 20),
        "LiteRT": head_times.undisturbed_in_litert(timed, "plain", turns),
    }.items():
        for head, limit in LIMITS.items():
            ratio = ratios[f"{head[0]}{head[1]}"]
            checks.expect(f"{name}, {head[0]} {head[1]}: {100 * (ratio - 1):+.1f} % time in {runtime} "
                          f"(limit {100 * (limit - 1):.0f} %)", ratio <= limit)
        rows.append([name, runtime, f"{base:.2f} ms", *(f"{100 * (ratios[key] - 1):+.1f} %" for key in timed if key != "plain")])
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--json")
    arguments = parser.parse_args()
    checks = Checks()
    rows, time_rows = [["head", "levels", "RMSE plain", "RMSE head", "gain", "worst"]], []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        cases = list(bundled(folder)) + (list(third_party(folder)) if SHARED else [])
        if not SHARED:
            checks.skipped += 1
            print("  SKIPPED third-party models: DEPTHC_SHARED does not name their folder")
        for case in cases:
            if arguments.only not in case.name:
                continue
            print(case.name, flush=True)
            found, files = measure(checks, case, folder, HEADS if case.name in TIMED else HEADS[:1] + HEADS[3:4] + HEADS[5:])
            rows += found
            if case.name in TIMED and arguments.rounds:
                time_rows += times(checks, case.name, files, arguments.rounds)
        if not arguments.only:
            print("refused", flush=True)
            refused_heads.check(checks, folder)
    table(rows)
    if time_rows:
        table([["model", "runtime", "plain", "hilbert 2", "serpentine 2"], *time_rows])
    if arguments.json:
        Path(arguments.json).write_text(json.dumps({"precision": rows, "time": time_rows}, indent=1) + "\n")
    checks.finish()


if __name__ == "__main__":
    main()
