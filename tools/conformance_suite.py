"""The ONNX backend node tests against depthc; see tools/conformance."""

import argparse
import collections
import fnmatch
import json
import pathlib
import queue
import re
import subprocess
import sys
import tempfile
import threading

import numpy as np
import onnx
import onnxruntime
from onnx import numpy_helper
from onnx.backend.test.loader import load_model_tests

ROOT = pathlib.Path(__file__).resolve().parent.parent
REFUSED = ROOT / "Tests/Conformance/refused.txt"
# A single node of the suite takes milliseconds; one that takes this long hangs.
SECONDS_PER_CASE = 60
STAGES = ("reference", "fast", "reimport", "litert")
# What the package onnx 1.20.1 carries.
CASES = 1653
# The default of ONNX's own runner.
RELATIVE, ABSOLUTE = 1e-3, 1e-7
# Cases whose recorded outputs do not follow the operator's text (codes wrap around where QLinearMatMul saturates); they
# are held against ONNX Runtime instead.
DISPUTED = (
    "qlinearmatmul_2D_int8_float16",
    "qlinearmatmul_2D_int8_float32",
    "qlinearmatmul_3D_int8_float16",
    "qlinearmatmul_3D_int8_float32",
)
# The element types that depthc promises for every operator it reads.
PROMISED = {"float32", "float16", "bool", "int8", "uint8", "int32", "int64"}
# LiteRT clamps the results of ADD, SUB and MUL to finite numbers.
LARGEST = np.finfo(np.float32).max


def run_jobs(command, jobs):
    """Feeds jobs to a program line by line and yields (job, answer or None, how it died)."""
    waiting = collections.deque(jobs)
    while waiting:
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        lines = queue.Queue()

        def read(stream=process.stdout, lines=lines):
            for line in stream:
                lines.put(line)
            lines.put(None)

        threading.Thread(target=read, daemon=True).start()
        alive = True
        while waiting and alive:
            job = waiting.popleft()
            try:
                process.stdin.write(json.dumps(job) + "\n")
                process.stdin.flush()
                line = lines.get(timeout=SECONDS_PER_CASE)
            except queue.Empty:
                line, alive = None, False
                process.kill()
                process.wait()
                yield job, None, f"no answer in {SECONDS_PER_CASE} s"
                continue
            except BrokenPipeError:
                line = None
            if line is None:
                alive = False
                yield job, None, f"crashed with status {process.wait()}"
            else:
                yield job, json.loads(line), None
        if alive:
            process.stdin.close()
            process.wait()


def as_array(path, info):
    """The array in a protobuf file, None for what a dense NumPy array cannot hold."""
    if not info.type.HasField("tensor_type"):
        return None
    tensor = onnx.TensorProto()
    tensor.ParseFromString(path.read_bytes())
    array = numpy_helper.to_array(tensor)
    return array if array.dtype.kind in "fiub" and array.dtype.isbuiltin == 1 else None


