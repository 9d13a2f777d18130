"""What is made of a network without training it: counts, packed files, ONNX, int8."""
