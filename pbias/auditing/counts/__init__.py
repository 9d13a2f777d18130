"""Counts: files are joined, split by group and fold, and reduced once."""
