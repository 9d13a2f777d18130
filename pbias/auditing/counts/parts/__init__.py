"""Counts of parts of the samples, which add up to those of the whole."""
