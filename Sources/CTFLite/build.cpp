#include <string>
#include <vector>

#include "CTFLite.h"
#include "flatbuffers_config.h"
#include "options.h"

namespace fmt = depthc::tflite;
using flatbuffers::Offset;

struct CTFLBuilder {
    flatbuffers::FlatBufferBuilder flat{1 << 16};
    std::vector<Offset<fmt::Buffer>> buffers;
    std::vector<Offset<fmt::OperatorCode>> codes;
    std::vector<Offset<fmt::Tensor>> tensors;
    /// Names of the tensors, which are shared with the signature.
    std::vector<Offset<flatbuffers::String>> tensorNames;
    std::vector<Offset<fmt::Operator>> operators;
    std::vector<Offset<fmt::Metadata>> metadata;
    size_t byteCount = 0;
    bool failed = false;
};

namespace {

// Leaves room below 2 GiB for tables and padding.
constexpr size_t kLargestContent = (size_t(1) << 31) - (size_t(1) << 24);

/// Runs `body` unless the builder failed before; an exception makes it fail from now on.
template <typename Result, typename Body>
Result guarded(CTFLBuilder *builder, Result failure, Body body) {
    if (builder->failed) return failure;
    try {
        return body();
    } catch (...) {
        builder->failed = true;
        return failure;
    }
}

/// Counts the bytes to be written, so that flatbuffers never reaches a size it cannot hold.
void reserve(CTFLBuilder *builder, size_t byteCount) {
    if (byteCount > kLargestContent - builder->byteCount) throw depthc::FlatbuffersAssertion();
    builder->byteCount += byteCount;
}

template <typename T>
Offset<flatbuffers::Vector<T>> vector(CTFLBuilder *builder, CTFLSpan span) {
    reserve(builder, span.count * sizeof(T));
    return builder->flat.CreateVector(static_cast<const T *>(span.data), span.count);
}

Offset<flatbuffers::String> string(CTFLBuilder *builder, CTFLSpan text) {
    reserve(builder, text.count);
    return builder->flat.CreateString(static_cast<const char *>(text.data), text.count);
}

Offset<fmt::QuantizationParameters> quantization(CTFLBuilder *builder, const CTFLTensor *tensor) {
    if (!tensor->hasQuantization) return 0;
    const auto minimum = tensor->minimum.count ? vector<float>(builder, tensor->minimum) : 0;
    const auto maximum = tensor->maximum.count ? vector<float>(builder, tensor->maximum) : 0;
    const auto scales = vector<float>(builder, tensor->scales);
    const auto zeroPoints = vector<int64_t>(builder, tensor->zeroPoints);
    fmt::QuantizationParametersBuilder table(builder->flat);
    table.add_min(minimum);
    table.add_max(maximum);
    table.add_scale(scales);
    table.add_zero_point(zeroPoints);
    table.add_quantized_dimension(tensor->quantizedDimension);
    return table.Finish();
}

}  // namespace

extern "C" CTFLBuilder *ctfl_builder_create(void) {
    try {
        return new CTFLBuilder();
    } catch (...) {
        return nullptr;
    }
}

extern "C" void ctfl_builder_destroy(CTFLBuilder *builder) { delete builder; }

extern "C" int32_t ctfl_builder_add_buffer(CTFLBuilder *builder, CTFLSpan bytes) {
    return guarded(builder, int32_t(-1), [&] {
        Offset<flatbuffers::Vector<uint8_t>> data = 0;
        reserve(builder, bytes.count + 32);
        if (bytes.data) {
            builder->flat.ForceVectorAlignment(bytes.count, 1, 16);
            data = builder->flat.CreateVector(static_cast<const uint8_t *>(bytes.data), bytes.count);
        }
        builder->buffers.push_back(fmt::CreateBuffer(builder->flat, data));
        return static_cast<int32_t>(builder->buffers.size() - 1);
    });
}

extern "C" int32_t ctfl_builder_add_operator_code(CTFLBuilder *builder, int32_t builtin, int32_t version) {
    return guarded(builder, int32_t(-1), [&] {
        // Readers from before the 32-bit field see a placeholder for operators that do not fit into 8 bits.
        const int32_t placeholder = fmt::BuiltinOperator_PLACEHOLDER_FOR_GREATER_OP_CODES;
        fmt::OperatorCodeBuilder table(builder->flat);
        table.add_deprecated_builtin_code(static_cast<int8_t>(builtin < placeholder ? builtin : placeholder));
        table.add_version(version);
        table.add_builtin_code(static_cast<fmt::BuiltinOperator>(builtin));
        builder->codes.push_back(table.Finish());
        return static_cast<int32_t>(builder->codes.size() - 1);
    });
}

