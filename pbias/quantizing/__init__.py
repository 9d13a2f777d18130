"""Networks for deployment: export to ONNX, static int8, and what such a file holds."""
