"""Remedies after an audit: thresholds, overriding, and exemplars to look at."""
