"""The parts of a drawn face: one module draws one part, such as the nose."""
