"""Random layers with int4 weights and int8 or float activations, for recording and for comparing runtimes."""

import math
from dataclasses import dataclass, replace

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from litert_operator import Result, Tensor, build_model

ACTIVATIONS = {"none": 0, "relu": 1, "reluN1To1": 2, "relu6": 3}
PADDINGS = {"same": 0, "valid": 1}
VERSIONS = {
    "int4": {"CONV_2D": 7, "DEPTHWISE_CONV_2D": 7, "FULLY_CONNECTED": 10},
    "int8": {"CONV_2D": 3, "DEPTHWISE_CONV_2D": 3, "FULLY_CONNECTED": 5},
}
# Every third zero point is one that makes padding an extreme code; every ninth scale saturates or flattens the result.
ZERO_POINTS = (-128, 127, None)
SPREADS = (1, 1, 0.5, 1, 8, 1, 1, 0.02, 1)


@dataclass
class Layer:
    """One operator, as `litert_operator.build_model` takes it, and what it multiplies."""

    operator: str
    attributes: dict
    options: object
    inputs: list
    result: Result
    version: int
    groups: int = 1

    def with_int8_weights(self):
        """The same codes as int8: what every kernel for int4 weights unpacks them to."""
        input, weight, bias = self.inputs
        wide = Tensor(weight.values, "int8", weight.scales, 0, weight.axis, constant=True)
        return replace(self, inputs=[input, wide, bias], version=VERSIONS["int8"][self.operator])

    def model(self):
        return build_model(self.operator, self.version, self.options, self.inputs, [self.result])


def four_bit_layer(random, operator, number, hybrid=False):
    """Layer `number`: strides, dilation, padding, groups, channel multipliers, odd widths, one scale or one a channel."""

    def pick(low, high):
        return int(random.integers(low, high + 1))

    per_channel = number % 3 != 2
    attributes = {"activation": list(ACTIVATIONS)[number % 4]}
    groups = 1
    if operator == "FULLY_CONNECTED":
        depth, results = pick(1, 41), pick(1, 21)
        keep = number % 2 == 1
        input_shape = (2, pick(1, 4), depth) if keep else (pick(1, 9), depth)
        weight_shape, axis = (results, depth), 0
        options = schema.FullyConnectedOptionsT()
        options.keepNumDims = keep
        attributes |= {"keepDimensions": keep, "asymmetricQuantizeInputs": False}
    else:
        window, stride = (pick(1, 4), pick(1, 4)), (pick(1, 2), pick(1, 2))
        dilation = (pick(1, 2), pick(1, 2)) if number % 2 else (1, 1)
        padding = ["same", "valid"][pick(0, 1)]
        channels = pick(1, 9)
        if operator == "CONV_2D":
            groups = pick(2, 3) if number % 5 == 4 else 1
            channels *= groups
            results = groups * pick(1, 11)
            weight_shape, axis = (results, *window, channels // groups), 0
            options = schema.Conv2DOptionsT()
        else:
            multiplier = pick(1, 3)
            results = channels * multiplier
            weight_shape, axis = (1, *window, results), 3
            options = schema.DepthwiseConv2DOptionsT()
            options.depthMultiplier = attributes["depthMultiplier"] = multiplier
        depth = math.prod(weight_shape) // results
        options.strideH, options.strideW = stride
        options.dilationHFactor, options.dilationWFactor = dilation
        options.padding = PADDINGS[padding]
        attributes |= {
            "strideHeight": stride[0], "strideWidth": stride[1], "dilationHeight": dilation[0],
            "dilationWidth": dilation[1], "padding": padding,
        }  # fmt: skip
        input_shape = (pick(1, 2), pick(7, 9), pick(7, 9), channels)
    options.fusedActivationFunction = ACTIVATIONS[attributes["activation"]]
    scales = 10 ** random.uniform(-4, -1, results if per_channel else 1)
    codes = random.integers(-7, 8, weight_shape)
    weight = Tensor(codes, "int4", scales, 0, axis if per_channel else None, constant=True)
    # LiteRT's convolutions insist on a bias.
    has_bias = operator != "FULLY_CONNECTED" or number % 4 != 3
    if hybrid:
        input = Tensor(random.normal(0, 2, input_shape), "float32")
        bias = Tensor(random.normal(0, 1, results), "float32", constant=True)
        result = Result("float32")
    else:
        zero = ZERO_POINTS[number % 3]
        zero = pick(-128, 127) if zero is None else zero
        input = Tensor(random.integers(-128, 128, input_shape), "int8", 10 ** random.uniform(-4, 0), zero)
        deviation = math.sqrt(depth) * 73 * 4.3
        values = random.integers(-int(deviation), int(deviation) + 1, results)
        bias_scales = (input.scales[0] * weight.scales).astype(np.float32)
        bias = Tensor(values, "int32", bias_scales, 0, 0 if per_channel else None, constant=True)
        scale = input.scales[0] * np.median(weight.scales) * deviation / 51 * SPREADS[number % 9]
        # Codes above a zero point of 127 do not exist: only a result without lower bound has others.
        highest = 127 if attributes["activation"] == "none" else 60
        result = Result("int8", float(np.float32(scale)), int(random.choice([-128, 0, highest, pick(-128, highest)])))
    inputs = [input, weight, bias if has_bias else None]
    return Layer(operator, attributes, options, inputs, result, VERSIONS["int4"][operator], groups)
