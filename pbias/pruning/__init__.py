"""Pruning: choose weights, set them to zero on a schedule, and count the result."""
