"""The two stereo networks: two RGB views stacked to six channels in, the components of a curve (`curves.py`) out.

Both have the same stem (a small extractor shared by the views, and a matching layer: absolute differences of left
features and right features shifted by 0..12 cells of 4 px) and the same decoder with skips. Between them stands, in
`unet`, a DispNet-like encoder and decoder, and in `vit` a DPT-like transformer: a patch embedding of 8 x 8 pixel
cells, four attention blocks, and tokens of two depths reassembled to a feature map.

Activations are limited to 0..CAP, which costs nothing when they are 8-bit codes and keeps the codes fine.

`deployable` rewrites a trained network into plain layers only: the shared extractor becomes convolutions with
block-diagonal weights, the absolute differences become one convolution with weights -1, 0, +1, a ReLU, and a 1x1
convolution (|a| = relu(a) + relu(-a)), limited activations become Relu6.
"""

import copy

import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.nn.utils.parametrize

SHIFTS = 13
FEATURES = 8
CAP = 4.0
FULL_RANGE = 48.0  # px at q = 1
TOKENS = (16, 24)


def rounded(x, step):
    """Multiples of `step`, with the gradient of x itself."""
    return x + (torch.round(x / step) * step - x).detach()


class Noise:
    """Gaussian noise of standard deviation 1, cut from one block that is drawn from a seed: cheaper than new numbers."""

    SIZE = 1 << 23

    def __init__(self, seed):
        self.block = torch.randn(self.SIZE, generator=torch.Generator().manual_seed(seed))
        self.place = 0

    def like(self, x):
        n, c, h, w = x.shape
        if self.place + x.numel() > self.SIZE:
            self.place = 0
        part = self.block[self.place : self.place + x.numel()]
        self.place += x.numel() // 3 | 1
        return part.view(n, h, w, c).permute(0, 3, 1, 2)


class Limit(nn.Module):
    """ReLU limited to CAP, with noise in training when there is a source of it."""

    source, strength = None, 0.0

    def forward(self, x):
        x = x.clamp(0, CAP)
        return x + self.strength * self.source.like(x) if self.training and self.source else x


class QuantizedWeights(nn.Module):
    """A parametrisation of convolution weights: one scale for every output channel, 127 steps to each side."""

    def forward(self, weight):
        scale = weight.detach().abs().amax(tuple(range(1, weight.dim())), keepdim=True).clamp(min=1e-12) / 127
        return rounded(weight, scale)


def quantise(net, source, strength):
    """Puts convolutions on 8-bit weights and adds noise to all limited activations, for training."""
    for module in net.modules():
        if isinstance(module, Limit):
            module.source, module.strength = source, strength
        if isinstance(module, nn.Conv2d):
            nn.utils.parametrize.register_parametrization(module, "weight", QuantizedWeights())


def settle(net):
    """Leaves the quantised weights as plain weights."""
    for module in net.modules():
        if isinstance(module, nn.Conv2d):
            nn.utils.parametrize.remove_parametrizations(module, "weight")


def conv(inputs, outputs, stride=1, size=3):
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, size, stride, size // 2, bias=False), nn.BatchNorm2d(outputs), Limit()
    )


