"""Encodes cases of the Hexagon library's kernels for Tests/DSPEmulatorTests/Recorded/kernels_*.json.

A case is a dictionary made by `case`: operands and results as NumPy arrays, or `pattern` and `hashed` in their place.
"""

import base64
import json

import numpy as np

PADDING = {"NONE": 0, "SAME": 1, "VALID": 2, "MIRROR_REFLECT": 3, "MIRROR_SYMMETRIC": 4}
ARCHITECTURES = ("v60", "v65", "v66")
ELEMENT_TYPES = ("uint8", "int8", "int32", "float32")


def scalar(value):
    """A range end or another single number, binary32, as the library passes it."""
    return np.full((1, 1, 1, 1), value, np.float32)


def strides(height, width):
    """The strides of a node: a constant whose shape alone counts."""
    return np.zeros((1, height, width, 1), np.uint8)


def pattern(name):
    """An operand of 65,536 codes: `rows` is i / 256, `columns` is i % 256."""
    if name not in ("rows", "columns"):
        raise ValueError(f"no pattern {name}")
    return {"type": "uint8", "shape": [1, 1, 256, 256], "pattern": name}


def pattern_array(name):
    """The elements of `pattern(name)`."""
    codes = np.arange(65536) // 256 if name == "rows" else np.arange(65536) % 256
    return codes.astype(np.uint8).reshape(1, 1, 256, 256)


def little_endian(array):
    array = np.ascontiguousarray(array)
    return array.astype(array.dtype.newbyteorder("<")).tobytes()


def fnv1a(data):
    value = 0xCBF29CE484222325
    for byte in data:
        value = ((value ^ byte) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    return f"{value:016x}"


def described(array):
    array = np.asarray(array)
    if array.ndim != 4 or array.dtype.name not in ELEMENT_TYPES:
        raise ValueError(f"{array.dtype.name}{list(array.shape)} is no tensor of the library")
    return {"type": array.dtype.name, "shape": list(array.shape)}


def hashed(array):
    """A result too large to be written out, by the FNV-1a hash of its bytes."""
    return described(array) | {"fnv1a": fnv1a(little_endian(array))}


def encoded(tensor):
    if isinstance(tensor, dict):
        return tensor
    return described(tensor) | {"data": base64.b64encode(little_endian(tensor)).decode()}


def case(name, node, inputs, outputs, padding="NONE", architecture="v66", branches=()):
    """One node with its operands, its results, and the branches of the library's code that it takes."""
    if architecture not in ARCHITECTURES:
        raise ValueError(f"no architecture {architecture}")
    return {
        "name": name,
        "node": node,
        "padding": PADDING[padding],
        "architecture": architecture,
        "branches": sorted(set(branches)),
        "inputs": [encoded(tensor) for tensor in inputs],
        "outputs": [encoded(tensor) for tensor in outputs],
    }


def write(path, cases, **header):
    """One case a line, so that a change shows which cases it touches."""
    names = [(entry["node"], entry["name"], entry["architecture"]) for entry in cases]
    repeated = {name for name in names if names.count(name) > 1}
    if repeated:
        raise ValueError(f"{path.name}: repeated cases {sorted(repeated)}")
    lines = ",\n".join(json.dumps(entry) for entry in cases)
    head = ", ".join(f"{json.dumps(key)}: {json.dumps(value)}" for key, value in header.items())
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f'{{{head}, "cases": [\n{lines}\n]}}\n')
