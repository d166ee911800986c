#pragma once
/// TFLite flatbuffers behind a C interface: verify and read, build. No C++ type and no exception leaves it.
/// Enumerations are plain integers with the values of the published format (schemas/tflite.fbs).

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// `count` elements that lie inside the model's bytes, little-endian and not necessarily aligned.
typedef struct {
    const void *_Nullable data;
    size_t count;
} CTFLSpan;

typedef enum {
    CTFLOk = 0,
    /// Too short, or without the file identifier TFL3.
    CTFLNotTFLite,
    /// Larger than flatbuffers can address (2 GiB).
    CTFLTooLarge,
    /// An offset, a length or a union points outside, or is nested too deep.
    CTFLCorrupt,
    /// An index of the caller is out of range, or memory ran out.
    CTFLFailed,
} CTFLStatus;

// MARK: Reading

/// A verified model. It borrows the bytes: they must outlive it.
typedef struct {
    const void *_Nonnull root;
    const uint8_t *_Nonnull bytes;
    size_t byteCount;
} CTFLModel;

typedef struct {
    uint32_t version;
    size_t operatorCodeCount, subgraphCount, bufferCount, metadataCount, signatureCount;
    CTFLSpan description;
} CTFLModelInfo;

typedef struct {
    /// The larger of the old 8-bit and the new 32-bit field.
    int32_t builtin;
    int32_t version;
    CTFLSpan customCode;
} CTFLOperatorCode;

typedef struct {
    CTFLSpan name;
    /// int32 tensor indices.
    CTFLSpan inputs, outputs;
    size_t tensorCount, operatorCount;
} CTFLSubgraph;

typedef enum { CTFLDetailsNone = 0, CTFLDetailsCustom, CTFLDetailsBlockwise, CTFLDetailsMultiAxis } CTFLDetails;

typedef struct {
    CTFLSpan name;
    /// int32 extents.
    CTFLSpan shape, shapeSignature;
    int32_t type;
    uint32_t buffer;
    bool isVariable, isSparse, isExternal;
    bool hasQuantization;
    /// float32.
    CTFLSpan scales, minimum, maximum;
    /// int64.
    CTFLSpan zeroPoints;
    int32_t quantizedDimension;
    int32_t quantizationDetails;
} CTFLTensor;

/// The options of every operator family in one record: `type` is the union's discriminant, 0 when there is none; fields
/// that the type does not have keep the format's defaults.
typedef struct {
    int32_t type;
    int32_t padding, strideWidth, strideHeight, dilationWidth, dilationHeight;
    int32_t filterWidth, filterHeight, depthMultiplier;
    int32_t activation, weightsFormat, quantizedBiasType;
    int32_t axis, batchDimensions, count, blockSize, mode;
    int32_t beginMask, endMask, ellipsisMask, newAxisMask, shrinkAxisMask;
    int32_t inputType, outputType;
    bool keepDimensions, asymmetricQuantizeInputs, powerOfTwoScaleInt16, alignCorners, halfPixelCenters;
    bool offset, adjointX, adjointY, exclusive, reverse, approximate;
    /// Softmax beta, leaky ReLU alpha.
    float value;
    /// int32: the new shape of RESHAPE, the squeezed axes of SQUEEZE.
    CTFLSpan dimensions;
} CTFLOptions;

typedef struct {
    uint32_t codeIndex;
    /// int32 tensor indices, -1 for an operand left out.
    CTFLSpan inputs, outputs;
    CTFLOptions options;
    /// False when the operator has options of a type that is not in the schema.
    bool optionsKnown;
} CTFLOperator;

/// Verifies every table, vector and string that can be reached, and fills `model`.
CTFLStatus ctfl_open(const uint8_t *_Nonnull bytes, size_t byteCount, CTFLModel *_Nonnull model);

CTFLModelInfo ctfl_model_info(CTFLModel model);
CTFLStatus ctfl_operator_code(CTFLModel model, size_t index, CTFLOperatorCode *_Nonnull result);
CTFLStatus ctfl_subgraph(CTFLModel model, size_t index, CTFLSubgraph *_Nonnull result);
CTFLStatus ctfl_tensor(CTFLModel model, size_t subgraph, size_t index, CTFLTensor *_Nonnull result);
CTFLStatus ctfl_operator(CTFLModel model, size_t subgraph, size_t index, CTFLOperator *_Nonnull result);
/// The bytes of a buffer, wherever the file keeps them.
CTFLStatus ctfl_buffer(CTFLModel model, size_t index, CTFLSpan *_Nonnull result);
CTFLStatus ctfl_metadata(CTFLModel model, size_t index, CTFLSpan *_Nonnull name, uint32_t *_Nonnull buffer);

/// The published name of an operator, or NULL when the value is not known.
const char *_Nullable ctfl_builtin_name(int32_t builtin);
/// The published name of an element type, or NULL when the value is not known.
const char *_Nullable ctfl_type_name(int32_t type);
/// The name of an options table by its discriminant, or NULL when it is not in the schema.
const char *_Nullable ctfl_options_name(int32_t type);
/// Options with the format's default in every field.
CTFLOptions ctfl_default_options(void);

// MARK: Building

/// Collects the parts of a model with one subgraph. Every call after a failure fails too.
typedef struct CTFLBuilder CTFLBuilder;

CTFLBuilder *_Nullable ctfl_builder_create(void);
void ctfl_builder_destroy(CTFLBuilder *_Nullable builder);

/// Appends a buffer, 16-byte aligned in the file, and returns its index; -1 on failure. A span without data makes a
/// buffer without data, which is not the same as data of no bytes. The first buffer has none by convention.
int32_t ctfl_builder_add_buffer(CTFLBuilder *_Nonnull builder, CTFLSpan bytes);
/// Appends an operator code and returns its index; -1 on failure.
int32_t ctfl_builder_add_operator_code(CTFLBuilder *_Nonnull builder, int32_t builtin, int32_t version);
/// Appends a tensor and returns its index; -1 on failure. `isSparse` and `isExternal` are not written.
int32_t ctfl_builder_add_tensor(CTFLBuilder *_Nonnull builder, const CTFLTensor *_Nonnull tensor);
CTFLStatus ctfl_builder_add_operator(CTFLBuilder *_Nonnull builder, const CTFLOperator *_Nonnull op);
CTFLStatus ctfl_builder_add_metadata(CTFLBuilder *_Nonnull builder, const char *_Nonnull name, uint32_t buffer);
/// Finishes the file; `bytes` belong to the builder.
CTFLStatus ctfl_builder_finish(
    CTFLBuilder *_Nonnull builder, CTFLSpan inputs, CTFLSpan outputs, const char *_Nonnull subgraphName,
    const char *_Nonnull description, CTFLSpan *_Nonnull bytes);

#ifdef __cplusplus
}
#endif
