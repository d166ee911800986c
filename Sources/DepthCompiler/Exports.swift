@_exported import CurveHead
@_exported import Evaluation
@_exported import GraphIR
@_exported import ImageIO
@_exported import Quantization
@_exported import Runtime
@_exported import TensorCore
