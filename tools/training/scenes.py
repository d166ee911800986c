"""Rendered scenes as training data."""

import multiprocessing
import os
import time

import numpy as np
import torch

import render_stereo

VALIDATION_SCENES = 32


def _render(job):
    return render_stereo.render(*job)[:4]


def scenes(folder, split, count, processes=2):
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


def training_batch(data, rng, count):
    """A batch with mirrored scenes, exchanged colour channels and different exposure of the two views."""
    stereos, disparities = [], []
    for index in rng.integers(0, len(data["left"]), count):
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
    gain = torch.from_numpy(rng.uniform(0.9, 1.1, (count, 6, 1, 1)).astype(np.float32))
    common = torch.from_numpy(rng.uniform(0.7, 1.2, (count, 1, 1, 1)).astype(np.float32))
    return (stereo * gain * common).clamp(0, 1), disparity
