"""Which operators of a TFLite model the Hexagon delegate takes, and into which partitions the runtime groups them.

Written from google-ai-edge/LiteRT: tflite/delegates/hexagon/utils.cc (IsNodeSupportedByHexagon, CheckOpVersion),
hexagon_delegate.cc (limits), tflite/graph_info.cc (independent node subsets, greedy), tflite/delegates/utils.cc and
utils/simple_delegate.cc (choice).

A graph is a dictionary: `tensors` (`type`, `shape`, and where they apply `constant`, `scales` (their number),
`blockwise`), `outputs`, and `operators` in execution order (`builtin`, `version`, `inputs`, `outputs`, `options`,
`sideEffect`). An absent operand is -1.
"""

# Codes in the order in which they are given: the first rule that fails names the operator's.
CODES = (
    "E_RANK", "E_VERSION", "E_OPERATOR", "E_DISABLED", "E_DTYPE", "E_ACTIVATION", "E_STRIDE", "E_DILATION",
    "E_MULTIPLIER", "E_FILTER", "E_NONCONST", "E_PER_CHANNEL", "E_BLOCKWISE", "E_WEIGHT_FORMAT", "E_KEEP_DIMS",
    "E_PADDING", "E_POOL_SIZE", "E_OPERANDS", "E_ATTRIBUTE",
)  # fmt: skip
DEFAULT_PARTITIONS, LARGEST_PARTITIONS, DEFAULT_NODES = 4, 16, 2

VERSIONS = dict.fromkeys(
    "ADD ARG_MAX ARG_MIN AVERAGE_POOL_2D CONCATENATION L2_NORMALIZATION LOGISTIC MAXIMUM MAX_POOL_2D MEAN MINIMUM "
    "MIRROR_PAD MUL PACK PAD QUANTIZE RELU6 SLICE SOFTMAX SPACE_TO_DEPTH DEPTH_TO_SPACE SPLIT STRIDED_SLICE SUB TANH "
    "TRANSPOSE".split(),
    (1, 2),
)
VERSIONS |= dict.fromkeys("SQUARED_DIFFERENCE RELU RSQRT".split(), (2, 2))
VERSIONS |= dict.fromkeys(
    "CONV_2D DEPTHWISE_CONV_2D RESIZE_BILINEAR RESIZE_NEAREST_NEIGHBOR TRANSPOSE_CONV".split(), (1, 3)
)
VERSIONS["FULLY_CONNECTED"] = (1, 4)

BYTE, INT32, INDEX, SIGNED = {"uint8", "int8"}, {"int32"}, {"int32", "int64"}, {"int8"}
# The types of each operand; their number is the number of operands.
OPERANDS = dict.fromkeys(
    "MAX_POOL_2D AVERAGE_POOL_2D SOFTMAX HARD_SWISH RELU RELU6 TANH LOGISTIC L2_NORMALIZATION NEG SPACE_TO_DEPTH "
    "DEPTH_TO_SPACE QUANTIZE".split(),
    [BYTE],
)
OPERANDS |= dict.fromkeys("ADD MUL SUB MINIMUM MAXIMUM".split(), [BYTE, BYTE])
OPERANDS |= dict.fromkeys(
    "MEAN MIRROR_PAD PAD RESIZE_NEAREST_NEIGHBOR RESIZE_BILINEAR ARG_MAX ARG_MIN TRANSPOSE".split(), [BYTE, INT32]
)
OPERANDS |= dict.fromkeys("FULLY_CONNECTED CONV_2D DEPTHWISE_CONV_2D".split(), [BYTE, BYTE, INT32])
OPERANDS["SPLIT"] = [INT32, BYTE]
OPERANDS["SLICE"] = [BYTE, INDEX, INDEX]
OPERANDS["STRIDED_SLICE"] = [BYTE, INT32, INT32, INT32]
OPERANDS["SQUARED_DIFFERENCE"] = [SIGNED, SIGNED]
OPERANDS["RSQRT"] = [SIGNED]
OPERANDS["TRANSPOSE_CONV"] = [INT32, BYTE, BYTE, INT32]
# Any number from one on; of RESHAPE one or two, of which the first is looked at.
LISTS = {"CONCATENATION", "PACK"}
CONSTANT = dict.fromkeys("MEAN MIRROR_PAD PAD RESIZE_NEAREST_NEIGHBOR RESIZE_BILINEAR".split(), [1])
CONSTANT |= {"SPLIT": [0], "SLICE": [1, 2], "STRIDED_SLICE": [1, 2, 3], "FULLY_CONNECTED": [2]}
ACTIVATIONS = dict.fromkeys(
    "ADD MUL SUB CONV_2D DEPTHWISE_CONV_2D FULLY_CONNECTED".split(), {"NONE", "RELU", "RELU6", "RELU_N1_TO_1"}
)
ACTIVATIONS |= dict.fromkeys("MAX_POOL_2D AVERAGE_POOL_2D L2_NORMALIZATION".split(), {"NONE"})


