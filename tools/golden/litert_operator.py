"""Single-operator .tflite models, run in LiteRT, recorded as test cases.

A case is one operator with its attributes, operands and LiteRT's results. `Cases.write` puts the cases of a family into
one JSON file that says which runtime, version, resolver, seed and command made them.
"""

import base64
import json
import sys

import ai_edge_litert
import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter, OpResolverType

TYPES = {
    "float16": (schema.TensorType.FLOAT16, np.float16),
    "float32": (schema.TensorType.FLOAT32, np.float32),
    "int4": (schema.TensorType.INT4, np.int8),
    "int8": (schema.TensorType.INT8, np.int8),
    "uint8": (schema.TensorType.UINT8, np.uint8),
    "int16": (schema.TensorType.INT16, np.int16),
    "uint16": (schema.TensorType.UINT16, np.uint16),
    "int32": (schema.TensorType.INT32, np.int32),
    "int64": (schema.TensorType.INT64, np.int64),
    "bool": (schema.TensorType.BOOL, np.bool_),
}
RESOLVERS = {
    "BUILTIN_REF": OpResolverType.BUILTIN_REF,
    "BUILTIN_WITHOUT_DEFAULT_DELEGATES": OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
}


class Tensor:
    """An operand: values, element type and, per tensor or per channel, scales and zero points."""

    def __init__(self, values, type=None, scale=None, zero_point=0, axis=None, constant=False):
        self.values = np.asarray(values)
        self.type = type or self.values.dtype.name
        self.values = self.values.astype(TYPES[self.type][1])
        self.scales = None if scale is None else np.atleast_1d(np.asarray(scale, np.float32))
        self.zero_points = None if scale is None else np.broadcast_to(zero_point, self.scales.shape)
        self.axis = axis
        self.constant = constant

    def buffer(self):
        if self.type != "int4":
            return self.values.tobytes()
        nibbles = self.values.reshape(-1).astype(np.uint8) & 15
        if len(nibbles) % 2:
            nibbles = np.append(nibbles, np.uint8(0))
        return (nibbles[0::2] | nibbles[1::2] << 4).tobytes()

    def record(self):
        entry = {
            "type": self.type,
            "shape": list(self.values.shape),
            "bytes": base64.b64encode(self.values.tobytes()).decode(),
        }
        return entry | quantization_record(self)


class Result:
    """What a result should be: its element type and quantisation."""

    def __init__(self, type, scale=None, zero_point=0):
        self.type = type
        self.scales = None if scale is None else np.atleast_1d(np.asarray(scale, np.float32))
        self.zero_points = None if scale is None else np.broadcast_to(zero_point, self.scales.shape)
        self.axis = None


def quantization_record(tensor):
    if tensor.scales is None:
        return {}
    entry = {"scales": [float(s) for s in tensor.scales], "zeroPoints": [int(z) for z in tensor.zero_points]}
    return entry | ({} if tensor.axis is None else {"axis": tensor.axis})


def tensor_entry(name, type, shape, buffer, quantized):
    entry = schema.TensorT()
    entry.name = name
    entry.type = TYPES[type][0]
    entry.shape = np.array(shape, np.int32)
    entry.buffer = buffer
    if quantized.scales is not None:
        parameters = schema.QuantizationParametersT()
        parameters.scale = quantized.scales
        parameters.zeroPoint = np.array(quantized.zero_points, np.int64)
        parameters.quantizedDimension = quantized.axis or 0
        entry.quantization = parameters
    return entry


def build_model(operator, version, options, inputs, results):
    """A model of one operator. `options` is an object of the schema's XxxOptionsT, or None."""
    model = schema.ModelT()
    model.version = 3
    code = schema.OperatorCodeT()
    code.builtinCode = getattr(schema.BuiltinOperator, operator)
    code.deprecatedBuiltinCode = min(code.builtinCode, 127)
    code.version = version
    model.operatorCodes = [code]
    model.buffers = [schema.BufferT()]
    graph = schema.SubGraphT()
    graph.tensors, graph.inputs, graph.outputs = [], [], []
    node = schema.OperatorT()
    node.inputs, node.outputs = [], []
    for position, tensor in enumerate(inputs):
        if tensor is None:
            node.inputs.append(-1)
            continue
        buffer = 0
        if tensor.constant:
            buffer = len(model.buffers)
            data = schema.BufferT()
            data.data = np.frombuffer(tensor.buffer(), np.uint8)
            model.buffers.append(data)
        else:
            graph.inputs.append(len(graph.tensors))
        node.inputs.append(len(graph.tensors))
        graph.tensors.append(tensor_entry(f"input{position}", tensor.type, tensor.values.shape, buffer, tensor))
    for position, result in enumerate(results):
        graph.outputs.append(len(graph.tensors))
        node.outputs.append(len(graph.tensors))
        graph.tensors.append(tensor_entry(f"output{position}", result.type, [], 0, result))
    if options is not None:
        name = type(options).__name__[:-1]
        node.builtinOptionsType = getattr(schema.BuiltinOptions, name)
        node.builtinOptions = options
    graph.operators = [node]
    model.subgraphs = [graph]
    builder = flatbuffers.Builder(4096)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def run_model(model, inputs, resolver):
    interpreter = Interpreter(model_content=model, experimental_op_resolver_type=RESOLVERS[resolver], num_threads=1)
    interpreter.allocate_tensors()
    values = [tensor.values for tensor in inputs if tensor is not None and not tensor.constant]
    for detail, value in zip(interpreter.get_input_details(), values):
        interpreter.set_tensor(detail["index"], value)
    interpreter.invoke()
    return [interpreter.get_tensor(detail["index"]) for detail in interpreter.get_output_details()]


class Cases:
    """The cases of one family, from one seed."""

    def __init__(self, family, seed):
        self.family = family
        self.seed = seed
        self.random = np.random.default_rng(seed)
        self.entries = []
        self.refused = []

    def add(self, name, operator, attributes, options, inputs, results, resolver="BUILTIN_REF", version=1, model=None):
        """Runs the operator and records it; what LiteRT refuses is only listed. `model`: a file to run instead."""
        model = model or build_model(operator, version, options, inputs, results)
        try:
            outputs = run_model(model, inputs, resolver)
        except (RuntimeError, ValueError) as error:
            self.refused.append(f"{name}: {str(error).splitlines()[0]}")
            return None
        entry = {
            "name": name,
            "operator": operator,
            "attributes": attributes,
            "resolver": resolver,
            "inputs": [None if tensor is None else tensor.record() for tensor in inputs],
            "outputs": [],
        }
        for result, value in zip(results, outputs):
            tensor = Tensor(value, result.type)
            entry["outputs"].append(tensor.record() | quantization_record(result))
        self.entries.append(entry)
        return outputs

    def write(self, folder):
        path = folder / f"{self.family}.json"
        header = {
            "producer": "LiteRT (ai-edge-litert)",
            "version": ai_edge_litert.__version__,
            "seed": self.seed,
            "command": " ".join(["tools/golden/" + sys.argv[0].rsplit("/", 1)[-1], *sys.argv[1:]]),
        }
        lines = ",\n".join(json.dumps(entry, separators=(",", ":")) for entry in self.entries)
        text = json.dumps(header)[:-1] + ', "cases": [\n' + lines + "\n]}\n"
        path.write_text(text)
        print(f"{path}: {len(self.entries)} cases, {len(text)} bytes", *self.refused, sep="\n  ")
