#include "CTFLite.h"
#include "flatbuffers_config.h"
#include "options.h"

namespace fmt = depthc::tflite;

namespace {

// A flatbuffer addresses its parts with signed 32-bit offsets.
constexpr size_t kLargestFile = (size_t(1) << 31) - 1;
// Model, subgraph, operator, options and their vectors: the format nests no deeper than 8.
constexpr uint32_t kDeepest = 16;

const fmt::Model *root(CTFLModel model) { return static_cast<const fmt::Model *>(model.root); }

template <typename T>
CTFLSpan span(const flatbuffers::Vector<T> *vector) {
    if (!vector) return {nullptr, 0};
    return {vector->Data(), vector->size()};
}

CTFLSpan span(const flatbuffers::String *text) {
    if (!text) return {nullptr, 0};
    return {text->Data(), text->size()};
}

template <typename T>
size_t length(const flatbuffers::Vector<T> *vector) {
    return vector ? vector->size() : 0;
}

template <typename T>
const T *element(const flatbuffers::Vector<flatbuffers::Offset<T>> *vector, size_t index) {
    return index < length(vector) ? vector->Get(static_cast<flatbuffers::uoffset_t>(index)) : nullptr;
}

}  // namespace

extern "C" CTFLStatus ctfl_open(const uint8_t *bytes, size_t byteCount, CTFLModel *model) {
    try {
        if (byteCount > kLargestFile) return CTFLTooLarge;
        if (byteCount < 12 || !fmt::ModelBufferHasIdentifier(bytes)) return CTFLNotTFLite;
        flatbuffers::Verifier::Options limits;
        limits.max_depth = kDeepest;
        // A table takes at least 4 bytes, but several may share one: this bounds the work by the file's size.
        limits.max_tables = static_cast<uint32_t>(byteCount / 4 + 1);
        flatbuffers::Verifier verifier(bytes, byteCount, limits);
        if (!fmt::VerifyModelBuffer(verifier)) return CTFLCorrupt;
        model->root = fmt::GetModel(bytes);
        model->bytes = bytes;
        model->byteCount = byteCount;
        return CTFLOk;
    } catch (...) {
        return CTFLFailed;
    }
}

extern "C" CTFLModelInfo ctfl_model_info(CTFLModel model) {
    const fmt::Model *m = root(model);
    CTFLModelInfo info = {};
    info.version = m->version();
    info.operatorCodeCount = length(m->operator_codes());
    info.subgraphCount = length(m->subgraphs());
    info.bufferCount = length(m->buffers());
    info.metadataCount = length(m->metadata());
    info.signatureCount = length(m->signature_defs());
    info.description = span(m->description());
    return info;
}

extern "C" CTFLStatus ctfl_operator_code(CTFLModel model, size_t index, CTFLOperatorCode *result) {
    const fmt::OperatorCode *code = element(root(model)->operator_codes(), index);
    if (!code) return CTFLFailed;
    const int32_t old = code->deprecated_builtin_code(), current = code->builtin_code();
    result->builtin = old > current ? old : current;
    result->version = code->version();
    result->customCode = span(code->custom_code());
    return CTFLOk;
}

extern "C" CTFLStatus ctfl_subgraph(CTFLModel model, size_t index, CTFLSubgraph *result) {
    const fmt::SubGraph *graph = element(root(model)->subgraphs(), index);
    if (!graph) return CTFLFailed;
    result->name = span(graph->name());
    result->inputs = span(graph->inputs());
    result->outputs = span(graph->outputs());
    result->tensorCount = length(graph->tensors());
    result->operatorCount = length(graph->operators());
    return CTFLOk;
}

extern "C" CTFLStatus ctfl_tensor(CTFLModel model, size_t subgraph, size_t index, CTFLTensor *result) {
    const fmt::SubGraph *graph = element(root(model)->subgraphs(), subgraph);
    const fmt::Tensor *tensor = graph ? element(graph->tensors(), index) : nullptr;
    if (!tensor) return CTFLFailed;
    *result = {};
    result->name = span(tensor->name());
    result->shape = span(tensor->shape());
    result->shapeSignature = span(tensor->shape_signature());
    result->type = tensor->type();
    result->buffer = tensor->buffer();
    result->isVariable = tensor->is_variable();
    result->isSparse = tensor->sparsity() != nullptr;
    result->isExternal = tensor->external_buffer() != 0;
    if (const fmt::QuantizationParameters *q = tensor->quantization()) {
        result->hasQuantization = true;
        result->scales = span(q->scale());
        result->minimum = span(q->min());
        result->maximum = span(q->max());
        result->zeroPoints = span(q->zero_point());
        result->quantizedDimension = q->quantized_dimension();
        result->quantizationDetails = q->details_type();
    }
    return CTFLOk;
}

extern "C" CTFLStatus ctfl_operator(CTFLModel model, size_t subgraph, size_t index, CTFLOperator *result) {
    const fmt::SubGraph *graph = element(root(model)->subgraphs(), subgraph);
    const fmt::Operator *op = graph ? element(graph->operators(), index) : nullptr;
    if (!op) return CTFLFailed;
    result->codeIndex = op->opcode_index();
    result->inputs = span(op->inputs());
    result->outputs = span(op->outputs());
    result->options = ctfl_default_options();
    result->optionsKnown = depthc::readOptions(op, &result->options);
    return CTFLOk;
}

extern "C" CTFLStatus ctfl_buffer(CTFLModel model, size_t index, CTFLSpan *result) {
    const fmt::Buffer *buffer = element(root(model)->buffers(), index);
    if (!buffer) return CTFLFailed;
    *result = span(buffer->data());
    // Offsets 0 and 1 say that the data are inside the flatbuffer.
    if (buffer->offset() > 1) {
        if (buffer->offset() > model.byteCount || buffer->size() > model.byteCount - buffer->offset()) {
            return CTFLCorrupt;
        }
        *result = {model.bytes + buffer->offset(), static_cast<size_t>(buffer->size())};
    }
    return CTFLOk;
}

extern "C" CTFLStatus ctfl_metadata(CTFLModel model, size_t index, CTFLSpan *name, uint32_t *buffer) {
    const fmt::Metadata *entry = element(root(model)->metadata(), index);
    if (!entry) return CTFLFailed;
    *name = span(entry->name());
    *buffer = entry->buffer();
    return CTFLOk;
}

extern "C" const char *ctfl_builtin_name(int32_t builtin) {
    if (builtin < fmt::BuiltinOperator_MIN || builtin > fmt::BuiltinOperator_MAX) return nullptr;
    return fmt::EnumNameBuiltinOperator(static_cast<fmt::BuiltinOperator>(builtin));
}

extern "C" const char *ctfl_type_name(int32_t type) {
    if (type < fmt::TensorType_MIN || type > fmt::TensorType_MAX) return nullptr;
    return fmt::EnumNameTensorType(static_cast<fmt::TensorType>(type));
}

extern "C" const char *ctfl_options_name(int32_t type) {
    if (type <= fmt::BuiltinOptions_NONE || type > fmt::BuiltinOptions_MAX) return nullptr;
    const char *name = fmt::EnumNameBuiltinOptions(static_cast<fmt::BuiltinOptions>(type));
    return name && *name ? name : nullptr;
}

extern "C" CTFLOptions ctfl_default_options(void) {
    CTFLOptions options = {};
    options.dilationWidth = 1;
    options.dilationHeight = 1;
    options.powerOfTwoScaleInt16 = true;
    return options;
}
