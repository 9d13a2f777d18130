"""Scores in order: exact ranks in memory, buckets where files are read in blocks."""
