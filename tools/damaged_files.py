#!/usr/bin/env python3
"""Run depthc on damaged copies of model files and check how it ends.

Usage: damaged_files.py [--depthc FILE] [--truncations N] [--flips N] [MODEL...]

Every model is truncated at N places and has single bytes replaced N times, from a fixed seed; `inspect` and `run` read
every copy. Each must end with 0, 65 or 66, within 5 seconds of processor time of the intact model, within 1 GB of its
memory, with one line `error[...] location: ...` when it does not end with 0, and without output files then. Other
files (empty, text, 3 GB of zeros, protobuf nested 10,000 deep) are refused likewise. Without models, those that the
folder DEPTHC_SHARED has are read. Prints one line for each model and command, then `N passed, N failed, N skipped`.
"""

import argparse
import json
import os
import pathlib
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy

ROOT = pathlib.Path(__file__).resolve().parent.parent
DEPTH_MODELS = [
    "tflite/depth/fast_depth_224_int8.tflite",
    "tflite/depth/pydnet++_448x640_dynint8.tflite",
    "tflite/depth/mcu/models_64x64__depth_model_fp32.tflite",
    "tflite/depth/mcu/models__depth_full_quant.tflite",
    "tflite/depth/mcu/models__depth_model_fp32.tflite",
    "tflite/depth/mcu/models__depth_model_quant8_dynR.tflite",
    "tflite/depth/mcu/models__depth_qat_int8.tflite",
    "onnx/depth/hitnet_240x320_fp32.onnx",
    "onnx/depth/lite-mono-8m_640x192_decoder.onnx",
    "onnx/depth/lite-mono-small_640x192_decoder.onnx",
    "onnx/depth/lite-mono-tiny_640x192_decoder.onnx",
]
EXTRA_SECONDS = 5
EXTRA_BYTES = 1 << 30
WALL_LIMIT = 300


class Outcome:
    def __init__(self, status, seconds, peak, errors):
        self.status, self.seconds, self.peak, self.errors = status, seconds, peak, errors


def execute(command):
    """Status (negative: killed by that signal), processor time, peak memory and standard error of a command."""
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=errors)
        timer = threading.Timer(WALL_LIMIT, process.kill)
        timer.start()
        _, status, usage = os.wait4(process.pid, 0)
        timer.cancel()
        process.returncode = os.waitstatus_to_exitcode(status)
        errors.seek(0)
        text = errors.read().decode(errors="replace")
    return Outcome(process.returncode, usage.ru_utime + usage.ru_stime, usage.ru_maxrss << 10, text)


def commands(depthc, file, inputs, output):
    arguments = [item for path in inputs for item in ("--input", str(path))]
    return {
        "inspect": [depthc, "inspect", str(file)],
        "run": [depthc, "run", str(file), "--threads", "1", "-o", str(output), *arguments],
    }


def check(command, outcome, intact, output):
    """What is wrong with an outcome, or None."""
    if outcome.status not in (0, 65, 66):
        return f"ended with {outcome.status} {signal.strsignal(-outcome.status) if outcome.status < 0 else ''}"
    if outcome.seconds > intact.seconds + EXTRA_SECONDS:
        return f"took {outcome.seconds:.1f} s, intact {intact.seconds:.1f} s"
    if outcome.peak > intact.peak + EXTRA_BYTES:
        return f"took {outcome.peak >> 20} MB, intact {intact.peak >> 20} MB"
    if outcome.status != 0:
        lines = [line for line in outcome.errors.splitlines() if line.startswith("error[")]
        if len(lines) != 1 or not re.match(r"error\[\w+\] \S.*: \S", lines[0]):
            return f"says {outcome.errors[:200]!r}"
        if command == "run" and output.exists() and any(output.iterdir()):
            return "left output files"
    return None


