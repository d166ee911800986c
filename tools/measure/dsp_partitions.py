#!/usr/bin/env python3
"""Prints as JSON what the Hexagon delegate takes of TFLite models, by the Python oracle of admission.

    tools/measure/dsp_partitions.py [--partitions N] [--nodes N] [--int8] [--against REPORTS] MODEL|FOLDER...

Per model and subgraph: the reason code of every operator (null: taken), the candidate partitions, the indices of the
chosen ones and the operators that are delegated in the end. `dynamic` lists tensors whose extents LiteRT knows only at
run time: the runtime then refuses the delegate for the whole subgraph, and nothing is delegated. `--int8` leaves out
models of whose computed tensors fewer than half have 8 bits. `--against` is a folder of `depthc inspect MODEL
--delegate dsp:hexagon-delegate --json` outputs named as the models are, with `.json` in place of `.tflite`: prints the differences and
ends with 1 if there are any.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from dsp_oracle import admission, flatbuffer  # noqa: E402


PROBE = """
import json, sys
from ai_edge_litert.interpreter import Interpreter, OpResolverType
interpreter = Interpreter(
    sys.argv[1], experimental_preserve_all_tensors=True,
    experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES)
interpreter.allocate_tensors()
found = []
for detail in interpreter.get_tensor_details():
    try:
        interpreter.tensor(detail["index"])()
    except ValueError:
        # Tensors without elements have no memory either.
        if detail["shape"].prod() > 0:
            found.append(detail["index"])
print(json.dumps(found))
"""


def dynamic_tensors(path):
    """Indices of the main subgraph's tensors without memory after allocation; None if LiteRT cannot say. In a process
    of its own, for LiteRT aborts on some files."""
    run = subprocess.run([sys.executable, "-c", PROBE, str(path)], capture_output=True, text=True, check=False)
    return json.loads(run.stdout) if run.returncode == 0 else None


def is_int8(graph):
    computed = [tensor for tensor in graph["tensors"] if not tensor.get("constant")]
    return computed and 2 * sum(tensor["type"] in ("int8", "uint8") for tensor in computed) >= len(computed)


def described(path, partitions=0, nodes=0, int8=False):
    """What is printed of one model; None for one that is left out."""
    graphs = flatbuffer.graphs(path.read_bytes())
    if not graphs or int8 and not is_int8(graphs[0]):
        return None
    result = []
    for index, graph in enumerate(graphs):
        entry = {"operators": [operator["builtin"] for operator in graph["operators"]]}
        entry |= admission.decision(graph, partitions, nodes)
        dynamic = dynamic_tensors(path) if index == 0 else []
        if dynamic:
            produced = {tensor for operator in graph["operators"] for tensor in operator["outputs"]}
            dynamic = [tensor for tensor in dynamic if tensor in produced]
        if dynamic:
            entry["dynamic"] = dynamic
            entry["delegated"] = []
        elif dynamic is None:
            entry["dynamic"] = "LiteRT does not load the model"
        result.append(entry)
    return {"subgraphs": result}


def differences(wanted, report):
    """Lines on where a report of depthc says otherwise, of the main subgraph."""
    mine, lines = wanted["subgraphs"][0], []
    reasons = [operator["refusals"][0]["code"] if operator["refusals"] else None for operator in report["operators"]]
    # What depthc adds for the public library is no rule of the delegate.
    reasons = [None if reason == "E_LIBRARY" else reason for reason in reasons]
    for index, (a, b) in enumerate(zip(mine["reasons"], reasons)):
        if a != b:
            lines.append(f"operator {index} {mine['operators'][index]}: {a}, depthc {b}")
    if len(reasons) != len(mine["reasons"]):
        lines.append(f"{len(mine['reasons'])} operators, depthc {len(reasons)}")
    a = sorted(map(sorted, mine["delegated"]))
    b = sorted(sorted(partition["operators"]) for partition in report["partitions"])
    if a != b:
        lines.append(f"partitions {a}, depthc {b}")
    return lines


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--partitions", type=int, default=0)
    parser.add_argument("--nodes", type=int, default=0)
    parser.add_argument("--int8", action="store_true")
    parser.add_argument("--against", type=Path)
    parser.add_argument("models", nargs="+", type=Path)
    arguments = parser.parse_args()

    models = {}
    for given in arguments.models:
        for path in sorted(given.rglob("*.tflite")) if given.is_dir() else [given]:
            name = str(path.relative_to(given)) if given.is_dir() else path.name
            try:
                entry = described(path, arguments.partitions, arguments.nodes, arguments.int8)
            except Exception as error:  # Damaged files are among the models; the schema classes raise anything.
                print(f"{name}: {error!r}", file=sys.stderr)
                continue
            if entry is not None:
                models[name] = entry
    if arguments.against is None:
        json.dump({"models": models}, sys.stdout, indent=1)
        print()
        return
    failed = 0
    for name, entry in models.items():
        report = arguments.against / Path(name).with_suffix(".json")
        lines = differences(entry, json.loads(report.read_text())) if report.exists() else ["no report"]
        failed += bool(lines)
        print("\n".join(f"{name}: {line}" for line in lines) or f"{name}: as the oracle")
    print(f"{len(models) - failed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
