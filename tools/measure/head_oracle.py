"""What an exact head's integers must be, in NumPy, from the int32 accumulator of the file without the head.

Reads files with LiteRT's own schema. The multiplier arithmetic is LiteRT's `MultiplyByQuantizedMultiplier` written again;
the curves are written from their definitions: Hilbert's by its turtle rule, the serpentine row by row."""
import math

import numpy as np
from ai_edge_litert import schema_py_generated as schema

NAMES = {value: name for name, value in vars(schema.BuiltinOperator).items() if isinstance(value, int)}


class File:
    """Operators and tensors of a .tflite file."""

    def __init__(self, path):
        self.root = schema.ModelT.InitFromPackedBuf(bytearray(path.read_bytes()), 0)
        self.graph = self.root.subgraphs[0]

    def name(self, operator):
        code = self.root.operatorCodes[operator.opcodeIndex]
        return NAMES[max(code.builtinCode, code.deprecatedBuiltinCode)]

    def producer(self, tensor):
        return next((op for op in self.graph.operators if tensor in op.outputs), None)

    def users(self, tensor):
        return [op for op in self.graph.operators if tensor in op.inputs]

    def quantization(self, tensor):
        found = self.graph.tensors[tensor].quantization
        return np.float32(found.scale[0]), int(found.zeroPoint[0])

    def data(self, tensor, dtype):
        found = self.graph.tensors[tensor]
        return np.frombuffer(bytes(self.root.buffers[found.buffer].data), dtype).reshape(found.shape)

    def head(self, output):
        """The convolution that the output named `output` comes from, through one operand per operator, and the names of
        the operators behind it."""
        tensor = next(i for i in self.graph.outputs if self.graph.tensors[i].name.decode() == output)
        behind = []
        while True:
            operator = self.producer(tensor)
            if self.name(operator) == "CONV_2D":
                return operator, behind
            behind.append(self.name(operator))
            tensor = next(i for i in operator.inputs if self.producer(i) is not None)

    def hinges(self):
        """The convolution whose result only the combination reads, or the thermometer's sum."""
        return next(op for op in self.graph.operators
                    if self.graph.tensors[op.outputs[0]].name.decode().endswith("/hinges"))


