#pragma once
#include "CTFLite.h"
#include "flatbuffers_config.h"

namespace depthc {

/// Copies the options of `op` over the defaults in `options`; false when their type is not in the schema.
bool readOptions(const tflite::Operator *op, CTFLOptions *options);

/// Writes the options table of `options.type`; a type that is not in the schema throws.
flatbuffers::Offset<void> writeOptions(flatbuffers::FlatBufferBuilder &builder, const CTFLOptions &options);

}  // namespace depthc
