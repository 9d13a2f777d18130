"""Sections as text for one medium each: terminal, Markdown, HTML for notebooks."""
