"""Records what the Hexagon delegate takes of hand-made graphs: Tests/DSPEmulatorTests/Recorded/partitions.json.

Usage: .venv/bin/python tools/record_dsp_partitions.py
Every case holds a graph (tensors, operators; see tools/dsp_oracle/admission.py), the same as a TFLite file in base64,
the limits, and the oracle's decision: a reason code per operator, candidate partitions, the indices of those chosen,
and the operators delegated in the end. `admission` has one operator per case, `partitions` graphs. Every rule must
fail in a case and hold in one, or nothing is written.
"""

import base64
import json
import pathlib
import sys

import flatbuffers
from ai_edge_litert import schema_py_generated as schema

from dsp_oracle import admission, flatbuffer

TARGET = pathlib.Path(__file__).parent.parent / "Tests/DSPEmulatorTests/Recorded/partitions.json"
ELEMENT_BYTES = {"uint8": 1, "int8": 1, "int16": 2, "int32": 4, "float32": 4, "int64": 8, "resource": 4}


class Graph:
    """Collects tensors and operators."""

    def __init__(self):
        self.tensors, self.operators, self.inputs, self.outputs = [], [], [], []

    def tensor(self, type="int8", shape=(1, 4, 4, 8), constant=None, scales=1, blockwise=False, given=True):
        """Adds a tensor; `constant` is a list of its integers, or True for zeros."""
        entry = {"type": type, "shape": list(shape)}
        if constant:
            entry["constant"] = True
            if constant is not True:
                entry["values"] = list(constant)
        if blockwise:
            entry["blockwise"] = True
        elif type in ("int8", "uint8", "int16", "int32"):
            entry["scales"] = scales
        self.tensors.append(entry)
        index = len(self.tensors) - 1
        if given and not constant:
            self.inputs.append(index)
        return index

    def add(self, builtin, inputs, version=1, options=None, outputs=None, output=None, side_effect=False):
        """Adds an operator; the index of its first result, a tensor as `output` describes it unless given."""
        if outputs is None:
            outputs = [self.tensor(**{"given": False} | (output or {}))]
        entry = {"builtin": builtin, "version": version, "inputs": list(inputs), "outputs": list(outputs)}
        if options:
            entry["options"] = options
        if side_effect:
            entry["sideEffect"] = True
        self.operators.append(entry)
        return outputs[0] if outputs else -1

    def described(self):
        used = {tensor for operator in self.operators for tensor in operator["inputs"]}
        made = [tensor for operator in self.operators for tensor in operator["outputs"]]
        outputs = self.outputs or [tensor for tensor in made if tensor not in used]
        return {"tensors": self.tensors, "inputs": self.inputs, "outputs": outputs, "operators": self.operators}


# Schema classes of options, by operator, and how the names of a graph's options map to their fields.
OPTIONS = {
    "CONV_2D": "Conv2D", "DEPTHWISE_CONV_2D": "DepthwiseConv2D", "TRANSPOSE_CONV": "TransposeConv",
    "FULLY_CONNECTED": "FullyConnected", "ADD": "Add", "SUB": "Sub", "MUL": "Mul", "AVERAGE_POOL_2D": "Pool2D",
    "MAX_POOL_2D": "Pool2D", "L2_NORMALIZATION": "L2Norm", "CONCATENATION": "Concatenation", "SOFTMAX": "Softmax",
    "MEAN": "Reducer", "SUM": "Reducer", "RESIZE_BILINEAR": "ResizeBilinear", "MIRROR_PAD": "MirrorPad",
    "RESIZE_NEAREST_NEIGHBOR": "ResizeNearestNeighbor", "STRIDED_SLICE": "StridedSlice", "SPLIT": "Split",
    "PACK": "Pack", "RESHAPE": "Reshape", "SPACE_TO_DEPTH": "SpaceToDepth", "DEPTH_TO_SPACE": "DepthToSpace",
    "ARG_MAX": "ArgMax", "ARG_MIN": "ArgMin", "LEAKY_RELU": "LeakyRelu",
}  # fmt: skip
FIELDS = {
    "strides": ("strideH", "strideW"), "dilations": ("dilationHFactor", "dilationWFactor"),
    "filter": ("filterHeight", "filterWidth"), "activation": "fusedActivationFunction", "padding": "padding",
    "multiplier": "depthMultiplier", "weightsFormat": "weightsFormat", "keepDims": "keepNumDims",
    "ellipsisMask": "ellipsisMask", "newAxisMask": "newAxisMask", "mode": "mode", "axis": "axis",
    "numSplits": "numSplits", "valuesCount": "valuesCount", "blockSize": "blockSize", "beta": "beta",
    "alpha": "alpha", "newShape": "newShape", "keepReducedDims": "keepDims",
}  # fmt: skip
ENUMERATIONS = {
    "activation": schema.ActivationFunctionType, "padding": schema.Padding, "mode": schema.MirrorPadMode,
    "weightsFormat": schema.FullyConnectedOptionsWeightsFormat,
}  # fmt: skip


