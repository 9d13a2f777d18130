"""HTML pages, each in a single file: content, template, style and script."""
