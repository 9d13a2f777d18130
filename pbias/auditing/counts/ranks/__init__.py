"""Scores from the order of logits: exact ranks in memory, buckets for files read in blocks."""
