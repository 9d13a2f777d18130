"""Commands that make, change, run and inspect networks."""
