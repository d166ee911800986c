"""TFLite files as the graphs of `dsp_oracle.admission`, by the schema classes of ai_edge_litert."""

from ai_edge_litert import schema_py_generated as schema


def names(table):
    return {value: key for key, value in vars(table).items() if not key.startswith("_")}


BUILTINS, TYPES, ACTIVATIONS = (
    names(schema.BuiltinOperator),
    names(schema.TensorType),
    names(schema.ActivationFunctionType),
)
PADDINGS, MODES = names(schema.Padding), names(schema.MirrorPadMode)
FORMATS = names(schema.FullyConnectedOptionsWeightsFormat)
EFFECTS = {"IF", "WHILE", "CALL_ONCE"}


def options_of(operator):
    """The options that admission looks at."""
    found, options = operator.builtinOptions, {}

    def take(name, field, convert=lambda value: value):
        if hasattr(found, field):
            options[name] = convert(getattr(found, field))

    def pair(name, first, second):
        if hasattr(found, first):
            options[name] = [getattr(found, first), getattr(found, second)]

    pair("strides", "strideH", "strideW")
    pair("dilations", "dilationHFactor", "dilationWFactor")
    pair("filter", "filterHeight", "filterWidth")
    take("activation", "fusedActivationFunction", ACTIVATIONS.get)
    take("padding", "padding", PADDINGS.get)
    take("multiplier", "depthMultiplier")
    take("weightsFormat", "weightsFormat", FORMATS.get)
    take("keepDims", "keepNumDims", bool)
    take("ellipsisMask", "ellipsisMask")
    take("newAxisMask", "newAxisMask")
    take("mode", "mode", MODES.get)
    return options


def integers(values):
    return [] if values is None else [int(value) for value in values]


def graphs(data):
    """The subgraphs of a file."""
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(data, 0))

    def tensor(found):
        buffer = model.buffers[found.buffer]
        stored = found.buffer != 0 and (buffer.data is not None or buffer.offset > 1)
        type = TYPES[found.type].lower()
        result = {"type": type, "shape": integers(found.shape)}
        if stored:
            result["constant"] = True
        quantization = found.quantization
        if quantization is not None:
            if isinstance(quantization.details, schema.BlockwiseQuantizationT):
                result["blockwise"] = True
            if quantization.scale is not None:
                result["scales"] = len(quantization.scale)
        return result

    def code(operator):
        found = model.operatorCodes[operator.opcodeIndex]
        return BUILTINS[max(found.builtinCode, found.deprecatedBuiltinCode)], found.version

    result = []
    for subgraph in model.subgraphs:
        tensors = [tensor(found) for found in subgraph.tensors]
        operators = []
        for found in subgraph.operators or []:
            name, version = code(found)
            inputs, outputs = integers(found.inputs), integers(found.outputs)
            operator = {"builtin": name, "version": version, "inputs": inputs, "outputs": outputs}
            options = options_of(found)
            if options:
                operator["options"] = options
            if name in EFFECTS or any(tensors[i]["type"] == "resource" for i in [*inputs, *outputs] if i >= 0):
                operator["sideEffect"] = True
            operators.append(operator)
        result.append(
            {
                "tensors": tensors,
                "inputs": integers(subgraph.inputs),
                "outputs": integers(subgraph.outputs),
                "operators": operators,
            }
        )
    return result
