"""Measures what operators cost in float and INT8, in depthc and in LiteRT with XNNPACK, fits the constants of
Sources/Quantization/LatencyModel.swift and prints them beside the checked-in ones.

Every operator is a file of its own. Files take turns, and the fastest of all rounds counts, so that whatever else the
machine does falls on none of them; LiteRT's times on one thread are the processor's. A class of operators costs a call plus a price per multiply-accumulate, per element
read or written, and per pixel (or row) written, fitted with relative weights and without negative prices.

Usage: tools/measure/latency_model.py [--rounds N] [--threads N] [--only PATTERN] [--json FILE] [--from FILE...]
"""
import argparse
import json
import re
import tempfile
import time
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from scipy.optimize import nnls

from common import ROOT, depthc, litert, table

RANDOM = np.random.default_rng(7)
MAPS = [(192, 128), (96, 64), (48, 32)]
# Bytes of an activation.
WIDTH = {"float": 4, "int8": 1, "int16x8": 2}
# Maps that no cache holds.
LARGE = (256, 384)
CHANNELS = [8, 16, 32, 64, 128]
ENGINES = ("depthc", "liteRT")
PRECISIONS = ("float", "int8", "int16x8")
# INT16x8 runs on slow kernels in both engines.
LARGEST_INT16 = 20_000_000
# LiteRT's integer convolutions pad every tap's input channels to this.
CODES_PADDING = {"depthc": 1, "liteRT": 8}
BRIDGES = {"quantize": "QUANTIZE", "dequantize": "DEQUANTIZE"}


