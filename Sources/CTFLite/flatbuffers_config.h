#pragma once
// flatbuffers asserts on sizes it cannot hold; here an assert throws, and every function of the interface catches.
namespace depthc {
struct FlatbuffersAssertion {};
}  // namespace depthc
#define FLATBUFFERS_ASSERT(condition) ((condition) ? (void)0 : throw depthc::FlatbuffersAssertion())

#if __has_include("generated/tflite_generated.h")
#include "generated/tflite_generated.h"
#else
#error "Sources/CTFLite/generated/tflite_generated.h is missing: run tools/setup"
#endif