def variants(data, truncations, flips, seed):
    generator = random.Random(seed)
    for place in range(truncations):
        yield f"truncated to {len(data) * place // truncations}", data[: len(data) * place // truncations]
    for _ in range(flips):
        copy = bytearray(data)
        offset = generator.randrange(len(data))
        copy[offset] = generator.randrange(256)
        yield f"byte {offset} = {copy[offset]}", bytes(copy)


def zeros(depthc, model, folder):
    """Input arrays of zeros for an intact model."""
    described = subprocess.run([depthc, "inspect", "--json", str(model)], capture_output=True)
    if described.returncode != 0:
        return []
    inputs = []
    for index, port in enumerate(json.loads(described.stdout)["inputs"]):
        path = folder / f"input{index}.npy"
        numpy.save(path, numpy.zeros(port["shape"], dtype=port["elementType"]))
        inputs.append(path)
    return inputs


def test_model(depthc, model, options, scratch):
    """Failures by command."""
    folder = scratch / model.name
    folder.mkdir()
    inputs = zeros(depthc, model, folder)
    intact = {
        name: execute(command)
        for name, command in commands(depthc, model, inputs, folder / "intact").items()
    }
    for name, outcome in intact.items():
        if outcome.status != 0:
            return {name: [f"the intact model: {outcome.errors[-300:]}"] for name in intact}
    data = model.read_bytes()

    def attempt(item):
        index, (what, bytes_) = item
        file, output = folder / f"v{index}{model.suffix}", folder / f"out{index}"
        file.write_bytes(bytes_)
        found = []
        for name, command in commands(depthc, file, inputs, output).items():
            problem = check(name, execute(command), intact[name], output)
            if problem:
                found.append((name, f"{what}: {problem}"))
        file.unlink()
        shutil.rmtree(output, ignore_errors=True)
        return found

    failures = {name: [] for name in intact}
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        items = enumerate(variants(data, options.truncations, options.flips, model.name))
        for found in pool.map(attempt, items):
            for name, problem in found:
                failures[name].append(problem)
    return failures


def other_files(scratch):
    """Files that are no models."""
    (scratch / "empty.tflite").touch()
    (scratch / "empty.onnx").touch()
    (scratch / "text.tflite").write_text("this is no model\n" * 10)
    (scratch / "text.onnx").write_text("this is no model\n" * 10)
    for name, start in (("zeros.tflite", b"\x1c\0\0\0TFL3"), ("zeros.onnx", b"\x08\x08"), ("nothing.tflite", b"")):
        with open(scratch / name, "wb") as file:
            file.write(start)
            file.truncate(3 << 30)
    nested = b""
    for _ in range(10_000):
        # Graph of a node of an attribute of a graph ... (fields 1, 5, 6 of the published messages).
        nested = b"\x0a" + varint(len(nested)) + nested
    (scratch / "nested.onnx").write_bytes(b"\x08\x08\x3a" + varint(len(nested)) + nested)
    return sorted(path for path in scratch.iterdir() if path.is_file())


def varint(value):
    encoded = bytearray()
    while value > 127:
        encoded.append(value & 127 | 128)
        value >>= 7
    return bytes(encoded + bytes([value]))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--depthc", default=str(ROOT / ".build/release/depthc"))
    parser.add_argument("--truncations", type=int, default=50)
    parser.add_argument("--flips", type=int, default=200)
    parser.add_argument("models", nargs="*", type=pathlib.Path)
    options = parser.parse_args()
    passed = failed = skipped = 0
    models = options.models
    shared = os.environ.get("DEPTHC_SHARED")
    if not models and shared:
        models = [pathlib.Path(shared) / "models" / name for name in DEPTH_MODELS]
    elif not models:
        skipped = 2 * len(DEPTH_MODELS)
        print("skipped: DEPTHC_SHARED is not set")
    with tempfile.TemporaryDirectory() as name:
        scratch = pathlib.Path(name)
        for file in other_files(scratch):
            for command, line in commands(options.depthc, file, [], scratch / "out").items():
                outcome = execute(line)
                problem = check(command, outcome, Outcome(0, 0, 0, ""), scratch / "out")
                if not problem and outcome.status == 0:
                    problem = "was accepted"
                passed, failed = passed + (not problem), failed + bool(problem)
                print(f"{command} {file.name}: {problem or 'refused'}", flush=True)
            file.unlink()
        for model in models:
            for command, problems in test_model(options.depthc, model, options, scratch).items():
                passed, failed = passed + (not problems), failed + bool(problems)
                print(f"{command} {model.name}: {len(problems)} wrong", flush=True)
                for problem in problems[:5]:
                    print(f"    {problem}", flush=True)
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
