"""The parts of a face, one module a part."""
