"""Tiny ONNX models whose depth output no exact curve head fits, made with onnx.helper: what depthc says of each."""
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from common import SHARED, depthc

SHAPE = (1, 4, 8, 8)


def _model(path, nodes, constants, shape=(1, 1, 8, 8)):
    graph = helper.make_graph(
        nodes, "refused", [helper.make_tensor_value_info("image", TensorProto.FLOAT, SHAPE)],
        [helper.make_tensor_value_info("depth", TensorProto.FLOAT, shape)],
        [numpy_helper.from_array(array, name) for name, array in constants.items()])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, path)


def _conv(random, inputs, outputs, size):
    return (random.normal(size=(outputs, inputs, size, size)) / np.sqrt(inputs * size * size)).astype(np.float32)


def models(folder, seed=5):
    """(file, operators one of which the refusal names, words it says)."""
    random = np.random.default_rng(seed)
    node = helper.make_node
    bins = np.linspace(1, 10, 16, dtype=np.float32).reshape(1, 16, 1, 1)
    axes = np.array([1], np.int64)
    path = folder / "softmax-bins.onnx"
    _model(path, [
        node("Conv", ["image", "w"], ["logits"], pads=[1, 1, 1, 1]), node("Softmax", ["logits"], ["shares"], axis=1),
        node("Mul", ["shares", "bins"], ["parts"]), node("ReduceSum", ["parts", "axes"], ["depth"], keepdims=1),
    ], {"w": _conv(random, 4, 16, 3), "bins": bins, "axes": axes})
    yield path, ["SUM"], "soft-max bins"
    path = folder / "softmax-bins-as-convolution.onnx"
    _model(path, [
        node("Conv", ["image", "w"], ["logits"], pads=[1, 1, 1, 1]), node("Softmax", ["logits"], ["shares"], axis=1),
        node("Conv", ["shares", "bins"], ["depth"]),
    ], {"w": _conv(random, 4, 16, 3), "bins": bins})
    yield path, ["SOFTMAX"], "soft-max bins"
    path = folder / "iterated-state.onnx"
    nodes = [node("Conv", ["image", "w0"], ["state0"], pads=[1, 1, 1, 1])]
    for i in range(3):
        nodes += [
            node("Concat", ["image", f"state{i}"], [f"joint{i}"], axis=1),
            node("Conv", [f"joint{i}", "w1"], [f"hidden{i}"], pads=[1, 1, 1, 1]), node("Relu", [f"hidden{i}"], [f"active{i}"]),
            node("Conv", [f"active{i}", "w2"], [f"change{i}"]),
            node("Add", [f"state{i}", f"change{i}"], ["depth" if i == 2 else f"state{i + 1}"]),
        ]
    _model(path, nodes, {"w0": _conv(random, 4, 1, 3), "w1": _conv(random, 5, 8, 3), "w2": _conv(random, 8, 1, 1)})
    yield path, ["ADD"], "iterative refinement"
    path = folder / "convex-upsampling.onnx"
    shifts = np.zeros((9, 1, 3, 3), np.float32)
    shifts[np.arange(9), 0, np.arange(9) // 3, np.arange(9) % 3] = 1
    _model(path, [
        node("Conv", ["image", "w"], ["coarse"], pads=[1, 1, 1, 1]),
        node("Conv", ["image", "m"], ["mask"], pads=[1, 1, 1, 1]),
        node("Reshape", ["mask", "split"], ["split_mask"]), node("Softmax", ["split_mask"], ["shares"], axis=1),
        node("Conv", ["coarse", "shifts"], ["neighbours"], pads=[1, 1, 1, 1]),
        node("Reshape", ["neighbours", "alone"], ["near"]), node("Mul", ["shares", "near"], ["parts"]),
        node("ReduceSum", ["parts", "axes"], ["mixed"], keepdims=0), node("DepthToSpace", ["mixed"], ["depth"], blocksize=2),
    ], {"w": _conv(random, 4, 1, 3), "m": _conv(random, 4, 36, 3), "shifts": shifts, "axes": axes,
        "split": np.array([1, 9, 4, 8, 8], np.int64), "alone": np.array([1, 9, 1, 8, 8], np.int64)}, (1, 1, 16, 16))
    yield path, ["SUM", "DEPTH_TO_SPACE", "BATCH_MATMUL"], "convex upsampling"
    path = folder / "joined.onnx"
    _model(path, [
        node("Conv", ["image", "w"], ["one"], pads=[1, 1, 1, 1]), node("Conv", ["image", "v"], ["other"], pads=[1, 1, 1, 1]),
        node("Add", ["one", "other"], ["depth"]),
    ], {"w": _conv(random, 4, 1, 3), "v": _conv(random, 4, 1, 3)})
    yield path, ["ADD"], "joins 2 computed values"
    if SHARED:
        # The last of HITNet's refinements adds a slanted plane and a convolved residual.
        yield Path(SHARED) / "models/onnx/depth/hitnet_240x320_fp32.onnx", ["ADD"], "joins 2 computed values"


def check(checks, folder):
    calibration = folder / "refused-calibration"
    calibration.mkdir()
    random = np.random.default_rng(6)
    for i in range(2):
        np.save(calibration / f"{i}.npy", random.normal(size=SHAPE).astype(np.float32))
    for path, operators, words in models(folder):
        for head in ("hilbert", "serpentine", "thermometer"):
            run = depthc("convert", path, "-o", folder / "refused.tflite", "--precision", "int8", "--calibration", calibration,
                         "--head", head, check=False)
            line = run.err.strip().splitlines()[-1]
            named = any(f" {operator} " in line for operator in operators)
            holds = run.code == 65 and named and words in line and not (folder / "refused.tflite").exists()
            checks.expect(f"{path.stem}, {head}: {line}", holds)
