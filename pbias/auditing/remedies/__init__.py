"""What can be done afterwards: thresholds, overriding, exemplars to look at."""