def options_table(operator):
    """The builtin options of an operator, and the number of their kind."""
    kind = OPTIONS.get(operator["builtin"])
    if kind is None:
        return None, 0
    table = getattr(schema, f"{kind}OptionsT")()
    for name, value in operator.get("options", {}).items():
        fields = FIELDS[name]
        if name in ENUMERATIONS:
            value = getattr(ENUMERATIONS[name], value)
        for field, part in zip(fields, value) if isinstance(fields, tuple) else [(fields, value)]:
            if not hasattr(table, field):
                raise ValueError(f"{kind} has no {field}")
            setattr(table, field, part)
    return table, getattr(schema.BuiltinOptions, f"{kind}Options")


def file_of(graph):
    """The graph as a TFLite file."""
    model = schema.ModelT()
    model.version = 3
    model.buffers = [schema.BufferT()]
    model.operatorCodes, codes = [], {}
    subgraph = schema.SubGraphT()
    subgraph.tensors, subgraph.operators = [], []
    subgraph.inputs, subgraph.outputs = graph["inputs"], graph["outputs"]
    for index, entry in enumerate(graph["tensors"]):
        tensor = schema.TensorT()
        tensor.name, tensor.shape = f"t{index}", entry["shape"]
        tensor.type = getattr(schema.TensorType, entry["type"].upper())
        quantization = schema.QuantizationParametersT()
        if entry.get("blockwise"):
            quantization.details = schema.BlockwiseQuantizationT()
            quantization.detailsType = schema.QuantizationDetails.BlockwiseQuantization
            quantization.details.blockSize, quantization.details.zeroPoints = 32, -1
            tensor.quantization = quantization
        elif "scales" in entry:
            quantization.scale = [0.0625] * entry["scales"]
            quantization.zeroPoint = [0] * entry["scales"]
            tensor.quantization = quantization
        if entry.get("constant"):
            size = ELEMENT_BYTES[entry["type"]]
            values = entry.get("values", [0] * admission.elements(entry["shape"]))
            buffer = schema.BufferT()
            buffer.data = list(b"".join(int(v).to_bytes(size, "little", signed=True) for v in values))
            model.buffers.append(buffer)
            tensor.buffer = len(model.buffers) - 1
        subgraph.tensors.append(tensor)
    for entry in graph["operators"]:
        key = entry["builtin"], entry["version"]
        if key not in codes:
            code = schema.OperatorCodeT()
            code.builtinCode, code.version = getattr(schema.BuiltinOperator, key[0]), key[1]
            code.deprecatedBuiltinCode = min(code.builtinCode, 127)
            codes[key] = len(model.operatorCodes)
            model.operatorCodes.append(code)
        operator = schema.OperatorT()
        operator.opcodeIndex = codes[key]
        operator.inputs, operator.outputs = entry["inputs"], entry["outputs"]
        operator.builtinOptions, operator.builtinOptionsType = options_table(entry)
        subgraph.operators.append(operator)
    model.subgraphs = [subgraph]
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def admission_cases():
    """One operator each: what is taken first, then each rule."""
    cases = []

    def case(name, build):
        graph = Graph()
        build(graph)
        cases.append((name, graph.described()))

    def conv(name, version=3, builtin="CONV_2D", type="int8", bias="int32", shape=(1, 4, 4, 8), filter=None,
             weights=True, output=None, operands=3, **options):  # fmt: skip
        depthwise = builtin == "DEPTHWISE_CONV_2D"
        filter = filter or ((1, 3, 3, 8) if depthwise else (8, 3, 3, 8))

        def build(graph):
            inputs = [
                graph.tensor(type, shape),
                graph.tensor(type, filter, constant=weights, scales=filter[-1 if depthwise else 0]),
            ]
            inputs += [graph.tensor(bias, (8,), constant=True, scales=8)] if bias else [-1]
            defaults = {"strides": [1, 1], "dilations": [1, 1], "padding": "SAME", "activation": "NONE"}
            if depthwise:
                defaults["multiplier"] = 1
            graph.add(builtin, inputs[:operands], version, defaults | options, output={"type": type} | (output or {}))

        case(name, build)

    def simple(
        name, builtin, types=("int8",), version=1, shapes=None, constant=None, output=None, operands=None, **options
    ):
        """`constant` maps operand indices to their values."""

        def build(graph):
            inputs = []
            for index, type in enumerate(types):
                shape = (shapes or {}).get(index, (1, 4, 4, 8) if type != "int32" else (4,))
                inputs.append(graph.tensor(type, shape, constant=(constant or {}).get(index)))
            graph.add(builtin, inputs if operands is None else operands(inputs), version, options, output=output)

        case(name, build)

    for version in (1, 2, 3, 4):
        conv(f"convolution version {version}", version)
    conv("convolution of float32", 1, type="float32", bias="float32")
    conv("convolution of int16", 2, type="int16")
    conv("convolution with bias of int64", bias="int64")
    conv("convolution without bias, -1", bias=None)
    conv("convolution of two operands", operands=2)
    conv("convolution with computed weights", weights=None)
    conv("convolution of uint8", 1, type="uint8")
    for activation in ("RELU", "RELU6", "RELU_N1_TO_1", "TANH", "SIGN_BIT"):
        conv(f"convolution with {activation}", activation=activation)
    for strides in ([3, 3], [4, 1], [1, 4]):
        conv(f"convolution with strides {strides}", strides=strides)
    for dilations in ([2, 1], [1, 2]):
        conv(f"convolution with dilations {dilations}", dilations=dilations)
    conv("convolution with strides, dilations and activation", strides=[4, 4], dilations=[2, 2], activation="TANH")
    conv("convolution of float32 with stride 4", 1, type="float32", bias="float32", strides=[4, 4])

    depthwise = {"builtin": "DEPTHWISE_CONV_2D"}
    for version in (3, 4):
        conv(f"depthwise version {version}", version, **depthwise)
    conv("depthwise with stride 4", strides=[4, 4], **depthwise)
    conv("depthwise with stride 3", strides=[3, 3], **depthwise)
    conv("depthwise dilated", dilations=[2, 2], **depthwise)
    conv("depthwise dilated with stride", dilations=[2, 1], strides=[1, 2], **depthwise)
    conv("depthwise multiplier 2", multiplier=2, filter=(1, 3, 3, 16), output={"shape": [1, 4, 4, 16]}, **depthwise)
    conv("depthwise multiplier 8 of one channel", multiplier=8, shape=(1, 4, 4, 1), **depthwise)
    conv(
        "depthwise multiplier 8 of one channel, dilated",
        multiplier=8,
        shape=(1, 4, 4, 1),
        dilations=[2, 2],
        **depthwise,
    )
    conv("depthwise filter 1 by 3", filter=(1, 1, 3, 8), **depthwise)
    conv("depthwise filter 2 by 1", filter=(1, 2, 1, 8), **depthwise)
    conv("depthwise with activation TANH", activation="TANH", **depthwise)

    def transposed(name, version=3, types=("int32", "int8", "int8", "int32"), strides=(2, 2), padding="SAME", **more):
        shapes = {1: (8, 3, 3, 8), 2: (1, 2, 2, 8), 3: (8,)}
        constant = {0: [1, 4, 4, 8], 1: True, 3: True} | more.pop("constant", {})
        simple(name, "TRANSPOSE_CONV", types, version, shapes, constant, strides=list(strides), padding=padding, **more)

    transposed("transposed convolution")
    transposed("transposed convolution without bias", 2, ("int32", "int8", "int8"))
    transposed("transposed convolution version 4", 4)
    transposed("transposed convolution of two operands", 2, ("int32", "int8"))
    transposed("transposed convolution with computed shape", constant={0: None})
    transposed("transposed convolution with stride 4", strides=(4, 4))
    transposed("transposed convolution VALID", padding="VALID")
    transposed("transposed convolution with float bias", types=("int32", "int8", "int8", "float32"))

    def connected(
        name, version=4, types=("int8", "int8", "int32"), scales=1, blockwise=False, bias=True, operands=3, **options
    ):
        def build(graph):
            inputs = [graph.tensor(types[0], (1, 8)), graph.tensor(types[1], (8, 8), True, scales, blockwise)]
            inputs += [graph.tensor(types[2], (8,), constant=bias)] if len(types) > 2 else [-1]
            graph.add("FULLY_CONNECTED", inputs[:operands], version, options, output={"shape": (1, 8)})

        case(name, build)

    connected("fully connected")
    connected("fully connected version 5", 5)
    connected("fully connected per channel", scales=8)
    connected("fully connected block-wise", blockwise=True)
    connected("fully connected shuffled", weightsFormat="SHUFFLED4x16INT8")
    connected("fully connected keeping rank", keepDims=True)
    connected("fully connected per channel, keeping rank", scales=8, keepDims=True)
    connected("fully connected without bias, -1", types=("int8", "int8"))
    connected("fully connected of two operands", types=("int8", "int8"), operands=2)
    connected("fully connected with computed bias", bias=None)
    connected("fully connected with activation TANH", activation="TANH")
    connected("fully connected with RELU6", activation="RELU6")
    connected("fully connected of float32", types=("float32", "float32", "float32"))

    for builtin in ("ADD", "SUB", "MUL"):
        for version in (2, 3):
            simple(f"{builtin} version {version}", builtin, ("int8", "int8"), version)
        for activation in ("RELU6", "TANH"):
            simple(f"{builtin} with {activation}", builtin, ("int8", "int8"), activation=activation)
        simple(f"{builtin} of int8 and uint8", builtin, ("int8", "uint8"))
        simple(f"{builtin} of float32", builtin, ("float32", "float32"))
        simple(f"{builtin} of int32", builtin, ("int32", "int32"))
    for builtin in ("MINIMUM", "MAXIMUM"):
        simple(builtin, builtin, ("int8", "int8"), 2)
        simple(f"{builtin} version 3", builtin, ("int8", "int8"), 3)
    for version in (1, 2, 3):
        simple(f"squared difference version {version}", "SQUARED_DIFFERENCE", ("int8", "int8"), version)
        simple(f"rsqrt version {version}", "RSQRT", ("int8",), version)
    simple("squared difference of uint8", "SQUARED_DIFFERENCE", ("uint8", "int8"), 2)
    simple("rsqrt of uint8", "RSQRT", ("uint8",), 2)

    for builtin, best in {"RELU": 2, "RELU6": 2, "TANH": 2, "LOGISTIC": 2, "SOFTMAX": 2, "HARD_SWISH": 1, "NEG": 1,
                          "QUANTIZE": 2, "L2_NORMALIZATION": 2}.items():  # fmt: skip
        for version in (best, best + 1):
            simple(f"{builtin} version {version}", builtin, version=version)
        simple(f"{builtin} of float32", builtin, ("float32",), best)
        simple(f"{builtin} of uint8", builtin, ("uint8",), best)
    simple("RELU version 1", "RELU")
    simple("L2_NORMALIZATION with RELU", "L2_NORMALIZATION", activation="RELU")
    simple("quantise float32 to int8", "QUANTIZE", ("float32",))
    simple("quantise int8 to int16", "QUANTIZE", output={"type": "int16"})
    for builtin in ("SPACE_TO_DEPTH", "DEPTH_TO_SPACE"):
        simple(builtin, builtin, version=2, blockSize=2, output={"shape": [1, 2, 2, 32]})
        simple(f"{builtin} version 3", builtin, version=3, blockSize=2)

    for builtin in ("MAX_POOL_2D", "AVERAGE_POOL_2D"):
        for padding, filter in (
            ("SAME", [2, 2]),
            ("SAME", [12, 12]),
            ("SAME", [13, 2]),
            ("SAME", [2, 13]),
            ("VALID", [13, 13]),
        ):
            simple(f"{builtin} {padding} {filter}", builtin, version=2, padding=padding, filter=filter, strides=[4, 4])
        simple(
            f"{builtin} with RELU", builtin, version=2, padding="SAME", filter=[2, 2], strides=[1, 1], activation="RELU"
        )
        simple(f"{builtin} of float32", builtin, ("float32",), padding="SAME", filter=[2, 2], strides=[1, 1])

    second = {
        "MEAN": {"values": [1, 2], "shape": (2,), "options": {"keepReducedDims": True}},
        "MIRROR_PAD": {"values": [0, 0, 1, 1, 1, 1, 0, 0], "shape": (4, 2), "options": {"mode": "REFLECT"}},
        "PAD": {"values": [0, 0, 1, 1, 1, 1, 0, 0], "shape": (4, 2), "options": {}},
        "RESIZE_BILINEAR": {"values": [8, 8], "shape": (2,), "options": {}},
        "RESIZE_NEAREST_NEIGHBOR": {"values": [8, 8], "shape": (2,), "options": {}},
        "TRANSPOSE": {"values": [0, 2, 1, 3], "shape": (4,), "options": {}},
        "ARG_MAX": {"values": [3], "shape": (1,), "options": {}},
        "ARG_MIN": {"values": [3], "shape": (1,), "options": {}},
    }
    for builtin, about in second.items():
        best = 3 if builtin.startswith("RESIZE") else 2
        shapes, values = {1: about["shape"]}, about["values"]
        common = {"shapes": shapes, **about["options"]}
        simple(builtin, builtin, ("int8", "int32"), best, constant={1: values}, **common)
        simple(f"{builtin} version {best + 1}", builtin, ("int8", "int32"), best + 1, constant={1: values}, **common)
        simple(f"{builtin} with a computed operand", builtin, ("int8", "int32"), best, **common)
        simple(f"{builtin} with int64", builtin, ("int8", "int64"), best, constant={1: values}, **common)
        simple(f"{builtin} of float32", builtin, ("float32", "int32"), best, constant={1: values}, **common)
    simple(
        "MIRROR_PAD symmetric",
        "MIRROR_PAD",
        ("int8", "int32"),
        shapes={1: (4, 2)},
        constant={1: second["MIRROR_PAD"]["values"]},
        mode="SYMMETRIC",
    )
    simple(
        "PAD with a value",
        "PAD",
        ("int8", "int32", "int8"),
        shapes={1: (4, 2), 2: (1,)},
        constant={1: second["PAD"]["values"], 2: True},
    )
    simple(
        "PADV2",
        "PADV2",
        ("int8", "int32", "int8"),
        shapes={1: (4, 2), 2: (1,)},
        constant={1: second["PAD"]["values"], 2: True},
    )
    simple(
        "RESIZE_BILINEAR to three sizes",
        "RESIZE_BILINEAR",
        ("int8", "int32"),
        3,
        shapes={1: (3,)},
        constant={1: [8, 8, 8]},
    )
    simple("MEAN of a missing operand", "MEAN", ("int8",), 2)

    simple("SPLIT", "SPLIT", ("int32", "int8"), 2, {0: (1,)}, {0: [3]}, numSplits=1)
    simple("SPLIT along a computed axis", "SPLIT", ("int32", "int8"), 2, {0: (1,)}, numSplits=1)
    simple("SPLIT of float32", "SPLIT", ("int32", "float32"), 2, {0: (1,)}, {0: [3]}, numSplits=1)
    for index in ("int32", "int64"):
        simple(
            f"SLICE with {index}", "SLICE", ("int8", index, index), 2, {1: (4,), 2: (4,)}, {1: True, 2: [1, 4, 4, 8]}
        )
    simple("SLICE with computed sizes", "SLICE", ("int8", "int32", "int32"), 2, constant={1: True})
    simple("SLICE with computed begins", "SLICE", ("int8", "int32", "int32"), 2, constant={2: [1, 4, 4, 8]})
    strided = {1: [0] * 4, 2: [1, 4, 4, 8], 3: [1] * 4}
    types = ("int8", "int32", "int32", "int32")
    simple("STRIDED_SLICE", "STRIDED_SLICE", types, 2, constant=strided)
    simple("STRIDED_SLICE version 3", "STRIDED_SLICE", types, 3, constant=strided)
    simple("STRIDED_SLICE with ellipsis", "STRIDED_SLICE", types, 2, constant=strided, ellipsisMask=1)
    simple("STRIDED_SLICE with a new axis", "STRIDED_SLICE", types, 2, constant=strided, newAxisMask=1)
    simple(
        "STRIDED_SLICE of int64",
        "STRIDED_SLICE",
        ("int8", "int64", "int64", "int64"),
        2,
        {1: (4,), 2: (4,), 3: (4,)},
        strided,
    )
    for missing in (1, 2, 3):
        kept = {index: values for index, values in strided.items() if index != missing}
        simple(f"STRIDED_SLICE with operand {missing} computed", "STRIDED_SLICE", types, 2, constant=kept)

    for builtin in ("CONCATENATION", "PACK"):
        options = {"axis": 3} if builtin == "CONCATENATION" else {"axis": 0, "valuesCount": 2}
        shapes = None if builtin == "CONCATENATION" else {0: (4, 4, 8), 1: (4, 4, 8)}
        for version in (2, 3):
            simple(f"{builtin} version {version}", builtin, ("int8", "int8"), version, shapes, **options)
        simple(f"{builtin} with int32", builtin, ("int8", "int32"), 2, shapes, **options)
        simple(f"{builtin} of one", builtin, ("int8",), 2, shapes, **options | ({"valuesCount": 1} if shapes else {}))
    simple("CONCATENATION with TANH", "CONCATENATION", ("int8", "int8"), 2, axis=3, activation="TANH")
    simple("PACK to rank 5", "PACK", ("int8", "int8"), 2, axis=0, valuesCount=2, output={"shape": [2, 1, 4, 4, 8]})
    simple("RESHAPE", "RESHAPE", ("int8", "int32"), shapes={1: (2,)}, constant={1: [4, 32]}, newShape=[4, 32])
    simple("RESHAPE by option", "RESHAPE", newShape=[4, 32], output={"shape": [4, 32]})
    simple("RESHAPE with a computed shape", "RESHAPE", ("int8", "int32"), shapes={1: (2,)})
    simple("RESHAPE to rank 5", "RESHAPE", newShape=[1, 1, 4, 4, 8], output={"shape": [1, 1, 4, 4, 8]})
    simple("RESHAPE of int32", "RESHAPE", ("int32",), newShape=[4, 32])
    simple("RESHAPE of three operands", "RESHAPE", ("int8", "int32", "int32"))
    simple("ADD of rank 5", "ADD", ("int8", "int8"), 3, {0: (1, 1, 4, 4, 8), 1: (8,)})
    simple("SUM", "SUM", ("int8", "int32"), shapes={1: (2,)}, constant={1: [1, 2]})
    simple("SUM version 2", "SUM", ("int8", "int32"), 2, shapes={1: (2,)}, constant={1: [1, 2]})
    for builtin, version in (("DEQUANTIZE", 1), ("DEQUANTIZE", 2), ("LEAKY_RELU", 1), ("LEAKY_RELU", 2), ("PRELU", 1),
                             ("GELU", 2), ("EXP", 1), ("CAST", 1), ("DIV", 1), ("RELU_N1_TO_1", 1)):  # fmt: skip
        simple(
            f"{builtin} version {version}",
            builtin,
            ("int8", "int8") if builtin in ("PRELU", "DIV") else ("int8",),
            version,
        )
    return cases