class Case:
    def __init__(self, test, work):
        self.name = test.name.removeprefix("test_")
        self.model = pathlib.Path(test.model_dir) / "model.onnx"
        self.folder = work / self.name
        self.folder.mkdir()
        self.relative, self.absolute = test.rtol or RELATIVE, test.atol or ABSOLUTE
        graph = onnx.load(self.model).graph
        constants = {tensor.name for tensor in graph.initializer}
        infos = [value for value in graph.input if value.name not in constants]
        data = self.model.parent / "test_data_set_0"
        # An optional input of the model that the case leaves out has no file.
        self.names = [info.name for i, info in enumerate(infos) if (data / f"input_{i}.pb").exists()]
        self.inputs = {}
        self.arrays = {}
        for index, info in enumerate(infos):
            path = data / f"input_{index}.pb"
            array = as_array(path, info) if path.exists() else None
            if array is not None:
                self.arrays[info.name] = array
                self.inputs[info.name] = str(self.folder / f"input_{index}.npy")
                np.save(self.inputs[info.name], array)
        self.expected = [as_array(data / f"output_{i}.pb", info) for i, info in enumerate(graph.output)]
        if self.name in DISPUTED:
            self.expected = onnxruntime.InferenceSession(str(self.model)).run(None, self.arrays)
        self.verdicts = {}
        self.outcome = None

    def has_promised_types(self):
        arrays = [*map(self.arrays.get, self.names), *self.expected]
        return all(array is not None and array.dtype.name in PROMISED for array in arrays)

    def job(self):
        return {"name": self.name, "model": str(self.model), "folder": str(self.folder), "inputs": self.inputs}

    def compare(self, stage, ports=None):
        """None when every result is right, else what is wrong with the first one that is not."""
        for index, expected in enumerate(self.expected):
            path = self.folder / f"{stage}_{index}.npy"
            if not path.exists():
                return f"result {index} is missing"
            if expected is None:
                return f"result {index} cannot be compared"
            result = np.load(path)
            permutation = ports[index].get("permutation") if ports else None
            if permutation:
                result = result.transpose(np.argsort(permutation))
            if stage == "litert" and expected.dtype == np.float32 and result.shape == expected.shape:
                clamped = np.isinf(expected) & (np.abs(result) == LARGEST) & (np.sign(result) == np.sign(expected))
                result = np.where(clamped, expected, result)
            try:
                np.testing.assert_array_equal(result.shape, expected.shape)
                np.testing.assert_equal(result.dtype, expected.dtype)
                np.testing.assert_allclose(result, expected, rtol=self.relative, atol=self.absolute)
            except AssertionError as error:
                text = " ".join(str(error).split())
                if result.shape != expected.shape:
                    text = f"shape {result.shape} instead of {expected.shape}"
                elif result.dtype != expected.dtype:
                    text = f"type {result.dtype} instead of {expected.dtype}"
                return f"result {index}: {text[:200]}"
        return None

    def refuse(self, stages, reason):
        for stage in stages:
            self.verdicts[stage] = ("refused", clean(reason))

    def fail(self, stages, reason):
        for stage in stages:
            self.verdicts[stage] = ("failed", reason)

    def judge(self, stage, ports=None):
        wrong = self.compare(stage, ports)
        self.verdicts[stage] = ("failed", wrong) if wrong else ("passed", "")


def clean(reason):
    """A diagnostic without the paths in front."""
    reason = re.sub(r"\S*/model\.onnx: ", "", reason)
    return reason.removeprefix("error[unsupported] ").strip()


def is_refusal(reason):
    return reason.startswith("error[unsupported]")


def run_depthc(worker, cases):
    by_name = {case.name: case for case in cases}
    for job, answer, death in run_jobs([worker], [case.job() for case in cases]):
        case = by_name[job["name"]]
        if death:
            case.fail(STAGES, death)
            continue
        case.outcome = answer
        for stage, needs in (("reference", "import"), ("fast", "import"), ("reimport", "export")):
            reason = next((answer["refused"][s] for s in ("import", needs, stage) if s in answer["refused"]), None)
            if reason is None:
                case.judge(stage, answer["outputs"] if stage == "reimport" else None)
            elif is_refusal(reason):
                case.refuse([stage], reason)
            else:
                case.fail([stage], reason)


