"""Time and peak memory of post-training quantisation as the number of samples and the width of the layers grow.

Usage: tools/calibration-cost [--peers NAME,NAME] [--samples 1,4,16,64] [--widths 0.5,1,2] [--picture FILE.png]
The network is a U-Net on six channels of 128x192 with seeded weights, made here; width 1 has 24 to 224 channels. Samples
vary with width 1, widths with 16 samples. Peers are installed as tools/compare-peers installs them. Run it on a quiet
machine: other work shows in the times.
"""
import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from PIL import Image, ImageDraw, ImageFont

from common import ROOT, Run, depthc, table
from compare_peers import interpreter

HEIGHT, WIDTH = 128, 192
CHANNELS = (24, 48, 96, 160, 224)
LIMIT = 900
# Each peer's own default.
DEFAULTS = {"onnxruntime": "minmax-qint8", "ai-edge-quantizer": "minmax-moving-average"}
NAMES = {"onnxruntime": "ONNX Runtime"}
COLOURS = {"depthc, ranges only": (0, 92, 175), "depthc, default": (86, 180, 233),
           "ONNX Runtime": (213, 94, 0), "ai-edge-quantizer": (0, 140, 100)}


def unet(path, width):
    """Writes a U-Net whose layers have `width` times the channels; returns its multiply-accumulates."""
    random = np.random.default_rng(7)
    nodes, weights, macs = [], [], 0

    def node(op, inputs, **attributes):
        nodes.append(helper.make_node(op, inputs, [f"{op.lower()}{len(nodes)}"], **attributes))
        return nodes[-1].output[0]

    def constant(array):
        weights.append(numpy_helper.from_array(array, f"w{len(weights)}"))
        return weights[-1].name

    def convolution(x, inputs, outputs, kernel, pixels):
        nonlocal macs
        macs += inputs * outputs * kernel ** 2 * pixels
        w = random.normal(0, np.sqrt(2 / (inputs * kernel ** 2)), (outputs, inputs, kernel, kernel)).astype(np.float32)
        b = random.normal(0, 0.05, outputs).astype(np.float32)
        return node("Conv", [x, constant(w), constant(b)], pads=[kernel // 2] * 4)

    def block(x, inputs, outputs, pixels):
        x = node("Relu", [convolution(x, inputs, outputs, 3, pixels)])
        return node("Relu", [convolution(x, outputs, outputs, 3, pixels)])

    channels = [max(8, round(c * width / 8) * 8) for c in CHANNELS]
    x, inputs, pixels, skips = "input", 6, HEIGHT * WIDTH, []
    for level, outputs in enumerate(channels):
        x, inputs = block(x, inputs, outputs, pixels), outputs
        if level + 1 < len(channels):
            skips.append((x, outputs, pixels))
            x, pixels = node("MaxPool", [x], kernel_shape=[2, 2], strides=[2, 2]), pixels // 4
    for skip, outputs, pixels in reversed(skips):
        scales = constant(np.array([1, 1, 2, 2], np.float32))
        x = node("Resize", [x, "", scales], mode="linear", coordinate_transformation_mode="half_pixel")
        x = block(node("Concat", [x, skip], axis=1), inputs + outputs, outputs, pixels)
        inputs = outputs
    x = node("Sigmoid", [convolution(x, inputs, 1, 1, pixels)])
    ports = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, c, HEIGHT, WIDTH])
             for name, c in (("input", 6), (x, 1))]
    model = helper.make_model(helper.make_graph(nodes, "unet", ports[:1], ports[1:], weights),
                              opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, path)
    return macs


def pictures(count):
    """Smooth random pictures in [0, 1]."""
    random = np.random.default_rng(11)
    result = []
    for _ in range(count):
        planes = [np.asarray(Image.fromarray(random.random((8, 12)).astype(np.float32)).resize(
            (WIDTH, HEIGHT), Image.Resampling.BICUBIC)) for _ in range(6)]
        result.append(np.clip(planes, 0, 1).astype(np.float32))
    return np.stack(result)


def measure(model, samples, peers, folder):
    """Seconds and megabytes by tool; None where a tool fails or takes too long."""
    folder.mkdir()
    for part, array in (("calibration", samples), ("calibration_nhwc", samples.transpose(0, 2, 3, 1))):
        (folder / part).mkdir()
        np.save(folder / part / "input.npy", array[:, None])
    data = folder / "samples"
    data.mkdir()
    for i, sample in enumerate(samples):
        np.save(data / f"{i:03}.npy", sample[None])
    depthc("convert", model, "-o", folder / "float.tflite", "--precision", "float")
    result = {}
    for name, flags in (("depthc, ranges only", ["--no-equalization", "--no-bias-correction"]), ("depthc, default", [])):
        run = depthc("convert", model, "-o", folder / "int8.tflite", "--precision", "int8", "--calibration", data, *flags)
        result[name] = run.seconds, run.megabytes
    for peer, python in peers.items():
        out = folder / peer
        out.mkdir()
        script = ROOT / "tools/measure/peers" / f"{peer.replace('-', '_')}.py"
        run = Run([python, script, model, folder, out, DEFAULTS[peer]], limit=LIMIT)
        done = run.code == 0 and any(out.glob("int8*"))
        result[NAMES.get(peer, peer)] = (run.seconds, run.megabytes) if done else None
    return result