def partition_cases():
    """Graphs of operators that are taken (TANH, ADD) and not (LEAKY_RELU, ADD of version 3)."""
    cases = []

    def case(name, text, limits=(0, 0)):
        """`text`: statements `result = d(operands)` or `result = c(operands)`, `d` delegated, `c` not; `result` may
        repeat with `d*5`: a chain. Names not assigned before are graph inputs; `!` after c marks side effects."""
        graph, tensors = Graph(), {}

        def value(name):
            if name not in tensors:
                tensors[name] = graph.tensor()
            return tensors[name]

        for statement in filter(None, (part.strip() for part in text.split(";"))):
            target, call = (part.strip() for part in statement.split("="))
            kind, operands = call.rstrip(")").split("(")
            effect = kind.endswith("!")
            kind, _, count = kind.rstrip("!").partition("*")
            inputs = [value(name.strip()) for name in operands.split(",")]
            for _ in range(int(count or 1)):
                builtin = "TANH" if len(inputs) == 1 and kind == "d" else "LEAKY_RELU" if len(inputs) == 1 else "ADD"
                options = {"alpha": 0.25} if builtin == "LEAKY_RELU" else {}
                version = 3 if kind == "c" else 2
                inputs = [graph.add(builtin, inputs, version, options, side_effect=effect)]
            tensors[target] = inputs[0]
        graph.outputs = []
        cases.append((name, graph.described(), limits))

    def chain(sizes, first="d"):
        """Runs of delegated operators with one CPU operator between them."""
        lines, value = [], "x"
        if first == "c":
            lines, value = ["y = c(x)"], "y"
        for index, size in enumerate(sizes):
            lines.append(f"p{index} = d*{size}({value})")
            value = f"p{index}"
            if index + 1 < len(sizes):
                lines.append(f"q{index} = c({value})")
                value = f"q{index}"
        return "; ".join(lines)

    case("everything delegated", "a = d*3(x)")
    case("nothing delegated", "a = c*3(x)")
    case("one operator alone", "a = d(x)")
    case("one operator alone, minimum 1", "a = d(x)", (0, 1))
    case("CPU in the middle", chain([3, 2]))
    case("smaller first", chain([2, 5]))
    case("ties keep order", chain([2, 2, 2, 2, 2, 2]))
    case("ties around a larger one", chain([2, 3, 2, 3, 2, 4, 2]))
    case("five of rising size", chain([2, 3, 4, 5, 6]))
    case("five of falling size", chain([6, 5, 4, 3, 2]))
    case("at most one", chain([2, 3, 3]), (1, 0))
    case("at most two with ties", chain([3, 4, 3, 3]), (2, 0))
    case("minimum of three", chain([2, 3, 4, 1]), (0, 3))
    case("minimum that none reaches", chain([2, 3]), (0, 9))
    case("single operators between CPU operators", chain([1, 1, 1]))
    case("singles and a pair", chain([1, 2, 1, 1]))
    case("sixteen partitions", chain([2] * 16), (16, 0))
    case("limit above sixteen is sixteen", chain([2] * 18), (40, 0))
    case("seventeen of rising size, limit 17", chain([*range(1, 18)]), (17, 1))
    case("negative limits are the defaults", chain([2, 1, 2, 2, 2, 2]), (-1, -3))
    case("starts on the CPU", chain([3, 2], "c"))

    case("diamond, both arms delegated", "a = d(x); b = d(a); e = d(a); f = d(b, e)")
    case("diamond, one arm on the CPU", "a = d(x); b = c(a); e = d(a); f = d(b, e)")
    case("diamond, both arms on the CPU", "a = d(x); b = c(a); e = c(a); f = d(b, e)")
    case("diamond, join on the CPU", "a = d(x); b = d(a); e = d(a); f = c(b, e)")
    case("diamond, long arm delegated", "a = d(x); b = d*4(a); e = c(a); f = d(b, e); g = d(f)")
    case("two independent chains are one partition", "a = d*2(x); b = d*3(y)")
    case("branches on both sides of a CPU operator merge", "a = d(x); b = c(a); e = d(b); f = c(y); g = d(f)")
    case("later operator joins the first partition", "a = d(x); b = c(a); e = d(b); f = d(x); g = d*2(f)")
    case("CPU operator first in order, delegated ones beside it", "a = c(x); b = d*2(y); e = d(a, b)")
    case("delegated first in order, then CPU, then both", "a = d(x); b = c(y); e = d(b); f = c(a); g = d(e, f)")
    case(
        "ladder of two chains", "a = d(x); b = c(a); e = c(y); f = d(e); g = d(b, f); h = c(g, f); i = d*2(h); j = d(a)"
    )
    case("skip over two CPU operators", "a = d*2(x); b = c(a); e = d(b); f = c(e); g = d(f, a); h = d(g)")
    case("rejected single between two pairs", "a = d*2(x); b = c(a); e = d(b); f = c(e); g = d*2(f)")
    case("rejected single at the start", "a = d(x); b = c(a); e = d*2(b); f = c(y); g = d*2(f); h = c(g); i = d*3(h)")
    case("result used twice", "a = d(x); b = d(a, a); e = c(b, a); f = d(e, b); g = d(f, a)")
    case("operators with side effects keep their order", "a = c!(x); b = d*2(a); e = c!(b); f = c!(y); g = d*2(f)")
    case("side effects hold nothing else back", "a = c!(x); b = d(a); e = c!(b); f = c(y); g = d*2(f)")

    # Operators whose order in the file is not topological are refused by the runtime's loader, not tried here.
    graph = Graph()
    source = graph.tensor()
    axis = graph.tensor("int32", (1,), constant=[3])
    halves = [graph.tensor(shape=(1, 4, 4, 4), given=False) for _ in range(2)]
    graph.add("SPLIT", [axis, source], 2, {"numSplits": 2}, outputs=halves)
    left = graph.add("LEAKY_RELU", [halves[0]], 2, {"alpha": 0.25}, output={"shape": (1, 4, 4, 4)})
    right = graph.add("TANH", [halves[1]], 2, output={"shape": (1, 4, 4, 4)})
    joined = graph.add("CONCATENATION", [left, right], 2, {"axis": 3})
    graph.add("TANH", [joined], 2)
    cases.append(("split whose halves go two ways", graph.described(), (0, 0)))
    return cases


