"""Writes a trained network (`train_networks.py`) as ONNX.

    python export_network.py WORK/unet-hilbert3.pt -o unet-hilbert3.onnx

Input `stereo`, float32 1x6x128x192: left RGB, right RGB, divided by 255. Output `disparity` in pixels, or `components`
in the order of `curves.py`.
"""

import argparse
import os
import pathlib

import torch

import render_stereo
from networks import FULL_RANGE, StereoNetwork, deployable


def export(source, path):
    state = torch.load(source)
    channels = len(state["net"]["head.bias"])
    net = StereoNetwork("vit" if "middle.position" in state["net"] else "unet", channels)
    net.load_state_dict(state["net"])
    net.eval()
    plain = deployable(net)
    sample = torch.rand(1, 6, render_stereo.HEIGHT, render_stereo.WIDTH, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        wanted = net(sample)
        wanted = FULL_RANGE * wanted.clamp(min=0) if channels == 1 else wanted
        difference = (wanted - plain(sample)).abs().max().item()
    if difference > 1e-3 * (FULL_RANGE if channels == 1 else 1):
        raise SystemExit(f"the deployable network differs from the trained one by {difference}")
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".tmp.onnx")
    torch.onnx.export(plain, (sample,), str(temporary), input_names=["stereo"],
                      output_names=["disparity" if channels == 1 else "components"], opset_version=17, dynamo=False)
    os.replace(temporary, path)
    parameters = sum(p.numel() for p in plain.parameters())
    print(f"wrote {path}: {parameters} parameters, at most {difference:.1e} from the trained network")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("trained", type=pathlib.Path)
    parser.add_argument("-o", "--output", type=pathlib.Path, required=True)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    export(arguments.trained, arguments.output)


if __name__ == "__main__":
    main()
