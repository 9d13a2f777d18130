"""What runs of training and pruning share: their options, settings, data and interruptions."""
