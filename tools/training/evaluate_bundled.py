"""Measures the bundled stereo model on held-out rendered scenes with ONNX Runtime, and writes its README.

    python evaluate_bundled.py MODEL.onnx --scenes 200 [--readme FILE.md]

Error measures, over all pixels and over those that both views see: end-point error (mean and median of the absolute
disparity error), the share of pixels wrong by more than 1 px and by more than 3 px (which is also D1, the share wrong
by more than 3 px and 5 %, because no disparity reaches 60 px), and AbsRel of depth (proportional to 1 / disparity).
"""

import argparse
import json
import pathlib

import numpy as np
import onnx
import onnxruntime

import render_stereo

MIN_PREDICTION = 0.5


def measures(predicted, disparity):
    error = np.abs(predicted - disparity)
    return {
        "EPE (px)": error.mean(),
        "median error (px)": np.median(error),
        "> 1 px (%)": 100 * (error > 1).mean(),
        "> 3 px, D1 (%)": 100 * ((error > 3) & (error > 0.05 * disparity)).mean(),
        "AbsRel": np.abs(disparity / np.maximum(predicted, MIN_PREDICTION) - 1).mean(),
    }


def evaluate(path, split, count):
    """Measures over the scenes 0..<count of a split."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 2
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    predictions, disparities, visibilities = [], [], []
    for index in range(count):
        left, right, disparity, _, visible = render_stereo.render(split, index)
        stereo = np.concatenate([left, right], 2).transpose(2, 0, 1)[None].astype(np.float32) / np.float32(255)
        predictions.append(session.run(None, {session.get_inputs()[0].name: stereo})[0][0, 0])
        disparities.append(disparity)
        visibilities.append(visible)
    predicted, disparity, visible = (np.stack(x) for x in (predictions, disparities, visibilities))
    return measures(predicted, disparity), measures(predicted[visible], disparity[visible]), visible.mean()


README = """# stereo_unet

A small stereo network for rectified pairs: input `stereo` float32 1x6x128x192 (left RGB, right RGB, each divided by
255), output `disparity` float32 1x1x128x192, pixels of the left view, 0 to 48. {parameters:,} weights, only Conv,
Relu, MaxPool, Resize (bilinear) and Concat.

It is trained on rendered scenes only: a small, self-contained model for tests and demonstrations, not a claim about
photographs.

| on {count} held-out rendered scenes | all pixels | seen by both views ({visible:.1f} %) |
|---|---|---|
{rows}

(split `{split}`, scenes 0 to {last} of `tools/training/render_stereo.py`, ONNX Runtime {runtime}. AbsRel is that of
depth, which is proportional to 1 / disparity.)

Training: {training}

Files:
- `../stereo_unet.onnx`: the model.
- `calibration/NNN/left.png, right.png`: 16 pairs of the `calibration` split (scenes 0 to 15), for quantisation.
- `test/NNN/left.png, right.png, disparity.png`: 4 scenes of the `test` split with the true disparity (16 bit,
  value / 256 pixels).

To make all of it again, with the packages of `tools/training/requirements.txt`, from the repository's root:

```
python tools/training/train_bundled.py --work WORK --minutes 20 --export golden/models/stereo_unet.onnx
python tools/training/render_stereo.py --split calibration --count 16 -o golden/models/stereo_unet/calibration
python tools/training/render_stereo.py --split test --count 4 --disparity -o golden/models/stereo_unet/test
python tools/training/evaluate_bundled.py golden/models/stereo_unet.onnx --scenes {count} \\
    --training golden/models/stereo_unet/training.json --readme golden/models/stereo_unet/README.md
tools/record_golden.py golden/models/stereo_unet.onnx --recipe stereo_unet \\
    --stereo golden/models/stereo_unet/test/000 golden/models/stereo_unet/test/001 -o golden/stereo_unet
```

Rendering gives the same bytes everywhere; training depends on the machine's speed, so its result is alike, not equal.
"""


def training_text(path):
    if not path:
        return "not recorded."
    t = json.loads(path.read_text())
    note = "\n" + t["note"] if "note" in t else ""
    return (f"{t['minutes']:.1f} minutes (processor time divided by threads), {t['steps']:,} steps of {t['batch']}\n"
            f"scenes, drawn from {t['scenes']:,} scenes of the split `train`, seed {t['seed']}, {t['threads']} threads of "
            f"{t['machine']}, PyTorch {t['torch']}.{note}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=pathlib.Path)
    parser.add_argument("--split", choices=sorted(render_stereo.SPLITS), default="test")
    parser.add_argument("--scenes", type=int, default=200)
    parser.add_argument("--training", type=pathlib.Path, help="training.json that train_bundled.py wrote")
    parser.add_argument("--readme", type=pathlib.Path)
    arguments = parser.parse_args()
    everywhere, seen, visible = evaluate(arguments.model, arguments.split, arguments.scenes)
    rows = "\n".join(f"| {name} | {everywhere[name]:.3f} | {seen[name]:.3f} |" for name in everywhere)
    print(rows)
    if arguments.readme:
        weights = onnx.load(arguments.model).graph.initializer
        arguments.readme.write_text(README.format(
            parameters=sum(int(np.prod(w.dims)) for w in weights if len(w.dims) in (1, 4) and w.data_type == 1),
            count=arguments.scenes, last=arguments.scenes - 1, split=arguments.split, rows=rows,
            visible=100 * visible, runtime=onnxruntime.__version__, training=training_text(arguments.training)))


if __name__ == "__main__":
    main()
