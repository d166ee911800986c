#!/usr/bin/env python3
"""Records the outputs of a foreign runtime (ONNX Runtime or LiteRT) as a golden set; see docs/GOLDEN.md.

    record_golden.py MODEL.onnx --inputs DIR... -o golden/NAME        one folder with INPUT.npy per sample
    record_golden.py MODEL.onnx --stereo DIR... -o golden/NAME        left.* and right.*, stacked along the channels
    record_golden.py MODEL.tflite --images FILE... -o golden/NAME     images
    record_golden.py MODEL.tflite --random 2 --seed 7 -o golden/NAME  uniform in [0, 1], or over the integer type

    record_golden.py MODEL.onnx ... --decode disparity=hilbert:3:0..48   components become depth (docs/HEADS.md)

Images become grey or RGB as the input's channels ask, are resized to its size (Pillow, bilinear), and divided by 255
unless the input is uint8.
"""

import argparse
import hashlib
import json
import os
import pathlib
import re
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


def only_input(model):
    if len(model.inputs) != 1:
        raise SystemExit("--stereo and --images need a model with one input")
    return model.inputs[0]


def image_input(files, shape, element):
    """Images in the layout, size and element type of an input, stacked along its channels."""
    from PIL import Image

    modes = {len(files): "L", 3 * len(files): "RGB"}
    channels_last = shape[-1] in modes
    height, width, channels = shape[1:] if channels_last else (shape[2], shape[3], shape[1])
    if channels not in modes:
        raise SystemExit(f"the input's shape {shape} does not fit {len(files)} grey or RGB images")
    planes = []
    for file in files:
        image = Image.open(file).convert(modes[channels])
        if image.size != (width, height):
            image = image.resize((width, height), Image.Resampling.BILINEAR)
        planes.append(np.asarray(image).reshape(height, width, -1))
    value = np.concatenate(planes, 2)
    value = value if channels_last else value.transpose(2, 0, 1)
    if element != np.uint8:
        value = (value.astype(np.float32) / np.float32(255)).astype(element)
    return np.ascontiguousarray(value[None])


def view(folder, side):
    """The one image file in a folder whose name without suffix is `side`."""
    found = sorted(p for p in folder.glob(side + ".*") if p.suffix.lower() in (".png", ".jpg", ".jpeg", ".ppm"))
    if len(found) != 1:
        raise SystemExit(f"{folder}: wants exactly one image {side}.*, has {len(found)}")
    return found[0]


def pair(item):
    """The two views: the files of `LEFT,RIGHT`, or left.* and right.* of a folder."""
    files = [pathlib.Path(part) for part in item.split(",")]
    return files if len(files) == 2 else [view(files[0], "left"), view(files[0], "right")]


def decoded(outputs, rule):
    """The one output, components in NCHW, as depth, by `NAME=CURVE:ORDER:A..B`."""
    from decode_components import decode

    name, curve, order, lower, upper = re.fullmatch(r"(\w+)=(\w+):(\d+):([-.\d]+)\.\.([-.\d]+)", rule).groups()
    (components,) = outputs.values()
    q = decode(curve, int(order), components.transpose(0, 2, 3, 1))
    return {name: (float(lower) + q * (float(upper) - float(lower))).astype(np.float32)[:, None]}


def samples(arguments, model):
    if arguments.inputs:
        for folder in arguments.inputs:
            yield {name: np.load(folder / file_name(name)) for name, _, _ in model.inputs}
    elif arguments.stereo or arguments.images:
        name, shape, element = only_input(model)
        pairs = [pair(item) for item in arguments.stereo or []]
        for files in pairs or [[file] for file in arguments.images]:
            yield {name: image_input(files, shape, element)}
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


def command_line():
    """The command, with the third-party folder as a variable."""
    shared = os.environ.get("DEPTHC_SHARED")
    line = shlex.join(["tools/record_golden.py"] + sys.argv[1:])
    return line.replace(shared.rstrip("/"), "$DEPTHC_SHARED") if shared else line


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=pathlib.Path)
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--inputs", type=pathlib.Path, nargs="+", metavar="DIR")
    source.add_argument("--stereo", nargs="+", metavar="DIR|LEFT,RIGHT")
    source.add_argument("--images", type=pathlib.Path, nargs="+", metavar="FILE")
    source.add_argument("--random", type=int, metavar="SAMPLES")
    parser.add_argument("--seed", type=int, default=0, help="for --random")
    parser.add_argument("--resolver", default="AUTO", help="LiteRT kernels, for example BUILTIN_REF",
                        choices=["AUTO", "BUILTIN", "BUILTIN_REF", "BUILTIN_WITHOUT_DEFAULT_DELEGATES"])
    parser.add_argument("--tolerance", choices=["exact", "close", "approximate"],
                        help="default: exact when every output is of integer type, else approximate")
    parser.add_argument("--recipe", help="name of a recipe in converters/")
    parser.add_argument("--decode", metavar="NAME=CURVE:ORDER:A..B", help="decode the only output")
    parser.add_argument("-o", "--output", type=pathlib.Path, required=True)
    arguments = parser.parse_args()

    is_tflite = arguments.model.suffix == ".tflite"
    model = (TFLiteModel if is_tflite else ONNXModel)(arguments.model, arguments.resolver)
    names, floating = [], False
    for number, values in enumerate(samples(arguments, model)):
        names.append(f"{number:03d}")
        results = model.run(values)
        if arguments.decode:
            results = decoded(results, arguments.decode)
        for kind, tensors in (("inputs", values), ("outputs", results)):
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
        "command": command_line(),
        "tolerance": {"name": arguments.tolerance or ("approximate" if floating else "exact")},
        "inputs": [{"name": n, "file": file_name(n)} for n, _, _ in model.inputs],
        "outputs": [{"name": n, "file": file_name(n)} for n in results],
        "samples": names,
    }
    (arguments.output / "case.json").write_text(json.dumps(case, indent=2) + "\n")
    print(f"{arguments.output}: {len(names)} samples from {case['producer']} {case['producerVersion']}")


if __name__ == "__main__":
    main()
