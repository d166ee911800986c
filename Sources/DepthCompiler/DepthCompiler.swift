// DepthCompiler
