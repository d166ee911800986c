"""Records operands and results of plain operators from NumPy and SciPy for Tests/ReferenceKernelsTests.

Usage: .venv/bin/python tools/record_reference_kernels.py
Writes Tests/ReferenceKernelsTests/Recorded/numpy.json. Element data are base64 of little-endian bytes.
"""

import base64
import json
import pathlib

import numpy as np
import scipy
import scipy.special

SEED = 20250611
rng = np.random.default_rng(SEED)
cases = []


def tensor(array):
    array = np.asarray(array, order="C")
    return {
        "type": array.dtype.name,
        "shape": list(np.shape(array)),
        "data": base64.b64encode(array.tobytes()).decode(),
    }


def case(op, inputs, outputs, tolerance="exact"):
    outputs = outputs if isinstance(outputs, (list, tuple)) else [outputs]
    cases.append(
        {
            "op": op,
            "inputs": [tensor(np.asarray(a)) for a in inputs],
            "outputs": [tensor(np.asarray(a)) for a in outputs],
            "tolerance": tolerance,
        }
    )


def real(*shape, dtype=np.float32, scale=3.0):
    return (rng.standard_normal(shape) * scale).astype(dtype)


def whole(*shape, dtype=np.int32, low=-9, high=10):
    return rng.integers(low, high, shape).astype(dtype)


def i32(*values):
    return np.array(values, np.int32)


broadcasts = [((2, 3, 4), (2, 3, 4)), ((2, 3, 4), ()), ((2, 3, 4), (4,)), ((2, 1, 4), (3, 1)), ((1,), (5, 1, 2))]
arithmetic = {"ADD": np.add, "SUB": np.subtract, "MUL": np.multiply, "MAXIMUM": np.maximum, "MINIMUM": np.minimum}
comparisons = {
    "EQUAL": np.equal,
    "NOT_EQUAL": np.not_equal,
    "LESS": np.less,
    "LESS_EQUAL": np.less_equal,
    "GREATER": np.greater,
    "GREATER_EQUAL": np.greater_equal,
}
for name, function in (arithmetic | comparisons).items():
    for left, right in broadcasts:
        for dtype in (np.float32, np.float64, np.int32, np.int64, np.uint8, np.int8):
            if np.issubdtype(dtype, np.integer):
                a, b = whole(*left, dtype=dtype, low=0), whole(*right, dtype=dtype, low=0)
            else:
                a, b = real(*left, dtype=dtype), real(*right, dtype=dtype)
            case(name, [a, b], function(a, b))
# binary16: computed in binary32 and rounded once, which NumPy does as well.
a, b = real(64, dtype=np.float16), real(64, dtype=np.float16)
for name in ("ADD", "MUL"):
    case(name, [a, b], arithmetic[name](a, b))
a, b = np.array([127, -128, 100], np.int8), np.array([1, -1, 100], np.int8)
for name in ("ADD", "SUB", "MUL"):
    case(name, [a, b], arithmetic[name](a, b))
a, b = real(40), real(40)
case("DIV", [a, b], a / b)
case("SQUARED_DIFFERENCE", [a, b], (a - b) * (a - b))
case("FLOOR_DIV", [a, b], np.floor(a / b))
case("FLOOR_MOD", [a, b], np.mod(a, b), "close")
case("POW", [np.abs(a), b], np.power(np.abs(a), b), "close")
case("ATAN2", [a, b], np.arctan2(a, b), "close")
a, b = whole(60, low=-50, high=50), whole(60, low=1, high=7) * rng.choice([-1, 1], 60).astype(np.int32)
case("DIV", [a, b], np.trunc(a / b).astype(np.int32))
case("FLOOR_DIV", [a, b], np.floor_divide(a, b))
case("FLOOR_MOD", [a, b], np.mod(a, b))
a, b = whole(30), whole(30, low=0, high=6)
case("POW", [a, b], np.power(a, b))
flags = [rng.random((3, 4)) < 0.5 for _ in range(2)]
case("LOGICAL_AND", flags, flags[0] & flags[1])
case("LOGICAL_OR", flags, flags[0] | flags[1])
case("NOT_EQUAL", flags, flags[0] ^ flags[1])
case("LOGICAL_NOT", flags[:1], ~flags[0])