def panel(draw, font, box, title, ticks, series, unit):
    """A chart with logarithmic axes."""
    left, top, right, bottom = box
    values = [v for points in series.values() for v in points if v is not None]
    low, high = 10 ** np.floor(np.log10(min(values))), 10 ** np.ceil(np.log10(max(values)))

    def x(tick):
        return left + (right - left) * (np.log(tick / ticks[0]) / max(np.log(ticks[-1] / ticks[0]), 1e-9))

    def y(value):
        return bottom - (bottom - top) * np.log(value / low) / np.log(high / low)

    draw.text((left, top - 44), title, (40, 40, 40), font)
    decade = low
    while decade <= high * 1.01:
        draw.line((left, y(decade), right, y(decade)), (225, 225, 225))
        draw.text((left - 8, y(decade)), f"{decade:g} {unit}", (90, 90, 90), font, anchor="rm")
        decade *= 10
    for tick in ticks:
        draw.text((x(tick), bottom + 10), f"{tick:g}", (90, 90, 90), font, anchor="ma")
    for name, points in series.items():
        known = [(x(t), y(v)) for t, v in zip(ticks, points) if v is not None]
        draw.line(known, COLOURS[name], 4)
        for px, py in known:
            draw.ellipse((px - 6, py - 6, px + 6, py + 6), COLOURS[name])


def picture(path, panels):
    image = Image.new("RGB", (1500, 1060), "white")
    draw = ImageDraw.Draw(image)
    font = ImageFont.load_default(22)
    for i, (title, ticks, series, unit) in enumerate(panels):
        left, top = 130 + 750 * (i % 2), 90 + 500 * (i // 2)
        panel(draw, font, (left, top, left + 570, top + 340), title, ticks, series, unit)
    x = 130
    for name in panels[0][2]:
        draw.rectangle((x, 1020, x + 24, 1036), COLOURS[name])
        draw.text((x + 34, 1028), name, (40, 40, 40), font, anchor="lm")
        x += 70 + int(draw.textlength(name, font))
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path, optimize=True)


def cell(measured):
    return "fails" if measured is None else f"{measured[0]:.1f} s, {measured[1] / 1000:.2f} GB"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peers", default=",".join(DEFAULTS), help=f"of {', '.join(DEFAULTS)}; '' for none")
    parser.add_argument("--samples", default="1,4,16,64")
    parser.add_argument("--widths", default="0.5,1,2")
    parser.add_argument("--picture", default=str(ROOT / "docs/images/quantization/cost.png"))
    options = parser.parse_args()
    peers = {name: interpreter(name) for name in options.peers.split(",") if name}
    for name in [n for n, python in peers.items() if python is None]:
        print(f"{name} cannot be installed", file=sys.stderr)
        del peers[name]
    counts = [int(n) for n in options.samples.split(",")]
    widths = [float(w) for w in options.widths.split(",")]
    fixed = 16
    samples = pictures(max(counts + [fixed]))
    panels = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        gigas = {w: unet(folder / f"{w}.onnx", w) / 1e9 for w in sorted({1.0, *widths})}
        known = {}

        def measured(width, count):
            if (width, count) not in known:
                print(f"width {width:g}, {count} samples", file=sys.stderr, flush=True)
                known[width, count] = measure(
                    folder / f"{width}.onnx", samples[:count], peers, folder / f"{width}-{count}")
            return known[width, count]

        for title, ticks, runs in (
            ("samples", counts, [measured(1.0, n) for n in counts]),
            ("width of the layers", widths, [measured(w, fixed) for w in widths]),
        ):
            tools = list(runs[0])
            heads = [f"{t:g}" + (f" ({gigas[t]:.2f} G MACs)" if title != "samples" else "") for t in ticks]
            print(f"\n{title}")
            table([(title, *heads)] + [(tool, *(cell(run[tool]) for run in runs)) for tool in tools])
            for i, unit in enumerate(("s", "MB")):
                series = {tool: [run[tool] and run[tool][i] for run in runs] for tool in tools}
                panels.append((f"{'time' if unit == 's' else 'peak memory'} by {title}", ticks, series, unit))
    picture(Path(options.picture), panels)
    print(f"\n{options.picture}")


if __name__ == "__main__":
    main()
