"""HTML pages in one file each: what they hold, and their template, style and script."""