x = real(4, 25)
double = x.astype(np.float64)
half_way = np.array([-2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 0.0, -0.0], np.float32)
case("ROUND", [half_way], np.round(half_way))
for name, function in {"ABS": np.abs, "NEG": np.negative, "FLOOR": np.floor, "CEIL": np.ceil, "SIGN": np.sign}.items():
    case(name, [x], function(x))
    case(name, [x.astype(np.float64)], function(x.astype(np.float64)))
for name, function in {
    "EXP": np.exp,
    "SIN": np.sin,
    "COS": np.cos,
    "TANH": np.tanh,
    "SQUARE": np.square,
    "LOGISTIC": scipy.special.expit,
    "ELU": lambda v: np.where(v < 0, np.expm1(v), v),
    "HARD_SWISH": lambda v: v * np.clip(v + 3, 0, 6) / 6,
    "RELU": lambda v: np.maximum(v, 0),
    "RELU6": lambda v: np.clip(v, 0, 6),
    "RELU_N1_TO_1": lambda v: np.clip(v, -1, 1),
    "RELU_0_TO_1": lambda v: np.clip(v, 0, 1),
    "GELU": lambda v: v * scipy.special.ndtr(v),
    "GELU_APPROXIMATE": lambda v: v / 2 * (1 + np.tanh(np.sqrt(2 / np.pi) * (v + 0.044715 * v**3))),
    "LEAKY_RELU": lambda v: np.where(v > 0, v, v * float(np.float32(0.1))),
}.items():
    case(name, [x], function(double).astype(np.float32), "close")
positive = np.abs(x) + np.float32(0.01)
for name, function in {"LOG": np.log, "SQRT": np.sqrt, "RSQRT": lambda v: 1 / np.sqrt(v)}.items():
    case(name, [positive], function(positive.astype(np.float64)).astype(np.float32), "close")
half = real(50, dtype=np.float16)
case("EXP", [half], np.exp(half.astype(np.float32)).astype(np.float16))
slopes = real(25, scale=0.3)
case("PRELU", [x, slopes], np.where(x >= 0, x, x * slopes))
condition = rng.random((3, 1)) < 0.5
for dtype in (np.float32, np.int64, np.uint8):
    yes, no = whole(3, 4, dtype=dtype, low=0), whole(1, 4, dtype=dtype, low=0)
    case("SELECT_V2", [condition, yes, no], np.where(condition, yes, no))

sources = [np.array([0, 1.9, -1.9, 100.5, -100.5], t) for t in (np.float16, np.float32, np.float64)]
sources += [np.array([0, 1, 100, 127], t) for t in (np.int8, np.int32, np.int64, np.uint8)] + [np.array([True, False])]
for source in sources:
    for target in (np.bool_, np.float16, np.float32, np.float64, np.int8, np.int32, np.int64):
        case("CAST_" + np.dtype(target).name, [source], source.astype(target))
wide = np.array([300, -129, 2**31 + 5, -1], np.int64)
for target in (np.int8, np.uint8, np.int32, np.uint32):
    case("CAST_" + np.dtype(target).name, [wide], wide.astype(target))
hard = np.array([1 + 2.0**-11 + 2.0**-40, 1 + 2.0**-11, -(1 + 3 * 2.0**-11 - 2.0**-40), 65519.999999, 2.0**-25], np.float64)
case("CAST_float16", [hard], hard.astype(np.float16))

logits = real(3, 4, 10)
case("SOFTMAX", [logits], scipy.special.softmax(logits.astype(np.float64), -1).astype(np.float32), "close")
case("LOG_SOFTMAX", [logits], scipy.special.log_softmax(logits.astype(np.float64), -1).astype(np.float32), "close")

