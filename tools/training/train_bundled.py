"""Trains the bundled stereo U-Net on rendered scenes and exports it to ONNX.

    python train_bundled.py --work DIR --minutes 20 --export ../../golden/models/stereo_unet.onnx
    python train_bundled.py --work DIR --export-only --export FILE.onnx    # from the newest checkpoint

The scenes are rendered once into DIR. A checkpoint is written every minute; a stopped run continues from it. The
first part of the schedule trains the half-size disparity only, which costs half as much per scene. The learning rate
follows the share of the training time that has passed. Training time is processor time divided by the number of
threads: the wall time on a machine that does nothing else.
"""

import argparse
import json
import math
import multiprocessing
import os
import pathlib
import time

import numpy as np
import torch
import torch.nn.functional as F

import render_stereo
from stereo_unet import OUTPUT_UNIT, StereoUNet, deployable

BATCH = 8
COARSE_SHARE = 0.45
PEAK_RATE = 2e-3
WARM_UP = 0.03
VALIDATION_SCENES = 32
SETTLING_BATCHES = 150


def _render(job):
    return render_stereo.render(*job)[:4]


def scenes(folder, split, count, processes):
    """Renders scenes 0..<count of a split, or reads what an earlier run rendered."""
    path = folder / f"{split}-{count}.npz"
    if not path.exists():
        start = time.monotonic()
        with multiprocessing.Pool(processes) as pool:
            results = pool.map(_render, [(split, i) for i in range(count)], chunksize=16)
        left, right, disparity, right_disparity = (np.stack([r[i] for r in results]) for i in range(4))
        temporary = path.with_suffix(".tmp.npz")
        np.savez(temporary, left=left, right=right, disparity=disparity, right_disparity=right_disparity)
        os.replace(temporary, path)
        print(f"rendered {count} {split} scenes in {time.monotonic() - start:.0f} s", flush=True)
    with np.load(path) as stored:
        return {name: stored[name] for name in stored.files}


def tensors(left, right, disparity):
    stereo = np.concatenate([left, right], -1).transpose(0, 3, 1, 2)
    return torch.from_numpy(np.ascontiguousarray(stereo)).float() / 255, torch.from_numpy(disparity)[:, None]


def training_batch(data, rng):
    """A batch with mirrored scenes, exchanged colour channels and different exposure of the two views."""
    stereos, disparities = [], []
    for index in rng.integers(0, len(data["left"]), BATCH):
        left, right, disparity = data["left"][index], data["right"][index], data["disparity"][index]
        if rng.random() < 0.5:
            left, right = data["right"][index][:, ::-1], left[:, ::-1]
            disparity = data["right_disparity"][index][:, ::-1]
        if rng.random() < 0.5:
            left, right, disparity = left[::-1], right[::-1], disparity[::-1]
        order = rng.permutation(3)
        stereos.append((left[..., order], right[..., order]))
        disparities.append(disparity)
    left, right = (np.stack([s[i] for s in stereos]) for i in range(2))
    stereo, disparity = tensors(left, right, np.ascontiguousarray(np.stack(disparities)))
    gain = torch.from_numpy(rng.uniform(0.9, 1.1, (BATCH, 6, 1, 1)).astype(np.float32))
    common = torch.from_numpy(rng.uniform(0.7, 1.2, (BATCH, 1, 1, 1)).astype(np.float32))
    return (stereo * gain * common).clamp(0, 1), disparity


def rate(progress):
    if progress < WARM_UP:
        return PEAK_RATE * (progress + 1e-3) / WARM_UP
    return PEAK_RATE * (0.002 + 0.5 * (1 + math.cos(math.pi * (progress - WARM_UP) / (1 - WARM_UP))))


def loss_of(predicted, wanted):
    return F.smooth_l1_loss(predicted, wanted / OUTPUT_UNIT, beta=0.5 / OUTPUT_UNIT)


@torch.no_grad()
def validate(net, data, fine):
    net.eval()
    total = 0.0
    for start in range(0, VALIDATION_SCENES, BATCH):
        part = {k: data[k][start : start + BATCH] for k in ("left", "right", "disparity")}
        stereo, disparity = tensors(**part)
        if fine:
            error = net(stereo) - disparity
        else:
            error = OUTPUT_UNIT * net.coarse_head(net.coarse(stereo)) - F.avg_pool2d(disparity, 2)
        total += error.abs().mean().item() * BATCH / VALIDATION_SCENES
    net.train()
    return total