def accumulator(file, operator, codes):
    """The int32 sums of a CONV_2D of stride 1 with one result channel, for int8 input codes [1, H, W, C]."""
    _, zero = file.quantization(operator.inputs[0])
    weights = file.data(operator.inputs[1], np.int8).astype(np.int64)
    bias = file.data(operator.inputs[2], np.int32)[0] if len(operator.inputs) > 2 and operator.inputs[2] >= 0 else 0
    options = operator.builtinOptions
    assert (options.strideH, options.strideW, options.dilationHFactor, options.dilationWFactor) == (1, 1, 1, 1)
    values = codes[0].astype(np.int64) - zero
    _, kh, kw, _ = weights.shape
    if options.padding == schema.Padding.SAME:
        values = np.pad(values, (((kh - 1) // 2, kh // 2), ((kw - 1) // 2, kw // 2), (0, 0)))
    height, width = values.shape[0] - kh + 1, values.shape[1] - kw + 1
    sums = np.full((height, width), int(bias), np.int64)
    for y in range(kh):
        for x in range(kw):
            sums += values[y:y + height, x:x + width] @ weights[0, y, x]
    return sums


def quantize_multiplier(real):
    fraction, exponent = math.frexp(real)
    q = int(math.floor(fraction * 2**31 + 0.5))
    if q == 2**31:
        q, exponent = q // 2, exponent + 1
    return q, exponent


def multiply(values, real):
    """LiteRT's MultiplyByQuantizedMultiplier, rounding twice."""
    q, exponent = quantize_multiplier(real)
    left, right = max(exponent, 0), max(-exponent, 0)
    product = (values << left) * q
    nudge = np.where(product >= 0, 1 << 30, 1 - (1 << 30))
    high = product + nudge
    high = np.where(high >= 0, high >> 31, -((-high) >> 31))
    mask = (1 << right) - 1
    remainder = high & mask
    threshold = (mask >> 1) + (high < 0)
    return (high >> right) + (remainder > threshold)


def hilbert_turtle(order):
    """Steps (axis, sign) of the Hilbert curve from (0, 0), by the rewriting A -> +BF-AFA-FB+, B -> -AF+BFB+FA-, mirrored so
    that the whole curve ends at x = 2^order - 1."""
    text = "A"
    for _ in range(order):
        text = "".join({"A": "+BF-AFA-FB+", "B": "-AF+BFB+FA-"}.get(c, c) for c in text)
    direction, steps = (1, 0), []
    for c in text:
        if c == "F":
            steps.append(direction)
        elif c == "+":
            direction = (-direction[1], direction[0])
        elif c == "-":
            direction = (direction[1], -direction[0])
    return [(0 if x else 1, x + y) for x, y in steps]


def pieces(kind, order):
    """(axis, sign, codes) of every piece of a curve."""
    side = 2**order
    pitch = 255 // (side - 1)
    if kind == "hilbert":
        steps = hilbert_turtle(order)
        return [(axis, sign, pitch) for axis, sign in steps]
    if kind == "serpentine":
        result = []
        for row in range(side):
            result += ([(1, 1, pitch)] if row else []) + [(0, 1 if row % 2 == 0 else -1, 255)]
        return result
    return [(axis, 1, 255) for axis in range(side)]


class Oracle:
    """The integers of a head of `kind` and `order` on an accumulator whose results have `output` = (scale, zero point)."""

    def __init__(self, kind, order, input_scale, weight_scale, output, activation):
        self.kind, self.pieces = kind, pieces(kind, order)
        self.unit = float(input_scale) * float(weight_scale)
        scale, zero = float(output[0]), output[1]
        lowest, highest = (-128 - zero) * scale, (127 - zero) * scale
        lowest = max(lowest, {1: 0.0, 2: -1.0, 3: 0.0}.get(activation, lowest))
        highest = min(highest, {2: 1.0, 3: 6.0}.get(activation, highest))
        self.lowest, self.highest = lowest / self.unit, highest / self.unit
        self.length = sum(codes for _, _, codes in self.pieces)
        per_code = (self.highest - self.lowest) / self.length
        starts = np.cumsum([0] + [codes for _, _, codes in self.pieces])
        self.knots = [int(math.floor(abs(k) + 0.5) * (1 if k >= 0 else -1))
                      for k in (self.lowest + per_code * int(s) for s in starts)]
        hinge_scale = 1.0 if kind == "thermometer" else float(np.float32(1 / 255))
        self.factors = [
            float(input_scale) * float(np.float32(255 / (per_code * codes) * hinge_scale / float(input_scale))) / hinge_scale
            for _, _, codes in self.pieces]

    @property
    def step(self):
        """One level of the curve, in real units."""
        return (self.highest - self.lowest) * self.unit / self.length

    def hinges(self, sums):
        """Codes 0...255 of every hinge, last axis."""
        result = []
        for (axis, sign, _), start, end, factor in zip(self.pieces, self.knots, self.knots[1:], self.factors):
            offset = sums - start if sign > 0 else end - sums
            result.append(np.clip(multiply(offset, factor), 0, 255))
        return np.stack(result, -1)

    def position(self, hinges):
        """How far along the curve, in 255ths of a piece: the sum of all hinges, falling ones from their upper end."""
        return sum(hinges[..., i] if sign > 0 else 255 - hinges[..., i] for i, (_, sign, _) in enumerate(self.pieces))

    def real(self, sums):
        """The accumulator in real units, clipped to the head's range."""
        return np.clip(sums, self.lowest, self.highest) * self.unit
