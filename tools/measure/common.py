"""What the measuring scripts share: running depthc with its time and peak memory, running LiteRT and ONNX Runtime,
reading files, errors in the terms of the docs, and counting checks."""
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
DEPTHC = Path(os.environ.get("DEPTHC_BINARY", ROOT / ".build/release/depthc"))
SHARED = os.environ.get("DEPTHC_SHARED")


def high_water(pid):
    """The most memory that a running process has held, in kB; 0 when the system does not tell."""
    try:
        with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as status:
            return next((int(line.split()[1]) for line in status if line.startswith("VmHWM:")), 0)
    except OSError:
        return 0


class Run:
    """A finished command: exit code, output, seconds on the clock and of processors, peak resident megabytes."""

    def __init__(self, arguments, limit=600, environment=None):
        begin = time.monotonic()
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            process = subprocess.Popen(
                [str(a) for a in arguments], stdout=out, stderr=err, stdin=subprocess.DEVNULL, env=environment)
            deadline = begin + limit
            self.timed_out = False
            peak = 0
            while True:
                peak = max(peak, high_water(process.pid))
                pid, status, usage = os.wait4(process.pid, os.WNOHANG)
                if pid:
                    break
                if time.monotonic() > deadline:
                    process.kill()
                    _, status, usage = os.wait4(process.pid, 0)
                    self.timed_out = True
                    break
                time.sleep(0.002)
            process.returncode = os.waitstatus_to_exitcode(status)
            out.seek(0), err.seek(0)
            self.out, self.err = out.read().decode(errors="replace"), err.read().decode(errors="replace")
        self.code = process.returncode
        self.seconds = time.monotonic() - begin
        self.processor_seconds = usage.ru_utime + usage.ru_stime
        # The kernel counts this process's own memory as the child's before it begins to run.
        self.megabytes = (peak or usage.ru_maxrss) / 1024


def depthc(*arguments, check=True, **options):
    run = Run([DEPTHC, *arguments], **options)
    if check and run.code != 0:
        raise SystemExit(f"depthc {' '.join(map(str, arguments))}\nended with {run.code}: {run.err.strip()[-2000:]}")
    return run


class Checks:
    """Counts what held and what did not; ends the way tools/test reads."""

    def __init__(self):
        self.passed = self.failed = self.skipped = 0

    def expect(self, what, holds):
        self.passed += bool(holds)
        self.failed += not holds
        print(f"  {'ok    ' if holds else 'FAILED'} {what}", flush=True)
        return holds

    def finish(self):
        print(f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped")
        sys.exit(1 if self.failed else 0)


def skip_without_shared():
    """Ends the script when other people's models are not there."""
    if not SHARED:
        print("skipped: DEPTHC_SHARED does not name the folder of third-party models")
        print("0 passed, 0 failed, 1 skipped")
        sys.exit(0)
    return Path(SHARED)


def litert(path, resolver="default", threads=2):
    """A LiteRT interpreter: default (XNNPACK), builtin (optimised, no delegate) or reference."""
    from ai_edge_litert.interpreter import Interpreter, OpResolverType
    kinds = {
        "default": OpResolverType.AUTO,
        "builtin": OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
        "reference": OpResolverType.BUILTIN_REF,
    }
    interpreter = Interpreter(str(path), experimental_op_resolver_type=kinds[resolver], num_threads=threads)
    interpreter.allocate_tensors()
    return interpreter


def litert_run(interpreter, inputs):
    """Runs on a list of arrays in the file's order of inputs; returns the list of outputs."""
    for detail, array in zip(interpreter.get_input_details(), inputs):
        interpreter.set_tensor(detail["index"], np.ascontiguousarray(array, dtype=detail["dtype"]))
    interpreter.invoke()
    return [interpreter.get_tensor(d["index"]).copy() for d in interpreter.get_output_details()]


def litert_float_run(interpreter, inputs):
    """Runs on float arrays, each put where an input has its shape (as it is, or channels last); INT8 inputs and outputs
    are quantised and dequantised outside. Returns the outputs as float."""
    values, left = [], list(inputs)
    for detail in interpreter.get_input_details():
        shape = tuple(detail["shape"])
        index = next(i for i, x in enumerate(left) if shape in (x.shape, x.transpose(0, 2, 3, 1).shape))
        array = left.pop(index)
        array = array if array.shape == shape else array.transpose(0, 2, 3, 1)
        if np.issubdtype(detail["dtype"], np.integer):
            (scale, zero), limits = detail["quantization"], np.iinfo(detail["dtype"])
            array = np.clip(np.round(array / scale) + zero, limits.min, limits.max)
        values.append(array)
    results = []
    for detail, array in zip(interpreter.get_output_details(), litert_run(interpreter, values)):
        if np.issubdtype(array.dtype, np.integer):
            scale, zero = detail["quantization"]
            array = (array.astype(np.float32) - zero) * np.float32(scale)
        results.append(array)
    return results


def fit(array, interpreter, index=0):
    """An NCHW array in the layout that input `index` of a file has."""
    shape = tuple(interpreter.get_input_details()[index]["shape"])
    return array if array.shape == shape else np.ascontiguousarray(array.transpose(0, 2, 3, 1))


def operators(path):
    """How often every builtin occurs in a .tflite file."""
    counts = {}
    interpreter = litert(path, "builtin")
    for detail in interpreter._get_ops_details():
        counts[detail["op_name"]] = counts.get(detail["op_name"], 0) + 1
    return counts


def depthc_run(model, inputs, engine="fast", threads=2):
    """Runs depthc on arrays by input name; returns outputs by name."""
    with tempfile.TemporaryDirectory() as folder:
        arguments = ["run", model, "--engine", engine, "--threads", threads, "-o", f"{folder}/out"]
        for i, (name, array) in enumerate(inputs.items()):
            np.save(f"{folder}/{i}.npy", array)
            arguments += ["--input", f"{name}={folder}/{i}.npy"]
        depthc(*arguments)
        return {p.stem: np.load(p) for p in sorted(Path(f"{folder}/out").glob("*.npy"))}


def rmse(a, b):
    return float(np.sqrt(np.mean((np.asarray(a, np.float64) - np.asarray(b, np.float64)) ** 2)))


def ac_sqnr(reference, result):
    """Variance of the reference over mean squared error, in dB."""
    reference, result = np.asarray(reference, np.float64), np.asarray(result, np.float64)
    return float(10 * np.log10(reference.var() / max(np.mean((reference - result) ** 2), 1e-30)))


def table(rows):
    """Prints rows of strings in columns."""
    widths = [max(len(str(row[i])) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        print("  ".join(str(cell).ljust(width) for cell, width in zip(row, widths)).rstrip(), flush=True)
