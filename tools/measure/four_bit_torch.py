"""Seconds of processor time that PyTorch takes for one forward and backward pass of layers, on one thread. Reads the JSON
list of four_bit_files.layers, writes one JSON number a layer. Needs PyTorch (tools/training/requirements.txt)."""
import json
import sys
import time

import torch
from torch.nn import functional

torch.set_num_threads(1)


def operation(layer):
    """A function of nothing that runs the layer forward and backward: gradients of the input and of the weights."""
    x = torch.randn(layer["input"], requires_grad=True)
    w = torch.randn(layer["weights"], requires_grad=True)
    kind = layer["kind"]
    if kind == "FULLY_CONNECTED":
        forward = lambda: functional.linear(x, w)
    elif kind == "BATCH_MATMUL":
        forward = lambda: torch.matmul(x, w)
    elif kind == "TRANSPOSE_CONV":
        swapped = w.transpose(0, 1).contiguous().detach().requires_grad_()
        forward = lambda: functional.conv_transpose2d(x, swapped, stride=layer["stride"])
    else:
        padding = [size // 2 for size in layer["weights"][2:]]
        forward = lambda: functional.conv2d(x, w, stride=layer["stride"], padding=padding, groups=layer["groups"])
    gradient = torch.ones_like(forward())
    return lambda: forward().backward(gradient)


def seconds(layer):
    """The least of at least three runs, or as many as fit in a fifth of a second."""
    run, times, begin = operation(layer), [], time.process_time()
    run()
    while len(times) < 3 or time.process_time() - begin < 0.2:
        start = time.process_time()
        run()
        times.append(time.process_time() - start)
    return min(times)


print(json.dumps([seconds(layer) for layer in json.load(sys.stdin)]))
