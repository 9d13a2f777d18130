"""Options, settings, data and interruptions, shared by all training and pruning runs."""
