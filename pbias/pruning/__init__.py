"""Which weights go, when, and what is left."""