extern "C" int32_t ctfl_builder_add_tensor(CTFLBuilder *builder, const CTFLTensor *tensor) {
    return guarded(builder, int32_t(-1), [&] {
        reserve(builder, 128);
        const auto name = string(builder, tensor->name);
        const auto shape = vector<int32_t>(builder, tensor->shape);
        const auto signature =
            tensor->shapeSignature.count ? vector<int32_t>(builder, tensor->shapeSignature) : 0;
        const auto parameters = quantization(builder, tensor);
        fmt::TensorBuilder table(builder->flat);
        table.add_shape(shape);
        table.add_type(static_cast<fmt::TensorType>(tensor->type));
        table.add_buffer(tensor->buffer);
        table.add_name(name);
        table.add_quantization(parameters);
        table.add_is_variable(tensor->isVariable);
        table.add_shape_signature(signature);
        table.add_has_rank(true);
        builder->tensors.push_back(table.Finish());
        builder->tensorNames.push_back(name);
        return static_cast<int32_t>(builder->tensors.size() - 1);
    });
}

extern "C" CTFLStatus ctfl_builder_add_operator(CTFLBuilder *builder, const CTFLOperator *op) {
    return guarded(builder, CTFLFailed, [&] {
        reserve(builder, 128 + op->options.dimensions.count * 4);
        const auto inputs = vector<int32_t>(builder, op->inputs);
        const auto outputs = vector<int32_t>(builder, op->outputs);
        const auto options = depthc::writeOptions(builder->flat, op->options);
        fmt::OperatorBuilder table(builder->flat);
        table.add_opcode_index(op->codeIndex);
        table.add_inputs(inputs);
        table.add_outputs(outputs);
        if (!options.IsNull()) {
            table.add_builtin_options_type(static_cast<fmt::BuiltinOptions>(op->options.type));
            table.add_builtin_options(options);
        }
        builder->operators.push_back(table.Finish());
        return CTFLOk;
    });
}

extern "C" CTFLStatus ctfl_builder_add_metadata(CTFLBuilder *builder, const char *name, uint32_t buffer) {
    return guarded(builder, CTFLFailed, [&] {
        const auto text = builder->flat.CreateString(name);
        builder->metadata.push_back(fmt::CreateMetadata(builder->flat, text, buffer));
        return CTFLOk;
    });
}

namespace {

/// Inputs or outputs of the signature: tensor indices under their names.
Offset<flatbuffers::Vector<Offset<fmt::TensorMap>>> tensorMaps(CTFLBuilder *builder, CTFLSpan indices) {
    std::vector<Offset<fmt::TensorMap>> maps;
    const auto *values = static_cast<const int32_t *>(indices.data);
    for (size_t i = 0; i < indices.count; i++) {
        const auto index = static_cast<size_t>(values[i]);
        if (index >= builder->tensorNames.size()) continue;
        maps.push_back(fmt::CreateTensorMap(builder->flat, builder->tensorNames[index], static_cast<uint32_t>(index)));
    }
    return builder->flat.CreateVector(maps);
}

}  // namespace

extern "C" CTFLStatus ctfl_builder_finish(
    CTFLBuilder *builder, CTFLSpan inputs, CTFLSpan outputs, const char *subgraphName, const char *description,
    CTFLSpan *bytes) {
    return guarded(builder, CTFLFailed, [&] {
        auto &flat = builder->flat;
        const auto name = flat.CreateString(subgraphName);
        const auto tensors = flat.CreateVector(builder->tensors);
        const auto operators = flat.CreateVector(builder->operators);
        const auto inputIndices = vector<int32_t>(builder, inputs);
        const auto outputIndices = vector<int32_t>(builder, outputs);
        const std::vector<Offset<fmt::SubGraph>> subgraphs = {
            fmt::CreateSubGraph(flat, tensors, inputIndices, outputIndices, operators, name)};
        const auto subgraphVector = flat.CreateVector(subgraphs);
        const auto codes = flat.CreateVector(builder->codes);
        const auto buffers = flat.CreateVector(builder->buffers);
        const auto metadata = builder->metadata.empty() ? 0 : flat.CreateVector(builder->metadata);
        const auto text = flat.CreateString(description);
        const auto signatureInputs = tensorMaps(builder, inputs);
        const auto signatureOutputs = tensorMaps(builder, outputs);
        const auto key = flat.CreateString("serving_default");
        const std::vector<Offset<fmt::SignatureDef>> signatures = {
            fmt::CreateSignatureDef(flat, signatureInputs, signatureOutputs, key, 0)};
        const auto signatureVector = flat.CreateVector(signatures);
        constexpr uint32_t formatVersion = 3;
        fmt::FinishModelBuffer(
            flat, fmt::CreateModel(
                      flat, formatVersion, codes, subgraphVector, text, buffers, 0, metadata, signatureVector));
        *bytes = {flat.GetBufferPointer(), flat.GetSize()};
        return CTFLOk;
    });
}
