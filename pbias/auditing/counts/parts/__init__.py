"""Counts of parts of the samples, which add up to the counts of the whole."""
