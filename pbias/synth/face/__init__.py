"""The parts of a drawn face, such as the nose; each module draws one part."""