def run_litert(cases):
    jobs = []
    for case in cases:
        if case.outcome is None or "export" not in case.outcome["done"]:
            if "litert" not in case.verdicts:
                case.verdicts["litert"] = case.verdicts["reimport"]
            continue
        paths = []
        for index, port in enumerate(case.outcome["inputs"]):
            array = case.arrays.get(port["name"])
            if array is None:
                break
            path = case.folder / f"file_input_{index}.npy"
            np.save(path, np.ascontiguousarray(array.transpose(port["permutation"])) if port.get("permutation") else array)
            paths.append(str(path))
        jobs.append(
            {"name": case.name, "model": str(case.folder / "model.tflite"), "folder": str(case.folder), "inputs": paths}
        )
    by_name = {case.name: case for case in cases}
    for job, answer, death in run_jobs([sys.executable, str(ROOT / "tools/litert_worker.py")], jobs):
        case = by_name[job["name"]]
        if death:
            case.fail(["litert"], f"LiteRT {death}")
        elif "error" in answer:
            case.refuse(["litert"], "LiteRT: " + answer["error"][:160])
        else:
            case.judge("litert", case.outcome["outputs"])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--worker", required=True)
    parser.add_argument("--only", default="*")
    parser.add_argument("--verbose", action="store_true")
    parser.add_argument("--keep", type=pathlib.Path)
    parser.add_argument("--record", action="store_true")
    options = parser.parse_args()

    with tempfile.TemporaryDirectory() as scratch:
        work = options.keep or pathlib.Path(scratch)
        work.mkdir(parents=True, exist_ok=True)
        tests = [t for t in load_model_tests(kind="node") if fnmatch.fnmatch(t.name.removeprefix("test_"), options.only)]
        cases = [Case(test, work) for test in sorted(tests, key=lambda t: t.name)]
        run_depthc(options.worker, cases)
        run_litert(cases)
        return report(cases, options)


def write_refused(refused):
    """One line for every case and reason: the case, the stages ("all" or a list), the reason."""
    stages = collections.defaultdict(list)
    for (name, stage), reason in refused.items():
        stages[name, reason].append(stage)
    REFUSED.write_text(
        "".join(
            f"{name}\t{'all' if len(found) == len(STAGES) else ','.join(found)}\t{reason}\n"
            for (name, reason), found in sorted(stages.items())
        )
    )


def read_refused():
    listed = set()
    for line in REFUSED.read_text().splitlines() if REFUSED.exists() else []:
        name, stages, _ = line.split("\t", 2)
        listed |= {(name, stage) for stage in (STAGES if stages == "all" else stages.split(","))}
    return listed


def report(cases, options):
    counts = {stage: collections.Counter(case.verdicts[stage][0] for case in cases) for stage in STAGES}
    refused, broken, detail = {}, 0, []
    for case in cases:
        for stage in STAGES:
            verdict, reason = case.verdicts[stage]
            if verdict == "refused":
                refused[(case.name, stage)] = reason
            if verdict == "failed" or (options.verbose and verdict == "refused"):
                detail.append(f"{verdict} {case.name} {stage}: {reason}")
            broken += verdict == "failed"
    print("\n".join(detail))
    titles = {
        "reference": "import, reference engine",
        "fast": "import, fast engine",
        "reimport": "export, re-import, reference engine",
        "litert": "export, LiteRT",
    }
    for stage in STAGES:
        c = counts[stage]
        print(f"{titles[stage]:36} {c['passed']:5} passed {c['refused']:5} refused {c['failed']:5} failed")
    promised = [case for case in cases if case.has_promised_types()]
    through = sum(all(case.verdicts[stage][0] == "passed" for stage in STAGES) for case in promised)
    print(f"{through} of {len(promised)} cases with promised element types pass all four ways")
    disputed = [case.name for case in cases if case.name in DISPUTED]
    if disputed:
        print(f"held against ONNX Runtime: {', '.join(disputed)}")
    if options.record:
        write_refused(refused)
    listed = read_refused()
    names = {case.name for case in cases}
    new = sorted(set(refused) - listed)
    gone = sorted(key for key in listed - set(refused) if key[0] in names)
    for key in new:
        print(f"refused, but not listed: {' '.join(key)}: {refused[key]}")
    for key in gone:
        print(f"listed, but no longer refused: {' '.join(key)}")
    if gone:
        print(f"{len(gone)} entries of {REFUSED.relative_to(ROOT)} can be removed (--record)")
    lost = options.only == "*" and len(cases) != CASES
    if lost:
        print(f"{len(cases)} cases were found instead of {CASES}")
    passed = sum(counts[stage]["passed"] for stage in STAGES)
    print(f"{passed} passed, {broken + len(new) + len(gone) + lost} failed")
    return 1 if broken or new or gone or lost else 0


if __name__ == "__main__":
    sys.exit(main())
