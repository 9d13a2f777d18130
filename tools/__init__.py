"""Tools for development: generated files (pages, man pages, completions) and release checks."""
