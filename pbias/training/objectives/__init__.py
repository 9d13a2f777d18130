"""Training objectives: losses from labels, from a teacher, and by group."""
