"""The bundled stereo U-Net: two RGB views stacked to six channels in, disparity of the left view in pixels out.

Both views pass through the same small feature extractor. At a quarter of the resolution a matching layer takes the
absolute differences of left features and right features shifted by 0..12 cells (0..48 px), and a U-Net turns them
into disparity. `deployable` rewrites a trained network into plain layers only: the shared extractor becomes
convolutions with block-diagonal weights, and the absolute differences become one convolution with weights -1, 0, +1,
a ReLU, and a 1x1 convolution (|a| = relu(a) + relu(-a)).
"""

import copy

import torch
import torch.nn as nn
import torch.nn.functional as F

SHIFTS = 13
FEATURES = 8
OUTPUT_UNIT = 16.0  # the head is trained in units of 16 px, so that its outputs are of the order of one


def conv(inputs, outputs, stride=1, size=3):
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, size, stride, size // 2, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)
    )


class Both(nn.Module):
    """Applies a layer to the left and the right half of the channels."""

    def __init__(self, layer):
        super().__init__()
        self.layer = layer

    def forward(self, x):
        n, c, h, w = x.shape
        folded = torch.cat([x[:, : c // 2], x[:, c // 2 :]])
        y = self.layer(folded)
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


class StereoUNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.encode1 = nn.Sequential(Both(conv(3, 12, stride=2, size=5)), Both(conv(12, 16)))
        self.quarter = nn.Sequential(Both(conv(16, 24, stride=2)), Both(conv(24, 24)))
        self.features = Both(nn.Conv2d(24, FEATURES, 3, padding=1))
        self.matching = Matching(48)
        self.encode2 = nn.Sequential(conv(96, 48), conv(48, 48))
        self.pool = nn.MaxPool2d(2)
        self.encode3 = nn.Sequential(conv(48, 48), conv(48, 48))
        self.encode4 = nn.Sequential(conv(48, 48), conv(48, 48))
        self.decode3 = conv(96, 48)
        self.decode2 = nn.Sequential(conv(96, 32), conv(32, 32))
        self.decode1 = conv(64, 24)
        self.decode0 = conv(30, 16)
        self.head = nn.Conv2d(16, 1, 3, padding=1)
        self.coarse_head = nn.Conv2d(24, 1, 3, padding=1)  # only for training: half-size disparity
        for head in (self.head, self.coarse_head):
            nn.init.constant_(head.bias, 1.0)

    @staticmethod
    def up(x):
        return F.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)

    def coarse(self, stereo):
        """The features at half size."""
        e1 = self.encode1(stereo)
        e2 = self.quarter(e1)
        e2 = self.encode2(torch.cat([self.matching(self.features(e2)), e2], 1))
        e3 = self.encode3(self.pool(e2))
        e4 = self.encode4(self.pool(e3))
        d3 = self.decode3(torch.cat([self.up(e4), e3], 1))
        d2 = self.decode2(torch.cat([self.up(d3), e2], 1))
        return self.decode1(torch.cat([self.up(d2), e1], 1))

    def fine(self, d1, stereo):
        """Disparity in OUTPUT_UNIT pixels, before the final ReLU."""
        return self.head(self.decode0(torch.cat([self.up(d1), stereo], 1)))

    def raw(self, stereo):
        return self.fine(self.coarse(stereo), stereo)

    def forward(self, stereo):
        return OUTPUT_UNIT * F.relu(self.raw(stereo))


class Deployable(StereoUNet):
    def forward(self, stereo):
        return F.relu(self.raw(stereo))


def fold(convolution, norm):
    """The convolution with its batch normalisation folded in."""
    scale = norm.weight / torch.sqrt(norm.running_var + norm.eps)
    folded = copy.deepcopy(convolution)
    folded.weight = nn.Parameter(convolution.weight * scale.reshape(-1, 1, 1, 1))
    folded.bias = nn.Parameter(norm.bias - norm.running_mean * scale)
    return folded


def widen(c):
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


@torch.no_grad()
def deployable(trained):
    """The trained network as plain Conv, ReLU, MaxPool, bilinear resize and concatenation; output in pixels."""
    net = copy.deepcopy(trained).float().eval()
    net.__class__ = Deployable

    def folded(block):
        return nn.Sequential(fold(block[0], block[1]), nn.ReLU())

    def rewrite(module):
        for name, child in module.named_children():
            if isinstance(child, Both):
                inner = child.layer
                setattr(module, name, nn.Sequential(widen(fold(inner[0], inner[1])), nn.ReLU())
                        if isinstance(inner, nn.Sequential) else widen(inner))
            elif isinstance(child, Matching):
                mix = fold(child.mix[0], child.mix[1])
                mix.weight = nn.Parameter(mix.weight.repeat(1, 2, 1, 1))
                mix.in_channels *= 2
                setattr(module, name, nn.Sequential(differences(), nn.ReLU(), mix, nn.ReLU()))
            elif isinstance(child, nn.Sequential) and len(child) == 3 and isinstance(child[1], nn.BatchNorm2d):
                setattr(module, name, folded(child))
            else:
                rewrite(child)

    rewrite(net)
    net.head.weight.mul_(OUTPUT_UNIT)
    net.head.bias.mul_(OUTPUT_UNIT)
    return net.eval()
