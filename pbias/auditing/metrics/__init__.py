"""Metrics: their computation from counts, and their descriptions."""
