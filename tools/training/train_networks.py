"""Trains the stereo networks: U-Net and vision transformer, each with a direct head, Hilbert heads of order 1 to 4, and
the phase head.

    python train_networks.py --work DIR all                      # whatever of the following is not done yet
    python train_networks.py --work DIR shared unet              # all heads at once: the common start of ...
    python train_networks.py --work DIR shared vit
    python train_networks.py --work DIR variant unet hilbert3    # ... every network, all with the same schedule
    python train_networks.py --work DIR finish unet hilbert3     # ... on 8-bit weights and noisy activations
    python train_networks.py --work DIR stem                     # stem.npz again, from nothing

Every stage has a fixed number of steps, draws its batches and its noise from the seed, and writes a checkpoint every
50 steps, from which a stopped run continues to the same result. One thread, so that sums have one order: two stages can
run side by side. `shared` starts from stem.npz, a U-Net with a direct head trained for 3,758 steps of 8 scenes.
"""

import argparse
import math
import os
import pathlib
import time

import numpy as np
import torch
import torch.nn.functional as F

from curves import CURVES, CYCLES
from networks import FULL_RANGE, MIDDLES, Noise, StereoNetwork, quantise, settle
from scenes import VALIDATION_SCENES, scenes, tensors, training_batch

STEPS = {"stem": 4000, "shared unet": 500, "shared vit": 1400, "variant": 600, "finish": 150}
PEAK_RATE = {"stem": 2e-3, "shared unet": 1.5e-3, "shared vit": 1.5e-3, "variant": 1e-3, "finish": 4e-4}
WARM_UP = 0.04
FEATURE_NOISE = 0.02
ACTIVATION_NOISE = 0.05
CHECKPOINT_STEPS = 50
SETTLING_BATCHES = 100
BRANCH_WEIGHT, DISTANCE_WEIGHT = 1.0, 25.0  # alpha and beta of the paper
REACH, CONSISTENT_BRANCH_WEIGHT = 0.15, 3.0  # turns; the weight of the branches in the consistent loss
DEPTH_UNITS = 10.0  # the depth loss is of values 0..10, the range it was published for
BATCH = 8


def rate(kind, progress):
    if progress < WARM_UP:
        return PEAK_RATE[kind] * (progress + 1e-3) / WARM_UP
    return PEAK_RATE[kind] * (0.002 + 0.5 * (1 + math.cos(math.pi * (progress - WARM_UP) / (1 - WARM_UP))))


def gradients(depth):
    return depth[:, :, 1:, :-1] - depth[:, :, :-1, :-1], depth[:, :, :-1, 1:] - depth[:, :, :-1, :-1]


def depth_loss(predicted, wanted):
    """Logarithms of the errors of depth and of its gradients, and the angle between surface normals (Hu 2019, equations
    2 to 4), of q in DEPTH_UNITS."""
    predicted, wanted = DEPTH_UNITS * predicted, DEPTH_UNITS * wanted
    (py, px), (wy, wx) = gradients(predicted), gradients(wanted)
    loss = torch.log((predicted - wanted).abs() + 0.5).mean()
    loss = loss + torch.log((py - wy).abs() + 0.5).mean() + torch.log((px - wx).abs() + 0.5).mean()
    cosine = (py * wy + px * wx + 1) / torch.sqrt((py * py + px * px + 1) * (wy * wy + wx * wx + 1))
    return loss + (1 - cosine).mean()


def full_loss(curve, components, q):
    """The depth loss of the decoded value, the squared error of the components, and the squared distance to the curve
    (2D Hilbert curve paper, section 2.5). The direct head has the depth loss and the squared error."""
    decoded, distance = curve.decode(components)
    branches = ((components - curve.encode(q)) ** 2).sum(1, keepdim=True) + DISTANCE_WEIGHT * distance
    return depth_loss(decoded, q) + BRANCH_WEIGHT * branches.mean()


