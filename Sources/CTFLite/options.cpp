#include "options.h"

// One case per options table of schemas/tflite.fbs, both directions side by side.

namespace fmt = depthc::tflite;

namespace {

CTFLSpan span(const flatbuffers::Vector<int32_t> *vector) {
    if (!vector) return {nullptr, 0};
    return {vector->Data(), vector->size()};
}

flatbuffers::Offset<flatbuffers::Vector<int32_t>> vector(flatbuffers::FlatBufferBuilder &builder, CTFLSpan span) {
    return builder.CreateVector(static_cast<const int32_t *>(span.data), span.count);
}

}  // namespace

bool depthc::readOptions(const fmt::Operator *op, CTFLOptions *options) {
    options->type = op->builtin_options_type();
    if (!op->builtin_options()) {
        options->type = fmt::BuiltinOptions_NONE;
        return true;
    }
    switch (op->builtin_options_type()) {
    case fmt::BuiltinOptions_NONE:
    case fmt::BuiltinOptions_PadOptions:
    case fmt::BuiltinOptions_BatchToSpaceNDOptions:
    case fmt::BuiltinOptions_SpaceToBatchNDOptions:
    case fmt::BuiltinOptions_TransposeOptions:
    case fmt::BuiltinOptions_ExpOptions:
    case fmt::BuiltinOptions_TopKV2Options:
    case fmt::BuiltinOptions_LogSoftmaxOptions:
    case fmt::BuiltinOptions_DequantizeOptions:
    case fmt::BuiltinOptions_MaximumMinimumOptions:
    case fmt::BuiltinOptions_LessOptions:
    case fmt::BuiltinOptions_NegOptions:
    case fmt::BuiltinOptions_PadV2Options:
    case fmt::BuiltinOptions_GreaterOptions:
    case fmt::BuiltinOptions_GreaterEqualOptions:
    case fmt::BuiltinOptions_LessEqualOptions:
    case fmt::BuiltinOptions_SelectOptions:
    case fmt::BuiltinOptions_SliceOptions:
    case fmt::BuiltinOptions_TileOptions:
    case fmt::BuiltinOptions_ExpandDimsOptions:
    case fmt::BuiltinOptions_EqualOptions:
    case fmt::BuiltinOptions_NotEqualOptions:
    case fmt::BuiltinOptions_PowOptions:
    case fmt::BuiltinOptions_LogicalOrOptions:
    case fmt::BuiltinOptions_LogicalAndOptions:
    case fmt::BuiltinOptions_LogicalNotOptions:
    case fmt::BuiltinOptions_FloorDivOptions:
    case fmt::BuiltinOptions_SquareOptions:
    case fmt::BuiltinOptions_ZerosLikeOptions:
    case fmt::BuiltinOptions_FillOptions:
    case fmt::BuiltinOptions_FloorModOptions:
    case fmt::BuiltinOptions_RangeOptions:
    case fmt::BuiltinOptions_SquaredDifferenceOptions:
    case fmt::BuiltinOptions_AbsOptions:
    case fmt::BuiltinOptions_ReverseV2Options:
    case fmt::BuiltinOptions_AddNOptions:
    case fmt::BuiltinOptions_GatherNdOptions:
    case fmt::BuiltinOptions_CosOptions:
    case fmt::BuiltinOptions_WhereOptions:
    case fmt::BuiltinOptions_RankOptions:
    case fmt::BuiltinOptions_QuantizeOptions:
    case fmt::BuiltinOptions_HardSwishOptions:
    case fmt::BuiltinOptions_ScatterNdOptions:
    case fmt::BuiltinOptions_SelectV2Options:
    case fmt::BuiltinOptions_BroadcastToOptions:
    case fmt::BuiltinOptions_DynamicUpdateSliceOptions:
    case fmt::BuiltinOptions_ATan2Options:
    case fmt::BuiltinOptions_SignOptions:
    case fmt::BuiltinOptions_BitcastOptions:
    case fmt::BuiltinOptions_BitwiseXorOptions:
    case fmt::BuiltinOptions_RightShiftOptions:
        return true;
    case fmt::BuiltinOptions_Conv2DOptions: {
        const auto *o = op->builtin_options_as_Conv2DOptions();
        options->padding = o->padding();
        options->strideWidth = o->stride_w();
        options->strideHeight = o->stride_h();
        options->activation = o->fused_activation_function();
        options->dilationWidth = o->dilation_w_factor();
        options->dilationHeight = o->dilation_h_factor();
        options->quantizedBiasType = o->quantized_bias_type();
        return true;
    }
    case fmt::BuiltinOptions_DepthwiseConv2DOptions: {
        const auto *o = op->builtin_options_as_DepthwiseConv2DOptions();
        options->padding = o->padding();
        options->strideWidth = o->stride_w();
        options->strideHeight = o->stride_h();
        options->depthMultiplier = o->depth_multiplier();
        options->activation = o->fused_activation_function();
        options->dilationWidth = o->dilation_w_factor();
        options->dilationHeight = o->dilation_h_factor();
        return true;
    }
    case fmt::BuiltinOptions_Pool2DOptions: {
        const auto *o = op->builtin_options_as_Pool2DOptions();
        options->padding = o->padding();
        options->strideWidth = o->stride_w();
        options->strideHeight = o->stride_h();
        options->filterWidth = o->filter_width();
        options->filterHeight = o->filter_height();
        options->activation = o->fused_activation_function();
        return true;
    }
    case fmt::BuiltinOptions_FullyConnectedOptions: {
        const auto *o = op->builtin_options_as_FullyConnectedOptions();
        options->activation = o->fused_activation_function();
        options->weightsFormat = o->weights_format();
        options->keepDimensions = o->keep_num_dims();
        options->asymmetricQuantizeInputs = o->asymmetric_quantize_inputs();
        options->quantizedBiasType = o->quantized_bias_type();
        return true;
    }
    case fmt::BuiltinOptions_SoftmaxOptions: {
        const auto *o = op->builtin_options_as_SoftmaxOptions();
        options->value = o->beta();
        return true;
    }
    case fmt::BuiltinOptions_ConcatenationOptions: {
        const auto *o = op->builtin_options_as_ConcatenationOptions();
        options->axis = o->axis();
        options->activation = o->fused_activation_function();
        return true;
    }
    case fmt::BuiltinOptions_AddOptions: {
        const auto *o = op->builtin_options_as_AddOptions();
        options->activation = o->fused_activation_function();
        options->powerOfTwoScaleInt16 = o->pot_scale_int16();
        return true;
    }
    case fmt::BuiltinOptions_L2NormOptions: {
        const auto *o = op->builtin_options_as_L2NormOptions();
        options->activation = o->fused_activation_function();
        return true;
    }
    case fmt::BuiltinOptions_ResizeBilinearOptions: {
        const auto *o = op->builtin_options_as_ResizeBilinearOptions();
        options->alignCorners = o->align_corners();
        options->halfPixelCenters = o->half_pixel_centers();
        return true;
    }
    case fmt::BuiltinOptions_ReshapeOptions: {
        const auto *o = op->builtin_options_as_ReshapeOptions();
        options->dimensions = span(o->new_shape());
        return true;
    }
    case fmt::BuiltinOptions_SpaceToDepthOptions: {
        const auto *o = op->builtin_options_as_SpaceToDepthOptions();
        options->blockSize = o->block_size();
        return true;
    }
    case fmt::BuiltinOptions_MulOptions: {
        const auto *o = op->builtin_options_as_MulOptions();
        options->activation = o->fused_activation_function();
        return true;
    }
    case fmt::BuiltinOptions_GatherOptions: {
        const auto *o = op->builtin_options_as_GatherOptions();
        options->axis = o->axis();
        options->batchDimensions = o->batch_dims();
        return true;
    }
    case fmt::BuiltinOptions_ReducerOptions: {
        const auto *o = op->builtin_options_as_ReducerOptions();
        options->keepDimensions = o->keep_dims();
        return true;
    }
    case fmt::BuiltinOptions_SubOptions: {
        const auto *o = op->builtin_options_as_SubOptions();
        options->activation = o->fused_activation_function();
        options->powerOfTwoScaleInt16 = o->pot_scale_int16();
        return true;
    }
    case fmt::BuiltinOptions_DivOptions: {
        const auto *o = op->builtin_options_as_DivOptions();
        options->activation = o->fused_activation_function();
        return true;
    }
    case fmt::BuiltinOptions_SqueezeOptions: {
        const auto *o = op->builtin_options_as_SqueezeOptions();
        options->dimensions = span(o->squeeze_dims());
        return true;
    }
    case fmt::BuiltinOptions_StridedSliceOptions: {
        const auto *o = op->builtin_options_as_StridedSliceOptions();
        options->beginMask = o->begin_mask();
        options->endMask = o->end_mask();
        options->ellipsisMask = o->ellipsis_mask();
        options->newAxisMask = o->new_axis_mask();
        options->shrinkAxisMask = o->shrink_axis_mask();
        options->offset = o->offset();
        return true;
    }
    case fmt::BuiltinOptions_SplitOptions: {
        const auto *o = op->builtin_options_as_SplitOptions();
        options->count = o->num_splits();
        return true;
    }
    case fmt::BuiltinOptions_CastOptions: {
        const auto *o = op->builtin_options_as_CastOptions();
        options->inputType = o->in_data_type();
        options->outputType = o->out_data_type();
        return true;
    }
    case fmt::BuiltinOptions_ArgMaxOptions: {
        const auto *o = op->builtin_options_as_ArgMaxOptions();
        options->outputType = o->output_type();
        return true;
    }
    case fmt::BuiltinOptions_TransposeConvOptions: {
        const auto *o = op->builtin_options_as_TransposeConvOptions();
        options->padding = o->padding();
        options->strideWidth = o->stride_w();
        options->strideHeight = o->stride_h();
        options->activation = o->fused_activation_function();
        options->quantizedBiasType = o->quantized_bias_type();
        return true;
    }
    case fmt::BuiltinOptions_ShapeOptions: {
        const auto *o = op->builtin_options_as_ShapeOptions();
        options->outputType = o->out_type();
        return true;
    }
    case fmt::BuiltinOptions_ArgMinOptions: {
        const auto *o = op->builtin_options_as_ArgMinOptions();
        options->outputType = o->output_type();
        return true;
    }
    case fmt::BuiltinOptions_PackOptions: {
        const auto *o = op->builtin_options_as_PackOptions();
        options->count = o->values_count();
        options->axis = o->axis();
        return true;
    }
    case fmt::BuiltinOptions_OneHotOptions: {
        const auto *o = op->builtin_options_as_OneHotOptions();
        options->axis = o->axis();
        return true;
    }
    case fmt::BuiltinOptions_UnpackOptions: {
        const auto *o = op->builtin_options_as_UnpackOptions();
        options->count = o->num();
        options->axis = o->axis();
        return true;
    }
    case fmt::BuiltinOptions_ResizeNearestNeighborOptions: {
        const auto *o = op->builtin_options_as_ResizeNearestNeighborOptions();
        options->alignCorners = o->align_corners();
        options->halfPixelCenters = o->half_pixel_centers();
        return true;
    }
    case fmt::BuiltinOptions_LeakyReluOptions: {
        const auto *o = op->builtin_options_as_LeakyReluOptions();
        options->value = o->alpha();
        return true;
    }
    case fmt::BuiltinOptions_MirrorPadOptions: {
        const auto *o = op->builtin_options_as_MirrorPadOptions();
        options->mode = o->mode();
        return true;
    }
    case fmt::BuiltinOptions_SplitVOptions: {
        const auto *o = op->builtin_options_as_SplitVOptions();
        options->count = o->num_splits();
        return true;
    }
    case fmt::BuiltinOptions_ReverseSequenceOptions: {
        const auto *o = op->builtin_options_as_ReverseSequenceOptions();
        options->axis = o->seq_dim();
        options->batchDimensions = o->batch_dim();
        return true;
    }
    case fmt::BuiltinOptions_DepthToSpaceOptions: {
        const auto *o = op->builtin_options_as_DepthToSpaceOptions();
        options->blockSize = o->block_size();
        return true;
    }
    case fmt::BuiltinOptions_BatchMatMulOptions: {
        const auto *o = op->builtin_options_as_BatchMatMulOptions();
        options->adjointX = o->adj_x();
        options->adjointY = o->adj_y();
        options->asymmetricQuantizeInputs = o->asymmetric_quantize_inputs();
        return true;
    }
    case fmt::BuiltinOptions_CumsumOptions: {
        const auto *o = op->builtin_options_as_CumsumOptions();
        options->exclusive = o->exclusive();
        options->reverse = o->reverse();
        return true;
    }
    case fmt::BuiltinOptions_GeluOptions: {
        const auto *o = op->builtin_options_as_GeluOptions();
        options->approximate = o->approximate();
        return true;
    }
    }
    return false;
}