class Both(nn.Module):
    """Applies a layer to the left and the right half of the channels."""

    def __init__(self, layer):
        super().__init__()
        self.layer = layer

    def forward(self, x):
        n, c, h, w = x.shape
        y = self.layer(torch.cat([x[:, : c // 2], x[:, c // 2 :]]))
        return torch.cat([y[:n], y[n:]], 1)


class Matching(nn.Module):
    """Absolute differences of the left features and the shifted right features, mixed to `outputs` channels."""

    def __init__(self, outputs):
        super().__init__()
        self.mix = conv(SHIFTS * FEATURES, outputs, size=1)

    def forward(self, x):
        left, right = x[:, :FEATURES], x[:, FEATURES:]
        padded = F.pad(right, (SHIFTS - 1, 0))
        width = x.shape[3]
        shifted = [padded[..., SHIFTS - 1 - s : SHIFTS - 1 - s + width] for s in range(SHIFTS)]
        return self.mix(torch.cat([(left - r).abs() for r in shifted], 1))


def up(x):
    return F.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)


class UNetMiddle(nn.Module):
    """From 48 channels at a quarter of the resolution to 48 channels at an eighth."""

    def __init__(self):
        super().__init__()
        self.pool = nn.MaxPool2d(2)
        self.encode3 = nn.Sequential(conv(48, 48), conv(48, 48))
        self.encode4 = nn.Sequential(conv(48, 48), conv(48, 48))
        self.decode3 = conv(96, 48)

    def forward(self, x):
        e3 = self.encode3(self.pool(x))
        e4 = self.encode4(self.pool(e3))
        return self.decode3(torch.cat([up(e4), e3], 1))


class Block(nn.Module):
    """Attention and a two-layer perceptron, each behind a LayerNorm and added to the tokens [n, tokens, width]."""

    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.project = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.expand, self.contract = nn.Linear(width, 2 * width), nn.Linear(2 * width, width)

    def forward(self, x):
        n, t, c = x.shape
        q, k, v = self.qkv(self.norm1(x)).reshape(n, t, 3, self.heads, c // self.heads).permute(2, 0, 3, 1, 4)
        attention = torch.softmax(q @ k.transpose(2, 3) * (c // self.heads) ** -0.5, 3)
        x = x + self.project((attention @ v).transpose(1, 2).reshape(n, t, c))
        return x + self.contract(F.gelu(self.expand(self.norm2(x))))


class TransformerMiddle(nn.Module):
    """From 48 channels at a quarter of the resolution to 48 channels at an eighth."""

    WIDTH, HEADS, BLOCKS = 96, 4, 4

    def __init__(self):
        super().__init__()
        self.embed = nn.Conv2d(48, self.WIDTH, 2, 2)
        self.position = nn.Parameter(0.02 * torch.randn(1, TOKENS[0] * TOKENS[1], self.WIDTH))
        self.blocks = nn.ModuleList(Block(self.WIDTH, self.HEADS) for _ in range(self.BLOCKS))
        self.norm = nn.LayerNorm(self.WIDTH)
        self.reassemble = conv(2 * self.WIDTH, 48, size=1)

    def forward(self, x):
        tokens = self.embed(x).flatten(2).transpose(1, 2) + self.position
        for block in self.blocks[: self.BLOCKS // 2]:
            tokens = block(tokens)
        middle = tokens
        for block in self.blocks[self.BLOCKS // 2 :]:
            tokens = block(tokens)
        both = torch.cat([middle, self.norm(tokens)], 2)
        return self.reassemble(both.transpose(1, 2).unflatten(2, TOKENS))


MIDDLES = {"unet": UNetMiddle, "vit": TransformerMiddle}


class StereoNetwork(nn.Module):
    """Raw components, [n, channels, h, w]."""

    def __init__(self, kind, channels):
        super().__init__()
        self.encode1 = nn.Sequential(Both(conv(3, 12, stride=2, size=5)), Both(conv(12, 16)))
        self.quarter = nn.Sequential(Both(conv(16, 24, stride=2)), Both(conv(24, 24)))
        self.features = Both(nn.Conv2d(24, FEATURES, 3, padding=1))
        self.matching = Matching(48)
        self.encode2 = nn.Sequential(conv(96, 48), conv(48, 48))
        self.middle = MIDDLES[kind]()
        self.decode2 = nn.Sequential(conv(96, 32), conv(32, 32))
        self.decode1 = conv(64, 24)
        self.detail = conv(6, 8)
        self.decode0 = conv(32, 16)
        self.head = nn.Conv2d(16, channels, 3, padding=1)
        nn.init.constant_(self.head.bias, 0.5)
        self.noise = 0.0

    def trunk(self, stereo):
        """The 16 features at full resolution in front of the head."""
        e1 = self.encode1(stereo)
        e2 = self.quarter(e1)
        e2 = self.encode2(torch.cat([self.matching(self.features(e2)), e2], 1))
        d2 = self.decode2(torch.cat([up(self.middle(e2)), e2], 1))
        d1 = self.decode1(torch.cat([up(d2), e1], 1))
        return self.decode0(torch.cat([up(d1), self.detail(stereo)], 1))

    def forward(self, stereo):
        features = self.trunk(stereo)
        if self.training and self.noise:
            features = features + self.noise * torch.randn_like(features)
        return self.head(features)


class Relu6(nn.Module):
    def forward(self, x):
        return x.clamp(0, 6)


UNIT = 6 / CAP  # activations of the deployable network are this many times those of the trained one


def folded(block, enters=False):
    """Convolution, batch normalisation and limit as a convolution and Relu6 on activations in UNIT; `enters` says that
    its operand is not in UNIT yet."""
    convolution, norm = block[0], block[1]
    scale = norm.weight / torch.sqrt(norm.running_var + norm.eps)
    plain = nn.Conv2d(convolution.in_channels, convolution.out_channels, convolution.kernel_size, convolution.stride,
                      convolution.padding)
    plain.weight = nn.Parameter(convolution.weight * scale.reshape(-1, 1, 1, 1) * (UNIT if enters else 1))
    plain.bias = nn.Parameter((norm.bias - norm.running_mean * scale) * UNIT)
    return nn.Sequential(plain, Relu6())


def widened(c):
    """A convolution that applies `c` to both halves of the channels: block-diagonal weights."""
    wide = nn.Conv2d(2 * c.in_channels, 2 * c.out_channels, c.kernel_size, c.stride, c.padding)
    weight = torch.zeros_like(wide.weight)
    weight[: c.out_channels, : c.in_channels] = c.weight
    weight[c.out_channels :, c.in_channels :] = c.weight
    wide.weight, wide.bias = nn.Parameter(weight), nn.Parameter(torch.cat([c.bias, c.bias]))
    return wide


def differences():
    """Convolution whose outputs are left - shifted right (first half) and shifted right - left (second half)."""
    layer = nn.Conv2d(2 * FEATURES, 2 * SHIFTS * FEATURES, (1, 2 * SHIFTS - 1), padding=(0, SHIFTS - 1), bias=False)
    weight = torch.zeros_like(layer.weight)
    for shift in range(SHIFTS):
        for f in range(FEATURES):
            row = shift * FEATURES + f
            weight[row, f, 0, SHIFTS - 1] = 1
            weight[row, FEATURES + f, 0, SHIFTS - 1 - shift] = -1
    weight[SHIFTS * FEATURES :] = -weight[: SHIFTS * FEATURES]
    layer.weight = nn.Parameter(weight)
    return layer


class Deployable(StereoNetwork):
    """Components as the trained network gives them; with a direct head, disparity in pixels."""

    def forward(self, stereo):
        components = self.head(self.trunk(stereo))
        return F.relu(components) if self.head.out_channels == 1 else components


@torch.no_grad()
def deployable(trained):
    """The trained network as plain layers."""
    net = copy.deepcopy(trained).float().eval()
    net.__class__ = Deployable

    def rewrite(module, path):
        for name, child in module.named_children():
            enters = f"{path}{name}" in ("encode1.0", "detail", "middle.reassemble")
            if isinstance(child, Both):
                inner = child.layer
                if isinstance(inner, nn.Sequential):
                    plain = folded(inner, enters)
                    setattr(module, name, nn.Sequential(widened(plain[0]), plain[1]))
                else:
                    inner.bias.mul_(UNIT)
                    setattr(module, name, widened(inner))
            elif isinstance(child, Matching):
                mix = folded(child.mix)
                mix[0].weight = nn.Parameter(mix[0].weight.repeat(1, 2, 1, 1))
                mix[0].in_channels *= 2
                setattr(module, name, nn.Sequential(differences(), nn.ReLU(), *mix))
            elif isinstance(child, nn.Sequential) and len(child) == 3 and isinstance(child[1], nn.BatchNorm2d):
                setattr(module, name, folded(child, enters))
            else:
                rewrite(child, f"{path}{name}.")

    rewrite(net, "")
    if isinstance(net.middle, TransformerMiddle):
        net.middle.embed.weight.div_(UNIT)
    net.head.weight.div_(UNIT)
    if net.head.out_channels == 1:
        net.head.weight.mul_(FULL_RANGE)
        net.head.bias.mul_(FULL_RANGE)
    return net.eval()