for axes in ((0,), (1,), (-1,), (0, 2), (0, 1, 2), ()):
    for keep in (False, True):
        suffix = "_KEEP" if keep else ""
        x, n = real(3, 4, 5), whole(3, 4, 5)
        b = rng.random((3, 4, 5)) < 0.7
        operand = np.array(axes, np.int32)
        exact = x.astype(np.float64)
        case("SUM" + suffix, [x, operand], exact.sum(axes, keepdims=keep).astype(np.float32), "close")
        case("MEAN" + suffix, [x, operand], exact.mean(axes, keepdims=keep).astype(np.float32), "close")
        case("REDUCE_PROD" + suffix, [x, operand], exact.prod(axes, keepdims=keep).astype(np.float32), "close")
        case("SUM" + suffix, [n, operand], n.sum(axes, keepdims=keep, dtype=np.int32))
        for data in (x, n):
            case("REDUCE_MAX" + suffix, [data, operand], data.max(axes, keepdims=keep))
            case("REDUCE_MIN" + suffix, [data, operand], data.min(axes, keepdims=keep))
        case("REDUCE_ANY" + suffix, [b, operand], b.any(axes, keepdims=keep))
        case("REDUCE_ALL" + suffix, [b, operand], b.all(axes, keepdims=keep))
for axis in (0, 1, -1):
    for dtype in (np.float32, np.int32, np.int8):
        ties = whole(3, 4, 5, dtype=dtype, low=-2, high=3)
        case("ARG_MAX", [ties, np.int32(axis)], ties.argmax(axis).astype(np.int64))
        case("ARG_MIN", [ties, np.int32(axis)], ties.argmin(axis).astype(np.int64))
for dtype in (np.float32, np.int32, np.uint8):
    ties = whole(4, 9, dtype=dtype, low=0, high=5)
    order = np.argsort(-ties.astype(np.int64), axis=-1, kind="stable")[:, :4]
    case("TOPK_V2", [ties, i32(4)[0]], [np.take_along_axis(ties, order, -1), order.astype(np.int32)])
data = whole(3, 4, 5)
for axis in (0, 1, 2):
    forward = np.cumsum(data, axis, dtype=np.int32)
    backward = np.flip(np.cumsum(np.flip(data, axis), axis, dtype=np.int32), axis)
    case("CUMSUM", [data, np.int32(axis)], forward)
    case("CUMSUM_EXCLUSIVE", [data, np.int32(axis)], forward - data)
    case("CUMSUM_REVERSE", [data, np.int32(axis)], backward)
    case("CUMSUM_EXCLUSIVE_REVERSE", [data, np.int32(axis)], backward - data)

