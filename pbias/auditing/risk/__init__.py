"""Predictions, made before compression, of what it puts at risk, and their evaluation."""