def consistent_loss(curve, components, q):
    """For the phase curve: the circle's point follows q only as far as the coarse component's turn allows, so that the
    two never contradict each other; the coarse component has a depth loss of its own."""
    decoded, distance = curve.decode(components)
    coarse = components[:, :1]
    reachable = coarse.detach() + (q - coarse.detach()).clamp(-REACH / CYCLES, REACH / CYCLES)
    wanted = torch.cat([q, curve.encode(reachable)[:, 1:]], 1)
    branches = ((components - wanted) ** 2).sum(1, keepdim=True) + DISTANCE_WEIGHT * distance
    return depth_loss(decoded, q) + depth_loss(coarse, q) + CONSISTENT_BRANCH_WEIGHT * branches.mean()


def shared_loss(components, q):
    start, loss = 0, 0.0
    for make in SHARED.values():
        part = components[:, start : start + make.channels]
        loss = loss + F.smooth_l1_loss(part, make.encode(q), beta=0.02) * make.channels
        start += make.channels
    return loss


SHARED = {name: make() for name, make in CURVES.items()}


def shared_rows(name):
    """The rows of the shared head that a variant starts from."""
    start = 0
    for key, curve in SHARED.items():
        if key == name:
            return list(range(start, start + curve.channels))
        start += curve.channels


def start_from(net, state, rows=None):
    """Copies the weights of equal name and shape; the head's from the given rows."""
    own = net.state_dict()
    for name, value in state.items():
        if rows is not None and name in ("head.weight", "head.bias"):
            own[name] = value[rows].clone()
        elif name in own and own[name].shape == value.shape and not name.startswith("head."):
            own[name] = value
    net.load_state_dict(own)


@torch.no_grad()
def validate(net, curve, data):
    """Mean end-point error in pixels over the validation scenes."""
    net.eval()
    total = 0.0
    for start in range(0, VALIDATION_SCENES, BATCH):
        stereo, disparity = tensors(*(data[k][start : start + BATCH] for k in ("left", "right", "disparity")))
        decoded = curve.decode(net(stereo)[:, : curve.channels])[0].clamp(0, 1)
        total += (FULL_RANGE * decoded - disparity).abs().mean().item() * BATCH / VALIDATION_SCENES
    net.train()
    return total


def freeze_normalisation(net):
    """Batch normalisation uses and keeps its settled statistics."""
    for module in net.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.eval()


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
        net(training_batch(data, np.random.default_rng([seed, 0, batch]), BATCH)[0])
    for norm, momentum in zip(norms, momenta):
        norm.momentum = momentum


def run_stage(work, stage, kind, net, loss_of, curve, seed):
    """Trains `net` to the stage's last step and writes work/STAGE.pt."""
    final, checkpoint = work / f"{stage}.pt", work / f"{stage}.checkpoint.pt"
    if final.exists():
        return
    net.to(memory_format=torch.channels_last)
    train_data, validation_data = scenes(work, "train", 4096), scenes(work, "validation", VALIDATION_SCENES)
    optimiser = torch.optim.AdamW(net.parameters(), lr=1e-3, weight_decay=1e-4)
    step, spent = 0, 0.0
    if checkpoint.exists():
        state = torch.load(checkpoint)
        net.load_state_dict(state["net"])
        optimiser.load_state_dict(state["optimiser"])
        step, spent = state["step"], state["seconds"]
    finishing = kind == "finish"
    net.train()
    net.noise = FEATURE_NOISE
    running, last = None, time.process_time()
    while step < STEPS[kind]:
        for group in optimiser.param_groups:
            group["lr"] = rate(kind, step / STEPS[kind])
        torch.manual_seed(1_000_003 * seed + step)
        if finishing:
            freeze_normalisation(net)
        stereo, disparity = training_batch(
            train_data, np.random.default_rng([seed, 100_000 + step if finishing else step]), BATCH)
        loss = loss_of(net(stereo.to(memory_format=torch.channels_last)), disparity / FULL_RANGE)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimiser.step()
        step += 1
        running = loss.item() if running is None else 0.97 * running + 0.03 * loss.item()
        if step % CHECKPOINT_STEPS == 0:
            spent, last = spent + time.process_time() - last, time.process_time()
            state = {"net": net.state_dict(), "optimiser": optimiser.state_dict(), "step": step, "seconds": spent}
            torch.save(state, checkpoint.with_suffix(".tmp"))
            os.replace(checkpoint.with_suffix(".tmp"), checkpoint)
            error = f"  {validate(net, curve, validation_data):.3f} px" if step % (2 * CHECKPOINT_STEPS) == 0 else ""
            print(f"{stage}  step {step}  {spent / 60:.1f} min  loss {running:.4f}{error}", flush=True)
    if finishing:
        settle(net)
    else:
        settle_normalisation(net, train_data, seed)
    error = validate(net, curve, validation_data)
    print(f"{stage}  done  {spent / 60:.1f} min  {error:.3f} px", flush=True)
    state = {"net": net.state_dict(), "steps": step, "seconds": spent, "seed": seed, "validation": error}
    torch.save(state, final.with_suffix(".tmp"))
    os.replace(final.with_suffix(".tmp"), final)
    checkpoint.unlink()


