"""Gates of a command: read them, judge them, and check what they can decide."""
