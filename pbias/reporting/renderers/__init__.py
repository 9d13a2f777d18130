"""Renderers of sections as text: for terminals, as Markdown, as HTML for notebooks."""
