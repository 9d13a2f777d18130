"""ONNX networks: reading, running, exporting and quantizing."""
