"""What is drawn with: shapes, a canvas, colors."""
