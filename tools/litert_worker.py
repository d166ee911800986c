"""Runs .tflite files in LiteRT: one JSON job a line on standard input, one JSON answer a line on standard output.

A job names the file, its input arrays (.npy, in the file's order) and a folder; results are written there as
litert_INDEX.npy. Kernels are LiteRT's own, without XNNPACK.
"""

import json
import os
import sys

import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType

# LiteRT writes to standard output as well; answers go through a copy of it.
answers = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)


def run(job):
    interpreter = Interpreter(
        model_path=job["model"],
        experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
        num_threads=1,
    )
    interpreter.allocate_tensors()
    for detail, path in zip(interpreter.get_input_details(), job["inputs"], strict=True):
        interpreter.set_tensor(detail["index"], np.load(path))
    interpreter.invoke()
    for index, detail in enumerate(interpreter.get_output_details()):
        np.save(os.path.join(job["folder"], f"litert_{index}.npy"), interpreter.get_tensor(detail["index"]))


for line in sys.stdin:
    job = json.loads(line)
    answer = {"name": job["name"]}
    try:
        run(job)
    except Exception as error:  # LiteRT reports everything as RuntimeError or ValueError
        answer["error"] = " ".join(str(error).split())
    answers.write(json.dumps(answer) + "\n")
    answers.flush()