class Case:
    """An operator on given sizes: an ONNX graph, its multiply-accumulates and a convolution's input channels."""

    def __init__(
            self, kind, name, nodes, inputs, output, constants=(), macs=0, channels=1, output_type=TensorProto.FLOAT):
        self.kind, self.name, self.inputs = kind, name, inputs
        self.macs, self.output = macs, output
        self.channels = channels
        self.precisions = PRECISIONS if self.macs <= LARGEST_INT16 else PRECISIONS[:2]
        if kind in BRIDGES:
            self.precisions = ("float",)
        graph = helper.make_graph(
            [helper.make_node(op, i, o, **a) for op, i, o, a in nodes], "case",
            [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in inputs.items()],
            [helper.make_tensor_value_info("y", output_type, output)],
            [numpy_helper.from_array(value, n) for n, value in constants])
        self.model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)

    def features(self, engine, precision):
        """What prices multiply: the call, multiply-accumulates, elements and pixels."""
        elements = sum(int(np.prod(s)) for s in (*self.inputs.values(), self.output))
        macs = self.macs
        # ONNX pictures have their channels second; matrices have their columns last.
        results = self.output[1 if len(self.output) == 4 and self.kind != "batchedMatrix" else -1]
        if self.kind in ("convolution", "transposed", "matrix", "batchedMatrix"):
            macs = macs / results * (-(-results // 8) * 8)
        if self.kind == "convolution" and precision == "int8":
            padding = CODES_PADDING[engine]
            macs = macs / self.channels * (-(-self.channels // padding) * padding)
        if self.kind in ("quantize", "movement", "view", "dequantize"):
            results = self.output[-1]
        return 1, macs, elements, np.prod(self.output) / results

    def convert(self, folder, index):
        """Files by precision."""
        source = folder / f"{index}.onnx"
        onnx.save(self.model, source)
        samples = folder / f"{index}"
        samples.mkdir()
        arrays = {n: RANDOM.standard_normal(s).astype(np.float32) for n, s in self.inputs.items()}
        if len(arrays) == 1:
            np.save(samples / "0.npy", next(iter(arrays.values())))
        else:
            (samples / "0").mkdir()
            for n, a in arrays.items():
                np.save(samples / "0" / f"{n}.npy", a)
        self.files = {}
        for precision in self.precisions:
            path = folder / f"{index}.{precision}.tflite"
            options = ["--precision", {"quantize": "keep", "dequantize": "int8"}.get(self.kind, precision)]
            if options[1] not in ("float", "keep"):
                options += ["--calibration", samples]
            if precision == "int8":
                options += ["--io", "int8"]
            if depthc("convert", source, "-o", path, *options, check=False).code == 0:
                self.files[precision] = path


def normal(*shape):
    return (RANDOM.standard_normal(shape) / np.sqrt(max(np.prod(shape[1:]), 1))).astype(np.float32)


def convolution(kernel, channels, results, size, stride=1, groups=1, kind="convolution"):
    h, w = size
    out = [1, results, h // stride, w // stride]
    pad = kernel // 2
    return Case(
        kind, f"{kernel}x{kernel} /{stride} {channels}->{results} {h}x{w}",
        [("Conv", ["x", "w", "b"], ["y"],
          dict(pads=[pad] * 4 if stride == 1 else [pad - 1, pad - 1, pad, pad] if pad else [0] * 4, strides=[stride] * 2,
               group=groups, kernel_shape=[kernel] * 2))],
        {"x": [1, channels, h, w]}, out,
        [("w", normal(results, channels // groups, kernel, kernel)), ("b", normal(results))],
        macs=int(np.prod(out)) * kernel * kernel * channels // groups, channels=channels // groups)


def cases():
    for size in MAPS:
        for c in CHANNELS:
            for kernel in (1, 3):
                if not (kernel == 3 and c == 128 and size == MAPS[0]):
                    yield convolution(kernel, c, c, size)
    for c, r, size, s in ((3, 32, MAPS[0], 2), (16, 48, MAPS[1], 1), (32, 1, MAPS[0], 1), (64, 16, MAPS[1], 1),
                          (64, 128, MAPS[2], 2), (96, 40, MAPS[2], 1), (256, 256, (24, 16), 1)):
        yield convolution(3, c, r, size, s)
    for kernel, c, r in ((1, 16, 16), (1, 32, 32), (3, 16, 16), (3, 32, 32), (3, 64, 32)):
        yield convolution(kernel, c, r, LARGE)
    yield convolution(3, 32, 32, LARGE, groups=32, kind="depthwise")
    for size in MAPS:
        for c in (8, 32, 128):
            yield convolution(3, c, c, size, groups=c, kind="depthwise")
    for (h, w), c, r in ((MAPS[1], 32, 16), (MAPS[2], 64, 32), (MAPS[1], 16, 16)):
        yield Case("transposed", f"2x2 /2 {c}->{r} {h}x{w}",
                   [("ConvTranspose", ["x", "w", "b"], ["y"], dict(strides=[2, 2], kernel_shape=[2, 2]))],
                   {"x": [1, c, h, w]}, [1, r, 2 * h, 2 * w], [("w", normal(c, r, 2, 2)), ("b", normal(r))],
                   macs=c * h * w * r * 4)
    for rows, depth, columns in ((1, 512, 512), (196, 192, 192), (196, 192, 768), (384, 64, 256)):
        yield Case("matrix", f"{rows}x{depth} {depth}x{columns}",
                   [("MatMul", ["x", "w"], ["y"], {})], {"x": [1, rows, depth]}, [1, rows, columns],
                   [("w", normal(depth, columns))], macs=rows * depth * columns)
    for b, rows, depth, columns in ((3, 196, 64, 196), (3, 196, 196, 64), (6, 96, 32, 96), (1, 384, 64, 384)):
        yield Case("batchedMatrix", f"{b}x {rows}x{depth} {depth}x{columns}",
                   [("MatMul", ["x", "z"], ["y"], {})], {"x": [1, b, rows, depth], "z": [1, b, depth, columns]},
                   [1, b, rows, columns], macs=b * rows * depth * columns)
    shapes = [(8, *MAPS[0]), (32, *MAPS[1]), (128, *MAPS[1]), (64, *MAPS[2]), (32, *LARGE)]
    for c, h, w in shapes:
        x, n = {"x": [1, c, h, w]}, f"{c}x{h}x{w}"
        same = [1, c, h, w]
        for op in ("Add", "Mul"):
            yield Case("binary", f"{op} {n}", [(op, ["x", "z"], ["y"], {})], {**x, "z": same}, same)
        yield Case("concatenation", n, [("Concat", ["x", "z"], ["y"], dict(axis=1))], {**x, "z": same},
                   [1, 2 * c, h, w])
        yield Case("leakyRelu", n, [("LeakyRelu", ["x"], ["y"], dict(alpha=0.125))], x, same)
        for op in ("Sigmoid", "Tanh"):
            yield Case("function", f"{op} {n}", [(op, ["x"], ["y"], {})], x, same)
        yield Case("resize", n, [("Resize", ["x", "", "s"], ["y"],
                                  dict(mode="linear", coordinate_transformation_mode="half_pixel"))], x,
                   [1, c, 2 * h, 2 * w], [("s", np.float32([1, 1, 2, 2]))])
        yield Case("nearest", n, [("Resize", ["x", "", "s"], ["y"],
                                   dict(mode="nearest", coordinate_transformation_mode="asymmetric",
                                        nearest_mode="floor"))], x,
                   [1, c, 2 * h, 2 * w], [("s", np.float32([1, 1, 2, 2]))])
        for op in ("MaxPool", "AveragePool"):
            yield Case("maxPool" if op == "MaxPool" else "averagePool", n, [(op, ["x"], ["y"], dict(kernel_shape=[2, 2], strides=[2, 2]))], x,
                       [1, c, h // 2, w // 2])
        yield Case("quantize", n, [("QuantizeLinear", ["x", "s", "o"], ["y"], {})], {"x": [1, h, w, c]}, [1, h, w, c],
                   [("s", np.float32(0.03)), ("o", np.int8(3))], output_type=TensorProto.INT8)
        # DEQUANTIZE behind a QUANTIZE, whose time is subtracted.
        for kind in ("view", "dequantize"):
            yield Case(kind, n, [("Reshape", ["x", "s"], ["y"], {})], {"x": [1, h, w * c]}, [1, h * w, c],
                       [("s", np.int64([1, h * w, c]))])
    for rows, depth in ((588, 196), (6144, 64), (24576, 16)):
        yield Case("softmax", f"{rows}x{depth}", [("Softmax", ["x"], ["y"], dict(axis=-1))], {"x": [1, rows, depth]},
                   [1, rows, depth])
    for rows, depth in ((588, 196), (6144, 64)):
        yield Case("reduction", f"{rows}x{depth}", [("ReduceMean", ["x"], ["y"], dict(axes=[2], keepdims=1))],
                   {"x": [1, rows, depth]}, [1, rows, 1])
    for c, h, w in shapes:
        yield Case("movement", f"transpose {c}x{h}x{w}", [("Transpose", ["x"], ["y"], dict(perm=[0, 2, 1]))],
                   {"x": [1, c, h * w]}, [1, h * w, c])


def measure(collected, rounds, threads):
    """Fastest milliseconds by (case, precision, engine)."""
    times = {}
    interpreters = {}
    keys = [(i, p) for i, case in enumerate(collected) for p in case.files]
    for number in range(rounds):
        for key in (keys if number % 2 == 0 else reversed(keys)):
            case, path = collected[key[0]], collected[key[0]].files[key[1]]
            report = json.loads(depthc(
                "bench", path, "--threads", threads, "--runs", 5, "--operators", "--json", "-").out)
            # INT16x8 files have float inputs and outputs, whose bridges do not count.
            wanted = BRIDGES.get(case.kind)
            found = sum(o["milliseconds"] for o in report["operators"]
                        if (o["operatorName"] == wanted if wanted else o["operatorName"] not in BRIDGES.values()))
            times[*key, "depthc"] = min(times.get((*key, "depthc"), 1e9), found)
            if key not in interpreters:
                interpreter = interpreters[key] = litert(path, "default", threads)
                for detail in interpreter.get_input_details():
                    value = RANDOM.standard_normal(detail["shape"])
                    scale = 1 if detail["dtype"] == np.float32 else 40
                    interpreter.set_tensor(detail["index"], np.clip(value * scale, -127, 127).astype(detail["dtype"]))
                interpreter.invoke()
            best = times.get((*key, "liteRT"), 1e9)
            clock = time.thread_time if threads == 1 else time.perf_counter
            for _ in range(8):
                begin = clock()
                interpreters[key].invoke()
                best = min(best, (clock() - begin) * 1e3)
            times[*key, "liteRT"] = best
        print(f"  round {number + 1}/{rounds}", flush=True)
    sizes = {(collected[i].name, e): t for (i, p, e), t in times.items() if collected[i].kind == "quantize"}
    for (i, p, e) in times:
        if collected[i].kind == "dequantize" and e == "liteRT":
            times[i, p, e] = max(times[i, p, e] - sizes.get((collected[i].name, e), 0), 0)
    return [dict(kind=collected[i].kind, name=collected[i].name, precision=p, engine=e, nanoseconds=t * 1e6)
            for (i, p, e), t in times.items()]


def fit(rows, known):
    """Prices (call, multiply-accumulate, element, pixel) in nanoseconds, and the relative errors. `known`: cases by class
    and name."""
    matrix = np.array([known[r["kind"], r["name"]].features(r["engine"], r["precision"]) for r in rows], float)
    wanted = np.array([max(r["nanoseconds"], 10) for r in rows])
    scale = matrix.max(axis=0).clip(1)
    prices, _ = nnls(matrix / scale / wanted[:, None], np.ones(len(rows)))
    prices /= scale
    return prices, matrix @ prices / wanted - 1


def checked_in():
    """Prices by (engine, class, precision) as the Swift source has them."""
    path = ROOT / "Sources/Quantization/LatencyModel.swift"
    text = path.read_text() if path.exists() else ""
    found = {}
    for engine, block in re.findall(r"static let (depthc|liteRT)Prices\b(.*?)\n    \]", text, re.S):
        for kind, vectors in re.findall(r"\.(\w+): Prices\((.*?)\)", block, re.S):
            for precision, vector in zip(PRECISIONS, re.findall(r"\[(.*?)\]", vectors, re.S)):
                found[engine, kind, precision] = [float(n) for n in vector.split(",")]
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--only", help="regular expression for the class and sizes of what is measured")
    parser.add_argument("--json", help="file for the measured times")
    parser.add_argument("--from", dest="sources", nargs="+", help="measured times of earlier runs, instead of measuring")
    arguments = parser.parse_args()
    if arguments.sources:
        best = {}
        for row in (row for path in arguments.sources for row in json.loads(Path(path).read_text())):
            key = row["kind"], row["name"], row["precision"], row["engine"]
            if row["nanoseconds"] < best.get(key, row)["nanoseconds"] or key not in best:
                best[key] = row
        rows = list(best.values())
    else:
        collected = [c for c in cases() if re.search(arguments.only or "", f"{c.kind} {c.name}")]
        with tempfile.TemporaryDirectory() as folder:
            for index, case in enumerate(collected):
                case.convert(Path(folder), index)
            rows = measure(collected, arguments.rounds, arguments.threads)
        if arguments.json:
            Path(arguments.json).write_text(json.dumps(rows))
    by = {(r["kind"], r["name"], r["precision"], r["engine"]): r["nanoseconds"] for r in rows}
    lines = [("class", "sizes", *(f"{e} {p} us" for e in ENGINES for p in PRECISIONS),
              *(f"{e} float/int8" for e in ENGINES))]
    for kind, name in dict.fromkeys((r["kind"], r["name"]) for r in rows):
        times = [by.get((kind, name, p, e)) for e in ENGINES for p in PRECISIONS]
        lines.append((kind, name, *(f"{t / 1e3:.1f}" if t else "" for t in times),
                      *(f"{a / b:.2f}" if b else "" for a, b in (times[:2], times[3:5]))))
    table(lines)
    known, by_name = checked_in(), {(c.kind, c.name): c for c in cases()}
    lines = [("engine", "class", "precision", "call", "per MAC", "per element", "per pixel", "mean error", "worst",
              "checked in")]
    source = []
    spilled = [("engine", "class", "precision", "sizes beyond the cache", "excess ns per byte")]
    for engine in ENGINES:
        source.append(f"{engine}:")
        for kind in dict.fromkeys(r["kind"] for r in rows):
            vectors = []
            for precision in PRECISIONS:
                part = [r for r in rows if (r["kind"], r["precision"], r["engine"]) == (kind, precision, engine)]
                if not part:
                    continue
                # Maps that no cache holds pay for their bytes as well.
                large = [r for r in part if f"{LARGE[0]}x{LARGE[1]}" in r["name"]]
                prices, errors = fit([r for r in part if r not in large] or part, by_name)
                for r in large:
                    case = by_name[kind, r["name"]]
                    features = case.features(engine, precision)
                    excess = (r["nanoseconds"] - np.dot(prices, features)) / (features[2] * WIDTH[precision])
                    spilled.append((engine, kind, precision, case.name, f"{excess:.3f}"))
                numbers = [f"{prices[0]:.0f}", *(f"{p:.3g}" for p in prices[1:])]
                vectors.append(f"[{', '.join(numbers)}]")
                lines.append((engine, kind, precision, *numbers, f"{np.abs(errors).mean() * 100:.0f} %",
                              f"{np.abs(errors).max() * 100:.0f} %",
                              " ".join(f"{p:g}" for p in known.get((engine, kind, precision), []))))
            vectors += vectors[-1:] * (len(PRECISIONS) - len(vectors))
            source.append(f"    .{kind}: Prices({', '.join(vectors)}),")
    table(lines)
    table(spilled)
    print("\n".join(source))


if __name__ == "__main__":
    main()
