"""The checks of tools/suites/dsp-mutations: a copy of the package with only the Hexagon emulator and its recorded cases,
each mutation applied to it alone, and the cases that then fail."""
import collections
import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from common import ROOT, Checks

TARGET = "DSPEmulator"
KERNELS = f"Sources/{TARGET}/Kernels"
TESTS = f"Tests/{TARGET}Tests"

# What is made wrong, the file, its text (which it has once), and what it becomes.
MUTATIONS = [
    ("requantisation rounds down", "RangeArithmetic.swift", "&+ 1 << 30) >> 31)", ") >> 31)"),
    ("multipliers are truncated", "RangeArithmetic.swift", "let sum = x + 0.5", "let sum = x"),
    ("multipliers of channels leave out their scales", "ConvolutionArithmetic.swift",
     "values.map { multiplier(common * $0) }", "values.map { _ in multiplier(common) }"),
    ("the input's zero point has the wrong sign", "ConvolutionArithmetic.swift",
     "offset -= Float(sums[channel] &* inputZero)", "offset += Float(sums[channel] &* inputZero)"),
    ("a bias of one half is rounded away from zero", "ConvolutionArithmetic.swift",
     "offset.rounded(.toNearestOrEven)", "offset.rounded(.toNearestOrAwayFromZero)"),
    ("zero points that pad the depth are not summed", "ConvolutionWeights.swift",
     "let missing = (depth", "let missing = 0 * (depth"),
    ("asymmetric weights are scaled without rounding", "ConvolutionWeights.swift",
     "128 * 256 + 128 - scale * zero", "128 * 256 - scale * zero"),
    ("127 sums take the way of 128", "Requantize32.swift", "count >= 128", "count >= 127"),
    ("the sum of two operands is rounded", "ElementwiseSum.swift", "(a &* scaleA &+ b &* scaleB) &>> firstShift",
     "HexagonArithmetic.shiftRounded(a &* scaleA &+ b &* scaleB, firstShift)"),
    ("a concatenation copies codes of a wider range", "Concat.swift", "wide >= 32704", "wide >= 32000"),
]


def needed_targets():
    """The emulator's target and those it depends on, each with its dependencies."""
    package = json.loads(subprocess.run(
        ["swift", "package", "dump-package"], cwd=ROOT, check=True, capture_output=True, text=True).stdout)
    dependencies = {
        target["name"]: [next(iter(dependency.values()))[0] for dependency in target["dependencies"]]
        for target in package["targets"]}
    needed, open_targets = {}, [TARGET]
    while open_targets:
        name = open_targets.pop()
        if name not in needed:
            needed[name] = dependencies[name]
            open_targets += needed[name]
    return needed


def make_package(folder):
    """A package of what the recorded cases need, copied."""
    targets = needed_targets()
    lines = [f'.target(name: "{name}", dependencies: {json.dumps(needed)}),' for name, needed in sorted(targets.items())]
    lines.append(
        f'.testTarget(name: "{TARGET}Tests", dependencies: {json.dumps(sorted(targets))}, exclude: ["Recorded"]),')
    version = (ROOT / "Package.swift").read_text().splitlines()[0]
    (folder / "Package.swift").write_text("\n".join([
        version, "import PackageDescription",
        'let package = Package(name: "depthc", platforms: [.macOS(.v15)], targets: [', *lines,
        "], swiftLanguageModes: [.v6])", ""]))
    for name in targets:
        shutil.copytree(ROOT / "Sources" / name, folder / "Sources" / name)
    (folder / TESTS / "Recorded").mkdir(parents=True)
    shutil.copy(ROOT / TESTS / "RecordedKernelTests.swift", folder / TESTS)
    for recorded in (ROOT / TESTS / "Recorded").glob("kernels_*.json"):
        shutil.copy(recorded, folder / TESTS / "Recorded")


def failures(folder):
    """Per operator, how many recorded cases fail; None when the tests cannot be built or do not end. Not optimised: after
    the first build, only the changed file is compiled."""
    run = subprocess.run(
        ["swift", "test", "--no-parallel", "--disable-xctest"], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if not re.search(r"Test run with \d+ test", run.stdout):
        print(run.stdout[-2000:], file=sys.stderr)
        return None
    cases = set(re.findall(r"recorded an issue with 1 argument recorded → (\S+ .*?) at \S+\.swift", run.stdout))
    if (run.returncode == 0) != (not cases):
        print(run.stdout[-2000:], file=sys.stderr)
        return None
    return collections.Counter(case.split(" ", 1)[0] for case in cases)


checks = Checks()
with tempfile.TemporaryDirectory() as name:
    folder = Path(name)
    make_package(folder)
    found = failures(folder)
    checks.expect("unchanged, every recorded case passes", found is not None and not found)
    rows = []
    for what, file, old, new in MUTATIONS:
        path = folder / KERNELS / file
        text = path.read_text()
        if text.count(old) != 1:
            checks.expect(f"{what}: {file} has {text.count(old)} times instead of once: {old}", False)
            continue
        path.write_text(text.replace(old, new))
        found = failures(folder)
        path.write_text(text)
        count = sum(found.values()) if found else 0
        rows.append((what, count, ", ".join(sorted(found or []))))
        checks.expect(f"{what}: " + ("does not build" if found is None else f"{count} cases fail"), count > 0)
print(f"\n{'Made wrong':<48} {'cases':>5}  operators that notice")
for what, count, names in rows:
    print(f"{what:<48} {count:>5}  {names}")
checks.finish()
