"""ONNX networks: read, run, exported and quantized."""
