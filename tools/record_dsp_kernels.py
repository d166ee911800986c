"""Records operands and results of the Hexagon library's operators for Tests/DSPEmulatorTests.

Usage: .venv/bin/python tools/record_dsp_kernels.py [MODULE...]
Writes Tests/DSPEmulatorTests/Recorded/kernels_MODULE.json for every module of tools/dsp_oracle that has
`cases(rng)`, a list of what `recording.case` returns; with names, of these alone. A module states in `BRANCHES` the
branches of the library's code that its operators have, by name: "" if a case must take it, else why none does. The
coverage is printed, and a branch that is not taken, or not stated, is an error; nothing is written then.
"""

import collections
import importlib
import pathlib
import pkgutil
import sys
import zlib

import numpy as np

import dsp_oracle
from dsp_oracle import recording

SEED = 20251121
SOURCE = "XiaoMi/nnlib df7ad3c1b235ecfeafa6ac9448be462e3f51ec6a, hexagon/"
LARGEST_FILE = 600_000
TARGET = pathlib.Path(__file__).parent.parent / "Tests/DSPEmulatorTests/Recorded"


def coverage(name, module, cases):
    """Prints how many cases take each branch; what is wrong with it."""
    stated = getattr(module, "BRANCHES", {})
    taken = collections.Counter(branch for entry in cases for branch in entry["branches"])
    wrong = [f"{name}: {branch} is not in BRANCHES" for branch in taken if branch not in stated]
    for branch, reason in stated.items():
        print(f"  {taken[branch]:4d}  {branch}" + (f"  ({reason})" if reason else ""))
        if not taken[branch] and not reason:
            wrong.append(f"{name}: no case takes {branch}")
    return wrong


def record(name, module):
    """Writes the module's file; what is wrong with its cases."""
    rng = np.random.default_rng([SEED, zlib.crc32(name.encode())])
    cases = module.cases(rng)
    print(f"{name}: {len(cases)} cases")
    wrong = coverage(name, module, cases)
    if wrong:
        return wrong
    path = TARGET / f"kernels_{name}.json"
    recording.write(
        path,
        cases,
        producer=f"NumPy {np.__version__}",
        source=SOURCE,
        command=f"tools/record_dsp_kernels.py {name}",
        seed=SEED,
    )
    size = path.stat().st_size
    print(f"  {size} bytes in {path.name}")
    return [f"{name}: more than {LARGEST_FILE} bytes"] if size > LARGEST_FILE else []


def main(wanted):
    names = [info.name for info in pkgutil.iter_modules(dsp_oracle.__path__)]
    modules = {name: importlib.import_module(f"dsp_oracle.{name}") for name in names}
    modules = {name: module for name, module in modules.items() if hasattr(module, "cases")}
    unknown = [name for name in wanted if name not in modules]
    if unknown:
        sys.exit(f"no module {', '.join(unknown)}; there are {', '.join(sorted(modules))}")
    wrong = [line for name in sorted(wanted or modules) for line in record(name, modules[name])]
    sys.exit("\n".join(wrong) or None)


if __name__ == "__main__":
    main(sys.argv[1:])
