"""What is inside 4-bit .tflite files: weights by operator and type, and a copy whose INT4 weights are INT8."""
from pathlib import Path

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

# The operators that LiteRT runs on INT4 weights.
TAKE_INT4 = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")
_BUILTINS = {value: name for name, value in vars(schema.BuiltinOperator).items() if not name.startswith("_")}
_TYPES = {value: name for name, value in vars(schema.TensorType).items() if not name.startswith("_")}


def load(path):
    return schema.ModelT.InitFromPackedBuf(bytearray(Path(path).read_bytes()), 0)


def _data(model, tensor):
    data = model.buffers[tensor.buffer].data
    return b"" if data is None else bytes(bytearray(data))


def builtins(model):
    """The builtin of every operator."""
    codes = [_BUILTINS[max(code.builtinCode, code.deprecatedBuiltinCode)] for code in model.operatorCodes]
    return [codes[operation.opcodeIndex] for operation in model.subgraphs[0].operators]


def weights(path):
    """(builtin, tensor type, bytes of the buffer, elements) of every operator that has weights."""
    model, result = load(path), []
    graph = model.subgraphs[0]
    for operation, builtin in zip(graph.operators, builtins(model)):
        if builtin in TAKE_INT4 + ("TRANSPOSE_CONV",):
            tensor = graph.tensors[operation.inputs[1]]
            size = len(_data(model, tensor))
            if size:
                result.append((builtin, _TYPES[tensor.type], size, int(np.prod(tensor.shape))))
    return result


def activation_types(path):
    """How many tensors without a buffer have each type."""
    model, counts = load(path), {}
    for tensor in model.subgraphs[0].tensors:
        if not _data(model, tensor):
            counts[_TYPES[tensor.type]] = counts.get(_TYPES[tensor.type], 0) + 1
    return counts


def unpacked(path, target):
    """Writes a copy whose INT4 constants are INT8 with the same codes; returns the smallest and the largest of them."""
    model, smallest, largest = load(path), 0, 0
    for tensor in model.subgraphs[0].tensors:
        if _TYPES[tensor.type] != "INT4" or not _data(model, tensor):
            continue
        packed = np.frombuffer(_data(model, tensor), np.uint8)
        nibbles = np.stack([packed & 15, packed >> 4], 1).ravel()[:int(np.prod(tensor.shape))].astype(np.int8)
        codes = ((nibbles ^ 8) - 8).astype(np.int8)
        smallest, largest = min(smallest, int(codes.min())), max(largest, int(codes.max()))
        buffer = schema.BufferT()
        buffer.data = codes.view(np.uint8)
        model.buffers.append(buffer)
        tensor.buffer, tensor.type = len(model.buffers) - 1, schema.TensorType.INT8
    used = {tensor.buffer for graph in model.subgraphs for tensor in graph.tensors}
    used |= {entry.buffer for entry in model.metadata or []}
    for index, buffer in enumerate(model.buffers):
        if index not in used:
            buffer.data = None
    builder = flatbuffers.Builder(1 << 20)
    builder.Finish(model.Pack(builder), b"TFL3")
    Path(target).write_bytes(bytes(builder.Output()))
    return smallest, largest


def layers(path):
    """The linear layers of a file, as four_bit_torch.py builds them again: NCHW input shape, weight shape, stride."""
    model, result = load(path), []
    graph = model.subgraphs[0]
    for operation, builtin in zip(graph.operators, builtins(model)):
        shapes = [[int(n) for n in graph.tensors[i].shape] if i >= 0 else [] for i in operation.inputs]
        options = operation.builtinOptions
        if builtin in ("CONV_2D", "DEPTHWISE_CONV_2D", "TRANSPOSE_CONV"):
            x, w = shapes[2 if builtin == "TRANSPOSE_CONV" else 0], shapes[1]
            depthwise = builtin == "DEPTHWISE_CONV_2D"
            result.append({
                "kind": builtin, "input": [x[0], x[3], x[1], x[2]], "stride": [options.strideH, options.strideW],
                "weights": [w[3], 1, w[1], w[2]] if depthwise else [w[0], w[3], w[1], w[2]],
                "groups": x[3] if depthwise else 1})
        elif builtin == "FULLY_CONNECTED":
            rows = int(np.prod(shapes[0])) // shapes[1][1]
            result.append({"kind": builtin, "input": [rows, shapes[1][1]], "weights": shapes[1]})
        elif builtin == "BATCH_MATMUL":
            transposed = [-2, -1] if not options.adjY else [-1, -2]
            inner, outer = (shapes[1][axis] for axis in transposed)
            first = shapes[0][:-2] + ([shapes[0][-1], shapes[0][-2]] if options.adjX else shapes[0][-2:])
            result.append({"kind": builtin, "input": first, "weights": shapes[1][:-2] + [inner, outer]})
    return result
