#!/usr/bin/env python3
"""Records the outputs of a foreign runtime (ONNX Runtime or LiteRT) as a golden set; see docs/GOLDEN.md.

    record_golden.py MODEL.onnx --inputs DIR... -o golden/NAME        one folder with INPUT.npy per sample
    record_golden.py MODEL.onnx --stereo DIR... -o golden/NAME        left.png and right.png, stacked, divided by 255
    record_golden.py MODEL.tflite --images FILE... -o golden/NAME     RGB images of the input's size
    record_golden.py MODEL.tflite --random 2 --seed 7 -o golden/NAME  uniform in [0, 1], or over the integer type
"""

import argparse
import hashlib
import json
import os
import pathlib
import shlex
import sys
from importlib.metadata import version

import numpy as np


class ONNXModel:
    producer, package = "onnxruntime", "onnxruntime"

    def __init__(self, path, _resolver):
        import onnxruntime

        types = {"float": "float32", "double": "float64"}
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])

        def element(t):
            name = t.removeprefix("tensor(").removesuffix(")")
            return np.dtype(types.get(name, name))

        self.inputs = [(i.name, i.shape, element(i.type)) for i in self.session.get_inputs()]
        self.outputs = [o.name for o in self.session.get_outputs()]

    def run(self, values):
        return dict(zip(self.outputs, self.session.run(self.outputs, values)))


class TFLiteModel:
    producer, package = "litert", "ai-edge-litert"

    def __init__(self, path, resolver):
        from ai_edge_litert.interpreter import Interpreter, OpResolverType

        self.interpreter = Interpreter(
            str(path), num_threads=1, experimental_op_resolver_type=getattr(OpResolverType, resolver)
        )
        self.interpreter.allocate_tensors()
        self.details = self.interpreter.get_input_details()
        self.inputs = [(d["name"], [int(n) for n in d["shape"]], np.dtype(d["dtype"])) for d in self.details]
        self.output_details = self.interpreter.get_output_details()
        self.outputs = [d["name"] for d in self.output_details]

    def run(self, values):
        for detail in self.details:
            self.interpreter.set_tensor(detail["index"], values[detail["name"]])
        self.interpreter.invoke()
        return {d["name"]: self.interpreter.get_tensor(d["index"]) for d in self.output_details}


def file_name(tensor):
    return tensor.replace("/", "_") + ".npy"


def open_rgb(path):
    from PIL import Image

    return np.asarray(Image.open(path).convert("RGB"))


def only_input(model):
    if len(model.inputs) != 1:
        raise SystemExit("--stereo and --images need a model with one input")
    return model.inputs[0]


def fitted(pixels, channels_last, shape, element):
    """Pixels (height, width, channels, 0...255) in the layout and element type of an input."""
    value = pixels if channels_last else pixels.transpose(2, 0, 1)
    value = value[None] if element == np.uint8 else (value[None].astype(np.float32) / np.float32(255)).astype(element)
    if list(value.shape) != list(shape):
        raise SystemExit(f"the input wants {list(shape)}, the images give {list(value.shape)}")
    return np.ascontiguousarray(value)


def samples(arguments, model):
    if arguments.inputs:
        for folder in arguments.inputs:
            yield {name: np.load(folder / file_name(name)) for name, _, _ in model.inputs}
    elif arguments.stereo:
        name, shape, element = only_input(model)
        for folder in arguments.stereo:
            pair = np.concatenate([open_rgb(folder / "left.png"), open_rgb(folder / "right.png")], 2)
            yield {name: fitted(pair, shape[-1] == 6, shape, element)}
    elif arguments.images:
        name, shape, element = only_input(model)
        for path in arguments.images:
            yield {name: fitted(open_rgb(path), shape[-1] == 3, shape, element)}
    else:
        for index in range(arguments.random):
            rng = np.random.default_rng([arguments.seed, index])
            values = {}
            for name, shape, element in model.inputs:
                if not all(isinstance(n, int) for n in shape):
                    raise SystemExit(f"input {name} has the open shape {shape}: use --inputs")
                if np.issubdtype(element, np.integer):
                    info = np.iinfo(element)
                    values[name] = rng.integers(info.min, info.max, shape, element, endpoint=True)
                else:
                    values[name] = rng.random(shape, np.float32).astype(element)
            yield values


def model_reference(path, folder):
    """The model as case.json names it: relative to the case, or to $DEPTHC_SHARED when the file lies there."""
    path, shared = path.resolve(), os.environ.get("DEPTHC_SHARED")
    if shared and path.is_relative_to(pathlib.Path(shared).resolve()):
        return "$DEPTHC_SHARED/" + path.relative_to(pathlib.Path(shared).resolve()).as_posix()
    return pathlib.Path(os.path.relpath(path, folder.resolve())).as_posix()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=pathlib.Path)
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--inputs", type=pathlib.Path, nargs="+", metavar="DIR")
    source.add_argument("--stereo", type=pathlib.Path, nargs="+", metavar="DIR")
    source.add_argument("--images", type=pathlib.Path, nargs="+", metavar="FILE")
    source.add_argument("--random", type=int, metavar="SAMPLES")
    parser.add_argument("--seed", type=int, default=0, help="for --random")
    parser.add_argument("--resolver", default="AUTO", help="LiteRT kernels, for example BUILTIN_REF",
                        choices=["AUTO", "BUILTIN", "BUILTIN_REF", "BUILTIN_WITHOUT_DEFAULT_DELEGATES"])
    parser.add_argument("--tolerance", choices=["exact", "close", "approximate"],
                        help="default: exact when every output is of integer type, else approximate")
    parser.add_argument("--recipe", help="name of a recipe in converters/")
    parser.add_argument("-o", "--output", type=pathlib.Path, required=True)
    arguments = parser.parse_args()

    is_tflite = arguments.model.suffix == ".tflite"
    model = (TFLiteModel if is_tflite else ONNXModel)(arguments.model, arguments.resolver)
    names, floating = [], False
    for number, values in enumerate(samples(arguments, model)):
        names.append(f"{number:03d}")
        for kind, tensors in (("inputs", values), ("outputs", model.run(values))):
            folder = arguments.output / names[-1] / kind
            folder.mkdir(parents=True, exist_ok=True)
            for name, value in tensors.items():
                np.save(folder / file_name(name), value)
                floating |= kind == "outputs" and not np.issubdtype(value.dtype, np.integer)

    case = {
        "model": model_reference(arguments.model, arguments.output),
        "modelSHA256": hashlib.sha256(arguments.model.read_bytes()).hexdigest(),
        "producer": model.producer,
        "producerVersion": version(model.package),
    }
    if is_tflite:
        case["resolver"] = arguments.resolver
    if arguments.recipe:
        case["recipe"] = arguments.recipe
    case |= {
        "seed": arguments.seed,
        "command": shlex.join(["tools/record_golden.py"] + sys.argv[1:]),
        "tolerance": {"name": arguments.tolerance or ("approximate" if floating else "exact")},
        "inputs": [{"name": n, "file": file_name(n)} for n, _, _ in model.inputs],
        "outputs": [{"name": n, "file": file_name(n)} for n in model.outputs],
        "samples": names,
    }
    (arguments.output / "case.json").write_text(json.dumps(case, indent=2) + "\n")
    print(f"{arguments.output}: {len(names)} samples from {case['producer']} {case['producerVersion']}")


if __name__ == "__main__":
    main()