def reason(graph, operator):
    """The code of an operator; None when the delegate takes it."""
    failed = failures(graph, operator)
    return next((code for code in CODES if code in failed), None)


def failures(graph, operator):
    """The codes of all rules that fail. A rule on an operand that is not there holds."""
    name, options, inputs = operator["builtin"], operator.get("options", {}), operator["inputs"]
    tensors = graph["tensors"]

    def operand(index):
        return tensors[inputs[index]] if index < len(inputs) and inputs[index] >= 0 else None

    found = set()
    everything = [tensors[i] for i in [*inputs, *operator["outputs"]] if i >= 0]
    if any(len(tensor["shape"]) > 4 for tensor in everything):
        found.add("E_RANK")
    lowest, highest = VERSIONS.get(name, (1, 1))
    if not lowest <= operator.get("version", 1) <= highest:
        found.add("E_VERSION")
    if name == "SUM":
        return found | {"E_DISABLED"}
    if name not in OPERANDS and name not in LISTS and name != "RESHAPE":
        return found | {"E_OPERATOR"}

    # Types and numbers of operands.
    if name in LISTS:
        types, counts = [BYTE] * len(inputs), range(1, len(inputs) + 1)
        if not operator["outputs"]:
            found.add("E_OPERANDS")
    elif name == "RESHAPE":
        types, counts = [BYTE], (1, 2)
    else:
        types = OPERANDS[name]
        counts = (3, 4) if name == "TRANSPOSE_CONV" else (len(types),)
    if any(operand(i) and operand(i)["type"] not in allowed for i, allowed in enumerate(types)):
        found.add("E_DTYPE")
    if len(inputs) not in counts:
        found.add("E_OPERANDS")
    if any(operand(i) and not operand(i).get("constant") for i in CONSTANT.get(name, [])):
        found.add("E_NONCONST")
    if name in ACTIVATIONS and options.get("activation", "NONE") not in ACTIVATIONS[name]:
        found.add("E_ACTIVATION")

    strides = options.get("strides", [1, 1])
    dilated = options.get("dilations", [1, 1]) != [1, 1]
    if name in ("CONV_2D", "DEPTHWISE_CONV_2D", "TRANSPOSE_CONV") and max(strides) > 3:
        found.add("E_STRIDE")
    if dilated and (name == "CONV_2D" or name == "DEPTHWISE_CONV_2D" and strides != [1, 1]):
        found.add("E_DILATION")
    if name == "DEPTHWISE_CONV_2D":
        source, filter = operand(0), operand(1)
        one_channel = source is not None and len(source["shape"]) == 4 and source["shape"][3] == 1
        if options.get("multiplier", 1) != 1 and (dilated or not one_channel):
            found.add("E_MULTIPLIER")
        if filter is not None and len(filter["shape"]) >= 2 and filter["shape"][1] < 2:
            found.add("E_FILTER")
    if name == "FULLY_CONNECTED":
        weights = operand(1) or {}
        if weights.get("blockwise"):
            found.add("E_BLOCKWISE")
        elif weights.get("scales", 0) > 1:
            found.add("E_PER_CHANNEL")
        if options.get("weightsFormat", "DEFAULT") != "DEFAULT":
            found.add("E_WEIGHT_FORMAT")
        if options.get("keepDims", False):
            found.add("E_KEEP_DIMS")
    if name == "TRANSPOSE_CONV" and options.get("padding", "SAME") not in ("SAME", "VALID"):
        found.add("E_PADDING")
    if name == "MAX_POOL_2D" and options.get("padding") == "SAME" and max(options.get("filter", [1, 1])) >= 13:
        found.add("E_POOL_SIZE")
    if name == "RESIZE_BILINEAR" and operand(1) and elements(operand(1)["shape"]) != 2:
        found.add("E_ATTRIBUTE")
    if name == "STRIDED_SLICE" and (options.get("ellipsisMask", 0) or options.get("newAxisMask", 0)):
        found.add("E_ATTRIBUTE")
    if name == "MIRROR_PAD" and options.get("mode", "REFLECT") not in ("REFLECT", "SYMMETRIC"):
        found.add("E_ATTRIBUTE")
    return found


