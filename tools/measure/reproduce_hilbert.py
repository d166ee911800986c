"""The measurements of tools/reproduce-hilbert; see its head."""
import argparse
import json
import platform
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

import head_times
import hilbert_pictures
import hilbert_report
import middlebury_pairs
from common import DEPTHC, ROOT, SHARED, depthc, fit, litert, litert_run

KINDS, HEADS = ("unet", "vit"), ("direct", "hilbert1", "hilbert2", "hilbert3", "hilbert4", "phase")
CALIBRATION_SCENES = 32
RANGE = "0..48"


def render(split, count, folder, disparity):
    last = folder / f"{count - 1:03d}" / ("disparity.png" if disparity else "right.png")
    if last.exists():
        return folder
    print(f"rendering {count} scenes of the split {split}", flush=True)
    subprocess.run(
        [sys.executable, ROOT / "tools/training/render_stereo.py", "--split", split, "--count", str(count), "-o", folder]
        + (["--disparity"] if disparity else []), check=True)
    return folder


class Network:
    """One network, its recipe, and the files made of it."""

    def __init__(self, source, out):
        self.source, self.name = source, source.stem
        self.kind, self.head = source.stem.split("-", 1)
        self.recipe = ROOT / f"converters/stereo_{self.head}.yaml"
        files = out / "files"
        self.float, self.int8 = files / f"{self.name}_float.tflite", files / f"{self.name}_int8.tflite"
        self.components = self.int8 if self.head == "direct" else files / f"{self.name}_int8_components.tflite"
        self.dequantised = files / f"{self.name}_int8_dequantised.tflite"
        self.float_head = files / f"{self.name}_int8_float_head.tflite"

    def convert(self, calibration):
        self.float.parent.mkdir(parents=True, exist_ok=True)
        components = [] if self.head == "direct" else ["--head-output", "components"]
        int8 = ["--precision", "int8", "--calibration", calibration]
        self._make(self.float, self.source, ["--precision", "float", *components])
        self._make(self.int8, self.source, int8)
        if components:
            self._make(self.components, self.source, int8 + components)
        self._make(self.dequantised, self.components, ["--precision", "float", *components])
        if self.head == "direct":
            self._make(self.float_head, self.source, int8 + ["--keep-float", "disparity"])

    def _make(self, target, source, options):
        made_of = [source, self.recipe, DEPTHC]
        if target.exists() and all(p.stat().st_mtime < target.stat().st_mtime for p in made_of):
            return
        print(f"converting {target.name}", flush=True)
        depthc("convert", source, "-o", target, "--recipe", self.recipe, *options, limit=3600)

    def evaluate(self, path, data):
        return json.loads(depthc(
            "evaluate", path, "--reference", self.float, "--data", data, "--recipe", self.recipe, "--range", RANGE,
            "--json", "-", limit=3600).out)

    def measure(self, data):
        """Figures by mode: float, int8 and dequantised."""
        result = {}
        for mode, path in (("int8", self.int8), ("dequantised", self.dequantised)):
            report = self.evaluate(path, data)
            result["float"] = _figures(report["reference"])
            figures = _figures(report["candidate"])
            result[mode] = figures | {"depthRMSE": figures["rmse"]} | report["quantization"]
        if self.head == "direct":
            result["floatHead"] = self.evaluate(self.float_head, data)["quantization"]
        return result

    def equality(self, data):
        """How far LiteRT's depth is from depthc's on the same file, in px, and how many pixels differ."""
        with tempfile.TemporaryDirectory() as folder:
            depthc("golden", self.int8, "--data", data, "--recipe", self.recipe, "-o", f"{folder}/set", "--samples", 4)
            case = json.loads(Path(f"{folder}/set/case.json").read_text())
            result = {}
            for resolver in ("reference", "default"):
                interpreter, differences = litert(self.int8, resolver, 1), []
                for sample in case["samples"]:
                    stereo = np.load(f"{folder}/set/{sample}/inputs/{case['inputs'][0]['file']}")
                    ours = np.load(f"{folder}/set/{sample}/outputs/{case['outputs'][0]['file']}")
                    theirs = litert_run(interpreter, [fit(stereo, interpreter)])[0]
                    differences.append(np.abs(theirs.ravel().astype(np.float64) - ours.ravel()))
                joined = np.concatenate(differences)
                result[resolver] = {
                    "maximum": joined.max(), "differing": (joined > 0).mean(), "rmse": np.sqrt((joined ** 2).mean())}
            return result


