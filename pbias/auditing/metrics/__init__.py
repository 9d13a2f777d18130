"""What is measured: every metric from counts, and its words."""
