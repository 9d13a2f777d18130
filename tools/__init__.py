"""Pages, man pages and completions, all made from the command tree."""