def _figures(accuracy):
    return accuracy["depth"] | {"smoothness": accuracy.get("smoothness")}


def add_ratios(networks, results):
    """Direct over this, for every error of quantisation: how many times smaller it is than the direct network's."""
    for network in networks:
        base = results.get(f"{network.kind}-direct")
        for data, modes in results[network.name]["data"].items():
            for mode in ("int8", "dequantised"):
                for figure in ("standardDeviation", "rmse"):
                    if base:
                        mine, direct = modes[mode][figure], base["data"][data][mode][figure]
                        modes[mode][f"{figure}Gain"] = direct / mine if mine > 0 else None


def add_times(networks, results, rounds):
    for kind in KINDS:
        files = {}
        for network in (n for n in networks if n.kind == kind):
            files[network.name] = network.int8
            if network.components != network.int8:
                files[f"{network.name} components"] = network.components
        base = f"{kind}-direct"
        if base not in files:
            continue
        print(f"times of {kind}", flush=True)
        for engine, measured in (("depthc", head_times.in_depthc), ("litert", head_times.in_litert)):
            ratios, milliseconds = measured(files, base, rounds)
            for network in (n for n in networks if n.kind == kind):
                results[network.name].setdefault("time", {})[engine] = {
                    "ratio": ratios[network.name],
                    "withoutDecode": ratios.get(f"{network.name} components", ratios[network.name]),
                    "directMilliseconds": milliseconds}


def find(folder, out):
    pattern = re.compile(f"({'|'.join(KINDS)})-({'|'.join(HEADS)})")
    found = [p for p in Path(folder).glob("*.onnx") if pattern.fullmatch(p.stem)]
    if not found:
        raise SystemExit(f"{folder} holds no KIND-HEAD.onnx, such as unet-hilbert3.onnx")
    order = {f"{kind}-{head}": i for i, (kind, head) in enumerate((k, h) for k in KINDS for h in HEADS)}
    return [Network(path, out) for path in sorted(found, key=lambda p: order[p.stem])]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("output", nargs="?", type=Path, default=ROOT / "out/hilbert")
    parser.add_argument("--networks", type=Path, default=ROOT / "golden/networks")
    parser.add_argument("--scenes", type=int, default=100, help="rendered test scenes")
    parser.add_argument("--rounds", type=int, default=11, help="rounds of timing; 0 leaves times out")
    arguments = parser.parse_args()
    out = arguments.output
    networks = find(arguments.networks, out)
    calibration = render("calibration", CALIBRATION_SCENES, out / "calibration", False)
    data = {"rendered": render("test", arguments.scenes, out / f"test-{arguments.scenes}", True)}
    if SHARED:
        print(f"real scenes: {', '.join(middlebury_pairs.write(SHARED, out / 'real'))}", flush=True)
        data["real"] = out / "real"
    else:
        print("real scenes are left out: DEPTHC_SHARED does not name the folder of third-party data", flush=True)
    results = {}
    for network in networks:
        network.convert(calibration)
        results[network.name] = {"data": {}}
        for name, folder in data.items():
            print(f"measuring {network.name} on {name} scenes", flush=True)
            results[network.name]["data"][name] = network.measure(folder)
        results[network.name]["equality"] = network.equality(data["rendered"])
    add_ratios(networks, results)
    if arguments.rounds > 0:
        add_times(networks, results, arguments.rounds)
    about = {
        "scenes": {name: sum(1 for p in folder.iterdir() if p.is_dir()) for name, folder in data.items()},
        "rounds": arguments.rounds, "machine": _processor(), "depthc": depthc("--version").out.strip(),
        "range": RANGE}
    (out / "hilbert.json").write_text(json.dumps({"about": about, "networks": results}, indent=1) + "\n")
    pictures = hilbert_pictures.write(networks, data, out)
    hilbert_report.plot(results, out / "hilbert.png")
    text = hilbert_report.markdown(about, results, ["hilbert.png", *pictures])
    (out / "hilbert.md").write_text(text)
    print(text)
    print(f"wrote {out}/hilbert.md, hilbert.json, hilbert.png and {len(pictures)} pictures")


def _processor():
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


if __name__ == "__main__":
    main()
