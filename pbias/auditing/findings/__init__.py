"""Findings of an audit: what got worse, for whom, and what is unknown."""
