"""What drawing needs: a canvas that turns with the head, shapes, and colors."""
