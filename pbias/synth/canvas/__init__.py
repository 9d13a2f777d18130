"""Drawing tools: a canvas that turns with the head, shapes, and colors."""