def recorded(name, graph, limits=(0, 0)):
    data = file_of(graph)
    back = flatbuffer.graphs(data)[0]
    decision = admission.decision(graph, *limits)
    effects = any(operator.get("sideEffect") for operator in graph["operators"])
    if not effects and admission.decision(back, *limits) != decision:
        raise ValueError(f"{name}: the file says otherwise than the graph")
    entry = {"name": name, "partitionLimit": limits[0], "nodeMinimum": limits[1], **graph, **decision}
    # A file cannot say that these operators have side effects.
    return entry if effects else entry | {"model": base64.b64encode(data).decode()}


def main():
    one, many = admission_cases(), partition_cases()
    names = [case[0] for case in one + many]
    wrong = [f"repeated case {name}" for name in names if names.count(name) > 1]
    failed = {code for _, graph in one for code in admission.failures(graph, graph["operators"][0])}
    # Only files that the runtime does not load break these.
    unreachable = {"E_PADDING"}
    wrong += [f"no case fails {code}" for code in admission.CODES if code not in failed | unreachable]
    taken = {
        graph["operators"][0]["builtin"] for _, graph in one if not admission.failures(graph, graph["operators"][0])
    }
    known = set(admission.OPERANDS) | admission.LISTS | {"RESHAPE"}
    wrong += [f"no case takes {builtin}" for builtin in sorted(known - taken)]
    if wrong:
        sys.exit("\n".join(wrong))
    document = {
        "source": "google-ai-edge/LiteRT tflite/: delegates/hexagon/utils.cc, graph_info.cc, delegates/utils.cc",
        "command": "tools/record_dsp_partitions.py",
        "admission": [recorded(*case) for case in one],
        "partitions": [recorded(*case) for case in many],
    }
    groups = ("admission", "partitions")
    head = ", ".join(f"{json.dumps(key)}: {json.dumps(document[key])}" for key in document if key not in groups)
    body = ",\n".join(
        f"{json.dumps(key)}: [\n" + ",\n".join(json.dumps(entry) for entry in document[key]) + "\n]" for key in groups
    )
    TARGET.write_text(f"{{{head},\n{body}}}\n")
    for code in admission.CODES:
        count = sum(entry["reasons"][0] == code for entry in document["admission"])
        print(f"  {count:4d}  {code}")
    print(f"{len(one)} operators, {len(many)} graphs, {TARGET.stat().st_size} bytes")


if __name__ == "__main__":
    main()
