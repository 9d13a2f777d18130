"""Gates of a command: read, judged, and what they can decide before anything is compressed."""