flatbuffers::Offset<void> depthc::writeOptions(flatbuffers::FlatBufferBuilder &builder, const CTFLOptions &options) {
    switch (static_cast<fmt::BuiltinOptions>(options.type)) {
    case fmt::BuiltinOptions_NONE:
        return 0;
    case fmt::BuiltinOptions_PadOptions:
    case fmt::BuiltinOptions_BatchToSpaceNDOptions:
    case fmt::BuiltinOptions_SpaceToBatchNDOptions:
    case fmt::BuiltinOptions_TransposeOptions:
    case fmt::BuiltinOptions_ExpOptions:
    case fmt::BuiltinOptions_TopKV2Options:
    case fmt::BuiltinOptions_LogSoftmaxOptions:
    case fmt::BuiltinOptions_DequantizeOptions:
    case fmt::BuiltinOptions_MaximumMinimumOptions:
    case fmt::BuiltinOptions_LessOptions:
    case fmt::BuiltinOptions_NegOptions:
    case fmt::BuiltinOptions_PadV2Options:
    case fmt::BuiltinOptions_GreaterOptions:
    case fmt::BuiltinOptions_GreaterEqualOptions:
    case fmt::BuiltinOptions_LessEqualOptions:
    case fmt::BuiltinOptions_SelectOptions:
    case fmt::BuiltinOptions_SliceOptions:
    case fmt::BuiltinOptions_TileOptions:
    case fmt::BuiltinOptions_ExpandDimsOptions:
    case fmt::BuiltinOptions_EqualOptions:
    case fmt::BuiltinOptions_NotEqualOptions:
    case fmt::BuiltinOptions_PowOptions:
    case fmt::BuiltinOptions_LogicalOrOptions:
    case fmt::BuiltinOptions_LogicalAndOptions:
    case fmt::BuiltinOptions_LogicalNotOptions:
    case fmt::BuiltinOptions_FloorDivOptions:
    case fmt::BuiltinOptions_SquareOptions:
    case fmt::BuiltinOptions_ZerosLikeOptions:
    case fmt::BuiltinOptions_FillOptions:
    case fmt::BuiltinOptions_FloorModOptions:
    case fmt::BuiltinOptions_RangeOptions:
    case fmt::BuiltinOptions_SquaredDifferenceOptions:
    case fmt::BuiltinOptions_AbsOptions:
    case fmt::BuiltinOptions_ReverseV2Options:
    case fmt::BuiltinOptions_AddNOptions:
    case fmt::BuiltinOptions_GatherNdOptions:
    case fmt::BuiltinOptions_CosOptions:
    case fmt::BuiltinOptions_WhereOptions:
    case fmt::BuiltinOptions_RankOptions:
    case fmt::BuiltinOptions_QuantizeOptions:
    case fmt::BuiltinOptions_HardSwishOptions:
    case fmt::BuiltinOptions_ScatterNdOptions:
    case fmt::BuiltinOptions_SelectV2Options:
    case fmt::BuiltinOptions_BroadcastToOptions:
    case fmt::BuiltinOptions_DynamicUpdateSliceOptions:
    case fmt::BuiltinOptions_ATan2Options:
    case fmt::BuiltinOptions_SignOptions:
    case fmt::BuiltinOptions_BitcastOptions:
    case fmt::BuiltinOptions_BitwiseXorOptions:
    case fmt::BuiltinOptions_RightShiftOptions:
        return fmt::CreateEmptyOptions(builder).Union();
    case fmt::BuiltinOptions_Conv2DOptions: {
        fmt::Conv2DOptionsBuilder table(builder);
        table.add_padding(static_cast<fmt::Padding>(options.padding));
        table.add_stride_w(options.strideWidth);
        table.add_stride_h(options.strideHeight);
        table.add_fused_activation_function(static_cast<fmt::Activation>(options.activation));
        table.add_dilation_w_factor(options.dilationWidth);
        table.add_dilation_h_factor(options.dilationHeight);
        table.add_quantized_bias_type(static_cast<fmt::TensorType>(options.quantizedBiasType));
        return table.Finish().Union();
    }
    case fmt::BuiltinOptions_DepthwiseConv2DOptions: {
        fmt::DepthwiseConv2DOptionsBuilder table(builder);
        table.add_padding(static_cast<fmt::Padding>(options.padding));
        table.add_stride_w(options.strideWidth);
        table.add_stride_h(options.strideHeight);
        table.add_depth_multiplier(options.depthMultiplier);
        table.add_fused_activation_function(static_cast<fmt::Activation>(options.activation));
        table.add_dilation_w_factor(options.dilationWidth);
        table.add_dilation_h_factor(options.dilationHeight);
        return table.Finish().Union();
    }
    case fmt::BuiltinOptions_Pool2DOptions: {
        fmt::Pool2DOptionsBuilder table(builder);
        table.add_padding(static_cast<fmt::Padding>(options.padding));
        table.add_stride_w(options.strideWidth);
        table.add_stride_h(options.strideHeight);
        table.add_filter_width(options.filterWidth);
        table.add_filter_height(options.filterHeight);
        table.add_fused_activation_function(static_cast<fmt::Activation>(options.activation));
        return table.Finish().Union();
    }
    case fmt::BuiltinOptions_FullyConnectedOptions: {
        fmt::FullyConnectedOptionsBuilder table(builder);
        table.add_fused_activation_function(static_cast<fmt::Activation>(options.activation));
        table.add_weights_format(static_cast<fmt::WeightsFormat>(options.weightsFormat));
        table.add_keep_num_dims(options.keepDimensions);
        table.add_asymmetric_quantize_inputs(options.asymmetricQuantizeInputs);
        table.add_quantized_bias_type(static_cast<fmt::TensorType>(options.quantizedBiasType));
        return table.Finish().Union();
    }
    case fmt::BuiltinOptions_SoftmaxOptions: {
        fmt::SoftmaxOptionsBuilder table(builder);
        table.add_beta(options.value);
        return table.Finish().Union();
    }
    case fmt::BuiltinOptions_ConcatenationOptions: {
        fmt::ConcatenationOptionsBuilder table(builder);
        table.add_axis(options.axis);
        table.add_fused_activation_function(static_cast<fmt::Activation>(options.activation));
        return table.Finish().Union();
    }
    case fmt::BuiltinOptions_AddOptions: {
        fmt::AddOptionsBuilder table(builder);
        table.add_fused_activation_function(static_cast<fmt::Activation>(options.activation));
        table.add_pot_scale_int16(options.powerOfTwoScaleInt16);
        return table.Finish().Union();
    }
    case fmt::BuiltinOptions_L2NormOptions: {
        fmt::L2NormOptionsBuilder table(builder);
        table.add_fused_activation_function(static_cast<fmt::Activation>(options.activation));
        return table.Finish().Union();
    }
    case fmt::BuiltinOptions_ResizeBilinearOptions: {
        fmt::ResizeBilinearOptionsBuilder table(builder);
        table.add_align_corners(options.alignCorners);
        table.add_half_pixel_centers(options.halfPixelCenters);
        return table.Finish().Union();
    }
    case fmt::BuiltinOptions_ReshapeOptions: {
        const auto new_shape = vector(builder, options.dimensions);
        fmt::ReshapeOptionsBuilder table(builder);
        table.add_new_shape(new_shape);
        return table.Finish().Union();
    }
    case fmt::BuiltinOptions_SpaceToDepthOptions: {
        fmt::SpaceToDepthOptionsBuilder table(builder);
        table.add_block_size(options.blockSize);
        return table.Finish().Union();
    }
    case fmt::BuiltinOptions_MulOptions: {
        fmt::MulOptionsBuilder table(builder);
        table.add_fused_activation_function(static_cast<fmt::Activation>(options.activation));
        return table.Finish().Union();
    }
    case fmt::BuiltinOptions_GatherOptions: {
        fmt::GatherOptionsBuilder table(builder);
        table.add_axis(options.axis);
        table.add_batch_dims(options.batchDimensions);
        return table.Finish().Union();
    }
    case fmt::BuiltinOptions_ReducerOptions: {
        fmt::ReducerOptionsBuilder table(builder);
        table.add_keep_dims(options.keepDimensions);
        return table.Finish().Union();
    }
    case fmt::BuiltinOptions_SubOptions: {
        fmt::SubOptionsBuilder table(builder);
        table.add_fused_activation_function(static_cast<fmt::Activation>(options.activation));
        table.add_pot_scale_int16(options.powerOfTwoScaleInt16);
        return table.Finish().Union();
    }
    case fmt::BuiltinOptions_DivOptions: {
        fmt::DivOptionsBuilder table(builder);
        table.add_fused_activation_function(static_cast<fmt::Activation>(options.activation));
        return table.Finish().Union();
    }
    case fmt::BuiltinOptions_SqueezeOptions: {
        const auto squeeze_dims = vector(builder, options.dimensions);
        fmt::SqueezeOptionsBuilder table(builder);
        table.add_squeeze_dims(squeeze_dims);
        return table.Finish().Union();
    }
    case fmt::BuiltinOptions_StridedSliceOptions: {
        fmt::StridedSliceOptionsBuilder table(builder);
        table.add_begin_mask(options.beginMask);
        table.add_end_mask(options.endMask);
        table.add_ellipsis_mask(options.ellipsisMask);
        table.add_new_axis_mask(options.newAxisMask);
        table.add_shrink_axis_mask(options.shrinkAxisMask);
        table.add_offset(options.offset);
        return table.Finish().Union();
    }
    case fmt::BuiltinOptions_SplitOptions: {
        fmt::SplitOptionsBuilder table(builder);
        table.add_num_splits(options.count);
        return table.Finish().Union();
    }
    case fmt::BuiltinOptions_CastOptions: {
        fmt::CastOptionsBuilder table(builder);
        table.add_in_data_type(static_cast<fmt::TensorType>(options.inputType));
        table.add_out_data_type(static_cast<fmt::TensorType>(options.outputType));
        return table.Finish().Union();
    }
    case fmt::BuiltinOptions_ArgMaxOptions: {
        fmt::ArgMaxOptionsBuilder table(builder);
        table.add_output_type(static_cast<fmt::TensorType>(options.outputType));
        return table.Finish().Union();
    }
    case fmt::BuiltinOptions_TransposeConvOptions: {
        fmt::TransposeConvOptionsBuilder table(builder);
        table.add_padding(static_cast<fmt::Padding>(options.padding));
        table.add_stride_w(options.strideWidth);
        table.add_stride_h(options.strideHeight);
        table.add_fused_activation_function(static_cast<fmt::Activation>(options.activation));
        table.add_quantized_bias_type(static_cast<fmt::TensorType>(options.quantizedBiasType));
        return table.Finish().Union();
    }
    case fmt::BuiltinOptions_ShapeOptions: {
        fmt::ShapeOptionsBuilder table(builder);
        table.add_out_type(static_cast<fmt::TensorType>(options.outputType));
        return table.Finish().Union();
    }
    case fmt::BuiltinOptions_ArgMinOptions: {
        fmt::ArgMinOptionsBuilder table(builder);
        table.add_output_type(static_cast<fmt::TensorType>(options.outputType));
        return table.Finish().Union();
    }
    case fmt::BuiltinOptions_PackOptions: {
        fmt::PackOptionsBuilder table(builder);
        table.add_values_count(options.count);
        table.add_axis(options.axis);
        return table.Finish().Union();
    }
    case fmt::BuiltinOptions_OneHotOptions: {
        fmt::OneHotOptionsBuilder table(builder);
        table.add_axis(options.axis);
        return table.Finish().Union();
    }
    case fmt::BuiltinOptions_UnpackOptions: {
        fmt::UnpackOptionsBuilder table(builder);
        table.add_num(options.count);
        table.add_axis(options.axis);
        return table.Finish().Union();
    }
    case fmt::BuiltinOptions_ResizeNearestNeighborOptions: {
        fmt::ResizeNearestNeighborOptionsBuilder table(builder);
        table.add_align_corners(options.alignCorners);
        table.add_half_pixel_centers(options.halfPixelCenters);
        return table.Finish().Union();
    }
    case fmt::BuiltinOptions_LeakyReluOptions: {
        fmt::LeakyReluOptionsBuilder table(builder);
        table.add_alpha(options.value);
        return table.Finish().Union();
    }
    case fmt::BuiltinOptions_MirrorPadOptions: {
        fmt::MirrorPadOptionsBuilder table(builder);
        table.add_mode(static_cast<fmt::MirrorPadMode>(options.mode));
        return table.Finish().Union();
    }
    case fmt::BuiltinOptions_SplitVOptions: {
        fmt::SplitVOptionsBuilder table(builder);
        table.add_num_splits(options.count);
        return table.Finish().Union();
    }
    case fmt::BuiltinOptions_ReverseSequenceOptions: {
        fmt::ReverseSequenceOptionsBuilder table(builder);
        table.add_seq_dim(options.axis);
        table.add_batch_dim(options.batchDimensions);
        return table.Finish().Union();
    }
    case fmt::BuiltinOptions_DepthToSpaceOptions: {
        fmt::DepthToSpaceOptionsBuilder table(builder);
        table.add_block_size(options.blockSize);
        return table.Finish().Union();
    }
    case fmt::BuiltinOptions_BatchMatMulOptions: {
        fmt::BatchMatMulOptionsBuilder table(builder);
        table.add_adj_x(options.adjointX);
        table.add_adj_y(options.adjointY);
        table.add_asymmetric_quantize_inputs(options.asymmetricQuantizeInputs);
        return table.Finish().Union();
    }
    case fmt::BuiltinOptions_CumsumOptions: {
        fmt::CumsumOptionsBuilder table(builder);
        table.add_exclusive(options.exclusive);
        table.add_reverse(options.reverse);
        return table.Finish().Union();
    }
    case fmt::BuiltinOptions_GeluOptions: {
        fmt::GeluOptionsBuilder table(builder);
        table.add_approximate(options.approximate);
        return table.Finish().Union();
    }
    }
    throw FlatbuffersAssertion();
}
