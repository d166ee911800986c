"""Where INT8 networks run under the DSP delegate, how far the DSP's depth is from the CPU's, and what rewriting them for
the DSP changes. Usage: tools/suites/dsp [--json FILE]

1. Every INT8 model of the third-party folder: reason codes and partitions against the Python oracle.
2. The bundled networks, direct and with Hilbert heads, written for the DSP: SD of INT8 against float on the CPU and on
   the DSP, and how much smaller it is with the heads (golden scenes, the four test scenes).
3. FastDepth, PyDNet++ and HITNet in INT8, as they are and rewritten: share of the integer multiply-accumulates on the
   DSP with at most 4 and at most 16 partitions, and depth on the CPU and on the DSP."""
import argparse
import json
import tempfile
from pathlib import Path

import numpy as np

import dsp_partitions
import middlebury
from common import ROOT, SHARED, Checks, depthc, table

NETWORKS = ["direct", "hilbert1", "hilbert2", "hilbert3", "hilbert4", "phase"]


def inspected(model, *options, profile="hexagon-nnlib"):
    return json.loads(depthc("inspect", model, "--delegate", f"dsp:{profile}", "--json", *options).out)


def integer_share(model, partitions):
    return 100 * inspected(model, "--max-partitions", partitions)["delegatedIntegerShare"]


def partitions(shared, checks):
    print("Partitions of INT8 models, against the oracle")
    equal = refused = 0
    for path in sorted((shared / "models/tflite").rglob("*.tflite")):
        try:
            wanted = dsp_partitions.described(path, int8=True)
        except Exception:  # Damaged files are among the models; the schema classes raise anything.
            continue
        if wanted is None:
            continue
        run = depthc("inspect", path, "--delegate", "dsp:hexagon-delegate", "--json", check=False)
        if run.code != 0:
            refused += 1
            print(f"  not read: {path.name}: {run.err.strip()[-160:]}")
            continue
        lines = dsp_partitions.differences(wanted, json.loads(run.out))
        equal += not lines
        if lines:
            checks.expect(f"{path.name}: {'; '.join(lines)[:300]}", False)
    checks.expect(f"{equal} models have the oracle's reason codes and partitions ({refused} cannot be read)", equal >= 20)


def evaluated(model, reference, recipe, *options):
    with tempfile.TemporaryDirectory() as folder:
        depthc("evaluate", model, "--data", ROOT / "golden/scenes/test", "--reference", reference, "--recipe", recipe,
               "--json", f"{folder}/r.json", *options)
        report = json.loads(Path(f"{folder}/r.json").read_text())
    return report["quantization"]["standardDeviation"], report["candidate"]["depth"]["meanError"]


def heads(folder, checks):
    print("Bundled networks written for the DSP: SD of INT8 against float, in thousandths of the range")
    rows, found = [["network", "integer MACs on the DSP", "SD CPU", "SD DSP", "gain CPU", "gain DSP", "EPE DSP px"]], {}
    for kind in ("unet", "vit"):
        direct = None
        for head in NETWORKS:
            name = f"{kind}-{head}"
            source, recipe = ROOT / f"golden/networks/{name}.onnx", f"stereo_{head}"
            target = f"{folder}/{name}.tflite"
            depthc("convert", source, "-o", target, "--recipe", recipe, "--precision", "int8", "--calibration",
                   ROOT / "golden/scenes/calibration", "--delegate", "dsp", "--max-partitions", 16)
            cpu, _ = evaluated(target, source, recipe)
            dsp, error = evaluated(target, source, recipe, "--delegate", "dsp", "--max-partitions", 16)
            direct = direct or (cpu, dsp)
            found[name] = {"cpu": cpu, "dsp": dsp, "share": integer_share(target, 16), "epe": error}
            rows.append([name, f"{found[name]['share']:.1f} %", f"{1e3 * cpu:.2f}", f"{1e3 * dsp:.2f}",
                         f"{direct[0] / cpu:.2f}", f"{direct[1] / dsp:.2f}", f"{error:.3f}"])
    table(rows)
    for kind in ("unet", "vit"):
        values = found[f"{kind}-direct"]
        checks.expect(f"{kind}-direct: SD on the DSP within 1.15 of the CPU's", values["dsp"] <= 1.15 * values["cpu"])
        checks.expect(f"{kind}-direct: {values['share']:.1f} % of the integer MACs on the DSP (at least 95)",
                      values["share"] >= 95)
        gains = {head: [found[f"{kind}-direct"][side] / found[f"{kind}-{head}"][side] for side in ("cpu", "dsp")]
                 for head in NETWORKS}
        best = max(gains[head][1] for head in NETWORKS)
        checks.expect(f"{kind}: largest gain of a head on the DSP {best:.1f}x (at least 4)", best >= 4)
    return found


