"""Conversions of a network without training: counts, packed files, ONNX, int8."""
