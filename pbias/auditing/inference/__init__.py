"""Inference: intervals, exact tests, several runs, p-values."""
