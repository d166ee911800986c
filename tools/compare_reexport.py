#!/usr/bin/env python3
"""Run pairs of .tflite files through LiteRT's reference kernels and compare every output, byte for byte.

Usage: compare_reexport.py ORIGINAL_DIR REEXPORTED_DIR

REEXPORTED_DIR mirrors the layout of ORIGINAL_DIR. Inputs are drawn from a seed that depends on the file's path only.
Prints one line for every pair: `same`, `different: ...`, or `skipped: ...` when LiteRT itself cannot run the original.
Ends with status 1 when a pair differs or a re-exported file does not load.
"""

import pathlib
import sys
import zlib

import numpy
from ai_edge_litert import interpreter as litert

LARGEST_TENSOR_BYTES = 64 << 20


def load(path):
    """An interpreter on the reference kernels, or on the optimised ones where those lack the operator version."""
    for resolver in (litert.OpResolverType.BUILTIN_REF, litert.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES):
        try:
            model = litert.Interpreter(str(path), experimental_op_resolver_type=resolver, num_threads=1)
            model.allocate_tensors()
            return model, resolver
        except (RuntimeError, ValueError) as error:
            failure = error
    raise failure


def draw(detail, generator):
    kind = numpy.dtype(detail["dtype"])
    shape = detail["shape"]
    if kind.kind == "f":
        return generator.uniform(-1, 1, shape).astype(kind)
    if kind.kind == "b":
        return generator.integers(0, 2, shape).astype(kind)
    if detail["quantization"][0] == 0:
        return generator.integers(0, 2, shape).astype(kind)
    limits = numpy.iinfo(kind)
    return generator.integers(max(limits.min, -32768), min(limits.max, 32767) + 1, shape).astype(kind)


def run(model, inputs):
    for detail, value in zip(model.get_input_details(), inputs):
        model.set_tensor(detail["index"], value)
    model.invoke()
    return [model.get_tensor(detail["index"]) for detail in model.get_output_details()]


def compare(original, reexported, seed):
    try:
        first, resolver = load(original)
    except (RuntimeError, ValueError) as error:
        return f"skipped: LiteRT cannot run the original ({str(error).splitlines()[0][:100]})"
    details = first.get_input_details()
    if any(numpy.prod(d["shape"]) * 4 > LARGEST_TENSOR_BYTES for d in details):
        return "skipped: larger than the test allows"
    try:
        second, other = load(reexported)
    except (RuntimeError, ValueError) as error:
        return f"different: the re-exported file does not load ({str(error).splitlines()[0][:200]})"
    if resolver != other:
        return f"different: runs on {resolver} before and {other} after"
    generator = numpy.random.default_rng(seed)
    inputs = [draw(detail, generator) for detail in details]
    names = [d["name"] for d in details], [d["name"] for d in second.get_input_details()]
    if all(names[0]) and names[0] != names[1]:
        return f"different: inputs {names[0]} and {names[1]}"
    try:
        expected = run(first, inputs)
    except (RuntimeError, ValueError) as error:
        return f"skipped: LiteRT cannot run the original ({str(error).splitlines()[0][:100]})"
    got = run(second, inputs)
    for index, (a, b) in enumerate(zip(expected, got)):
        if a.dtype != b.dtype or a.shape != b.shape:
            return f"different: output {index} is {a.dtype}{a.shape} and {b.dtype}{b.shape}"
        if a.tobytes() != b.tobytes():
            share = float(numpy.mean(a != b))
            return f"different: {share:.2%} of output {index}"
    return f"same {len(expected)} outputs"


def main():
    root, mirror = (pathlib.Path(argument) for argument in sys.argv[1:3])
    failed = 0
    for reexported in sorted(mirror.rglob("*.tflite")):
        name = reexported.relative_to(mirror)
        verdict = compare(root / name, reexported, zlib.crc32(str(name).encode()))
        failed += verdict.startswith("different")
        print(f"{name}: {verdict}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
