// TFLiteCodec
