"""The generator of pages, man pages and completions, which needs the repository around it."""