def train(arguments):
    checkpoint = arguments.work / "checkpoint.pt"
    train_data = scenes(arguments.work, "train", arguments.scenes, arguments.threads)
    validation_data = scenes(arguments.work, "validation", VALIDATION_SCENES, arguments.threads)
    torch.manual_seed(arguments.seed)
    net = StereoUNet()
    optimiser = torch.optim.AdamW(net.parameters(), lr=1e-3, weight_decay=1e-4)
    step, elapsed = 0, 0.0
    if checkpoint.exists():
        state = torch.load(checkpoint)
        net.load_state_dict(state["net"])
        optimiser.load_state_dict(state["optimiser"])
        step, elapsed = state["step"], state["elapsed"]
        print(f"continuing at step {step}, {elapsed / 60:.1f} minutes", flush=True)
    net.train()
    limit = 60 * arguments.minutes
    last, saved = time.process_time(), time.monotonic()
    running = None
    while elapsed < limit:
        progress = elapsed / limit
        fine = progress >= COARSE_SHARE
        for group in optimiser.param_groups:
            group["lr"] = rate(progress)
        stereo, disparity = training_batch(train_data, np.random.default_rng([arguments.seed, step]))
        features = net.coarse(stereo)
        loss = loss_of(net.coarse_head(features), F.avg_pool2d(disparity, 2))
        if fine:
            loss = loss_of(net.fine(features, stereo), disparity) + 0.3 * loss
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimiser.step()
        step += 1
        now = time.process_time()
        elapsed, last = elapsed + (now - last) / arguments.threads, now
        running = loss.item() if running is None else 0.98 * running + 0.02 * loss.item()
        if time.monotonic() - saved >= 60 or elapsed >= limit:
            error = validate(net, validation_data, fine)
            save(checkpoint, net, optimiser, step, elapsed, arguments)
            saved = time.monotonic()
            print(f"{elapsed / 60:5.1f} min  step {step}  loss {running:.4f}  "
                  f"{'disparity' if fine else 'half-size disparity'} error {error:.3f} px", flush=True)
    settle_normalisation(net, train_data, arguments.seed)
    save(checkpoint, net, optimiser, step, elapsed, arguments)
    print(f"normalisation settled: disparity error {validate(net, validation_data, True):.3f} px", flush=True)


def save(checkpoint, net, optimiser, step, elapsed, arguments):
    state = {"net": net.state_dict(), "optimiser": optimiser.state_dict(), "step": step, "elapsed": elapsed,
             "seed": arguments.seed, "scenes": arguments.scenes}
    torch.save(state, checkpoint.with_suffix(".tmp"))
    os.replace(checkpoint.with_suffix(".tmp"), checkpoint)


@torch.no_grad()
def settle_normalisation(net, data, seed):
    """Replaces the running statistics, which follow the last few batches, by averages over SETTLING_BATCHES."""
    norms = [m for m in net.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None
    net.train()
    for batch in range(SETTLING_BATCHES):
        stereo, _ = training_batch(data, np.random.default_rng([seed, 0, batch]))
        net.raw(stereo)
    for norm, momentum in zip(norms, momenta):
        norm.momentum = momentum


def machine():
    """The processor's name, as Linux tells it."""
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return "an unknown processor"


def export(checkpoint, path):
    """Writes the ONNX file, and facts about the training to training.json in the folder of the same name."""
    net = StereoUNet()
    state = torch.load(checkpoint)
    net.load_state_dict(state["net"])
    net.eval()
    plain = deployable(net)
    sample = torch.rand(1, 6, render_stereo.HEIGHT, render_stereo.WIDTH, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        difference = (net(sample) - plain(sample)).abs().max().item()
    if difference > 1e-2:
        raise SystemExit(f"the deployable network differs from the trained one by {difference} px")
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".tmp.onnx")
    torch.onnx.export(plain, (sample,), str(temporary), input_names=["stereo"], output_names=["disparity"],
                      opset_version=17, dynamo=False)
    os.replace(temporary, path)
    facts = {"minutes": state["elapsed"] / 60, "steps": state["step"], "batch": BATCH, "scenes": state["scenes"],
             "seed": state["seed"], "threads": torch.get_num_threads(), "machine": machine(), "torch": torch.__version__}
    (path.parent / path.stem).mkdir(exist_ok=True)
    (path.parent / path.stem / "training.json").write_text(json.dumps(facts, indent=2) + "\n")
    parameters = sum(p.numel() for p in plain.parameters())
    print(f"wrote {path}: {parameters} parameters, at most {difference:.1e} px from the trained network")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=pathlib.Path, required=True, help="folder for scenes and checkpoints")
    parser.add_argument("--minutes", type=float, default=30, help="training time alone on the machine, rendering not included")
    parser.add_argument("--scenes", type=int, default=4096, help="number of training scenes")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--export", type=pathlib.Path, help="ONNX file to write at the end")
    parser.add_argument("--export-only", action="store_true", help="export the newest checkpoint, do not train")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    arguments.work.mkdir(parents=True, exist_ok=True)
    if not arguments.export_only:
        train(arguments)
    if arguments.export:
        export(arguments.work / "checkpoint.pt", arguments.export)


if __name__ == "__main__":
    main()
