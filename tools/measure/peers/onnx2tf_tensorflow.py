"""onnx2tf's TensorFlow path: the same command as the path without TensorFlow, in another environment."""
import runpy
from pathlib import Path

runpy.run_path(str(Path(__file__).with_name("onnx2tf.py")), run_name="__main__")