for dtype in (np.float32, np.int8, np.int64, np.float16, np.bool_):
    x = whole(2, 3, 4, 5, dtype=np.int32, low=0, high=2 if dtype == np.bool_ else 100).astype(dtype)
    case("RESHAPE", [x, i32(6, 20)], x.reshape(6, 20))
    for order in ((0, 2, 3, 1), (3, 2, 1, 0), (0, 1, 2, 3), (1, 0, 3, 2)):
        case("TRANSPOSE", [x, i32(*order)], x.transpose(order))
    case("SLICE", [x, i32(0, 1, 2, 0), i32(2, 2, -1, 3)], x[0:2, 1:3, 2:, 0:3])
    case("STRIDED_SLICE", [x, i32(0, 2, -1, 1), i32(2, -9, -9, 5), i32(1, -1, -2, 3)], x[0:2, 2::-1, -1::-2, 1:5:3])
    case("TILE", [x, i32(1, 2, 1, 3)], np.tile(x, (1, 2, 1, 3)))
    case("REVERSE_V2", [x, i32(1, -1)], np.flip(x, (1, 3)))
    case("PAD", [x, i32(0, 0, 1, 2, 0, 3, 2, 0).reshape(4, 2)], np.pad(x, ((0, 0), (1, 2), (0, 3), (2, 0))))
    widths = ((0, 1), (2, 1), (0, 3), (2, 0))
    operand = np.array(widths, np.int32)
    case("MIRROR_PAD_REFLECT", [x, operand], np.pad(x, widths, "reflect"))
    case("MIRROR_PAD_SYMMETRIC", [x, operand], np.pad(x, widths, "symmetric"))
    value = np.array(1, dtype)
    case("PADV2", [x, operand, value], np.pad(x, widths, constant_values=value))
    row = x[:, :1, :, :1]
    case("BROADCAST_TO", [row, i32(2, 3, 4, 5)], np.broadcast_to(row, x.shape))
    case("CONCATENATION_1", [x, row.repeat(5, 3), x], np.concatenate([x, row.repeat(5, 3), x], 1))
    case("SPLIT_2", [np.int32(2), x], np.split(x, 2, 2))
    case("SPLIT_V_3", [x, i32(1, -1, 2), np.int32(3)], np.split(x, [1, 3], 3))
    case("PACK_1", [x[0], x[1], x[0]], np.stack([x[0], x[1], x[0]], 1))
    case("UNPACK_2_4", [x], [x[:, :, i] for i in range(4)])
    image = whole(2, 4, 6, 8, low=0, high=2).astype(dtype)
    blocks = image.reshape(2, 4, 6, 2, 2, 2).transpose(0, 1, 3, 2, 4, 5).reshape(2, 8, 12, 2)
    case("DEPTH_TO_SPACE_2", [image], blocks)
    case("SPACE_TO_DEPTH_2", [blocks], image)
    padded = np.pad(image, ((0, 0), (1, 1), (0, 3), (0, 0)))
    batches = padded.reshape(2, 3, 2, 3, 3, 8).transpose(2, 4, 0, 1, 3, 5).reshape(12, 3, 3, 8)
    crops = i32(1, 1, 0, 3).reshape(2, 2)
    case("SPACE_TO_BATCH_ND", [image, i32(2, 3), crops], batches)
    case("BATCH_TO_SPACE_ND", [batches, i32(2, 3), crops], image)
    case("FILL", [i32(2, 3), value], np.full((2, 3), value))
    indices = whole(2, 3, low=0, high=3)
    case("GATHER_1", [x, indices], np.take(x, indices, 1))
    clipped = np.minimum(indices, 2)
    case("GATHER_2_BATCH_1", [x, clipped], np.stack([np.take(x[i], clipped[i], 1) for i in range(2)]))
    places = np.stack([whole(5, low=0, high=2), whole(5, low=0, high=3)], -1)
    case("GATHER_ND", [x, places], x[places[:, 0], places[:, 1]])
    on, off = np.array(1, dtype), np.array(0, dtype)
    hot = (np.arange(4) == indices[..., None]).astype(dtype)
    case("ONE_HOT_-1", [indices, np.int32(4), on, off], hot)
    case("ONE_HOT_0", [indices, np.int32(4), on, off], np.moveaxis(hot, -1, 0))
case("SHAPE", [np.zeros((2, 3, 5), np.int8)], np.array([2, 3, 5], np.int32))
case("RANGE", [np.int32(3), np.int32(-8), np.int32(-2)], np.arange(3, -8, -2, dtype=np.int32))
case("RANGE", [np.float32(0.5), np.float32(3), np.float32(0.25)], np.arange(0.5, 3, 0.25, dtype=np.float32))
for dtype in (np.float32, np.int32, np.int64, np.float16):
    places = np.array([[0, 1], [2, 0], [0, 1]], np.int32)
    updates = whole(3, 4, dtype=dtype)
    scattered = np.zeros((3, 2, 4), dtype)
    np.add.at(scattered, (places[:, 0], places[:, 1]), updates)
    case("SCATTER_ND", [places, updates, i32(3, 2, 4)], scattered)

target = pathlib.Path(__file__).parent.parent / "Tests/ReferenceKernelsTests/Recorded/numpy.json"
target.parent.mkdir(parents=True, exist_ok=True)
lines = ",\n".join(json.dumps(entry) for entry in cases)
producer = json.dumps(f"NumPy {np.__version__}, SciPy {scipy.__version__}, seed {SEED}, tools/record_reference_kernels.py")
target.write_text(f'{{"producer": {producer}, "cases": [\n{lines}\n]}}\n')
print(len(cases), "cases")