def depth_error(model, candidate, data, recipe, samples, *options):
    """RMSE of the candidate's depth against the model's on the CPU."""
    with tempfile.TemporaryDirectory() as folder:
        depthc("compare", model, candidate, "--data", data, "--recipe", recipe, "--samples", samples, "--json",
               f"{folder}/r.json", *options)
        output = json.loads(Path(f"{folder}/r.json").read_text())["outputs"][0]
    return output["depth"]["rmse"], output["statistics"]["acSQNR"]


def third_party(shared, folder, checks):
    print("Third-party networks in INT8, depth on the DSP against the same file on the CPU")
    pairs, tests = Path(f"{folder}/pairs"), Path(f"{folder}/tests")
    pairs.mkdir(), tests.mkdir()
    crops = [c for scene in ("cones", "teddy", "Cloth3") for c in middlebury.crops(shared, scene)]
    for number, crop in enumerate(crops[:12]):
        np.save(pairs / f"{number:02}.npy", crop)
    for scene in middlebury.SCENES:
        np.save(tests / f"{scene}.npy", middlebury.whole(shared, scene))
    images = shared / "data/calib_rgb"
    fast_depth = shared / "models/tflite/depth/fast_depth_224_int8.tflite"
    rows, found = [["model", "rewrites", "share at 4", "at 16", "RMSE CPU-DSP", "AC-SQNR dB"]], {}

    def measure(name, what, model, data, recipe, samples):
        limit = ["--delegate", "dsp", "--max-partitions", 16]
        error, decibels = depth_error(model, model, data, recipe, samples, *limit)
        found[name, what] = {"at4": integer_share(model, 4), "at16": integer_share(model, 16), "rmse": error}
        values = found[name, what]
        rows.append([name, what, f"{values['at4']:.1f} %", f"{values['at16']:.1f} %", f"{error:.4f}", f"{decibels:.1f}"])

    measure("FastDepth", "none", fast_depth, images, "fast_depth", 8)
    rewritten = f"{folder}/fast_depth.tflite"
    depthc("convert", fast_depth, "-o", rewritten, "--recipe", "fast_depth", "--delegate", "dsp")
    measure("FastDepth", "all", rewritten, images, "fast_depth", 8)
    same, _ = depth_error(fast_depth, rewritten, images, "fast_depth", 8)
    checks.expect("FastDepth rewritten: the CPU's depth is the same to the bit", same == 0)
    sources = {
        "PyDNet++": (shared / "models/tflite/depth/pydnet++_448x640_dynint8.tflite", "pydnet", images, images, 2),
        "HITNet": (shared / "models/onnx/depth/hitnet_240x320_fp32.onnx", "hitnet", pairs, tests, 4),
    }
    for name, (source, recipe, calibration, data, samples) in sources.items():
        for what in ("none", "all"):
            target = f"{folder}/{name}-{what}.tflite"
            depthc("convert", source, "-o", target, "--recipe", recipe, "--precision", "int8", "--calibration",
                   calibration, "--samples", 12, "--delegate", "dsp", "--max-partitions", 16,
                   *(["--rewrites", "none"] if what == "none" else []))
            measure(name, what, target, data, recipe, samples)
    table(rows)
    before, after = found["FastDepth", "none"]["rmse"], found["FastDepth", "all"]["rmse"]
    checks.expect(f"FastDepth: RMSE CPU-DSP {before:.3f} -> {after:.3f} m ({before / after:.1f}x less, at least 4)",
                  after <= before / 4)
    for name in sources:
        old, new = found[name, "none"]["at16"], found[name, "all"]["at16"]
        checks.expect(f"{name}: {old:.1f} % -> {new:.1f} % of the integer MACs on the DSP (at least 80)", new >= 80)
    return {f"{name}, {what}": values for (name, what), values in found.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    checks, figures = Checks(), {}
    with tempfile.TemporaryDirectory() as folder:
        figures["heads"] = heads(folder, checks)
        if SHARED:
            partitions(Path(SHARED), checks)
            figures["third-party"] = third_party(Path(SHARED), folder, checks)
        else:
            checks.skipped += 1
            print("skipped: DEPTHC_SHARED does not name the folder of third-party models")
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=1) + "\n")
    checks.finish()


if __name__ == "__main__":
    main()