def elements(shape):
    count = 1
    for extent in shape:
        count *= extent
    return count


def subsets(graph, delegated):
    """The independent node subsets in order of creation: (whether delegated, operators in order of joining).

    Passes over all operators: one whose operands are there joins the current subset if it is of its kind; the first
    of a subset gives the kind. Operators with side effects keep their order.
    """
    operators = graph["operators"]
    before, last = {}, None
    for index, operator in enumerate(operators):
        if operator.get("sideEffect"):
            if last is not None:
                before[index] = last
            last = index
    waiting = {tensor for operator in operators for tensor in operator["outputs"] if tensor >= 0}
    placed, result = set(), []
    while True:
        kind, members, grew = None, [], True
        while grew:
            grew = False
            for index, operator in enumerate(operators):
                ready = not any(tensor in waiting for tensor in operator["inputs"] if tensor >= 0)
                if index in placed or not ready or before.get(index, index) not in placed | {index}:
                    continue
                kind = delegated[index] if kind is None else kind
                if delegated[index] == kind:
                    members.append(index)
                    placed.add(index)
                    waiting.difference_update(operator["outputs"])
                    grew = True
        if not members:
            break
        result.append((kind, members))
    if len(placed) != len(operators):
        raise ValueError("an operator's operands never come")
    return result


def partition(graph, delegated, partitions=0, nodes=0):
    """Candidates in order of creation, indices of those chosen in order of choice, and what is delegated in the end.

    Limits of zero or less are the defaults. After the choice the runtime forms the subsets anew with the operators
    of the chosen ones alone.
    """
    partitions = min(partitions, LARGEST_PARTITIONS) if partitions > 0 else DEFAULT_PARTITIONS
    nodes = nodes if nodes > 0 else DEFAULT_NODES
    candidates = [members for kind, members in subsets(graph, delegated) if kind]
    # std::sort: up to 16 candidates (libstdc++; 24 or more in libc++) it is an insertion sort, so equals keep order.
    chosen = sorted(range(len(candidates)), key=lambda index: -len(candidates[index]))[:partitions]
    chosen = [index for index in chosen if len(candidates[index]) >= nodes]
    kept = {operator for index in chosen for operator in candidates[index]}
    final = [members for kind, members in subsets(graph, [index in kept for index in range(len(delegated))]) if kind]
    return candidates, chosen, final


def decision(graph, partitions=0, nodes=0):
    """Reasons and partitions of a graph, as they are recorded."""
    reasons = [reason(graph, operator) for operator in graph["operators"]]
    candidates, chosen, final = partition(graph, [code is None for code in reasons], partitions, nodes)
    return {"reasons": reasons, "candidates": candidates, "chosen": chosen, "delegated": final}