def stem(work, seed):
    torch.manual_seed(seed)
    net = StereoNetwork("unet", 1)
    run_stage(work, "stem", "stem", net, lambda c, q: F.smooth_l1_loss(3 * c, 3 * q, beta=0.03), CURVES["direct"](), seed)


def shared(work, kind, seed):
    torch.manual_seed(seed)
    net = StereoNetwork(kind, sum(curve.channels for curve in SHARED.values()))
    trained = work / "stem.pt"
    if trained.exists():
        state = torch.load(trained)["net"]
    else:
        with np.load(pathlib.Path(__file__).with_name("stem.npz")) as stored:
            state = {name: torch.from_numpy(stored[name]) for name in stored.files}
    start_from(net, state)
    run_stage(work, f"shared-{kind}", f"shared {kind}", net, shared_loss, CURVES["direct"](), seed)


def variant(work, kind, name, seed):
    curve = CURVES[name]()
    net = StereoNetwork(kind, curve.channels)
    start_from(net, torch.load(work / f"shared-{kind}.pt")["net"], shared_rows(name))
    run_stage(work, f"{kind}-{name}", "variant", net, lambda c, q: full_loss(curve, c, q), curve, seed)


def finish(work, kind, name, seed):
    curve = CURVES[name]()
    net = StereoNetwork(kind, curve.channels)
    net.load_state_dict(torch.load(work / f"{kind}-{name}.pt")["net"])
    # Noise drives the components of a Hilbert curve between its strands: order 3 loses a quarter of its accuracy by it.
    quantise(net, None if name.startswith("hilbert") else Noise(seed), ACTIVATION_NOISE)
    loss = consistent_loss if name == "phase" else full_loss
    run_stage(work, f"{kind}-{name}-finished", "finish", net, lambda c, q: loss(curve, c, q), curve, seed)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=pathlib.Path, required=True, help="folder for scenes and checkpoints")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("stage", nargs="+", metavar="STAGE")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    arguments.work.mkdir(parents=True, exist_ok=True)
    work, seed, stage = arguments.work, arguments.seed, arguments.stage
    if stage == ["stem"]:
        stem(work, seed)
    elif len(stage) == 2 and stage[0] == "shared" and stage[1] in MIDDLES:
        shared(work, stage[1], seed)
    elif len(stage) == 3 and stage[0] == "variant" and stage[1] in MIDDLES and stage[2] in CURVES:
        variant(work, stage[1], stage[2], seed)
    elif len(stage) == 3 and stage[0] == "finish" and stage[1] in MIDDLES and stage[2] in CURVES:
        finish(work, stage[1], stage[2], seed)
    elif stage == ["all"]:
        for kind in MIDDLES:
            shared(work, kind, seed)
            for name in CURVES:
                variant(work, kind, name, seed)
                finish(work, kind, name, seed)
    else:
        parser.error(f"there is no stage {' '.join(stage)}")


if __name__ == "__main__":
    main()
