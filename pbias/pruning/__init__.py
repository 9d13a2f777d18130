"""Pruning: which weights become zero, when, and what is left."""
